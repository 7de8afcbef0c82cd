"""Calls for applications, on sync and async connections, inside the caller's transaction."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, assert_type

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from gendurable import (
    Context,
    Done,
    Enqueued,
    Entry,
    InvalidArgumentError,
    Machine,
    NotInstalledError,
    Outcome,
    SignalEntry,
    Status,
    cancel,
    cancel_many,
    children,
    client,
    drop_concurrency_limit,
    drop_rate_limit,
    enqueue,
    enqueue_many,
    history,
    job,
    look,
    pause,
    resume,
    retry,
    retry_many,
    set_concurrency_limit,
    set_history,
    set_queue_limit,
    set_rate_limit,
    set_retention,
    signal,
    signal_many,
    signals,
    status,
    step,
    watch,
)
from support import Connection, statuses
from test_privileges import ADMIN, CLIENT

if TYPE_CHECKING:
    from collections.abc import Callable


class Order(msgspec.Struct):
    sku: str


class Checkout(Machine[Order]):
    queue = "shop"
    version = 3

    @step
    def start(self, ctx: Context[Order]) -> Outcome:
        return Done()


@job()
def mail(to: str) -> None: ...


def paused(conn: Connection) -> list[str]:
    return [queue for (queue,) in conn.execute("select queue from gd_queues where paused")]


def limits(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute(
        "select kind, name, allowed, period, burst, max_executing from gd_limits order by kind"
    ).fetchall()


def with_two_children(conn: Connection) -> int:
    """An instance that waits for two children."""
    parent = enqueue(conn, "M", queue="parents").id
    conn.execute(
        """select gd_commit(w, jsonb_build_array(jsonb_build_object(
               'id', p.id, 'fence', p.fence, 'kind', 'schedule_children', 'step', 'join',
               'children', '[{"fsm": "C", "queue": "q"}, {"fsm": "C", "queue": "q"}]'::jsonb)))
           from gd_register('w', '{parents}') as w, gd_pick(w, 'parents', 1) as p"""
    )
    return parent


def picked(conn: Connection) -> list[int]:
    """The instances that a worker is handed now."""
    rows = conn.execute("select p.id from gd_register('w') as w, gd_pick(w, 'default', 10) as p")
    return [instance for (instance,) in rows]


def test_an_instance_is_created_with_everything_given(conn: Connection) -> None:
    created = enqueue(
        conn,
        Checkout,
        Order("a"),
        priority=-5,
        correlation_key="order:1",
        eligible_at=datetime(2100, 1, 1, tzinfo=UTC),
        delay=timedelta(hours=1),
    )
    assert not created.duplicate
    found = status(conn, created.id)
    assert found is not None
    assert (found.id, found.status, found.fsm, found.fsm_version) == (
        created.id,
        "runnable",
        "Checkout",
        3,
    )
    assert (found.step, found.state, found.attempt) == ("start", {"sku": "a"}, 0)
    assert (found.queue, found.correlation_key) == ("shop", "order:1")
    assert (found.result, found.error, found.finished_at) == (None, None, None)
    row = conn.execute(
        "select priority, eligible_at from gd_instances where id = %s", (created.id,)
    ).fetchone()
    assert row == (-5, datetime(2100, 1, 1, 1, tzinfo=UTC))


def test_a_name_and_an_entry_are_targets_too(conn: Connection) -> None:
    by_name = enqueue(conn, "Elsewhere", [1, 2], queue="q", fsm_version=2, step="middle")
    by_entry = enqueue(conn, Entry("Elsewhere", {"x": 1}))
    first, second = status(conn, by_name.id), status(conn, by_entry.id)
    assert first is not None
    assert second is not None
    assert (first.queue, first.fsm_version, first.step, first.state) == ("q", 2, "middle", [1, 2])
    assert (second.queue, second.fsm_version, second.step) == ("default", 1, "start")


def test_a_duplicate_is_an_answer_and_not_an_error(conn: Connection) -> None:
    first = enqueue(conn, Checkout, Order("a"), correlation_key="order:1")
    second = enqueue(conn, Checkout, Order("b"), correlation_key="order:1")
    assert (second.id, second.duplicate) == (first.id, True)


def test_a_batch_answers_in_order(conn: Connection) -> None:
    entries = [Entry(Checkout, Order("a"), correlation_key=f"order:{n % 3}") for n in range(5)]
    answers = enqueue_many(conn, [*entries, mail.entry("x")])
    assert [answer.duplicate for answer in answers] == [False] * 3 + [True] * 2 + [False]
    assert answers[3].id == answers[0].id
    assert statuses(conn) == {"runnable": 4}


def test_what_is_enqueued_exists_only_if_the_caller_commits(dsn: str, conn: Connection) -> None:
    with psycopg.connect(dsn) as app:
        enqueue(app, Checkout, Order("a"), correlation_key="order:1")
        assert statuses(conn) == {}
        app.rollback()
        enqueue(app, Checkout, Order("a"), correlation_key="order:2")
        mail.enqueue(app, "x")
    assert statuses(conn) == {"runnable": 2}
    assert status(conn, "order:1") is None


def test_signals_reach_by_key_and_by_id(dsn: str, conn: Connection) -> None:
    instance = enqueue(conn, Checkout, Order("a"), correlation_key="order:1").id
    assert signal(conn, "order:1", "paid", {"n": 1}, dedup_key="p1") == "delivered"
    assert signal(conn, instance, "paid", dedup_key="p1") == "duplicate"
    assert signal(conn, instance, "paid") == "delivered"
    assert signal(conn, "order:2", "paid") == "no_target"
    assert signal(conn, 10**12, "paid") == "no_target"
    with psycopg.connect(dsn) as app:
        assert signal(app, "order:1", "paid", dedup_key="p2") == "delivered"
        app.rollback()
        assert signal(app, "order:1", "paid", dedup_key="p2") == "delivered"


def test_a_batch_of_signals_answers_in_order(conn: Connection) -> None:
    instance = enqueue(conn, Checkout, Order("a"), correlation_key="order:1").id
    answers = signal_many(
        conn,
        [
            SignalEntry("order:1", "paid", {"n": 1}, dedup_key="p1"),
            SignalEntry(instance, "paid", dedup_key="p1"),
            SignalEntry("order:9", "paid"),
        ],
    )
    assert answers == ["delivered", "duplicate", "no_target"]


def test_an_unknown_instance_has_no_status(conn: Connection) -> None:
    assert status(conn, 42) is None
    assert status(conn, "nobody") is None


def test_an_instance_is_cancelled_by_key_and_by_id_with_the_reason(conn: Connection) -> None:
    by_key = enqueue(conn, "M", correlation_key="order:1").id
    by_id = enqueue(conn, "M").id
    assert cancel(conn, "order:1", "changed their mind") == 1
    assert cancel(conn, by_id) == 1
    assert cancel(conn, by_id) == 0
    assert cancel(conn, "nobody") == 0
    reasons = [found.error for n in (by_key, by_id) if (found := status(conn, n))]
    assert reasons == [
        {"kind": "cancelled", "reason": "changed their mind"},
        {"kind": "cancelled", "reason": None},
    ]


def test_cancel_takes_the_children_along_only_if_told_to(conn: Connection) -> None:
    parents = [with_two_children(conn), with_two_children(conn)]
    assert cancel(conn, parents[0]) == 1
    assert statuses(conn) == {"failed": 1, "awaiting_children": 1, "runnable": 4}
    assert cancel(conn, parents[0], cascade=True) == 2
    assert cancel(conn, parents[1], cascade=True) == 3
    assert statuses(conn) == {"failed": 6}


def test_a_failed_instance_comes_back_as_it_was_or_elsewhere(conn: Connection) -> None:
    instance = enqueue(conn, Checkout, Order("a"), correlation_key="order:1").id
    assert retry(conn, instance) == "not_failed"
    cancel(conn, instance)
    assert retry(conn, instance) == "retried"
    found = status(conn, instance)
    assert found is not None
    assert (found.status, found.step, found.state) == ("runnable", "start", {"sku": "a"})
    cancel(conn, instance)
    assert retry(conn, instance, "ship", Order("b")) == "retried"
    found = status(conn, instance)
    assert found is not None
    assert (found.step, found.state) == ("ship", {"sku": "b"})


def test_a_retry_that_cannot_be_says_why(conn: Connection) -> None:
    instance = enqueue(conn, "M", correlation_key="order:1").id
    cancel(conn, instance)
    enqueue(conn, "M", correlation_key="order:1")
    assert retry(conn, instance) == "key_taken"
    assert retry(conn, 10**12) == "no_target"


def test_a_paused_queue_hands_out_nothing_until_it_is_resumed(conn: Connection) -> None:
    instance = enqueue(conn, "M").id
    pause(conn, "default")
    assert paused(conn) == ["default"]
    assert picked(conn) == []
    resume(conn, "default")
    resume(conn, "default")
    assert paused(conn) == []
    assert picked(conn) == [instance]


def test_limits_are_set_changed_and_dropped(conn: Connection) -> None:
    second, hour = timedelta(seconds=1), timedelta(hours=1)
    set_rate_limit(conn, "mail", 10, 1)
    set_concurrency_limit(conn, "customer", 3)
    assert limits(conn) == [
        ("concurrency", "customer", None, None, None, 3),
        ("rate", "mail", 10.0, second, 10.0, None),
    ]
    set_rate_limit(conn, "mail", 0.5, hour, burst=2.5)
    set_concurrency_limit(conn, "customer", 0)
    assert limits(conn) == [
        ("concurrency", "customer", None, None, None, 0),
        ("rate", "mail", 0.5, hour, 2.5, None),
    ]
    set_rate_limit(conn, "mail", 0.5, 0.25)
    assert limits(conn)[1] == ("rate", "mail", 0.5, timedelta(milliseconds=250), 1.0, None)
    drop_rate_limit(conn, "mail")
    drop_rate_limit(conn, "mail")
    drop_concurrency_limit(conn, "customer")
    drop_concurrency_limit(conn, "customer")
    assert limits(conn) == []


def test_the_limit_of_a_queue_is_set_and_taken_back(conn: Connection) -> None:
    limit = "select max_executing from gd_queues where queue = 'default'"
    enqueue(conn, "M")
    enqueue(conn, "M")
    set_queue_limit(conn, "default", 0)
    assert (conn.execute(limit).fetchone(), picked(conn)) == ((0,), [])
    set_queue_limit(conn, "default", 1)
    assert (conn.execute(limit).fetchone(), len(picked(conn))) == ((1,), 1)
    set_queue_limit(conn, "default", None)
    assert (conn.execute(limit).fetchone(), len(picked(conn))) == ((None,), 1)


def test_control_holds_only_if_the_caller_commits(dsn: str, conn: Connection) -> None:
    live, failed = enqueue(conn, "M").id, enqueue(conn, "M").id
    cancel(conn, failed)
    with psycopg.connect(dsn) as app:
        assert cancel(app, live) == 1
        assert retry(app, failed) == "retried"
        pause(app, "default")
        set_rate_limit(app, "mail", 10, 1)
        set_concurrency_limit(app, "customer", 3)
        app.rollback()
    found = [status(conn, instance) for instance in (live, failed)]
    assert [one and one.status for one in found] == ["runnable", "failed"]
    assert (paused(conn), limits(conn)) == ([], [])


def test_an_unknown_rate_limit_is_warned_of_by_a_notice(conn: Connection) -> None:
    notices: list[str | None] = []
    conn.add_notice_handler(lambda notice: notices.append(notice.sqlstate))
    instance = enqueue(conn, "M", rate_limit="nobody").id
    cancel(conn, instance)
    assert notices == ["GD101"]
    retry(conn, instance)
    assert notices == ["GD101", "GD101"]


def test_an_async_connection_gives_awaitables_of_the_same(dsn: str, conn: Connection) -> None:
    async def use() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as app:
            first = await enqueue(app, Checkout, Order("a"), correlation_key="order:1")
            again = await enqueue(app, Checkout, Order("a"), correlation_key="order:1")
            assert (again.id, again.duplicate) == (first.id, True)
            assert [e.duplicate for e in await enqueue_many(app, [mail.entry("x")])] == [False]
            assert not (await mail.enqueue(app, "y")).duplicate
            assert await signal(app, "order:1", "paid") == "delivered"
            assert await signal_many(app, [SignalEntry("nobody", "paid")]) == ["no_target"]
            found = await status(app, first.id)
            assert found is not None
            assert found.state == {"sku": "a"}
            assert await status(app, "nobody") is None
            assert [one.name for one in await signals(app, first.id)] == ["paid"]
            assert await children(app, first.id) == []
            assert await cancel(app, "order:1", "why", cascade=True) == 1
            assert await retry(app, first.id) == "retried"
            await pause(app, "default")
            await resume(app, "default")
            await set_rate_limit(app, "mail", 10, 1)
            await drop_rate_limit(app, "mail")
            await set_concurrency_limit(app, "customer", 3)
            await drop_concurrency_limit(app, "customer")
            await set_queue_limit(app, "default", 3)
            await set_retention(app, None)
            await set_history(app, Checkout, "steps")
            assert await cancel_many(app, [first.id]) == ["cancelled"]
            assert await retry_many(app, [first.id]) == ["retried"]
            assert await watch(app, first.id) == "runnable"
            assert await watch(app, "nobody") is None
            told = [event.event for event in await history(app, first.id)]
            assert told == ["cancelled", "revived"] * 2
            assert statuses(conn) == {}
            await app.rollback()
            await enqueue(app, Checkout, Order("a"))

    asyncio.run(use())
    assert statuses(conn) == {"runnable": 1}


def test_every_function_for_applications_has_a_call_of_its_name() -> None:
    others = {"gd_gc", "gd_version", "gd_here"}  # For maintenance, and for routers.
    calls = {f"gd_{name}" for name in client.__all__ if name.islower()} - {"gd_get", "gd_find"}
    # Those of the module look ask views too; what asks gd_find is called search there.
    looks = {f"gd_{name}" for name in look.__all__} | {"gd_find"}
    functions = CLIENT | ADMIN
    assert calls <= functions | {"gd_schedule"}
    # Workers declare schedules, and applications set them.
    assert calls | (looks & functions) == (functions | {"gd_schedule"}) - others


def test_an_enqueue_an_entry_and_the_engine_take_the_same_arguments(conn: Connection) -> None:
    """In the engine's words ``machine`` is ``fsm``, and so is the target of an enqueue."""
    sql = conn.execute(
        "select p.proargnames[:p.pronargs] from pg_proc as p where p.proname = 'gd_enqueue'"
    ).fetchall()
    fields = set(Entry.__struct_fields__)
    assert [{"machine" if name == "fsm" else name for name in names} for (names,) in sql] == [
        fields
    ]
    assert set(inspect.signature(enqueue).parameters) == fields - {"machine"} | {"conn", "target"}


