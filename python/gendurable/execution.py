"""Running steps: each call of user code from its place in the queue to what it comes to."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from inspect import isawaitable, iscoroutine
from time import monotonic
from typing import Any, Protocol

from gendurable.claims import Claim, Failure, Stage
from gendurable.context import Context
from gendurable.database import is_loss
from gendurable.errors import InvalidOutcomeError
from gendurable.events import Bus, StepStarted, StepStopped
from gendurable.failures import as_exception, last_resort
from gendurable.judge import Judge, shown, timed_out
from gendurable.machine import UserFunction
from gendurable.pages import is_incomplete
from gendurable.protocol import CommitResult
from gendurable.settle import Settled
from gendurable.threads import StepThreads
from gendurable.transactions import Again, Committed, Transactions
from gendurable.user_code import NotStarted, Result, UserCode

__all__ = ["Holder", "Runner"]

logger = logging.getLogger("gendurable")

# What a step that is overdue has to clean up and to answer.
_CLEAN_UP = 5.0


class Holder(Protocol):
    """The holder of claims, which hears in the event loop what becomes of their executions."""

    def stays(self) -> bool:
        """Whether the worker wants to keep claims at the moment."""

    def finished(self, claim: Claim, settled: Settled) -> None:
        """There is an outcome."""

    def committed(self, claim: Claim, answer: CommitResult) -> None:
        """A transactional step has sent its outcome itself, and this is the engine's answer."""

    def again(self, claim: Claim) -> None:
        """The transaction of a step was in vain; it has to run again."""

    def unstarted(self, claim: Claim) -> None:
        """The step cannot be started now; its place is given back."""

    def abandoned(self, claim: Claim) -> None:
        """No outcome at all can be committed."""

    def succeeded(self, claim: Claim, successor: Claim) -> None:
        """A step does not end in time; another object is the claim from now on."""

    def ended(self) -> None:
        """Code of a claim that was lost has ended at last."""


