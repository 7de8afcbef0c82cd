"""For tests of applications: run what is runnable here and now, and let time go by.

``gendurable.pytest_plugin`` has fixtures for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import Any, NamedTuple, TypeAlias, TypeVar, overload
from uuid import UUID

import msgspec
from msgspec import UNSET
from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.rows import tuple_row

from gendurable.arguments import interval, text, texts
from gendurable.calls import AnyConnection, MaybeCoroutine, call, no_connection, sync_or_async
from gendurable.codec import encode_json
from gendurable.context import ChildResult, Context, Signal
from gendurable.database import use_own_adapters
from gendurable.drivers import SyncHandle, driver_of, within
from gendurable.errors import (
    GendurableError,
    InvalidOutcomeError,
    OutcomeError,
    StepTimeoutError,
    UsageError,
    engine_errors,
)
from gendurable.failures import check_retry, conclude, verdict
from gendurable.hooks import EVERYWHERE, Middleware, around_steps
from gendurable.machine import Definition, Machine, UserFunction, define, definitions_of
from gendurable.outcomes import Outcome, Retry
from gendurable.pages import missing_pages
from gendurable.protocol import COMMIT, PICK
from gendurable.settle import Settled, settle
from gendurable.steps import StepRef

__all__ = ["Ran", "advance", "drain", "make_context", "refill_limits"]

S = TypeVar("S")
T = TypeVar("T")

Machines: TypeAlias = Iterable[Machine[Any] | type[Machine[Any]]]

_REGISTER = "select public.gd_register('drain', %s::text[], info => %s::jsonb)"
_UNREGISTER = "select public.gd_unregister(%s)"
_ADVANCE = """
    select gendurable._advance(p_by => %(by)s::interval, p_tokens => %(tokens)s::interval)::text"""
_FULL = timedelta(days=36_500)
_SHOWN = 3


class Ran(msgspec.Struct, frozen=True):
    """One step that ``drain`` ran.

    Attributes:
        id: the instance.
        fsm: its machine.
        step: the step.
        attempt: 0 for the first execution.
        outcome: what it answered, or what the error handling made of its exception.
    """

    id: int
    fsm: str
    step: str
    attempt: int
    outcome: Outcome


@overload
def drain(
    conn: SyncHandle,
    machines: Machines,
    *,
    queues: str | Iterable[str] = ("default",),
    middleware: Sequence[Middleware] = (),
    limit: int = 1000,
) -> list[Ran]: ...
@overload
def drain(
    conn: AsyncConnection[Any],
    machines: Machines,
    *,
    queues: str | Iterable[str] = ("default",),
    middleware: Sequence[Middleware] = (),
    limit: int = 1000,
) -> Coroutine[Any, Any, list[Ran]]: ...
def drain(
    conn: SyncHandle | AsyncConnection[Any],
    machines: Machines,
    *,
    queues: str | Iterable[str] = ("default",),
    middleware: Sequence[Middleware] = (),
    limit: int = 1000,
) -> MaybeCoroutine[list[Ran]]:
    """Run every runnable instance until none is left, inside the caller's transaction.

    A test can so enqueue, drain, look and roll back. What is delayed, retried later or parked stays
    where it is, until ``advance`` lets time go by.

    On a sync connection no event loop may be running: async steps get one of their own. On an async
    one sync steps run in a thread. A transactional step is handed the caller's connection, so it
    has to be of the same kind, and what it writes is taken back if it fails. The time limit of an
    async step is kept; a sync step cannot be interrupted.

    Args:
        conn: the caller's connection: psycopg's, sync or async, or a sync one of SQLAlchemy or
            Django.
        machines: what can be run; meeting anything else is an error.
        queues: where to look, one or several.
        middleware: what is entered around each step, as in a ``Worker``.
        limit: steps after which to give up on an instance that goes round in circles.

    Raises:
        UsageError: an argument of a wrong type, an unknown machine or step, more than ``limit``
            steps, or a running event loop.
        InvalidOutcomeError: the engine refused an outcome.
        IsolationError: the caller's transaction is not READ COMMITTED.
    """
    drained = _Drain(machines, middleware, queues, limit)
    if isinstance(conn, AsyncConnection):
        coroutine = _drain_async(conn, drained)
        coroutine.__qualname__ = "drain"  # type: ignore[attr-defined]
        return coroutine
    driver = driver_of(conn)
    own: object = conn if driver is None or driver.is_async else within(conn)
    return _drain_sync(_checked(own), drained)


@sync_or_async
def advance(
    conn: AnyConnection,
    /,
    *,
    days: float = 0,
    hours: float = 0,
    minutes: float = 0,
    seconds: float = 0,
) -> MaybeCoroutine[None]:
    """Let time go by for what waits: delays, retries and timeouts that are over then are due.

    There is no clock to set: what is stored as a moment moves into the past, inside the caller's
    transaction. Rate limits refill. Leases of workers and the archive stay as they are. The caller
    has to own the engine's schema, or to be a superuser.

    Args:
        conn: the caller's connection, of any library (see ``client``).
        days: how long, in all four together.
        hours: see ``days``.
        minutes: see ``days``.
        seconds: see ``days``.

    Raises:
        UsageError: time does not go back.
    """
    by = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if by < timedelta():
        raise UsageError(f"time does not go back, by {-by}")
    return _age(conn, by, by, "advance")


@sync_or_async
def refill_limits(conn: AnyConnection, /) -> MaybeCoroutine[None]:
    """Fill the buckets of all rate limits, inside the caller's transaction.

    One of a limit that allows nothing stays as it is. See ``advance`` for who may do this.
    """
    return _age(conn, timedelta(), _FULL, "refill_limits")


def _age(conn: AnyConnection, by: timedelta, tokens: timedelta, name: str) -> MaybeCoroutine[None]:
    parameters = {"by": interval(by), "tokens": interval(tokens)}
    return call(conn, _ADVANCE, parameters, lambda _: None, name=name)


def make_context(
    machine: Machine[S] | type[Machine[S]],
    state: S | Mapping[str, Any] | None = None,
    *,
    step: StepRef = "start",
    id: int = 1,  # noqa: A002 (the name of the field)
    attempt: int = 0,
    awaited: Iterable[Signal | tuple[str, Any]] = (),
    signals: Iterable[Signal | tuple[str, Any]] = (),
    children: Iterable[ChildResult] | None = None,
    last_error: Any = None,
    correlation_key: str | UUID | int | None = None,
    concurrency_key: str | None = None,
    parent_id: int | None = None,
    queue: str = "default",
    priority: int = 0,
    conn: Any = None,
) -> Context[S]:
    """A context to call a step with, without a database: ``Checkout().ship(make_context(...))``.

    Args:
        machine: the machine or job.
        state: its state, in its type or as plain JSON values; None means ``{}``.
        step: the step.
        id: of the instance.
        attempt: how many executions have failed before this one.
        awaited: the signals that were awaited, each as a ``Signal``, or as its name and payload.
        signals: the others of the inbox.
        children: of the round that the step joins.
        last_error: what the last attempt has left.
        correlation_key: of the instance.
        concurrency_key: of the instance.
        parent_id: of the instance.
        queue: of the instance.
        priority: of the instance.
        conn: what a transactional step finds as ``ctx.conn``.

    Raises:
        OutcomeError: the machine has no such step.
        StateError: the state does not fit the machine.
    """
    definition = define(machine)
    stored = "{}" if state is None else definition.codec.encode(state).decode()
    presented = _as_signals(awaited, 1)
    inbox = presented + _as_signals(signals, len(presented) + 1)
    ctx: Context[S] = Context(
        id=id,
        fence=1,
        fsm=definition.name,
        fsm_version=definition.version,
        step=definition.step_name(step),
        state_json=stored,
        attempt=attempt,
        queue=text("queue", queue),
        priority=priority,
        correlation_key=None if correlation_key is None else str(correlation_key),
        concurrency_key=concurrency_key,
        parent_id=parent_id,
        awaited_json=encode_json(presented).decode(),
        signals_json=encode_json(inbox).decode(),
        children_json=None if children is None else encode_json(list(children)).decode(),
        last_error_json=None if last_error is None else encode_json(last_error).decode(),
        enqueued_at=datetime.now(UTC),
        codec=definition.codec,
    )
    ctx.read()
    ctx.lend(conn)
    return ctx


def _as_signals(given: Iterable[Signal | tuple[str, Any]], first: int) -> list[Signal]:
    now = datetime.now(UTC)
    return [
        one if isinstance(one, Signal) else Signal(number, one[0], now, one[1])
        for number, one in enumerate(given, first)
    ]


class _Query(NamedTuple):
    """A query whose rows are wanted; in binary no value's text depends on the session."""

    text: str
    parameters: tuple[Any, ...]
    binary: bool = False


