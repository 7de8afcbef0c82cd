"""What instances have gone through, and what they are doing."""

from __future__ import annotations

import subprocess
import sys
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
    enqueue,
    history,
    job,
    set_history,
    status,
    step,
)
from support import finished, running, until
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


def wal(conn: Connection) -> int:
    """How many bytes of WAL there are."""
    row = conn.execute("select (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
    assert row is not None
    return int(row[0])


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
        before = wal(conn)
        conn.execute(
            "select count(*) from gd_commit(%s, (select jsonb_agg(jsonb_build_object("
            "   'id', p.id, 'fence', p.fence, 'kind', 'done')) from p))",
            row,
        )
        costs[level] = wal(conn) - before
        conn.execute("drop table p")
        count = conn.execute("select count(*) from gendurable.history").fetchone()
        assert count == (300 if level == "steps" else 0,)
    assert costs["steps"] > costs["errors"] + 300 * 50
    assert abs(costs["errors"] - costs["none"]) < 300 * 20


def test_the_page_does_what_it_says(dsn: str, conn: Connection) -> None:
    enqueue(conn, "Checkout", correlation_key="order:42")
    for block in blocks("docs/monitoring.md", "sql"):
        conn.execute(block)
    told = []
    for source in blocks("docs/monitoring.md", "python"):
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