class Runner:
    """Runs the steps of claims and reports each with its settled outcome.

    All methods without an underscore belong to the event loop's thread. A claim occupies a place
    in its queue for as long as code of it runs: also where it was cancelled and does not stop.

    Args:
        threads: how many sync steps may run at once.
        holder: what holds the claims.
        transactions: where transactional steps get their connections.
        bus: where starts and ends of steps are told.
        complete: awaited with an execution of which a pick has left something out; None: it runs
            without that.
    """

    def __init__(
        self,
        threads: int,
        holder: Holder,
        *,
        transactions: Transactions,
        bus: Bus,
        complete: Callable[[Context[Any]], Awaitable[None]] | None = None,
    ) -> None:
        self._threads = StepThreads(threads, self._not_started)
        self._holder = holder
        self._judge = Judge()
        self._code = UserCode(
            self._judge, transactions, land=self._land, land_from_thread=self._land_from_thread
        )
        self._bus = bus
        self._heard = bus.heard
        self._complete = complete
        self._landed: list[tuple[Claim, Result | None]] = []
        self._landing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.Context()
        self._make_task: Callable[..., asyncio.Task[None]] = self._task_of_factory
        self.forsaken: set[Claim] = set()
        """Claims that were lost and whose code runs on."""

    def open(self) -> None:
        """Take note of the loop and of the context variables that every step finds."""
        self._loop = loop = asyncio.get_running_loop()
        if loop.get_task_factory() is None:
            # What the loop would do, with fewer calls.
            self._make_task = partial(asyncio.Task, loop=loop)
        self._context = self._code.context = contextvars.copy_context()
        self._judge.open()

    def start(self, claim: Claim) -> None:
        """Run the step that the claim stands at."""
        claim.stage = Stage.STEP
        claim.failure = None
        claim.started_at = monotonic()
        if self._heard:
            self._tell_start(claim)
        if self._complete is not None and is_incomplete(claim.ctx):
            self._enter(claim)
            completing = self._complete(claim.ctx)
            claim.task = self._opened().create_task(self._start_after(claim, completing))
        else:
            self._run_step(claim)

    def stopped(self, claim: Claim, kind: str) -> None:
        """Tell those who heard a step start that it has ended; ``kind`` as in ``StepStopped``."""
        claim.told = False
        raised, claim.raised = claim.raised, None
        if StepStopped in self._heard:
            given = getattr(claim.settled.outcome, "error", None) if claim.settled else None
            self._bus.tell(
                StepStopped(
                    worker=self._bus.worker,
                    execution=claim.described(),
                    kind=kind,
                    seconds=monotonic() - claim.started_at,
                    error=raised or given,
                )
            )

    def refuse(self, claim: Claim, reason: str) -> None:
        """Find another outcome for a claim whose outcome cannot be applied.

        Its error handler, if that is asked, occupies a place.
        """
        claim.settled = None
        self._next_stage(claim, Failure(InvalidOutcomeError(reason), final=True))

    def cancel(self, claim: Claim) -> None:
        """Let the execution end without an outcome; a sync step runs on and is ignored."""
        claim.ctx.lost = True
        if claim.timer is not None:
            claim.timer.cancel()
        if claim.lease is not None:
            claim.lease.interrupt()
        helped = claim.helpers is not None and claim.helpers.forsake(
            partial(self._tell, self._leave, claim)
        )
        if claim.calls or helped:
            claim.forsaken_at = monotonic()
            self.forsaken.add(claim)
        if claim.task is not None and self._loop is not None:
            # Not before it has begun, in which case it would end without landing.
            self._loop.call_soon(claim.task.cancel)

    async def cleaned_up(self, seconds: float) -> None:
        """Wait for async steps that were cancelled, before what they held is given to others."""
        tasks = [one.task for one in self.forsaken if one.task is not None and not one.task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def close(self) -> None:
        """Let idle threads end."""
        self._threads.close()

    # Calls. Each begins and ends in the event loop.

    def _run_step(self, claim: Claim) -> None:
        definition, ctx = claim.definition, claim.ctx
        if ctx.fsm_version == definition.version:
            self._call(claim, definition.steps[ctx.step], ctx)
        else:
            self._call(claim, definition.migrating(ctx.step), ctx)

    def _tell_start(self, claim: Claim) -> None:
        claim.told = True
        claim.execution = claim.context = claim.raised = None
        if StepStarted in self._heard:
            claim.context = self._context.copy()
            self._bus.tell(
                StepStarted(
                    worker=self._bus.worker, execution=claim.described(), context=claim.context
                )
            )

    async def _start_after(self, claim: Claim, completing: Awaitable[None]) -> None:
        """Run the step once its lists are complete. It occupies a place meanwhile."""
        try:
            await completing
            if not claim.ctx.lost:
                self._run_step(claim)
        except Exception as exc:  # noqa: BLE001 (it costs this execution, no more)
            if is_loss(exc):
                logger.warning("%s cannot be started now: %s", claim, shown(exc))
                self._holder.unstarted(claim)
            else:
                claim.calls += 1
                self._land(claim, self._judge.failed(claim, Failure(exc, final=False)))
        finally:
            claim.calls -= 1
            self._leave(claim)

    def _enter(self, claim: Claim) -> None:
        claim.calls += 1
        if not claim.placed:
            claim.placed = True
            claim.queue.running += 1

    def _opened(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None  # noqa: S101 (opened before anything is picked)
        return self._loop

    def _call(self, claim: Claim, called: UserFunction, argument: Any) -> None:
        # As _enter: once more for each step is worth the call that it saves.
        claim.calls += 1
        if not claim.placed:
            claim.placed = True
            claim.queue.running += 1
        function, is_async, timeout, transactional = called
        if timeout is not None:
            claim.timer = self._opened().call_later(timeout, self._overdue, claim)
        if transactional:
            claim.stays = self._holder.stays()
        if is_async:
            claim.helpers = None
            run_async = self._code.transact_async if transactional else self._code.run_async
            context = (claim.context or self._context).copy()
            claim.task = self._make_task(
                run_async(claim, function, argument), name=claim.ctx.fsm, context=context
            )
        else:
            claim.task = None
            run = self._code.transact if transactional else self._code.run_sync
            self._threads.submit(partial(run, claim, function, argument))

    def _task_of_factory(
        self,
        coroutine: Coroutine[Any, Any, None],
        *,
        name: str,  # noqa: ARG002
        context: contextvars.Context,
    ) -> asyncio.Task[None]:
        # Within the context, and without a name: a task factory of the application need not know
        # either as an argument.
        return context.run(self._opened().create_task, coroutine)

    def _overdue(self, claim: Claim) -> None:
        """Ask a step to end, and wait a little for that."""
        claim.ctx.overdue = True
        if claim.task is not None:
            claim.task.cancel()
        if claim.lease is not None:
            claim.lease.interrupt()
        claim.timer = self._opened().call_later(_CLEAN_UP, self._give_up, claim)

    def _give_up(self, claim: Claim) -> None:
        """Let the execution fail while its code runs on, as that of a claim that was lost."""
        successor = claim.successor()
        where = f"; {_CLEAN_UP:g} s after that it still runs, at {claim.whereabouts()}"
        self._holder.succeeded(claim, successor)
        self.cancel(claim)
        result = self._judge.failed(successor, Failure(timed_out(claim, where), final=False))
        if isinstance(result, Settled):
            self._holder.finished(successor, result)
        elif result is not None:
            claim.queue.when_free(partial(self._next_stage, successor, result))

    def _land_from_thread(self, claim: Claim, result: Result | None) -> None:
        with self._landing:
            self._landed.append((claim, result))
            first = len(self._landed) == 1
        if first:
            # One wake-up serves everything that lands before it is heard.
            self._tell(self._collect)

    def _tell(self, call: Callable[..., None], *args: Any) -> None:
        """Have the event loop call it, from any thread."""
        # The loop may be closed already: a worker does not wait for its threads when it stops.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *args)

    def _collect(self) -> None:
        with self._landing:
            landed, self._landed = self._landed, []
        for claim, result in landed:
            self._land(claim, result)

    def _not_started(self, calls: Iterable[Callable[[], None]]) -> None:
        claims = [call.args[0] for call in calls if isinstance(call, partial)]
        logger.warning(
            "no thread can be started: %d steps are given back. The limit is the system's; "
            "lower the concurrency or raise it (ulimit -u, the container's pids limit)",
            len(claims),
        )
        self._tell(self._give_back, claims)

    def _give_back(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            if claim.stage is Stage.STEP:
                self._holder.unstarted(claim)
            elif claim.failure is not None and not claim.ctx.lost:
                self._holder.finished(claim, self._judge.conclude(claim, claim.failure))
            claim.calls -= 1
            self._leave(claim)

    # What a call comes to.

    def _land(self, claim: Claim, result: Result | None) -> None:
        """Go on with what a call came to; None: nothing, the claim was lost."""
        claim.task = None  # Its context refers to the claim, which would make it a cycle.
        if claim.timer is not None and not isawaitable(result):
            claim.timer.cancel()
            claim.timer = None
            claim.ctx.overdue = False  # What follows has its own time.
        try:
            if type(result) is Settled:
                if not claim.ctx.lost:
                    self._holder.finished(claim, result)
            elif isinstance(result, Failure):
                if not claim.ctx.lost:
                    self._next_stage(claim, result)
            elif isinstance(result, (Committed, Again, NotStarted)):
                self._transacted(claim, result)
            elif result is not None and not claim.ctx.lost:
                self._call(claim, UserFunction(_awaited, is_async=True), result)
            elif iscoroutine(result):
                result.close()
        except Exception:
            # One that cannot go on must not take along those that landed beside it.
            logger.exception("%s: its outcome is lost by a bug", claim)
            self._holder.abandoned(claim)
        claim.calls -= 1
        self._leave(claim)

    def _transacted(self, claim: Claim, result: Committed | Again | NotStarted) -> None:
        """Go on after a transaction that has brought the step no failure."""
        if claim.ctx.lost:
            return
        if isinstance(result, Committed):
            self._holder.committed(claim, result.answer)
            return
        claim.settled = None
        claim.ctx.forget_changes()
        if isinstance(result, Again):
            logger.info("%s: its transaction was rolled back: %s", claim, result.reason)
            self._holder.again(claim)
        else:
            logger.warning("%s cannot be started now: %s", claim, result.reason)
            self._holder.unstarted(claim)

    def _leave(self, claim: Claim) -> None:
        """Give the place back, unless code of the claim still runs."""
        if not claim.placed or claim.calls:
            return
        lost = claim.ctx.lost
        if lost and claim.helpers is not None and claim.helpers.threads:
            return
        claim.placed = False
        claim.queue.leave()
        if lost:
            if claim in self.forsaken:
                self.forsaken.remove(claim)
                logger.info("%s, which was taken away, has ended", claim)
            self._holder.ended()

    def _next_stage(self, claim: Claim, failure: Failure) -> None:
        """Let the stage decide that follows the one which failed."""
        if claim.stage is Stage.STEP and claim.definition.on_error is not None:
            claim.stage = Stage.HANDLER
            claim.failure = failure
            claim.ctx.forget_changes()
            handler = claim.definition.on_error
            handler = handler._replace(function=partial(handler.function, claim.ctx))
            self._call(claim, handler, as_exception(failure.exc))
        elif claim.stage in (Stage.STEP, Stage.HANDLER):
            self._holder.finished(claim, self._judge.conclude(claim, failure))
        elif claim.stage is Stage.POLICY:
            claim.stage = Stage.LAST_RESORT
            logger.error("%s gave up: its retry policy's outcome was refused", claim)
            self._holder.finished(claim, last_resort(claim.definition, claim.ctx, str(failure.exc)))
        else:
            logger.error("%s: no outcome of it can be stored: %s", claim, shown(failure.exc))
            self._holder.abandoned(claim)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
