"""Turns: each commits what has finished and picks for every free place, in one round trip.

While it travels, steps run; what finishes meanwhile goes with the next turn. So batches form by
themselves under load, an idle worker answers at once, and no step waits for the slowest one. Where
there is work for many places a second turn is taken beside the first, on a connection of its own:
the database works for one half of the places while the steps of the other half run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Protocol

import psycopg

from gendurable import protocol
from gendurable.claims import Claim
from gendurable.database import answering, log_failure
from gendurable.errors import EngineError, WorkerGoneError
from gendurable.events import (
    Bus,
    CallFailed,
    DrainEnded,
    Picked,
    PickFailed,
    Relieved,
    Saturated,
    TurnEnded,
)
from gendurable.holding import Holding
from gendurable.queues import ENOUGH, Queue
from gendurable.reports import Reports
from gendurable.session import Session
from gendurable.text import safe_str
from gendurable.transactions import Transactions

__all__ = ["Turns"]

_FAILED_WAIT = 1.0
_LONGEST_WAIT = 60.0

# What the database refuses about the data itself, not about the moment: sending the same outcome
# again would fail again. Data exceptions, violated constraints, program limits, errors of its own.
_REFUSED_CLASSES = frozenset({"21", "22", "23", "54", "P0", "XX"})


class Hears(Protocol):
    """What hears notifications."""

    listens: bool
    """Whether it does so now."""


class Turns:
    """Takes turns until the worker stops.

    Args:
        holding: the claims of the worker.
        queues: the places of its queues.
        session: its registration, and its connections.
        reports: what is said of its steps along the way.
        transactions: what has lost its connections when the database is silent.
        bus: where it is told.
        wake: set when there may be something to do.
        hears: what hears notifications.

    Attributes:
        began: when the turn began that is under way, on the monotonic clock; None: there is none.
    """

    def __init__(
        self,
        holding: Holding,
        queues: Mapping[str, Queue],
        session: Session,
        *,
        reports: Reports,
        transactions: Transactions,
        bus: Bus,
        wake: asyncio.Event,
        hears: Hears,
    ) -> None:
        self.began: float | None = None
        self._holding = holding
        self._queues = queues
        self._session = session
        self._reports = reports
        self._transactions = transactions
        self._bus = bus
        self._heard = bus.heard
        self._wake = wake
        self._hears = hears
        self._one_by_one = False
        self._saturated: set[str] = set()
        self._stopped_at = 0.0
        self._stop_at: float | None = None

    async def run(self) -> None:
        """Take turns until ``stop``, and then until all is done or there is no time left."""
        while self._goes_on():
            await self._until_due()
            try:
                conn, worker = await self._session.open()
                with answering(conn, self._session.patience, self._transactions.cut):
                    await self._turn(conn, worker)
                    if self._session.in_doubt:
                        await self._resolve_doubt(conn, worker)
                self._session.succeeded()
            except WorkerGoneError:
                if self._session.worker is not None:
                    self._holding.registration_lost(self._session.worker)
            except Exception as exc:  # noqa: BLE001 (whatever it is, it costs this turn, no more)
                if CallFailed in self._heard:
                    self._bus.tell(CallFailed(worker=self._bus.worker, what="a turn", error=exc))
                await self._session.failed(exc)
        if DrainEnded in self._heard and self._stop_at is not None:
            took = monotonic() - self._stopped_at
            left = len(self._holding.claims)
            self._bus.tell(DrainEnded(worker=self._bus.worker, left=left, seconds=took))
        await self._report_the_rest()

    def stop(self, seconds: float) -> None:
        """Pick nothing more, and end when all is done, or after so long."""
        self._stopped_at = monotonic()
        self._stop_at = self._stopped_at + seconds
        self._wake.set()

    async def _report_the_rest(self) -> None:
        """Say before leaving what was not due yet, if the database is there to hear it."""
        report = self._reports.take(everything=True)
        if report is not None and self._session.ready:
            try:
                conn, worker = await self._session.open()
                await protocol.turn(conn, worker, [], {}, [], report=report)
            except Exception as exc:  # noqa: BLE001 (it is no reason not to leave)
                log_failure("the last report", exc)

    def _goes_on(self) -> bool:
        """Whether there is another turn: what has finished before it leaves is committed."""
        if self._stop_at is None:
            return True
        if not self._holding.claims:
            return False
        return self._holding.outcomes > 0 or monotonic() < self._stop_at

    async def _until_due(self) -> None:
        """Wait until there is something to commit, to give back or to pick."""
        self._wake.clear()
        wait = self._next_turn() - monotonic()
        if wait <= 0:
            # Let what is about to finish finish, so that it shares this turn.
            await asyncio.sleep(0)
            return
        timer = asyncio.get_running_loop().call_later(wait, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _next_turn(self) -> float:
        if self._holding.is_due or not self._session.ready:
            return 0.0
        moments = self._holding.busy_until
        moments.append(self._reports.due_at)
        if self._stop_at is not None:
            moments.append(self._stop_at)
        elif self._holding.room()[0] > 0:
            moments += [queue.look_at for queue in self._queues.values() if queue.room > 0]
        else:
            moments.append(self._holding.suspects.changes_at())
        return min(moments, default=monotonic() + _LONGEST_WAIT)

    async def _turn(self, conn: protocol.Connection, worker: int) -> None:
        # Before the pick, which may bring the same instances again.
        await self._holding.give_back(conn, worker)
        if self._one_by_one:
            await self._commit_one_by_one(conn, worker, self._holding.take_outbox())
        self.began = monotonic()
        try:
            if self._overlaps():
                await self._two_exchanges(conn, worker)
            else:
                await self._exchange(conn, worker)
        finally:
            self.began = None
        await self._holding.give_back(conn, worker)

    def _overlaps(self) -> bool:
        """Whether a second turn may be under way: where there is much work, and no doubt."""
        return (
            self._stop_at is None
            and not self._session.in_doubt
            and not self._holding.suspects.making_room
            and any(queue.crowded for queue in self._queues.values())
        )

    async def _two_exchanges(self, conn: protocol.Connection, worker: int) -> None:
        """Let the database work for one half of the places while the steps of the other run."""
        first = asyncio.create_task(self._exchange(conn, worker))
        second = asyncio.create_task(self._exchange_beside(first, worker))
        first.add_done_callback(lambda _: self._wake.set())
        try:
            await asyncio.wait([first, second])
        except asyncio.CancelledError:
            first.cancel()
            second.cancel()
            await asyncio.wait([first, second])
            raise
        for each in (first, second):
            await each

    async def _exchange_beside(self, first: asyncio.Task[None], worker: int) -> None:
        """Exchange on another connection, as soon as it is worth it and if the first one lasts."""
        while not first.done():
            if self._holding.outcomes >= ENOUGH or sum(self._wanted([]).values()) >= ENOUGH:
                conn = await self._session.second()
                with answering(conn, self._session.patience):
                    await self._exchange(conn, worker)
                return
            self._wake.clear()
            await self._wake.wait()
            await asyncio.sleep(0)

    async def _exchange(self, conn: protocol.Connection, worker: int) -> None:
        """Commit what has finished, pick for free places, and do what the answers say."""
        outbox = self._holding.take_outbox()
        stays = self._holding.stays()
        entries = [self._holding.entry(claim, stays=stays) for claim in outbox]
        wanted = self._wanted(outbox)
        report = self._reports.take()
        if not entries and not wanted and report is None:
            return
        idle = [queue for queue, places in wanted.items() if self._queues[queue].look(places)]
        began = monotonic()
        try:
            turn = await protocol.turn(conn, worker, entries, wanted, idle, report=report)
        except BaseException as exc:
            self._unanswered(outbox, wanted)
            if not (outbox and _is_refused(exc)):
                raise
            self._one_by_one = self._session.in_doubt = True
            await conn.rollback()
            return
        finally:
            for queue, places in wanted.items():
                self._queues[queue].answered(places)
        if self._session.worker != worker:
            # The keeper heard meanwhile that nothing of this is ours any more.
            for claim in outbox:
                self._holding.answered(claim)
            return
        for claim, answer in zip(outbox, turn.answers, strict=True):
            self._holding.apply(claim, answer)
        self._looked(turn, wanted, commits=bool(entries))
        if self._heard:
            self._tell_turn(turn, wanted, monotonic() - began)

    def _unanswered(self, outbox: list[Claim], wanted: Iterable[str]) -> None:
        """Of what was sent nothing is known: an outcome that was applied is stale, sent again."""
        for claim in outbox:
            self._holding.answered(claim)
        self._holding.send_again(outbox)
        for queue in wanted:
            self._queues[queue].unsettle()

    def _looked(self, turn: protocol.Turn, wanted: Mapping[str, int], *, commits: bool) -> None:
        for queue, failure in turn.failed.items():
            log_failure(f"a pick of queue {queue}", failure)
            self._queues[queue].rest(_FAILED_WAIT)
        if commits:
            for name in self._queues.keys() - wanted.keys():
                self._queues[name].committed()
        for queue, picked in turn.picked.items():
            self._queues[queue].looked(
                found=len(picked), wanted=wanted[queue], due=turn.due.get(queue), commits=commits
            )
            self._holding.take(picked)

    def _tell_turn(self, turn: protocol.Turn, wanted: Mapping[str, int], seconds: float) -> None:
        name, tell = self._bus.worker, self._bus.tell
        picked = sum(map(len, turn.picked.values()))
        tell(TurnEnded(worker=name, outcomes=len(turn.answers), picked=picked, seconds=seconds))
        for queue, failure in turn.failed.items():
            tell(PickFailed(worker=name, queue=queue, error=failure))
        for queue, found in turn.picked.items():
            demand = wanted[queue]
            tell(Picked(worker=name, queue=queue, count=len(found), demand=demand))
            places = self._queues[queue]
            if places.free <= 0 and queue not in self._saturated:
                self._saturated.add(queue)
                tell(Saturated(worker=name, queue=queue, concurrency=places.concurrency))
            elif len(found) < demand and queue in self._saturated:
                self._saturated.discard(queue)
                tell(Relieved(worker=name, queue=queue))

    def _wanted(self, outbox: Sequence[Claim]) -> dict[str, int]:
        """How many executions to pick from each queue that is worth a look.

        A step that has ended has left its place, so that place is picked for in the round trip
        that commits its outcome.
        """
        if self._stop_at is not None:
            return {}
        now = monotonic()
        # What is committed may be what makes an instance ready, so a commit is worth a look; but
        # not where nothing has come of that, and a notification would tell.
        commits = any(not claim.refusals for claim in outbox)
        listens = self._hears.listens
        wanted = {
            queue.name: queue.share
            for queue in self._queues.values()
            if queue.room > 0
            and queue.may_look(now)
            and (
                queue.look_at <= now
                or (commits and (queue.follows or not (listens and queue.settled)))
            )
        }
        room, first = self._holding.room(outbox)
        if room >= sum(wanted.values()):
            return wanted
        return _at_most(room, wanted, first)

    async def _commit_one_by_one(
        self, conn: protocol.Connection, worker: int, outbox: Sequence[Claim]
    ) -> None:
        """Commit what the database has refused as a whole; only the bad outcomes fail."""
        left = list(outbox)
        try:
            while left:
                claim = left.pop(0)
                try:
                    answer = await protocol.commit_one(conn, worker, claim.outcome.entry)
                except Exception as exc:
                    if not _is_refused(exc):
                        left.insert(0, claim)
                        raise
                    self._holding.refuse(claim, _reason(exc))
                else:
                    self._holding.apply(claim, answer)
        finally:
            self._holding.send_again(left)
        self._one_by_one = False

    async def _resolve_doubt(self, conn: protocol.Connection, worker: int) -> None:
        """Hand back at once what was claimed in an answer that got lost.

        The second heartbeat's list is final for everything claimed before the first one, and no
        pick of this worker is on its way in between.
        """
        for _ in range(2):
            held = list(self._holding.claims)
            lost = await protocol.heartbeat(conn, worker, [claim.ctx.id for claim in held])
            self._holding.claims_lost([claim for claim in held if claim.ctx.id in lost])
        self._session.in_doubt = False


def _at_most(room: int, wanted: Mapping[str, int], first: str | None) -> dict[str, int]:
    """The wanted picks within so many in all, those of one queue before the others."""
    order = sorted(wanted, key=lambda queue: queue != first)
    granted: dict[str, int] = {}
    for queue in order:
        count = min(wanted[queue], room)
        if count > 0:
            granted[queue] = count
            room -= count
    return granted


def _is_refused(exc: BaseException) -> bool:
    """Whether it is the data that was refused, here or by the database, and not the moment."""
    if isinstance(exc, WorkerGoneError):
        return False
    if isinstance(exc, psycopg.Error):
        return (exc.sqlstate or "")[:2] in _REFUSED_CLASSES
    return isinstance(exc, (EngineError, ValueError, TypeError, OverflowError, MemoryError))


def _reason(exc: Exception) -> str:
    primary = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return primary or safe_str(exc, 1_000)
