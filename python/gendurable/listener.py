"""Hearing notifications on a way of its own to the database, past a transaction pooler."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from gendurable import protocol
from gendurable.database import answering, log_failure

__all__ = ["Hearer", "Listener", "listen", "notified"]

logger = logging.getLogger("gendurable")

_CHANNEL = "gendurable"
_PROBE = 10.0
_WAIT = (0.1, 5.0)


class Hearer(Protocol):
    """What a listener needs of the worker."""

    @property
    def id(self) -> int | None:
        """Its current registration."""

    def work_arrived(self, queue: str) -> None:
        """There may be something to pick."""


class Listener:
    """Tells a worker of notifications for as long as ``run`` runs.

    While it has no connection, the worker's own polling finds the work.

    Args:
        worker: the worker that it wakes.
        connect: opens a connection that is no pooler's.
    """

    def __init__(
        self, worker: Hearer, connect: Callable[[], Awaitable[protocol.Connection]]
    ) -> None:
        self._worker = worker
        self._connect = connect
        self.listens = False
        """Notifications are heard at the moment."""

    async def run(self) -> None:
        """Listen until cancelled, on a new connection whenever one breaks."""
        shortest, longest = _WAIT
        seconds = shortest
        while True:
            try:
                async with await self._connect() as conn:
                    await listen(conn)
                    self.listens = True
                    seconds = shortest
                    await self._hear(conn)
            except Exception as exc:  # noqa: BLE001 (a bug here must not cost the worker)
                log_failure("listening", exc)
            finally:
                self.listens = False
            seconds = min(longest, seconds * 2)
            await asyncio.sleep(seconds * random.uniform(0.5, 1))  # noqa: S311 (no secret)

    async def _hear(self, conn: protocol.Connection) -> None:
        told = False
        while True:
            # A connection that has died in silence says so only when it is used.
            with answering(conn, _PROBE):
                known = await protocol.is_registered(conn, self._worker.id)
            self.listens = known
            if not (known or told):
                told = True
                logger.warning(
                    "the database of listen_dsn does not know worker %s: it is another one, or a "
                    "replica, and polling has to find the work", self._worker.id,
                )  # fmt: skip
            async for queue in notified(conn, _PROBE):
                self._worker.work_arrived(queue)


async def listen(conn: protocol.Connection) -> None:
    """Ask for the notifications that tell of work."""
    await conn.execute(f"listen {_CHANNEL}")


async def notified(conn: protocol.Connection, seconds: float) -> AsyncIterator[str]:
    """The queues that notifications name, for so long."""
    async for notification in conn.notifies(timeout=max(0.0, seconds)):
        yield notification.payload
