"""What a person on call asks, answered by ``gendurable.look``."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    InvalidArgumentError,
    Machine,
    Next,
    Outcome,
    RetryPolicy,
    ScheduleChildren,
    cancel,
    enqueue,
    enqueue_many,
    job,
    look,
    pause,
    schedule,
    set_history,
    set_rate_limit,
    signal,
    step,
)
from gendurable.schedules import Schedule
from gendurable.testing import drain
from support import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator


class Order(Machine[Any]):
    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        return Await("paid", step=self.ship) if ctx.state else Next(self.ship)

    @step
    def ship(self, ctx: Context[Any]) -> Outcome:
        return Done("shipped")


class Parent(Machine[Any]):
    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        return ScheduleChildren([Entry("elsewhere", queue="far"), Entry(breaks)], step=self.end)

    @step
    def end(self, ctx: Context[Any]) -> Outcome:
        return Done()


@job(retry=RetryPolicy(max_attempts=1))
def breaks() -> None:
    raise ValueError("no stock")


@pytest.fixture
def reader(conn: Connection, dsn: str) -> Iterator[Connection]:
    """A login that may only look, enqueue and signal."""
    name = f"gd_look_{conn.info.backend_pid}"
    conn.execute(sql.SQL("create role {} login password 'secret'").format(sql.Identifier(name)))
    conn.execute(sql.SQL("grant gd_client to {}").format(sql.Identifier(name)))
    with psycopg.connect(make_conninfo(dsn, user=name, password="secret"), autocommit=True) as own:
        yield own
    conn.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_a_search_goes_on_page_by_page(conn: Connection, reader: Connection) -> None:
    made = enqueue_many(
        conn,
        [Entry(Order, {"n": n}, correlation_key=f"order:{n}", queue="q") for n in range(5)],
    )
    ids = [one.id for one in made]
    cancel(conn, ids[0])

    def found(**wanted: Any) -> list[int]:
        return [one.id for one in look.search(reader, **wanted).instances]

    assert found() == ids[::-1]
    assert found(machine=Order, queue="q", step="start", status="failed") == ids[:1]
    assert found(status=["runnable", "failed"]) == ids[::-1]
    assert found(correlation_key="order:3") == found(state={"n": 3}) == [ids[3]]
    assert found(key_prefix="order:", state={"n": 4}) == [ids[4]]
    assert found(parent=ids[0]) == found(machine="other") == []
    now = datetime.now(UTC)
    assert found(since=now - timedelta(hours=1)) == ids[::-1]
    assert found(until=now - timedelta(hours=1)) == []

    first = look.search(reader, most=3)
    assert [one.id for one in first.instances] == ids[:1:-1]
    assert (first.before, first.looked) == (ids[2], 3)
    last = look.search(reader, most=3, before=first.before)
    assert [one.id for one in last.instances] == ids[1::-1]
    assert last.before is None
    bounded = look.search(reader, state={"n": 0}, looks=2)
    assert (bounded.instances, bounded.before, bounded.looked) == ([], ids[3], 2)
    with pytest.raises(InvalidArgumentError, match="status is gone"):
        look.search(reader, status="gone")


def test_one_instance_is_told_with_all_around_it(conn: Connection, reader: Connection) -> None:
    set_history(conn, None, "steps")
    made = enqueue(conn, Order, {"n": 1}, correlation_key="order:42")
    drain(conn, [Order])
    signal(conn, made.id, "payed", {"n": 2})
    found = look.detail(reader, "order:42")
    assert found is not None
    assert found == look.detail(reader, made.id)
    assert (found.instance.id, found.instance.awaits) == (made.id, ["paid"])
    assert [(event.event, event.step) for event in found.history] == [("await", "start")]
    assert [(one.name, one.payload) for one in found.inbox] == [("payed", {"n": 2})]
    assert found.children == []
    assert [(cause.id, cause.reason) for cause in found.why] == [(made.id, "awaiting_signal")]
    assert "named paid; its inbox has only" in found.why[0].detail
    assert found.why == look.why(reader, "order:42") == look.why(reader, made.id)
    assert look.detail(reader, 10**9) is None
    assert look.detail(reader, "no such key") is None
    assert look.why(reader, 10**9) == []


def test_a_tree_has_the_live_and_the_finished(conn: Connection, reader: Connection) -> None:
    root = enqueue(conn, Parent).id
    drain(conn, [Parent, breaks])
    nodes = look.tree(reader, root)
    assert [(node.depth, node.fsm, node.status) for node in nodes] == [
        (0, "Parent", "awaiting_children"),
        (1, "elsewhere", "runnable"),
        (1, "breaks", "failed"),
    ]
    assert {node.parent_id for node in nodes[1:]} == {root}
    assert nodes[2].error["message"] == "no stock"
    found = look.detail(reader, root)
    assert found is not None
    assert [child.status for child in found.children] == ["runnable", "failed"]
    assert len(look.tree(reader, root, most=1)) == 1


def test_failures_are_listed_and_grouped(conn: Connection, reader: Connection) -> None:
    failed = [breaks.enqueue(conn).id for _ in range(3)]
    cancelled = enqueue(conn, Order, queue="q").id
    drain(conn, [breaks])
    cancel(conn, cancelled, "wrong price")
    found = look.failures(reader, since=3600)
    assert {one.id for one in found} == {*failed, cancelled}
    assert found[0].id == cancelled
    assert [one.error["kind"] for one in look.failures(reader, since=3600, machine=Order)] == [
        "cancelled"
    ]
    first = look.failures(reader, since=3600, most=2)
    rest = look.failures(reader, since=3600, before=first[-1])
    assert first + rest == found
    groups = look.failure_groups(reader, since=timedelta(hours=1))
    assert [(one.fsm, one.step, one.kind, one.count, one.message) for one in groups] == [
        ("breaks", "start", "ValueError", 3, "no stock"),
        ("Order", "start", "cancelled", 1, "wrong price"),
    ]
    assert look.failures(reader, since=0) == []
    assert look.failure_groups(reader, since=0) == []


def test_what_waits_is_told_by_queue_limit_and_reason(conn: Connection, reader: Connection) -> None:
    set_rate_limit(conn, "mail", 1, 3600)
    enqueue_many(conn, [Entry("M", queue="far", concurrency_key="customer:7") for _ in range(3)])
    conn.execute("select gd_enqueue('M', queue => 'far', eligible_at => '-infinity')")
    enqueue(conn, "M", rate_limit="mail:1", delay=3600)
    pause(conn, "default")
    schedule(conn, Order, Schedule("@daily", name="nightly"))
    far, near = look.queues(reader)[1], look.queues(reader)[0]
    assert (far.queue, far.depth, far.workers) == ("far", 4, 0)
    assert far.oldest_ready_age is not None
    assert (near.queue, near.paused) == ("default", True)
    assert [(one.kind, one.name, one.waiting, one.period) for one in look.limits(reader)] == [
        ("concurrency", "customer", 3, None),
        ("rate", "mail", 0, 3600),
    ]
    line = look.lines(reader, "concurrency", "customer")
    assert [(one.key, one.waiting) for one in line] == [("customer:7", 3)]
    assert [(one.name, one.fsm) for one in look.schedules(reader)] == [("nightly", "Order")]
    assert len(look.stuck(reader)) == 4
    assert look.stuck(reader)[0].since is None  # since ever
    groups = look.stuck_groups(reader)
    assert [(one.reason, one.queue, one.count, one.more) for one in groups] == [
        ("no_worker", "far", 4, False)
    ]
    assert look.stuck_groups(reader, most=2)[0].more


def test_workers_and_what_they_did_are_told(conn: Connection, reader: Connection) -> None:
    conn.execute("select gd_register('w', '{q}', info => '{\"pid\": 5}')")
    conn.execute(
        'select gd_report(1, \'{"steps": [{"queue": "q", "fsm": "M", "step": "a", '
        '"kind": "done", "count": 2, "seconds": 3.0, "slowest": 2.5}, {"queue": "q", "fsm": "M", '
        '"step": "b", "kind": "done", "count": 1, "seconds": 1.0, "slowest": 1.0}]}\')'
    )
    (worker,) = look.workers(reader)
    assert (worker.name, worker.queues, worker.executing, worker.alive) == ("w", ["q"], 0, True)
    assert worker.info["pid"] == 5
    (minute,) = look.throughput(reader)
    assert (minute.fsm, minute.kind, minute.count) == ("M", "done", 3)
    assert (minute.seconds, minute.slowest) == (4, 2.5)


def test_who_holds_a_snapshot_is_told(dsn: str, conn: Connection, reader: Connection) -> None:
    with psycopg.connect(dsn, application_name="holder") as holder:
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        holder.execute("select count(*) from gd_instances")
        (held,) = [one for one in look.horizon(reader) if one.pid == holder.info.backend_pid]
    assert held.kind == "session"
    assert held.name.endswith(" holder")
    assert held.seconds is not None
    assert 0 <= held.seconds < 60
    assert held.pid not in [one.pid for one in look.horizon(reader)]


def test_each_of_them_can_be_awaited(dsn: str, conn: Connection) -> None:
    made = enqueue(conn, Order, correlation_key="order:42").id

    async def use() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as app:
            calls: list[tuple[Any, str]] = [
                (look.search(app), "search"),
                (look.why(app, made), "why"),
                (look.detail(app, "order:42"), "detail"),
                (look.tree(app, made), "tree"),
                (look.queues(app), "queues"),
                (look.workers(app), "workers"),
                (look.limits(app), "limits"),
                (look.lines(app, "rate", "mail"), "lines"),
                (look.schedules(app), "schedules"),
                (look.failures(app, since=60), "failures"),
                (look.failure_groups(app, since=60), "failure_groups"),
                (look.throughput(app), "throughput"),
                (look.stuck(app), "stuck"),
                (look.stuck_groups(app), "stuck_groups"),
            ]
            for coroutine, name in calls:
                assert coroutine.__qualname__ == name
                assert await coroutine is not None

    asyncio.run(use())
