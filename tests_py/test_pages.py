"""Large inboxes, results and states: no row stops a pick, and a step sees all of its lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    Machine,
    ScheduleChildren,
    enqueue,
    step,
)
from gendurable.testing import drain
from support import finished, running, until

if TYPE_CHECKING:
    import pytest
Connection = psycopg.Connection[Any]

# 280 MB in all: more than a jsonb array can hold. Repetitive, so that the table stays small.
PARTS, PART = 10, 28_000_000


class Leaf(Machine[Any]):
    """A child whose result is large."""

    @step
    def start(self, ctx: Context[Any]) -> Done:
        return Done("x" * ctx.state)


class Fan(Machine[Any]):
    """Joins children with large results, in an async step."""

    @step
    def start(self, _: Context[Any]) -> ScheduleChildren:
        return ScheduleChildren([Entry(Leaf, PART) for _ in range(PARTS)], step=self.join)

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
    with running(dsn, [Leaf, Fan, Small], queues={"default": 3, "other": 1}):
        until(lambda: _step(conn, fan) in ("join", None), "the children are done")
        small = [enqueue(conn, Small, {}, queue=queue).id for queue in ("default", "other")]
        assert [finished(conn, one).result for one in small] == ["small", "small"]
        assert finished(conn, fan).result == [[n, PART] for n in range(1, PARTS + 1)]


def test_an_inbox_of_112_mb_is_whole_in_a_step(conn: Connection, dsn: str) -> None:
    box = enqueue(conn, Box, {}, step="count", queue="boxes").id
    conn.execute("update gendurable.instances set awaits = '{part}' where id = %s", (box,))
    for _ in range(4):
        _send(conn, box)
    with running(dsn, [Box, Small], queues={"boxes": 2}):
        assert finished(conn, box).result == {
            "awaited": [PART] * 4,
            "signals": [PART] * 4,
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


def _send(conn: Connection, target: int) -> None:
    conn.execute("select gd_signal(%s::bigint, 'part', to_jsonb(repeat('x', %s)))", (target, PART))


def _step(conn: Connection, target: int) -> str | None:
    row = conn.execute(
        "select step from gd_instances where id = %s and status in ('runnable', 'executing')",
        (target,),
    ).fetchone()
    return row[0] if row else None
