"""The database as the dashboard uses it: a few connections that read, and one for each action."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeAlias, TypeVar

from gendurable.database import Connection, connect, is_loss, is_usable

__all__ = ["Store", "Write"]

T = TypeVar("T")

Write: TypeAlias = Callable[[Callable[[Connection], Awaitable[Any]]], Awaitable[Any]]
"""Runs calls in a transaction."""

_SIZE = 4
_PAUSE = 1.0
"""Seconds without a further attempt after one has failed."""
_READING = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5s",
    # What a page shows needs no exact count of a million.
    "gendurable.most_counted": "2000",
}
_WRITING = {"statement_timeout": "60s"}


class Store:
    """Reads on connections that cannot write, which are kept; writes on one of its own.

    Args:
        info: a string that ``conninfo`` made.
        pooler: it leads through a transaction pooler.
    """

    def __init__(self, info: str, *, pooler: bool = False) -> None:
        self.info = info
        self._pooler = pooler
        self._slots = asyncio.Semaphore(_SIZE)
        self._idle: list[Connection] = []
        self._trouble: Exception | None = None
        self._until = 0.0

    async def read(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """Run queries in one transaction; again on a new connection if an old one was lost."""
        async with self._slots:
            while self._idle:
                conn = self._idle.pop()
                try:
                    return await self._run(conn, query)
                except Exception as exc:
                    if not is_loss(exc) or is_usable(conn):
                        raise
            return await self._run(await self._connect(_READING), query)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Write]:
        """A connection of its own: what is called through it is a transaction each, run once."""
        async with self._slots:
            conn = await self._connect(_WRITING)
            try:
                yield lambda query: _in_transaction(conn, query)
            finally:
                await conn.close()

    async def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            await self._idle.pop().close()

    async def _connect(self, settings: Mapping[str, str]) -> Connection:
        """A new connection; shortly after one could not be had, the same error at once."""
        if self._trouble is not None and monotonic() < self._until:
            raise self._trouble.with_traceback(None)
        try:
            conn = await connect(self.info, pooler=self._pooler, settings=settings)
        except Exception as exc:
            # Each attempt may take as long as connect_timeout, and many may want one.
            self._trouble, self._until = exc, monotonic() + _PAUSE
            raise
        self._trouble = None
        return conn

    async def _run(self, conn: Connection, query: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            return await _in_transaction(conn, query)
        finally:
            if is_usable(conn):
                self._idle.append(conn)
            else:
                await conn.close()


async def _in_transaction(conn: Connection, query: Callable[[Connection], Awaitable[T]]) -> T:
    async with conn.transaction():
        if conn.local_settings is not None:
            await conn.execute(conn.local_settings)
        return await query(conn)
