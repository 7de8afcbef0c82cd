"""The worker: picks instances, runs their steps, commits what they answer.

One turn is one round trip: everything that has finished is committed and every free slot is picked
for. While it travels, steps run; what finishes meanwhile goes with the next turn. So batches form
by themselves under load, an idle worker answers at once, and nobody waits for the slowest step.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any, TypeAlias

import psycopg

from gendurable import protocol
from gendurable.context import Context
from gendurable.errors import DefinitionError, GendurableError, UsageError, WorkerGoneError
from gendurable.execution import Claim, Runner
from gendurable.keeper import Keeper
from gendurable.machine import Definition, Machine, define
from gendurable.queues import QueueSlots
from gendurable.session import Session
from gendurable.settle import Settled

__all__ = ["Worker", "run_worker"]

logger = logging.getLogger("gendurable")

_BUSY_WAIT = 0.02
_UNKNOWN_WAIT = (5.0, 60.0)
_LONGEST_WAIT = 60.0
_CANCELLATION = 2.0
_LAST_TURN = 5.0

# What the database refuses about the data itself, not about the moment: data exceptions and
# program limits. Sending the same entry again would fail again.
_REFUSED_CLASSES = frozenset({"22", "54"})


Kind: TypeAlias = tuple[str, int, str]
"""A machine's name and version and one of its steps."""


