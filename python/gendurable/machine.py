"""Machines: a class per state machine, a method per step."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args, get_origin

from gendurable.backoff import RetryPolicy
from gendurable.codec import StateCodec
from gendurable.context import Context
from gendurable.errors import DefinitionError, OutcomeError
from gendurable.outcomes import Outcome

__all__ = ["Definition", "Machine", "UserFunction", "define", "is_abstract", "step"]

S = TypeVar("S")
F = TypeVar("F", bound=Callable[..., Any])

Answer: TypeAlias = "Outcome | Awaitable[Outcome]"

_MARK = "_gendurable_step"


def step(function: F) -> F:
    """Mark a method ``(self, ctx) -> Outcome``, sync or async, as a step named like the method.

    A sync step runs in a thread of the worker, an async one in its event loop.
    """
    setattr(function, _MARK, True)
    return function


class Machine(Generic[S]):
    """A state machine. Subclass it with the state type and write one ``@step`` method per step.

    The worker makes one object of the class and calls its steps for many instances, concurrently:
    what belongs to an instance lives in its state, what the object holds is shared.

    Attributes:
        name: what instances are enqueued under; each class's own name unless its body sets one.
        version: workers run only the versions they have; give an incompatible rewrite a new one
            and keep the old class for as long as instances of it live.
        queue: where instances go unless told otherwise; None leaves it to the engine, which takes
            ``default``, or for a child its parent's queue.
        retry: what the default ``on_error`` does.
    """

    name: str
    version: int = 1
    queue: str | None = None
    retry: RetryPolicy = RetryPolicy()
    codec: StateCodec[S]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = cls.__dict__.get("name", cls.__name__)
        cls.codec = StateCodec(_state_type(cls), cls.__name__)
        for name, function in vars(cls).items():
            if hasattr(function, _MARK):
                _check_step(cls, name, function)

    def on_error(self, ctx: Context[S], exc: Exception) -> Answer:
        """Decide what follows a failed step; override it, sync or async, to decide otherwise.

        Called for an exception of the step, a state that does not fit the type (reading
        ``ctx.state`` then raises again), a wrong return value, and an outcome that the engine
        refused (``InvalidOutcomeError``). If it raises itself, ``retry`` decides.
        """
        return self.retry.outcome(ctx.failures, exc)

    def definition(self) -> Definition:
        """This machine as the worker sees it.

        Raises:
            DefinitionError: it has no step named ``start``.
        """
        names = _step_names(type(self))
        if "start" not in names:
            found = f"it has {', '.join(names)}" if names else "it has no steps"
            raise DefinitionError(
                f"machine {self.name} has no step named start, where instances begin; {found}.\n"
                "Mark a method with @step."
            )
        own_handler = type(self).on_error is not Machine.on_error
        return Definition(
            name=self.name,
            version=self.version,
            steps={name: UserFunction.of(getattr(self, name)) for name in names},
            retry=self.retry,
            codec=self.codec,
            on_error=UserFunction.of(self.on_error) if own_handler else None,
        )


class UserFunction(NamedTuple):
    """A step or an error handler, and whether it belongs in the event loop or in a thread."""

    function: Callable[..., Answer]
    is_async: bool

    @classmethod
    def of(cls, function: Callable[..., Answer]) -> UserFunction:
        """Look once at what would be too slow to look at in every execution."""
        return cls(function, inspect.iscoroutinefunction(function))


@dataclass(frozen=True, slots=True)
class Definition:
    """What the worker needs to know of a machine.

    Attributes:
        name: the ``fsm`` of its instances.
        version: their ``fsm_version``.
        steps: the step functions by name.
        retry: the policy for failed steps.
        codec: encodes and decodes the state.
        on_error: the machine's own error handler, None where ``retry`` decides alone.
    """

    name: str
    version: int
    steps: Mapping[str, UserFunction]
    retry: RetryPolicy
    codec: StateCodec[Any]
    on_error: UserFunction | None

    def check_step(self, name: str) -> None:
        """Raise an OutcomeError, with the nearest names, unless the step exists."""
        if name in self.steps:
            return
        near = difflib.get_close_matches(name, self.steps, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        raise OutcomeError(
            f"machine {self.name} has no step {name!r}{guess} (it has {', '.join(self.steps)})"
        )


def define(target: Machine[Any] | type[Machine[Any]]) -> Definition:
    """The definition of a machine given as a class or as an object.

    Raises:
        DefinitionError: the class needs arguments, or the machine cannot work.
    """
    if not isinstance(target, type):
        return target.definition()
    try:
        machine = target()
    except TypeError as exc:
        raise DefinitionError(
            f"machine {target.__name__} cannot be made without arguments: {exc}\n"
            "Pass an object of it instead of the class."
        ) from exc
    return machine.definition()


def is_abstract(machine: type[Machine[Any]]) -> bool:
    """Whether a class has no steps: a common base for machines, not one itself."""
    return not _step_names(machine)


def _step_names(cls: type[Machine[Any]]) -> list[str]:
    return [name for name in dir(cls) if hasattr(getattr(cls, name, None), _MARK)]


def _state_type(cls: type[Machine[Any]]) -> Any:
    """The argument of the nearest ``Machine[...]``; Any where there is none."""
    for base in cls.__mro__:
        for generic in base.__dict__.get("__orig_bases__", ()):
            origin, arguments = get_origin(generic), get_args(generic)
            is_machine = isinstance(origin, type) and issubclass(origin, Machine)
            if is_machine and arguments and not isinstance(arguments[0], TypeVar):
                return arguments[0]
    return Any


def _check_step(cls: type, name: str, function: Any) -> None:
    """Raise a DefinitionError unless the marked attribute can be called as ``(self, ctx)``."""
    where = f"{cls.__name__}.{name}"
    if hasattr(Machine, name):
        raise DefinitionError(f"{where}: the name is taken by Machine itself; rename the step")
    if not inspect.isfunction(function):
        raise DefinitionError(f"{where}: @step belongs directly on a plain method")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(f"{where}: a step returns one outcome, it cannot yield")
    try:
        inspect.signature(function).bind(None, None)
    except TypeError as exc:
        raise DefinitionError(f"{where}: a step takes (self, ctx): {exc}") from exc
