"""Large inboxes, results and states: no row stops a pick, and a step sees all of its lists."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    Machine,
    ScheduleChildren,
    cancel,
    enqueue,
    step,
)
from gendurable.testing import drain
from support import finished, running, until

Connection = psycopg.Connection[Any]

# 280 MB in all: more than a jsonb array can hold. Repetitive, so that the table stays small.
PARTS, PART = 10, 28_000_000
# More than a pick hands out.
LARGE = 68_000_000


class Fan(Machine[Any]):
    """Joins children with large results, in an async step."""

    @step
    def start(self, _: Context[Any]) -> ScheduleChildren:
        return ScheduleChildren([Entry("Leaf", queue="leaves")] * PARTS, step=self.join)

    @step
    async def join(self, ctx: Context[Any]) -> Done:
        children = ctx.children or []
        return Done([[child.ord, len(child.result)] for child in children])


class Box(Machine[Any]):
    """Looks at its inbox."""

    @step
    def start(self, _: Context[Any]) -> Await:
        return Await("part", step=self.count)

    @step
    def count(self, ctx: Context[Any]) -> Done:
        return Done(
            {
                "awaited": [len(one.payload) for one in ctx.awaited],
                "signals": [len(one.payload) for one in ctx.signals],
                "omitted": sum(one.omitted for one in ctx.signals),
            }
        )


class Small(Machine[Any]):
    """What must not wait for the others."""

    @step
    def start(self, _: Context[Any]) -> Done:
        return Done("small")


def test_a_join_of_280_mb_sees_every_result_and_holds_nothing_up(
    conn: Connection, dsn: str
) -> None:
    fan = enqueue(conn, Fan, {}).id
    with running(dsn, [Fan, Small], queues={"default": 3, "other": 1}):
        until(lambda: _step(conn, fan) == "join", "the children are there")
        conn.execute(
            "select count(*) from gd_register('sql') as w, gd_pick(w, 'leaves', %s) as j,"
            " gd_commit(w, jsonb_build_array(jsonb_build_object('id', j.id, 'fence', j.fence,"
            " 'kind', 'done', 'result', repeat('x', %s))))",
            (PARTS, PART),
        )
        small = [enqueue(conn, Small, {}, queue=queue).id for queue in ("default", "other")]
        assert [finished(conn, one).result for one in small] == ["small", "small"]
        assert finished(conn, fan).result == [[n, PART] for n in range(1, PARTS + 1)]


def test_an_inbox_of_84_mb_is_whole_in_a_step(conn: Connection, dsn: str) -> None:
    box = enqueue(conn, Box, {}, step="count", queue="boxes").id
    conn.execute("update gendurable.instances set awaits = '{part}' where id = %s", (box,))
    for _ in range(3):
        _send(conn, box)
    with running(dsn, [Box, Small], queues={"boxes": 2}):
        assert finished(conn, box).result == {
            "awaited": [PART] * 3,
            "signals": [PART] * 3,
            "omitted": 0,
        }


def test_a_test_that_drains_sees_the_whole_inbox(conn: Connection) -> None:
    box = enqueue(conn, Box, {}).id
    assert len(drain(conn, [Box])) == 1
    for _ in range(3):
        _send(conn, box)
    drain(conn, [Box])
    assert finished(conn, box).result["awaited"] == [PART] * 3


def test_a_pick_that_fails_takes_no_answer_and_no_other_queue_with_it(
    conn: Connection, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    conn.execute(
        "create function refuse() returns trigger language plpgsql as "
        "$$ begin raise exception using errcode = '54000', message = 'too much'; end $$"
    )
    conn.execute(
        "create trigger refuse before update on gendurable.instances for each row"
        " when (new.queue = 'bad' and new.phase = 'executing') execute function refuse()"
    )
    ran: list[int] = []

    class Counted(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Done:
            ran.append(ctx.id)
            return Done("counted")

    bad = enqueue(conn, Counted, {}, queue="bad").id
    with running(dsn, [Counted], queues={"bad": 2, "good": 1}, poll=0.05):
        good = [enqueue(conn, Counted, {}, queue="good").id for _ in range(5)]
        assert [finished(conn, one).result for one in good] == ["counted"] * 5
        assert sorted(ran) == good, "each once: no answer was lost"
        conn.execute("drop trigger refuse on gendurable.instances")
        assert finished(conn, bad).result == "counted"
    refusals = [r.message for r in caplog.records if "a pick of queue bad" in r.message]
    assert refusals
    assert "too much" in refusals[0]


def _reading(conn: Connection) -> int | None:
    """The backend that waits for a page, if one does."""
    row = conn.execute(
        "select pid from pg_locks where locktype = 'advisory' and objid = 7 and not granted"
        " and database = (select oid from pg_database where datname = current_database())"
    ).fetchone()
    return row[0] if row else None


@pytest.fixture
def slow_pages(conn: Connection) -> None:
    """Pages of signals wait as long as this connection holds the advisory lock 7."""
    (source,) = conn.execute(
        "select pg_get_functiondef('gd_signals(bigint,bigint,int)'::regprocedure)"
    ).fetchone() or ("",)
    waiting = source.replace("\nbegin\n", "\nbegin perform pg_advisory_xact_lock(7);\n")
    assert waiting != source
    conn.execute(waiting)
    conn.execute("select pg_advisory_lock(7)")


@pytest.mark.usefixtures("slow_pages")
def test_reading_pages_holds_up_no_other_step_and_ends_with_the_claim(
    conn: Connection, dsn: str
) -> None:
    box = enqueue(conn, Box, {}, step="count", queue="boxes").id
    _send(conn, box, LARGE)
    with running(dsn, [Box, Small], queues={"boxes": 1, "default": 1}, lease=1.5):
        until(lambda: _reading(conn), "a page is read")
        assert finished(conn, enqueue(conn, Small, {}).id).result == "small"
        behind = enqueue(conn, Small, {}, queue="boxes").id
        assert cancel(conn, box) == 1
        assert finished(conn, behind).result == "small", "its place is free"
        assert _reading(conn) is None


@pytest.mark.usefixtures("slow_pages")
def test_a_connection_that_is_lost_between_pages_costs_no_attempt(
    conn: Connection, dsn: str
) -> None:
    box = enqueue(conn, Box, {}, step="count", queue="boxes").id
    _send(conn, box, LARGE)
    with running(dsn, [Box], queues={"boxes": 1}):
        reader = until(lambda: _reading(conn), "a page is read")
        conn.execute("select pg_terminate_backend(%s)", (reader,))
        conn.execute("select pg_advisory_unlock(7)")
        found = finished(conn, box)
    assert (found.result["signals"], found.attempt) == ([LARGE], 0)


def _send(conn: Connection, target: int, size: int = PART) -> None:
    conn.execute("select gd_signal(%s::bigint, 'part', to_jsonb(repeat('x', %s)))", (target, size))


def _step(conn: Connection, target: int) -> str | None:
    row = conn.execute(
        "select step from gd_instances where id = %s",
        (target,),
    ).fetchone()
    return row[0] if row else None
