"""What a worker tells of itself while it works: typed events, for metrics, traces and tests.

``Worker.subscribe`` hears one worker, ``subscribe`` of this module every worker of the process. An
event costs nothing while its type has no subscriber. A subscriber is called at once, in the thread
of the worker's event loop, so it has to be quick. What it raises is logged and goes no further.
"""

from __future__ import annotations

import contextvars
import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias, TypeVar
from weakref import WeakSet

from gendurable.errors import UsageError
from gendurable.text import safe_repr

__all__ = [
    "AwaitsExpired",
    "Bus",
    "CallFailed",
    "ClaimLost",
    "Contended",
    "DrainEnded",
    "DrainStarted",
    "Execution",
    "HeartbeatAnswered",
    "KindUnknown",
    "Maintained",
    "OutcomeAnswered",
    "PickFailed",
    "Picked",
    "Reaped",
    "Reclaimed",
    "Registered",
    "RegistrationLost",
    "Relieved",
    "Saturated",
    "StepStarted",
    "StepStopped",
    "Swept",
    "Throttled",
    "TurnEnded",
    "UnknownLimit",
    "WorkerEvent",
    "subscribe",
]

logger = logging.getLogger("gendurable")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent:
    """The base of all events.

    Attributes:
        worker: the name of the worker that tells it.
    """

    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution of a step.

    Attributes:
        id: the instance; ``fence`` is the number of the claim.
        fsm: the machine, ``fsm_version`` the version of the instance.
        step: the step, ``attempt`` how many executions of it have failed or were lost before.
        queue: where it was picked from.
        correlation_key: the business identity, or None.
        parent_id: the instance that waits for this one, or None.
        enqueued_at: when the instance was created.
    """

    id: int
    fence: int
    fsm: str
    fsm_version: int
    step: str
    attempt: int
    queue: str
    correlation_key: str | None
    parent_id: int | None
    enqueued_at: datetime


# Steps.


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(WorkerEvent):
    """A step is about to run. ``StepStopped`` with the same execution follows.

    Attributes:
        execution: what runs.
        context: the context variables that the step will find; ``context.run(variable.set, value)``
            gives it one.
    """

    execution: Execution
    context: contextvars.Context


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStopped(WorkerEvent):
    """A step has ended, with its error handler. Its outcome is not committed yet.

    Attributes:
        execution: as it was told by ``StepStarted``.
        kind: the outcome: ``next``, ``retry``, ``await``, ``schedule_children``, ``done`` or
            ``stop``. Or there is none: ``lost`` (the claim was taken away), ``again`` (its
            transaction was rolled back), ``unstarted`` (no thread or connection for it).
        seconds: from its start.
        error: the exception that the step or its error handler has raised last; without one, what
            a ``Retry`` or a ``Stop`` was given; else None.
    """

    execution: Execution
    kind: str
    seconds: float
    error: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeAnswered(WorkerEvent):
    """The engine has answered to an outcome.

    Attributes:
        execution: whose outcome it is.
        kind: the outcome, as in ``StepStopped``.
        result: ``committed``, ``continued``, ``stale``, ``busy`` or ``invalid``.
        detail: why it is invalid.
    """

    execution: Execution
    kind: str
    result: str
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLost(WorkerEvent):
    """The database says that a claim is not this worker's: cancelled, or taken over."""

    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaimed(WorkerEvent):
    """A pick brought an instance whose last execution was lost with its worker."""

    execution: Execution


# Picks and turns.


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked(WorkerEvent):
    """A pick was answered.

    Attributes:
        queue: from where.
        count: how many claims it brought.
        demand: how many places there were.
    """

    queue: str
    count: int
    demand: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PickFailed(WorkerEvent):
    """A pick of one queue failed; it is tried again.

    Attributes:
        queue: of which.
        error: why.
    """

    queue: str
    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded(WorkerEvent):
    """Outcomes were committed and new work was picked, in one round trip.

    Attributes:
        outcomes: how many were committed.
        picked: how many claims were brought.
        seconds: how long the database took, with the way there and back.
    """

    outcomes: int
    picked: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturated(WorkerEvent):
    """All places of a queue are taken, so that nothing more is picked from it.

    Attributes:
        queue: which.
        concurrency: how many places it has.
    """

    queue: str
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Relieved(WorkerEvent):
    """A queue that was saturated came back short: there are more places than work.

    Attributes:
        queue: which.
    """

    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindUnknown(WorkerEvent):
    """A pick brought instances that this worker does not know; it gives them back.

    Attributes:
        fsm: the machine, ``fsm_version`` its version, ``step`` the step.
        count: how many.
    """

    fsm: str
    fsm_version: int
    step: str
    count: int


# The worker's life.


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(WorkerEvent):
    """The worker is registered.

    Attributes:
        id: its number in the database.
    """

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationLost(WorkerEvent):
    """The database does not know the worker any more: its lease was over. It registers anew.

    Attributes:
        id: the number that it had.
        claims: how many claims it has lost with that.
    """

    id: int
    claims: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAnswered(WorkerEvent):
    """The lease was renewed.

    Attributes:
        claims: how many the worker holds.
        lost: how many of those are not its own any more.
        seconds: how long the answer took.
    """

    claims: int
    lost: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed(WorkerEvent):
    """The connection was lost in a call, or the database has refused it; it is tried again.

    Attributes:
        what: what was tried.
        error: why it failed.
    """

    what: str
    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStarted(WorkerEvent):
    """The worker was told to stop: it picks nothing more.

    Attributes:
        claims: how many steps still run.
        seconds: how long they may.
    """

    claims: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainEnded(WorkerEvent):
    """The worker takes no more turns; what is left goes back to others.

    Attributes:
        left: how many claims it still held.
        seconds: how long it has taken.
    """

    left: int
    seconds: float


