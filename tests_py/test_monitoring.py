"""What instances have gone through, and what they are doing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from gendurable import (
    Context,
    Done,
    Machine,
    Next,
    Outcome,
    Retry,
    RetryPolicy,
    StateError,
    enqueue,
    history,
    job,
    set_history,
    status,
    step,
)
from support import finished, running, statuses, until
from test_docs import blocks

Connection = psycopg.Connection[Any]


@job(retry=RetryPolicy(max_attempts=2, initial=0))
def breaks(text: str) -> None:
    """Fails whenever it runs."""
    raise ValueError(text)


class Shop(Machine[dict[str, Any]]):
    """Two steps, the first of which tries twice."""

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Tries again once."""
        return Retry(error="once more") if ctx.attempt == 0 else Next(self.end)

    @step
    async def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Ends."""
        return Done(ctx.state)


def records(conn: Connection, query: str, parameters: tuple[Any, ...]) -> int:
    """How many records a query writes to the WAL; of this session alone, whatever others write."""
    row = conn.execute(f"explain (analyze, wal, format json) {query}", parameters).fetchone()
    assert row is not None
    return int(row[0][0]["Plan"]["WAL Records"])


def is_watched(conn: Connection) -> bool:
    """Whether any instance is watched."""
    row = conn.execute("select bool_or(watched) from gendurable.instances").fetchone()
    return bool(row and row[0])


def test_a_failure_s_history_has_the_type_the_message_and_the_traceback(
    dsn: str, conn: Connection
) -> None:
    failed = breaks.enqueue(conn, "broken")
    with running(dsn, [breaks], name="here"):
        assert finished(conn, failed.id).status == "failed"
    told = history(conn, failed.id)
    assert [(event.event, event.attempt, event.worker) for event in told] == [
        ("retry", 0, "here"),
        ("stop", 1, "here"),
    ]
    for event in told:
        assert event.detail["type"] == "ValueError"
        assert event.detail["message"] == "broken"
        assert "in breaks" in event.detail["traceback"]
        assert event.started_at is not None
        assert event.started_at <= event.at


def test_every_step_is_told_where_that_is_asked_for(dsn: str, conn: Connection) -> None:
    set_history(conn, Shop, "steps")
    first = enqueue(conn, Shop, {"a": 1})
    with running(dsn, [Shop]):
        assert finished(conn, first.id).result == {"a": 1}
    told = history(conn, first.id)
    assert [(event.event, event.step, event.attempt, event.detail) for event in told] == [
        ("retry", "start", 0, "once more"),
        ("next", "start", 1, {"to": "end"}),
        ("done", "end", 0, None),
    ]


def test_the_happy_path_writes_nothing_on_the_level_errors(conn: Connection) -> None:
    """The same outcomes cost the same WAL as without any history; with the level steps more."""
    costs = {}
    for level in ("none", "errors", "steps"):
        set_history(conn, None, level)
        row = conn.execute("select gd_register('w')").fetchone()
        assert row is not None
        for _ in range(300):
            enqueue(conn, "M")
        conn.execute("create temp table p as select * from gd_pick(%s, 'default', 300)", row)
        costs[level] = records(
            conn,
            "select count(*) from gd_commit(%s, (select jsonb_agg(jsonb_build_object("
            "   'id', p.id, 'fence', p.fence, 'kind', 'done')) from p))",
            row,
        )
        conn.execute("drop table p")
        count = conn.execute("select count(*) from gendurable.history").fetchone()
        assert count == (300 if level == "steps" else 0,)
    assert costs["steps"] > costs["errors"] + 300
    assert abs(costs["errors"] - costs["none"]) < 60


class Slow(Machine[dict[str, Any]]):
    """A sync step and an async one, which say how far they are and wait to be let go on."""

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """In a thread."""
        for percent in range(101):
            ctx.progress({"percent": percent})
        GATE.wait(60)
        return Next(self.end)

    @step
    async def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """In the event loop."""
        ctx.progress("nearly")
        await asyncio.to_thread(SECOND_GATE.wait, 60)
        return Done()


GATE, SECOND_GATE = threading.Event(), threading.Event()


def progress_of(conn: Connection, instance: int) -> Any:
    """What an instance's progress is shown to be."""
    row = conn.execute("select progress from gd_instances where id = %s", (instance,)).fetchone()
    assert row is not None
    return row[0]


