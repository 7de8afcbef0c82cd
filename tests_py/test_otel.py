"""Traces and metrics with OpenTelemetry's own SDK and its exporters in memory."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from gendurable import (
    Context,
    Done,
    Entry,
    Machine,
    Next,
    Outcome,
    Retry,
    RetryPolicy,
    ScheduleChildren,
    UsageError,
    cancel,
    enqueue,
    job,
    otel,
    step,
)
from gendurable.json_log import JsonFormatter
from support import finished, gate, running, statuses, until, worker_process

Connection = psycopg.Connection[Any]


class Traced:
    """Spans and metrics, as exported."""

    def __init__(self, sampler: Any = None) -> None:
        self._spans = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._metrics = InMemoryMetricReader()
        self.meters = MeterProvider([self._metrics])

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order of their ends."""
        return list(self._spans.get_finished_spans())

    def clear(self) -> None:
        """Forget the spans."""
        self._spans.clear()

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of one name."""
        return [span for span in self.spans if span.name == name]

    def values(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """The points of a metric, by their attributes."""
        data: Any = self._metrics.get_metrics_data()
        return {
            tuple(sorted(point.attributes.items())): point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        }


@pytest.fixture
def traced() -> Iterator[Traced]:
    """Every worker of this process is traced and measured."""
    found = Traced()
    end = otel.instrument(found.provider, found.meters)
    yield found
    end()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """What a span says."""
    return dict(span.attributes or {})


class Shop(Machine[dict[str, Any]]):
    """An async and a sync step, each with a span of its own."""

    retry = RetryPolicy(max_attempts=2, initial=0)

    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Goes on."""
        with trace.get_tracer("shop").start_as_current_span("in async"):
            return Next(self.end)

    @step
    def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Tries once more, then ends."""
        with trace.get_tracer("shop").start_as_current_span("in sync"):
            return Retry(error="once more") if ctx.attempt == 0 else Done()


@pytest.fixture(scope="module", autouse=True)
def _global() -> None:
    # What spans of users are made with; which provider it is, their parent decides here.
    trace.set_tracer_provider(USERS.provider)


USERS = Traced()


def test_the_steps_of_an_instance_are_one_trace_whichever_worker_runs_them(
    dsn: str, conn: Connection, traced: Traced
) -> None:
    first = enqueue(conn, Shop, {}, correlation_key="order:1").id
    second = enqueue(conn, Shop, {}).id
    with running(dsn, [Shop], name="a"), running(dsn, [Shop], name="b"):
        finished(conn, first)
        finished(conn, second)
    for instance in (first, second):
        spans = [
            one for one in traced.spans if attributes(one)["messaging.message.id"] == str(instance)
        ]
        assert [one.name for one in spans] == ["process Shop.start", *["process Shop.end"] * 2]
        contexts = [one.get_span_context() for one in spans]
        assert {one.trace_id for one in contexts if one} == {otel.trace_id(instance)}
        assert len({one.parent.span_id for one in spans if one.parent}) == 1
    assert otel.trace_id(first) != otel.trace_id(second)
    assert otel.trace_id(first) != otel.trace_id(first, "other")


def test_a_span_says_what_ran_and_how_it_ended(dsn: str, conn: Connection, traced: Traced) -> None:
    target = enqueue(conn, Shop, {}, correlation_key="order:1").id
    with running(dsn, [Shop], name="here"):
        finished(conn, target)
    started, tried, ended = traced.spans
    assert started.kind is SpanKind.CONSUMER
    said = attributes(started)
    assert said.pop("gendurable.fence") > 0
    assert said == {
        "messaging.system": "gendurable",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "default",
        "messaging.message.id": str(target),
        "messaging.message.conversation_id": "order:1",
        "gendurable.worker": "here",
        "gendurable.fsm": "Shop",
        "gendurable.fsm_version": 1,
        "gendurable.step": "start",
        "gendurable.attempt": 0,
        "gendurable.outcome": "next",
    }
    assert started.status.status_code is StatusCode.UNSET
    assert tried.status.status_code is StatusCode.ERROR
    assert tried.status.description == "'once more'"
    assert (attributes(ended)["gendurable.attempt"], attributes(ended)["gendurable.outcome"]) == (
        1,
        "done",
    )


def test_the_spans_of_a_step_s_code_lie_within_it_sync_and_async(
    dsn: str, conn: Connection, traced: Traced
) -> None:
    USERS.clear()
    target = enqueue(conn, Shop, {}).id
    with running(dsn, [Shop]):
        finished(conn, target)
    for name, inner in (("process Shop.start", "in async"), ("process Shop.end", "in sync")):
        parents = {span.get_span_context().span_id for span in traced.named(name)}  # type: ignore[union-attr]
        children = [
            one
            for one in USERS.named(inner)
            if one.get_span_context().trace_id == otel.trace_id(target)  # type: ignore[union-attr]
        ]
        assert {one.parent.span_id for one in children if one.parent} <= parents
        assert children
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_exception_is_recorded_and_a_claim_that_is_lost_is_an_error(
    dsn: str, conn: Connection, traced: Traced
) -> None:
    @job(retry=RetryPolicy(max_attempts=1))
    def breaks() -> None:
        raise KeyError("nothing there")

    @job(retry=RetryPolicy(max_attempts=1))
    async def leaves() -> None:
        raise SystemExit(3)

    with gate() as opened:

        @job()
        def waits() -> None:
            opened.wait(60)

        failed, left, lost = breaks.enqueue(conn), leaves.enqueue(conn), waits.enqueue(conn)
        with running(dsn, [breaks, leaves, waits], lease=1.0):
            finished(conn, failed.id)
            finished(conn, left.id)
            until(lambda: statuses(conn) == {"failed": 2, "executing": 1})
            cancel(conn, lost.id)
            until(lambda: len(traced.spans) == 3)
            opened.set()
    by_id = {attributes(one)["messaging.message.id"]: one for one in traced.spans}
    broken, gone, taken = (by_id[str(one.id)] for one in (failed, left, lost))
    assert attributes(broken)["error.type"] == "KeyError"
    (event,) = broken.events
    assert dict(event.attributes or {})["exception.type"] == "KeyError"
    assert "nothing there" in str(dict(event.attributes or {})["exception.stacktrace"])
    assert broken.status.status_code is StatusCode.ERROR
    assert attributes(gone)["error.type"] == "SystemExit"
    assert (attributes(taken)["error.type"], attributes(taken)["gendurable.outcome"]) == (
        "lost",
        "lost",
    )


def test_a_child_s_trace_is_linked_to_that_of_its_parent(
    dsn: str, conn: Connection, traced: Traced
) -> None:
    class Family(Machine[dict[str, Any]]):
        @step
        async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return ScheduleChildren([Entry(Shop, {})], step=self.end)

        @step
        async def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return Done()

    parent = enqueue(conn, Family, {}).id
    with running(dsn, [Family, Shop]):
        finished(conn, parent)
    children = traced.named("process Shop.start")
    assert [[link.context.trace_id for link in one.links] for one in children] == [
        [otel.trace_id(parent)]
    ]
    assert attributes(children[0])["gendurable.parent_id"] == parent


@pytest.mark.parametrize(
    ("sampler", "least", "most"),
    [
        (ParentBased(ALWAYS_OFF), 0, 0),
        (ParentBased(TraceIdRatioBased(0.5)), 1, 39),
        (None, 40, 40),
    ],
)
def test_the_sampler_decides_about_whole_traces(
    dsn: str, conn: Connection, sampler: Any, least: int, most: int
) -> None:
    found = Traced(sampler)
    end = otel.instrument(found.provider, found.meters)
    for _ in range(40):
        enqueue(conn, Shop, {})
    with running(dsn, [Shop]):
        until(lambda: statuses(conn) == {"done": 40})
    end()
    traces: dict[str, int] = {}
    for span in found.spans:
        instance = attributes(span)["messaging.message.id"]
        traces[instance] = traces.get(instance, 0) + 1
    assert least <= len(traces) <= most
    assert set(traces.values()) <= {3}


def test_the_metrics_are_those_for_prometheus_under_names_with_dots(
    dsn: str, conn: Connection, traced: Traced
) -> None:
    for _ in range(3):
        enqueue(conn, Shop, {})
    with running(dsn, [Shop], name="w"):
        until(lambda: statuses(conn) == {"done": 3})
    steps = traced.values("gendurable.steps")
    found = {(dict(key)["gendurable.step"], dict(key)["gendurable.kind"]): point.value
             for key, point in steps.items()}  # fmt: skip
    assert found == {("start", "next"): 3, ("end", "retry"): 3, ("end", "done"): 3}
    (running_now,) = traced.values("gendurable.steps.running").values()
    assert running_now.value == 0
    took = traced.values("gendurable.step.duration")
    assert sorted(point.count for point in took.values()) == [3, 6]
    assert {point.explicit_bounds[0] for point in took.values()} == {0.001}


def test_run_traces_with_the_providers_that_the_module_has_set(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    module = tmp_path / "traced.py"
    module.write_text(
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor\n"
        "from gendurable import job\n"
        "trace.set_tracer_provider(TracerProvider())\n"
        "trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(\n"
        "    out=open(__file__ + '.spans', 'w'))))\n"
        "@job()\n"
        "def quick() -> None: ...\n"
    )
    with worker_process(dsn, module, tmp_path / "log", "--otel"):
        target = enqueue(conn, "quick", {}).id
        finished(conn, target)
        spans = tmp_path / "traced.py.spans"
        until(lambda: f"0x{otel.trace_id(target):032x}" in spans.read_text())


def test_what_a_step_logs_as_json_names_its_trace(
    dsn: str, conn: Connection, traced: Traced
) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(JsonFormatter().format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("shop")
    logger.addHandler(handler)

    @job()
    def says() -> None:
        logger.warning("here")

    target = says.enqueue(conn).id
    with running(dsn, [says]):
        finished(conn, target)
    logger.warning("outside")
    logger.removeHandler(handler)
    within, outside = map(json.loads, lines)
    (span,) = traced.spans
    assert within["trace_id"] == format(otel.trace_id(target), "032x")
    assert within["span_id"] == format(span.get_span_context().span_id, "016x")  # type: ignore[union-attr]
    assert "trace_id" not in outside


def test_without_the_extra_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "gendurable.otel")
    with pytest.raises(UsageError, match=r"pip install 'gendurable\[otel\]'"):
        __import__("gendurable.otel")