class _Execution(NamedTuple):
    """A step that is to be run; its settled outcome is wanted."""

    definition: Definition
    ctx: Context[Any]


class _Drain:
    """What to do in which order, sync or async: a generator of queries and executions."""

    def __init__(
        self,
        machines: Machines,
        middleware: Sequence[Middleware],
        queues: str | Iterable[str],
        limit: int,
    ) -> None:
        self.workers: list[int] = []
        self._definitions = {
            key: around_steps(definition, [*EVERYWHERE, *middleware])
            for definition in definitions_of(machines)
            for key in definition.keys
        }
        self._queues = texts("queues", queues)
        self._limit = limit

    def work(self) -> Generator[_Query | _Execution, Any, list[Ran]]:
        ran: list[Ran] = []
        # One declares and another one picks: an unknown machine is to be met.
        declared = [one.declaration(version) for (_, version), one in self._definitions.items()]
        info = encode_json({"machines": declared}).decode()
        for queues, said in (([], info), (self._queues, "{}")):
            self.workers.append((yield _Query(_REGISTER, (queues, said)))[0][0])
        worker = self.workers[-1]
        while (ctx := (yield from self._pick(worker))) is not None:
            if len(ran) >= self._limit:
                raise UsageError(_runaway(ran))
            definition = self._definition_of(ctx)
            settled: Settled = yield _Execution(definition, ctx)
            entry = settled.entry.decode()
            answer = (yield _Query(COMMIT, (worker, f"[{entry}]")))[0]
            if answer[2] != "committed":
                raise InvalidOutcomeError(f"{entry}: {answer[2]}: {answer[3]}")
            ran.append(Ran(ctx.id, ctx.fsm, ctx.step, ctx.attempt, settled.outcome))
        for each in self.workers:
            yield _Query(_UNREGISTER, (each,))
        return ran

    def _pick(self, worker: int) -> Generator[_Query | _Execution, Any, Context[Any] | None]:
        for queue in self._queues:
            rows = yield _Query(PICK, (worker, queue, 1), binary=True)
            if rows:
                ctx: Context[Any] = Context(*rows[0])
                pages = missing_pages(ctx)
                query = next(pages, None)
                while query is not None:
                    rows = yield _Query(*query)
                    try:
                        query = pages.send(rows)
                    except StopIteration:
                        break
                return ctx
        return None

    def _definition_of(self, ctx: Context[Any]) -> Definition:
        definition = self._definitions.get((ctx.fsm, ctx.fsm_version))
        if definition is None or ctx.step not in definition.steps:
            raise UsageError(
                f"instance {ctx.id} is at {ctx.fsm} v{ctx.fsm_version} step {ctx.step!r}, "
                "which is none of the machines given"
            )
        return definition


