"""Running steps: in the event loop or in threads, with their errors turned into outcomes."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Any

from gendurable.context import Context
from gendurable.database import one_line
from gendurable.errors import InvalidOutcomeError, OutcomeError
from gendurable.machine import Definition, UserFunction
from gendurable.outcomes import StepOutcome
from gendurable.settle import Settled, next_context, settle
from gendurable.threads import StepThreads

__all__ = ["Claim", "Runner"]

logger = logging.getLogger("gendurable")


class Stage(Enum):
    """Who decides the outcome of an execution. Each stage that fails hands on to the next."""

    STEP = "step"
    HANDLER = "error handler"
    POLICY = "retry policy"


class Claim:
    """One instance that this worker holds.

    Attributes:
        definition: its machine.
        ctx: the current execution; a new one after each step that ran ahead.
        slot: the name of the queue in which it occupies a slot.
        stage: who decides its outcome now.
        settled: the outcome, once there is one and until the engine has answered.
        task: the asyncio task of an async step, for cancelling it.
    """

    __slots__ = ("ctx", "definition", "settled", "slot", "stage", "task")

    def __init__(self, definition: Definition, ctx: Context[Any]) -> None:
        self.definition = definition
        self.ctx = ctx
        self.slot = ctx.queue
        self.stage = Stage.STEP
        self.settled: Settled | None = None
        self.task: asyncio.Task[None] | None = None

    def __str__(self) -> str:
        return f"{self.ctx.fsm} {self.ctx.id} step {self.ctx.step!r}"

    @property
    def offer(self) -> Settled:
        """The outcome of a claim that has one."""
        assert self.settled is not None  # noqa: S101 (asked for only once it has finished)
        return self.settled

    def advance(self, fence: int, signals: str | None, children: str | None) -> None:
        """Move on to the step that the engine let this worker run at once."""
        self.ctx = next_context(self.ctx, self.offer, fence, signals, children)
        self.settled = None


class Runner:
    """Runs the steps of claims and reports each with its settled outcome.

    All methods but ``_run_sync`` belong to the event loop's thread.

    Args:
        threads: how many sync steps may run at once.
        finished: called with each claim and its outcome.
        abandoned: called with a claim for which no outcome can be committed at all.
    """

    def __init__(
        self,
        threads: int,
        finished: Callable[[Claim, Settled], None],
        abandoned: Callable[[Claim], None],
    ) -> None:
        self._threads = StepThreads(threads)
        self._finished = finished
        self._abandoned = abandoned
        self._landed: list[tuple[Claim, Settled | BaseException]] = []
        self._landing = threading.Lock()

    def start(self, claim: Claim) -> None:
        """Run the step that the claim stands at."""
        claim.stage = Stage.STEP
        self._call(claim, claim.definition.steps[claim.ctx.step], claim.ctx)

    def refuse(self, claim: Claim, reason: str) -> None:
        """Find another outcome for a claim whose outcome cannot be applied."""
        claim.settled = None
        self._fail(claim, InvalidOutcomeError(reason))

    def cancel(self, claim: Claim) -> None:
        """Let the execution end without an outcome; a sync step runs on and is ignored."""
        claim.ctx.lost = True
        if claim.task is not None:
            claim.task.cancel()

    def close(self) -> None:
        """Let idle threads end."""
        self._threads.close()

    def _call(self, claim: Claim, called: UserFunction, *args: Any) -> None:
        loop = asyncio.get_running_loop()
        if called.is_async:
            claim.task = loop.create_task(self._run_async(claim, called.function, args))
        else:
            claim.task = None
            self._threads.submit(partial(self._run_sync, loop, claim, called.function, args))

    async def _run_async(
        self, claim: Claim, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        # Everything is caught: a step that calls sys.exit() or cancels itself has failed, no more.
        result: Settled | BaseException
        try:
            answer = function(*args)
            while inspect.isawaitable(answer):
                answer = await answer
            result = self._settle(claim, answer)
        except BaseException as exc:  # noqa: BLE001
            result = exc
        self._land(claim, result)

    def _run_sync(
        self,
        loop: asyncio.AbstractEventLoop,
        claim: Claim,
        function: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> None:
        result: Settled | BaseException
        try:
            answer = function(*args)
            if not isinstance(answer, StepOutcome) and inspect.isawaitable(answer):
                # A sync decorator around an async step: the step itself belongs in the loop.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._await, claim, answer)
                return
            result = self._settle(claim, answer)
        except BaseException as exc:  # noqa: BLE001
            result = exc
        with self._landing:
            self._landed.append((claim, result))
            first = len(self._landed) == 1
        if first:
            # One wake-up serves everything that lands before it is heard. The loop may be closed
            # already: a worker does not wait for its threads when it stops.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._collect)

    def _await(self, claim: Claim, answer: Awaitable[object]) -> None:
        """Go on in the event loop with what a sync function answered."""
        coroutine = self._run_async(claim, lambda: answer, ())
        claim.task = asyncio.get_running_loop().create_task(coroutine)
        if claim.ctx.lost:
            claim.task.cancel()

    def _collect(self) -> None:
        with self._landing:
            landed, self._landed = self._landed, []
        for claim, result in landed:
            self._land(claim, result)

    def _settle(self, claim: Claim, outcome: object) -> Settled:
        return settle(claim.definition, claim.ctx, outcome)

    def _land(self, claim: Claim, result: Settled | BaseException) -> None:
        if claim.ctx.lost:
            return
        if isinstance(result, Settled):
            self._finished(claim, result)
        else:
            self._fail(claim, result)

    def _fail(self, claim: Claim, exc: BaseException) -> None:
        """Let the next stage decide."""
        claim.ctx.forget_changes()
        stage, definition = claim.stage, claim.definition
        logger.warning(
            "%s, attempt %d: its %s failed: %s: %s",
            claim, claim.ctx.attempt, stage.value, type(exc).__name__, one_line(exc),
            exc_info=exc if logger.isEnabledFor(logging.DEBUG) else None,
        )  # fmt: skip
        if stage is Stage.STEP and definition.on_error is not None:
            claim.stage = Stage.HANDLER
            error = exc if isinstance(exc, Exception) else OutcomeError(f"the step raised {exc!r}")
            self._call(claim, definition.on_error, claim.ctx, error)
        elif stage is not Stage.POLICY:
            claim.stage = Stage.POLICY
            outcome = definition.retry.outcome(claim.ctx.attempt, exc)
            self._finished(claim, self._settle(claim, outcome))
        else:
            self._abandoned(claim)
