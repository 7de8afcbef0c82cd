"""The worker when things go wrong around it: lost claims, registrations, connections, answers."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from typing import Any

import psycopg
import pytest

from gendurable import Context, Done, Machine, Next, Outcome, enqueue, job, protocol, step
from gendurable.process import describe_process, is_gone
from support import Connection, finished, gate, running, statuses, until


def test_a_busy_outcome_is_offered_until_the_row_is_free(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    record_answers(monkeypatch, answers)
    with gate() as opened:

        @job()
        def work() -> str:
            opened.wait(10)
            return "done"

        with running(dsn, [work]):
            instance = work.enqueue(conn).id
            until(lambda: statuses(conn) == {"executing": 1})
            with psycopg.connect(dsn) as other:
                other.execute(
                    "select from gendurable.instances where id = %s for update", (instance,)
                )
                opened.set()
                until(lambda: answers.count("busy") >= 2)
            ended = finished(conn, instance)
    assert (ended.result, ended.attempt) == ("done", 0)
    assert answers[-1] == "committed"


def record_answers(monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> None:
    real = protocol.turn

    async def recorded(*args: Any) -> protocol.Turn:
        turn = await real(*args)
        answers.extend(answer.result for answer in turn.answers)
        return turn

    monkeypatch.setattr(protocol, "turn", recorded)


def test_an_outcome_of_a_claim_that_was_taken_over_is_dropped(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    runs: list[int] = []
    with gate() as opened:

        @job()
        def work(ctx: Context[Any]) -> str:
            runs.append(ctx.fence)
            if len(runs) == 1:
                opened.wait(10)
                return "first"
            return "second"

        with running(dsn, [work]) as worker:
            instance = work.enqueue(conn).id
            until(lambda: runs)
            conn.execute("select gd_release(%s, %s)", (worker.id, [instance]))
            ended = finished(conn, instance)
            opened.set()
            until(lambda: not worker.held())
    assert ended.result == "second"
    assert runs == [1, 2]
    assert "stale, its outcome was dropped" in caplog.text


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_lost_claim_is_given_up_at_the_next_heartbeat(
    dsn: str, conn: Connection, colour: str
) -> None:
    told = threading.Event()

    @job(name="work")
    async def work_async() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.set()
            raise

    @job(name="work")
    def work_sync(ctx: Context[Any]) -> None:
        until(lambda: ctx.lost)
        told.set()

    work = work_sync if colour == "sync" else work_async
    with running(dsn, [work], lease=0.3) as worker:
        instance = enqueue(conn, work, {}).id
        until(lambda: statuses(conn) == {"executing": 1})
        conn.execute("select gd_release(%s, %s, '1 hour')", (worker.id, [instance]))
        assert told.wait(10)
        until(lambda: not worker.held())
        assert statuses(conn) == {"runnable": 1}


def test_a_worker_that_was_forgotten_registers_anew(dsn: str, conn: Connection) -> None:
    runs: list[int] = []
    with gate() as opened:

        @job()
        def work(ctx: Context[Any]) -> str:
            runs.append(ctx.attempt)
            opened.wait(10 if len(runs) == 1 else 0)
            return f"attempt {ctx.attempt}"

        with running(dsn, [work], lease=0.6) as worker:
            instance = work.enqueue(conn).id
            until(lambda: runs)
            before = worker.id
            conn.execute("select gd_reap(%s)", (before,))
            until(lambda: worker.id not in (None, before))
            assert finished(conn, instance).result == "attempt 1"
            opened.set()
    assert runs == [0, 1]
    assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)


def test_lost_connections_are_made_anew_and_nothing_is_lost(dsn: str, conn: Connection) -> None:
    with gate() as opened:

        @job()
        def work(ctx: Context[Any]) -> int:
            opened.wait(10)
            return ctx.attempt

        with running(dsn, [work]) as worker:
            first = work.enqueue(conn).id
            until(lambda: statuses(conn) == {"executing": 1})
            before = worker.id
            until(lambda: kill_connections(conn) == 2)
            opened.set()
            assert finished(conn, first).result == 0
            assert finished(conn, work.enqueue(conn).id).result == 0
            assert worker.id == before


def kill_connections(conn: Connection) -> int:
    row = conn.execute(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        " where datname = current_database() and application_name = 'gendurable'"
    ).fetchone()
    assert row is not None
    return int(row[0])


class Chain(Machine[list[int]]):
    """Five steps that note which of them ran, under which attempt."""

    @step
    async def start(self, ctx: Context[list[int]]) -> Outcome:
        noted = [*ctx.state, ctx.attempt]
        return Next(self.start, noted) if len(noted) < 5 else Done(noted)


@pytest.mark.parametrize("lost", range(1, 7))
def test_an_answer_that_is_lost_strands_nothing_and_applies_nothing_twice(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """The n-th turn's statements are executed, its answer never arrives."""
    real = protocol.turn
    turns = 0

    async def lossy(connection: protocol.Connection, *args: Any) -> protocol.Turn:
        nonlocal turns
        turn = await real(connection, *args)
        if turn.answers or any(turn.picked.values()):
            turns += 1
            if turns == lost:
                raise psycopg.OperationalError("the answer is lost")
        return turn

    instance = enqueue(conn, Chain, []).id
    monkeypatch.setattr(protocol, "turn", lossy)
    with running(dsn, [Chain], lease=3600):
        # Had the claim been stranded, only the end of the lease would free it.
        ended = finished(conn, instance)
    assert ended.status == "done"
    assert len(ended.result) == 5
    # The turns are: the pick, four continued steps, the end. A lost pick or continue leaves the
    # claim behind, which costs the step one attempt; a lost end is simply done.
    expected = [0] * 5
    if lost <= 5:
        expected[lost - 1] = 1
    assert ended.result == expected
    assert turns >= lost


def test_a_predecessor_that_is_provably_dead_is_reaped_at_once(dsn: str, conn: Connection) -> None:
    @job()
    def work(ctx: Context[Any]) -> int:
        return ctx.attempt

    described = subprocess.run(
        [sys.executable, "-c", DESCRIBE], check=True, capture_output=True, text=True
    ).stdout
    row = conn.execute(
        "select gd_register('dead', lease => '1 hour', info => %s)", (described,)
    ).fetchone()
    assert row is not None
    instance = work.enqueue(conn).id
    picked = conn.execute("select id from gd_pick(%s, 'default', 10)", (row[0],)).fetchall()
    assert picked == [(instance,)]
    with running(dsn, [work]):
        assert finished(conn, instance).result == 1


DESCRIBE = """
import json
from gendurable.process import describe_process
print(json.dumps(describe_process()))
"""


def test_a_process_is_only_gone_if_that_is_certain() -> None:
    me = describe_process()
    assert not is_gone(me)
    assert is_gone(me | {"started": me["started"] - 1}), "the pid was given to another process"
    assert not is_gone(me | {"boot_id": "another", "started": 1})
    assert not is_gone(me | {"pid_namespace": "another", "started": 1})
    assert not is_gone({})
    assert not is_gone(me | {"pid": "x"})
    json.dumps(me)
