"""Machines: a class per state machine, a method per step."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin

from gendurable.backoff import RetryPolicy
from gendurable.codec import StateCodec
from gendurable.context import Context
from gendurable.errors import DefinitionError, OutcomeError, UsageError
from gendurable.outcomes import Outcome
from gendurable.schedules import Declarations, Schedule, declarations_of
from gendurable.startable import Startable, identity_of, steps_of
from gendurable.steps import StepRef, Steps, mark_step
from gendurable.text import safe_repr

__all__ = [
    "Definition",
    "Machine",
    "UserFunction",
    "checked_identity",
    "define",
    "definitions_of",
    "is_abstract",
    "step",
]

S = TypeVar("S")
F = TypeVar("F", bound=Callable[..., Any])

_SHOWN = 200

StepResult: TypeAlias = Outcome | Awaitable[Outcome]


def step(function: F) -> F:
    """Mark a method ``(self, ctx) -> Outcome``, sync or async, as a step named like the method.

    An ``async def`` runs in the worker's event loop, anything else in a thread of the worker. If
    that answers with an awaitable, as a sync decorator around an async method does, the awaitable
    is awaited in the event loop.

    A subclass that overrides a step need not mark it again. Decorators that keep the method's
    attributes (``functools.wraps``) may stand above or below this one, others below.
    """
    return mark_step(function)


class Machine(Startable[S]):
    """A state machine. Subclass it with the state type and write one ``@step`` method per step.

    The worker makes one object of the class and calls its steps for many instances, concurrently:
    what belongs to an instance lives in its state, what the object holds is shared.

    A step may change ``ctx.state`` in place; what it changed is stored with its outcome. Fields
    that a newer version added to the stored state survive that.

    Attributes:
        name: what instances are enqueued under; each class's own name unless its body sets one.
        version: workers run only the versions they have; give an incompatible rewrite a new one
            and keep the old class for as long as instances of it live.
        queue: where instances go unless told otherwise; None leaves it to the engine, which takes
            ``default``, or for a child its parent's queue.
        retry: what the default ``on_error`` does.
        schedules: when instances are created by themselves; a worker declares them when it starts.
    """

    retry: RetryPolicy = RetryPolicy()
    schedules: Sequence[Schedule] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # First, so that what is set below does not hide a step of that name.
        cls._gendurable_steps = Steps(cls)
        cls._gendurable_steps.check(_RESERVED)
        _check_handler(cls)
        cls.name = cls.__dict__.get("name", cls.__name__)
        cls.codec = StateCodec(_state_type(cls), cls.__name__)

    def on_error(self, ctx: Context[S], exc: Exception) -> StepResult:
        """Decide what follows a failed step; override it, sync or async, to decide otherwise.

        Called for an exception of the step, a state that does not fit the type (reading
        ``ctx.state`` then raises again), a wrong return value, and an outcome that the engine
        refused (``InvalidOutcomeError``). If it raises itself, ``retry`` decides.
        """
        return self.retry.outcome(ctx.failures, exc)

    def definition(self) -> Definition:
        """This machine as the worker sees it.

        Raises:
            DefinitionError: it has no step named ``start``, an abstract one, or an attribute of a
                wrong type.
        """
        # Looked at anew: a test may have replaced a method since the class was made.
        steps = Steps(type(self))
        steps.check(_RESERVED)
        if "start" not in steps.names:
            raise DefinitionError(
                f"machine {self.name} has no step named start, where instances begin; "
                f"it has {steps}.\nMark a method with @step."
            )
        if steps.abstract:
            raise DefinitionError(_abstract(type(self)))
        own_handler = type(self).on_error is not Machine.on_error
        name, version = checked_identity(self)
        return Definition(
            name=name,
            version=version,
            references=steps,
            steps={name: UserFunction.of(getattr(self, name)) for name in steps.names},
            retry=self.retry,
            codec=self.codec,
            on_error=UserFunction.of(self.on_error) if own_handler else None,
            schedules=declarations_of(self, self.schedules),
        )


# What a step cannot be called: everything that Machine has or says that it has.
_RESERVED = frozenset(dir(Machine)) | {
    name for cls in (Machine, Startable) for name in inspect.get_annotations(cls)
}


class UserFunction(NamedTuple):
    """A step, an error handler or a job's function, and where it is called.

    Attributes:
        function: what to call. Whatever it is, its answer may be an awaitable, which is then
            awaited in the event loop.
        is_async: it is called in the event loop, otherwise in a thread.
    """

    function: Callable[..., StepResult]
    is_async: bool

    @classmethod
    def of(cls, function: Callable[..., StepResult]) -> UserFunction:
        """Look once at what would be too slow to look at in every execution."""
        return cls(function, is_async(function))


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling a function gives a coroutine for certain, without running any of it.

    A sync decorator around an async function is no such: it may run the function to its end itself.
    So it is called in a thread, and only what it answers tells.
    """
    call = getattr(type(function), "__call__", None)  # noqa: B004 (the method is looked at)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


