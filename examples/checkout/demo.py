"""``make demo``: a day at the shop, with a worker killed in the middle of it.

A thousand orders and their payments come in from two files. Two worker processes run the checkout;
after three seconds one of them is killed while it sends parcels. At the end everything is counted.

Exit code 0 only if every count is right. Uses a throwaway server of its own, or the database that
GENDURABLE_DSN names; there it makes the schema ``shop`` anew and leaves everything else alone.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import shop
from checks import Check, check
from day import PAY_WITHIN, STATUSES, Day
from display import Display, say, summary
from feed import Feed
from server import database
from workers import WorkerProcess, kill_mid_step, worker_process

_QUEUE = "checkout-demo"
_KILL_AT = 3.0
_TICK = 0.1
_PATIENCE = 90.0


def main() -> int:
    """Run the demo; answers the exit code."""
    started = time.monotonic()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        with contextlib.ExitStack() as stack:
            checks = _demo(stack)
            summary(checks)
    except KeyboardInterrupt:
        say("stopped", "the workers are gone")
        return 130
    except (RuntimeError, psycopg.Error, shop.ForeignShopError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    failed = [check.about.strip() for check in checks if not check.holds]
    if failed:
        say("FAILED", "; ".join(failed))
        return 1
    say("all good", f"{len(checks)} checks hold, {time.monotonic() - started:.0f} s")
    return 0


def _demo(stack: contextlib.ExitStack) -> list[Check]:
    """Set everything up, play the day, and count."""
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gendurable-demo.")))
    dsn = stack.enter_context(database())
    conn = stack.enter_context(psycopg.connect(dsn, autocommit=True))
    _set_up(conn, dsn)

    # Orders of an earlier demo that was cut short are still in the engine, under their own names.
    run = f"{int(time.time()):x}"
    day = Day.load(f"{run}-")
    say("the day", f"{len(day.orders):,} orders, {len(day.payments):,} reports of payments")
    workers = [
        stack.enter_context(worker_process(name, _QUEUE, dsn, scratch)) for name in ("anna", "bert")
    ]
    for worker in workers:
        while worker.number(conn) is None:
            worker.check()
            time.sleep(_TICK)
        say("worker", f"{worker.name}, process {worker.process.pid}, up to 10 steps at once")
    _play(conn, day, workers)
    conn.execute("update shop.settings set queue = default, pay_within = default")
    return list(check(conn, day, killed=workers[1].killed or 0))


def _set_up(conn: shop.Connection, dsn: str) -> None:
    """The engine's schema, and an empty shop."""
    installed = subprocess.run(
        [sys.executable, "-m", "gendurable", "install", "--dsn", dsn],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        raise RuntimeError(installed.stderr.removeprefix("error: ").strip())
    say("database", f"PostgreSQL {conn.info.parameter_status('server_version')}")
    say("engine", installed.stdout.strip())
    if conn.execute("select pg_try_advisory_lock(hashtext('checkout demo'))").fetchone() != (True,):
        raise RuntimeError("another demo is running in this database")
    shop.recreate(conn)
    conn.execute(
        "update shop.settings set queue = %s, pay_within = make_interval(secs => %s)",
        (_QUEUE, PAY_WITHIN),
    )


def _play(conn: shop.Connection, day: Day, workers: Sequence[WorkerProcess]) -> None:
    """Let the day happen and wait for its end, or until patience runs out."""
    survivor, victim = workers
    feed = Feed(conn, day)
    totals = {
        "orders": len(day.orders), "payments": len(day.payments), "orders closed": len(day.orders),
    }  # fmt: skip
    with Display(totals) as display:
        mourned = False
        for now in _ticks():
            statuses = _statuses(conn, day)
            closed = sum(statuses[status] for status in STATUSES)
            feed.play(now, late_too=closed == len(day.orders))
            display.show(
                {
                    "orders": sum(statuses.values()),
                    "payments": len(day.payments) - feed.payments_left,
                    "orders closed": closed,
                },
                "  ".join(f"{status} {statuses[status]}" for status in STATUSES),
            )
            for worker in workers:
                worker.check()
            if victim.killed is None:
                if now > _KILL_AT and kill_mid_step(conn, victim):
                    say(
                        f"{now:5.1f} s",
                        f"{victim.name} killed with {victim.killed} steps in its hands",
                    )
            elif not mourned and victim.number(conn) is None:
                mourned = True
                say(f"{now:5.1f} s", f"{survivor.name} has found it dead and takes over")
            if feed.is_over and _finished(conn, day) == len(day.orders):
                return
    say("patience", f"not everything has ended after {_PATIENCE:g} s")


def _ticks() -> Iterator[float]:
    """Seconds since the first tick, until patience runs out."""
    opened = time.monotonic()
    while (now := time.monotonic() - opened) < _PATIENCE:
        yield now
        time.sleep(_TICK)


def _statuses(conn: shop.Connection, day: Day) -> dict[str, int]:
    """How many of the day's orders there are in each state."""
    found = conn.execute(
        "select status, count(*) from shop.orders where order_id = any (%s) group by status",
        ([order.order_id for order in day.orders],),
    )
    return dict.fromkeys(("open", *STATUSES), 0) | dict(found.fetchall())


def _finished(conn: shop.Connection, day: Day) -> int:
    """How many of the day's orders the engine is done with."""
    keys = [f"order:{order.order_id}" for order in day.orders]
    return conn.execute(
        "select from gd_instances"
        " where correlation_key = any (%s) and status in ('done', 'failed')",
        (keys,),
    ).rowcount


if __name__ == "__main__":
    sys.exit(main())
