"""The database as the dashboard uses it: a few connections that read, and one for each action."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

from gendurable.database import Connection, connect, is_loss, is_usable

__all__ = ["Store", "Write"]

T = TypeVar("T")

Write: TypeAlias = Callable[[Callable[[Connection], Awaitable[Any]]], Awaitable[Any]]
"""Runs calls in a transaction."""

_SIZE = 4
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
            return await self._run(
                await connect(self.info, pooler=self._pooler, settings=_READING), query
            )

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Write]:
        """A connection of its own: what is called through it is a transaction each, run once."""
        async with self._slots:
            conn = await connect(self.info, pooler=self._pooler, settings=_WRITING)
            try:
                yield lambda query: _in_transaction(conn, query)
            finally:
                await conn.close()

    async def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            await self._idle.pop().close()

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
