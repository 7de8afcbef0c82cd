"""The worker's second connection: heartbeats, notifications and housekeeping."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from time import monotonic
from typing import Protocol

from gendurable import protocol
from gendurable.claims import Claim
from gendurable.database import answering, is_read_only, is_usable, log_failure, patience
from gendurable.errors import WorkerGoneError
from gendurable.events import (
    AwaitsExpired,
    Bus,
    CallFailed,
    Contended,
    HeartbeatAnswered,
    Maintained,
    Reaped,
    Swept,
    Throttled,
    UnknownLimit,
    WorkerEvent,
)
from gendurable.listener import listen, notified
from gendurable.process import is_gone, place, uptime
from gendurable.schema import note_newer

__all__ = ["Keeper", "Kept"]

logger = logging.getLogger("gendurable")

_PAUSE = 0.05  # between slices of maintenance
_LONGEST_WAIT = 5.0
_LIMITS_EVERY = 5.0


_OF_LIMITS = frozenset({Contended, Throttled, UnknownLimit})


class Kept(Protocol):
    """What the keeper needs of the worker."""

    @property
    def id(self) -> int | None:
        """Its current registration."""

    def held(self) -> Collection[Claim]:
        """Every claim that the worker believes to hold."""

    def claims_lost(self, claims: Collection[Claim]) -> None:
        """These claims are another worker's or none's now."""

    def registration_lost(self, worker: int) -> None:
        """The worker with this id is unknown to the database."""

    def work_arrived(self, queue: str) -> None:
        """There may be something to pick."""


class Keeper:
    """Keeps one worker alive in the eyes of the database for as long as ``run`` runs.

    While it was cut off for longer than a lease, others may have been too. For one lease after its
    return it declares no worker dead, so that they have the time to return as well.

    Args:
        worker: the worker whose lease it renews.
        connect: opens a connection.
        lease: seconds.
        listen: hear notifications; impossible behind a transaction pooler.
        heartbeat: seconds between two heartbeats; None for a third of the lease.
        maintenance: seconds between two slices of maintenance; None leaves it to others.
        bus: where its heartbeats, its housekeeping and what waits for limits are told.
    """

    def __init__(
        self,
        worker: Kept,
        connect: Callable[[], Awaitable[protocol.Connection]],
        *,
        lease: float,
        listen: bool,
        heartbeat: float | None = None,
        maintenance: float | None = 5.0,
        bus: Bus,
    ) -> None:
        self._worker = worker
        self._connect = connect
        self._lease = lease
        self._listen = listen
        self._interval = heartbeat or lease / 3
        self._maintenance = maintenance
        self.listens = False
        """Notifications are heard at the moment."""
        self._bus = bus
        # By uptime: when the latest heartbeat that was answered went out, and from when on this
        # worker may judge others.
        self._in_touch = self._judges_from = uptime()
        self._maintenance_left = False

    @property
    def lease(self) -> float:
        """Seconds without a sign of life after which others take the claims over."""
        return self._lease

    @property
    def silence(self) -> float:
        """Seconds since the latest heartbeat that was answered went out, or since the start."""
        return uptime() - self._in_touch

    async def run(self) -> None:
        """Work until cancelled, on a new connection whenever one breaks."""
        self._in_touch = uptime()
        wait = 0.1
        while True:
            started = monotonic()
            try:
                async with await self._connect() as conn:
                    await self._keep(conn)
            except Exception as exc:  # noqa: BLE001 (a bug here must not cost the worker)
                self._failed("the worker's upkeep", exc)
            self.listens = False
            longest = min(_LONGEST_WAIT, self._interval)
            wait = 0.1 if monotonic() - started > 60 else min(longest, wait * 2)
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 (no secret)

    async def _keep(self, conn: protocol.Connection) -> None:
        if self._listen:
            await listen(conn)
            self.listens = True
        heartbeat_at = limits_at = uptime()
        maintenance_at = float("inf") if self._maintenance is None else heartbeat_at
        while True:
            now = uptime()
            if now >= heartbeat_at:
                heartbeat_at = now + self._interval
                await self._try(conn, "a heartbeat", self._heartbeat)
            if self._maintenance is not None and now >= maintenance_at:
                # The jitter keeps the workers of a fleet from doing it all at the same moment.
                maintenance_at = now + self._maintenance * random.uniform(0.8, 1.2)  # noqa: S311
                await self._try(conn, "maintenance", self._maintain)
                if self._maintenance_left:
                    maintenance_at = uptime() + _PAUSE
            if now >= limits_at:
                limits_at = now + _LIMITS_EVERY
                if not self._bus.heard.keys().isdisjoint(_OF_LIMITS):
                    await self._try(conn, "a look at the limits", self._look_at_limits)
            await self._hear(conn, min(heartbeat_at, maintenance_at, limits_at) - uptime())

    async def _try(
        self,
        conn: protocol.Connection,
        what: str,
        work: Callable[[protocol.Connection], Awaitable[None]],
    ) -> None:
        """Do one thing; if it fails and the connection does not, there is a next time."""
        try:
            with answering(conn, patience(self._lease)):
                await work(conn)
        except Exception as exc:
            # A server that has become a standby stays reachable: another one may be the primary.
            if not is_usable(conn) or is_read_only(exc):
                raise
            self._failed(what, exc)

    def _failed(self, what: str, exc: Exception) -> None:
        log_failure(what, exc)
        self._bus.tell(CallFailed(worker=self._bus.worker, what=what, error=exc))

    async def _hear(self, conn: protocol.Connection, seconds: float) -> None:
        async for queue in notified(conn, seconds):
            self._worker.work_arrived(queue)

    async def _heartbeat(self, conn: protocol.Connection) -> None:
        worker = self._worker.id
        if worker is None:
            return
        # The claims as of now: one that is picked while the heartbeat travels is not in this list
        # and must not be taken for lost, even if it is the same instance under a newer fence.
        held = list(self._worker.held())
        sent = uptime()
        try:
            lost = await protocol.heartbeat(conn, worker, [claim.ctx.id for claim in held])
        except WorkerGoneError:
            self._heard(sent)
            self._worker.registration_lost(worker)
            return
        self._heard(sent)
        self._bus.tell(
            HeartbeatAnswered(
                worker=self._bus.worker,
                claims=len(held),
                lost=len(lost),
                seconds=uptime() - sent,
            )
        )
        if lost:
            self._worker.claims_lost([claim for claim in held if claim.ctx.id in lost])
        # The schema may be upgraded under a worker.
        note_newer(await protocol.schema_version(conn))

    def _heard(self, sent: float) -> None:
        """A heartbeat was answered."""
        now = uptime()
        if now - self._in_touch > self._lease:
            self._judges_from = now + self._lease
            logger.warning(
                "back after %.0f s: no worker is declared dead by this one for a lease (%g s)",
                now - self._in_touch, self._lease,
            )  # fmt: skip
        self._in_touch = sent

    async def _maintain(self, conn: protocol.Connection) -> None:
        self._maintenance_left = False
        # Reaping has a transaction of its own: what goes wrong with the rest does not undo it.
        for task in (self._reap_the_dead, self._reap, self._do_a_slice):
            # Asked each time: the process may have been stopped while the database answered.
            if not self._may_judge():
                return
            await task(conn)

    async def _reap(self, conn: protocol.Connection) -> None:
        if released := await protocol.reap(conn):
            self._bus.tell(Reaped(worker=self._bus.worker, claims=released))

    async def _do_a_slice(self, conn: protocol.Connection) -> None:
        began = uptime()
        done, self._maintenance_left = await protocol.maintain(conn)
        name, tell = self._bus.worker, self._bus.tell
        tell(Maintained(worker=name, done=done, seconds=uptime() - began))
        if expired := done.get("expire_awaits"):
            tell(AwaitsExpired(worker=name, count=expired))
        if swept := done.get("sweep"):
            tell(Swept(worker=name, count=swept))
        if reaped := done.get("reap"):
            tell(Reaped(worker=name, claims=reaped))
        for task, affected in done.items():
            logger.info("maintenance: %s: %d", task, affected)

    def _may_judge(self) -> bool:
        """Whether this worker is in touch, and was not cut off within the last lease."""
        now = uptime()
        return now - self._in_touch <= self._lease and now >= self._judges_from

    async def _look_at_limits(self, conn: protocol.Connection) -> None:
        """Tell of what waits for limits: no call answers that."""
        for kind, name, known, waiting in await protocol.waiting_for_limits(conn):
            event: WorkerEvent
            if kind == "concurrency":
                event = Contended(worker=self._bus.worker, name=name, waiting=waiting)
            elif known:
                event = Throttled(worker=self._bus.worker, name=name, waiting=waiting)
            else:
                event = UnknownLimit(worker=self._bus.worker, name=name, waiting=waiting)
            self._bus.tell(event)

    async def _reap_the_dead(self, conn: protocol.Connection) -> None:
        """Free what workers hold whose process is provably gone, without awaiting their lease."""
        if (here := place()) is None:
            return
        workers = await protocol.other_workers(conn, self._worker.id or 0, here)
        for worker, info in workers.items():
            if is_gone(info):
                released = await protocol.reap(conn, worker)
                self._bus.tell(Reaped(worker=self._bus.worker, claims=released, dead=worker))
                logger.warning(
                    "worker %d (pid %s) is dead: %d of its claims are free again",
                    worker, info.get("pid"), released,
                )  # fmt: skip
