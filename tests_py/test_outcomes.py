"""Outcomes and entries as values: the JSON that the engine is sent."""

from __future__ import annotations

import inspect
import pydoc
import typing
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, cast

import msgspec
import pytest

import gendurable
from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    InvalidArgumentError,
    Machine,
    Next,
    Outcome,
    OutcomeError,
    Retry,
    ScheduleChildren,
    StateError,
    Stop,
    UsageError,
    enqueue,
    step,
)
from gendurable.machine import define
from gendurable.settle import next_context, settle
from support import Connection


class Order(msgspec.Struct):
    sku: str
    quantity: int = 1


class Shop(Machine[Order]):
    queue = "shop"

    @step
    def start(self, ctx: Context[Order]) -> Outcome:
        return Next(self.ship)

    @step
    async def ship(self, ctx: Context[Order]) -> Outcome:
        return Done()


SHOP = define(Shop)


def context(**changes: Any) -> Context[Any]:
    fields: dict[str, Any] = {
        "id": 7,
        "fence": 3,
        "fsm": "Shop",
        "fsm_version": 1,
        "step": "start",
        "state_json": '{"sku":"a","quantity":2}',
        "attempt": 0,
        "queue": "shop",
        "priority": 0,
        "correlation_key": None,
        "concurrency_key": None,
        "parent_id": None,
        "awaited_json": "[]",
        "signals_json": "[]",
        "children_json": None,
        "last_error_json": None,
        "enqueued_at": datetime(2026, 1, 1, tzinfo=UTC),
        "codec": SHOP.codec,
    }
    return Context(**fields | changes)


def wire(outcome: object, ctx: Context[Any] | None = None) -> Any:
    settled = settle(SHOP, ctx or context(), outcome)
    fields = msgspec.json.decode(settled.entry)
    assert (fields.pop("id"), fields.pop("fence")) == (7, 3)
    return fields


@pytest.mark.parametrize(
    ("outcome", "fields"),
    [
        (Next("ship"), {"kind": "next", "step": "ship"}),
        (Next(Shop().ship), {"kind": "next", "step": "ship"}),
        (Next("ship", delay=1.5), {"kind": "next", "step": "ship", "delay_ms": 1500}),
        (
            Next("ship", rate_limit="api:x", weight=2.5, concurrency_key=None, priority=-3),
            {
                "kind": "next",
                "step": "ship",
                "rate_limit": "api:x",
                "weight": 2.5,
                "concurrency_key": None,
                "priority": -3,
            },
        ),
        (Retry(), {"kind": "retry", "delay_ms": 0}),
        (
            Retry(timedelta(seconds=2), {"why": "busy"}),
            {"kind": "retry", "delay_ms": 2000, "error": {"why": "busy"}},
        ),
        (Await("paid"), {"kind": "await", "names": ["paid"]}),
        (
            Await(("paid", "void"), step="ship", timeout=timedelta(hours=1)),
            {"kind": "await", "names": ["paid", "void"], "step": "ship", "timeout_ms": 3_600_000},
        ),
        (Await("paid", timeout=0), {"kind": "await", "names": ["paid"], "timeout_ms": 0}),
        (Done(), {"kind": "done"}),
        (Done({"n": 1}), {"kind": "done", "result": {"n": 1}}),
        (Stop({"kind": "no"}), {"kind": "stop", "error": {"kind": "no"}}),
        (
            ScheduleChildren([Entry("Mail", {"to": "x"}, priority=2)], step="ship"),
            {
                "kind": "schedule_children",
                "step": "ship",
                "children": [{"fsm": "Mail", "state": {"to": "x"}, "priority": 2}],
            },
        ),
        (
            ScheduleChildren([], join="first_failure"),
            {"kind": "schedule_children", "children": [], "join": "first_failure"},
        ),
    ],
)
def test_an_outcome_becomes_the_engines_json(outcome: Outcome, fields: dict[str, Any]) -> None:
    assert wire(outcome) == fields


@pytest.mark.parametrize("outcome", [Retry(), Await("paid"), ScheduleChildren([]), Done(), Stop()])
def test_only_next_may_run_ahead(outcome: Outcome) -> None:
    assert settle(SHOP, context(), Next("ship")).may_run_ahead
    assert not settle(SHOP, context(), outcome).may_run_ahead


