"""Jobs: one function as a machine of one step, with retries."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Generic, ParamSpec, TypeVar, get_type_hints, overload

import msgspec
from psycopg import AsyncConnection, Connection

from gendurable.backoff import RetryPolicy
from gendurable.client import Enqueued, enqueue
from gendurable.codec import StateCodec
from gendurable.context import Context
from gendurable.entry import Entry
from gendurable.errors import DefinitionError
from gendurable.machine import Definition, Machine, UserFunction
from gendurable.outcomes import Done, Outcome, Retry, Stop

__all__ = ["Job", "job"]

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = frozenset(Entry.__struct_fields__) - {"machine", "state"}


class Job(Machine[Any], Generic[P, R]):
    """A function that runs once per enqueued instance; its return value is the result.

    It may also return ``Stop``, to fail without a retry, or ``Retry``.

    Calling the object calls the function, for tests and for use without the engine. A parameter
    annotated with ``Context`` gets the execution's context and is not part of the arguments.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None,
        version: int,
        queue: str | None,
        retry: RetryPolicy,
    ) -> None:
        self.function = function
        self.name = name or function.__name__
        self.version = version
        self.queue = queue
        self.retry = retry
        self._arguments, self._context_name = _arguments_of(function, self.name)
        self.codec = StateCodec(self._arguments, self.name)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now."""
        return self.function(*args, **kwargs)

    def entry(self, *args: Any, **kwargs: Any) -> Entry:
        """The job with these arguments as a value, for ``enqueue_many`` or as a child.

        Args:
            args: the function's positional arguments.
            kwargs: its keyword arguments, and any option of ``Entry`` such as ``delay``.

        Raises:
            StateError: an argument has the wrong type.
            TypeError: an argument is missing, unknown or given twice.
        """
        options = {name: kwargs.pop(name) for name in _OPTIONS & kwargs.keys()}
        if self._context_name is not None:
            kwargs[self._context_name] = None
        bound = inspect.signature(self.function).bind(*args, **kwargs)
        bound.apply_defaults()
        bound.arguments.pop(self._context_name or "", None)
        return Entry(self, self._arguments(**bound.arguments), **options)

    @overload
    def enqueue(self, conn: Connection[Any], *args: Any, **kwargs: Any) -> Enqueued: ...
    @overload
    def enqueue(
        self, conn: AsyncConnection[Any], *args: Any, **kwargs: Any
    ) -> Awaitable[Enqueued]: ...
    def enqueue(
        self, conn: Connection[Any] | AsyncConnection[Any], *args: Any, **kwargs: Any
    ) -> Enqueued | Awaitable[Enqueued]:
        """Enqueue the function with these arguments on the caller's connection.

        Takes what ``entry`` takes and raises what it raises. On an async connection the answer has
        to be awaited.
        """
        return enqueue(conn, self.entry(*args, **kwargs))

    def definition(self) -> Definition:
        """This job as the worker sees it: one step named ``start``."""
        run = self._run_async if inspect.iscoroutinefunction(self.function) else self._run
        return Definition(
            name=self.name,
            version=self.version,
            steps={"start": UserFunction.of(run)},
            retry=self.retry,
            codec=self.codec,
            on_error=None,
        )

    def _run(self, ctx: Context[Any]) -> Outcome:
        return _outcome(self.function(**self._keywords(ctx)))  # type: ignore[call-arg]

    async def _run_async(self, ctx: Context[Any]) -> Outcome:
        answer: Any = self.function(**self._keywords(ctx))  # type: ignore[call-arg]
        return _outcome(await answer)

    def _keywords(self, ctx: Context[Any]) -> dict[str, Any]:
        keywords = msgspec.structs.asdict(ctx.state)
        if self._context_name is not None:
            keywords[self._context_name] = ctx
        return keywords


def job(
    *,
    name: str | None = None,
    version: int = 1,
    queue: str | None = None,
    retries: int | None = 9,
    backoff: float = 1.0,
    retry: RetryPolicy | None = None,
) -> Callable[[Callable[P, R]], Job[P, R]]:
    """Make a function, sync or async, a job.

    Args:
        name: what it is enqueued under; the function's name by default.
        version: workers run only the versions they have.
        queue: where it goes unless told otherwise.
        retries: how often it runs again after an exception; None for ever.
        backoff: seconds before the first retry; each further delay is twice as long, up to 300 s.
        retry: a whole policy, in place of ``retries`` and ``backoff``.

    Raises:
        DefinitionError: the function's parameters cannot be stored as named, typed arguments.
    """
    attempts = None if retries is None else retries + 1
    policy = retry or RetryPolicy(max_attempts=attempts, initial=backoff)

    def decorate(function: Callable[P, R]) -> Job[P, R]:
        return Job(function, name=name, version=version, queue=queue, retry=policy)

    return decorate


def _outcome(answer: Any) -> Outcome:
    return answer if isinstance(answer, (Done, Stop, Retry)) else Done(answer)


def _arguments_of(
    function: Callable[..., Any], name: str
) -> tuple[type[msgspec.Struct], str | None]:
    """The struct that stores the function's arguments, and the name of its context parameter."""
    hints = get_type_hints(function)
    fields: list[tuple[str, Any]] = []
    context_name = None
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, Any)
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise DefinitionError(
                f"job {name}: parameter {parameter.name} cannot be stored by name"
            )
        if hint is Context or getattr(hint, "__origin__", None) is Context:
            context_name = parameter.name
        elif parameter.name in _OPTIONS:
            raise DefinitionError(
                f"job {name}: parameter {parameter.name} is an option of enqueue; rename it"
            )
        else:
            fields.append((parameter.name, hint))
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True), context_name