# Housekeeping.


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped(WorkerEvent):
    """This worker has freed claims of dead workers.

    Attributes:
        claims: how many.
        dead: the number of the worker that was proven dead; None: of all whose lease was over.
    """

    claims: int
    dead: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitsExpired(WorkerEvent):
    """Maintenance has woken instances whose await was over. A pick wakes those of its own queue.

    Attributes:
        count: how many.
    """

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept(WorkerEvent):
    """Maintenance has found instances whose slot was free. The hand-over should leave none to it.

    Attributes:
        count: how many.
    """

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained(WorkerEvent):
    """A slice of maintenance was done.

    Attributes:
        done: how much of each task of ``gd_maintain``; what was nothing is left out.
        seconds: how long it took.
    """

    done: Mapping[str, int]
    seconds: float


# Limits. No call answers these: the worker looks at gd_limits every few seconds if they are heard.


@dataclass(frozen=True, slots=True, kw_only=True)
class Contended(WorkerEvent):
    """Instances wait for slots of a concurrency key.

    Attributes:
        name: the part of the keys before the first colon.
        waiting: how many wait.
    """

    name: str
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(WorkerEvent):
    """Instances wait for tokens of a rate limit.

    Attributes:
        name: the part of the keys before the first colon.
        waiting: how many wait.
    """

    name: str
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLimit(WorkerEvent):
    """Instances wait for a rate limit that is not set.

    Attributes:
        name: the part of the keys before the first colon.
        waiting: how many wait.
    """

    name: str
    waiting: int


# Telling and hearing.

E = TypeVar("E", bound=WorkerEvent)
Handler: TypeAlias = Callable[[Any], object]
Kinds: TypeAlias = tuple[type[WorkerEvent], ...]
Handlers: TypeAlias = dict[type[WorkerEvent], tuple[Handler, ...]]

# Not __subclasses__: a class with slots is made twice.
_EVENTS: tuple[type[WorkerEvent], ...] = tuple(
    kind
    for kind in map(globals().get, __all__)
    if isinstance(kind, type) and issubclass(kind, WorkerEvent) and kind is not WorkerEvent
)


class Bus:
    """Hands the events of one worker to its subscribers.

    Attributes:
        worker: the worker's name, for the events; without one it is of no worker.
        heard: the handlers by type. It is the same object for ever, so that the code in which an
            event happens asks ``if StepStarted in heard`` before it makes one.
    """

    def __init__(self, worker: str = "") -> None:
        self.worker = worker
        self.heard: Handlers = {}
        if worker:
            self.heard |= _everywhere.heard
            _buses.add(self)

    def subscribe(self, handler: Callable[[E], object], *kinds: type[E]) -> Callable[[], None]:
        """Hear events of these types, or of all; answers what ends it.

        Raises:
            UsageError: the handler cannot be called, or is async; or a type is no event.
        """
        chosen = _checked(handler, kinds)
        self.add(handler, chosen)
        return partial(self.remove, handler, chosen)

    def tell(self, event: WorkerEvent) -> None:
        """Call each subscriber of the event. Never raises."""
        for handler in self.heard.get(type(event), ()):
            try:
                handler(event)
            except BaseException:
                logger.exception(
                    "a subscriber failed at a %s: %s", type(event).__name__, safe_repr(handler, 200)
                )

    def add(self, handler: Handler, kinds: Kinds) -> None:
        """Call the handler at events of these types."""
        for kind in kinds:
            self.heard[kind] = (*self.heard.get(kind, ()), handler)

    def remove(self, handler: Handler, kinds: Kinds) -> None:
        """Undo one ``add`` with the same arguments."""
        for kind in kinds:
            left = list(self.heard.get(kind, ()))
            if handler in left:
                left.remove(handler)
            if left:
                self.heard[kind] = tuple(left)
            else:
                self.heard.pop(kind, None)


_buses: WeakSet[Bus] = WeakSet()
_everywhere = Bus()


def subscribe(handler: Callable[[E], object], *kinds: type[E]) -> Callable[[], None]:
    """Hear the events of every worker of this process, those included that are yet to be made.

    Args:
        handler: called with each event; no coroutine function.
        kinds: types of events; all of them by default.

    Returns:
        What ends it when it is called.

    Raises:
        UsageError: the handler cannot be called, or is async; or a type is no event.
    """
    chosen = _checked(handler, kinds)
    for bus in (_everywhere, *_buses):
        bus.add(handler, chosen)

    def unsubscribe() -> None:
        for bus in (_everywhere, *_buses):
            bus.remove(handler, chosen)

    return unsubscribe


def _checked(handler: object, kinds: tuple[Any, ...]) -> Kinds:
    if not callable(handler) or inspect.iscoroutinefunction(handler):
        raise UsageError(
            "a subscriber is a plain function that is called with an event, "
            f"not {safe_repr(handler, 200)}"
        )
    for kind in kinds:
        if kind is not WorkerEvent and kind not in _EVENTS:
            raise UsageError(f"{safe_repr(kind, 200)} is no event; see gendurable.events")
    return _EVENTS if not kinds or WorkerEvent in kinds else kinds
