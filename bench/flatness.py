"""Whether the time of a pick depends on what lies about: it must not.

One database of a million live rows; for each circumstance a pick of a hundred is timed without and with
it, in turns, and the medians are compared. Takes some minutes and 2 GB.

    python bench/flatness.py --rows 1000000
"""

# ruff: noqa: E501  SQL is read best in one piece.

from __future__ import annotations

import argparse
import statistics
import time
from typing import NamedTuple

import psycopg
from common import engine_database, one
from psycopg.conninfo import make_conninfo

SLOTS = 100
BOUND = 1.5

# Rows that are put in queues of their own, so that each circumstance has a twin without it.
FILL = """
    insert into gendurable.instances
        (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue,
         concurrency_key, worker_id, claimed_at)
    select now(), now() + %(delay)s::interval, now(), %(phase)s::gendurable.phase, 's', '{}',
           %(priority)s, 1, 'F', %(queue)s,
           case when %(keys)s > 0 then %(name)s || ':' || g %% greatest(%(keys)s, 1) end,
           case %(phase)s when 'executing' then 1 end, case %(phase)s when 'executing' then now() end
    from generate_series(1, %(n)s) as g"""
FINISHED = """
    insert into gendurable.finished
        (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state)
    select nextval('gendurable.instances_id_seq'), now(), now(), 2, 0, 0, 1, false, 'F', 's', 'x', '{}'
    from generate_series(1, %s)"""


class Fill(NamedTuple):
    phase: str
    n: int
    priority: int = 0
    keys: int = 0
    delay: str = "-1 hour"


def fill(conn: psycopg.Connection, queue: str, rows: Fill) -> None:
    conn.execute(FILL, rows._asdict() | {"queue": queue, "name": queue})


def pick(conn: psycopg.Connection, worker: int, queue: str) -> float:
    """Milliseconds of one pick, which is rolled back."""
    with conn.transaction(force_rollback=True):
        begun = time.perf_counter()
        rows = conn.execute("select id from gd_pick(%s, %s, %s)", [worker, queue, SLOTS]).fetchall()
        taken = time.perf_counter() - begun
    assert len(rows) == SLOTS, f"{queue}: {len(rows)}"
    return taken * 1e3


def compare(name: str, places: tuple[tuple[str, str], tuple[str, str]], turns: int) -> bool:
    """Picks from two (database, queue) in turns: without the circumstance, and with it."""
    times: tuple[list[float], list[float]] = ([], [])
    with psycopg.connect(places[0][0]) as first, psycopg.connect(places[1][0]) as second:
        conns = (first, second)
        for conn in conns:
            conn.autocommit = True
            conn.prepare_threshold = 0
        worker = one(first, "select min(id) from gendurable.workers")
        for turn in range(turns + 3):
            for conn, place, kept in zip(conns, places, times, strict=True):
                taken = pick(conn, worker, place[1])
                if turn >= 3:  # the first ones plan
                    kept.append(taken)
    without, with_it = map(statistics.median, times)
    ratio = with_it / without
    verdict = "ok" if ratio <= BOUND else "NOT FLAT"
    print(f"{name:48s} {without:7.2f} ms {with_it:7.2f} ms  {ratio:5.2f}  {verdict}", flush=True)
    return ratio <= BOUND


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dsn", help="a server; default: a throwaway one")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=31)
    args = parser.parse_args()
    scale = args.rows / 1_000_000
    cases = {
        "backlog 1k → 1M": Fill("ready", args.rows - 1000),
        "0 → 100k of one saturated key at the head": Fill("held", int(100_000 * scale), -1, 1),
        "0 → 200k in the future, more urgent": Fill(
            "scheduled", int(200_000 * scale), -1, delay="1 day"
        ),
        "0 → 5k in flight": Fill("executing", 5000, -1),
        "10k saturated keys": Fill("held", int(100_000 * scale), -1, 10_000),
    }
    with engine_database("gendurable_flat", args.dsn) as dsn:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("select gd_register('flat', lease => '1 day')")
            for n, rows in enumerate(cases.values()):
                for queue in (f"{n}-without", f"{n}-with"):
                    fill(conn, queue, Fill("ready", 1000))
                queue = f"{n}-with"
                if rows.keys:  # an instance executes under every key
                    fill(conn, queue, Fill("executing", rows.keys, keys=rows.keys))
                fill(conn, queue, rows)
            conn.execute("vacuum analyze")
        held = [
            compare(name, ((dsn, f"{n}-without"), (dsn, f"{n}-with")), args.turns)
            for n, name in enumerate(cases)
        ]

        # The archive is not a queue's: a second database has none.
        admin = make_conninfo(dsn, dbname="postgres")
        with engine_database("gendurable_twin", admin) as twin:
            for name, n in ((dsn, args.rows), (twin, 0)):
                with psycopg.connect(name, autocommit=True) as conn:
                    conn.execute("truncate gendurable.instances")
                    conn.execute("select gd_register('flat', lease => '1 day')")
                    fill(conn, "q", Fill("ready", 1000))
                    conn.execute(FINISHED, [n])
                    conn.execute("vacuum analyze")
            held.append(compare("0 → 1M finished", ((twin, "q"), (dsn, "q")), args.turns))
    return 0 if all(held) else 1


if __name__ == "__main__":
    raise SystemExit(main())
