"""Metrics of the whole engine for Prometheus, from its views. Needs the extra ``prometheus``."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, TypeAlias

import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from gendurable import look, metrics
from gendurable.database import conninfo, log_failure, one_line
from gendurable.endpoint import Page, Pages
from gendurable.errors import GendurableError
from gendurable.metrics import ENGINE_METRICS, Metric
from gendurable.prometheus import CONTENT_TYPE, exposition

__all__ = ["EngineCollector", "Sample", "measure", "pages"]

Sample: TypeAlias = tuple[Metric, tuple[str, ...], float]
"""A metric, the values of its labels in their order, and its value."""

_STATES = ("ready", "scheduled", "held", "executing", "awaiting")
_MOST_STUCK = 100
_RECENT = 300
_MOST_FAILURES = 10_000
_OLDEST_ANSWER = 1.0
# Of the transaction alone, so that it works through a pooler, too. What is more than so many is an
# estimate.
_SETTINGS = """
    select pg_catalog.set_config('gendurable.most_counted', '2000', true),
           pg_catalog.set_config('statement_timeout', '10s', true)"""


def measure(conn: psycopg.Connection[Any]) -> list[Sample]:
    """Look at the whole engine: some ten milliseconds, whatever there is.

    Args:
        conn: of a role that may look, such as ``gd_client``.
    """
    began = monotonic()
    samples = [
        *_queues(look.queues(conn)),
        *_workers(look.workers(conn)),
        *_limits(look.limits(conn)),
        *_stuck(look.stuck_groups(conn, _MOST_STUCK)),
        *_failures(look.failure_groups(conn, since=_RECENT, looks=_MOST_FAILURES)),
        *_throughput(look.throughput(conn, since=180)),
        *_schedules(look.schedules(conn)),
        *_horizon(look.horizon(conn)),
    ]
    samples.append((metrics.LOOK_DURATION, (), monotonic() - began))
    return samples


class EngineCollector(Collector):
    """Looks when it is asked, once a second at most, however many ask.

    While the database does not answer there is ``gendurable_up 0``, and nothing else.

    Args:
        dsn: connection string; GENDURABLE_DSN or the PG* variables by default.

    Attributes:
        failed: why the latest look has failed; None if it has not.

    Raises:
        UsageError: the connection string is malformed.
    """

    def __init__(self, dsn: str | None = None) -> None:
        self.failed: str | None = "the database was not read yet"
        self._conninfo = conninfo(dsn)
        self._lock = threading.Lock()
        self._conn: psycopg.Connection[Any] | None = None
        self._samples: list[Sample] = []
        self._at = float("-inf")

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """The metrics as Prometheus's library wants them."""
        values: defaultdict[Metric, list[Sample]] = defaultdict(list)
        for sample in self.samples():
            values[sample[0]].append(sample)
        for metric in ENGINE_METRICS:
            if metric in values:
                yield _family(metric, values[metric])

    def describe(self) -> Iterable[Any]:
        """Nothing: to register it takes no look."""
        return []

    def samples(self) -> list[Sample]:
        """What was seen in the last second, or is seen now."""
        with self._lock:
            if monotonic() - self._at >= _OLDEST_ANSWER:
                self._samples = self._look()
                self._at = monotonic()
            return self._samples

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._conn is not None:
            with suppress(psycopg.Error):
                self._conn.close()
            self._conn = None

    def _look(self) -> list[Sample]:
        try:
            if self._conn is None:
                # Kept: a session that is new plans everything anew.
                self._conn = psycopg.connect(
                    self._conninfo, autocommit=True, prepare_threshold=None
                )
            with self._conn.transaction():
                self._conn.execute(_SETTINGS)
                samples = [*measure(self._conn), (metrics.UP, (), 1.0)]
        except (GendurableError, psycopg.Error, OSError) as exc:
            log_failure("a look at the engine", exc)
            self.failed = one_line(exc)
            self._disconnect()
            return [(metrics.UP, (), 0.0)]
        self.failed = None
        return samples


