"""What is measured of a worker: the metrics, and how its events become values of them.

How values are kept and shown is a sink's business: ``prometheus`` and ``otel`` have one each, so
that both show the same under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any, Literal, Protocol

from gendurable import events
from gendurable.events import WorkerEvent

__all__ = ["BUCKETS", "ENGINE_METRICS", "WORKER_METRICS", "Metric", "Sink", "WorkerMetrics"]


# From a millisecond to ten minutes.
BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
)  # fmt: skip
"""The boundaries of every histogram, in seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric; it is equal to itself alone, so that looking its values up costs little.

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
"""What a worker tells of itself."""

UP = Metric("gendurable.up", "gauge", "1 if the database has answered.")
LOOK_DURATION = Metric(
    "gendurable.look.duration", "gauge", "How long the database took to answer.", (), "s"
)
QUEUE_INSTANCES = Metric(
    "gendurable.queue.instances",
    "gauge",
    "Live instances: ready, scheduled, held, executing, awaiting.",
    ("queue", "state"),
)
QUEUE_OLDEST = Metric(
    "gendurable.queue.oldest_ready_age",
    "gauge",
    "How long the oldest ready instance has been ready.",
    ("queue",),
    "s",
)
QUEUE_PAUSED = Metric("gendurable.queue.paused", "gauge", "1 while it is paused.", ("queue",))
QUEUE_WORKERS = Metric("gendurable.queue.workers", "gauge", "Workers with a lease.", ("queue",))
QUEUE_LIMIT = Metric(
    "gendurable.queue.limit", "gauge", "How many may execute at once, if set.", ("queue",)
)
WORKER_ALIVE = Metric(
    "gendurable.worker.alive", "gauge", "0 once its lease is over.", ("worker", "id")
)
WORKER_EXECUTING = Metric(
    "gendurable.worker.executing", "gauge", "Claims that it holds.", ("worker", "id")
)
WORKER_LEASE = Metric(
    "gendurable.worker.lease_end",
    "gauge",
    "When its lease is over, in seconds since 1970.",
    ("worker", "id"),
    "s",
)
LIMIT_WAITING = Metric(
    "gendurable.limit.waiting", "gauge", "Instances that wait for it.", ("kind", "name")
)
LIMIT_IN_USE = Metric(
    "gendurable.limit.in_use", "gauge", "Slots or tokens in use.", ("kind", "name")
)
LIMIT_CAPACITY = Metric(
    "gendurable.limit.capacity",
    "gauge",
    "Slots or tokens of one key; none for a rate limit that is not set.",
    ("kind", "name"),
)
STUCK = Metric(
    "gendurable.stuck",
    "gauge",
    "Runnable instances that cannot start, by the first reason; up to 100 of each kind.",
    ("reason", "queue"),
)
FAILURES = Metric(
    "gendurable.failures.recent",
    "gauge",
    "Instances that have failed in the last five minutes, up to 10,000.",
    ("fsm",),
)
THROUGHPUT = Metric(
    "gendurable.throughput.steps",
    "gauge",
    "Steps that workers have run in the last full minute.",
    ("fsm", "kind"),
)
THROUGHPUT_DURATION = Metric(
    "gendurable.throughput.duration",
    "gauge",
    "How long those took in all.",
    ("fsm", "kind"),
    "s",
)
THROUGHPUT_SLOWEST = Metric(
    "gendurable.throughput.slowest", "gauge", "How long the slowest took.", ("fsm", "kind"), "s"
)
SCHEDULE_NEXT = Metric(
    "gendurable.schedule.next",
    "gauge",
    "When it is next due, in seconds since 1970.",
    ("schedule",),
    "s",
)
SCHEDULE_PAUSED = Metric(
    "gendurable.schedule.paused", "gauge", "1 while it is paused.", ("schedule",)
)
SCHEDULE_FIRED = Metric(
    "gendurable.schedule.fired", "counter", "Occurrences that created an instance.", ("schedule",)
)
SCHEDULE_SKIPPED = Metric(
    "gendurable.schedule.skipped", "counter", "Occurrences that created none.", ("schedule",)
)
HORIZON_AGE = Metric(
    "gendurable.horizon.age",
    "gauge",
    "How long the oldest has kept VACUUM from removing dead rows.",
    ("kind",),
    "s",
)
HORIZON_TRANSACTIONS = Metric(
    "gendurable.horizon.transactions",
    "gauge",
    "The same in transactions.",
    ("kind",),
)

ENGINE_METRICS = tuple(
    value
    for value in list(globals().values())
    if isinstance(value, Metric) and value not in WORKER_METRICS
)
"""What the views tell of the whole engine."""


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
