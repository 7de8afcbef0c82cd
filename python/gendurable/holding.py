"""What becomes of the claims of a worker, from the pick to the answer to their outcomes."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from gendurable import protocol
from gendurable.claims import Claim
from gendurable.context import Context
from gendurable.events import Bus, ClaimLost, OutcomeAnswered, Reclaimed, RegistrationLost
from gendurable.execution import Runner
from gendurable.failures import verdict
from gendurable.machine import Definition
from gendurable.pages import missing_pages
from gendurable.queues import Queue
from gendurable.repertoire import Kind, Repertoire
from gendurable.reports import Reports
from gendurable.session import Session
from gendurable.settle import Settled
from gendurable.suspects import Suspects
from gendurable.transactions import Transactions

__all__ = ["Holding"]

logger = logging.getLogger("gendurable")

_APPLIED = ("committed", "continued")
_BUSY_WAIT = (0.02, 0.3)
_AGAIN_WAIT = (0.02, 5.0)
_MOST_BUSY = 1_000
_MOST_BYTES = 64 * 1024 * 1024
_UNSTARTED_WAIT = 2.0
_UNSTARTED_REST = 0.1
_UNSTORABLE_WAIT = 60.0


class Holding:
    """The claims of a worker, and what is on its way to the engine because of them.

    All of it belongs to the thread of the event loop.

    Args:
        repertoire: the machines of the worker.
        queues: the places of its queues.
        session: its registration.
        reports: where steps are measured.
        transactions: where transactional steps get their connections.
        bus: where it is told.
        wake: called when there may be something to do for a turn.

    Attributes:
        claims: every claim that the worker believes to hold.
        suspects: which of them may have ended a worker.
        runner: runs their steps.
        stopping: nothing new is started, and what may go on is given back.
    """

    def __init__(
        self,
        repertoire: Repertoire,
        queues: Mapping[str, Queue],
        session: Session,
        *,
        reports: Reports,
        transactions: Transactions,
        bus: Bus,
        wake: Callable[[], None],
    ) -> None:
        self.claims: set[Claim] = set()
        self.suspects = Suspects()
        self.stopping = False
        self._repertoire = repertoire
        self._queues = queues
        self._session = session
        self._reports = reports
        self._bus = bus
        self._heard = bus.heard
        self._wake = wake
        self._fetched: set[Claim] = set()
        self._outbox: list[Claim] = []
        self._busy: list[tuple[float, Claim]] = []
        self._unwanted: defaultdict[float | None, list[int]] = defaultdict(list)
        self._completing = asyncio.Semaphore(1)
        self.runner = Runner(
            sum(queue.concurrency for queue in queues.values()),
            self,
            transactions=transactions,
            bus=bus,
            complete=self._complete,
        )

    def stop(self) -> None:
        """Start nothing more, and give back what waits here for a place."""
        self.stopping = True
        for claim in self._fetched & self.claims:
            self._unwanted[None].append(claim.ctx.id)
            self._forget(claim)
        self._wake()

    def drop_all(self) -> None:
        """Give up every claim without an outcome."""
        for claim in list(self.claims):
            self._drop(claim)

    # What a turn asks and does.

    @property
    def is_due(self) -> bool:
        """Whether there is something to commit, or to give back."""
        return bool(self._outbox or self._unwanted)

    @property
    def outcomes(self) -> int:
        """How many outcomes wait to be committed."""
        return len(self._outbox)

    @property
    def busy_until(self) -> list[float]:
        """When what was busy is tried again, on the monotonic clock."""
        return [at for at, _ in self._busy]

    def stays(self) -> bool:
        """Whether the worker wants to keep claims that may go on."""
        return not self.stopping and not self.suspects.making_room

    def room(self, outbox: Collection[Claim] = ()) -> tuple[int, str | None]:
        """How many more claims to hold, and from which queue first, with the outbox committed."""
        room, first = _MOST_BUSY - len(self._busy), None
        if self.suspects.making_room:
            # Outcomes that stay here, because their instance is busy, still are claims.
            others = len(self.claims) - sum(not claim.asks for claim in outbox)
            beside, first = self.suspects.room(others)
            room = min(room, beside)
        return room, first

    def take(self, picked: Sequence[Context[Any]]) -> None:
        """Start what was picked, as far as this worker can start it at once."""
        unknown: defaultdict[Kind, list[int]] = defaultdict(list)
        suspects = False
        find, progress = self._repertoire.find, self._reports.progress
        for ctx in picked:
            definition = find(ctx)
            if definition is None:
                unknown[ctx.fsm, ctx.fsm_version, ctx.step].append(ctx.id)
                continue
            ctx.codec = definition.codec_for(ctx.fsm_version)
            ctx._tell = progress  # noqa: SLF001 (what the context hides from steps)
            if ctx.last_error_json is not None:
                if (settled := verdict(definition, ctx)) is not None:
                    self._condemn(Claim(definition, ctx, self._queues[ctx.queue]), settled)
                    continue
                if (rest := self.suspects.rest(ctx, definition.policy(ctx.step))) > 0:
                    self._unwanted[rest].append(ctx.id)
                    continue
                suspects = self._is_reclaimed(definition, ctx) or suspects
            self._start_or_give_back(Claim(definition, ctx, self._queues[ctx.queue]))
        if picked and not suspects:
            self.suspects.none_left()
        for kind, ids in unknown.items():
            self._unwanted[self._repertoire.unknown(kind, len(ids))] += ids

    def take_outbox(self) -> list[Claim]:
        """What is to be committed now, as far as it goes into one statement."""
        now = monotonic()
        if self._busy:
            due = [claim for at, claim in self._busy if at <= now]
            self._busy = [(at, claim) for at, claim in self._busy if at > now]
            self._outbox += [claim for claim in due if claim.settled is not None]
            for claim in due:
                if claim.settled is None:
                    claim.queue.when_free(partial(self._start_again, claim))
        outbox = [claim for claim in self._outbox if claim in self.claims]
        count, size = 0, 0
        for claim in outbox:
            size += len(claim.outcome.entry)
            if count and size > _MOST_BYTES:
                break
            count += 1
        self._outbox = outbox[count:]
        return outbox[:count]

    def entry(self, claim: Claim, *, stays: bool) -> bytes:
        """The outcome as it travels.

        It asks to go on here where there is a place for that, if the worker wants to keep claims.
        """
        settled = claim.outcome
        if not (settled.may_run_ahead and stays and claim.queue.room > 0):
            return settled.entry
        claim.asks = True
        claim.queue.reserved += 1
        return settled.entry[:-1] + b',"continue":true}'

    def answered(self, claim: Claim, *, goes_on: bool = False) -> None:
        """The outcome does not travel any more: the place that it kept is taken or free again."""
        if claim.asks:
            claim.asks = False
            claim.queue.unreserve(take=goes_on)

    def apply(self, claim: Claim, answer: protocol.CommitResult) -> None:
        """Do what the engine's answer to an outcome says."""
        held = claim in self.claims
        if claim.asks:
            goes_on = held and answer.result == "continued" and not self.stopping
            self.answered(claim, goes_on=goes_on)
        if OutcomeAnswered in self._heard:
            self._bus.tell(
                OutcomeAnswered(
                    worker=self._bus.worker,
                    execution=claim.described(),
                    kind=claim.outcome.outcome.kind,
                    result=answer.result,
                    detail=answer.detail,
                )
            )
        if not held:
            return
        if answer.result in _APPLIED:
            ctx, kind = claim.ctx, claim.outcome.outcome.kind
            self._reports.measured(ctx.queue, ctx.fsm, ctx.step, kind, claim.took)
        match answer.result:
            case "continued":
                self._go_on(claim, answer)
            case "committed":
                self._forget(claim)
            case "busy":
                self._busy.append((monotonic() + _wait(_BUSY_WAIT, claim.refusals), claim))
                claim.refusals += 1
            case "invalid":
                self.refuse(claim, answer.detail or "the engine gave no reason")
            case _:
                logger.info("%s: %s, its outcome was dropped", claim, answer.result)
                self._forget(claim)

    def refuse(self, claim: Claim, reason: str) -> None:
        """Let the error handler or the policy decide, as soon as there is a place for it."""

        def refuse() -> None:
            if claim in self.claims:
                self.runner.refuse(claim, reason)

        claim.settled = None
        claim.queue.when_free(refuse)

    async def give_back(self, conn: protocol.Connection, worker: int) -> None:
        """Release what was claimed and will not be started here."""
        while self._unwanted:
            # Said once: where the answer is lost it may have been applied, and what was released
            # may run here again. What it was not applied to goes back with the doubt.
            delay, ids = self._unwanted.popitem()
            await protocol.release(conn, worker, ids, delay)

    def send_again(self, outbox: list[Claim]) -> None:
        """Put back outcomes of which nothing is known: an applied one is stale when sent again."""
        self._outbox = outbox + self._outbox

    # What the keeper asks and tells.

    @property
    def id(self) -> int | None:
        """The number under which the database knows this worker now."""
        return self._session.worker

    def held(self) -> Collection[Claim]:
        """Every claim that this worker believes to hold."""
        return self.claims

    def claims_lost(self, claims: Collection[Claim]) -> None:
        """Give up claims that the database says are not this worker's."""
        for claim in claims:
            # An outcome that is on its way gets an answer of its own; it may be the very reason.
            if claim in self.claims and claim.settled is None:
                logger.info("%s was taken away: its outcome will be dropped", claim)
                if ClaimLost in self._heard:
                    self._bus.tell(ClaimLost(worker=self._bus.worker, execution=claim.described()))
                self._drop(claim)

    def registration_lost(self, worker: int) -> None:
        """Register anew: the database gave everything this worker held to others."""
        if self.id != worker:
            return
        logger.warning("worker %d is not registered any more, registering anew", worker)
        if RegistrationLost in self._heard:
            held = len(self.claims)
            self._bus.tell(RegistrationLost(worker=self._bus.worker, id=worker, claims=held))
        self._session.worker = None
        self._unwanted.clear()
        self.drop_all()
        for queue in self._queues.values():
            queue.unsettle()
        self._wake()

    def work_arrived(self, queue: str) -> None:
        """Look at the queue now."""
        if (known := self._queues.get(queue)) is not None:
            known.work_expected()
            self._wake()

    # What the runner asks and tells.

    def finished(self, claim: Claim, settled: Settled) -> None:
        """Send an outcome with the next turn."""
        claim.settled = settled
        claim.took = monotonic() - claim.started_at
        claim.refusals = 0
        if claim.told:
            self.runner.stopped(claim, settled.outcome.kind)
        self._outbox.append(claim)
        self._wake()

    def committed(self, claim: Claim, answer: protocol.CommitResult) -> None:
        """A transactional step has committed its outcome itself, or has tried to."""
        claim.refusals = 0
        claim.took = monotonic() - claim.started_at
        if claim.told:
            self.runner.stopped(claim, claim.outcome.outcome.kind)
        self.apply(claim, answer)
        for queue in self._queues.values():
            # What was committed may be what makes an instance ready.
            queue.work_expected()
        self._wake()

    def again(self, claim: Claim) -> None:
        """Run a transactional step again after a pause, in which it has no place."""
        if claim.told:
            self.runner.stopped(claim, "again")
        if claim in self.claims:
            self._busy.append((monotonic() + _wait(_AGAIN_WAIT, claim.refusals), claim))
            claim.refusals += 1
            self._wake()

    def unstarted(self, claim: Claim) -> None:
        """Give back what could not be started, and do not try again at once.

        The queue rests for less: behind a backlog of sync steps there may be async ones.
        """
        if claim.told:
            self.runner.stopped(claim, "unstarted")
        if claim in self.claims:
            self._unwanted[_UNSTARTED_WAIT].append(claim.ctx.id)
            self._forget(claim)
        claim.queue.rest(_UNSTARTED_REST)
        self._wake()

    def abandoned(self, claim: Claim) -> None:
        """Give back what no outcome can be stored of, for a time when there is less wrong."""
        self.runner.cancel(claim)
        if claim.told:
            self.runner.stopped(claim, "lost")
        if claim in self.claims:
            self._unwanted[_UNSTORABLE_WAIT].append(claim.ctx.id)
            self._forget(claim)
        self._wake()

    def succeeded(self, claim: Claim, successor: Claim) -> None:
        """Hold a claim under another object, while code runs on under the first."""
        if claim in self.claims:
            self.claims.discard(claim)
            self.claims.add(successor)

    def ended(self) -> None:
        """Code of a claim that was lost has ended, so that there is a place again."""
        self._wake()

    # What becomes of a claim.

    def _is_reclaimed(self, definition: Definition, ctx: Context[Any]) -> bool:
        """Whether its last execution was lost with its worker; told if it was."""
        if not self.suspects.is_suspect(ctx):
            return False
        if Reclaimed in self._heard:
            execution = Claim(definition, ctx, self._queues[ctx.queue]).described()
            self._bus.tell(Reclaimed(worker=self._bus.worker, execution=execution))
        return True

    def _start_or_give_back(self, claim: Claim) -> None:
        ctx = claim.ctx
        if self.stopping or claim.queue.room <= 0:
            self._unwanted[None].append(ctx.id)
        elif not self.suspects.may_start(ctx, len(self.claims)):
            delay = self.suspects.delay(len(self.claims))
            self._unwanted[delay].append(ctx.id)
        else:
            self.claims.add(claim)
            self._begin(claim)

    def _begin(self, claim: Claim) -> None:
        """Start a claim, or let it wait for a place: one that was prefetched has none yet."""
        if claim.queue.has_place:
            self.runner.start(claim)
        else:
            self._fetched.add(claim)
            claim.queue.when_free(partial(self._start_fetched, claim))

    def _start_fetched(self, claim: Claim) -> None:
        self._fetched.discard(claim)
        self._start_again(claim)

    def _start_again(self, claim: Claim) -> None:
        if claim in self.claims:
            self.runner.start(claim)

    def _condemn(self, claim: Claim, settled: Settled) -> None:
        """Commit the end of an instance whose step has ended too many workers."""
        logger.error(
            "%s gave up after %d attempts: it has ended its worker", claim, claim.ctx.failures
        )
        self.claims.add(claim)
        self.finished(claim, settled)

    def _go_on(self, claim: Claim, answer: protocol.CommitResult) -> None:
        """Run the next step of a claim that was kept."""
        self.suspects.ended(claim.ctx.id)
        claim.advance(answer.fence, answer.signals, answer.children)
        if not self.stopping:
            self._begin(claim)
        else:
            self._unwanted[None].append(claim.ctx.id)
            self._forget(claim)

    async def _complete(self, ctx: Context[Any]) -> None:
        """Read what a pick has left out of an execution's lists."""
        # One after the other: each may need a gigabyte.
        async with self._completing, await self._session.connect() as conn:
            pages = missing_pages(ctx)
            with suppress(StopIteration):
                query = next(pages)
                while True:
                    query = pages.send(await protocol.page(conn, query))

    def _drop(self, claim: Claim) -> None:
        self.runner.cancel(claim)
        if claim.told:
            self.runner.stopped(claim, "lost")
        self._forget(claim)
        self._wake()

    def _forget(self, claim: Claim) -> None:
        self.claims.discard(claim)
        self.suspects.ended(claim.ctx.id)


def _wait(bounds: tuple[float, float], refusals: int) -> float:
    """Seconds until a busy instance is tried again: longer each time, and never quite the same."""
    shortest, longest = bounds
    wait = min(longest, shortest * 2.0 ** min(refusals, 10))
    # Two workers that want the same row must not meet for ever.
    return wait * random.uniform(0.5, 1)  # noqa: S311 (no secret)