def test_progress_of_sync_and_async_steps_is_shown_while_they_run(
    dsn: str, conn: Connection
) -> None:
    GATE.clear()
    SECOND_GATE.clear()
    slow = enqueue(conn, Slow)
    # All places are taken, so nothing but the report calls for a turn.
    with running(dsn, [Slow], queues={"default": 1}, poll=60):
        until(lambda: progress_of(conn, slow.id) == {"percent": 100}, "the latest is shown")
        sent = conn.execute("select count(*) from gendurable.reports").fetchone()
        assert sent is not None
        assert sent[0] <= 2, "a hundred calls are coalesced"
        GATE.set()
        until(lambda: progress_of(conn, slow.id) == "nearly", "that of the next step")
        SECOND_GATE.set()
        finished(conn, slow.id)
    assert progress_of(conn, slow.id) is None


def test_progress_that_cannot_be_said_is_an_error_of_the_step() -> None:
    ctx: Context[Any] = Context(
        1,
        1,
        "f",
        1,
        "s",
        "{}",
        0,
        "q",
        0,
        None,
        None,
        None,
        "[]",
        "[]",
        None,
        None,
        datetime.now(UTC),
    )
    told: list[tuple[int, int, bytes]] = []
    ctx.progress(1)
    ctx._tell = lambda *args: told.append(args)
    for value in ("x" * 70_000, object()):
        with pytest.raises(StateError):
            ctx.progress(value)
    ctx.progress({"a": [1, None]})
    ctx.lost = True
    ctx.progress(2)
    assert told == [(1, 1, b'{"a":[1,null]}')]


def test_steps_are_counted_and_measured_by_what_they_answered(dsn: str, conn: Connection) -> None:
    for number in range(20):
        enqueue(conn, Shop, {"n": number})
    with running(dsn, [Shop, breaks]):
        until(lambda: statuses(conn) == {"done": 20})
    rows = conn.execute(
        "select queue, fsm, step, kind, sum(count)::int, sum(seconds), max(slowest)"
        " from gd_throughput group by 1, 2, 3, 4 order by 3, 4"
    ).fetchall()
    assert [row[:5] for row in rows] == [
        ("default", "Shop", "end", "done", 20),
        ("default", "Shop", "start", "next", 20),
        ("default", "Shop", "start", "retry", 20),
    ]
    for *_, seconds, slowest in rows:
        assert 0 < slowest <= seconds < 60


def test_measurements_are_sent_every_few_seconds(dsn: str, conn: Connection) -> None:
    with running(dsn, [Shop]):
        enqueue(conn, Shop)
        until(lambda: conn.execute("select from gd_throughput").fetchone() is not None, "sent")


def test_a_report_that_is_refused_costs_no_outcome(dsn: str, conn: Connection) -> None:
    GATE.clear()
    SECOND_GATE.set()
    conn.execute(
        "create function public.refuse() returns trigger language plpgsql as"
        " $$ begin raise exception 'not now'; end $$;"
        "create trigger refuse before insert on gendurable.reports"
        " for each row execute function public.refuse()"
    )
    slow = enqueue(conn, Slow)
    with running(dsn, [Slow]):
        until(lambda: statuses(conn) == {"executing": 1})
        GATE.set()
        assert finished(conn, slow.id).status == "done"


def test_the_page_does_what_it_says(dsn: str, conn: Connection) -> None:
    enqueue(conn, "Checkout", correlation_key="order:42")
    for block in blocks("docs/monitoring.md", "sql"):
        conn.execute(block)
    told = []
    for source in blocks("docs/monitoring.md", "python"):
        if "class Import" not in source:
            assert source.count("postgresql:///shop") == 1
        with subprocess.Popen(
            [sys.executable, "-c", source.replace("postgresql:///shop", dsn)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if "watch(conn" in source:
                conn.execute("update gendurable.instances set watched = false")
                until(lambda: is_watched(conn))
                conn.execute("select gd_cancel('order:42')")
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        told += out.splitlines()
    found = status(conn, "order:42")
    assert found is not None
    assert f"{found.id}:failed" in told


@pytest.mark.parametrize("level", ["steps", "none"])
def test_a_job_has_a_level_by_its_object(conn: Connection, level: str) -> None:
    set_history(conn, breaks, level)
    row = conn.execute("select fsm, level from gendurable.history_levels").fetchone()
    assert row == (breaks.name, level)
    set_history(conn, breaks, None)
    assert conn.execute("select from gendurable.history_levels").fetchone() is None
