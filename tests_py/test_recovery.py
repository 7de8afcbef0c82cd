"""The worker when things go wrong around it: lost claims, registrations, connections, answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
import threading
import time
from typing import Any

import psycopg
import pytest

from gendurable import Context, Done, Machine, Next, Outcome, enqueue, job, protocol, status, step
from gendurable.process import describe_process, is_gone
from gendurable.session import Session
from support import Connection, finished, gate, running, statuses, until


def test_a_busy_outcome_is_offered_until_the_row_is_free(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    record_answers(monkeypatch, answers)
    with gate() as opened:

        @job()
        def work() -> str:
            opened.wait(60)
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

    async def recorded(*args: Any, **more: Any) -> protocol.Turn:
        turn = await real(*args, **more)
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
                opened.wait(60)
                return "first"
            return "second"

        with running(dsn, [work]) as worker:
            until(lambda: has_beaten(conn), "no heartbeat comes in between")
            instance = work.enqueue(conn).id
            until(lambda: runs)
            conn.execute("select gd_release(%s, %s)", (worker.id, [instance]))
            ended = finished(conn, instance)
            opened.set()
            until(lambda: not worker.held())
    assert ended.result == "second"
    assert len(runs) == 2
    assert runs[0] < runs[1], "the fence grows"
    assert "stale, its outcome was dropped" in caplog.text


def has_beaten(conn: Connection) -> bool:
    """Whether the worker has sent its first heartbeat; the next one is a third of a lease away."""
    query = "select from gendurable.leases where heartbeat_at is not null"
    return conn.execute(query).rowcount > 0


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
    with running(dsn, [work], lease=1.5) as worker:
        instance = enqueue(conn, work, {}).id
        until(lambda: statuses(conn) == {"executing": 1})
        conn.execute("select gd_release(%s, %s, '1 hour')", (worker.id, [instance]))
        assert told.wait(60)
        until(lambda: not worker.held())
        assert statuses(conn) == {"runnable": 1}


def test_a_worker_that_was_forgotten_registers_anew(dsn: str, conn: Connection) -> None:
    runs: list[int] = []
    with gate() as opened:

        @job()
        def work(ctx: Context[Any]) -> str:
            runs.append(ctx.attempt)
            opened.wait(60 if len(runs) == 1 else 0)
            return f"attempt {ctx.attempt}"

        # No shorter: on a slow machine it must not run out by itself.
        with running(dsn, [work], lease=6) as worker:
            instance = work.enqueue(conn).id
            until(lambda: runs)
            before = worker.id
            forget(conn, before)
            until(lambda: worker.id not in (None, before))
            assert finished(conn, instance).result == "attempt 1"
            opened.set()
    assert runs == [0, 1]
    assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)


def forget(conn: Connection, worker: int | None) -> None:
    """Reap a live worker, as if its lease had run out unheard."""

    def forgotten() -> bool:
        # A reaper never waits: while the worker's row is in use it leaves the worker alone.
        conn.execute("select gd_reap(%s)", (worker,))
        query = "select not exists (select from gd_workers where id = %s)"
        return conn.execute(query, (worker,)).fetchone() == (True,)

    until(forgotten, f"worker {worker} is forgotten")


def test_lost_connections_are_made_anew_and_nothing_is_lost(dsn: str, conn: Connection) -> None:
    started = threading.Event()
    with gate() as opened:

        @job()
        def work(ctx: Context[Any]) -> int:
            started.set()
            opened.wait(60)
            return ctx.attempt

        with running(dsn, [work]) as worker:
            first = work.enqueue(conn).id
            assert started.wait(60)
            before = worker.id
            until(lambda: kill_connections(conn) == 2)
            opened.set()
            assert finished(conn, first).result == 0
            assert finished(conn, work.enqueue(conn).id).result == 0
            assert worker.id == before


def kill_connections(conn: Connection) -> int:
    """End the worker's connections and wait until they are gone. Answers how many there were."""
    row = conn.execute(
        "select count(*) filter (where pg_terminate_backend(pid, 10000)) from pg_stat_activity"
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

    async def lossy(connection: protocol.Connection, *args: Any, **more: Any) -> protocol.Turn:
        nonlocal turns
        turn = await real(connection, *args, **more)
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


# Leaving.


def test_a_chain_stops_between_two_steps(dsn: str, conn: Connection) -> None:
    steps = threading.Semaphore(0)

    class Endless(Machine[int]):
        @step
        async def start(self, ctx: Context[int]) -> Outcome:
            steps.release()
            return Next(self.start, ctx.state + 1)

    with running(dsn, [Endless], drain=60):
        instance = enqueue(conn, Endless, 0).id
        for _ in range(3):
            assert steps.acquire(timeout=60)
    left = status(conn, instance)
    assert left is not None
    assert (left.status, left.attempt) == ("runnable", 0)
    assert left.state >= 2


def test_what_does_not_finish_in_time_is_given_back(dsn: str, conn: Connection) -> None:
    started, cancelled = threading.Event(), threading.Event()

    @job()
    async def hanging() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()

    with running(dsn, [hanging], drain=0.05):
        instance = hanging.enqueue(conn).id
        assert started.wait(60)
    assert cancelled.is_set()
    left = status(conn, instance)
    assert left is not None
    assert (left.status, left.attempt) == ("runnable", 0)


@pytest.mark.parametrize("moment", range(8))
def test_a_turn_may_be_cut_off_at_any_moment(dsn: str, conn: Connection, moment: int) -> None:
    """A second signal does not wait for it; the database hears goodbye all the same."""

    async def cut_off() -> None:
        session = Session(dsn, name="cut", queues=["default"], lease=60, pooler=False)
        await session.start()
        connection, worker = await session.open()
        wanted = {"default": 1}
        turn = asyncio.create_task(protocol.turn(connection, worker, [b"{}"], wanted, []))
        # The driver yields to a loop that was busy for long even where it need not wait.
        time.sleep(0.02)  # noqa: ASYNC251
        for _ in range(moment):
            await asyncio.sleep(0)
        turn.cancel()
        # At the later moments the answer may be there already.
        with contextlib.suppress(asyncio.CancelledError):
            await turn
        await session.close()

    asyncio.run(cut_off())
    assert conn.execute("select from gd_workers").rowcount == 0


def test_a_worker_that_leaves_between_two_connections_says_goodbye(
    dsn: str, conn: Connection
) -> None:
    async def leave() -> None:
        session = Session(dsn, name="cut", queues=["default"], lease=60, pooler=False)
        await session.start()
        await session.failed(psycopg.OperationalError("the connection is lost"))
        await session.close()

    asyncio.run(leave())
    assert conn.execute("select from gd_workers").rowcount == 0


def test_a_worker_leaves_though_the_database_is_silent(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    @job()
    def nothing() -> None: ...

    async def silence(*_: object, **__: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(protocol, "turn", silence)
    monkeypatch.setattr("gendurable.worker._LAST_TURN", 0.1)
    with running(dsn, [nothing], drain=0.1):
        assert asked.wait(60)
    assert conn.execute("select from gd_workers").rowcount == 0


def test_a_worker_that_cannot_say_goodbye_leaves_all_the_same(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @job()
    def nothing() -> None: ...

    async def refuse(*_: object) -> None:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(protocol, "unregister", refuse)
    with running(dsn, [nothing]):
        pass
    assert "no goodbye to the database, the lease will run out: gone" in caplog.text


# The second connection.


def test_a_heartbeat_hears_that_the_worker_is_forgotten(dsn: str, conn: Connection) -> None:
    """All slots are taken, so that no pick can be the one to hear it."""
    with gate() as opened:

        @job()
        def blocked() -> None:
            opened.wait(60)

        with running(dsn, [blocked], queues={"default": 1}, lease=1.5) as worker:
            blocked.enqueue(conn)
            until(lambda: statuses(conn) == {"executing": 1})
            before = worker.id
            forget(conn, before)
            until(lambda: worker.id not in (None, before))
            opened.set()
            until(lambda: statuses(conn) == {"done": 1})


def test_maintenance_that_fails_does_not_stop_the_worker(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, calls = protocol.maintain, 0

    async def fail_once(connection: protocol.Connection) -> tuple[dict[str, int], bool]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise psycopg.errors.InternalError_("maintenance is broken")
        return await real(connection)

    @job()
    def work() -> None: ...

    monkeypatch.setattr(protocol, "maintain", fail_once)
    with running(dsn, [work]):
        until(lambda: calls >= 2)
        assert finished(conn, work.enqueue(conn).id).status == "done"
    assert "the database refused maintenance, trying again: maintenance is broken" in caplog.text


def test_the_driver_keeps_trying_while_the_database_refuses_turns(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = protocol.turn, 0

    async def fail_thrice(*args: Any, **more: Any) -> protocol.Turn:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise psycopg.errors.ReadOnlySqlTransaction("this is a standby")
        return await real(*args, **more)

    @job()
    def work() -> None: ...

    monkeypatch.setattr(protocol, "turn", fail_thrice)
    with running(dsn, [work]):
        assert finished(conn, work.enqueue(conn).id).attempt == 0
    assert calls > 3
