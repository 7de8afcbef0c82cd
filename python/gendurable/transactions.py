"""Transactional steps: what a step writes on ``ctx.conn`` and its outcome are one transaction.

The step runs within a transaction of a connection of its own, and ``gd_commit`` of its outcome is
the last statement there. So both are committed or neither is, a claim that was lost meanwhile takes
everything back, and what the step has enqueued or signalled on that connection happens once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from time import monotonic, sleep
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakSet

import msgspec
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from gendurable.calls import text_only
from gendurable.database import cut, keepalives, log_warning, one_line, to_primary
from gendurable.errors import OutcomeError, engine_errors
from gendurable.protocol import COMMIT, CommitResult
from gendurable.settle import Settled

__all__ = [
    "Again",
    "AnyLease",
    "AsyncLease",
    "Committed",
    "Lease",
    "Transactions",
    "Unavailable",
    "last_words",
    "why_again",
]

SyncConnection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
AsyncConnection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

# Whatever dumpers the step has registered for its connection. From here on the transaction is idle
# only while its commit travels. It holds the instance's lock, which must not outlive the lease by
# much.
_COMMIT = COMMIT.replace("%s,", "%s::bigint,") + (
    ", pg_catalog.set_config('idle_in_transaction_session_timeout', %s::text, true) as bounded"
)

_MOST_CONNECTIONS = 20
_MOST_REPETITIONS = 10
_CANCEL = 5.0

# Two transactions got into each other's way: neither is at fault.
_CONTENTION = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class Unavailable(Exception):  # noqa: N818 (it never leaves this package)
    """There is no connection for the step, which has not begun."""


class Committed(NamedTuple):
    """The engine's answer to an outcome that was sent within the step's transaction."""

    settled: Settled
    answer: CommitResult


class Again(NamedTuple):
    """The step has to run again with the same claim: its transaction was rolled back.

    Where the answer to COMMIT is lost, nothing is known. If it was applied, the fence has grown,
    and the outcome of the next run is stale.
    """

    reason: str


class Lease:
    """A sync connection that one step has for its transaction.

    Attributes:
        conn: the connection.
        began: when the transaction began, on the monotonic clock.
        broken: the connection was lost before the transaction had ended.
    """

    broken = False

    def __init__(self, conn: SyncConnection, idle: float) -> None:
        self.conn = conn
        self._idle = idle
        self.began = monotonic()
        self._lock = threading.Lock()
        self._interrupted = False
        self._over = False

    def interrupt(self) -> None:
        """Cancel what the connection executes now. Called in any thread, it does not wait."""
        with self._lock:
            if self._over or self._interrupted:
                return
            self._interrupted = True
        with suppress(RuntimeError):  # no thread can be started
            threading.Thread(target=self._cancel, name="gendurable-cancel", daemon=True).start()

    def end(self) -> bool:
        """The step has ended; whether the connection may be used again.

        One that was interrupted may not: the request to cancel may arrive late.
        """
        self.broken = self.conn.broken
        with self._lock:
            self._over = True
            return not self._interrupted and _is_reusable(self.conn)

    def _cancel(self) -> None:
        try:
            self.conn.cancel_safe(timeout=_CANCEL)
        except psycopg.Error:
            self.cut()
            return
        sleep(_CANCEL)
        self.cut()

    def cut(self) -> None:
        """Nothing travels on the connection any more: the step's call has to end all the same."""
        with self._lock:
            if not self._over:
                cut(self.conn)

    def commit(self, worker: int | None, entry: bytes) -> CommitResult:
        """Commit an outcome within the transaction."""
        with engine_errors(), text_only(psycopg.Cursor(self.conn, row_factory=tuple_row)) as cursor:
            parameters = _parameters(worker, entry, self._idle)
            return _answer(cursor.execute(_COMMIT, parameters).fetchall())


