"""Machines: a class per state machine, a method per step."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin, overload

from msgspec import UNSET, UnsetType

from gendurable.arguments import Duration, flag, integer, seconds
from gendurable.backoff import RetryPolicy
from gendurable.codec import MigratingCodec, StateCodec
from gendurable.context import Context
from gendurable.errors import DefinitionError, OutcomeError, UsageError
from gendurable.outcomes import Outcome
from gendurable.schedules import Declarations, Schedule, declarations_of
from gendurable.startable import Startable, identity_of, steps_of
from gendurable.steps import StepOptions, StepRef, Steps, mark_step
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


@overload
def step(function: F, /) -> F: ...
@overload
def step(
    *,
    timeout: Duration | None = None,
    retry: RetryPolicy | None = None,
    transactional: bool = False,
) -> Callable[[F], F]: ...
def step(
    function: F | UnsetType = UNSET,
    /,
    *,
    timeout: Duration | None = None,
    retry: RetryPolicy | None = None,
    transactional: bool = False,
) -> F | Callable[[F], F]:
    """Mark a method ``(self, ctx) -> Outcome``, sync or async, as a step named like the method.

    An ``async def`` runs in the worker's event loop, anything else in a thread of the worker. If
    that answers with an awaitable, as a sync decorator around an async method does, the awaitable
    is awaited in the event loop.

    A subclass that overrides a step need not mark it again. Decorators that keep the method's
    attributes (``functools.wraps``) may stand above or below this one, others below.

    Args:
        function: the method, where the decorator stands without parentheses.
        timeout: seconds or a timedelta that one execution may take. Then ``ctx.cancelled`` is true
            and an async step is cancelled; it has five seconds to end. What it answers by then
            counts, otherwise the execution has failed with a ``StepTimeoutError``.
        retry: when the step runs again after a failure, in place of the machine's policy.
        transactional: what the step writes on ``ctx.conn`` is committed together with its outcome,
            or not at all.

    Raises:
        DefinitionError: an option is out of range, or this is no function.
    """
    options = step_options("@step", timeout=timeout, retry=retry, transactional=transactional)
    if function is UNSET:
        return lambda marked: mark_step(marked, options)
    return mark_step(function, options)


def step_options(
    where: str, *, timeout: Duration | None, retry: RetryPolicy | None, transactional: bool
) -> StepOptions:
    """The options of a step, checked.

    Raises:
        DefinitionError: names the option that is out of range.
    """
    try:
        limit = None if timeout is None else seconds(timeout, "timeout")
        flag("transactional", transactional)
    except UsageError as exc:
        raise DefinitionError(f"{where}: {exc}") from exc
    if limit is not None and limit <= 0:
        raise DefinitionError(f"{where}: timeout must be more than 0 seconds, not {limit:g}")
    if retry is not None:
        _check_policy(where, retry)
    return StepOptions(limit, retry, transactional)


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
        retry: what the default ``on_error`` does after a step without a policy of its own.
        takes_over: other versions whose live instances go on as instances of this one. Workers run
            them like their own: the first outcome that is stored moves the instance to this
            version, with the state that ``migrate`` has made of its own.
        schedules: when instances are created by themselves; a worker declares them when it starts.
    """

    retry: RetryPolicy = RetryPolicy()
    takes_over: Collection[int] = ()
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
        refused (``InvalidOutcomeError``). If it raises itself, the retry policy decides.
        """
        options = steps_of(self).options.get(ctx.step)
        policy: RetryPolicy = (options and options.retry) or self.retry
        return policy.outcome(ctx.failures, exc)

    def migrate(self, state: Any, from_version: int) -> Any:  # noqa: ARG002 (for subclasses)
        """Make a state of this version of one that a version of ``takes_over`` has stored.

        It is called before a step of this version first sees the instance, and again whenever that
        execution is repeated. What it raises is an exception of the step.

        Args:
            state: the stored state in plain JSON values.
            from_version: who stored it.

        Returns:
            A state of this version, in its type or in plain JSON values.
        """
        return state

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
            steps={
                name: UserFunction.of(getattr(self, name), steps.options[name])
                for name in steps.names
            },
            retry=self.retry,
            policies={
                name: options.retry for name, options in steps.options.items() if options.retry
            },
            codec=self.codec,
            on_error=UserFunction.of(self.on_error) if own_handler else None,
            migrations={
                other: MigratingCodec(self.codec, partial(self.migrate, from_version=other))
                for other in _taken_over(self, name, version)
            },
            schedules=declarations_of(self, self.schedules),
            queue=self.queue,
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
        timeout: seconds that a call may take; None for no limit.
        transactional: it is called within a transaction.
    """

    function: Callable[..., StepResult]
    is_async: bool
    timeout: float | None = None
    transactional: bool = False

    @classmethod
    def of(
        cls, function: Callable[..., StepResult], options: StepOptions | None = None
    ) -> UserFunction:
        """Look once at what would be too slow to look at in every execution."""
        options = options or StepOptions()
        return cls(function, is_async(function), options.timeout, options.transactional)


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
        retry: the policy for failed steps,
        policies: and those of steps that have their own.
        codec: encodes and decodes the state.
        on_error: the machine's own error handler, None where ``retry`` decides alone.
        migrations: what reads the states of the other versions that it takes over.
        schedules: what is declared of them when a worker starts.
        queue: where its instances go unless told otherwise; None: where the engine puts them.
    """

    name: str
    version: int
    references: Steps
    steps: Mapping[str, UserFunction]
    retry: RetryPolicy
    policies: Mapping[str, RetryPolicy]
    codec: StateCodec[Any]
    on_error: UserFunction | None
    migrations: Mapping[int, StateCodec[Any]]
    schedules: Declarations
    queue: str | None = None

    @property
    def keys(self) -> list[tuple[str, int]]:
        """The names and versions of the instances that it runs."""
        return [(self.name, version) for version in (self.version, *self.migrations)]

    def codec_for(self, version: int) -> StateCodec[Any]:
        """What reads the states of an instance of a version that it runs."""
        return self.codec if version == self.version else self.migrations[version]

    def migrating(self, step: str) -> UserFunction:
        """What to call for a step of an instance of another version.

        Its state is migrated first: if that fails the step has not begun.
        """
        called = self.steps[step]

        def migrated(ctx: Context[Any]) -> StepResult:
            ctx.read()
            return called.function(ctx)

        return called._replace(function=migrated)

    def policy(self, step: str) -> RetryPolicy:
        """The policy for failures of a step."""
        return self.policies.get(step, self.retry)

    def declaration(self, version: int) -> dict[str, Any]:
        """What a worker says that it can run of a version: an entry of info.machines."""
        return {"fsm": self.name, "version": version, "steps": list(self.steps)}

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
    _check_policy(f"machine {name}", machine.retry)
    return name, version


def _taken_over(machine: Machine[Any], name: str, version: int) -> list[int]:
    """The other versions that a machine takes over, checked."""
    given: object = machine.takes_over
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise DefinitionError(
            f"machine {name}: takes_over must be several versions, such as {{1}}, "
            f"not {safe_repr(given, _SHOWN)}"
        )
    try:
        versions = [integer("takes_over", other) for other in given]
    except UsageError as exc:
        raise DefinitionError(f"machine {name}: {exc}") from exc
    if version in versions:
        raise DefinitionError(f"machine {name}: takes_over has its own version {version}")
    if is_async(machine.migrate):
        raise DefinitionError(f"machine {name}: migrate cannot be an async def")
    return sorted(set(versions))


def _check_policy(where: str, policy: object) -> None:
    if not callable(getattr(policy, "outcome", None)):
        raise DefinitionError(
            f"{where}: retry must be a RetryPolicy, not {safe_repr(policy, _SHOWN)}"
        )


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
