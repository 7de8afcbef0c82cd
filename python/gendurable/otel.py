"""Traces and metrics of this process's workers for OpenTelemetry. Needs the extra ``otel``.

Each execution of a step is a span. The trace's id is derived from the instance's, so the steps of
one instance form one trace, whichever workers run them.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from gendurable import events
from gendurable.errors import UsageError
from gendurable.events import Execution, StepStarted, StepStopped, WorkerEvent
from gendurable.metrics import BUCKETS, WORKER_METRICS, Metric, WorkerMetrics
from gendurable.process import package_version
from gendurable.text import safe_repr, safe_str, type_name

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.trace import (
        Link,
        NonRecordingSpan,
        Span,
        SpanContext,
        SpanKind,
        Status,
        StatusCode,
        TraceFlags,
        TracerProvider,
    )
except ModuleNotFoundError as exc:
    raise UsageError(
        "traces for OpenTelemetry need another package\npip install 'gendurable[otel]'"
    ) from exc

__all__ = ["OtelSink", "instrument", "trace_id"]

_SHOWN = 500


def instrument(
    tracer_provider: TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
    *,
    namespace: str = "",
) -> Callable[[], None]:
    """Trace and measure every worker of this process from now on.

    Args:
        tracer_provider: where spans go; OpenTelemetry's global one by default.
        meter_provider: where metrics go; OpenTelemetry's global one by default.
        namespace: tells instances of several databases apart, whose ids are the same; a part of
            what trace ids are derived from.

    Returns:
        What ends it when it is called.
    """
    end_spans = events.subscribe(_Spans(tracer_provider, namespace), StepStarted, StepStopped)
    end_metrics = WorkerMetrics(OtelSink(meter_provider)).subscribe()

    def end() -> None:
        end_spans()
        end_metrics()

    return end


def trace_id(instance: int, namespace: str = "") -> int:
    """The id of an instance's trace; ``format(trace_id(42), "032x")`` is how tools show it."""
    return _hashed(f"{namespace}:{instance}", 16)


class _Spans:
    """Makes spans of starts and ends of steps."""

    def __init__(self, provider: TracerProvider | None, namespace: str) -> None:
        self._provider = provider
        self._namespace = namespace
        self._tracer = trace.get_tracer("gendurable", package_version(), provider)
        # The execution is kept as well: its identity is the key.
        self._open: dict[int, tuple[Execution, Span]] = {}

    def __call__(self, event: WorkerEvent) -> None:
        if isinstance(event, StepStarted):
            self._start(event)
        elif not isinstance(event, StepStopped):
            return
        elif (opened := self._open.pop(id(event.execution), None)) is not None:
            _end(opened[1], event)

    def _start(self, event: StepStarted) -> None:
        execution = event.execution
        around = event.context.run(context.get_current)
        parent = trace.set_span_in_context(self._root(execution.id, execution.fsm), around)
        links = []
        if execution.parent_id is not None:
            links.append(Link(self._root(execution.parent_id, execution.fsm).get_span_context()))
        span = self._tracer.start_span(
            f"process {execution.fsm}.{execution.step}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=_attributes(event),
            links=links,
        )
        self._open[id(execution)] = (execution, span)
        event.context.run(context.attach, trace.set_span_in_context(span, around))

    def _root(self, instance: int, fsm: str) -> Span:
        """What the spans of an instance have as their parent: it is never sent itself."""
        number = trace_id(instance, self._namespace)
        sampled = TraceFlags.SAMPLED if self._is_sampled(number, fsm) else TraceFlags.DEFAULT
        return NonRecordingSpan(
            SpanContext(
                trace_id=number,
                span_id=_hashed(f"{self._namespace}:{instance}:root", 8),
                is_remote=True,
                trace_flags=TraceFlags(sampled),
            )
        )

    def _is_sampled(self, number: int, name: str) -> bool:
        """What the sampler says of a new trace: with a parent it would only follow that."""
        provider: Any = self._provider or trace.get_tracer_provider()
        sampler = getattr(provider, "sampler", None)
        if sampler is None:
            return True
        decision = sampler.should_sample(context.Context(), number, name).decision
        return bool(decision.is_sampled())