def test_a_delay_is_rounded_up_so_that_nothing_is_early() -> None:
    assert wire(Next("ship", delay=0.0001))["delay_ms"] == 1


def test_a_state_that_is_given_is_sent() -> None:
    assert wire(Next("ship", Order("b")))["state"] == {"sku": "b", "quantity": 1}


def test_a_state_changed_in_place_is_sent_without_being_given() -> None:
    ctx = context()
    ctx.state.quantity = 9
    assert wire(Next("ship"), ctx)["state"] == {"sku": "a", "quantity": 9}


def test_a_state_that_was_only_read_is_not_rewritten() -> None:
    ctx = context(state_json='{"sku":"a","added_by_a_newer_version":1}')
    assert ctx.state.sku == "a"
    assert "state" not in wire(Next("ship"), ctx)


def test_a_failed_steps_changes_are_forgotten() -> None:
    ctx = context()
    ctx.state.quantity = 9
    ctx.forget_changes()
    assert "state" not in wire(Retry(), ctx)


def test_next_consumes_what_was_awaited_and_the_others_nothing() -> None:
    signals = '[{"id":5,"name":"paid","payload":{},"sent_at":"2026-01-01T00:00:00Z"}]'
    ctx = context(awaited_json=signals, signals_json=signals)
    assert wire(Next("ship"), ctx)["consumed"] == [5]
    assert wire(ScheduleChildren([]), ctx)["consumed"] == [5]
    for outcome in (Await("paid"), Retry(), Done(), Stop()):
        assert "consumed" not in wire(outcome, ctx)


def test_await_and_retry_consume_what_was_awaited_where_they_say_so() -> None:
    signals = '[{"id":5,"name":"paid","payload":{},"sent_at":"2026-01-01T00:00:00Z"}]'
    ctx = context(awaited_json=signals, signals_json=signals)
    assert wire(Await("paid", consume=True), ctx)["consumed"] == [5]
    assert wire(Retry(consume=True), ctx)["consumed"] == [5]
    for outcome in (Await("paid", consume=1), Retry(consume="yes")):  # type: ignore[arg-type]
        with pytest.raises(OutcomeError, match="consume must be True or False"):
            wire(outcome, ctx)


def test_a_step_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(OutcomeError, match=r"no step 'shpi'; did you mean 'ship'\?"):
        wire(Next("shpi"))
    with pytest.raises(OutcomeError, match="no step 'x'"):
        wire(Await("paid", step="x"))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned nothing; every path must return an outcome"),
        ({"kind": "done"}, "which is no outcome"),
        (Done, "which is no outcome"),
    ],
)
def test_what_is_no_outcome_is_refused(returned: object, message: str) -> None:
    with pytest.raises(OutcomeError, match=message):
        wire(returned)


def test_a_step_given_as_neither_name_nor_method_is_refused() -> None:
    with pytest.raises(OutcomeError, match="neither a step's name nor a step method"):
        wire(Next(cast("str", 42)))


def test_a_state_that_no_later_step_could_read_is_refused() -> None:
    with pytest.raises(StateError, match=r"does not fit Shop.*`\$\.quantity`"):
        wire(Next("ship", {"sku": "a", "quantity": "many"}))


@pytest.mark.parametrize("value", [object(), {1, object()}, "\ud800"])
def test_a_value_without_json_form_is_refused(value: object) -> None:
    with pytest.raises(StateError, match="cannot be stored as JSON"):
        wire(Done(value))


def test_running_ahead_hands_on_what_the_engine_keeps() -> None:
    ctx = context(
        attempt=4, last_error_json="{}", priority=1, concurrency_key="k", awaited_json="[]"
    )
    settled = settle(SHOP, ctx, Next("ship", Order("b"), priority=5))
    following = next_context(ctx, settled, 4, '[{"id":1}]', None)
    assert (following.step, following.fence, following.attempt) == ("ship", 4, 0)
    assert following.state == Order("b")
    assert (following.priority, following.concurrency_key) == (5, "k")
    assert (following.last_error, following.awaited) == (None, [])
    assert following.signals_json == '[{"id":1}]'


