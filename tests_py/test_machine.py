"""Declaring machines and jobs: what is derived, and what is refused with which words."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import pytest

from gendurable import (
    Context,
    DefinitionError,
    Done,
    EnqueueOptions,
    Entry,
    Machine,
    Outcome,
    RetryPolicy,
    StateError,
    Stop,
    UsageError,
    Worker,
    WorkerSettings,
    job,
    step,
)
from gendurable.machine import define, is_abstract

S = TypeVar("S")


@dataclass
class Plain:
    n: int


class Counter(Machine[Plain]):
    @step
    def start(self, ctx: Context[Plain]) -> Outcome:
        return Done()

    @step
    async def later(self, ctx: Context[Plain]) -> Outcome:
        return Done()

    def helper(self) -> None: ...


def test_a_machine_is_named_like_its_class() -> None:
    definition = define(Counter)
    assert (definition.name, definition.version) == ("Counter", 1)
    assert set(definition.steps) == {"start", "later"}
    assert not definition.steps["start"].is_async
    assert definition.steps["later"].is_async
    assert definition.on_error is None
    declared = definition.declaration(definition.version)
    assert sorted(declared.pop("steps")) == ["later", "start"]
    assert declared == {"fsm": "Counter", "version": 1}


def test_a_new_version_inherits_the_steps_and_not_the_name() -> None:
    class Second(Counter):
        name = "Counter"
        version = 2

    class Other(Counter):
        pass

    assert (define(Second).name, define(Second).version) == ("Counter", 2)
    assert define(Other).name == "Other"
    assert set(define(Second).steps) == {"start", "later"}


def test_the_state_type_is_inherited_through_generic_bases() -> None:
    class Base(Machine[S]):
        retry = RetryPolicy(max_attempts=2)

    class Derived(Base[Plain]):
        @step
        def start(self, ctx: Context[Plain]) -> Outcome:
            return Done()

    assert is_abstract(Base)
    assert not is_abstract(Derived)
    assert define(Derived).codec.decode('{"n": 1}') == Plain(1)
    assert define(Derived).retry.max_attempts == 2


def test_a_machine_without_a_state_type_takes_any_json() -> None:
    class Loose(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done()

    assert define(Loose).codec.decode("[1, null]") == [1, None]


def test_a_state_that_does_not_fit_names_the_machine_and_the_field() -> None:
    with pytest.raises(StateError, match=r"does not fit Counter: .*`int`.*`\$\.n`"):
        define(Counter).codec.decode('{"n": "x"}')


def test_a_machine_needs_a_step_named_start() -> None:
    class Wrong(Machine[Any]):
        @step
        def begin(self, ctx: Context[Any]) -> Outcome:
            return Done()

    with pytest.raises(DefinitionError, match=r"Wrong has no step named start.*it has begin"):
        define(Wrong)


def test_a_machine_needs_steps() -> None:
    class Empty(Machine[Any]):
        pass

    with pytest.raises(DefinitionError, match="it has no steps"):
        define(Empty)


def test_a_class_that_needs_arguments_must_be_given_as_an_object() -> None:
    class Needy(Counter):
        def __init__(self, client: object) -> None:
            self.client = client

    with pytest.raises(DefinitionError, match="Pass an object of it instead of the class"):
        define(Needy)
    assert define(Needy(object())).name == "Needy"


def test_a_step_takes_the_context_and_nothing_else() -> None:
    with pytest.raises(DefinitionError, match=r"Wrong\.start: a step takes \(self, ctx\)"):

        class Wrong(Machine[Any]):
            @step
            def start(self) -> Outcome:
                return Done()


def test_a_step_cannot_yield() -> None:
    with pytest.raises(DefinitionError, match="it cannot yield"):

        class Wrong(Machine[Any]):
            @step
            def start(self, ctx: Context[Any]) -> Any:
                yield Done()


def test_a_step_cannot_take_a_name_of_the_machine_itself() -> None:
    with pytest.raises(DefinitionError, match="the name is taken by Machine itself"):

        class Wrong(Machine[Any]):
            @step
            def definition(self, ctx: Context[Any]) -> Any:  # type: ignore[override]
                return Done()


def test_a_step_is_a_plain_method() -> None:
    with pytest.raises(DefinitionError, match="belongs directly on a plain method"):

        class Wrong(Machine[Any]):
            start = step(staticmethod(lambda ctx: Done()))


@pytest.mark.parametrize("wrong", [5, "start", None, property(lambda self: None)])
def test_what_cannot_be_marked_is_no_step(wrong: Any) -> None:
    with pytest.raises(DefinitionError, match="@step belongs directly on a plain method"):
        step(wrong)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        *[("version", value) for value in ("2", True, 1.5, None, 2**31, [1])],
        *[("name", value) for value in ("", 5, None, b"x", "a\x00b", "\ud800")],
        *[("queue", value) for value in (5, b"q", ["q"], "q\x00")],
        *[("retry", value) for value in (None, 3, "10", RetryPolicy.outcome)],
    ],
)
def test_an_attribute_of_a_wrong_type_is_refused_before_anything_runs(
    attribute: str, value: Any
) -> None:
    """A version that is text, for example, would match no instance, without a word about why."""
    wrong = type("Wrong", (Counter,), {attribute: value})
    with pytest.raises(DefinitionError, match=rf"Wrong.*{attribute} "):
        Worker([wrong])
    if attribute != "retry" and value != "":
        with pytest.raises(UsageError, match=rf"^Wrong: {attribute} must be "):
            Entry(wrong, Plain(1)).arguments()


@pytest.mark.parametrize("settings", [{"version": "2"}, {"queue": 5}, {"version": True}])
def test_an_attribute_of_a_job_of_a_wrong_type_is_refused(settings: dict[str, Any]) -> None:
    wrong = job(name="wrong", **settings)(lambda: None)
    with pytest.raises(DefinitionError, match=r"^wrong: "):
        Worker([wrong])
    with pytest.raises(UsageError, match=r"^wrong: "):
        wrong.entry().arguments()


def test_a_state_type_must_be_one_that_can_be_stored() -> None:
    class A(msgspec.Struct):
        pass

    class B(msgspec.Struct):
        pass

    with pytest.raises(DefinitionError, match=r"Wrong: .* cannot be a state"):

        class Wrong(Machine[A | B]):
            pass


def test_two_machines_of_one_name_and_version_are_refused() -> None:
    with pytest.raises(DefinitionError, match="two machines are named Counter with version 1"):
        Worker([Counter, Counter()])


def test_a_worker_needs_something_to_run() -> None:
    with pytest.raises(UsageError, match="no machine and no job"):
        Worker([])


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        (Counter, "must be a list"),
        (Counter(), "must be a list"),
        ("shop", "must be a list"),
        (None, "must be a list"),
        ([Counter, 5], "5 is neither a machine nor a job"),
        (["shop"], "'shop' is neither a machine nor a job"),
        ([Machine], "Machine'> is neither a machine nor a job"),
        ([dict], "neither a machine nor a job"),
        ([define], "Make a function a job"),
    ],
)
def test_a_worker_is_given_several_machines(machines: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Worker(machines)


@pytest.mark.parametrize(
    "settings", [{"lease": 0}, {"poll": 0}, {"drain": -1}, {"queues": {"default": 0}}]
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Worker([Counter], **settings)


# Jobs.


@job(name="add_up", queue="math", retries=2, backoff=0.5)
def add(a: int, b: int = 2) -> int:
    return a + b


def test_a_job_is_still_the_function() -> None:
    assert add(1) == 3
    assert add(a=1, b=5) == 6


def test_a_job_documents_itself_like_its_function() -> None:
    @job()
    async def described(to: str, *, times: int = 1) -> None:
        """What it does."""

    assert str(inspect.signature(described)) == "(to: 'str', *, times: 'int' = 1) -> 'None'"
    assert inspect.getdoc(described) == "What it does."
    assert "described" in repr(described)


def test_a_jobs_number_of_retries_is_a_number() -> None:
    for wrong in ("3", 1.5, True, 2**31):
        with pytest.raises(UsageError, match=r"^retries must be an int"):
            job(retries=wrong)  # type: ignore[arg-type]


def test_a_job_is_a_machine_of_one_step() -> None:
    definition = define(add)
    assert (definition.name, set(definition.steps)) == ("add_up", {"start"})
    assert definition.retry == RetryPolicy(max_attempts=3, initial=0.5)


def test_a_jobs_arguments_become_its_state() -> None:
    arguments = add.entry(1, correlation_key="k", delay=3).arguments()
    assert msgspec.json.decode(msgspec.json.encode(arguments)) == {
        "fsm": "add_up",
        "fsm_version": 1,
        "queue": "math",
        "state": {"a": 1, "b": 2},
        "correlation_key": "k",
        "delay": "3.000000 seconds",
    }


def test_a_jobs_arguments_are_checked_when_it_is_enqueued() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'a'"):
        add.entry()
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        add.entry(1, c=3)
    with pytest.raises(StateError, match=r"does not fit add_up: .*`\$\.a`"):
        add.entry("one").arguments()


def test_a_state_that_is_left_out_must_be_one_that_can_be() -> None:
    with pytest.raises(StateError, match="missing required field `n`"):
        Entry(Counter).arguments()


def test_a_job_takes_options_apart_from_its_arguments() -> None:
    @job()
    def mail(to: str, copies: int = 1) -> None: ...

    entry = mail.options(delay=5, correlation_key="k").entry("a", copies=2)
    assert entry.arguments() == mail.entry("a", copies=2, delay=5, correlation_key="k").arguments()
    with pytest.raises(TypeError, match="job mail: dely is no option"):
        mail.options(dely=5)  # type: ignore[call-arg]


def test_options_and_settings_are_typed_as_they_are() -> None:
    assert set(EnqueueOptions.__annotations__) == set(Entry.__struct_fields__) - {
        "machine",
        "state",
    }
    given = inspect.signature(Worker).parameters.keys() - {"machines"}
    assert set(WorkerSettings.__annotations__) == given


def test_a_jobs_context_parameter_is_no_argument() -> None:
    @job()
    def with_context(n: int, ctx: Context[Any]) -> int:
        return n + ctx.attempt

    arguments = with_context.entry(1).arguments()
    assert msgspec.json.decode(bytes(arguments["state"])) == {"n": 1}


def test_a_jobs_parameter_cannot_be_an_option_of_enqueue() -> None:
    with pytest.raises(DefinitionError, match="parameter queue is an option of enqueue"):

        @job()
        def wrong(queue: str) -> None: ...


def test_a_jobs_parameters_must_have_names() -> None:
    with pytest.raises(DefinitionError, match="parameter args cannot be stored by name"):

        @job()
        def wrong(*args: int) -> None: ...


# Retry policies.


def test_delays_grow_to_the_maximum() -> None:
    policy = RetryPolicy(initial=1, factor=3, maximum=20, jitter=0)
    assert [policy.delay(attempt) for attempt in range(5)] == [1, 3, 9, 20, 20]
    assert policy.delay(10_000) == 20


def test_jitter_stays_within_its_share() -> None:
    policy = RetryPolicy(initial=10, factor=1, jitter=0.2)
    delays = [policy.delay(0) for _ in range(1000)]
    assert min(delays) >= 8
    assert max(delays) <= 12
    assert len(set(delays)) > 1


def test_a_policy_stops_after_the_last_attempt() -> None:
    policy = RetryPolicy(max_attempts=3)
    assert not isinstance(policy.outcome(1, ValueError("x")), Stop)
    stopped = policy.outcome(2, ValueError("x"))
    assert isinstance(stopped, Stop)
    assert stopped.error["kind"] == "exception"
    assert (stopped.error["type"], stopped.error["message"]) == ("ValueError", "x")


def test_a_policy_without_limit_never_stops() -> None:
    assert not isinstance(RetryPolicy(max_attempts=None).outcome(10**6, ValueError()), Stop)


def test_an_error_has_no_character_that_jsonb_cannot_hold() -> None:
    stopped = RetryPolicy(max_attempts=1).outcome(0, ValueError("nul \x00 surrogate \ud800"))
    assert isinstance(stopped, Stop)
    assert stopped.error["message"] == "nul \N{REPLACEMENT CHARACTER} surrogate ?"
    assert b"\\u0000" not in msgspec.json.encode(stopped.error)


@pytest.mark.parametrize(
    "settings",
    [{"max_attempts": 0}, {"initial": -1}, {"maximum": -1}, {"factor": 0.5}, {"jitter": 2}],
)
def test_a_policy_out_of_range_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        RetryPolicy(**settings)