class Worker:
    """One worker process's connection to the engine.

    Args:
        machines: machines (classes or objects) and jobs that it can run.
        dsn: connection string; GENDURABLE_DSN or the PG* variables by default.
        queues: how many executions at once, by queue.
        name: shown to people; the host name by default. Need not be unique.
        lease: seconds without a sign of life after which others take its claims over.
        drain: seconds that running steps get to finish when it is stopped.
        poll: seconds, the longest time between two looks for work. Notifications and due times
            make it much faster; this is the floor under them.
        pooler: the database is reached through a transaction pooler: no LISTEN and no prepared
            statements, polling finds the work.

    Raises:
        DefinitionError: a machine cannot work, or two have the same name and version.
        UsageError: a setting is out of range.
    """

    def __init__(
        self,
        machines: Iterable[Machine[Any] | type[Machine[Any]]],
        *,
        dsn: str | None = None,
        queues: Mapping[str, int] | None = None,
        name: str | None = None,
        lease: float = 60.0,
        drain: float = 30.0,
        poll: float = 1.0,
        pooler: bool = False,
    ) -> None:
        if min(lease, poll) <= 0 or drain < 0:
            raise UsageError("lease and poll must be longer than zero, drain not negative")
        self._definitions = _by_name(machines)
        self._queues = {
            queue: QueueSlots(queue, concurrency, poll)
            for queue, concurrency in (queues or {"default": 10}).items()
        }
        self._session = Session(
            dsn,
            name=name or socket.gethostname(),
            queues=list(self._queues),
            lease=lease,
            pooler=pooler,
        )
        self._keeper = Keeper(self, self._session.connect, lease=lease, listen=not pooler)
        self._drain = drain

        self._claims: set[Claim] = set()
        self._offers: list[Claim] = []
        self._busy: list[tuple[float, Claim]] = []
        self._unwanted: defaultdict[float | None, list[int]] = defaultdict(list)
        self._unknown: dict[Kind, float] = {}
        self._stop_at: float | None = None
        self._run_ahead = True
        self._wake = asyncio.Event()
        threads = sum(queue.concurrency for queue in self._queues.values())
        self._runner = Runner(threads, finished=self._finished, abandoned=self._drop)
        self._turning: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until ``stop`` is called, then drain.

        Raises:
            UsageError: the database cannot be reached. Once it was reached, a lost connection is
                only a reason to connect again.
            NotInstalledError: the schema is missing or older than this package.
        """
        try:
            await self._session.start()
            await self._work()
        finally:
            for claim in list(self._claims):
                self._drop(claim)
            await self._session.close()
            self._runner.close()
        logger.info("stopped")

    async def _work(self) -> None:
        keeping = asyncio.create_task(self._keeper.run())
        self._turning = asyncio.create_task(self._turns())
        try:
            # Neither ends before the other by itself; if the keeper does, it has a bug to report.
            await asyncio.wait((self._turning, keeping), return_when=asyncio.FIRST_COMPLETED)
            for task in (self._turning, keeping):
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            self._turning.cancel()
            keeping.cancel()
            await asyncio.wait((self._turning, keeping), timeout=_CANCELLATION)

    def stop(self, *, at_once: bool = False) -> None:
        """Pick nothing more, let what runs finish for ``drain`` seconds, then leave.

        Args:
            at_once: leave now; what runs is given back and its outcome dropped.
        """
        self._run_ahead = False
        if at_once and self._turning is not None:
            self._turning.cancel()
        elif self._stop_at is None:
            logger.info("stopping: %d steps have %g s to finish", len(self._claims), self._drain)
            self._stop_at = monotonic() + self._drain
            self._wake.set()
            if self._turning is not None:
                # A turn on which the database is silent would hold it up for ever.
                longest = self._drain + _LAST_TURN
                self._turning.get_loop().call_later(longest, self._turning.cancel)

    # What the keeper asks and tells.

    @property
    def id(self) -> int | None:
        """The number under which the database knows this worker now."""
        return self._session.worker

    def held(self) -> Collection[Claim]:
        """Every claim that this worker believes to hold."""
        return self._claims

    def claims_lost(self, claims: Collection[Claim]) -> None:
        """Give up claims that the database says are not this worker's."""
        for claim in claims:
            # An outcome that is on its way gets an answer of its own; it may be the very reason.
            if claim in self._claims and claim.settled is None:
                logger.info("%s was taken away: its outcome will be dropped", claim)
                self._drop(claim)

    def registration_lost(self, worker: int) -> None:
        """Register anew: the database gave everything this worker held to others."""
        if self.id != worker:
            return
        logger.warning("worker %d is not registered any more, registering anew", worker)
        self._session.worker = None
        self._unwanted.clear()
        for claim in list(self._claims):
            self._drop(claim)
        self._wake.set()

    def work_arrived(self, queue: str) -> None:
        """Look at the queue now."""
        if (slots := self._queues.get(queue)) is not None:
            slots.work_expected()
            self._wake.set()

    # Turns.

    async def _turns(self) -> None:
        while self._stop_at is None or (self._claims and monotonic() < self._stop_at):
            await self._until_due()
            try:
                conn, worker = await self._session.open()
                await self._turn(conn, worker)
                if self._session.in_doubt:
                    await self._resolve_doubt(conn, worker)
                self._session.succeeded()
            except WorkerGoneError:
                if self.id is not None:
                    self.registration_lost(self.id)
            except (psycopg.Error, GendurableError, OSError) as exc:
                await self._session.failed(exc)

    async def _until_due(self) -> None:
        """Wait until there is something to commit or to pick."""
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
        if self._offers or not self._session.ready:
            return 0.0
        moments = [at for at, _ in self._busy]
        if self._stop_at is None:
            moments += [queue.look_at for queue in self._queues.values() if queue.free]
        else:
            moments.append(self._stop_at)
        return min(moments, default=monotonic() + _LONGEST_WAIT)

    async def _turn(self, conn: protocol.Connection, worker: int) -> None:
        offers = self._take_offers()
        slots = self._wanted(offers)
        if not offers and not slots:
            return
        idle = [queue for queue in slots if self._queues[queue].idle]
        entries = [self._entry(claim) for claim in offers]
        try:
            turn = await protocol.turn(conn, worker, entries, slots, idle)
        except BaseException as exc:
            # Unanswered is unknown: offered again, an outcome that was applied is stale.
            self._offers = offers + self._offers
            if not (offers and _is_refused(exc)):
                raise
            await conn.rollback()
            await self._offer_one_by_one(conn, worker)
            return
        if self.id != worker:
            return  # The keeper heard meanwhile that nothing of this is ours any more.
        for claim, answer in zip(offers, turn.answers, strict=True):
            self._apply(claim, answer)
        for queue, picked in turn.picked.items():
            short = len(picked) < slots[queue]
            self._queues[queue].looked(short=short, due=turn.due.get(queue))
            self._take(picked)
        await self._give_back(conn, worker)

    def _take_offers(self) -> list[Claim]:
        now = monotonic()
        self._offers += [claim for at, claim in self._busy if at <= now]
        self._busy = [(at, claim) for at, claim in self._busy if at > now]
        offers, self._offers = self._offers, []
        return [claim for claim in offers if claim in self._claims]

    def _wanted(self, offers: Sequence[Claim]) -> dict[str, int]:
        """How many executions to pick from each queue that is worth a look.

        The slots that these very offers give back are picked for in the same round trip. Where one
        is refused after all, there are for a moment more claims than slots, but no more steps
        running at once: the step behind a refused outcome has ended.
        """
        if self._stop_at is not None:
            return {}
        now = monotonic()
        freed = Counter(claim.slot for claim in offers if not self._asks_to_continue(claim))
        wanted = {
            queue.name: queue.free + freed[queue.name]
            for queue in self._queues.values()
            # What is committed may be what makes an instance ready, so a commit is worth a look.
            if offers or queue.look_at <= now
        }
        return {queue: slots for queue, slots in wanted.items() if slots}

    def _asks_to_continue(self, claim: Claim) -> bool:
        """Whether an outcome may go on in this worker; none does while it drains."""
        return self._run_ahead and claim.offer.may_run_ahead

    def _entry(self, claim: Claim) -> bytes:
        entry = claim.offer.entry
        return entry[:-1] + b',"continue":true}' if self._asks_to_continue(claim) else entry

    async def _offer_one_by_one(self, conn: protocol.Connection, worker: int) -> None:
        """Commit a batch that the database refuses as a whole; only its bad outcomes fail."""
        while offers := self._take_offers():
            claim, self._offers = offers[0], offers[1:]
            try:
                answer = await protocol.commit_one(conn, worker, self._entry(claim))
            except psycopg.Error as exc:
                if not _is_refused(exc):
                    self._offers.append(claim)
                    raise
                self._runner.refuse(claim, exc.diag.message_primary or str(exc))
            else:
                self._apply(claim, answer)

    async def _resolve_doubt(self, conn: protocol.Connection, worker: int) -> None:
        """Hand back at once what was claimed in an answer that got lost.

        The second heartbeat's list is final for everything claimed before the first one, and no
        pick of this worker is on its way in between.
        """
        for _ in range(2):
            held = list(self._claims)
            lost = await protocol.heartbeat(conn, worker, [claim.ctx.id for claim in held])
            self.claims_lost([claim for claim in held if claim.ctx.id in lost])
        self._session.in_doubt = False

    # What becomes of a claim.

    def _take(self, picked: Iterable[Context[Any]]) -> None:
        """Start what was picked, but not what nobody here knows or what came too late."""
        unknown: defaultdict[Kind, list[int]] = defaultdict(list)
        for ctx in picked:
            definition = self._definitions.get((ctx.fsm, ctx.fsm_version))
            if definition is None or ctx.step not in definition.steps:
                unknown[ctx.fsm, ctx.fsm_version, ctx.step].append(ctx.id)
            elif self._stop_at is not None:
                self._unwanted[None].append(ctx.id)
            else:
                ctx.codec = definition.codec
                claim = Claim(definition, ctx)
                self._claims.add(claim)
                self._queues[claim.slot].used += 1
                self._runner.start(claim)
        for kind, ids in unknown.items():
            self._unwanted[self._unknown_delay(kind)] += ids

    def _unknown_delay(self, kind: Kind) -> float:
        """Seconds until what nobody here knows is offered again; longer each time it is met."""
        shortest, longest = _UNKNOWN_WAIT
        if kind not in self._unknown:
            logger.warning(
                "no %s version %d with a step %r here (%s): left to a worker that has it",
                *kind, ", ".join(f"{name} v{version}" for name, version in self._definitions),
            )  # fmt: skip
        delay = self._unknown.get(kind, shortest)
        self._unknown[kind] = min(longest, 2 * delay)
        return delay

    async def _give_back(self, conn: protocol.Connection, worker: int) -> None:
        """Release what was claimed and will not be started here."""
        for delay, ids in list(self._unwanted.items()):
            await protocol.release(conn, worker, ids, delay)
            self._unwanted.pop(delay, None)

    def _finished(self, claim: Claim, settled: Settled) -> None:
        claim.settled = settled
        self._offers.append(claim)
        self._wake.set()

    def _apply(self, claim: Claim, answer: protocol.Answer) -> None:
        if claim not in self._claims:
            return
        match answer.result:
            case "continued":
                self._go_on(claim, answer)
            case "committed":
                self._forget(claim)
            case "busy":
                self._busy.append((monotonic() + _BUSY_WAIT, claim))
            case "invalid":
                self._runner.refuse(claim, answer.detail or "the engine gave no reason")
            case _:
                logger.info("%s: %s, its outcome was dropped", claim, answer.result)
                self._forget(claim)

    def _go_on(self, claim: Claim, answer: protocol.Answer) -> None:
        """Run the next step of a claim that was kept."""
        claim.advance(answer.fence, answer.signals, answer.children)
        if self._stop_at is None:
            self._runner.start(claim)
        else:
            self._unwanted[None].append(claim.ctx.id)
            self._forget(claim)

    def _drop(self, claim: Claim) -> None:
        self._runner.cancel(claim)
        self._forget(claim)
        self._wake.set()

    def _forget(self, claim: Claim) -> None:
        if claim in self._claims:
            self._claims.remove(claim)
            self._queues[claim.slot].used -= 1


