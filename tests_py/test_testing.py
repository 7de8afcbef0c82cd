"""``drain``: for tests of applications, inside their own transaction."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import dict_row
from psycopg.types.string import StrDumper

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    InvalidOutcomeError,
    IsolationError,
    Machine,
    Next,
    Outcome,
    Retry,
    RetryPolicy,
    ScheduleChildren,
    Status,
    Stop,
    UsageError,
    enqueue,
    job,
    middleware,
    signal,
    status,
    step,
)
from gendurable.testing import drain
from support import Connection, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator


class Checkout(Machine[dict[str, Any]]):
    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        ctx.state["reserved"] = True
        return Await("paid", step=self.ship)

    @step
    def ship(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Next(self.finish)

    @step
    def finish(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done(ctx.state)


def test_everything_runs_in_the_callers_transaction(dsn: str, conn: Connection) -> None:
    with psycopg.connect(dsn) as app:
        enqueue(app, Checkout, {"sku": "a"}, correlation_key="order:1")
        assert [ran.step for ran in drain(app, [Checkout])] == ["start"]
        assert signal(app, "order:1", "paid") == "delivered"
        ran = drain(app, [Checkout])
        assert [(r.fsm, r.step, r.attempt) for r in ran] == [
            ("Checkout", "ship", 0),
            ("Checkout", "finish", 0),
        ]
        assert ran[-1].outcome == Done({"sku": "a", "reserved": True})
        ended = status(app, ran[0].id)
        assert ended is not None
        assert ended.status == "done"
        app.rollback()
    assert statuses(conn) == {}
    assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)


def test_failures_are_handled_as_in_a_worker(conn: Connection) -> None:
    @job(retry=RetryPolicy(initial=3600))
    def fails() -> None:
        raise ValueError("x")

    class Handled(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            raise ValueError("x")

        def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            return Stop(str(exc))

    fails.enqueue(conn)
    enqueue(conn, Handled)
    outcomes = [ran.outcome for ran in drain(conn, [fails, Handled])]
    assert isinstance(outcomes[0], Retry)
    assert outcomes[1] == Stop("x")
    # The retry is an hour away, so it stays.
    assert statuses(conn) == {"runnable": 1, "failed": 1}


def test_a_child_by_name_is_of_the_version_that_is_given(dsn: str) -> None:
    class Child(Machine[dict[str, Any]]):
        name = "VersionedChild"
        version = 3

        @step
        def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return Done(ctx.fsm_version)

    class Parent(Machine[dict[str, Any]]):
        @step
        def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return ScheduleChildren([Entry("VersionedChild")], step=self.join)

        @step
        def join(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return Done([child.result for child in ctx.children or []])

    with psycopg.connect(dsn) as app:
        parent = enqueue(app, Parent).id
        drain(app, [Parent, Child])
        found = status(app, parent)
        assert found is not None
        assert found.result == [3]
        count = app.execute("select count(*) from gendurable.machines").fetchone()
        assert count == (0,)


request: ContextVar[str] = ContextVar("request", default="none")


@middleware
def told(ctx: Context[Any]) -> Iterator[None]:
    request.set(f"{request.get()} {ctx.step}")
    yield


class Framed(Machine[list[str]]):
    @step
    def start(self, ctx: Context[list[str]]) -> Outcome:
        return Next(self.later, [*ctx.state, request.get()])

    @step
    async def later(self, ctx: Context[list[str]]) -> Outcome:
        await asyncio.sleep(0)
        return Done([*ctx.state, request.get()])


def result_of(found: Status | None) -> Any:
    assert found is not None
    return found.result


def test_middleware_is_entered_around_each_step_in_a_context_of_its_own(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        created = enqueue(conn, Framed, [])
        drain(conn, [Framed], middleware=[told])
        assert result_of(status(conn, created.id)) == ["none start", "none later"]
    assert request.get() == "none"

    async def on_an_async_connection() -> Any:
        async with await psycopg.AsyncConnection.connect(dsn) as conn:
            created = await enqueue(conn, Framed, [])
            await drain(conn, [Framed], middleware=[told])
            return result_of(await status(conn, created.id)), request.get()

    assert asyncio.run(on_an_async_connection()) == (["none start", "none later"], "none")


def test_what_is_not_given_is_an_error(dsn: str) -> None:
    with psycopg.connect(dsn) as app:
        enqueue(app, "Elsewhere")
        with pytest.raises(UsageError, match="Elsewhere v1 step 'start'"):
            drain(app, [Checkout])
        with pytest.raises(UsageError, match="must be a list of machines and jobs"):
            drain(app, Checkout)  # type: ignore[call-overload]


def test_an_outcome_that_the_engine_refuses_is_an_error(dsn: str) -> None:
    class Wrong(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Retry(delay=1e12)

    with psycopg.connect(dsn) as app:
        enqueue(app, Wrong)
        with pytest.raises(InvalidOutcomeError, match="delay_ms is out of range"):
            drain(app, [Wrong])


def test_another_isolation_level_is_an_error(dsn: str) -> None:
    with psycopg.connect(dsn) as app:
        app.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        enqueue(app, Checkout, {})
        with pytest.raises(IsolationError, match="GD004"):
            drain(app, [Checkout])


def test_an_endless_circle_is_an_error(dsn: str) -> None:
    class Circle(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Next(self.start)

    with psycopg.connect(dsn) as app:
        enqueue(app, Circle)
        with pytest.raises(UsageError, match=r"5 steps ran.*\n.*5 times Circle \d+ step 'start'"):
            drain(app, [Circle], limit=5)
        # It is given back.
        assert statuses(app) == {"runnable": 1}


def test_a_running_loop_is_refused_and_a_thread_beside_it_is_not(dsn: str) -> None:
    @job()
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    async def attempt() -> None:
        with psycopg.connect(dsn) as app:
            work.enqueue(app)
            with pytest.raises(UsageError, match="to_thread"):
                drain(app, [work])
            assert len(await asyncio.to_thread(drain, app, [work])) == 1

    asyncio.run(attempt())


@pytest.mark.parametrize(
    "options",
    [
        {"cursor_factory": psycopg.RawCursor},
        {"row_factory": dict_row},
        {"client_encoding": "SQL_ASCII"},
        {"client_encoding": "LATIN1"},
        {"options": "-c datestyle=SQL,DMY -c intervalstyle=iso_8601 -c timezone=Asia/Kolkata"},
    ],
)
def test_a_connection_may_be_set_up_in_any_way(dsn: str, options: dict[str, Any]) -> None:
    @job()
    def work(text: str) -> str:
        return text

    with psycopg.connect(dsn, **options) as app:
        work.enqueue(app, "été")
        [ran] = drain(app, [work], queues="default")
        assert ran.outcome == Done("été")


def test_a_connection_may_have_adapters_of_its_own(dsn: str) -> None:
    class Odd(Loader):
        def load(self, data: Any) -> Any:
            return "odd"

    class OddBinary(Odd):
        format = Format.BINARY

    class OddDumper(StrDumper):
        def dump(self, obj: Any) -> bytes:
            return b"odd"

    @job()
    def work() -> None: ...

    with psycopg.connect(dsn) as app:
        work.enqueue(app)
        for name in ("text", "int4", "int8", "timestamptz", "jsonb"):
            app.adapters.register_loader(name, Odd)
            app.adapters.register_loader(name, OddBinary)
        for kind in (str, int, list):
            app.adapters.register_dumper(kind, OddDumper)
        assert len(drain(app, [work])) == 1
        assert app.execute("select 1").fetchone() == ("odd",), "the caller's own are still there"
        with pytest.raises(UsageError, match="queues must be a str or several, not 5"):
            drain(app, [work], queues=5)  # type: ignore[call-overload]
