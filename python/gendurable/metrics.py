"""What is measured of a worker: the metrics, and how its events become values of them.

How values are kept and shown is a sink's business: ``prometheus`` and ``otel`` have one each, so
that both show the same under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time
from typing import Any, Literal, NamedTuple, Protocol

from gendurable import events
from gendurable.events import WorkerEvent

__all__ = ["BUCKETS", "WORKER_METRICS", "Metric", "Sink", "WorkerMetrics"]


# From a millisecond to ten minutes.
BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
)  # fmt: skip
"""The boundaries of every histogram, in seconds."""


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: with dots; ``prometheus_name`` makes the other form of it.
        kind: a counter only grows, a gauge is what is so now, a histogram has observations.
        help: what it says, in a sentence.
        labels: by what it is divided.
        unit: ``s`` for seconds; empty for a number of things.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""

    @property
    def prometheus_name(self) -> str:
        """As Prometheus wants it: underscores, the unit, and ``_total`` for a counter."""
        unit = "_seconds" if self.unit == "s" else ""
        total = "_total" if self.kind == "counter" else ""
        return self.name.replace(".", "_") + unit + total


_WORKER = ("worker",)

STEPS = Metric(
    "gendurable.steps",
    "counter",
    "Steps that have ended, by outcome.",
    (*_WORKER, "queue", "fsm", "step", "kind"),
)
STEP_DURATION = Metric(
    "gendurable.step.duration",
    "histogram",
    "How long steps took, without the commit.",
    (*_WORKER, "queue", "fsm", "step"),
    "s",
)
RUNNING = Metric(
    "gendurable.steps.running",
    "gauge",
    "Steps that run now.",
    (*_WORKER, "queue"),
)
OUTCOMES = Metric(
    "gendurable.outcomes",
    "counter",
    "Answers of the engine to outcomes: committed, continued, stale, busy, invalid.",
    (*_WORKER, "result"),
)
CLAIMS_LOST = Metric(
    "gendurable.claims.lost", "counter", "Claims that were cancelled or taken over.", _WORKER
)
RECLAIMED = Metric(
    "gendurable.claims.reclaimed",
    "counter",
    "Claims whose last execution was lost with its worker.",
    _WORKER,
)
PICKS = Metric("gendurable.picks", "counter", "Picks that were answered.", (*_WORKER, "queue"))
PICKED = Metric(
    "gendurable.picks.claims", "counter", "Claims that picks have brought.", (*_WORKER, "queue")
)
DEMAND = Metric(
    "gendurable.picks.demand",
    "counter",
    "Claims that picks have asked for.",
    (*_WORKER, "queue"),
)
PICK_FAILURES = Metric(
    "gendurable.picks.failures",
    "counter",
    "Picks of one queue that have failed.",
    (*_WORKER, "queue"),
)
UNKNOWN_KINDS = Metric(
    "gendurable.claims.unknown",
    "counter",
    "Claims of machines, versions and steps that the worker does not know.",
    _WORKER,
)
SATURATED = Metric(
    "gendurable.queue.saturated",
    "gauge",
    "1 while all places of a queue are taken.",
    (*_WORKER, "queue"),
)
TURN_DURATION = Metric(
    "gendurable.turn.duration",
    "histogram",
    "How long the database took to commit outcomes and pick new work, with the way.",
    _WORKER,
    "s",
)
REGISTRATIONS = Metric("gendurable.registrations", "counter", "Registrations.", _WORKER)
LEASES_LOST = Metric(
    "gendurable.leases.lost",
    "counter",
    "Registrations that the database had forgotten: the lease was over.",
    _WORKER,
)
HEARTBEAT_DURATION = Metric(
    "gendurable.heartbeat.duration", "histogram", "How long heartbeats took.", _WORKER, "s"
)
HEARTBEAT_TIME = Metric(
    "gendurable.heartbeat.time",
    "gauge",
    "When the latest heartbeat was answered, in seconds since 1970.",
    _WORKER,
    "s",
)
CLAIMS = Metric(
    "gendurable.claims", "gauge", "Claims that the worker held at its latest heartbeat.", _WORKER
)
CALL_FAILURES = Metric(
    "gendurable.call.failures",
    "counter",
    "Calls in which the connection was lost, or which the database has refused.",
    (*_WORKER, "what"),
)
DRAINING = Metric("gendurable.draining", "gauge", "1 once the worker was told to stop.", _WORKER)
MAINTAINED = Metric(
    "gendurable.maintenance",
    "counter",
    "What maintenance has done, by task of gd_maintain.",
    (*_WORKER, "task"),
)
MAINTENANCE_DURATION = Metric(
    "gendurable.maintenance.duration",
    "histogram",
    "How long slices of maintenance took.",
    _WORKER,
    "s",
)
REAPED = Metric(
    "gendurable.claims.reaped",
    "counter",
    "Claims of dead workers that this one has freed.",
    _WORKER,
)

WORKER_METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))


class Sink(Protocol):
    """Keeps the values of metrics. The labels' values stand in the order of the metric's labels."""

    def add(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Let a counter or a gauge grow; a gauge may also shrink."""

    def set(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Give a gauge a value."""

    def observe(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Add an observation to a histogram."""


class WorkerMetrics:
    """Makes values of events.

    Args:
        sink: where the values go.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._handlers: Mapping[type[WorkerEvent], Callable[[Any], None]] = {
            events.StepStarted: self._started,
            events.StepStopped: self._stopped,
            events.OutcomeAnswered: self._answered,
            events.ClaimLost: lambda e: sink.add(CLAIMS_LOST, 1, (e.worker,)),
            events.Reclaimed: lambda e: sink.add(RECLAIMED, 1, (e.worker,)),
            events.Picked: self._picked,
            events.PickFailed: lambda e: sink.add(PICK_FAILURES, 1, (e.worker, e.queue)),
            events.KindUnknown: lambda e: sink.add(UNKNOWN_KINDS, e.count, (e.worker,)),
            events.TurnEnded: lambda e: sink.observe(TURN_DURATION, e.seconds, (e.worker,)),
            events.Saturated: lambda e: sink.set(SATURATED, 1, (e.worker, e.queue)),
            events.Relieved: lambda e: sink.set(SATURATED, 0, (e.worker, e.queue)),
            events.Registered: lambda e: sink.add(REGISTRATIONS, 1, (e.worker,)),
            events.RegistrationLost: lambda e: sink.add(LEASES_LOST, 1, (e.worker,)),
            events.HeartbeatAnswered: self._beaten,
            events.CallFailed: lambda e: sink.add(CALL_FAILURES, 1, (e.worker, e.what)),
            events.DrainStarted: lambda e: sink.set(DRAINING, 1, (e.worker,)),
            events.Maintained: self._maintained,
            events.Reaped: lambda e: sink.add(REAPED, e.claims, (e.worker,)),
        }

    def subscribe(self) -> Callable[[], None]:
        """Hear every worker of the process; answers what ends it."""
        return events.subscribe(self, *self._handlers)

    def __call__(self, event: WorkerEvent) -> None:
        """Take note of one event."""
        self._handlers[type(event)](event)

    def _started(self, event: events.StepStarted) -> None:
        self._sink.add(RUNNING, 1, (event.worker, event.execution.queue))

    def _stopped(self, event: events.StepStopped) -> None:
        where = (event.worker, event.execution.queue, event.execution.fsm, event.execution.step)
        self._sink.add(RUNNING, -1, where[:2])
        self._sink.add(STEPS, 1, (*where, event.kind))
        self._sink.observe(STEP_DURATION, event.seconds, where)

    def _answered(self, event: events.OutcomeAnswered) -> None:
        self._sink.add(OUTCOMES, 1, (event.worker, event.result))

    def _picked(self, event: events.Picked) -> None:
        labels = (event.worker, event.queue)
        self._sink.add(PICKS, 1, labels)
        self._sink.add(PICKED, event.count, labels)
        self._sink.add(DEMAND, event.demand, labels)

    def _beaten(self, event: events.HeartbeatAnswered) -> None:
        self._sink.observe(HEARTBEAT_DURATION, event.seconds, (event.worker,))
        self._sink.set(HEARTBEAT_TIME, time(), (event.worker,))
        self._sink.set(CLAIMS, event.claims - event.lost, (event.worker,))

    def _maintained(self, event: events.Maintained) -> None:
        self._sink.observe(MAINTENANCE_DURATION, event.seconds, (event.worker,))
        for task, count in event.done.items():
            self._sink.add(MAINTAINED, count, (event.worker, task))