def test_running_ahead_without_a_new_state_keeps_the_old_one() -> None:
    ctx = context()
    settled = settle(SHOP, ctx, Next("ship", concurrency_key=None))
    following = next_context(ctx, settled, 4, None, "[]")
    assert following.state == Order("a", 2)
    assert following.concurrency_key is None
    assert following.children == []


def test_a_context_decodes_its_json_columns() -> None:
    signals = '[{"id":5,"name":"paid","payload":{"n":1},"sent_at":"2026-01-01T00:00:00+00:00"}]'
    ctx = context(
        awaited_json=signals,
        signals_json=signals,
        last_error_json='{"kind":"x"}',
        children_json='[{"id":9,"ord":1,"fsm":"Mail","status":"done","result":3,"state":{}}]',
    )
    assert [(s.id, s.name, s.payload) for s in ctx.awaited] == [(5, "paid", {"n": 1})]
    assert ctx.signals == ctx.awaited
    assert ctx.signals[0].sent_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert ctx.last_error == {"kind": "x"}
    assert ctx.children is not None
    assert (ctx.children[0].ord, ctx.children[0].result) == (1, 3)


def test_a_context_without_a_machine_decodes_plain_json() -> None:
    assert context(codec=None).state == {"sku": "a", "quantity": 2}


def test_an_entry_says_only_what_is_given() -> None:
    assert Entry("Mail").arguments() == {"fsm": "Mail"}


