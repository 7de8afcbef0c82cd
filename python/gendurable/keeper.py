"""The worker's second connection: heartbeats, notifications and housekeeping."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from time import monotonic
from typing import Protocol

import psycopg

from gendurable import protocol
from gendurable.database import one_line
from gendurable.errors import GendurableError, WorkerGoneError
from gendurable.execution import Claim
from gendurable.process import is_gone

__all__ = ["Keeper", "Kept"]

logger = logging.getLogger("gendurable")

_CHANNEL = "gendurable"
_MAINTENANCE = 5.0
_LONGEST_WAIT = 5.0


class Kept(Protocol):
    """What the keeper needs of the worker."""

    @property
    def id(self) -> int | None:
        """Its current registration."""

    def held(self) -> Collection[Claim]:
        """Every claim that the worker believes to hold."""

    def claims_lost(self, claims: Collection[Claim]) -> None:
        """These claims are somebody else's or nobody's now."""

    def registration_lost(self, worker: int) -> None:
        """The worker with this id is unknown to the database."""

    def work_arrived(self, queue: str) -> None:
        """There may be something to pick."""


class Keeper:
    """Keeps one worker alive in the eyes of the database for as long as ``run`` runs.

    Args:
        worker: whom it keeps.
        connect: opens a connection.
        lease: seconds; a heartbeat goes out three times in that.
        listen: hear notifications; impossible behind a transaction pooler.
    """

    def __init__(
        self,
        worker: Kept,
        connect: Callable[[], Awaitable[protocol.Connection]],
        *,
        lease: float,
        listen: bool,
    ) -> None:
        self._worker = worker
        self._connect = connect
        self._interval = lease / 3
        self._listen = listen

    async def run(self) -> None:
        """Work until cancelled, on a new connection whenever one breaks."""
        wait = 0.1
        while True:
            started = monotonic()
            try:
                async with await self._connect() as conn:
                    await self._keep(conn)
            except (psycopg.Error, GendurableError, OSError) as exc:
                logger.warning("the keeper's connection failed, trying again: %s", one_line(exc))
            wait = 0.1 if monotonic() - started > 60 else min(_LONGEST_WAIT, wait * 2)
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 (no secret)

    async def _keep(self, conn: protocol.Connection) -> None:
        if self._listen:
            await conn.execute(f"listen {_CHANNEL}")
        heartbeat_at = maintenance_at = monotonic()
        while True:
            now = monotonic()
            if now >= heartbeat_at:
                heartbeat_at = now + self._interval
                await self._heartbeat(conn)
            if now >= maintenance_at:
                # The jitter keeps the workers of a fleet from doing it all at the same moment.
                maintenance_at = now + _MAINTENANCE * random.uniform(0.8, 1.2)  # noqa: S311
                await self._maintain(conn)
            await self._hear(conn, min(heartbeat_at, maintenance_at) - monotonic())

    async def _hear(self, conn: protocol.Connection, seconds: float) -> None:
        async for notification in conn.notifies(timeout=max(0.0, seconds)):
            self._worker.work_arrived(notification.payload)

    async def _heartbeat(self, conn: protocol.Connection) -> None:
        worker = self._worker.id
        if worker is None:
            return
        # The claims as of now: one that is picked while the heartbeat travels is not in this list
        # and must not be taken for lost, even if it is the same instance under a newer fence.
        held = list(self._worker.held())
        try:
            lost = await protocol.heartbeat(conn, worker, [claim.ctx.id for claim in held])
        except WorkerGoneError:
            self._worker.registration_lost(worker)
            return
        if lost:
            self._worker.claims_lost([claim for claim in held if claim.ctx.id in lost])

    async def _maintain(self, conn: protocol.Connection) -> None:
        await self._reap_the_dead(conn)
        for task, affected in (await protocol.maintain(conn)).items():
            logger.info("maintenance: %s: %d", task, affected)

    async def _reap_the_dead(self, conn: protocol.Connection) -> None:
        """Free what workers hold whose process is provably gone, without awaiting their lease."""
        for worker, info in (await protocol.other_workers(conn, self._worker.id or 0)).items():
            if is_gone(info):
                released = await protocol.reap(conn, worker)
                logger.warning(
                    "worker %d (pid %s) is dead: %d of its claims are free again",
                    worker, info.get("pid"), released,
                )  # fmt: skip
