"""Real worker processes killed mid-step: nothing is lost, and attempts say what happened."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from gendurable import Entry, enqueue, enqueue_many
from support import Connection, finished, statuses, until, worker_process

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 10
OTHERS = 200

MODULE = """
import os, pathlib, time
import psycopg
from gendurable import Await, Context, Done, Machine, Next, Outcome, RetryPolicy, step

def note(what, ctx):
    with psycopg.connect(os.environ["CHAOS_DSN"], autocommit=True) as conn:
        conn.execute("insert into effects values (%s, %s, %s, %s)",
                     (ctx.id, what, ctx.attempt, os.getpid()))

class Victim(Machine[dict]):
    '''Hangs in its second step until a file appears; that is where its worker is killed.'''

    retry = RetryPolicy(max_attempts=None, maximum=0.01)  # it is not to blame

    @step
    async def start(self, ctx: Context[dict]) -> Outcome:
        return Next(self.hang, {**ctx.state, "started": True})

    @step
    def hang(self, ctx: Context[dict]) -> Outcome:
        note("hang", ctx)
        while not pathlib.Path(ctx.state["file"]).exists():
            time.sleep(0.005)
        return Done({"attempt": ctx.attempt, "started": ctx.state["started"],
                     "last_error": ctx.last_error})

class Other(Machine[list]):
    '''Twenty steps of running ahead, each noted in the state.'''

    @step
    async def start(self, ctx: Context[list]) -> Outcome:
        if len(ctx.state) == 20:
            return Done(ctx.state)
        return Next(self.start, [*ctx.state, len(ctx.state)])
"""


def test_ten_workers_killed_in_a_row_lose_nothing(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    module, log, opened = tmp_path / "chaos.py", tmp_path / "log", tmp_path / "opened"
    module.write_text(MODULE)
    conn.execute("create table effects (id bigint, what text, attempt int, pid int)")
    os.environ["CHAOS_DSN"] = dsn
    victim = enqueue(conn, "Victim", {"file": str(opened)}).id
    others = 0
    for kill in range(KILLS):
        batch = enqueue_many(conn, [Entry("Other", []) for _ in range(OTHERS // KILLS)])
        others += len(batch)
        # Leases of an hour: what is recovered in time is not recovered by waiting for a lease.
        with worker_process(dsn, module, log, "--lease", "3600") as process:
            await_attempt(conn, victim, kill)
            os.kill(process.pid, signal.SIGKILL)
    opened.touch()
    with worker_process(dsn, module, log, "--lease", "3600") as process:
        ended = finished(conn, victim)
        until(lambda: statuses(conn) == {"done": others + 1})
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    assert ended.status == "done"
    assert ended.result["attempt"] == KILLS
    assert ended.result["started"] is True
    assert ended.result["last_error"] is not None
    assert attempts(conn, victim) == list(range(KILLS + 1))
    results = conn.execute(
        "select distinct result from gd_instances where fsm = 'Other'"
    ).fetchall()
    assert results == [(list(range(20)),)]
    assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)


def await_attempt(conn: Connection, instance: int, number: int) -> None:
    until(lambda: number in attempts(conn, instance), f"attempt {number} has begun")


def attempts(conn: Connection, instance: int) -> list[int]:
    """The attempts under which the hanging step has begun, in order."""
    rows = conn.execute("select attempt from effects where id = %s order by 1", (instance,))
    return [row[0] for row in rows.fetchall()]
