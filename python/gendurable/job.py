"""Jobs: one function as a machine of one step, with retries."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import types
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Generic,
    ParamSpec,
    TypeVar,
    Union,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

import msgspec
from msgspec import UNSET

from gendurable.arguments import Duration, integer
from gendurable.backoff import RetryPolicy
from gendurable.calls import AnyConnection, MaybeCoroutine
from gendurable.client import Enqueued, enqueue
from gendurable.codec import StateCodec, encode_json
from gendurable.context import Context
from gendurable.drivers import AsyncHandle, SyncHandle
from gendurable.entry import EnqueueOptions, Entry
from gendurable.errors import DefinitionError, OutcomeError
from gendurable.machine import (
    Definition,
    Machine,
    UserFunction,
    checked_identity,
    is_async,
    step_options,
)
from gendurable.outcomes import Done, Outcome, Retry, StepOutcome, Stop
from gendurable.schedules import Schedule, declarations_of
from gendurable.startable import steps_of
from gendurable.steps import StepOptions

__all__ = ["Job", "Prepared", "job"]

logger = logging.getLogger("gendurable")

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = frozenset(Entry.__struct_fields__) - {"machine", "state"}


class Job(Machine[Any], Generic[P, R]):
    """A function that runs once per enqueued instance; its return value is the result.

    It may also return ``Stop``, to fail without a retry, or ``Retry``.

    Calling the object calls the function, for tests and for use without the engine. A parameter
    annotated with ``Context`` gets the execution's context and is not part of the arguments.

    What is queued need not be of this version of the function: a parameter that is not stored takes
    its default, and a stored argument without a parameter is dropped, with one line in the log.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None,
        version: int,
        queue: str | None,
        retry: RetryPolicy,
        options: StepOptions,
        schedules: Sequence[Schedule] = (),
    ) -> None:
        # Its name, its documentation and its signature are those of the function.
        functools.update_wrapper(self, function, ("__module__", "__name__", "__doc__"), ())
        self.function = function
        self.name = name or _name_of(function)
        self.version = version
        self.queue = queue
        self.retry = retry
        self._options = options
        self.schedules = schedules
        self._parameters = _Parameters(function, self.name)
        self.codec = StateCodec(
            self._parameters.struct, self.name, strict_type=self._parameters.strict_struct
        )
        self._dropped: dict[str, object] = {}

    def __repr__(self) -> str:
        return f"<Job {self.name} version {self.version}>"

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now."""
        return self.function(*args, **kwargs)

    def entry(self, /, *args: Any, **kwargs: Any) -> Entry:
        """The job with these arguments as a value, for ``enqueue_many`` or as a child.

        A default of the function is stored where it has a JSON form, so that what is queued keeps
        the value of its time.

        Args:
            args: the function's positional arguments.
            kwargs: its keyword arguments, and any option of ``Entry`` such as ``delay``.

        Raises:
            StateError: an argument has the wrong type or no JSON form.
            TypeError: an argument is missing, unknown or given twice.
        """
        options = {name: kwargs.pop(name) for name in _OPTIONS & kwargs.keys()}
        return self._entry(options, args, kwargs)

    @overload
    def enqueue(self, conn: SyncHandle, /, *args: Any, **kwargs: Any) -> Enqueued: ...
    @overload
    def enqueue(
        self, conn: AsyncHandle, /, *args: Any, **kwargs: Any
    ) -> Coroutine[Any, Any, Enqueued]: ...
    def enqueue(
        self, conn: AnyConnection, /, *args: Any, **kwargs: Any
    ) -> MaybeCoroutine[Enqueued]:
        """Enqueue the function with these arguments on the caller's connection.

        Takes what ``entry`` takes and raises what it raises. On an async connection the answer has
        to be awaited.
        """
        return enqueue(conn, self.entry(*args, **kwargs))

    def options(self, **options: Unpack[EnqueueOptions]) -> Prepared:
        """The job with options of ``Entry``, such as ``delay``, to be enqueued with arguments.

        They are checked by type checkers, as keywords of ``entry`` and ``enqueue`` cannot be.

        Raises:
            TypeError: there is no such option.
        """
        if unknown := sorted(options.keys() - _OPTIONS):
            raise TypeError(f"job {self.name}: {', '.join(unknown)} is no option")
        return Prepared(self, options)

    def definition(self) -> Definition:
        """This job as the worker sees it: one step named ``start``."""
        name, version = checked_identity(self)
        return Definition(
            name=name,
            version=version,
            references=steps_of(self),
            steps={
                "start": UserFunction(
                    self._run,
                    is_async(self.function),
                    self._options.timeout,
                    self._options.transactional,
                )
            },
            retry=self.retry,
            policies={},
            codec=self.codec,
            on_error=None,
            migrations={},
            queue=self.queue,
            schedules=declarations_of(self, self.schedules),
        )

    def _entry(
        self, options: Mapping[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Entry:
        arguments = self._parameters.bind(args, kwargs)
        self.codec.encode(arguments)
        return Entry(self, arguments, **options)

    def _run(self, ctx: Context[Any]) -> Outcome | Awaitable[Outcome]:
        answer: Any = self.function(**self._keywords(ctx))  # type: ignore[call-arg]
        return self._later(answer) if inspect.isawaitable(answer) else self._outcome(answer)

    async def _later(self, answer: Any) -> Outcome:
        while inspect.isawaitable(answer):
            answer = await answer
        return self._outcome(answer)

    def _outcome(self, answer: Any) -> Outcome:
        if isinstance(answer, (Done, Stop, Retry)):
            return answer
        if isinstance(answer, StepOutcome):
            raise OutcomeError(
                f"job {self.name} returned {type(answer).__name__}; a job has one step, "
                "it may return a value, Stop or Retry"
            )
        return Done(answer)

    def _keywords(self, ctx: Context[Any]) -> dict[str, Any]:
        for name in ctx.unknown_fields():
            first = object()
            # Of many threads one puts its object there.
            if self._dropped.setdefault(name, first) is first:
                logger.warning(
                    "job %s: it has no parameter %s; what is stored for it is dropped",
                    self.name, name,
                )  # fmt: skip
        return self._parameters.keywords(ctx.state, ctx)


class Prepared:
    """A job with options, from ``Job.options``."""

    def __init__(self, prepared: Job[..., Any], options: EnqueueOptions) -> None:
        self._job = prepared
        self._options = options

    def entry(self, /, *args: Any, **kwargs: Any) -> Entry:
        """The job with these options and arguments as a value (see ``Job.entry``)."""
        return self._job._entry(self._options, args, kwargs)  # noqa: SLF001 (of this module)

    @overload
    def enqueue(self, conn: SyncHandle, /, *args: Any, **kwargs: Any) -> Enqueued: ...
    @overload
    def enqueue(
        self, conn: AsyncHandle, /, *args: Any, **kwargs: Any
    ) -> Coroutine[Any, Any, Enqueued]: ...
    def enqueue(
        self, conn: AnyConnection, /, *args: Any, **kwargs: Any
    ) -> MaybeCoroutine[Enqueued]:
        """Enqueue the job with these options and arguments (see ``Job.enqueue``)."""
        return enqueue(conn, self.entry(*args, **kwargs))


def job(
    *,
    name: str | None = None,
    version: int = 1,
    queue: str | None = None,
    retries: int | None = 9,
    backoff: float = 1.0,
    retry: RetryPolicy | None = None,
    timeout: Duration | None = None,
    transactional: bool = False,
    cron: str | Schedule | Sequence[Schedule] | None = None,
) -> Callable[[Callable[P, R]], Job[P, R]]:
    """Make a function, sync or async, a job.

    Args:
        name: what it is enqueued under; the function's name by default.
        version: workers run only the versions they have.
        queue: where it goes unless told otherwise.
        retries: how often it runs again after an exception; None for ever.
        backoff: seconds before the first retry; each further delay is twice as long, up to 300 s.
        retry: a whole policy, in place of ``retries`` and ``backoff``.
        timeout: seconds or a timedelta that one execution may take (see ``step``).
        transactional: what the function writes on ``ctx.conn`` is committed together with its
            result, or not at all; it has a parameter that is annotated with ``Context``.
        cron: when it runs by itself, in UTC and with the arguments' defaults; a ``Schedule``, or
            several, to say more.

    Raises:
        DefinitionError: the function's parameters cannot be stored as named, typed arguments, or an
            option is out of range.
        UsageError: ``retries`` is no int.
    """
    attempts = None if retries is None else integer("retries", retries) + 1
    policy = retry or RetryPolicy(max_attempts=attempts, initial=backoff)
    schedules: Any = () if cron is None else cron
    if isinstance(schedules, str):
        schedules = Schedule(schedules)
    if isinstance(schedules, Schedule):
        schedules = (schedules,)
    options = step_options("@job", timeout=timeout, retry=policy, transactional=transactional)

    def decorate(function: Callable[P, R]) -> Job[P, R]:
        return Job(
            function,
            name=name,
            version=version,
            queue=queue,
            retry=policy,
            options=options,
            schedules=schedules,
        )

    return decorate


class _Parameters:
    """A function's parameters as the fields of a struct.

    Code and queued arguments may be of different versions: an argument that is not stored takes the
    parameter's default, one that the function does not have is dropped.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._signature = _signature_of(function, name)
        self._context: str | None = None
        self._own_defaults: dict[str, Any] = {}
        fields: list[Any] = []
        hints = _hints_of(function, name, self._signature.parameters)
        for parameter in self._signature.parameters.values():
            hint = hints.get(parameter.name, Any)
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise DefinitionError(
                    f"job {name}: parameter {parameter.name} cannot be stored by name"
                )
            if _is_context(hint):
                self._context = parameter.name
            elif parameter.name in _OPTIONS:
                raise DefinitionError(
                    f"job {name}: parameter {parameter.name} is an option of enqueue; rename it"
                )
            else:
                fields.append(self._field(parameter, hint, name))
        # A parameter may be called like what every struct has.
        self._names = {
            f"argument_{place}" if hasattr(msgspec.Struct, field[0]) else field[0]: field[0]
            for place, field in enumerate(fields)
        }
        self.struct = msgspec.defstruct(
            name,
            [(alias, *field[1:]) for alias, field in zip(self._names, fields, strict=True)],
            kw_only=True,
            rename=self._names,
        )
        # What is enqueued is checked against the parameters that there are.
        self.strict_struct = msgspec.defstruct(
            name, (), bases=(self.struct,), kw_only=True, forbid_unknown_fields=True
        )

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> msgspec.Struct:
        """The arguments of one call as a struct; raises TypeError like the call itself."""
        if self._context is not None:
            kwargs = {**kwargs, self._context: None}
        given = self._signature.bind(*args, **kwargs).arguments
        aliases = {name: alias for alias, name in self._names.items()}
        return self.struct(
            **{aliases[name]: value for name, value in given.items() if name in aliases}
        )

    def keywords(self, arguments: msgspec.Struct, ctx: Context[Any]) -> dict[str, Any]:
        """What to call the function with; without those that are left to its own defaults."""
        keywords = {name: getattr(arguments, alias) for alias, name in self._names.items()}
        for name, default in self._own_defaults.items():
            if keywords[name] is UNSET:
                keywords[name] = _unshared(default)
        if self._context is not None:
            keywords[self._context] = ctx
        return keywords

    def _field(self, parameter: inspect.Parameter, hint: Any, job_name: str) -> tuple[Any, ...]:
        """A field whose default is the parameter's, as a fresh object each time.

        A default without a JSON form, or that is another one after decoding, is not stored.
        """
        if parameter.default is parameter.empty:
            return parameter.name, hint
        codec: StateCodec[Any] = StateCodec(hint, job_name)
        try:
            stored = encode_json(parameter.default)
            decoded = codec.decode(stored)
            is_storable = bool(decoded == parameter.default) and (
                hint is not Any or type(decoded) is type(parameter.default)
            )
        except Exception:  # noqa: BLE001 (a user's object may raise anything)
            is_storable = False
        if is_storable:
            default = msgspec.field(default_factory=functools.partial(codec.decode, stored))
            return parameter.name, hint, default
        self._own_defaults[parameter.name] = parameter.default
        return parameter.name, hint, UNSET


