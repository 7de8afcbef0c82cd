"""Two turns under way: nothing is lost, nothing runs twice, whatever becomes of one of them.

Steps of one half of the places run while the database works for the other half. One turn fails,
loses its answer, finds the worker forgotten, or is cut off by a stop. The guard: an outcome is in
one turn alone, one turn picks for a place, and nothing that needs every answer (doubt, giving back,
leaving) begins before both have ended.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from gendurable import Context, enqueue_many, job, protocol
from support import Connection, running, statuses, until

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 600
SETTINGS: dict[str, Any] = {"queues": {"default": 100}, "lease": 600}


class Turns:
    """What a worker's turns do, and what is done to them.

    Attributes:
        most: how many were under way at once.
        beside: how many were taken beside another one.
        after: awaited with each turn beside another one, once it was answered.
    """

    def __init__(self) -> None:
        self.now = self.most = self.beside = 0
        self.after: Callable[[], None] = lambda: None
        self._real = protocol.turn

    async def turn(self, *args: Any, **options: Any) -> protocol.Turn:
        self.now += 1
        self.most = max(self.most, self.now)
        is_beside = self.now > 1
        try:
            came = await self._real(*args, **options)
            # Time enough for the other one, so that it is certain that they meet.
            await asyncio.sleep(0.01)
        finally:
            self.now -= 1
        if is_beside:
            self.beside += 1
            self.after()
        return came


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    turns = Turns()
    monkeypatch.setattr(protocol, "turn", turns.turn)
    return turns


runs: Counter[int] = Counter()


@job()
async def work(ctx: Context[Any]) -> int:
    runs[ctx.id] += 1
    return ctx.attempt


@pytest.fixture(autouse=True)
def _fresh() -> None:
    runs.clear()


def fill(conn: Connection) -> None:
    enqueue_many(conn, [work.entry() for _ in range(COUNT)])


def assert_each_finished_once(conn: Connection) -> None:
    assert statuses(conn) == {"done": COUNT}
    row = conn.execute("select count(distinct id) from gd_instances").fetchone()
    assert row == (COUNT,)


def test_steps_run_while_the_database_works_for_others(
    dsn: str, conn: Connection, turns: Turns
) -> None:
    fill(conn)
    with running(dsn, [work], **SETTINGS):
        until(lambda: statuses(conn) == {"done": COUNT})
    assert turns.most == 2
    assert_each_finished_once(conn)
    assert set(runs.values()) == {1}


def test_few_places_are_not_shared(dsn: str, conn: Connection, turns: Turns) -> None:
    fill(conn)
    with running(dsn, [work], queues={"default": 40}):
        until(lambda: statuses(conn) == {"done": COUNT})
    assert turns.most == 1


@pytest.mark.parametrize("failure", [psycopg.OperationalError("lost"), RuntimeError("a bug")])
def test_a_turn_beside_another_one_may_fail(
    dsn: str, conn: Connection, turns: Turns, failure: Exception
) -> None:
    fill(conn)

    def fail() -> None:
        turns.after = lambda: None
        raise failure

    turns.after = fail
    with running(dsn, [work], **SETTINGS):
        until(lambda: statuses(conn) == {"done": COUNT})
    assert turns.beside > 1
    assert_each_finished_once(conn)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_worker_leaves_with_two_turns_under_way(
    dsn: str, conn: Connection, turns: Turns, *, at_once: bool
) -> None:
    fill(conn)
    with running(dsn, [work], **SETTINGS) as worker:
        turns.after = lambda: worker.stop(at_once=at_once)
        until(lambda: turns.beside)
    found = statuses(conn)
    assert set(found) <= {"done", "runnable"}
    assert sum(found.values()) == COUNT
    assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)
    if not at_once:
        # What had started was committed.
        assert len(runs) == found.get("done", 0)
        assert set(runs.values()) <= {1}


def test_a_registration_may_be_lost_with_two_turns_under_way(
    dsn: str, conn: Connection, turns: Turns
) -> None:
    fill(conn)

    def forget() -> None:
        turns.after = lambda: None
        conn.execute("select gd_unregister(id) from gd_workers")

    turns.after = forget
    with running(dsn, [work], **SETTINGS):
        until(lambda: statuses(conn) == {"done": COUNT})
    assert_each_finished_once(conn)
