"""How workers are set up: queues, names, databases, hooks, what waits here, who maintains."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from database import create_database, drop_database
from gendurable import (
    Context,
    DefinitionError,
    Done,
    Entry,
    Machine,
    Next,
    Outcome,
    UsageError,
    Worker,
    enqueue,
    enqueue_many,
    job,
    lifespan,
    middleware,
    step,
)
from gendurable.queues import Queue
from gendurable.settings import check_settings
from support import Connection, finished, gate, running, statuses, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

GOOD: dict[str, Any] = {"queues": {"default": 10}, "lease": 60.0, "drain": 30.0, "poll": 1.0}


@job()
def nothing() -> None: ...


# Queues and names.


def test_a_worker_serves_the_queues_that_its_machines_name(dsn: str, conn: Connection) -> None:
    class Mail(Machine[int]):
        queue = "mail"

        @step
        def start(self, _: Context[int]) -> Outcome:
            return Done()

    @job(queue="letters")
    def letter() -> None: ...

    with running(dsn, [Mail, letter, nothing], queues=None):
        served = conn.execute("select queues from gd_workers").fetchone()
        assert served == (["mail", "letters", "default"],)
        assert finished(conn, enqueue(conn, Mail, 1).id).status == "done"
        assert finished(conn, letter.enqueue(conn).id).status == "done"
        assert finished(conn, nothing.enqueue(conn).id).status == "done"


def test_a_worker_without_queues_does_maintenance_alone(dsn: str, conn: Connection) -> None:
    lapsed = register(conn, "dead")
    instance = nothing.enqueue(conn).id
    conn.execute("select from gd_pick(%s, 'default', 1)", (lapsed,))
    with running(dsn, [], queues={}, maintenance=0.05):
        query = "select count(*) from gd_workers where name = 'dead'"
        until(lambda: conn.execute(query).fetchone() == (0,), "the dead worker is reaped")
        assert statuses(conn) == {"runnable": 1}
    assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)
    with running(dsn, [nothing]):
        assert finished(conn, instance).status == "done"


def register(conn: Connection, name: str) -> int:
    """A worker whose lease is over, though the server has been up for no longer."""
    query = "select gd_register(%s, lease => '1 ms')"
    row = conn.execute(query, (name,)).fetchone()
    assert row is not None
    return int(row[0])


def test_a_worker_without_maintenance_leaves_it_to_others(dsn: str, conn: Connection) -> None:
    register(conn, "dead")
    with running(dsn, [nothing], maintenance=None, lease=0.3):
        beaten = "select count(*) from gendurable.leases where heartbeat_at is not null"
        until(lambda: conn.execute(beaten).fetchone() == (1,))
        query = "select count(*) from gd_workers where name = 'dead'"
        assert conn.execute(query).fetchone() == (1,)
        with running(dsn, [], queues={}, maintenance=0.05):
            until(lambda: conn.execute(query).fetchone() == (0,))


def test_queues_without_a_machine_are_refused(dsn: str) -> None:
    with pytest.raises(UsageError, match="no machine and no job"):
        Worker([], dsn=dsn, queues={"default": 1})


def test_two_workers_of_one_name_in_one_process_are_refused(dsn: str, conn: Connection) -> None:
    with running(dsn, [nothing], name="twin"):
        twin = Worker([nothing], dsn=dsn, name="twin")
        with pytest.raises(UsageError, match="a worker named 'twin' runs in this process already"):
            asyncio.run(twin.run())
        assert conn.execute("select count(*) from gd_workers").fetchone() == (1,)
    # The name is free again.
    with running(dsn, [nothing], name="twin"):
        pass


def test_workers_without_a_name_get_different_ones(dsn: str, conn: Connection) -> None:
    with running(dsn, [nothing]), running(dsn, [nothing]):
        rows = conn.execute("select name from gd_workers order by id").fetchall()
    (first,), (second,) = rows
    assert second == f"{first}-2"


def test_workers_of_several_databases_work_side_by_side_in_one_loop(
    admin_dsn: str, template: str, dsn: str, conn: Connection
) -> None:
    other_dsn = create_database(admin_dsn, f"{template}_other", template)
    try:

        async def both(ids: list[int]) -> None:
            workers = [Worker([nothing], dsn=one, name="same") for one in (dsn, other_dsn)]
            running = asyncio.gather(*(one.run() for one in workers))
            with Connection.connect(other_dsn, autocommit=True) as other:
                ids.append(nothing.enqueue(other).id)
                ids.append(nothing.enqueue(conn).id)
                for place, instance in ((other, ids[0]), (conn, ids[1])):
                    await asyncio.to_thread(finished, place, instance)
            for one in workers:
                one.stop()
            await running

        asyncio.run(both([]))
    finally:
        drop_database(admin_dsn, f"{template}_other")


# Hooks.

request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")
resource: contextvars.ContextVar[str] = contextvars.ContextVar("resource", default="none")


def test_lifespans_open_before_the_first_step_and_close_after_the_last(
    dsn: str, conn: Connection
) -> None:
    seen: list[str] = []

    @lifespan
    async def outer() -> AsyncIterator[None]:
        resource.set("open")
        seen.append("outer opens")
        yield
        seen.append(f"outer closes, {registered()} registered")

    @lifespan
    def inner() -> Iterator[None]:
        seen.append(f"inner opens, {registered()} registered")
        yield
        seen.append("inner closes")

    @job()
    def work() -> str:
        seen.append(resource.get())
        return resource.get()

    def registered() -> int:
        return conn.execute("select from gd_workers").rowcount

    with running(dsn, [work], lifespans=[outer, inner]):
        assert finished(conn, work.enqueue(conn).id).result == "open"
    assert seen == [
        "outer opens", "inner opens, 0 registered", "open", "inner closes",
        "outer closes, 0 registered",
    ]  # fmt: skip


def test_a_lifespan_that_fails_is_told_in_a_sentence_and_closes_the_others(dsn: str) -> None:
    seen: list[str] = []

    @lifespan
    def first() -> Iterator[None]:
        try:
            yield
        finally:
            seen.append("closed")

    @lifespan
    def broken() -> Iterator[None]:
        if resource.get() == "none":
            raise OSError("no such cache")
        yield

    worker = Worker([nothing], dsn=dsn, lifespans=[first, broken])
    with pytest.raises(UsageError, match="lifespan broken failed: OSError: no such cache"):
        asyncio.run(worker.run())
    assert seen == ["closed"]


def sync_wrapper(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def test_middleware_frames_sync_async_and_wrapped_steps_in_their_own_context(
    dsn: str, conn: Connection
) -> None:
    failures: list[str] = []

    @middleware
    def tell(ctx: Context[Any]) -> Iterator[None]:
        token = request.set(f"{ctx.fsm}:{ctx.step}")
        try:
            yield
        except ValueError as exc:
            failures.append(f"{request.get()}: {exc}")
            raise
        finally:
            request.reset(token)

    class Three(Machine[list[str]]):
        @step
        def start(self, ctx: Context[list[str]]) -> Outcome:
            if ctx.attempt == 0:
                raise ValueError("the first time")
            return Next(self.later, [*ctx.state, request.get()])

        @step
        async def later(self, ctx: Context[list[str]]) -> Outcome:
            await asyncio.sleep(0)
            return Next(self.wrapped, [*ctx.state, request.get()])

        @step
        @sync_wrapper
        async def wrapped(self, ctx: Context[list[str]]) -> Outcome:
            await asyncio.sleep(0)
            return Done([*ctx.state, request.get()])

    Three.retry = Three.retry.__class__(initial=0)
    with running(dsn, [Three], middleware=[tell]):
        result = finished(conn, enqueue(conn, Three, []).id).result
    assert result == ["Three:start", "Three:later", "Three:wrapped"]
    assert failures == ["Three:start: the first time"]


def test_a_failure_that_middleware_swallows_is_a_failure_all_the_same(
    dsn: str, conn: Connection
) -> None:
    @middleware
    def deaf(_: Context[Any]) -> Iterator[None]:
        with contextlib.suppress(ValueError):
            yield

    @job(retries=0)
    def broken() -> None:
        raise ValueError("heard")

    with running(dsn, [broken], middleware=[deaf]):
        ended = finished(conn, broken.enqueue(conn).id)
    assert ended.status == "failed"
    assert ended.error["message"] == "heard"


def test_what_is_no_hook_is_refused() -> None:
    async def asynchronous(ctx: Context[Any]) -> AsyncIterator[None]:
        yield

    def plain() -> None: ...

    def one(ctx: Context[Any]) -> Iterator[None]:
        yield

    with pytest.raises(DefinitionError, match="no plain function that yields"):
        middleware(asynchronous)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="has to take the context"):
        middleware(plain)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="no function that yields"):
        lifespan(plain)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="has to take no argument"):
        lifespan(one)  # type: ignore[arg-type]


@pytest.mark.parametrize("lease", [0.5, 40 * 86400.0])
def test_transactional_steps_commit_under_any_lease(
    dsn: str, conn: Connection, lease: float
) -> None:
    @job(transactional=True)
    def work(ctx: Context[Any]) -> int:
        ctx.conn.execute("select 1")
        return ctx.attempt

    with running(dsn, [work], lease=lease):
        assert finished(conn, work.enqueue(conn).id).status == "done"


# What waits here.


def test_prefetched_claims_wait_for_a_place_and_start_without_a_pick(
    dsn: str, conn: Connection
) -> None:
    turn = threading.Semaphore(0)
    started: list[int] = []

    @job()
    def work(ctx: Context[Any]) -> None:
        started.append(ctx.id)
        turn.acquire(timeout=60)

    ids = [one.id for one in enqueue_many(conn, [Entry(work, {}) for _ in range(6)])]
    with running(dsn, [work], queues={"default": 2}, prefetch=3, drain=60) as worker:
        until(lambda: statuses(conn) == {"executing": 5, "runnable": 1})
        until(lambda: len(worker.held()) == 5 and len(started) == 2)
        assert sorted(started) == ids[:2]
        for _ in range(6):
            turn.release()
        until(lambda: statuses(conn) == {"done": 6})
    assert sorted(started) == ids


def test_what_was_prefetched_is_given_back_at_once_when_the_worker_stops(
    dsn: str, conn: Connection
) -> None:
    with gate() as opened:

        @job()
        def work() -> None:
            opened.wait(60)

        enqueue_many(conn, [Entry(work, {}) for _ in range(4)])
        with running(dsn, [work], queues={"default": 1}, prefetch=3, drain=60) as worker:
            until(lambda: statuses(conn) == {"executing": 4})
            worker.stop()
            until(lambda: statuses(conn) == {"executing": 1, "runnable": 3})
            opened.set()
        assert statuses(conn) == {"done": 1, "runnable": 3}
        attempts = conn.execute("select distinct attempt from gd_instances").fetchall()
        assert attempts == [(0,)]


def test_steps_run_ahead_though_claims_wait_for_a_place(dsn: str, conn: Connection) -> None:
    class Chain(Machine[int]):
        @step
        async def start(self, ctx: Context[int]) -> Outcome:
            return Next(self.start, ctx.state + 1) if ctx.state < 20 else Done(ctx.state)

    enqueue_many(conn, [Entry(Chain, 0) for _ in range(30)])
    conn.execute("select gd_set_history('Chain', 'steps')")
    with running(dsn, [Chain], queues={"default": 3}, prefetch=5):
        until(lambda: statuses(conn) == {"done": 30})
    assert conn.execute("select distinct result from gd_instances").fetchall() == [(20,)]


def test_a_pick_waits_until_it_is_worth_so_many_places_but_not_for_ever() -> None:
    queue = Queue("default", 10, 0.2, min_demand=4)
    assert queue.may_look(queue.look_at)
    queue.looked(found=10, wanted=10, due=None, commits=False)
    queue.running = 7
    now = queue.look_at - 0.2
    assert not queue.may_look(now), "three places are free"
    assert queue.may_look(now + 0.2), "as long as a poll"
    queue.running = 6
    assert queue.may_look(now)


@pytest.mark.parametrize("value", [-1, 1.5, True, "1", None, 10_001])
@pytest.mark.parametrize("setting", ["prefetch", "min_demand"])
def test_counts_are_whole_numbers(setting: str, value: Any) -> None:
    with pytest.raises(UsageError, match=rf"^{setting} is .*whole number"):
        check_settings(**GOOD | {setting: value})


def test_a_heartbeat_comes_twice_a_lease_at_least() -> None:
    check_settings(**GOOD | {"lease": 10.0, "heartbeat": 5.0})
    with pytest.raises(UsageError, match="at most half of the lease"):
        check_settings(**GOOD | {"lease": 10.0, "heartbeat": 5.1})
    with pytest.raises(UsageError, match="maintenance is 0"):
        check_settings(**GOOD | {"maintenance": 0})


def test_a_listener_finds_out_that_it_is_at_another_database(
    dsn: str, conn: Connection, admin_dsn: str, template: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    other = create_database(admin_dsn, f"{template}_elsewhere", template)
    try:
        with running(dsn, [nothing], listen_dsn=other, pooler=True):
            until(lambda: "the database of listen_dsn does not know worker" in caplog.text)
            assert finished(conn, nothing.enqueue(conn).id).status == "done"
    finally:
        drop_database(admin_dsn, f"{template}_elsewhere")