def _runaway(ran: list[Ran]) -> str:
    steps = Counter(f"{one.fsm} {one.id} step {one.step!r}" for one in ran)
    most = ", ".join(f"{count} times {what}" for what, count in steps.most_common(_SHOWN))
    return f"{len(ran)} steps ran and there is still work\nMost often ran {most}."


def _checked(conn: object) -> Connection[Any]:
    """The connection, if steps can be run on it here."""
    if not isinstance(conn, Connection):
        raise no_connection(conn, "a psycopg connection, sync or async")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return conn
    raise UsageError(
        "drain runs async steps in an event loop of its own, and there is one running here\n"
        "In an async test drain on a psycopg.AsyncConnection, "
        "or await asyncio.to_thread(drain, conn, machines)."
    )


def _drain_sync(conn: Connection[Any], drained: _Drain) -> list[Ran]:
    # A cursor of its own class: what the caller's connection makes of placeholders is unknown.
    with engine_errors(), Cursor(conn, row_factory=tuple_row) as cursor:
        use_own_adapters(cursor)
        work = drained.work()
        try:
            wanted = next(work)
            while True:
                if isinstance(wanted, _Query):
                    given: Any = cursor.execute(*wanted[:2], binary=wanted.binary).fetchall()
                else:
                    # Each in a context of its own, as in a worker.
                    given = copy_context().run(_run, *wanted, conn)
                wanted = work.send(given)
        except StopIteration as done:
            ran: list[Ran] = done.value
            return ran
        except GendurableError:
            for worker in drained.workers:
                cursor.execute(_UNREGISTER, (worker,))
            raise


async def _drain_async(conn: AsyncConnection[Any], drained: _Drain) -> list[Ran]:
    with engine_errors():
        async with AsyncCursor(conn, row_factory=tuple_row) as cursor:
            use_own_adapters(cursor)
            work = drained.work()
            try:
                wanted = next(work)
                while True:
                    if isinstance(wanted, _Query):
                        await cursor.execute(*wanted[:2], binary=wanted.binary)
                        given: Any = await cursor.fetchall()
                    else:
                        # A task has a context of its own, as a step has in a worker.
                        given = await asyncio.create_task(_run_async(*wanted, conn))
                    wanted = work.send(given)
            except StopIteration as done:
                ran: list[Ran] = done.value
                return ran
            except GendurableError:
                for worker in drained.workers:
                    await cursor.execute(_UNREGISTER, (worker,))
                raise