class AsyncLease:
    """An async connection that one step has for its transaction (see ``Lease``)."""

    broken = False
    _over = False

    def __init__(self, conn: AsyncConnection, idle: float) -> None:
        self.conn = conn
        self._idle = idle
        self.began = monotonic()

    def interrupt(self) -> None:
        """Psycopg cancels a query whose task is cancelled, if anything travels any more."""
        asyncio.get_running_loop().call_later(_CANCEL, self.cut)

    def cut(self) -> None:
        """See ``Lease``."""
        if not self._over:
            cut(self.conn)

    def end(self) -> bool:
        """The step has ended; whether the connection may be used again."""
        self._over = True
        self.broken = self.conn.broken
        return _is_reusable(self.conn)

    async def commit(self, worker: int | None, entry: bytes) -> CommitResult:
        """Commit an outcome within the transaction."""
        cursor = text_only(psycopg.AsyncCursor(self.conn, row_factory=tuple_row))
        with engine_errors():
            async with cursor:
                await cursor.execute(_COMMIT, _parameters(worker, entry, self._idle))
                return _answer(await cursor.fetchall())


AnyLease: TypeAlias = Lease | AsyncLease


class Transactions:
    """The connections of a worker's transactional steps, opened on demand and kept.

    There are at most twenty for sync steps and twenty for async ones; a step beyond that waits.

    Args:
        conninfo: where to connect. The settings of the sessions are those of the database and the
            role, as the step's own SQL expects; each transaction is READ COMMITTED and may write.
        pooler: it leads through a transaction pooler.
        worker: the id of the worker's registration.
        lease: seconds that a transaction may be idle once it has committed its outcome.
    """

    def __init__(
        self, conninfo: str, *, pooler: bool, worker: Callable[[], int | None], lease: float = 60.0
    ) -> None:
        self.worker = worker
        self._idle_seconds = lease
        self._conninfo = to_primary(conninfo)
        self._threshold = None if pooler else 5
        self._closed = False
        self._idle: list[SyncConnection] = []
        self._idle_async: list[AsyncConnection] = []
        # All there are, from the moment they are open: one on which a transaction begins is neither
        # idle nor leased, and may wait for an answer that never comes.
        self._open: WeakSet[SyncConnection | AsyncConnection] = WeakSet()
        self._opening = threading.Lock()
        self._free = threading.Semaphore(_MOST_CONNECTIONS)
        self._free_async = asyncio.Semaphore(_MOST_CONNECTIONS)

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """A connection within a transaction, which is committed at the end.

        Raises:
            Unavailable: there is none.
        """
        with self._free:
            conn, transaction = self._begin()
            lease = Lease(conn, self._idle_seconds)
            try:
                with transaction:
                    yield lease
            finally:
                conn.row_factory, conn.cursor_factory = tuple_row, psycopg.Cursor
                if lease.end() and not self._closed:
                    self._idle.append(conn)
                else:
                    self._close(conn)

    @asynccontextmanager
    async def lease_async(self) -> AsyncIterator[AsyncLease]:
        """The same for an async step."""
        async with self._free_async:
            conn, transaction = await self._begin_async()
            lease = AsyncLease(conn, self._idle_seconds)
            try:
                async with transaction:
                    yield lease
            finally:
                conn.row_factory, conn.cursor_factory = tuple_row, psycopg.AsyncCursor
                if lease.end() and not self._closed:
                    self._idle_async.append(conn)
                else:
                    await conn.close()

    def cut(self) -> None:
        """Take all connections for lost, because nothing travels on the worker's own any more.

        Their steps run again.
        """
        with self._opening:
            for conn in self._open:
                cut(conn)

    async def close(self) -> None:
        """Close what is idle now, and what is leased as soon as its step ends."""
        self._closed = True
        while self._idle:
            self._close(self._idle.pop())
        while self._idle_async:
            await self._idle_async.pop().close()

    def _close(self, conn: SyncConnection) -> None:
        with self._opening:  # else the number of its socket might be another's when it is cut
            conn.close()

    def _begin(self) -> tuple[SyncConnection, ExitStack]:
        while True:
            with suppress(IndexError):
                conn = self._idle.pop()
                # One that was kept may have died meanwhile.
                with suppress(psycopg.Error):
                    return conn, _enter(conn)
                self._close(conn)
                continue
            try:
                conn = self._connect()
                return conn, _enter(conn)
            except psycopg.Error as exc:
                raise Unavailable(one_line(exc)) from exc

    async def _begin_async(self) -> tuple[AsyncConnection, AsyncExitStack]:
        while self._idle_async:
            conn = self._idle_async.pop()
            with suppress(psycopg.Error):
                return conn, await _enter_async(conn)
            await conn.close()
        try:
            conn = await self._connect_async()
            return conn, await _enter_async(conn)
        except psycopg.Error as exc:
            raise Unavailable(one_line(exc)) from exc

    def _connect(self) -> SyncConnection:
        conn = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=self._threshold)
        with self._opening:
            self._open.add(conn)
        conn.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        conn.read_only = conn.deferrable = False
        if self._threshold is not None:
            conn.execute(keepalives())
        conn.add_notice_handler(log_warning)
        return conn

    async def _connect_async(self) -> AsyncConnection:
        conn = await psycopg.AsyncConnection.connect(
            self._conninfo, autocommit=True, prepare_threshold=self._threshold
        )
        with self._opening:
            self._open.add(conn)
        await conn.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
        await conn.set_read_only(False)
        await conn.set_deferrable(False)
        if self._threshold is not None:
            await conn.execute(keepalives())
        conn.add_notice_handler(log_warning)
        return conn


