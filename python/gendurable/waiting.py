"""Waiting for an instance to end or to park, woken by the commit in which it does.

``gd_watch`` has that commit notify. It is listened for first, then watched for, then looked at, so
nothing is missed. Looks from time to time are the floor under it: a notification cannot be heard
through a transaction pooler, and on a standby nothing can be listened to or watched at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from math import inf
from time import monotonic
from typing import Any, NamedTuple, cast, overload

import psycopg
from psycopg.pq import TransactionStatus

from gendurable.arguments import Duration, seconds, texts
from gendurable.calls import AnyConnection, MaybeCoroutine, no_connection
from gendurable.client import Address, Status, status, watch
from gendurable.drivers import AsyncHandle, SyncHandle, driver_of, within, within_async
from gendurable.errors import AccessError, EngineError, UsageError, WaitTimeoutError

__all__ = ["wait"]

_CHANNEL = "gendurable_watch"
_LISTEN, _UNLISTEN = f"listen {_CHANNEL}", f"unlisten {_CHANNEL}"
_READ_ONLY = "25006"
_MOVING = "GD030"  # a router: the partition is on its way to another database
_TERMINAL = frozenset({"done", "failed"})
_STATUSES = _TERMINAL | {"runnable", "executing", "awaiting_signal", "awaiting_children"}
_PAUSE = (0.02, 1.0)


@overload
def wait(
    conn: SyncHandle,
    /,
    target: Address,
    *,
    timeout: Duration | None = None,
    until: str | Iterable[str] | None = None,
) -> Status | None: ...
@overload
def wait(
    conn: AsyncHandle,
    /,
    target: Address,
    *,
    timeout: Duration | None = None,
    until: str | Iterable[str] | None = None,
) -> Coroutine[Any, Any, Status | None]: ...
def wait(
    conn: AnyConnection,
    /,
    target: Address,
    *,
    timeout: Duration | None = None,
    until: str | Iterable[str] | None = None,
) -> MaybeCoroutine[Status | None]:
    """Wait until an instance has ended, or is in a status; woken by the commit that does it.

    The connection is used for nothing else meanwhile, and may not be in a transaction: nothing that
    it has enqueued exists for others before the commit. Where nothing can be heard on it (a pooler,
    a standby, psycopg2) the instance is looked at again and again, once a second in the end.

    Args:
        conn: the caller's connection. It listens on the channel ``gendurable_watch`` until this
            returns, and what it hears on other channels goes to its notify handlers alone.
        target: a correlation key (str or UUID), or the id of an instance (int). Of a key its
            present occupant is waited for, else the newest instance that carried it.
        timeout: how long at most, in seconds or as a timedelta; None for ever, 0 looks once.
        until: one or several statuses; by default ``done`` and ``failed``, which end the wait in
            any case.

    Returns:
        The instance as it was then; None if there is no such instance, or retention has forgotten
        it.

    Raises:
        WaitTimeoutError: the time is over; its ``status`` is what was seen last.
        UsageError: an argument has a wrong type, or the connection is in a transaction.
    """
    goal = _Goal(_deadline(timeout), _chosen(until))
    if isinstance(conn, psycopg.Connection):
        return _wait(conn, target, goal)
    if isinstance(conn, psycopg.AsyncConnection):
        return _wait_async(conn, target, goal)
    driver = driver_of(conn)
    if driver is None:
        raise no_connection(conn)
    return _wait_async(conn, target, goal) if driver.is_async else _wait(conn, target, goal)


class _Goal(NamedTuple):
    """When a wait is over: a moment on the monotonic clock, and statuses."""

    deadline: float
    statuses: frozenset[str]


class _Ear(NamedTuple):
    """Where to look, and how to wait for news.

    Attributes:
        conn: the connection to look on.
        listens: notifications can be asked for.
        hear: waits for news of an instance, so many seconds at most; answers whether there is any,
            on an async connection with a coroutine.
    """

    conn: Any
    listens: bool
    hear: Callable[[int, float], Any]


def _wait(conn: Any, target: Address, goal: _Goal) -> Status | None:
    with _ear(conn) as ear:
        course = _course(ear, target, goal)
        answer: Any = None
        try:
            while True:
                answer = course.send(answer)
        except StopIteration as end:
            return cast("Status | None", end.value)


async def _wait_async(conn: Any, target: Address, goal: _Goal) -> Status | None:
    async with _ear_async(conn) as ear:
        course = _course(ear, target, goal)
        try:
            call = course.send(None)
            while True:
                try:
                    answer = await call
                except (AccessError, EngineError) as exc:
                    call = course.throw(exc)
                else:
                    call = course.send(answer)
        except StopIteration as end:
            return cast("Status | None", end.value)


def _course(ear: _Ear, target: Address, goal: _Goal) -> Generator[Any, Any, Status | None]:
    """The calls of a wait, one after the other.

    Each is yielded: on a sync connection its answer, on an async one a coroutine of it. The answer
    is sent back.
    """
    found: Status | None = yield from _asked(ear, status, target, goal)
    pause, watches, news = _PAUSE[0], ear.listens, True
    while found is not None and found.status not in goal.statuses:
        left = goal.deadline - monotonic()
        if left <= 0:
            raise WaitTimeoutError(found)
        if watches and news:
            news = False
            try:
                yield from _asked(ear, watch, found.id, goal)
            except AccessError:  # Nothing can be written here.
                watches = False
        else:
            news = yield ear.hear(found.id, min(pause, left))
            pause = min(_PAUSE[1], 2 * pause)
        found = yield from _asked(ear, status, found.id, goal)
    return found


def _asked(
    ear: _Ear, call: Callable[[Any, Address], Any], target: Address, goal: _Goal
) -> Generator[Any, Any, Any]:
    """What a call answers, made again while a router refuses it because the partition moves."""
    pause = _PAUSE[0]
    while True:
        try:
            return (yield call(ear.conn, target))
        except EngineError as exc:
            left = goal.deadline - monotonic()
            if exc.sqlstate != _MOVING or left <= 0:
                raise
        yield ear.hear(0, min(pause, left))  # No instance has this id.
        pause = min(_PAUSE[1], 2 * pause)


@contextmanager
def _ear(conn: Any) -> Iterator[_Ear]:
    own = within(conn)
    if not isinstance(own, psycopg.Connection):
        yield _Ear(conn, listens=False, hear=_sleep)
        return
    _check_idle(own.info.transaction_status == TransactionStatus.IDLE)
    before, listens = own.autocommit, True

    def hear(instance: int, seconds: float) -> bool:
        heard = own.notifies(timeout=seconds)
        found = any(_tells_of(one.channel, one.payload, instance) for one in heard)
        heard.close()
        return found

    own.autocommit = True
    try:
        try:
            psycopg.Cursor(own).execute(_LISTEN)
        except psycopg.errors.ReadOnlySqlTransaction:  # a standby
            listens = False
        yield _Ear(own, listens, hear if listens else _sleep)
    finally:
        if own.info.transaction_status == TransactionStatus.IDLE:
            if listens:
                psycopg.Cursor(own).execute(_UNLISTEN)
            own.autocommit = before


@asynccontextmanager
async def _ear_async(conn: Any) -> AsyncIterator[_Ear]:
    own = await within_async(conn)
    if isinstance(own, psycopg.AsyncConnection):
        async with _ear_of_psycopg(own) as ear:
            yield ear
    else:
        async with _ear_of_asyncpg(own) as ear:
            yield ear


@asynccontextmanager
async def _ear_of_psycopg(conn: psycopg.AsyncConnection[Any]) -> AsyncIterator[_Ear]:
    _check_idle(conn.info.transaction_status == TransactionStatus.IDLE)
    before, listens = conn.autocommit, True

    async def hear(instance: int, seconds: float) -> bool:
        found = False
        heard = conn.notifies(timeout=seconds)
        async for one in heard:
            if found := _tells_of(one.channel, one.payload, instance):
                break
        await heard.aclose()
        return found

    await conn.set_autocommit(True)
    try:
        try:
            await psycopg.AsyncCursor(conn).execute(_LISTEN)
        except psycopg.errors.ReadOnlySqlTransaction:  # a standby
            listens = False
        yield _Ear(conn, listens, hear if listens else _sleep_async)
    finally:
        if conn.info.transaction_status == TransactionStatus.IDLE:
            if listens:
                await psycopg.AsyncCursor(conn).execute(_UNLISTEN)
            await conn.set_autocommit(before)


@asynccontextmanager
async def _ear_of_asyncpg(conn: Any) -> AsyncIterator[_Ear]:
    _check_idle(not conn.is_in_transaction())
    news: set[str] = set()
    arrived = asyncio.Event()

    def note(_conn: object, _pid: int, _channel: str, payload: str) -> None:
        news.add(payload.partition(":")[0])
        arrived.set()

    async def hear(instance: int, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while str(instance) not in news:
                    arrived.clear()
                    await arrived.wait()
        found = str(instance) in news
        news.clear()
        return found

    listens = True
    try:
        await conn.add_listener(_CHANNEL, note)
    except Exception as exc:
        if getattr(exc, "sqlstate", None) != _READ_ONLY:
            raise
        listens = False  # a standby
    try:
        yield _Ear(conn, listens, hear if listens else _sleep_async)
    finally:
        if listens and not conn.is_closed():
            await conn.remove_listener(_CHANNEL, note)


def _sleep(_: int, seconds: float) -> bool:
    time.sleep(seconds)
    return False


async def _sleep_async(_: int, seconds: float) -> bool:
    await asyncio.sleep(seconds)
    return False


def _tells_of(channel: str, payload: str, instance: int) -> bool:
    return channel == _CHANNEL and payload.partition(":")[0] == str(instance)


def _check_idle(is_idle: bool) -> None:
    if not is_idle:
        raise UsageError(
            "the connection is in a transaction, and what it enqueued exists for no worker yet\n"
            "Commit or roll back before wait."
        )


def _deadline(timeout: Duration | None) -> float:
    if timeout is None:
        return inf
    found = seconds(timeout, "timeout")
    if found < 0:
        raise UsageError(f"timeout must not be negative, it is {found:g} s")
    return monotonic() + found


def _chosen(until: str | Iterable[str] | None) -> frozenset[str]:
    chosen = frozenset() if until is None else frozenset(texts("until", until))
    if unknown := chosen - _STATUSES:
        raise UsageError(
            f"until: there is no status {', '.join(sorted(unknown))}; "
            f"there are {', '.join(sorted(_STATUSES))}"
        )
    return chosen | _TERMINAL