def _run(definition: Definition, ctx: Context[Any], conn: Connection[Any]) -> Settled:
    """Run one step as a worker would, with what it is handed of the caller's connection."""

    def perform(called: UserFunction, *args: Any) -> Any:
        answer: Any = called.function(*args)
        if isawaitable(answer):
            return asyncio.run(_awaited(answer, definition, ctx, called.timeout))
        return answer

    def step(called: UserFunction) -> Any:
        if not called.transactional:
            return perform(called, ctx)
        _check_colour(called, ctx, is_async=False)
        answer: Any = UNSET
        with _lent(ctx, conn), conn.transaction():
            answer = perform(called, ctx)
        return _unless_rolled_back(answer)

    attempt = _Attempt(definition, ctx)
    while attempt.settled is None:
        with attempt:
            called = attempt.next()
            attempt.answer(step(called) if attempt.is_step else perform(called, ctx, attempt.exc))
    return attempt.settled


async def _run_async(
    definition: Definition, ctx: Context[Any], conn: AsyncConnection[Any]
) -> Settled:
    async def perform(called: UserFunction, *args: Any) -> Any:
        function: Callable[..., Any] = called.function
        if called.is_async:
            answer: Any = function(*args)
        else:
            answer = await asyncio.to_thread(function, *args)
        if isawaitable(answer):
            return await _awaited(answer, definition, ctx, called.timeout)
        return answer

    async def step(called: UserFunction) -> Any:
        if not called.transactional:
            return await perform(called, ctx)
        _check_colour(called, ctx, is_async=True)
        answer: Any = UNSET
        with _lent(ctx, conn):
            async with conn.transaction():
                answer = await perform(called, ctx)
        return _unless_rolled_back(answer)

    attempt = _Attempt(definition, ctx)
    while attempt.settled is None:
        with attempt:
            called = attempt.next()
            is_step = attempt.is_step
            attempt.answer(await (step(called) if is_step else perform(called, ctx, attempt.exc)))
    return attempt.settled


class _Attempt:
    """Who decides the outcome of one execution: the step, its error handler, the policy."""

    def __init__(self, definition: Definition, ctx: Context[Any]) -> None:
        ctx.codec = definition.codec_for(ctx.fsm_version)
        self.settled = verdict(definition, ctx)
        self.is_step = True
        self.exc: Exception | None = None
        self._answered = False
        self._definition = definition
        self._ctx = ctx

    def next(self) -> UserFunction:
        """What to call now."""
        if self.exc is None and self._ctx.fsm_version == self._definition.version:
            return self._definition.steps[self._ctx.step]
        if self.exc is None:
            return self._definition.migrating(self._ctx.step)
        assert self._definition.on_error is not None  # noqa: S101 (asked for only where there is one)
        return self._definition.on_error

    def answer(self, answer: object) -> None:
        """Take what was answered."""
        self._answered = self._answered or self.is_step
        if isinstance(answer, Retry):
            check_retry(self._definition, self._ctx, answer)
        self.settled = settle(self._definition, self._ctx, answer)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, exc: BaseException | None, _: object) -> bool:
        """Let the next one decide about what was raised."""
        if not isinstance(exc, Exception) or isinstance(exc, _RefusedError):
            return False
        if self.is_step and self._definition.on_error is not None:
            self.is_step, self.exc = False, exc
            self._ctx.forget_changes()
        else:
            self.settled = conclude(self._definition, self._ctx, exc, final=self._answered)
        return True


class _RefusedError(UsageError):
    """A mistake of the test, not of the step."""


def _check_colour(called: UserFunction, ctx: Context[Any], *, is_async: bool) -> None:
    if called.is_async is not is_async:
        wanted = "AsyncConnection" if called.is_async else "Connection"
        raise _RefusedError(
            f"step {ctx.step!r} of {ctx.fsm} is transactional and needs a psycopg.{wanted}: "
            "drain on one"
        )


def _unless_rolled_back(answer: Any) -> Any:
    if answer is UNSET:
        raise OutcomeError("the step raised psycopg.Rollback, which is no outcome")
    return answer


@contextmanager
def _lent(ctx: Context[Any], conn: Any) -> Iterator[None]:
    """Let the step have the caller's connection, as a worker's would be."""
    factories = conn.row_factory, conn.cursor_factory
    conn.row_factory = tuple_row
    conn.cursor_factory = Cursor if isinstance(conn, Connection) else AsyncCursor
    ctx.lend(conn)
    try:
        yield
    finally:
        ctx.lend(None)
        conn.row_factory, conn.cursor_factory = factories


async def _awaited(
    answer: Awaitable[T], definition: Definition, ctx: Context[Any], limit: float | None
) -> T:
    try:
        async with asyncio.timeout(limit) as timer:
            found: Any = answer
            while isawaitable(found):
                found = await found
            return found  # type: ignore[no-any-return]
    except TimeoutError as exc:
        if not timer.expired():
            raise
        raise StepTimeoutError(
            f"step {ctx.step!r} of {definition.name} has not ended in {limit:g} s"
        ) from exc
