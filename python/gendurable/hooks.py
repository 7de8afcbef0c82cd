"""What an application puts around a worker's life and around each of its steps."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from inspect import isawaitable
from typing import Any, TypeAlias

from gendurable.context import Context
from gendurable.errors import DefinitionError, UsageError
from gendurable.machine import Definition, UserFunction
from gendurable.outcomes import OUTCOMES
from gendurable.text import safe_repr, safe_str

__all__ = [
    "EVERYWHERE",
    "Lifespan",
    "Middleware",
    "around_steps",
    "lifespan",
    "middleware",
    "opened",
]

AnyManager: TypeAlias = AbstractContextManager[Any] | AbstractAsyncContextManager[Any]
Generator: TypeAlias = Callable[[], Iterator[None]] | Callable[[], AsyncIterator[None]]


class Lifespan:
    """What a worker opens before it picks anything and closes after it has left its last step."""

    def __init__(self, make: Callable[[], AnyManager], name: str) -> None:
        self.make = make
        self.name = name

    def __call__(self) -> AnyManager:
        """The context manager of one worker's life."""
        return self.make()


class Middleware:
    """What is entered before each step and left after it, in the step's own context."""

    def __init__(
        self, make: Callable[[Context[Any]], AbstractContextManager[Any]], name: str
    ) -> None:
        self.make = make
        self.name = name

    def __call__(self, ctx: Context[Any]) -> AbstractContextManager[Any]:
        """The context manager of one execution."""
        return self.make(ctx)


EVERYWHERE: list[Middleware] = []
"""What an integration with a framework wants to be entered around each step of this process.

It is outside of what a worker is given, and is entered by ``gendurable.testing.drain`` as well.
"""


def lifespan(function: Generator) -> Lifespan:
    """Make a generator function, sync or async, the frame of a worker's life.

    What stands before its ``yield`` happens after the database was reached and before anything is
    picked, what stands after it when the last step has ended. Context variables that it sets are
    there in every step.

    Args:
        function: takes nothing and yields once.

    Raises:
        DefinitionError: it is no generator function.
    """
    _check(function, "@lifespan", parameters=0)
    if inspect.isasyncgenfunction(function):
        return Lifespan(asynccontextmanager(function), function.__name__)
    if inspect.isgeneratorfunction(function):
        return Lifespan(contextmanager(function), function.__name__)
    raise DefinitionError(f"@lifespan: {safe_repr(function, 100)} is no function that yields")


def middleware(function: Callable[[Context[Any]], Iterator[None]]) -> Middleware:
    """Make a generator function the frame of each step, sync or async.

    It runs where the step runs: for an async step in the event loop, which it must not block, and
    for a sync one in its thread. An exception of the step is raised at its ``yield``; one that it
    swallows is raised again behind it, because a step without an outcome has failed.

    Args:
        function: takes the step's context and yields once.

    Raises:
        DefinitionError: it is no sync generator function.
    """
    _check(function, "@middleware", parameters=1)
    if not inspect.isgeneratorfunction(function):
        raise DefinitionError(
            f"@middleware: {safe_repr(function, 100)} is no plain function that yields\n"
            "It is entered for sync and async steps alike, so it is a def, not an async def."
        )
    return Middleware(contextmanager(function), function.__name__)


def _check(function: object, decorator: str, *, parameters: int) -> None:
    try:
        inspect.signature(function).bind(*range(parameters))  # type: ignore[arg-type]
    except (TypeError, ValueError) as exc:
        raise DefinitionError(
            f"{decorator}: {safe_repr(function, 100)} has to take "
            f"{'the context' if parameters else 'no argument'}"
        ) from exc


@asynccontextmanager
async def opened(lifespans: Sequence[Lifespan]) -> AsyncIterator[None]:
    """Enter lifespans in their order; leave them in the opposite one.

    Raises:
        UsageError: one cannot be entered. Those before it are left again.
    """
    async with AsyncExitStack() as stack:
        for one in lifespans:
            try:
                manager = one()
                if isinstance(manager, AbstractAsyncContextManager):
                    await stack.enter_async_context(manager)
                else:
                    stack.enter_context(manager)
            except Exception as exc:
                raise UsageError(
                    f"the worker cannot start: lifespan {one.name} failed: "
                    f"{type(exc).__name__}: {safe_str(exc, 500)}"
                ) from exc
        yield


def around_steps(definition: Definition, frames: Sequence[Middleware]) -> Definition:
    """The same machine with each step within the frames, the first one outermost."""
    if not frames:
        return definition
    steps = {name: _framed(called, frames) for name, called in definition.steps.items()}
    return dataclasses.replace(definition, steps=steps)


def _framed(called: UserFunction, frames: Sequence[Middleware]) -> UserFunction:
    function: Any = called.function

    async def run_async(ctx: Context[Any]) -> Any:
        with _entered(frames, ctx):
            return await _final(await function(ctx))

    def run_sync(ctx: Context[Any]) -> Any:
        with _entered(frames, ctx):
            answer = function(ctx)
            if type(answer) in OUTCOMES or not isawaitable(answer):
                return answer
        # A sync wrapper of an async function: the rest runs in the event loop, in frames there.
        return run_rest(ctx, answer)

    async def run_rest(ctx: Context[Any], answer: Any) -> Any:
        with _entered(frames, ctx):
            return await _final(answer)

    frame = run_async if called.is_async else run_sync
    return called._replace(function=functools.wraps(function)(frame))


async def _final(answer: Any) -> Any:
    """What a step answers in the end: an answer may have to be awaited again."""
    while type(answer) not in OUTCOMES and isawaitable(answer):
        answer = await answer
    return answer


@contextmanager
def _entered(frames: Sequence[Middleware], ctx: Context[Any]) -> Iterator[None]:
    failure: BaseException | None = None
    with ExitStack() as stack:
        for frame in frames:
            stack.enter_context(frame(ctx))
        try:
            yield
        except BaseException as exc:
            failure = exc
            raise
    if failure is not None:
        raise failure  # A frame has swallowed it.
