"""The worker: picks instances, runs their steps, commits what they answer.

One turn is one round trip: everything that has finished is committed and every free place is picked
for. While it travels, steps run; what finishes meanwhile goes with the next turn. So batches form
by themselves under load, an idle worker answers at once, and nobody waits for the slowest step.
Where there is work for many places a second turn is taken beside the first, on a connection of its
own: the database works for one half of the places while the steps of the other half run.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, TypeAlias

import psycopg

from gendurable import protocol
from gendurable.context import Context
from gendurable.database import answering, connect, conninfo, log_failure
from gendurable.errors import DefinitionError, EngineError, UsageError, WorkerGoneError
from gendurable.events import (
    Bus,
    CallFailed,
    ClaimLost,
    DrainEnded,
    DrainStarted,
    E,
    KindUnknown,
    OutcomeAnswered,
    Picked,
    PickFailed,
    Reclaimed,
    RegistrationLost,
    Relieved,
    Saturated,
    TurnEnded,
)
from gendurable.execution import Claim, Runner, kind_of
from gendurable.failures import verdict
from gendurable.health import RUNNING, Health
from gendurable.hooks import Lifespan, Middleware, around_steps, opened
from gendurable.keeper import Keeper
from gendurable.listener import Listener
from gendurable.machine import Definition, Machine, definitions_of
from gendurable.pages import missing_pages
from gendurable.queues import ENOUGH, Queue
from gendurable.reports import Reports
from gendurable.resolver import Resolver
from gendurable.session import Session
from gendurable.settings import check_pace, check_queues
from gendurable.settle import Settled
from gendurable.suspects import Suspects
from gendurable.text import safe_str
from gendurable.threads import Executor
from gendurable.twins import sole_name

__all__ = ["Worker"]

logger = logging.getLogger("gendurable")

_CONCURRENCY = 10
_BUSY_WAIT = (0.02, 0.3)
_AGAIN_WAIT = (0.02, 5.0)
_MOST_BUSY = 1_000
_MOST_BYTES = 64 * 1024 * 1024
_UNKNOWN_WAIT = (5.0, 60.0)
_MOST_UNKNOWN = 10_000
_UNSTARTED_WAIT = 2.0
_UNSTARTED_REST = 0.1
_FAILED_WAIT = 1.0
_UNSTORABLE_WAIT = 60.0
_LONGEST_WAIT = 60.0
_CANCELLATION = 2.0
_LAST_TURN = 5.0
_SLOW_TURN = 10.0
_WATCH = 5.0
_HUNG_AGAIN = 60.0

# What the database refuses about the data itself, not about the moment: sending the same outcome
# again would fail again. Data exceptions, violated constraints, program limits, errors of its own.
_REFUSED_CLASSES = frozenset({"21", "22", "23", "54", "P0", "XX"})


Kind: TypeAlias = tuple[str, int, str]
"""A machine's name and version and one of its steps."""