def run_worker(machines: Iterable[Machine[Any] | type[Machine[Any]]], **settings: Any) -> None:
    """Run a worker in this process until SIGTERM or SIGINT.

    A second signal does not wait for running steps, a third one ends the process. When the worker
    has left because of a signal, further ones are ignored: the process is on its way out.

    Args:
        machines: what it can run.
        settings: the other arguments of ``Worker``.
    """
    worker = Worker(machines, **settings)
    loop = asyncio.new_event_loop()
    with _stopped_by_signals(worker, loop), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(worker.run())


@contextmanager
def _stopped_by_signals(worker: Worker, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    heard = 0

    def hear(signum: int, _: object) -> None:
        nonlocal heard
        heard += 1
        if heard > 2:
            # A step may refuse to be cancelled, or block the loop.
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)
        with suppress(RuntimeError):  # The loop is closed: the worker has left.
            loop.call_soon_threadsafe(partial(worker.stop, at_once=heard > 1))

    # Not the loop's own handlers: between its end and the end of the process they would be gone.
    before = {signum: signal.signal(signum, hear) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, signal.SIG_IGN if heard else handler)


def _by_name(
    machines: Iterable[Machine[Any] | type[Machine[Any]]],
) -> dict[tuple[str, int], Definition]:
    definitions: dict[tuple[str, int], Definition] = {}
    for machine in machines:
        definition = define(machine)
        key = (definition.name, definition.version)
        if key in definitions:
            raise DefinitionError(f"two machines are named {key[0]} with version {key[1]}")
        definitions[key] = definition
    if not definitions:
        raise UsageError("there is no machine and no job to run")
    return definitions


def _is_refused(exc: BaseException) -> bool:
    """Whether the database refuses the data itself, so that sending it again is no use."""
    return isinstance(exc, psycopg.Error) and (exc.sqlstate or "")[:2] in _REFUSED_CLASSES
