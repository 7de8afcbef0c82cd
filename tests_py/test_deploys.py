"""Code and stored data of different versions, and functions of every make."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, cast

import msgspec
import pytest

from gendurable import (
    Await,
    Context,
    DefinitionError,
    Done,
    Entry,
    Machine,
    Next,
    Outcome,
    OutcomeError,
    Retry,
    RetryPolicy,
    ScheduleChildren,
    StateError,
    Stop,
    enqueue,
    enqueue_many,
    job,
    retry,
    signal,
    status,
    step,
)
from gendurable.machine import define, is_abstract
from gendurable.settle import next_context, settle
from gendurable.testing import drain
from support import Connection, finished, running

if TYPE_CHECKING:
    from decimal import Decimal

NAN = float("nan")


def machine_of(state_type: Any) -> type[Machine[Any]]:
    class Some(Machine[state_type]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done()

    return Some


def context(machine: type[Machine[Any]], stored: Any) -> Context[Any]:
    """The first step of an instance, its state as PostgreSQL writes it."""
    text = stored if isinstance(stored, str) else msgspec.json.encode(stored).decode()
    return Context(
        id=7,
        fence=3,
        fsm=machine.name,
        fsm_version=1,
        step="start",
        state_json=" " + text,
        attempt=0,
        queue="default",
        priority=0,
        correlation_key=None,
        concurrency_key=None,
        parent_id=None,
        awaited_json="[]",
        signals_json="[]",
        children_json=None,
        last_error_json=None,
        enqueued_at=datetime(2026, 1, 1, tzinfo=UTC),
        codec=machine.codec,
    )


def entry_of(machine: type[Machine[Any]], ctx: Context[Any], outcome: object = None) -> Any:
    """What the engine is sent after a step."""
    return msgspec.json.decode(settle(define(machine), ctx, outcome or Next("start")).entry)


def written(state_type: Any, stored: Any, change: Callable[[Any], None]) -> Any:
    """The state that a step writes which changes it in place; None if it writes none."""
    machine = machine_of(state_type)
    ctx = context(machine, stored)
    change(ctx.state)
    return entry_of(machine, ctx).get("state")


# Jobs whose parameters are not those of what is queued.


def test_a_job_that_gained_or_lost_a_parameter_runs_what_is_queued(
    conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    @job(name="mail")
    def old(to: str, copy: bool = True) -> None: ...

    @job(name="mail")
    def new(to: str, subject: str = "none", *, tags: list[str] | None = None) -> Any:
        return [to, subject, tags]

    first = old.enqueue(conn, "a")
    second = old.enqueue(conn, "b")
    with caplog.at_level(logging.WARNING, logger="gendurable"):
        drain(conn, [new])
    assert [finished(conn, made.id).result for made in (first, second)] == [
        ["a", "none", None],
        ["b", "none", None],
    ]
    dropped = [record.getMessage() for record in caplog.records if "copy" in record.getMessage()]
    assert dropped == ["job mail: it has no parameter copy; what is stored for it is dropped"]


def test_sql_may_leave_an_optional_argument_out(conn: Connection) -> None:
    @job()
    def greet(name: str, greeting: str = "hello") -> str:
        return f"{greeting} {name}"

    row = conn.execute("""select id from gd_enqueue('greet', '{"name": "x"}')""").fetchone()
    assert row is not None
    drain(conn, [greet])
    assert finished(conn, row[0]).result == "hello x"


def test_a_jobs_default_is_never_shared_between_instances(conn: Connection) -> None:
    @job(name="collect")
    def queued_before() -> None: ...

    @job(name="collect")
    def collect(
        typed: list[int] = [],  # noqa: B006
        loose: Any = {"n": [1]},  # noqa: B006
        odd: Any = {1, 2},  # noqa: B006
    ) -> Any:
        typed.append(1)
        loose["n"].append(2)
        odd.add(3)
        return [typed, loose, len(odd)]

    made = [queued_before.enqueue(conn), queued_before.enqueue(conn)]
    made += [collect.enqueue(conn), collect.enqueue(conn)]
    drain(conn, [collect])
    results = [finished(conn, each.id).result for each in made]
    assert results == [[[1], {"n": [1, 2]}, 3]] * 4


def test_a_jobs_default_need_not_have_a_json_form(conn: Connection) -> None:
    missing = object()

    @job()
    def odd(
        a: int = cast("int", None), b: float = math.inf, c: Any = missing, d: Any = (1, 2)
    ) -> Any:
        return [a, b == math.inf, c is missing, isinstance(d, tuple)]

    made = odd.enqueue(conn)
    drain(conn, [odd])
    assert finished(conn, made.id).result == [None, True, True, True]


def test_a_jobs_argument_may_be_stored_as_another_type_that_fits(conn: Connection) -> None:
    class Before(msgspec.Struct):
        x: int

    @dataclass
    class After:
        x: float
        y: int = 5

    def version(kind: Any) -> Any:
        def move(to: Any, n: Any) -> Any:
            return [type(to).__name__, to.x, getattr(to, "y", None), type(n).__name__]

        types = {"to": kind, "n": int if kind is Before else float}
        move.__annotations__ = types
        return job()(move)

    made = version(Before).enqueue(conn, Before(1), 2)
    drain(conn, [version(After)])
    assert finished(conn, made.id).result == ["After", 1.0, 5, "float"]


def test_enqueueing_a_job_stays_strict() -> None:
    @job()
    def strict(n: int, order: Annotated[int, msgspec.Meta(gt=0)] = 1) -> None: ...

    with pytest.raises(TypeError, match="unexpected keyword argument 'm'"):
        strict.entry(1, m=2)
    with pytest.raises(StateError, match=r"does not fit strict: .*`\$\.n`"):
        strict.entry("one")
    with pytest.raises(StateError, match=r"does not fit strict: .*`\$\.order`"):
        strict.entry(1, 0)
    with pytest.raises(StateError, match=r"nan at `\$\.n`"):
        strict.entry(NAN)
    with pytest.raises(StateError, match=r"does not fit strict: .*unknown field `m`"):
        Entry(strict, {"n": 1, "m": 2}).arguments()


def test_a_jobs_type_that_cannot_be_found_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"job unknown: .*price: name 'Decimal'"):

        @job()
        def unknown(price: Decimal) -> None: ...


def test_the_return_type_of_a_job_need_not_be_found() -> None:
    @job()
    def known(n: int) -> Decimal: ...  # type: ignore[empty-body]

    assert msgspec.json.decode(bytes(known.entry(1).arguments()["state"])) == {"n": 1}


def test_a_jobs_parameter_may_be_called_like_anything_else(conn: Connection) -> None:
    def names(self: int, conn: int, args: int, __struct_fields__: int, name: int = 5) -> Any:
        return [self, conn, args, __struct_fields__, name]

    odd = job(name="odd names: 1")(names)
    arguments = {"self": 1, "conn": 2, "args": 3, "__struct_fields__": 4}
    made = odd.enqueue(conn, **arguments)
    row = conn.execute("select state from gd_status(%s)", (made.id,)).fetchone()
    assert row == (arguments | {"name": 5},)
    drain(conn, [odd])
    assert finished(conn, made.id).result == [1, 2, 3, 4, 5]


def test_a_job_without_a_name_of_its_own_needs_one(conn: Connection) -> None:
    def power(base: int, exponent: int) -> Any:
        return base**exponent

    with pytest.raises(DefinitionError, match="give it with name="):
        job()(functools.partial(power, exponent=3))
    cube = job(name="cube")(functools.partial(power, exponent=3))
    made = cube.enqueue(conn, 2)
    drain(conn, [cube])
    assert finished(conn, made.id).result == 8


def test_a_jobs_context_may_be_optional(conn: Connection) -> None:
    @job()
    def optional(n: int, ctx: Context[Any] | None = None) -> Any:
        return [n, ctx is not None and ctx.attempt]

    @job()
    def annotated(n: int, ctx: Annotated[Context[Any], "the execution"]) -> Any:
        return [n, ctx.attempt]

    made = [optional.enqueue(conn, 1), annotated.enqueue(conn, 1)]
    drain(conn, [optional, annotated])
    assert [finished(conn, each.id).result for each in made] == [[1, 0]] * 2


# Fields that a newer version added.


class Item(msgspec.Struct):
    sku: str
    quantity: int = 1


class Frozen(msgspec.Struct, frozen=True):
    city: str = ""


@dataclass
class Address:
    city: str = ""


class Options(TypedDict, total=False):
    gift: bool


class Tagged(msgspec.Struct, tag=True):
    n: int = 0


class Places(msgspec.Struct):
    places: set[Frozen]
    n: int


class Point(msgspec.Struct, array_like=True):
    x: int
    y: int


class Shape(msgspec.Struct):
    points: list[Point]


class Order(msgspec.Struct, rename="camel"):
    order_no: int = 0
    items: list[Item] = []
    address: Address = msgspec.field(default_factory=Address)
    place: Frozen = Frozen()
    options: Options = msgspec.field(default_factory=Options)
    by_name: dict[str, Item] = {}
    by_number: dict[int, Item] = {}
    pair: tuple[Item, ...] = ()
    payment: Tagged | None = None


ORDER = """{
    "orderNo": 1, "new": {"a": [1, {"b": null}]}, "exact": 12345678901234567890.123456789,
    "items": [{"sku": "a", "quantity": 1, "new": "A"}, {"sku": "b", "new": "B"}],
    "address": {"city": "x", "new": 1}, "place": {"city": "x", "new": 2},
    "options": {"gift": true, "new": 3}, "byName": {"k": {"sku": "c", "new": 4}},
    "byNumber": {"5": {"sku": "d", "new": 5}}, "pair": [{"sku": "e", "new": 6}],
    "payment": {"type": "Tagged", "n": 1, "new": 7}
}"""


def order(change: Callable[[Order], None]) -> Any:
    machine = machine_of(Order)
    ctx = context(machine, ORDER)
    change(ctx.state)
    entry = settle(define(machine), ctx, Next("start")).entry
    assert b"12345678901234567890.123456789" in entry
    return msgspec.json.decode(entry)["state"]


def test_old_code_keeps_unknown_fields_at_every_depth() -> None:
    def change(state: Order) -> None:
        state.order_no = 2
        state.items[0].quantity = 9
        state.address.city = "y"
        state.options["gift"] = False
        state.by_name["k"].quantity = 8
        state.by_number[5].quantity = 7
        state.pair[0].quantity = 6
        cast("Tagged", state.payment).n = 2

    assert order(change) == {
        "orderNo": 2,
        "new": {"a": [1, {"b": None}]},
        "exact": 12345678901234567890.123456789,
        "items": [
            {"sku": "a", "quantity": 9, "new": "A"},
            {"sku": "b", "quantity": 1, "new": "B"},
        ],
        "address": {"city": "y", "new": 1},
        "place": {"city": "x", "new": 2},
        "options": {"gift": False, "new": 3},
        "byName": {"k": {"sku": "c", "quantity": 8, "new": 4}},
        "byNumber": {"5": {"sku": "d", "quantity": 7, "new": 5}},
        "pair": [{"sku": "e", "quantity": 6, "new": 6}],
        "payment": {"type": "Tagged", "n": 2, "new": 7},
    }


def test_unknown_fields_stay_with_their_object_wherever_it_moves() -> None:
    def change(state: Order) -> None:
        state.items.insert(0, Item("first"))
        state.items.reverse()
        state.items[0].quantity = 3
        state.by_name["moved"] = state.by_name.pop("k")

    changed = order(change)
    assert [(each["sku"], each.get("new")) for each in changed["items"]] == [
        ("b", "B"),
        ("a", "A"),
        ("first", None),
    ]
    assert changed["byName"] == {"moved": {"sku": "c", "quantity": 1, "new": 4}}


def test_an_object_takes_over_the_unknown_fields_of_the_one_it_replaces() -> None:
    def change(state: Order) -> None:
        state.place = Frozen("y")
        state.items[1] = Item("b", 5)
        state.payment = None

    changed = order(change)
    assert changed["place"] == {"city": "y", "new": 2}
    assert changed["items"][1] == {"sku": "b", "quantity": 5, "new": "B"}
    assert changed["payment"] is None


def test_what_is_removed_takes_its_unknown_fields_along() -> None:
    def change(state: Order) -> None:
        del state.items[0]
        state.by_name.clear()
        del state.options["gift"]

    changed = order(change)
    assert changed["items"] == [{"sku": "b", "quantity": 1, "new": "B"}]
    assert changed["byName"] == {}
    assert changed["options"] == {"new": 3}


def test_unknown_elements_of_an_array_like_struct_are_kept() -> None:
    def change(state: Shape) -> None:
        state.points[0].x = 9

    stored = {"points": [[1, 2, "red"], [3, 4]]}
    assert written(Shape, stored, change) == {"points": [[9, 2, "red"], [3, 4]]}


def test_a_field_that_is_left_out_as_its_default_is_not_unknown() -> None:
    class Sparse(msgspec.Struct, omit_defaults=True):
        n: int = 0
        m: int = 0

    def change(state: Sparse) -> None:
        state.n = 0
        state.m = 2

    assert written(Sparse, {"n": 5, "m": 1, "new": 1}, change) == {"m": 2, "new": 1}


def test_what_a_set_holds_has_no_place_for_unknown_fields() -> None:
    def change(state: Places) -> None:
        state.n = 2

    stored = {"places": [{"city": "x", "new": 1}], "n": 1, "new": 2}
    changed = {"places": [{"city": "x"}], "n": 2, "new": 2}
    assert written(Places, stored, change) == changed


def test_a_chain_of_old_code_keeps_unknown_fields() -> None:
    machine = machine_of(Item)
    ctx = context(machine, {"sku": "a", "new": 1})
    for quantity in (2, 3):
        ctx.state.quantity = quantity
        settled = settle(define(machine), ctx, Next("start"))
        ctx = next_context(ctx, settled, 4, None, None)
    assert msgspec.json.decode(ctx.state_json) == {"sku": "a", "quantity": 3, "new": 1}


def test_a_state_that_is_given_replaces_the_whole_unless_it_is_the_one_that_was_read() -> None:
    machine = machine_of(Item)
    ctx = context(machine, {"sku": "a", "new": 1})
    assert "state" not in entry_of(machine, ctx, Next("start", ctx.state))
    ctx.state.quantity = 5
    given = entry_of(machine, ctx, Next("start", ctx.state))
    assert given["state"] == {"sku": "a", "quantity": 5, "new": 1}
    replaced = entry_of(machine, ctx, Next("start", Item("a", 5)))
    assert replaced["state"] == {"sku": "a", "quantity": 5}


def test_unknown_fields_survive_a_mixed_fleet(conn: Connection) -> None:
    class Old(Machine[Item]):
        name = "Fleet"

        @step
        def start(self, ctx: Context[Item]) -> Outcome:
            ctx.state.quantity += 1
            return Next(self.later, delay=3600)

        @step
        def later(self, ctx: Context[Item]) -> Outcome:
            return Done()

    made = conn.execute("""select id from gd_enqueue('Fleet', '{"sku": "a", "new": 1}')""")
    row = made.fetchone()
    assert row is not None
    drain(conn, [Old])
    found = status(conn, row[0])
    assert found is not None
    assert found.state == {"sku": "a", "quantity": 2, "new": 1}


# Changes, and what looks like one.


def test_a_change_that_compares_equal_is_stored() -> None:
    @dataclass
    class Quiet:
        n: Any = 1
        note: str = field(default="", compare=False)

    class Same(msgspec.Struct, eq=False):
        n: int = 0

    def note(state: Quiet) -> None:
        state.note = "changed"

    def becomes(value: Any) -> Callable[[Any], None]:
        def change(state: Any) -> None:
            state.n = value

        return change

    assert written(Quiet, {"n": 1, "note": ""}, note) == {"n": 1, "note": "changed"}
    assert written(Quiet, {"n": 1, "note": ""}, becomes(True))["n"] is True
    assert type(written(Quiet, {"n": 1, "note": ""}, becomes(1.0))["n"]) is float
    assert math.copysign(1, written(Quiet, {"n": 0.0, "note": ""}, becomes(-0.0))["n"]) == -1
    assert written(Same, {"n": 0}, becomes(0)) is None
    assert written(Same, {"n": 0}, becomes(1)) == {"n": 1}


def test_a_change_of_an_object_that_equals_everything_is_stored() -> None:
    class Equal(msgspec.Struct):
        n: int = 0

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    def change(state: Equal) -> None:
        state.n = 1

    assert written(Equal, {"n": 0}, change) == {"n": 1}


def test_a_step_that_only_reads_never_rewrites_the_state() -> None:
    class Made(msgspec.Struct):
        n: int = 0
        at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
        empty: float | None = NAN
        names: set[str] = set()

    class Unequal(msgspec.Struct):
        n: int = 0

        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

    def read(state: Any) -> None:
        assert state.n == 1

    assert written(Made, {"n": 1, "names": ["b", "a", "c"]}, read) is None
    assert written(Unequal, {"n": 1, "new": 2}, read) is None


# Numbers that JSON does not have.


@pytest.mark.parametrize("number", [NAN, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("make", "place"),
    [
        (Done, r"\$\.result"),
        (lambda n: Done({"a": [None, {"b": n}]}), r"\$\.result\.a\[1\]\.b"),
        (lambda n: Done({"big": 2**70, "n": n}), r"\$\.result\.n"),
        (lambda n: Done(Item("x", n)), r"\$\.result\.quantity"),
        (lambda n: Done({"a": (1, n)}), r"\$\.result\.a\[1\]"),
        (lambda n: Stop({"why": n}), r"\$\.error\.why"),
        (lambda n: Retry(error=[n]), r"\$\.error\[0\]"),
        (lambda n: Next("start", {"x": n}), r"\$\.x"),
        (lambda n: ScheduleChildren([Entry("Mail", {"x": n})]), r"children\[0\]: .*\$\.x"),
        (lambda n: ScheduleChildren([Entry(machine_of(Any), {n})]), r"children\[0\]: .*\$\[0\]"),
    ],
)
def test_a_number_that_json_does_not_have_is_an_error_that_names_its_place(
    number: float, make: Callable[[float], Outcome], place: str
) -> None:
    machine = machine_of(Any)
    with pytest.raises(StateError, match=rf"{number} at `{place}`|{place}"):
        entry_of(machine, context(machine, {}), make(number))


def test_a_number_that_json_does_not_have_is_no_change_in_place() -> None:
    class Measured(msgspec.Struct):
        x: float | None = None

    def change(state: Measured) -> None:
        state.x = NAN

    with pytest.raises(StateError, match=r"the state of Some .* nan at `\$\.x`"):
        written(Measured, {"x": None}, change)
    with pytest.raises(StateError, match=r"nan at `\$\.x`"):
        written(Measured, {"x": 1.0}, change)


def test_none_is_a_value_like_others() -> None:
    class Sparse(msgspec.Struct):
        n: int = 0
        x: float | None = None
        text: str = "null \xcb\x7f\xff"

    def change(state: Sparse) -> None:
        state.n = 1

    assert written(Sparse, {"n": 0}, change) == {"n": 1, "x": None, "text": "null \xcb\x7f\xff"}


def test_calls_of_applications_refuse_numbers_that_json_does_not_have(conn: Connection) -> None:
    with pytest.raises(StateError, match=r"nan at `\$\.x`"):
        enqueue(conn, "Mail", {"x": NAN})
    with pytest.raises(StateError, match=r"nan at `\$\.x`"):
        enqueue_many(conn, [Entry("Mail", {"x": NAN})])
    with pytest.raises(StateError, match=r"nan at `\$`"):
        signal(conn, "key", "name", NAN)
    with pytest.raises(StateError, match=r"nan at `\$\.x`"):
        retry(conn, 1, state={"x": NAN})


# References to steps.


class Common(Machine[Any]):
    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        return Done()

    @step
    def ship(self, ctx: Context[Any]) -> Outcome:
        return Done()

    def helper(self, ctx: Context[Any]) -> Outcome:
        return Done()


class Mine(Common):
    def ship(self, ctx: Context[Any]) -> Outcome:
        return super().ship(ctx)

    alias = Common.ship

    def above(self) -> Any:
        return super().ship


class Sibling(Common):
    pass


class Other(Machine[Any]):
    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        return Done()

    @step
    def ship(self, ctx: Context[Any]) -> Outcome:
        return Done()


@pytest.mark.parametrize(
    "ref", [Mine().ship, Mine.ship, Common.ship, Common().ship, Mine().above(), "ship"]
)
def test_a_step_is_named_by_its_method(ref: Any) -> None:
    ctx = context(Mine, {})
    assert entry_of(Mine, ctx, Next(ref))["step"] == "ship"
    assert Entry(Mine, step=ref).arguments()["step"] == "ship"


@job()
def some_job() -> None: ...


@pytest.mark.parametrize(
    ("ref", "named"),
    [
        (Other().ship, "Other.ship"),
        (Other.start, "Other.start"),
        (Sibling().ship, "Sibling.ship"),
        (Mine().helper, r"Mine\.helper is no step of machine Mine; mark it with @step"),
        (Mine.helper, r"Common\.helper is no step of machine Mine; mark it with @step"),
        (lambda self, ctx: Done(), "<lambda>"),
        (print, "print"),
        (Other, "Other"),
        (functools.partial(Mine().ship), "partial"),
        (some_job, "Job"),
        (42, "42"),
        ([], r"\[\]"),
        (None, "None"),
    ],
)
def test_a_step_of_another_machine_is_refused_with_both_names(ref: Any, named: str) -> None:
    outcomes: list[Any] = [Next(ref)]
    if ref is not None:
        outcomes += [Await("paid", step=ref), ScheduleChildren([], step=ref)]
    for outcome in outcomes:
        with pytest.raises(OutcomeError, match=rf"{named}") as caught:
            entry_of(Mine, context(Mine, {}), outcome)
        assert "machine Mine" in str(caught.value)


def test_a_step_that_was_replaced_later_is_still_known_by_its_method() -> None:
    class Patched(Common):
        pass

    def fake(self: Any, ctx: Context[Any]) -> Outcome:
        return Done("fake")

    Patched.ship = fake  # type: ignore[method-assign]
    assert entry_of(Patched, context(Patched, {}), Next(Patched().ship))["step"] == "ship"


# Which methods are steps.


def test_a_step_that_is_overridden_stays_one() -> None:
    class Base(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done("base")

    class Derived(Base):
        async def start(self, ctx: Context[Any]) -> Outcome:  # type: ignore[override]
            return Done("derived")

    class Further(Derived):
        def start(self, ctx: Context[Any]) -> Outcome:  # type: ignore[override]
            return Done("further")

    assert define(Derived).steps["start"].is_async
    assert not define(Further).steps["start"].is_async
    assert not is_abstract(Further)


def test_a_mixin_may_override_a_step_and_bring_one() -> None:
    class Mixin:
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done("mixin")

        @step
        def extra(self, ctx: Context[Any]) -> Outcome:
            return Done()

    class Mixed(Mixin, Other):
        pass

    definition = define(Mixed)
    assert set(definition.steps) == {"start", "ship", "extra"}
    assert cast("Any", definition.steps["start"].function(cast("Any", None))).result == "mixin"
    assert entry_of(Mixed, context(Mixed, {}), Next(Mixin.extra))["step"] == "extra"
    assert entry_of(Mixed, context(Mixed, {}), Next(Mixin.start))["step"] == "start"


@pytest.mark.parametrize(
    "replacement",
    [
        None,
        5,
        property(lambda self: None),
        staticmethod(lambda ctx: Done()),
        classmethod(lambda cls, ctx: Done()),
        Done,
        functools.partial(print),
    ],
)
def test_a_step_is_overridden_by_a_method_only(replacement: object) -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.ship is a step.*plain method"):
        type("Wrong", (Other,), {"ship": replacement})


def test_an_override_that_cannot_be_called_as_a_step_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.ship: a step takes \(self, ctx\)"):

        class Wrong(Other):
            def ship(self) -> Outcome:  # type: ignore[override]
                return Done()


@pytest.mark.parametrize("outer", [staticmethod, classmethod, property])
def test_a_mark_below_a_descriptor_is_not_lost(outer: Any) -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.start is a step.*plain method"):
        type("Wrong", (Machine,), {"start": outer(step(lambda *args: Done()))})


@pytest.mark.parametrize("name", ["codec", "name", "queue", "definition", "version", "retry"])
def test_a_step_cannot_be_called_like_an_attribute_of_the_machine(name: str) -> None:
    with pytest.raises(DefinitionError, match="the name is taken by Machine itself"):
        type("Wrong", (Machine,), {name: step(lambda self, ctx: Done())})


def test_a_machine_with_an_abstract_step_is_abstract() -> None:
    class Base(Machine[Any]):
        @step
        @abstractmethod
        def start(self, ctx: Context[Any]) -> Outcome: ...

    class Concrete(Base):
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done()

    assert is_abstract(Base)
    assert not is_abstract(Concrete)
    assert set(define(Concrete).steps) == {"start"}
    with pytest.raises(DefinitionError, match="machine Base is abstract: start"):
        define(Base)
    with pytest.raises(DefinitionError, match="machine Base is abstract: start"):
        define(cast("Any", Base)())


def test_an_error_handler_is_a_method() -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.on_error must be a method"):
        type("Wrong", (Other,), {"on_error": None})


# Functions of every make.


def passes(function: Callable[..., Any]) -> Callable[..., Any]:
    """A sync decorator that hands on what it gets."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, without a trace of the function below."""

    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def completes(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that runs an async function to its end itself, as asgiref's async_to_sync."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(function(*args, **kwargs))

    return wrapper


def delays(function: Callable[..., Any]) -> Callable[..., Any]:
    """An async decorator."""

    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        answer = function(*args, **kwargs)
        return await answer if asyncio.iscoroutine(answer) else answer

    return wrapper


class Late:
    """An awaitable that is no coroutine."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()
        return self.answer


class Wrapped(Machine[Any]):
    retry = RetryPolicy(max_attempts=1)

    @step
    @passes
    async def start(self, ctx: Context[Any]) -> Outcome:
        return Next(self.marked_below)

    @passes
    @step
    async def marked_below(self, ctx: Context[Any]) -> Outcome:
        return Next(self.untraced)

    @step
    @bare
    async def untraced(self, ctx: Context[Any]) -> Outcome:
        return Next(self.complete)

    @step
    @completes
    async def complete(self, ctx: Context[Any]) -> Outcome:
        return Next(self.delayed)

    @step
    @delays
    def delayed(self, ctx: Context[Any]) -> Outcome:
        return Next(self.late)

    @step
    def late(self, ctx: Context[Any]) -> Any:
        return Late(Late(Next(self.twice)))

    @step
    async def twice(self, ctx: Context[Any]) -> Any:
        return self._really(ctx)

    async def _really(self, ctx: Context[Any]) -> Outcome:
        return Next(self.fails)

    @step
    def fails(self, ctx: Context[Any]) -> Outcome:
        raise ValueError("x")

    @passes
    async def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
        await asyncio.sleep(0)
        return Done(f"{ctx.step}: {exc!r}")


def test_a_step_may_be_decorated_in_any_way(dsn: str, conn: Connection) -> None:
    with running(dsn, [Wrapped]):
        made = enqueue(conn, Wrapped)
        assert finished(conn, made.id).result == "fails: ValueError('x')"


def test_a_decorated_step_may_be_decorated_in_any_way_in_drain_too(conn: Connection) -> None:
    made = enqueue(conn, Wrapped)
    drain(conn, [Wrapped])
    assert finished(conn, made.id).result == "fails: ValueError('x')"


def test_an_awaitable_of_a_sync_function_is_awaited_in_the_event_loop(
    dsn: str, conn: Connection
) -> None:
    loops: list[object] = []

    class Loops(Machine[Any]):
        @step
        async def start(self, ctx: Context[Any]) -> Outcome:
            loops.append(asyncio.get_running_loop())
            return Next(self.wrapped)

        @step
        @passes
        async def wrapped(self, ctx: Context[Any]) -> Outcome:
            loops.append(asyncio.get_running_loop())
            return Done()

    with running(dsn, [Loops]):
        finished(conn, enqueue(conn, Loops).id)
    assert loops[0] is loops[1]


class Multiplier:
    """A callable object."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    async def __call__(self, n: int) -> int:
        await asyncio.sleep(0)
        return n * self.factor


class Tool:
    @staticmethod
    async def still(n: int) -> int:
        await asyncio.sleep(0)
        return n

    @classmethod
    def of_class(cls, n: int) -> Any:
        return Tool.still(n)


async def plus(n: int, more: int) -> int:
    await asyncio.sleep(0)
    return n + more


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (passes(Tool.still), 5),
        (completes(Tool.still), 5),
        (delays(lambda n: n), 5),
        (functools.partial(plus, more=2), 7),
        (functools.partial(passes(plus), more=2), 7),
        (Multiplier(3), 15),
        (functools.partial(Multiplier(3)), 15),
        (Tool.still, 5),
        (Tool.of_class, 5),
        (staticmethod(Tool.still), 5),
        (lambda n: Late(Late(n)), 5),
    ],
)
def test_a_job_may_be_a_function_of_any_make(
    function: Callable[..., Any], result: int, dsn: str, conn: Connection
) -> None:
    made_job = job(name="any_make", retries=0)(function)
    with running(dsn, [made_job]):
        made = made_job.enqueue(conn, 5)
        assert finished(conn, made.id).result == result


def test_a_job_answers_with_a_value_or_ends() -> None:
    @job()
    def wrong() -> Any:
        return Next("start")

    with pytest.raises(OutcomeError, match="job wrong returned Next; a job has one step"):
        define(wrong).steps["start"].function(cast("Any", context(cast("Any", wrong), {})))