def test_the_type_of_an_answer_follows_the_connection(dsn: str, conn: Connection) -> None:
    """``assert_type`` is checked by the linter; at run time it does nothing."""

    async def use() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as app:
            assert_type(await enqueue(app, "M"), Enqueued)
            assert_type(await signal(app, "nobody", "paid"), str)
            assert_type(await status(app, "nobody"), Status | None)
            assert_type(await cancel(app, 1), int)

    asyncio.run(use())
    assert_type(enqueue(conn, "M"), Enqueued)
    assert_type(enqueue_many(conn, []), list[Enqueued])
    assert_type(signal(conn, "nobody", "paid"), str)
    assert_type(status(conn, "nobody"), Status | None)
    assert_type(cancel(conn, 1), int)


def test_the_callers_own_settings_do_not_matter(dsn: str) -> None:
    with psycopg.connect(dsn, row_factory=dict_row) as app:
        set_json_loads(lambda _: "not json", app)
        created = enqueue(app, Checkout, Order("a"))
        found = status(app, created.id)
        assert found is not None
        assert found.state == {"sku": "a"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"correlation_key": "x" * 1001}, "GD002"),
        ({"queue": ""}, "GD00"),
    ],
)
def test_what_the_engine_refuses_is_an_error_with_detail_and_hint(
    conn: Connection, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        enqueue(conn, "Checkout", {}, **options)
    assert message in str(caught.value)
    assert caught.value.sqlstate.startswith("GD")
    assert caught.value.detail
    assert caught.value.hint
    assert caught.value.message in str(caught.value)


@pytest.mark.parametrize(
    ("call", "arguments", "sqlstate"),
    [
        (retry, (1, ""), "GD001"),
        (pause, ("",), "GD001"),
        (resume, ("x" * 1001,), "GD002"),
        (set_rate_limit, ("mail", -1, 1), "GD002"),
        (set_rate_limit, ("mail", 1, 0), "GD002"),
        (set_rate_limit, ("mail:1", 1, 1), "GD002"),
        (drop_rate_limit, ("mail:1",), "GD002"),
        (set_concurrency_limit, ("customer", -1), "GD002"),
        (drop_concurrency_limit, ("",), "GD001"),
        (set_queue_limit, ("default", -1), "GD002"),
        (set_queue_limit, ("", 1), "GD001"),
    ],
)
def test_what_control_is_refused_is_the_same_error(
    conn: Connection, call: Callable[..., Any], arguments: tuple[Any, ...], sqlstate: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        call(conn, *arguments)
    assert caught.value.sqlstate == sqlstate
    assert caught.value.hint


def test_a_bad_entry_of_a_batch_is_named(conn: Connection) -> None:
    with pytest.raises(InvalidArgumentError, match="2"):
        enqueue_many(conn, [Entry("A"), Entry("")])
    assert statuses(conn) == {}


def test_a_database_without_the_engine_is_a_clear_error(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as app, pytest.raises(NotInstalledError, match="install"):
        enqueue(app, "Checkout")


def test_other_database_errors_pass_unchanged(dsn: str) -> None:
    with psycopg.connect(dsn) as app:
        with pytest.raises(psycopg.errors.DivisionByZero):
            app.execute("select 1 / 0")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            enqueue(app, "Checkout")


def test_json_that_the_database_cannot_hold_names_its_field(conn: Connection) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "state: ": lambda: enqueue(conn, "M", {"x": "\x00"}),
        "payload: ": lambda: signal(conn, 1, "paid", "\x00"),
        "ord 2: state: ": lambda: enqueue_many(conn, [Entry("M"), Entry("M", ["\x00"])]),
        "ord 3: payload: ": lambda: signal_many(
            conn, [SignalEntry(1, "a"), SignalEntry(1, "b"), SignalEntry(1, "c", "a\x00b")]
        ),
    }
    for where, call in calls.items():
        with pytest.raises(InvalidArgumentError) as caught:
            call()
        assert (caught.value.detail or "").startswith(where)
    assert statuses(conn) == {}