def _unshared(default: Any) -> Any:
    """A default that the function may change; what is no plain container is itself."""
    if not isinstance(default, (list, dict, set, bytearray)):
        return default
    try:
        return copy.deepcopy(default)
    except Exception:  # noqa: BLE001 (a user's object may raise anything)
        return copy.copy(default)


def _name_of(function: Any) -> str:
    name = getattr(function, "__name__", None)
    if not isinstance(name, str) or name == "<lambda>":
        raise DefinitionError("the function of a job has no name of its own; give it with name=")
    return name


def _signature_of(function: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except NameError as exc:  # annotations are looked at when they are asked for (Python 3.14)
        raise DefinitionError(_unresolved(name, str(exc))) from exc
    except (TypeError, ValueError) as exc:
        raise DefinitionError(f"job {name}: the function does not say what it takes") from exc


def _hints_of(
    function: Any, name: str, parameters: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    """The types of the parameters; those that are text are looked up where the function stands."""
    namespace = getattr(_innermost(function), "__globals__", {})
    hints: dict[str, Any] = {}
    for parameter in parameters.values():
        if parameter.annotation is parameter.empty:
            continue
        holder = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
        try:
            found = get_type_hints(holder, namespace, include_extras=True)
        except Exception as exc:
            raise DefinitionError(_unresolved(name, f"{parameter.name}: {exc}")) from exc
        hints[parameter.name] = found["it"]
    return hints


def _innermost(function: Any) -> Any:
    """The plain function below decorators, partials, methods and callable objects."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif hasattr(function, "__func__"):
            function = function.__func__
        elif hasattr(function, "__globals__") or not hasattr(
            type(function).__call__, "__globals__"
        ):
            return function
        else:
            function = type(function).__call__


def _unresolved(name: str, problem: str) -> str:
    return (
        f"job {name}: the type of a parameter cannot be found: {problem}\n"
        "It has to be importable at run time from the module of the function."
    )


def _is_context(hint: Any) -> bool:
    """Whether a parameter is annotated with ``Context`` or ``Context[...]``, alone or or-ed."""
    origin = get_origin(hint)
    if hint is Context or origin is Context:
        return True
    is_around_types = origin in {Union, types.UnionType, Annotated}
    return is_around_types and any(_is_context(part) for part in get_args(hint))