class Worker:
    """One worker process's connection to the engine.

    Args:
        machines: machines (classes or objects) and jobs that it can run.
        dsn: connection string; GENDURABLE_DSN or the PG* variables by default.
        listen_dsn: where to hear notifications, if that is another way to the same database: past
            a transaction pooler.
        queues: how many steps at once, by queue. A step that was cancelled counts until it ends.
            By default ten at once of each queue that a machine names; without any queue it does
            maintenance alone.
        name: shown to people; the host's by default. Two workers of one process that work on one
            database have different ones.
        lease: seconds without a sign of life after which others take its claims over.
        heartbeat: seconds between two signs of life; a third of the lease by default.
        drain: seconds that running steps get to finish when it is stopped.
        poll: seconds, the longest time between two looks for work. Notifications and due times
            make it much faster; this is the floor under them.
        prefetch: how many claims of each queue wait here for a free place. They start without a
            round trip, but what is more urgent by then does not overtake them.
        min_demand: how many claims a pick is made for at least, of each queue; what is less waits
            for ``poll`` at most.
        maintenance: seconds between two slices of the engine's maintenance; None leaves it to
            other workers.
        pooler: the database is reached through a transaction pooler: no LISTEN and no prepared
            statements, polling finds the work.
        lifespans: what is opened before the first pick and closed after the last step.
        middleware: what is entered around each step, the first one outermost.
        resolve: modules from which machines are imported when they are first met in a queue: an
            ``fsm`` such as ``myapp.orders:Checkout``, where ``myapp.`` is one of them.

    Raises:
        DefinitionError: a machine cannot work, or two have the same name and version.
        UsageError: a setting is out of range, or there is something else among the machines.
    """

    def __init__(
        self,
        machines: Iterable[Machine[Any] | type[Machine[Any]]],
        *,
        dsn: str | None = None,
        listen_dsn: str | None = None,
        queues: Mapping[str, int] | None = None,
        name: str | None = None,
        lease: float = 60.0,
        heartbeat: float | None = None,
        drain: float = 30.0,
        poll: float = 1.0,
        prefetch: int = 0,
        min_demand: int = 1,
        maintenance: float | None = 5.0,
        pooler: bool = False,
        lifespans: Sequence[Lifespan] = (),
        middleware: Sequence[Middleware] = (),
        resolve: Sequence[str] = (),
    ) -> None:
        check_pace(
            lease=lease, heartbeat=heartbeat, drain=drain, poll=poll, name=name,
            prefetch=prefetch, min_demand=min_demand, maintenance=maintenance,
        )  # fmt: skip
        self._definitions = _by_name(machines, middleware)
        if queues is None:
            named = _queues_of(self._definitions.values()) or ["default"]
            queues = dict.fromkeys(named, _CONCURRENCY)
        if queues != {}:
            check_queues(queues)
        if queues and not (self._definitions or resolve):
            raise UsageError("there is no machine and no job to run")
        self._queues = {
            queue: Queue(queue, concurrency, poll, prefetch=prefetch, min_demand=min_demand)
            for queue, concurrency in queues.items()
        }
        self._machines = [
            one.declaration(version) for (_, version), one in self._definitions.items()
        ]
        self._middleware = middleware
        self._bus = Bus(name or socket.gethostname())
        self._heard = self._bus.heard
        self._session = Session(
            dsn,
            name=self._bus.worker,
            bus=self._bus,
            queues=list(self._queues),
            lease=lease,
            pooler=pooler,
            machines=self._machines,
        )
        hears = listen_dsn is None and not pooler and bool(queues)
        self._keeper = Keeper(
            self,
            partial(self._session.connect, listens=hears),
            lease=lease,
            listen=hears,
            heartbeat=heartbeat,
            maintenance=maintenance,
            bus=self._bus,
        )
        self._listener: Listener | None = None
        if listen_dsn is not None and queues:
            direct = conninfo(listen_dsn)
            self._listener = Listener(self, partial(connect, direct, listens=True))
        self._resolver: Resolver | None = None
        if resolve and queues:
            self._resolver = Resolver(self, resolve, self._session.connect, poll=poll)
        self.drain = drain
        """Seconds that running steps get to finish."""
        self._name = name
        self._lifespans = lifespans

        self._claims: set[Claim] = set()
        self._fetched: set[Claim] = set()
        self._outbox: list[Claim] = []
        self._busy: list[tuple[float, Claim]] = []
        self._unwanted: defaultdict[float | None, list[int]] = defaultdict(list)
        self._unknown: dict[Kind, float] = {}
        self._suspects = Suspects()
        self._one_by_one = False
        self._completing = asyncio.Semaphore(1)
        self._saturated: set[str] = set()
        self._turn_began: float | None = None
        self._stop_at: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._transactions = self._session.transactions()
        self._runner = Runner(
            sum(queues.values()),
            finished=self._finished,
            ended=self._wake.set,
            unstarted=self._unstarted,
            abandoned=self._abandoned,
            succeeded=self._succeeded,
            transactions=self._transactions,
            stays=self._stays,
            committed=self._committed,
            again=self._again,
            bus=self._bus,
            complete=self._complete,
        )
        self._reports = Reports(self._wake_from_anywhere)
        self._turning: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until ``stop`` is called, then drain.

        What async steps hand to ``asyncio.to_thread`` runs in daemon threads: the worker sets the
        loop's default executor, unless the application has set one.

        Raises:
            UsageError: the database cannot be reached. Once it was reached, a lost connection is
                only a reason to connect again.
            NotInstalledError: the schema is missing or older than this package.
            DefinitionError: the engine refuses a schedule of a machine.
        """
        self._loop = asyncio.get_running_loop()
        if getattr(self._loop, "_default_executor", None) is None:
            self._loop.set_default_executor(Executor())
        with sole_name(self._session.conninfo, self._name) as name:
            self._session.name = self._bus.worker = name
            RUNNING.add(self)
            try:
                await self._session.reach()
                async with opened(self._lifespans):
                    await self._live()
            finally:
                RUNNING.discard(self)
                await self._session.close()
        logger.info("stopped")

    async def _live(self) -> None:
        # Every step finds the context variables that a lifespan has set.
        self._runner.open()
        try:
            await self._session.start()
            await self._session.declare(
                [each for found in self._definitions.values() for each in found.schedules]
            )
            await self._work()
        finally:
            for claim in list(self._claims):
                self._drop(claim)
            await self._runner.cleaned_up(_CANCELLATION)
            await self._session.close()
            await self._transactions.close()
            self._runner.close()
        for claim in self._runner.forsaken:
            logger.warning("left behind: %s still runs, at %s", claim, claim.whereabouts())

    async def _work(self) -> None:
        self._turning = asyncio.create_task(self._turns())
        tasks = [
            self._turning,
            asyncio.create_task(self._keeper.run()),
            asyncio.create_task(self._watch()),
        ]
        if self._listener is not None:
            tasks.append(asyncio.create_task(self._listener.run()))
        if self._resolver is not None:
            tasks.append(asyncio.create_task(self._resolver.run()))
        try:
            # None ends before the turns by itself; if one does, it has a bug to report.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_CANCELLATION)

    def subscribe(self, handler: Callable[[E], object], *kinds: type[E]) -> Callable[[], None]:
        """Hear of events, at any time and from any thread (see ``gendurable.events``).

        Args:
            handler: called with each event, at once, in the thread of the event loop.
            kinds: types of events; all of them by default.

        Returns:
            What ends it when it is called.

        Raises:
            UsageError: the handler is no plain function, or a type is no event.
        """
        return self._bus.subscribe(handler, *kinds)

    def stop(self, *, at_once: bool = False) -> None:
        """Pick nothing more, let what runs finish for ``drain`` seconds, then leave.

        It may be called from any thread.

        Args:
            at_once: leave now; what runs is given back and its outcome dropped.
        """
        loop = self._loop
        if loop is None or _is_running_here(loop):
            self._stop(at_once=at_once)
        else:
            with suppress(RuntimeError):  # The loop is closed: it has left.
                loop.call_soon_threadsafe(partial(self._stop, at_once=at_once))

    def _wake_from_anywhere(self) -> None:
        """Plan the next turn anew; any thread may ask for it."""
        with suppress(RuntimeError):  # The loop is closed: it has left.
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake.set)

    def _stop(self, *, at_once: bool) -> None:
        if at_once and self._turning is not None:
            self._turning.cancel()
        elif self._stop_at is None:
            logger.info("stopping: %d steps have %g s to finish", len(self._claims), self.drain)
            self._stop_at = monotonic() + self.drain
            for claim in self._fetched & self._claims:
                self._unwanted[None].append(claim.ctx.id)
                self._forget(claim)
            if DrainStarted in self._heard:
                held = len(self._claims)
                self._bus.tell(
                    DrainStarted(worker=self._bus.worker, claims=held, seconds=self.drain)
                )
            self._wake.set()
            if self._loop is not None and self._turning is not None:
                # A turn on which the database is silent would hold it up for ever.
                self._loop.call_later(self.drain + _LAST_TURN, self._turning.cancel)

    # What the keeper asks and tells.

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop in which it runs."""
        return self._loop

    def health(self) -> Health:
        """How it is, for those who would restart or avoid it. Any thread may ask."""
        now, name = monotonic(), self._bus.worker
        not_live, not_ready = [], []
        silence = self._keeper.silence
        if self.id is not None and silence > self._keeper.lease:
            not_live.append(
                f"{name}: no heartbeat was answered for {silence:.0f} s, "
                f"and the lease is {self._keeper.lease:g} s"
            )
        if not self._session.ready:
            not_ready.append(f"{name}: not connected, or not registered")
        elif self._stop_at is not None:
            not_ready.append(f"{name}: stopping")
        elif self._turn_began is not None and now - self._turn_began > _SLOW_TURN:
            not_ready.append(
                f"{name}: the database has not answered for {now - self._turn_began:.0f} s"
            )
        return Health(not_live, not_live + not_ready)

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
                if ClaimLost in self._heard:
                    self._bus.tell(ClaimLost(worker=self._bus.worker, execution=claim.described()))
                self._drop(claim)

    def registration_lost(self, worker: int) -> None:
        """Register anew: the database gave everything this worker held to others."""
        if self.id != worker:
            return
        logger.warning("worker %d is not registered any more, registering anew", worker)
        if RegistrationLost in self._heard:
            held = len(self._claims)
            self._bus.tell(RegistrationLost(worker=self._bus.worker, id=worker, claims=held))
        self._session.worker = None
        self._unwanted.clear()
        for claim in list(self._claims):
            self._drop(claim)
        for queue in self._queues.values():
            queue.unsettle()
        self._wake.set()

    @property
    def queues(self) -> list[str]:
        """The queues that it serves."""
        return list(self._queues)

    def runs(self, fsm: str) -> bool:
        """Whether it knows a machine of that name, in any version."""
        return any(name == fsm for name, _ in self._definitions)

    def learn(self, definition: Definition) -> list[dict[str, Any]]:
        """Run a machine too, from the next registration or declaration on."""
        framed = around_steps(definition, self._middleware)
        self._definitions |= dict.fromkeys(framed.keys, framed)
        declared = [framed.declaration(version) for _, version in framed.keys]
        # The session says all of it at the next registration.
        self._machines += declared
        return declared

    def work_arrived(self, queue: str) -> None:
        """Look at the queue now."""
        if (known := self._queues.get(queue)) is not None:
            known.work_expected()
            self._wake.set()

    # Turns.

    async def _turns(self) -> None:
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
                if self.id is not None:
                    self.registration_lost(self.id)
            except Exception as exc:  # noqa: BLE001 (whatever it is, it costs this turn, no more)
                if CallFailed in self._heard:
                    self._bus.tell(CallFailed(worker=self._bus.worker, what="a turn", error=exc))
                await self._session.failed(exc)
        if DrainEnded in self._heard and self._stop_at is not None:
            took = monotonic() - (self._stop_at - self.drain)
            left = len(self._claims)
            self._bus.tell(DrainEnded(worker=self._bus.worker, left=left, seconds=took))
        await self._report_the_rest()

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
        return bool(self._claims) and (bool(self._outbox) or monotonic() < self._stop_at)

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
        if self._outbox or self._unwanted or not self._session.ready:
            return 0.0
        moments = [at for at, _ in self._busy]
        moments.append(self._reports.due_at)
        if self._stop_at is not None:
            moments.append(self._stop_at)
        elif self._room(len(self._claims))[0] > 0:
            moments += [queue.look_at for queue in self._queues.values() if queue.room > 0]
        else:
            moments.append(self._suspects.changes_at())
        return min(moments, default=monotonic() + _LONGEST_WAIT)

    async def _turn(self, conn: protocol.Connection, worker: int) -> None:
        # Before the pick, which may bring the same instances again.
        await self._give_back(conn, worker)
        if self._one_by_one:
            await self._commit_one_by_one(conn, worker, self._take_outbox())
        self._turn_began = monotonic()
        try:
            if self._overlaps():
                await self._two_exchanges(conn, worker)
            else:
                await self._exchange(conn, worker)
        finally:
            self._turn_began = None
        await self._give_back(conn, worker)

    def _overlaps(self) -> bool:
        """Whether a second turn may be under way: where there is much work, and no doubt."""
        return (
            self._stop_at is None
            and not self._session.in_doubt
            and not self._suspects.making_room
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
            if len(self._outbox) >= ENOUGH or sum(self._wanted([]).values()) >= ENOUGH:
                await self._exchange(await self._session.second(), worker)
                return
            self._wake.clear()
            await self._wake.wait()
            await asyncio.sleep(0)

    async def _exchange(self, conn: protocol.Connection, worker: int) -> None:
        """Commit what has finished, pick for free places, and do what the answers say."""
        outbox = self._take_outbox()
        stays = self._stays()
        entries = [self._entry(claim, stays=stays) for claim in outbox]
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
        if self.id != worker:
            # The keeper heard meanwhile that nothing of this is ours any more.
            for claim in outbox:
                self._answered(claim)
            return
        for claim, answer in zip(outbox, turn.answers, strict=True):
            self._apply(claim, answer)
        self._looked(turn, wanted, commits=bool(entries))
        if self._heard:
            self._tell_turn(turn, wanted, monotonic() - began)

    def _unanswered(self, outbox: list[Claim], wanted: Iterable[str]) -> None:
        """Of what was sent nothing is known: an outcome that was applied is stale, sent again."""
        for claim in outbox:
            self._answered(claim)
        self._outbox = outbox + self._outbox
        for queue in wanted:
            self._queues[queue].unsettle()

    def _stays(self) -> bool:
        """Whether this worker wants to keep claims that may go on."""
        return self._stop_at is None and not self._suspects.making_room

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
            self._take(picked)

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

    def _take_outbox(self) -> list[Claim]:
        """What is to be committed now, as far as it goes into one statement."""
        now = monotonic()
        if self._busy:
            due = [claim for at, claim in self._busy if at <= now]
            self._busy = [(at, claim) for at, claim in self._busy if at > now]
            self._outbox += [claim for claim in due if claim.settled is not None]
            for claim in due:
                if claim.settled is None:
                    claim.queue.when_free(partial(self._start_again, claim))
        outbox = [claim for claim in self._outbox if claim in self._claims]
        count, size = 0, 0
        for claim in outbox:
            size += len(claim.outcome.entry)
            if count and size > _MOST_BYTES:
                break
            count += 1
        self._outbox = outbox[count:]
        return outbox[:count]

    def _entry(self, claim: Claim, *, stays: bool) -> bytes:
        """The outcome as it travels.

        It asks to go on here where there is a place for that, if the worker wants to keep claims.
        """
        settled, queue = claim.outcome, claim.queue
        claim.asks = settled.may_run_ahead and stays and queue.room > 0
        if not claim.asks:
            return settled.entry
        queue.reserved += 1
        return settled.entry[:-1] + b',"continue":true}'

    def _answered(self, claim: Claim, *, goes_on: bool = False) -> None:
        """The outcome does not travel any more: the place that it kept is taken or free again."""
        if claim.asks:
            claim.asks = False
            claim.queue.unreserve(take=goes_on)

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
        listener = self._keeper if self._listener is None else self._listener
        listens = listener.listens
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
        # Outcomes that stay here, because their instance is busy, still are claims.
        others = len(self._claims) - sum(not claim.asks for claim in outbox)
        room, first = self._room(others)
        if room >= sum(wanted.values()):
            return wanted
        return _at_most(room, wanted, first)

    def _room(self, others: int) -> tuple[int, str | None]:
        """How many more claims to hold beside the others, and from which queue first."""
        room, first = self._suspects.room(others)
        return min(room, _MOST_BUSY - len(self._busy)), first

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
                    self._refuse(claim, _reason(exc))
                else:
                    self._apply(claim, answer)
        finally:
            self._outbox = left + self._outbox
        self._one_by_one = False

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

    def _take(self, picked: Sequence[Context[Any]]) -> None:
        """Start what was picked, as far as this worker can start it at once."""
        unknown: defaultdict[Kind, list[int]] = defaultdict(list)
        suspects = False
        for ctx in picked:
            definition = self._definitions.get((ctx.fsm, ctx.fsm_version))
            if definition is None or ctx.step not in definition.steps:
                unknown[ctx.fsm, ctx.fsm_version, ctx.step].append(ctx.id)
                continue
            ctx.codec = definition.codec_for(ctx.fsm_version)
            ctx._tell = self._reports.progress  # noqa: SLF001 (what the context hides from steps)
            if ctx.last_error_json is not None:
                if (settled := verdict(definition, ctx)) is not None:
                    self._condemn(Claim(definition, ctx, self._queues[ctx.queue]), settled)
                    continue
                if (rest := self._suspects.rest(ctx, definition.policy(ctx.step))) > 0:
                    self._unwanted[rest].append(ctx.id)
                    continue
                suspects = self._is_reclaimed(definition, ctx) or suspects
            self._start_or_give_back(Claim(definition, ctx, self._queues[ctx.queue]))
        if picked and not suspects:
            self._suspects.none_left()
        for kind, ids in unknown.items():
            self._unwanted[self._unknown_delay(kind, len(ids))] += ids

    def _is_reclaimed(self, definition: Definition, ctx: Context[Any]) -> bool:
        """Whether its last execution was lost with its worker; told if it was."""
        if not self._suspects.is_suspect(ctx):
            return False
        if Reclaimed in self._heard:
            execution = Claim(definition, ctx, self._queues[ctx.queue]).described()
            self._bus.tell(Reclaimed(worker=self._bus.worker, execution=execution))
        return True

    def _start_or_give_back(self, claim: Claim) -> None:
        ctx = claim.ctx
        if self._stop_at is not None or claim.queue.room <= 0:
            self._unwanted[None].append(ctx.id)
        elif not self._suspects.may_start(ctx, len(self._claims)):
            delay = self._suspects.delay(len(self._claims))
            self._unwanted[delay].append(ctx.id)
        else:
            self._claims.add(claim)
            self._begin(claim)

    def _begin(self, claim: Claim) -> None:
        """Start a claim, or let it wait for a place: one that was prefetched has none yet."""
        if claim.queue.has_place:
            self._runner.start(claim)
        else:
            self._fetched.add(claim)
            claim.queue.when_free(partial(self._start_fetched, claim))

    def _start_fetched(self, claim: Claim) -> None:
        self._fetched.discard(claim)
        self._start_again(claim)

    def _condemn(self, claim: Claim, settled: Settled) -> None:
        """Commit the end of an instance whose step has ended too many workers."""
        logger.error(
            "%s gave up after %d attempts: it has ended its worker", claim, claim.ctx.failures
        )
        self._claims.add(claim)
        self._finished(claim, settled)

    def _unknown_delay(self, kind: Kind, count: int) -> float:
        """Seconds until what is unknown here is handed out again; longer each time it is met.

        The engine hands nothing out that this worker has not declared. This is the floor under it.
        """
        fsm, version, step = kind
        if KindUnknown in self._heard:
            self._bus.tell(
                KindUnknown(
                    worker=self._bus.worker, fsm=fsm, fsm_version=version, step=step, count=count
                )
            )
        shortest, longest = _UNKNOWN_WAIT
        if len(self._unknown) >= _MOST_UNKNOWN:
            self._unknown.clear()
        if kind not in self._unknown:
            logger.warning(
                "no %s version %d with a step %r here (%s): left to a worker that has it",
                fsm, version, step,
                ", ".join(f"{name} v{version}" for name, version in self._definitions),
            )  # fmt: skip
        delay = self._unknown.get(kind, shortest)
        self._unknown[kind] = min(longest, 2 * delay)
        return delay

    async def _give_back(self, conn: protocol.Connection, worker: int) -> None:
        """Release what was claimed and will not be started here."""
        while self._unwanted:
            # Said once: where the answer is lost it may have been applied, and what was released
            # may run here again. What it was not applied to goes back with the doubt.
            delay, ids = self._unwanted.popitem()
            await protocol.release(conn, worker, ids, delay)

    def _finished(self, claim: Claim, settled: Settled) -> None:
        claim.settled = settled
        claim.took = monotonic() - claim.started_at
        claim.refusals = 0
        if claim.told:
            self._runner.stopped(claim, kind_of(settled))
        self._outbox.append(claim)
        self._wake.set()

    async def _complete(self, ctx: Context[Any]) -> None:
        """Read what a pick has left out of an execution's lists."""
        # One after the other: each may need a gigabyte.
        async with self._completing, await self._session.connect() as conn:
            pages = missing_pages(ctx)
            with suppress(StopIteration):
                query = next(pages)
                while True:
                    query = pages.send(await protocol.page(conn, query))

    def _unstarted(self, claim: Claim) -> None:
        """Give back what could not be started, and do not try again at once.

        The queue rests for less: behind a backlog of sync steps there may be async ones.
        """
        if claim.told:
            self._runner.stopped(claim, "unstarted")
        if claim in self._claims:
            self._unwanted[_UNSTARTED_WAIT].append(claim.ctx.id)
            self._forget(claim)
        claim.queue.rest(_UNSTARTED_REST)
        self._wake.set()

    def _abandoned(self, claim: Claim) -> None:
        """Give back what no outcome can be stored of, for a time when there is less wrong."""
        self._runner.cancel(claim)
        if claim.told:
            self._runner.stopped(claim, "lost")
        if claim in self._claims:
            self._unwanted[_UNSTORABLE_WAIT].append(claim.ctx.id)
            self._forget(claim)
        self._wake.set()

    def _committed(self, claim: Claim, answer: protocol.CommitResult) -> None:
        """A transactional step has committed its outcome itself, or has tried to."""
        claim.refusals = 0
        claim.took = monotonic() - claim.started_at
        if claim.told:
            self._runner.stopped(claim, kind_of(claim.outcome))
        self._apply(claim, answer)
        for queue in self._queues.values():
            # What was committed may be what makes an instance ready.
            queue.work_expected()
        self._wake.set()

    def _again(self, claim: Claim) -> None:
        """Run a transactional step again after a pause, in which it has no place."""
        if claim.told:
            self._runner.stopped(claim, "again")
        if claim in self._claims:
            self._busy.append((monotonic() + _wait(_AGAIN_WAIT, claim.refusals), claim))
            claim.refusals += 1
            self._wake.set()

    def _start_again(self, claim: Claim) -> None:
        if claim in self._claims:
            self._runner.start(claim)

    def _succeeded(self, claim: Claim, successor: Claim) -> None:
        """Hold a claim under another object, while code runs on under the first."""
        if claim in self._claims:
            self._claims.discard(claim)
            self._claims.add(successor)

    def _apply(self, claim: Claim, answer: protocol.CommitResult) -> None:
        held = claim in self._claims
        goes_on = held and answer.result == "continued" and self._stop_at is None
        self._answered(claim, goes_on=goes_on)
        if OutcomeAnswered in self._heard:
            self._bus.tell(
                OutcomeAnswered(
                    worker=self._bus.worker,
                    execution=claim.described(),
                    kind=kind_of(claim.outcome),
                    result=answer.result,
                    detail=answer.detail,
                )
            )
        if not held:
            return
        if answer.result in ("continued", "committed"):
            ctx, settled = claim.ctx, claim.outcome
            self._reports.measured(ctx.queue, ctx.fsm, ctx.step, settled.outcome, claim.took)
        match answer.result:
            case "continued":
                self._go_on(claim, answer)
            case "committed":
                self._forget(claim)
            case "busy":
                self._busy.append((monotonic() + _wait(_BUSY_WAIT, claim.refusals), claim))
                claim.refusals += 1
            case "invalid":
                self._refuse(claim, answer.detail or "the engine gave no reason")
            case _:
                logger.info("%s: %s, its outcome was dropped", claim, answer.result)
                self._forget(claim)

    def _refuse(self, claim: Claim, reason: str) -> None:
        """Let the error handler or the policy decide, as soon as there is a place for it."""

        def refuse() -> None:
            if claim in self._claims:
                self._runner.refuse(claim, reason)

        claim.settled = None
        claim.queue.when_free(refuse)

    def _go_on(self, claim: Claim, answer: protocol.CommitResult) -> None:
        """Run the next step of a claim that was kept."""
        self._suspects.ended(claim.ctx.id)
        claim.advance(answer.fence, answer.signals, answer.children)
        if self._stop_at is None:
            self._begin(claim)
        else:
            self._unwanted[None].append(claim.ctx.id)
            self._forget(claim)

    def _drop(self, claim: Claim) -> None:
        self._runner.cancel(claim)
        if claim.told:
            self._runner.stopped(claim, "lost")
        self._forget(claim)
        self._wake.set()

    def _forget(self, claim: Claim) -> None:
        self._claims.discard(claim)
        self._suspects.ended(claim.ctx.id)

    # What hangs.

    async def _watch(self) -> None:
        """Name the steps that were taken away and do not end: their places are gone with them."""
        told: dict[Claim, float] = {}
        while True:
            await asyncio.sleep(_WATCH)
            now = monotonic()
            hung = [one for one in self._runner.forsaken if now - one.forsaken_at >= _WATCH]
            told = {claim: at for claim, at in told.items() if claim in self._runner.forsaken}
            for claim in hung:
                if now - told.get(claim, float("-inf")) < _HUNG_AGAIN:
                    continue
                told[claim] = now
                queue = claim.queue
                logger.warning(
                    "%s was taken away %.0f s ago and still runs, at %s: it keeps one of the %d "
                    "places of queue %s (%d are free)",
                    claim, now - claim.forsaken_at, claim.whereabouts(), queue.concurrency,
                    queue.name, max(0, queue.free),
                )  # fmt: skip


def _queues_of(definitions: Iterable[Definition]) -> list[str]:
    """The queues that machines name; where one names none, the engine's default."""
    queues: list[str] = []
    for definition in definitions:
        queues.append(definition.queue or "default")
        queues += [each["queue"] for each in definition.schedules if each.get("queue")]
    return list(dict.fromkeys(queues))


def _by_name(
    machines: Iterable[Machine[Any] | type[Machine[Any]]], middleware: Sequence[Middleware]
) -> dict[tuple[str, int], Definition]:
    definitions: dict[tuple[str, int], Definition] = {}
    owners: dict[str, str] = {}
    for found in definitions_of(machines):
        definition = around_steps(found, middleware)
        for key in definition.keys:
            if (other := definitions.get(key)) is not None:
                raise DefinitionError(_twice(key, definition, other))
            definitions[key] = definition
        for declared in definition.schedules:
            if owners.setdefault(declared["name"], definition.name) != definition.name:
                raise DefinitionError(
                    f"two machines have a schedule named {declared['name']!r}: "
                    f"{owners[declared['name']]} and {definition.name}"
                )
    return definitions


def _twice(key: tuple[str, int], *those: Definition) -> str:
    name, version = key
    takers = sorted({one.version for one in those if one.version != version})
    if not takers:
        return f"two machines are named {name} with version {version}"
    runs = " and ".join(f"version {taker}" for taker in takers)
    return f"{name} version {version} is taken over by {runs}, and another machine runs it too"


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


def _wait(bounds: tuple[float, float], refusals: int) -> float:
    """Seconds until a busy instance is tried again: longer each time, and never quite the same."""
    shortest, longest = bounds
    wait = min(longest, shortest * 2.0 ** min(refusals, 10))
    # Two workers that want the same row must not meet for ever.
    return wait * random.uniform(0.5, 1)  # noqa: S311 (no secret)


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


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
