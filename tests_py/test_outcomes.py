"""Outcomes and entries as values: the JSON that the engine is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    Machine,
    Next,
    Outcome,
    OutcomeError,
    Retry,
    ScheduleChildren,
    StateError,
    Stop,
    step,
)
from gendurable.machine import define
from gendurable.settle import next_context, settle


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
    ],
)
def test_an_outcome_becomes_the_engines_json(outcome: Outcome, fields: dict[str, Any]) -> None:
    assert wire(outcome) == fields


def test_only_next_asks_to_run_ahead() -> None:
    assert settle(SHOP, context(), Next("ship")).may_run_ahead
    assert not settle(SHOP, context(), Retry()).may_run_ahead
    assert not settle(SHOP, context(), Done()).may_run_ahead


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


def test_a_coroutine_from_a_sync_step_is_refused() -> None:
    returned = Shop().ship(context())
    with pytest.raises(OutcomeError, match="declare the step with async def"):
        wire(returned)
    cast("Any", returned).close()


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
