"""The worker: machines, queues and a database, brought together for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from gendurable.claims import Claim
from gendurable.database import connect, conninfo
from gendurable.errors import UsageError
from gendurable.events import Bus, DrainStarted, E
from gendurable.health import RUNNING, Health
from gendurable.holding import Holding
from gendurable.hooks import EVERYWHERE, Lifespan, Middleware, opened
from gendurable.hung import name_hung
from gendurable.keeper import Keeper
from gendurable.listener import Listener
from gendurable.machine import Definition, Machine
from gendurable.queues import Queue
from gendurable.repertoire import Repertoire
from gendurable.reports import Reports
from gendurable.resolver import Resolver
from gendurable.session import Session
from gendurable.settings import check_pace, check_queues
from gendurable.threads import Executor
from gendurable.turns import Turns
from gendurable.twins import sole_name

__all__ = ["Worker"]

logger = logging.getLogger("gendurable")

_CONCURRENCY = 10
_CANCELLATION = 2.0
_LAST_TURN = 5.0
_SLOW_TURN = 10.0


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
        self._bus = Bus(name or socket.gethostname())
        self._repertoire = Repertoire(machines, [*EVERYWHERE, *middleware], self._bus)
        if queues is None:
            named = self._repertoire.queues or ["default"]
            queues = dict.fromkeys(named, _CONCURRENCY)
        if queues != {}:
            check_queues(queues)
        if queues and not (self._repertoire or resolve):
            raise UsageError("there is no machine and no job to run")
        self.drain = drain
        """Seconds that running steps get to finish."""
        self._name = name
        self._lifespans = lifespans
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._turning: asyncio.Task[None] | None = None
        self._queues = {
            queue: Queue(queue, concurrency, poll, prefetch=prefetch, min_demand=min_demand)
            for queue, concurrency in queues.items()
        }
        self._session = Session(
            dsn,
            name=self._bus.worker,
            bus=self._bus,
            queues=list(self._queues),
            lease=lease,
            pooler=pooler,
            machines=self._repertoire.declared,
        )
        reports = Reports(self._wake_from_anywhere)
        self._transactions = self._session.transactions()
        self._holding = Holding(
            self._repertoire,
            self._queues,
            self._session,
            reports=reports,
            transactions=self._transactions,
            bus=self._bus,
            wake=self._wake.set,
        )
        self._runner = self._holding.runner
        hears = listen_dsn is None and not pooler and bool(queues)
        self._keeper = Keeper(
            self._holding,
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
            self._listener = Listener(self._holding, partial(connect, direct, listens=True))
        self._resolver: Resolver | None = None
        if resolve and queues:
            self._resolver = Resolver(self, resolve, self._session.connect, poll=poll)
        self._turns = Turns(
            self._holding,
            self._queues,
            self._session,
            reports=reports,
            transactions=self._transactions,
            bus=self._bus,
            wake=self._wake,
            hears=self._listener or self._keeper,
        )

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
            await self._session.declare(self._repertoire.schedules)
            await self._work()
        finally:
            self._holding.drop_all()
            await self._runner.cleaned_up(_CANCELLATION)
            await self._session.close()
            await self._transactions.close()
            self._runner.close()
        for claim in self._runner.forsaken:
            logger.warning("left behind: %s still runs, at %s", claim, claim.whereabouts())

    async def _work(self) -> None:
        self._turning = asyncio.create_task(self._turns.run())
        tasks = [
            self._turning,
            asyncio.create_task(self._keeper.run()),
            asyncio.create_task(name_hung(self._runner.forsaken)),
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
        elif not self._stopping:
            self._stopping = True
            held = len(self._holding.claims)
            logger.info("stopping: %d steps have %g s to finish", held, self.drain)
            self._holding.stop()
            if DrainStarted in self._bus.heard:
                held = len(self._holding.claims)
                self._bus.tell(
                    DrainStarted(worker=self._bus.worker, claims=held, seconds=self.drain)
                )
            self._turns.stop(self.drain)
            if self._loop is not None and self._turning is not None:
                # A turn on which the database is silent would hold it up for ever.
                self._loop.call_later(self.drain + _LAST_TURN, self._turning.cancel)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop in which it runs."""
        return self._loop

    def health(self) -> Health:
        """How it is, for probes. Any thread may ask."""
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
        elif self._stopping:
            not_ready.append(f"{name}: stopping")
        elif (began := self._turns.began) is not None and now - began > _SLOW_TURN:
            not_ready.append(f"{name}: the database has not answered for {now - began:.0f} s")
        return Health(not_live, not_live + not_ready)

    @property
    def id(self) -> int | None:
        """The number under which the database knows this worker now."""
        return self._session.worker

    def held(self) -> Collection[Claim]:
        """Every claim that it believes to hold."""
        return self._holding.held()

    # What the resolver asks and tells.

    @property
    def queues(self) -> list[str]:
        """The queues that it serves."""
        return list(self._queues)

    def runs(self, fsm: str) -> bool:
        """Whether it knows a machine of that name, in any version."""
        return self._repertoire.runs(fsm)

    def learn(self, definition: Definition) -> list[dict[str, Any]]:
        """Run a machine too, from the next registration or declaration on."""
        return self._repertoire.learn(definition)

    def work_arrived(self, queue: str) -> None:
        """Look at the queue now."""
        self._holding.work_arrived(queue)


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