def test_an_entry_of_a_machine_brings_its_queue_and_version() -> None:
    arguments = Entry(Shop, Order("a"), delay=1.5, eligible_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert msgspec.json.decode(msgspec.json.encode(arguments.arguments())) == {
        "fsm": "Shop",
        "fsm_version": 1,
        "queue": "shop",
        "state": {"sku": "a", "quantity": 1},
        "delay": "1.500000 seconds",
        "eligible_at": "2026-01-01T00:00:00+00:00",
    }


def test_an_entrys_state_must_fit_its_machine() -> None:
    with pytest.raises(StateError, match=r"does not fit Shop: .*`sku`"):
        Entry(Shop, {"quantity": 1}).arguments()


# Arguments of every type: converted, or refused by the name of the field.


class Number:
    """A number of a library: neither an int nor a float."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Colour(StrEnum):
    RED = "red"


KEY = uuid.UUID("12345678123456781234567812345678")


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [
        ("step", Shop.ship, "ship"),
        ("step", Shop().ship, "ship"),
        ("step", Text("ship"), "ship"),
        ("delay", 1, "1.000000 seconds"),
        ("delay", 1.5, "1.500000 seconds"),
        ("delay", Decimal("1.5"), "1.500000 seconds"),
        ("delay", Fraction(3, 2), "1.500000 seconds"),
        ("delay", Number(2), "2.000000 seconds"),
        ("delay", -1, "-1.000000 seconds"),
        ("delay", timedelta(minutes=1), "60.000000 seconds"),
        ("eligible_at", datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        ("correlation_key", KEY, "12345678-1234-5678-1234-567812345678"),
        ("correlation_key", 42, "42"),
        ("correlation_key", Text("k"), "k"),
        ("correlation_key", Colour.RED, "red"),
        ("correlation_key", "", ""),
        ("concurrency_key", KEY, "12345678-1234-5678-1234-567812345678"),
        ("rate_limit", 42, "42"),
        ("correlation_scope", "done", ["done"]),
        ("correlation_scope", ("done",), ["done"]),
        ("correlation_scope", {"done"}, ["done"]),
        ("correlation_scope", (name for name in ["done"]), ["done"]),
        ("correlation_scope", [], []),
        ("priority", Number(3), 3),
        ("fsm_version", Number(3), 3),
        ("weight", Number(3), 3.0),
        ("weight", Decimal("0.5"), 0.5),
        ("queue", "", ""),
    ],
)
def test_an_entrys_argument_is_converted(field: str, value: Any, sent: Any) -> None:
    arguments = Entry(Shop, Order("a"), **{field: value}).arguments()
    assert (arguments[field], type(arguments[field])) == (sent, type(sent))


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("machine", None),
        ("machine", 5),
        ("machine", int),
        ("machine", Machine),
        ("step", 5),
        ("step", len),
        ("step", b"ship"),
        ("queue", 5),
        ("queue", b"shop"),
        ("delay", NAN),
        ("delay", INF),
        ("delay", -INF),
        ("delay", True),
        ("delay", "5"),
        ("delay", b"5"),
        ("delay", []),
        ("delay", 1e300),
        ("delay", 10**400),
        ("delay", Decimal("NaN")),
        ("delay", timedelta.max),
        ("delay", timedelta.min),
        ("eligible_at", 0),
        ("eligible_at", 5),
        ("eligible_at", NAN),
        ("eligible_at", ""),
        ("eligible_at", "2026-01-01"),
        ("eligible_at", True),
        ("eligible_at", date(2026, 1, 1)),
        ("eligible_at", timedelta(1)),
        ("correlation_key", b"k"),
        ("correlation_key", True),
        ("correlation_key", 1.5),
        ("concurrency_key", []),
        ("rate_limit", False),
        ("correlation_scope", b"done"),
        ("correlation_scope", [b"done"]),
        ("correlation_scope", 5),
        ("correlation_scope", False),
        ("priority", 1.0),
        ("priority", 2**31),
        ("priority", int),
        ("correlation_key", "a\x00b"),
        ("queue", "\ud800"),
        ("correlation_scope", ["a\x00"]),
        ("priority", True),
        ("priority", "1"),
        ("fsm_version", 1.5),
        ("weight", NAN),
        ("weight", INF),
        ("weight", True),
        ("weight", "1"),
        ("weight", 1j),
    ],
)
def test_an_entrys_argument_of_the_wrong_type_is_refused(field: str, value: Any) -> None:
    given: dict[str, Any] = {"machine": Shop, "state": Order("a")} | {field: value}
    with pytest.raises(UsageError, match=rf"^{field}(\[0\])?( must be| has no|: )"):
        Entry(**given).arguments()


def test_a_moment_without_a_time_zone_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"eligible_at has no time zone: (.|\n)*Add one"):
        Entry("Mail", eligible_at=datetime(2026, 1, 1)).arguments()  # noqa: DTZ001


def test_a_step_method_stands_for_its_name_where_the_machine_is_only_named() -> None:
    assert Entry("Shop", step=Shop.ship).arguments()["step"] == "ship"
    with pytest.raises(UsageError, match="step must be a step's name or a step method"):
        Entry("Shop", step=Shop.definition).arguments()


def test_the_engine_says_whether_a_converted_argument_is_in_range(conn: Connection) -> None:
    long = timedelta(days=106_751_900)
    for wrong in ({"queue": ""}, {"correlation_key": ""}, {"weight": -1}, {"delay": long}):
        with pytest.raises(InvalidArgumentError, match="GD00"):
            enqueue(conn, "Mail", **wrong)
    made = enqueue(conn, "Mail", correlation_key=KEY, correlation_scope="runnable", priority=7)
    assert enqueue(conn, "Mail", correlation_key=str(KEY)).duplicate
    assert conn.execute(
        "select priority, correlation_key from gd_instances where id = %s", (made.id,)
    ).fetchone() == (7, str(KEY))


@pytest.mark.parametrize(
    "value", [NAN, INF, -1, -0.001, "5", True, None, 1e308, timedelta.min, [], Decimal("sNaN")]
)
def test_a_duration_that_is_none_is_an_error_of_the_step(value: Any) -> None:
    outcomes = [(Next("ship", delay=value), "delay"), (Retry(value), "delay")]
    if value is not None:
        outcomes.append((Await("paid", timeout=value), "timeout"))
    for outcome, field in outcomes:
        with pytest.raises(OutcomeError, match=rf"returned {type(outcome).__name__}: {field} must"):
            wire(outcome)


def test_a_duration_may_be_of_any_numeric_type() -> None:
    assert wire(Next("ship", delay=Decimal("0.0001")))["delay_ms"] == 1
    assert wire(Retry(Fraction(1, 2)))["delay_ms"] == 500  # type: ignore[arg-type]
    assert wire(Await("paid", timeout=cast("float", Number(2))))["timeout_ms"] == 2000


@pytest.mark.parametrize(
    ("names", "sent"),
    [
        ((name for name in ["paid", "void"]), ["paid", "void"]),
        ({"paid"}, ["paid"]),
        ({"paid": 1}, ["paid"]),
        (Colour, ["red"]),
        (Text("paid"), ["paid"]),
    ],
)
def test_names_may_be_anything_to_go_through(names: Any, sent: list[str]) -> None:
    assert wire(Await(names))["names"] == sent


@pytest.mark.parametrize(
    "names", [[], (), set(), None, 5, b"paid", ["paid", 5], [None], [b"x"], "\x00"]
)
def test_names_that_are_none_are_an_error_of_the_step(names: Any) -> None:
    with pytest.raises(OutcomeError, match=r"returned Await: names(\[\d\])? must be"):
        wire(Await(names))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rate_limit": b"x"}, "rate_limit"),
        ({"rate_limit": "x", "weight": NAN}, "weight"),
        ({"concurrency_key": 1.5}, "concurrency_key"),
        ({"priority": 1.5}, "priority"),
        ({"priority": True}, "priority"),
    ],
)
def test_an_argument_of_next_of_the_wrong_type_is_an_error_of_the_step(
    changes: Any, field: str
) -> None:
    with pytest.raises(OutcomeError, match=rf"returned Next: {field} must be"):
        wire(Next("ship", **changes))


@pytest.mark.parametrize("children", [None, 5, Entry("Mail"), [Shop], ["Mail"], [None]])
def test_children_that_are_no_entries_are_an_error_of_the_step(children: Any) -> None:
    with pytest.raises(OutcomeError, match=r"returned ScheduleChildren: children(\[0\])? must be"):
        wire(ScheduleChildren(children))


@pytest.mark.parametrize("join", [None, "most", True, ["any"]])
def test_a_join_that_there_is_not_is_an_error_of_the_step(join: Any) -> None:
    with pytest.raises(
        OutcomeError, match="returned ScheduleChildren: join must be one of all, first_failure, any"
    ):
        wire(ScheduleChildren([], join=join))


def test_an_error_of_a_child_names_its_place() -> None:
    entries = (Entry("Mail", priority=priority) for priority in (1, cast("int", 1.5)))
    with pytest.raises(OutcomeError, match=r"children\[1\]: priority must be an int"):
        wire(ScheduleChildren(entries))
    with pytest.raises(StateError, match=r"children\[0\]: .*`sku`"):
        wire(ScheduleChildren([Entry(Shop, {})]))


# What a step returns and what it is too much.


class Unshowable:
    def __repr__(self) -> str:
        raise GeneratorExit


class Endless:
    def __repr__(self) -> str:
        return "\x00\ud800" + "x" * 20_000_000


@pytest.mark.parametrize("odd", [Unshowable(), Endless()])
def test_an_object_that_cannot_be_shown_is_an_error_of_the_step(odd: Any) -> None:
    for returned in (odd, Next(odd), Await(odd), ScheduleChildren(odd), Retry(odd)):
        with pytest.raises(OutcomeError) as caught:
            wire(returned)
        message = str(caught.value)
        assert len(message) < 1000
        assert "\x00" not in message
        message.encode()
    with pytest.raises(UsageError):
        Entry(odd).arguments()


def test_an_outcome_that_is_too_large_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gendurable.settle._LARGEST_ENTRY", 1000)
    assert wire(Done("x" * 900))
    for outcome in (Done("x" * 1000), Next("ship", Order("x" * 1000)), Stop("x" * 1000)):
        with pytest.raises(OutcomeError, match="too large for the database; store the data else"):
            wire(outcome)


def test_an_outcome_of_a_class_derived_from_one_is_that_outcome() -> None:
    class Paid(Done, frozen=True):
        pass

    assert wire(Paid({"n": 1})) == {"kind": "done", "result": {"n": 1}}


def test_every_public_name_can_be_looked_at() -> None:
    assert "Entry" in pydoc.render_doc(gendurable)
    for name in gendurable.__all__:
        public = getattr(gendurable, name)
        if isinstance(public, type) or inspect.isroutine(public):
            typing.get_type_hints(public)
            pydoc.render_doc(public)
    assert "machine" in inspect.signature(Entry).parameters
    assert "conn" in inspect.signature(gendurable.enqueue).parameters
