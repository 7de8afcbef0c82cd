"""A new version of a machine takes over the live instances of an old one."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import msgspec
import pytest

from gendurable import (
    Await,
    Context,
    DefinitionError,
    Done,
    Machine,
    Next,
    Outcome,
    Retry,
    RetryPolicy,
    ScheduleChildren,
    StateError,
    Stop,
    Worker,
    enqueue,
    signal,
    status,
    step,
)
from gendurable.failures import conclude
from gendurable.machine import define
from gendurable.settle import settle
from gendurable.testing import drain
from support import Connection, finished, running, until
from test_outcomes import context


class First(Machine[dict[str, Any]]):
    name = "Order"

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Await("go", step=self.middle)

    @step
    def middle(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done("old")


class Item(msgspec.Struct):
    sku: str
    quantity: int


class Order(msgspec.Struct):
    items: list[Item]
    note: str = ""


class Second(Machine[Order]):
    name = "Order"
    version = 2
    takes_over = frozenset({1})
    migrated: ClassVar[list[Any]] = []

    def migrate(self, state: Any, from_version: int) -> Order:
        self.migrated.append((state, from_version))
        return Order([Item(state["sku"], state.get("quantity", 1))])

    @step
    def start(self, ctx: Context[Order]) -> Outcome:
        return Next(self.middle)

    @step
    def middle(self, ctx: Context[Order]) -> Outcome:
        return Next(self.last)

    @step
    def last(self, ctx: Context[Order]) -> Outcome:
        assert ctx.fsm_version == 2
        ctx.state.note += "!"
        return Done(msgspec.to_builtins(ctx.state))


SECOND = define(Second)
NEW = {"items": [{"sku": "a", "quantity": 2}], "note": ""}


def old(**changes: Any) -> Context[Any]:
    ctx = context(fsm="Order", step="middle", **changes)
    ctx.codec = SECOND.codec_for(1)
    return ctx


def fields(ctx: Context[Any], outcome: Outcome, **options: Any) -> dict[str, Any]:
    entry = settle(SECOND, ctx, outcome, **options).entry
    return {
        name: value for name, value in json.loads(entry).items() if name in ("fsm_version", "state")
    }


@pytest.mark.parametrize(
    "outcome",
    [Next("last"), Retry(), Await("go"), ScheduleChildren([])],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.parametrize("looks", [False, True])
def test_each_outcome_that_goes_on_stores_the_new_state_and_the_version(
    outcome: Outcome, looks: bool
) -> None:
    ctx = old()
    assert not looks or ctx.state == Order([Item("a", 2)])
    assert fields(ctx, outcome) == {"fsm_version": 2, "state": NEW}


def test_what_the_step_changes_or_gives_is_stored() -> None:
    ctx = old()
    ctx.state.note = "new"
    assert fields(ctx, Next("last"))["state"] == NEW | {"note": "new"}
    assert fields(old(), Next("last", Order([])))["state"] == {"items": [], "note": ""}
    ctx = old()
    assert fields(ctx, Next("last", ctx.state))["state"] == NEW


def test_what_ends_an_instance_leaves_it_as_it_is() -> None:
    assert fields(old(), Done()) == fields(old(), Stop()) == {}


def test_an_instance_of_the_own_version_is_as_before() -> None:
    ctx = context(fsm="Order", fsm_version=2, step="middle", state_json=json.dumps(NEW))
    ctx.codec = SECOND.codec_for(2)
    assert fields(ctx, Next("last")) == {}


def test_a_failed_step_leaves_the_state_and_the_version() -> None:
    """So that a migration that cannot work is no reason to lose what is stored."""
    ctx = old(state_json='{"quantity": 2}')
    with pytest.raises(KeyError):
        settle(SECOND, ctx, Next("last"))
    concluded = conclude(SECOND, ctx, KeyError("sku"), final=False)
    assert isinstance(concluded.outcome, Retry)
    assert "fsm_version" not in json.loads(concluded.entry)
    assert "state" not in json.loads(concluded.entry)


def test_what_migrate_answers_has_to_fit() -> None:
    class Wrong(Second):
        name = "Order"

        def migrate(self, state: Any, from_version: int) -> Any:
            return {"items": 5}

    ctx = old()
    ctx.codec = define(Wrong).codec_for(1)
    with pytest.raises(StateError, match=r"does not fit Wrong: Expected `array`, got `int`"):
        assert ctx.state


def test_without_a_migration_the_state_is_read_as_it_is() -> None:
    class Same(Machine[dict[str, Any]]):
        version = 2
        takes_over = (1,)

        @step
        def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return Done()

    ctx = context(fsm="Same")
    ctx.codec = define(Same).codec_for(1)
    assert ctx.state == {"sku": "a", "quantity": 2}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (1, "takes_over must be several versions, such as {1}, not 1"),
        ("1", "takes_over must be several versions"),
        ({"1"}, "takes_over must be an int, not '1'"),
        ({2}, "takes_over has its own version 2"),
    ],
)
def test_what_cannot_be_taken_over_is_refused(given: Any, said: str) -> None:
    class Wrong(Second):
        takes_over = given

    with pytest.raises(DefinitionError, match=re.escape(f"machine Wrong: {said}")):
        define(Wrong)


def test_a_migration_cannot_wait() -> None:
    class Waits(Second):
        async def migrate(self, state: Any, from_version: int) -> Order:  # type: ignore[override]
            return Order([])

    with pytest.raises(DefinitionError, match="migrate cannot be an async def"):
        define(Waits)


def test_a_version_is_run_by_one_machine() -> None:
    both: list[type[Machine[Any]]] = [First, Second]
    for machines in (both, both[::-1]):
        with pytest.raises(DefinitionError, match="Order version 1 is taken over by version 2"):
            Worker(machines)


@pytest.fixture
def engine_with_versions(conn: Connection) -> None:
    """The engine as it is where outcomes may name a version: a stand-in around gd_commit."""
    row = conn.execute(
        "select pg_get_functiondef('gd_commit(bigint, jsonb)'::regprocedure)"
    ).fetchone()
    assert row is not None
    conn.execute(row[0].replace("gd_commit", "gd_commit_before"))
    conn.execute("revoke all on function gd_commit_before(bigint, jsonb) from public")
    conn.execute(
        """
        create or replace function public.gd_commit(worker bigint, outcomes jsonb)
        returns table (id bigint, fence bigint, result text, detail text, signals jsonb,
                       children jsonb)
        language plpgsql security definer as $$
        begin
            return query select * from public.gd_commit_before(worker, outcomes);
            update gendurable.instances as i set fsm_version = (o ->> 'fsm_version')::int
            from jsonb_array_elements(outcomes) as o
            where i.id = (o ->> 'id')::bigint and o ? 'fsm_version';
        end
        $$"""
    )
    conn.execute("revoke all on function gd_commit(bigint, jsonb) from public")


@pytest.mark.usefixtures("engine_with_versions")
def test_live_instances_go_on_under_the_new_version(dsn: str, conn: Connection) -> None:
    Second.migrated.clear()
    parked = enqueue(conn, First, {"sku": "a", "quantity": 2}).id
    assert [ran.step for ran in drain(conn, [First])] == ["start"]
    assert signal(conn, parked, "go") == "delivered"

    class Parks(Second):
        name = "Order"

        @step
        def last(self, ctx: Context[Order]) -> Outcome:
            if not ctx.awaited:
                return Await("end")
            return super().last(ctx)

    with running(dsn, [Parks]):
        until(lambda: (found := status(conn, parked)) and found.status == "awaiting_signal")
        found = status(conn, parked)
        assert found is not None
        assert (found.fsm_version, found.state) == (2, NEW)
        signal(conn, parked, "end")
        assert finished(conn, parked).result == NEW | {"note": "!"}
    # The step that ran ahead had the new state already.
    assert Second.migrated == [({"sku": "a", "quantity": 2}, 1)]


@pytest.mark.usefixtures("engine_with_versions")
def test_a_migration_that_raises_is_tried_again_with_the_old_state(
    dsn: str, conn: Connection
) -> None:
    calls: list[Any] = []

    class Flaky(Second):
        name = "Order"
        retry = RetryPolicy(max_attempts=3, initial=0)

        def migrate(self, state: Any, from_version: int) -> Order:
            calls.append(state)
            if len(calls) < 3:
                raise OSError
            return super().migrate(state, from_version)

    instance = enqueue(conn, First, {"sku": "a", "quantity": 2}, step="middle").id
    with running(dsn, [Flaky]):
        assert finished(conn, instance).result == NEW | {"note": "!"}
    assert calls == [{"sku": "a", "quantity": 2}] * 3


@pytest.mark.usefixtures("engine_with_versions")
def test_a_step_that_the_new_version_does_not_have_is_left_to_the_old_one(
    dsn: str, conn: Connection
) -> None:
    class Without(Machine[Any]):
        name = "Order"
        version = 2
        takes_over = (1,)

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done("new")

    left = enqueue(conn, First, {}, step="middle").id
    given_back = "select eligible_at > now() from gd_instances where id = %s"
    with running(dsn, [Without]):
        assert finished(conn, enqueue(conn, First, {}).id).result == "new"
        until(lambda: conn.execute(given_back, (left,)).fetchone() == (True,))
    with running(dsn, [First]):
        assert finished(conn, left).result == "old"
