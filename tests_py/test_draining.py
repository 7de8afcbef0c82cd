"""Tests of applications: draining in both colours, time that goes by, contexts, fixtures."""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from gendurable import (
    Await,
    ChildResult,
    Context,
    Done,
    Entry,
    Machine,
    Next,
    Outcome,
    OutcomeError,
    Retry,
    RetryPolicy,
    ScheduleChildren,
    StateError,
    UsageError,
    enqueue,
    enqueue_many,
    job,
    set_rate_limit,
    status,
    step,
)
from gendurable.testing import Ran, advance, drain, make_context, refill_limits
from support import Connection, statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

pytest_plugins = ["pytester"]

AsyncConnection = psycopg.AsyncConnection[Any]


def in_transaction(dsn: str, work: Callable[[AsyncConnection], Coroutine[Any, Any, None]]) -> None:
    """Do it on an async connection that is rolled back."""

    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as app:
            await work(app)
            await app.rollback()

    asyncio.run(run())
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select count(*) from gd_instances").fetchone() == (0,)
        assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)


class Both(Machine[dict[str, Any]]):
    """Steps of both colours, an error handler, children."""

    retry = RetryPolicy(max_attempts=2, initial=0)

    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        await asyncio.sleep(0)
        ctx.state["thread"] = threading.current_thread() is threading.main_thread()
        return Next(self.second)

    @step
    def second(self, ctx: Context[dict[str, Any]]) -> Outcome:
        if ctx.attempt == 0:
            raise OSError
        return ScheduleChildren([Entry(child, {"n": n}) for n in (1, 2)], step=self.join)

    @step
    async def join(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done([one.result for one in ctx.children or []])


@job()
def child(n: int) -> int:
    return n * 10


def test_an_async_connection_drains_steps_of_both_colours(dsn: str) -> None:
    async def work(app: AsyncConnection) -> None:
        created = await enqueue(app, Both, {})
        ran = await drain(app, [Both, child])
        assert [(one.step, one.attempt) for one in ran if one.fsm == "Both"] == [
            ("start", 0),
            ("second", 0),
            ("second", 1),
            ("join", 0),
        ]
        found = await status(app, created.id)
        assert found is not None
        assert found.result == [10, 20]
        assert await drain(app, [Both, child]) == []

    in_transaction(dsn, work)


def test_a_drain_that_is_not_awaited_names_itself(dsn: str) -> None:
    async def work(app: AsyncConnection) -> None:
        coroutine: Any = drain(app, [Both])
        assert coroutine.__qualname__ == "drain"
        await coroutine

    in_transaction(dsn, work)


def test_an_async_drain_protects_itself_too(dsn: str) -> None:
    @job()
    def other() -> None: ...

    async def work(app: AsyncConnection) -> None:
        await enqueue(app, Both, {})
        with pytest.raises(UsageError, match="which is none of the machines given"):
            await drain(app, [other])
        with pytest.raises(UsageError, match="2 steps ran"):
            await drain(app, [Both, child], limit=2)
        # What it held is given back.
        assert len(await drain(app, [Both, child])) == 4

    in_transaction(dsn, work)


class Ledger(Machine[Any]):
    retry = RetryPolicy(max_attempts=2, initial=0)

    @step(transactional=True)
    def start(self, ctx: Context[Any]) -> Outcome:
        ctx.conn.execute("insert into ledger values (%s)", (ctx.attempt,))
        assert ctx.conn.execute("select 1").fetchone() == (1,)
        if ctx.attempt == 0:
            raise OSError
        return Done()


class AsyncLedger(Machine[Any]):
    retry = RetryPolicy(max_attempts=2, initial=0)

    @step(transactional=True)
    async def start(self, ctx: Context[Any]) -> Outcome:
        await ctx.conn.execute("insert into ledger values (%s)", (ctx.attempt,))
        if ctx.attempt == 0:
            raise psycopg.Rollback
        return Done()


def test_a_transactional_step_writes_in_the_caller_s_transaction(dsn: str) -> None:
    with psycopg.connect(dsn, row_factory=dict_row) as app:
        app.execute("create table ledger (attempt int)")
        enqueue(app, Ledger)
        assert [one.attempt for one in drain(app, [Ledger])] == [0, 1]
        # The first attempt's row is taken back, and the caller's factory is as it was.
        assert app.execute("select attempt from ledger").fetchall() == [{"attempt": 1}]
        enqueue(app, AsyncLedger)
        with pytest.raises(UsageError, match=r"needs a psycopg\.AsyncConnection"):
            drain(app, [AsyncLedger])


def test_an_async_transactional_step_does_too(dsn: str) -> None:
    async def work(app: AsyncConnection) -> None:
        await app.execute("create table ledger (attempt int)")
        await enqueue(app, AsyncLedger)
        assert [one.attempt for one in await drain(app, [AsyncLedger])] == [0, 1]
        rows = await (await app.execute("select attempt from ledger")).fetchall()
        assert rows == [(1,)]
        await enqueue(app, Ledger)
        with pytest.raises(UsageError, match=r"needs a psycopg\.Connection"):
            await drain(app, [Ledger])

    in_transaction(dsn, work)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_drained_async_step_has_its_time_limit(dsn: str, colour: str) -> None:
    @job(timeout=0.05, retries=0)
    async def slow() -> None:
        await asyncio.sleep(60)

    def check(ran: list[Ran]) -> None:
        [one] = ran
        assert "has not ended in 0.05 s" in str(one.outcome)

    async def work(app: AsyncConnection) -> None:
        await slow.enqueue(app)
        check(await drain(app, [slow]))

    if colour == "async":
        in_transaction(dsn, work)
    else:
        with psycopg.connect(dsn) as app:
            slow.enqueue(app)
            check(drain(app, [slow]))


# Time.


class Waits(Machine[Any]):
    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        return Next(self.retries, delay=timedelta(hours=24))

    @step
    def retries(self, ctx: Context[Any]) -> Outcome:
        return Retry(3600) if ctx.attempt == 0 else Await("paid", step=self.last, timeout=7200)

    @step
    def last(self, ctx: Context[Any]) -> Outcome:
        return Done(len(ctx.awaited))


def test_time_goes_by_inside_the_caller_s_transaction(dsn: str, conn: Connection) -> None:
    with psycopg.connect(dsn) as app:
        instance = enqueue(app, Waits).id
        steps = []
        for hours in (0, 23.9, 0.1, 1, 1.9, 0.1):
            advance(app, hours=hours)
            steps.append([one.step for one in drain(app, [Waits])])
        assert steps == [["start"], [], ["retries"], ["retries"], [], ["last"]]
        found = status(app, instance)
        assert found is not None
        assert found.result == 0
        with pytest.raises(UsageError, match="time does not go back"):
            advance(app, days=-1)
        app.rollback()
    assert statuses(conn) == {}


def test_time_goes_by_on_an_async_connection(dsn: str) -> None:
    async def work(app: AsyncConnection) -> None:
        await enqueue(app, Waits, delay=86_400)
        assert await drain(app, [Waits]) == []
        await advance(app, days=1)
        assert [one.step for one in await drain(app, [Waits])] == ["start"]

    in_transaction(dsn, work)


def test_rate_limits_refill_with_time_and_at_once(dsn: str) -> None:
    @job()
    def mail() -> None: ...

    with psycopg.connect(dsn) as app:
        set_rate_limit(app, "mail", 1, period=3600, burst=2)
        entries = [Entry(mail, {}, rate_limit="mail") for _ in range(7)]
        enqueue_many(app, entries)
        counts = [len(drain(app, [mail]))]
        advance(app, hours=1)
        counts.append(len(drain(app, [mail])))
        refill_limits(app)
        counts.append(len(drain(app, [mail])))
        advance(app, days=30)
        counts.append(len(drain(app, [mail])))
        assert counts == [2, 1, 2, 2]


# Contexts.


class Order(msgspec.Struct):
    sku: str = "a"


class Checkout(Machine[Order]):
    @step
    def start(self, ctx: Context[Order]) -> Outcome:
        return Done([signal.payload for signal in ctx.awaited])

    @step
    def join(self, ctx: Context[Order]) -> Outcome:
        return Done(ctx.conn)


def test_a_step_can_be_called_without_a_database() -> None:
    ctx = make_context(
        Checkout, Order("b"), awaited=[("paid", {"amount": 5})], signals=[("other", None)],
        attempt=2, last_error={"kind": "x"}, correlation_key=5, id=7,
    )  # fmt: skip
    assert Checkout().start(ctx) == Done([{"amount": 5}])
    assert (ctx.state, ctx.step, ctx.id, ctx.attempt) == (Order("b"), "start", 7, 2)
    assert [one.name for one in ctx.signals] == ["paid", "other"]
    assert [one.id for one in ctx.signals] == [1, 2]
    assert ctx.consumed() == [1]
    assert (ctx.children, ctx.last_error, ctx.correlation_key) == (None, {"kind": "x"}, "5")
    assert not ctx.cancelled
    child = ChildResult(1, 1, "C", "done", {"x": 1})
    joins = make_context(Checkout, step=Checkout.join, children=[child], conn="the connection")
    assert joins.children == [child]
    assert Checkout().join(joins) == Done("the connection")
    assert joins.state == Order()
    with pytest.raises(UsageError, match="has no transaction"):
        Checkout().join(make_context(Checkout, step="join"))
    with pytest.raises(StateError):
        make_context(Checkout, {"sku": 5})
    with pytest.raises(OutcomeError, match="did you mean 'join'"):
        make_context(Checkout, step="joi")


# Fixtures.

CONFTEST = """
import os, pathlib, psycopg, pytest
pathlib.Path("pid").write_text(str(os.getpid()))
pytest_plugins = ["gendurable.pytest_plugin"]

@pytest.fixture(scope="session")
def gendurable_setup():
    def create(dsn):
        with psycopg.connect(dsn) as conn:
            conn.execute("create table orders (id int)")
    return create
"""

TESTS = """
import psycopg, pytest
from gendurable import job, status
from gendurable.testing import drain

@job()
def work() -> str:
    return "done"

@pytest.mark.parametrize("again", [1, 2])
def test_rolled_back(gendurable_conn, again):
    assert gendurable_conn.execute("select count(*) from gd_instances").fetchone() == (0,)
    assert gendurable_conn.execute("select count(*) from orders").fetchone() == (0,)
    gendurable_conn.execute("insert into orders values (1)")
    work.enqueue(gendurable_conn)
    assert len(drain(gendurable_conn, [work])) == 1

@pytest.mark.parametrize("again", [1, 2])
def test_real_worker(gendurable_worker, gendurable_database, again):
    with psycopg.connect(gendurable_database, autocommit=True) as conn:
        instance = work.enqueue(conn).id
        assert instance == 1
        with gendurable_worker([work], queues={"default": 2}, poll=0.1) as worker:
            assert worker.id is not None
            while status(conn, instance).status != "done":
                pass
        assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)

def test_a_worker_that_cannot_start(gendurable_worker):
    with pytest.raises(Exception, match="cannot connect"):
        with gendurable_worker([work], dsn="host=/nowhere"):
            pass
"""


def test_the_fixtures_give_databases_and_workers(
    admin_dsn: str, conn: Connection, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENDURABLE_TEST_DSN", admin_dsn)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=5)
    own = f"gendurable_test_{(pytester.path / 'pid').read_text()}_"
    left = "select count(*) from pg_database where starts_with(datname, %s)"
    assert conn.execute(left, (own,)).fetchone() == (0,)
    assert os.environ["GENDURABLE_TEST_DSN"] == admin_dsn
