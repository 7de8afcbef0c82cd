"""What a fault comes to: what is lost, what is finished twice, how long until all is well."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chaos.faults import FAULTS
from chaos.servers import cluster, connect, value, wait
from chaos.world import Feeder

if TYPE_CHECKING:
    from chaos.servers import Server
    from chaos.world import World

__all__ = ["RATE", "RECOVERED", "Measured", "measure"]

RATE = 40.0
CALM = 1.5
RECOVERED = 10.0


class Measured(NamedTuple):
    """What a fault came to.

    ``seconds`` is how long it took to recover, ``start`` how long two workers took at first until
    they carried the load: what is started again takes as long.
    """

    fault: str
    enqueued: int
    lost: int
    twice: int
    seconds: float
    start: float


def measure(
    fault: str, *, server: Server | None = None, rate: float = RATE, repetitions: int = 1
) -> list[Measured]:
    """Let a fault happen so often, each time under load; on a server of its own if none is given.

    Raises:
        Skipped: this fault cannot be had here; the message says why.
    """
    with contextlib.ExitStack() as stack:
        found = server or stack.enter_context(cluster())
        return [_measure(fault, found, rate) for _ in range(repetitions)]


def _measure(fault: str, server: Server, rate: float) -> Measured:
    # Short: a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="chaos.", dir="/tmp"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        if "CHAOS_KEEP" not in os.environ:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        make, happen = FAULTS[fault]
        world = stack.enter_context(make(server, folder))
        stack.callback(world.close)
        began = time.monotonic()
        for _ in range(2):
            world.start_worker()
        feeder = Feeder(world.feeds or world.way, rate)
        feeder.start()
        stack.callback(feeder.end)
        _await_rate(world, rate, since=None)
        start = time.monotonic() - began
        time.sleep(CALM)
        happen(world)
        with connect(world.dsn) as conn:
            ended = value(conn, "select clock_timestamp()")
        seconds = _await_rate(world, rate, since=ended)
        feeder.end()
        lost, twice = _account(world, feeder.enqueued)
        return Measured(fault, feeder.enqueued, lost, twice, seconds, start)


_BACK = """
    select extract(epoch from min(s.at) - %(since)s)::float8 from (
        select at, count(*) over (order by at range between current row and '1 s' following) as n
        from noted where at >= %(since)s) as s
    where s.n >= %(wanted)s
"""


def _await_rate(world: World, rate: float, *, since: Any) -> float:
    """Seconds until the completions of one second are as many as are enqueued, nearly."""
    found: list[float] = []
    with connect(world.dsn) as conn:
        since = since or value(conn, "select clock_timestamp()")

        def back() -> bool:
            with conn.cursor() as cursor:
                row = cursor.execute(_BACK, {"since": since, "wanted": 0.8 * rate}).fetchone()
            if row and row[0] is not None:
                found.append(row[0])
            return bool(found)

        wait(back, 90)
    return found[0]


_LEFT = """
    select w.* from gd_instances as i, gd_why(i.id) as w where i.status not in ('done', 'failed')
    limit 10
"""
_SESSIONS = """
    select pid, state, wait_event, xact_start, query_start, left(query, 200) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""


def _account(world: World, enqueued: int) -> tuple[int, int]:
    """How many numbers are not done, and how many were noted more than once."""
    done = "select count(*) from gd_instances where fsm = 'Numbered' and status = 'done'"
    with connect(world.dsn) as conn:
        # A connection that dies in silence may hold a row for a minute (gendurable.database).
        deadline = time.monotonic() + 90
        while value(conn, done) < enqueued and time.monotonic() < deadline:
            time.sleep(0.1)
        noted = value(conn, "select count(distinct number) from noted")
        all_noted = value(conn, "select count(*) from noted")
        lost = enqueued - min(value(conn, done), noted)
        if lost:
            print(f"{lost} lost:", *conn.execute(_LEFT), *conn.execute(_SESSIONS), sep="\n")
        return lost, all_noted - noted