def pages(collector: EngineCollector) -> Pages:
    """``/metrics``, and the probes ``/healthz`` and ``/readyz`` (the database answers)."""
    registry = CollectorRegistry()
    registry.register(collector)

    def ready() -> Page:
        collector.samples()
        failed = collector.failed
        return Page(b"ok\n") if failed is None else Page(f"{failed}\n".encode(), status=503)

    return {
        "/metrics": lambda: Page(exposition(registry), CONTENT_TYPE),
        "/healthz": lambda: Page(b"ok\n"),
        "/readyz": ready,
    }


def _family(metric: Metric, samples: Iterable[Sample]) -> GaugeMetricFamily | CounterMetricFamily:
    make: Callable[..., Any] = (
        CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    )
    family = make(metric.prometheus_name, metric.help, labels=metric.labels)
    for _, labels, value in samples:
        family.add_metric(labels, value)
    made: GaugeMetricFamily | CounterMetricFamily = family
    return made


def _queues(queues: Iterable[look.Queue]) -> Iterator[Sample]:
    for one in queues:
        name = (one.queue,)
        for state in _STATES:
            yield metrics.QUEUE_INSTANCES, (one.queue, state), getattr(one, state)
        yield metrics.QUEUE_OLDEST, name, max(0.0, one.oldest_ready_age or 0.0)
        yield metrics.QUEUE_PAUSED, name, one.paused
        yield metrics.QUEUE_WORKERS, name, one.workers
        if one.max_executing is not None:
            yield metrics.QUEUE_LIMIT, name, one.max_executing


def _workers(workers: Iterable[look.WorkerState]) -> Iterator[Sample]:
    for one in workers:
        labels = (one.name, str(one.id))
        yield metrics.WORKER_ALIVE, labels, one.alive
        yield metrics.WORKER_EXECUTING, labels, one.executing
        if one.lease_until is not None:
            yield metrics.WORKER_LEASE, labels, one.lease_until.timestamp()


def _limits(limits: Iterable[look.Limit]) -> Iterator[Sample]:
    for one in limits:
        labels = (one.kind, one.name)
        yield metrics.LIMIT_WAITING, labels, one.waiting
        yield metrics.LIMIT_IN_USE, labels, one.in_use
        capacity = one.burst if one.kind == "rate" else one.max_executing
        if capacity is not None:
            yield metrics.LIMIT_CAPACITY, labels, capacity


def _stuck(groups: Iterable[look.StuckGroup]) -> Iterator[Sample]:
    # A group is one of a detail as well: a key, a kind of step.
    yield from _sums(metrics.STUCK, ((one.reason, one.queue, float(one.count)) for one in groups))


def _failures(groups: Iterable[look.FailureGroup]) -> Iterator[Sample]:
    yield from _sums(metrics.FAILURES, ((one.fsm, float(one.count)) for one in groups))


def _sums(metric: Metric, rows: Iterable[tuple[Any, ...]]) -> Iterator[Sample]:
    sums: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for *labels, value in rows:
        sums[tuple(labels)] += value
    yield from ((metric, labels, value) for labels, value in sums.items())


def _throughput(minutes: list[look.Minute]) -> Iterator[Sample]:
    full = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    for one in minutes:
        if one.minute == full:
            labels = (one.fsm, one.kind)
            yield metrics.THROUGHPUT, labels, one.count
            yield metrics.THROUGHPUT_DURATION, labels, one.seconds
            yield metrics.THROUGHPUT_SLOWEST, labels, one.slowest


def _schedules(schedules: Iterable[look.ScheduleState]) -> Iterator[Sample]:
    for one in schedules:
        name = (one.name,)
        if one.next_at is not None:
            yield metrics.SCHEDULE_NEXT, name, one.next_at.timestamp()
        yield metrics.SCHEDULE_PAUSED, name, one.paused
        yield metrics.SCHEDULE_FIRED, name, one.fired
        yield metrics.SCHEDULE_SKIPPED, name, one.skipped


def _horizon(holders: Iterable[look.Holder]) -> Iterator[Sample]:
    seconds: dict[str, float] = {}
    ages: dict[str, int] = {}
    for one in holders:
        seconds[one.kind] = max(seconds.get(one.kind, 0.0), one.seconds or 0.0)
        ages[one.kind] = max(ages.get(one.kind, 0), one.age)
    for kind, age in ages.items():
        yield metrics.HORIZON_AGE, (kind,), seconds[kind]
        yield metrics.HORIZON_TRANSACTIONS, (kind,), age