class OtelSink:
    """Keeps values in OpenTelemetry's instruments.

    Args:
        provider: where they are made; the global one by default.
    """

    def __init__(self, provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter("gendurable", package_version(), provider)
        self._metrics = {metric: _made(metric, meter) for metric in WORKER_METRICS}
        self._gauges: dict[tuple[Metric, tuple[str, ...]], float] = {}
        self._attributes: dict[tuple[Metric, tuple[str, ...]], dict[str, str]] = {}

    def _labelled(self, metric: Metric, labels: tuple[str, ...]) -> dict[str, str]:
        found = self._attributes.get((metric, labels))
        if found is None:
            named = zip(metric.labels, labels, strict=True)
            found = {f"gendurable.{name}": value for name, value in named}
            self._attributes[metric, labels] = found
        return found

    def add(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Let a counter or a gauge grow."""
        if metric.kind == "gauge":
            self.set(metric, self._gauges.get((metric, labels), 0) + value, labels)
        else:
            self._metrics[metric].add(value, self._labelled(metric, labels))

    def set(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Give a gauge a value."""
        self._gauges[metric, labels] = value
        self._metrics[metric].set(value, self._labelled(metric, labels))

    def observe(self, metric: Metric, value: float, labels: tuple[str, ...]) -> None:
        """Add an observation to a histogram."""
        self._metrics[metric].record(value, self._labelled(metric, labels))


def _made(metric: Metric, meter: metrics.Meter) -> Any:
    match metric.kind:
        case "counter":
            return meter.create_counter(metric.name, metric.unit, metric.help)
        case "gauge":
            return meter.create_gauge(metric.name, metric.unit, metric.help)
        case "histogram":
            return meter.create_histogram(
                metric.name, metric.unit, metric.help, explicit_bucket_boundaries_advisory=BUCKETS
            )


def _attributes(event: StepStarted) -> dict[str, str | int]:
    execution = event.execution
    attributes: dict[str, str | int] = {
        "messaging.system": "gendurable",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": execution.queue,
        "messaging.message.id": str(execution.id),
        "gendurable.worker": event.worker,
        "gendurable.fsm": execution.fsm,
        "gendurable.fsm_version": execution.fsm_version,
        "gendurable.step": execution.step,
        "gendurable.attempt": execution.attempt,
        "gendurable.fence": execution.fence,
    }
    if execution.correlation_key is not None:
        attributes["messaging.message.conversation_id"] = execution.correlation_key
    if execution.parent_id is not None:
        attributes["gendurable.parent_id"] = execution.parent_id
    return attributes


def _end(span: Span, event: StepStopped) -> None:
    span.set_attribute("gendurable.outcome", event.kind)
    error = event.error
    if isinstance(error, BaseException):
        span.record_exception(_tellable(error))
        _fail(span, _kind_of(error), f"{type_name(error)}: {safe_str(error, _SHOWN)}")
    elif event.kind == "stop" or (event.kind == "retry" and error is not None):
        _fail(span, event.kind, safe_repr(error, _SHOWN))
    elif event.kind == "lost":
        _fail(span, "lost", "the claim was taken away")
    span.end()


def _fail(span: Span, kind: str, description: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, description))


def _kind_of(error: BaseException) -> str:
    module = type(error).__module__
    name = type_name(error)
    return name if module == "builtins" else f"{module}.{name}"


def _tellable(error: BaseException) -> Exception:
    """An exception that can be recorded, whatever its own methods do."""
    if isinstance(error, Exception):
        return error
    return RuntimeError(f"{type_name(error)}: {safe_str(error, _SHOWN)}")


def _hashed(text: str, size: int) -> int:
    # Zero, which is no valid id, is as likely as any other number.
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest()) or 1
