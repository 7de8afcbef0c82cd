"""``get`` and ``find``: everything that the engine knows of instances."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import psycopg
import pytest

from gendurable import (
    Context,
    Done,
    Entry,
    Instance,
    InvalidArgumentError,
    Machine,
    Outcome,
    UsageError,
    client,
    enqueue,
    enqueue_many,
    find,
    get,
    job,
    step,
)
from gendurable.testing import drain
from support import Connection
from test_connection_kinds import ANY


class Checkout(Machine[Any]):
    queue = "shop"

    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        return Done(ctx.state)


@job()
def mail(to: str) -> None: ...


def test_all_of_an_instance_is_told(conn: Connection) -> None:
    columns = conn.execute("select * from gd_instances").description
    assert columns is not None
    # What a later version of the view adds is not in the way.
    assert {column.name for column in columns} <= set(Instance.__struct_fields__)
    live = enqueue(
        conn, Checkout, {"n": 1}, correlation_key="order:1", concurrency_key="c:1", priority=-2
    ).id
    found = get(conn, live)
    assert found is not None
    assert (found.id, found.status, found.fsm, found.step) == (
        live,
        "runnable",
        "Checkout",
        "start",
    )
    assert (found.queue, found.priority, found.state) == ("shop", -2, {"n": 1})
    assert (found.correlation_key, found.concurrency_key) == ("order:1", "c:1")
    assert found.eligible_at is not None
    assert found.eligible_at.tzinfo is not None
    assert get(conn, "order:1") == found
    drain(conn, [Checkout], queues="shop")
    finished = get(conn, live)
    assert finished is not None
    assert (finished.status, finished.result) == ("done", {"n": 1})
    assert get(conn, "order:1") == finished
    assert get(conn, 10**9) is None
    assert get(conn, "no such key") is None


def test_a_moment_without_an_end_is_none(conn: Connection) -> None:
    instance = conn.execute("select id from gd_enqueue('M', eligible_at => 'infinity')").fetchone()
    assert instance is not None
    found = get(conn, instance[0])
    assert found is not None
    assert found.eligible_at is None


def test_instances_are_found_by_what_they_are_newest_first(conn: Connection) -> None:
    orders = [enqueue(conn, Checkout, {}, correlation_key=f"order:{n}").id for n in range(3)]
    drain(conn, [Checkout], queues="shop")
    orders += [enqueue(conn, Checkout, {}, correlation_key="order:0").id]
    mails = [mail.enqueue(conn, str(n)).id for n in range(3)]

    def ids(**wanted: Any) -> list[int]:
        return [found.id for found in find(conn, **wanted)]

    assert ids() == [*reversed(mails), *reversed(orders)]
    assert ids(machine=mail) == ids(machine="mail") == ids(queue="default") == mails[::-1]
    assert ids(machine=Checkout) == orders[::-1]
    assert ids(status="done") == orders[2::-1]
    assert ids(status=["done", "runnable"], machine=Checkout) == orders[::-1]
    assert ids(correlation_key="order:0") == [orders[3], orders[0]]
    assert ids(step=Checkout.start, queue="shop", most=2) == [orders[3], orders[2]]
    assert ids(step="nowhere") == ids(parent=orders[0]) == []
    assert ids(most=2) == mails[:0:-1]
    assert ids(most=2, before=mails[1]) == [mails[0], orders[3]]


def test_children_are_found_by_their_parent(conn: Connection) -> None:
    conn.execute("select gd_register('w')")
    parent = enqueue(conn, "P").id
    row = conn.execute("select id, fence from gd_pick(1, 'default', 1)").fetchone()
    assert row is not None
    conn.execute(
        "select gd_commit(1, jsonb_build_array(jsonb_build_object('id', %s::bigint, 'fence',"
        " %s::bigint, 'kind', 'schedule_children', 'children', '[{\"fsm\": \"C\"}]'::jsonb)))",
        row,
    )
    assert [found.fsm for found in find(conn, parent=parent)] == ["C"]


def test_a_wrong_argument_is_refused(conn: Connection) -> None:
    for refused in ({"most": -1}, {"status": "dead"}):
        with pytest.raises(InvalidArgumentError):
            ANY.find(conn, **refused)
    for wrong in ({"machine": 5}, {"status": 5}, {"parent": "a"}, {"before": "a"}, {"step": 5}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            ANY.find(conn, **wrong)


def test_they_can_be_awaited(dsn: str) -> None:
    async def use() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as app:
            created = await enqueue(app, "M")
            found = await get(app, created.id)
            assert found is not None
            assert await find(app) == [found]
            coroutines: list[tuple[Any, str]] = [(get(app, 1), "get"), (find(app), "find")]
            for coroutine, name in coroutines:
                assert coroutine.__qualname__ == name
                await coroutine

    asyncio.run(use())


def test_the_newest_are_found_without_looking_at_all_others(conn: Connection) -> None:
    enqueue_many(conn, [Entry("M", {}, delay=n % 2 * 3600) for n in range(4000)])
    conn.execute(
        "select gd_register('w'); select gd_cancel(id) from generate_series(1, 2000) as id"
    )
    conn.execute("analyze")
    parameters: dict[str, Any] = dict.fromkeys(re.findall(r"%\((\w+)\)s", client._FIND))
    parameters |= {"most": "10", "fsm": "M"}
    with psycopg.ClientCursor(conn) as cursor:
        plan = cursor.execute(f"explain (analyze, costs off) {client._FIND}", parameters).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "Function Scan on gd_find" in text
    assert not re.search(r"Seq Scan on (instances|finished)", text)
    assert max(int(rows) for rows in re.findall(r"rows=(\d+) loops", text)) <= 10