def last_words(lease: AnyLease, settled: Settled, *, stays: bool) -> bytes:
    """The outcome as it travels within the step's transaction.

    Args:
        lease: the step's.
        settled: the outcome.
        stays: whether the worker wants to keep the claim where the engine lets it.

    Raises:
        OutcomeError: the step has ended the transaction, or what failed in it was caught.
    """
    match lease.conn.info.transaction_status:
        case TransactionStatus.INTRANS:
            pass
        case TransactionStatus.INERROR:
            raise OutcomeError(
                "the transaction of ctx.conn has failed, and its error was caught\n"
                "Put what may fail in a block of its own: with ctx.conn.transaction()."
            )
        case _:
            raise OutcomeError("the step has ended the transaction of ctx.conn, which is not its")
    # The engine counts from the beginning of the transaction, which is that of the step.
    entry = _later(settled.entry, monotonic() - lease.began)
    return entry[:-1] + b',"continue":true}' if stays and settled.may_run_ahead else entry


def why_again(lease: AnyLease | None, exc: BaseException, repetitions: int) -> Again | None:
    """Whether a step has to run again because of what happened to its transaction.

    Args:
        lease: the step's; None where there was none yet.
        exc: what ended the transaction.
        repetitions: how often the step was run again before.
    """
    if lease is None or repetitions >= _MOST_REPETITIONS:
        return None
    return Again(one_line(exc)) if lease.broken or isinstance(exc, _CONTENTION) else None


def _enter(conn: SyncConnection) -> ExitStack:
    with ExitStack() as stack:
        # Explicit commits are an error within such a block.
        stack.enter_context(conn.transaction())
        return stack.pop_all()


async def _enter_async(conn: AsyncConnection) -> AsyncExitStack:
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(conn.transaction())
            return stack.pop_all()
    except BaseException:
        await conn.close()
        raise


def _is_reusable(conn: psycopg.BaseConnection[Any]) -> bool:
    return not conn.closed and conn.info.transaction_status == TransactionStatus.IDLE


def _parameters(worker: int | None, entry: bytes, idle: float) -> tuple[str | None, str, str]:
    return None if worker is None else str(worker), f"[{entry.decode()}]", f"{idle * 1000:.0f}ms"


def _answer(rows: list[tuple[Any, ...]]) -> CommitResult:
    (instance, fence, *others) = rows[0]
    # Whatever loaders the step has registered for its connection.
    return CommitResult(int(instance), int(fence), *others)


def _later(entry: bytes, seconds: float) -> bytes:
    """The outcome with its delay, or its timeout, counted from later on."""
    if b'"delay_ms":' not in entry and b'"timeout_ms":' not in entry:
        return entry
    fields = msgspec.json.decode(entry, type=dict[str, msgspec.Raw])
    for name in {"delay_ms", "timeout_ms"} & fields.keys():
        moment = msgspec.json.decode(fields[name], type=int)
        if moment:
            fields[name] = msgspec.Raw(str(moment + round(seconds * 1000)).encode())
    return msgspec.json.encode(fields)