@dataclass(frozen=True, slots=True)
class Definition:
    """What the worker needs to know of a machine.

    Attributes:
        name: the ``fsm`` of its instances.
        version: their ``fsm_version``.
        references: what knows the step methods.
        steps: the step functions by name.
        retry: the policy for failed steps.
        codec: encodes and decodes the state.
        on_error: the machine's own error handler, None where ``retry`` decides alone.
        schedules: what is declared of them when a worker starts.
    """

    name: str
    version: int
    references: Steps
    steps: Mapping[str, UserFunction]
    retry: RetryPolicy
    codec: StateCodec[Any]
    on_error: UserFunction | None
    schedules: Declarations

    def declaration(self) -> dict[str, Any]:
        """What a worker that has this machine says that it can run: an entry of info.machines."""
        return {"fsm": self.name, "version": self.version, "steps": list(self.steps)}

    def step_name(self, ref: StepRef) -> str:
        """The name of a step given as a name or as a step method.

        Raises:
            UsageError: it is the method of another machine, or no step at all.
            OutcomeError: there is no step of that name; the message has the nearest one.
        """
        name = self.references.name_of(ref)
        if name in self.steps:
            return name
        near = difflib.get_close_matches(name, self.steps, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        raise OutcomeError(
            f"machine {self.name} has no step {name!r}{guess} (it has {', '.join(self.steps)})"
        )


def checked_identity(machine: Machine[Any]) -> tuple[str, int]:
    """The name and the version of a machine whose attributes can work.

    Raises:
        DefinitionError: names the attribute that cannot.
    """
    try:
        name, version, _ = identity_of(machine)
    except UsageError as exc:
        raise DefinitionError(str(exc)) from exc
    if not name:
        raise DefinitionError(f"{type(machine).__name__}: name is empty")
    if not callable(getattr(machine.retry, "outcome", None)):
        raise DefinitionError(
            f"machine {name}: retry must be a RetryPolicy, not {safe_repr(machine.retry, _SHOWN)}"
        )
    return name, version


def definitions_of(machines: Iterable[Machine[Any] | type[Machine[Any]]]) -> list[Definition]:
    """The definitions of machines and jobs.

    Raises:
        DefinitionError: one of them cannot work.
        UsageError: it is something else than several of them.
    """
    several: object = machines
    if isinstance(several, (Machine, type, str)) or not isinstance(several, Iterable):
        raise UsageError(
            f"machines must be a list of machines and jobs, not {safe_repr(several, _SHOWN)}"
        )
    return [define(machine) for machine in machines]


def define(target: Machine[Any] | type[Machine[Any]]) -> Definition:
    """The definition of a machine given as a class or as an object.

    Raises:
        DefinitionError: the class needs arguments, or the machine cannot work.
        UsageError: it is no machine.
    """
    given: Any = target
    cls = given if isinstance(given, type) else type(given)
    # Machine itself has no name.
    if not issubclass(cls, Machine) or not hasattr(given, "name"):
        hint = "\nMake a function a job with @job()." if inspect.isfunction(given) else ""
        raise UsageError(f"{safe_repr(given, _SHOWN)} is neither a machine nor a job{hint}")
    if not isinstance(target, type):
        return target.definition()
    if inspect.isabstract(target) or steps_of(target).abstract:
        raise DefinitionError(_abstract(target))
    try:
        machine = target()
    except TypeError as exc:
        raise DefinitionError(
            f"machine {target.__name__} cannot be made without arguments: {exc}\n"
            "Pass an object of it instead of the class."
        ) from exc
    return machine.definition()


def is_abstract(machine: type[Machine[Any]]) -> bool:
    """Whether a class is a common base for machines, not one itself: no steps, or abstract ones."""
    steps = steps_of(machine)
    return inspect.isabstract(machine) or not steps.names or bool(steps.abstract)


def _abstract(cls: type[Machine[Any]]) -> str:
    missing = steps_of(cls).abstract or sorted(getattr(cls, "__abstractmethods__", ()))
    return f"machine {cls.name} is abstract: {', '.join(missing)} has to be written in a subclass"


def _state_type(cls: type[Machine[Any]]) -> Any:
    """The argument of the nearest ``Machine[...]``; Any where there is none."""
    for base in cls.__mro__:
        for generic in base.__dict__.get("__orig_bases__", ()):
            origin, arguments = get_origin(generic), get_args(generic)
            is_machine = isinstance(origin, type) and issubclass(origin, Machine)
            if is_machine and arguments and not isinstance(arguments[0], TypeVar):
                return arguments[0]
    return Any


def _check_handler(cls: type[Machine[Any]]) -> None:
    """Raise a DefinitionError unless ``on_error`` is something that can be called."""
    if not callable(cls.on_error):
        raise DefinitionError(f"{cls.__name__}.on_error must be a method (self, ctx, exc)")
