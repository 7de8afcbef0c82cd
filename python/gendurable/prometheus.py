"""The metrics of this process's workers for Prometheus. Needs the extra ``prometheus``."""

from __future__ import annotations

from typing import Any

from gendurable.errors import UsageError
from gendurable.metrics import BUCKETS, WORKER_METRICS, Metric, WorkerMetrics

try:
    import prometheus_client
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
except ModuleNotFoundError as exc:
    raise UsageError(
        "metrics for Prometheus need another package\npip install 'gendurable[prometheus]'"
    ) from exc

__all__ = ["CONTENT_TYPE", "PrometheusSink", "exposition", "instrument"]

CONTENT_TYPE = CONTENT_TYPE_LATEST


class PrometheusSink:
    """Keeps values in a registry.

    Args:
        registry: where they are shown; the one of the process by default.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        where = prometheus_client.REGISTRY if registry is None else registry
        self._metrics = {metric: _made(metric, where) for metric in WORKER_METRICS}
        self._children: dict[tuple[Metric, tuple[str, ...]], Any] = {}

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        # The library's own look-up costs more than the rest together.
        child = self._children.get((metric, labels))
        if child is None:
            child = self._children[metric, labels] = self._metrics[metric].labels(*labels)
        return child

    def add(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Let a counter or a gauge grow."""
        self._child(metric, labels).inc(value)

    def set(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Give a gauge a value."""
        self._child(metric, labels).set(value)

    def observe(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Add an observation to a histogram."""
        self._child(metric, labels).observe(value)


def instrument(registry: CollectorRegistry | None = None) -> CollectorRegistry:
    """Measure the workers of this process from now on; answers where the values are shown.

    Args:
        registry: the one of an application; the one of the process by default.
    """
    where = prometheus_client.REGISTRY if registry is None else registry
    WorkerMetrics(PrometheusSink(where)).subscribe()
    return where


def exposition(registry: CollectorRegistry) -> bytes:
    """What Prometheus reads; of the type ``CONTENT_TYPE``."""
    return generate_latest(registry)


def _made(metric: Metric, registry: CollectorRegistry) -> Any:
    name = metric.prometheus_name
    match metric.kind:
        case "counter":
            return prometheus_client.Counter(name, metric.help, metric.labels, registry=registry)
        case "gauge":
            return prometheus_client.Gauge(name, metric.help, metric.labels, registry=registry)
        case "histogram":
            return prometheus_client.Histogram(
                name, metric.help, metric.labels, registry=registry, buckets=BUCKETS
            )
