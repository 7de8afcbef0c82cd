"""Running steps: in the event loop or in threads, with their errors turned into outcomes."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import sysconfig
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from enum import Enum
from functools import partial
from inspect import isawaitable, iscoroutine
from pathlib import Path
from time import monotonic
from traceback import walk_stack
from types import CoroutineType, FrameType
from typing import Any, NamedTuple, TypeAlias

import msgspec
import psycopg

from gendurable.context import Context
from gendurable.database import is_loss
from gendurable.errors import InvalidOutcomeError, OutcomeError, StepTimeoutError
from gendurable.events import Bus, Execution, StepStarted, StepStopped
from gendurable.failures import as_exception, check_retry, conclude, last_resort
from gendurable.machine import Definition, UserFunction
from gendurable.outcomes import Retry, StepOutcome, Stop
from gendurable.pages import is_incomplete
from gendurable.process import GENERATION, end_child
from gendurable.protocol import CommitResult
from gendurable.queues import Queue
from gendurable.reports import KINDS
from gendurable.settle import Settled, next_context, settle
from gendurable.text import safe_repr, safe_str, type_name
from gendurable.threads import Helpers, StepThreads, caller
from gendurable.transactions import (
    Again,
    AnyLease,
    AsyncLease,
    Committed,
    Lease,
    Transactions,
    Unavailable,
    last_words,
    why_again,
)

__all__ = ["Claim", "Runner", "kind_of"]

logger = logging.getLogger("gendurable")

_SHOWN = 500
# What a step that is overdue has to clean up and to answer.
_CLEAN_UP = 5.0
_APPLIED = ("committed", "continued")
_NOT_THE_USERS = (sysconfig.get_path("stdlib"), str(Path(__file__).parent), "<frozen")


class Stage(Enum):
    """Who decides the outcome of an execution. Each stage that fails hands on to the next."""

    STEP = "step"
    HANDLER = "error handler"
    POLICY = "retry policy"
    LAST_RESORT = "last resort"


class Failure(NamedTuple):
    """Why a stage has no outcome.

    Attributes:
        exc: what was raised.
        final: the step has answered and its answer cannot be stored; to run it again is no use.
    """

    exc: BaseException
    final: bool


class NotStarted(NamedTuple):
    """A step could not begin, for a reason that has nothing to do with it."""

    reason: str


Result: TypeAlias = Settled | Failure | Committed | Again | NotStarted | Awaitable[Any]
"""What a call of user code comes to. An awaitable has yet to be awaited in the event loop."""


class Claim:
    """One instance that this worker holds.

    Attributes:
        definition: its machine.
        ctx: the current execution; a new one after each step that ran ahead.
        queue: where it occupies a place while code of it runs.
        stage: who decides its outcome now.
        failure: why the step failed, while its error handler runs.
        settled: the outcome, once there is one and until the engine has answered.
        asks: the outcome that travels asks to go on in this worker.
        stays: the worker wanted to keep claims when a transactional step began.
        refusals: how often the engine has answered that the instance is busy, or else the
            transaction of the step was in vain.
        task: the asyncio task of async code, for cancelling it.
        thread: the identifier of the thread that runs sync code.
        calls: how many calls of its code run: at most one, or two for a moment.
        placed: it occupies a place of its queue.
        timer: what looks after a step that has a timeout.
        lease: the connection of a transactional step that runs.
        helpers: what async code has handed to other threads.
        forsaken_at: when it was lost with code still running, on the monotonic clock.
        started_at: when its step was started, on the monotonic clock.
        took: how many seconds passed from there to its outcome.
        told: its step was told as started to those who hear events, and not yet as stopped.
        execution: what they are told of it.
        context: the context variables that they have given it.
        raised: the exception that its code has raised last, if anyone hears of it.
    """

    stage = Stage.STEP
    failure: Failure | None = None
    settled: Settled | None = None
    asks = False
    stays = False
    refusals = 0
    task: asyncio.Task[None] | None = None
    thread: int | None = None
    calls = 0
    placed = False
    timer: asyncio.TimerHandle | None = None
    lease: AnyLease | None = None
    helpers: Helpers | None = None
    forsaken_at = 0.0
    took = 0.0
    told = False
    execution: Execution | None = None
    context: contextvars.Context | None = None
    raised: BaseException | None = None

    def __init__(self, definition: Definition, ctx: Context[Any], queue: Queue) -> None:
        self.definition = definition
        self.ctx = ctx
        self.queue = queue
        self.started_at = monotonic()

    def __str__(self) -> str:
        return f"{self.ctx.fsm} {self.ctx.id} step {self.ctx.step!r}"

    @property
    def outcome(self) -> Settled:
        """The outcome of a claim that has one."""
        assert self.settled is not None  # noqa: S101 (asked for only once it has finished)
        return self.settled

    def helped(self) -> Helpers:
        """Where its calls in other threads are counted."""
        if self.helpers is None:
            self.helpers = Helpers()
        return self.helpers

    def advance(self, fence: int, signals: str | None, children: str | None) -> None:
        """Move on to the step that the engine let this worker run at once."""
        self.ctx = next_context(self.ctx, self.outcome, fence, signals, children)
        if self.ctx.fsm_version != self.definition.version:
            # With the outcome that was stored the instance is of this version.
            self.ctx.fsm_version = self.definition.version
            self.ctx.codec = self.definition.codec
        self.settled = self.execution = None

    def successor(self) -> Claim:
        """The same claim for another outcome than that of the code which runs on."""
        ctx = msgspec.structs.replace(self.ctx, lost=False, overdue=False, _read=None)
        successor = Claim(self.definition, ctx, self.queue)
        successor.started_at = self.started_at
        successor.told, self.told = self.told, False
        successor.execution, successor.context = self.execution, self.context
        return successor

    def described(self) -> Execution:
        """Its execution, for events."""
        if self.execution is None:
            ctx = self.ctx
            self.execution = Execution(
                id=ctx.id,
                fence=ctx.fence,
                fsm=ctx.fsm,
                fsm_version=ctx.fsm_version,
                step=ctx.step,
                attempt=ctx.attempt,
                queue=ctx.queue,
                correlation_key=ctx.correlation_key,
                parent_id=ctx.parent_id,
                enqueued_at=ctx.enqueued_at,
            )
        return self.execution

    def whereabouts(self) -> str:
        """Where its code is at this moment, for a message: the user's line, not a library's."""
        frames: list[FrameType] = []
        coroutine: Any = self.task.get_coro() if self.task and not self.task.done() else None
        # What a coroutine awaits may be any object of the user's; its attributes are not asked for.
        while type(coroutine) is CoroutineType and coroutine.cr_frame is not None:
            frames.append(coroutine.cr_frame)
            coroutine = coroutine.cr_await
        current = sys._current_frames()  # noqa: SLF001 (documented, for debuggers)
        for thread in (self.thread, *(self.helpers.threads if self.helpers else ())):
            if thread in current:
                frames += reversed([frame for frame, _ in walk_stack(current[thread])])
        return _describe(frames)


class Runner:
    """Runs the steps of claims and reports each with its settled outcome.

    All methods without an underscore belong to the event loop's thread. A claim occupies a place
    in its queue for as long as code of it runs: also where it was cancelled and does not stop.

    Args:
        threads: how many sync steps may run at once.
        finished: called with each claim and its outcome.
        ended: called when a claim that was lost gives its place back at last.
        unstarted: called with a claim whose step cannot be started now, its place given back.
        abandoned: called with a claim for which no outcome can be committed at all.
        succeeded: called with a claim whose step does not end in time, and the one in its place.
        transactions: where transactional steps get their connections.
        stays: asked whether the worker wants to keep claims at the moment.
        committed: called with the claim of a transactional step and the engine's answer.
        again: called with a claim whose step has to run again; its outcome is none.
        bus: where starts and ends of steps are told.
        complete: awaited with an execution of which a pick has left something out; None: it runs
            without that.
    """

    def __init__(
        self,
        threads: int,
        *,
        finished: Callable[[Claim, Settled], None],
        ended: Callable[[], None],
        unstarted: Callable[[Claim], None],
        abandoned: Callable[[Claim], None],
        succeeded: Callable[[Claim, Claim], None],
        transactions: Transactions,
        stays: Callable[[], bool],
        committed: Callable[[Claim, CommitResult], None],
        again: Callable[[Claim], None],
        bus: Bus,
        complete: Callable[[Context[Any]], Awaitable[None]] | None = None,
    ) -> None:
        self._threads = StepThreads(threads, self._not_started)
        self._finished = finished
        self._ended = ended
        self._unstarted = unstarted
        self._abandoned = abandoned
        self._succeeded = succeeded
        self._transactions = transactions
        self._stays = stays
        self._committed = committed
        self._again = again
        self._bus = bus
        self._heard = bus.heard
        self._complete = complete
        self._landed: list[tuple[Claim, Result | None]] = []
        self._landing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.Context()
        self._generation = 0
        self.forsaken: set[Claim] = set()
        """Claims that were lost and whose code runs on."""

    def open(self) -> None:
        """Take note of the loop and of the context variables that every step finds."""
        self._loop = asyncio.get_running_loop()
        self._create_task = self._loop.create_task
        self._context = contextvars.copy_context()
        self._generation = GENERATION[0]

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
                logger.warning("%s cannot be started now: %s", claim, _shown(exc))
                self._unstarted(claim)
            else:
                claim.calls += 1
                self._land(claim, self._failed(claim, Failure(exc, final=False)))
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

    def _call(self, claim: Claim, called: UserFunction, *args: Any) -> None:
        # As _enter: once more for each step is worth the call that it saves.
        claim.calls += 1
        if not claim.placed:
            claim.placed = True
            claim.queue.running += 1
        function, is_async, timeout, transactional = called
        if timeout is not None:
            claim.timer = self._opened().call_later(timeout, self._overdue, claim)
        if transactional:
            claim.stays = self._stays()
        if is_async:
            claim.helpers = None
            # Within the context, not with it as an argument: a task factory of the application need
            # not know that one.
            claim.task = (
                (claim.context or self._context)
                .copy()
                .run(
                    self._create_task,
                    (self._transact_async if transactional else self._run_async)(
                        claim, function, args
                    ),
                )
            )
        else:
            claim.task = None
            run = self._transact if transactional else self._run_sync
            self._threads.submit(partial(run, claim, function, args))

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
        self._succeeded(claim, successor)
        self.cancel(claim)
        result = self._failed(successor, Failure(_timed_out(claim, where), final=False))
        if isinstance(result, Settled):
            self._finished(successor, result)
        elif result is not None:
            claim.queue.when_free(partial(self._next_stage, successor, result))

    async def _run_async(
        self, claim: Claim, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        if claim.ctx.lost:
            self._land(claim, None)
            return
        caller.set(claim)
        # Everything is caught: a step that calls sys.exit() or cancels itself has failed, no more.
        try:
            answer = await function(*args)
            while not isinstance(answer, StepOutcome) and isawaitable(answer):
                answer = await answer
        except BaseException as exc:  # noqa: BLE001
            result = self._failed(claim, Failure(_in_time(claim, exc), final=False))
        else:
            result = self._answered(claim, answer)
        self._land(claim, result)

    def _run_sync(self, claim: Claim, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if claim.ctx.lost:
            self._land_from_thread(claim, None)
            return
        claim.thread = threading.get_ident()
        result: Result | None
        answered = False
        try:
            answer = (claim.context or self._context).copy().run(function, *args)
            answered = True
            if not isinstance(answer, StepOutcome) and isawaitable(answer):
                # A wrapper of an async function that does not look like one.
                result = answer
            else:
                result = self._answered(claim, answer)
        except BaseException as exc:  # noqa: BLE001
            result = self._failed(claim, Failure(exc, final=answered))
        claim.thread = None
        self._land_from_thread(claim, result)

    def _transact(self, claim: Claim, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Run a sync step and commit its outcome, in one transaction."""
        result: Result | None = None
        lease: Lease | None = None
        claim.thread = threading.get_ident()
        try:
            with self._transactions.lease() as lease:
                if not claim.ctx.lost:
                    self._lend(claim, lease)
                    answer = (claim.context or self._context).copy().run(function, *args)
                    result = self._answered_in_transaction(claim, answer)
                    if isinstance(result, Settled):
                        entry = self._last_words(claim, lease, result)
                        result = _told(result, lease.commit(self._transactions.worker(), entry))
                if not (isinstance(result, Committed) and result.answer.result in _APPLIED):
                    raise psycopg.Rollback  # noqa: TRY301 (it ends the block)
        except psycopg.Rollback:
            pass  # The connection was lost, and with it the transaction.
        except BaseException as exc:  # noqa: BLE001
            result = self._transaction_failed(claim, lease, exc)
        result = self._take_back(claim, result)
        claim.thread = None
        self._land_from_thread(claim, result)

    async def _transact_async(
        self, claim: Claim, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        """Run an async step and commit its outcome, in one transaction."""
        result: Result | None = None
        lease: AsyncLease | None = None
        caller.set(claim)
        try:
            async with self._transactions.lease_async() as lease:
                if not claim.ctx.lost:
                    self._lend(claim, lease)
                    answer = await function(*args)
                    while not isinstance(answer, StepOutcome) and isawaitable(answer):
                        answer = await answer
                    result = self._answered_in_transaction(claim, answer)
                    if isinstance(result, Settled):
                        entry = self._last_words(claim, lease, result)
                        answered = await lease.commit(self._transactions.worker(), entry)
                        result = _told(result, answered)
                if not (isinstance(result, Committed) and result.answer.result in _APPLIED):
                    raise psycopg.Rollback  # noqa: TRY301 (it ends the block)
        except psycopg.Rollback:
            pass  # The connection was lost, and with it the transaction.
        except BaseException as exc:  # noqa: BLE001
            result = self._transaction_failed(claim, lease, exc)
        result = self._take_back(claim, result)
        self._land(claim, result)

    def _lend(self, claim: Claim, lease: AnyLease) -> None:
        claim.lease = lease
        claim.ctx.lend(lease.conn)

    def _take_back(self, claim: Claim, result: Result | None) -> Result | None:
        claim.lease = None
        claim.ctx.lend(None)
        if result is None and not claim.ctx.lost:
            raised = OutcomeError("the step raised psycopg.Rollback, which is no outcome")
            return self._failed(claim, Failure(raised, final=False))
        return result

    def _answered_in_transaction(self, claim: Claim, answer: object) -> Settled | Failure | None:
        if not isinstance(answer, StepOutcome) and isawaitable(answer):
            if iscoroutine(answer):
                answer.close()
            answer = OutcomeError(
                f"step {claim.ctx.step!r} of {claim.ctx.fsm} is transactional and answers with an "
                "awaitable; make it, and each decorator around it, an async def"
            )
            return self._failed(claim, Failure(answer, final=True))
        return self._answered(claim, answer)

    def _last_words(self, claim: Claim, lease: AnyLease, settled: Settled) -> bytes:
        entry = last_words(lease, settled, stays=claim.stays)
        # From here on a heartbeat may miss the claim because of this very outcome.
        claim.settled = settled
        return entry

    def _transaction_failed(
        self, claim: Claim, lease: AnyLease | None, exc: BaseException
    ) -> Result | None:
        """What follows when a transaction was rolled back, or nothing is known of it."""
        claim.settled = None
        if isinstance(exc, Unavailable):
            return NotStarted(str(exc))
        if claim.ctx.lost:
            return None
        again = None if claim.ctx.overdue else why_again(lease, exc, claim.refusals)
        return again or self._failed(claim, Failure(_in_time(claim, exc), final=False))

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
                self._unstarted(claim)
            elif claim.failure is not None and not claim.ctx.lost:
                self._finished(claim, self._conclude(claim, claim.failure))
            claim.calls -= 1
            self._leave(claim)

    # What a call comes to.

    def _land(self, claim: Claim, result: Result | None) -> None:
        """Go on with what a call came to; None: nothing, the claim was lost."""
        if claim.timer is not None and not isawaitable(result):
            claim.timer.cancel()
            claim.timer = None
            claim.ctx.overdue = False  # What follows has its own time.
        try:
            if isinstance(result, Settled):
                if not claim.ctx.lost:
                    self._finished(claim, result)
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
            self._abandoned(claim)
        claim.calls -= 1
        self._leave(claim)

    def _transacted(self, claim: Claim, result: Committed | Again | NotStarted) -> None:
        """Go on after a transaction that has brought the step no failure."""
        if claim.ctx.lost:
            return
        if isinstance(result, Committed):
            self._committed(claim, result.answer)
            return
        claim.settled = None
        claim.ctx.forget_changes()
        if isinstance(result, Again):
            logger.info("%s: its transaction was rolled back: %s", claim, result.reason)
            self._again(claim)
        else:
            logger.warning("%s cannot be started now: %s", claim, result.reason)
            self._unstarted(claim)

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
            self._ended()

    def _answered(self, claim: Claim, answer: object) -> Settled | Failure | None:
        """What user code has returned, as an outcome; None: its claim was lost meanwhile.

        Runs in any thread, and never raises.
        """
        if GENERATION[0] != self._generation:
            end_child(None)
        if claim.ctx.lost:
            return None
        try:
            if isinstance(answer, Retry):
                check_retry(claim.definition, claim.ctx, answer)
            settled = settle(claim.definition, claim.ctx, answer)
        except BaseException as exc:  # noqa: BLE001 (the answer is the user's object)
            return self._failed(claim, Failure(exc, final=True))
        if isinstance(settled.outcome, Stop):
            error = safe_repr(settled.outcome.error, _SHOWN)
            logger.warning("%s, attempt %d: stopped: %s", claim, claim.ctx.attempt, error)
        return settled

    def _failed(self, claim: Claim, failure: Failure) -> Settled | Failure | None:
        """What follows a failure, as far as that needs no call. Runs in any thread, never raises.

        The exception is looked at here, in the step's own thread: its methods may be slow.
        """
        if GENERATION[0] != self._generation:
            end_child(failure.exc)
        if claim.ctx.lost:
            return None
        if claim.told:
            claim.raised = failure.exc
        if claim.stage is Stage.STEP and claim.definition.on_error is not None:
            logger.warning(
                "%s, attempt %d: failed, its error handler decides: %s",
                claim, claim.ctx.attempt, _shown(failure.exc),
            )  # fmt: skip
            return failure
        if claim.failure is not None:
            _link(failure.exc, claim.failure.exc)
        return self._conclude(claim, failure)

    def _conclude(self, claim: Claim, failure: Failure) -> Settled:
        stage, claim.stage = claim.stage, Stage.POLICY
        final = (claim.failure or failure).final
        settled = conclude(claim.definition, claim.ctx, failure.exc, final=final)
        attempts, shown = claim.ctx.failures + 1, _shown(failure.exc)
        cause = failure.exc if logger.isEnabledFor(logging.DEBUG) else None
        if isinstance(settled.outcome, Retry):
            logger.warning(
                "%s, attempt %d: its %s failed, it runs again: %s",
                claim, claim.ctx.attempt, stage.value, shown, exc_info=cause,
            )  # fmt: skip
        else:
            logger.error(
                "%s gave up after %d %s: %s",
                claim, attempts, "attempt" if attempts == 1 else "attempts", shown, exc_info=cause,
            )  # fmt: skip
        return settled

    def _next_stage(self, claim: Claim, failure: Failure) -> None:
        """Let the stage decide that follows the one which failed."""
        if claim.stage is Stage.STEP and claim.definition.on_error is not None:
            claim.stage = Stage.HANDLER
            claim.failure = failure
            claim.ctx.forget_changes()
            self._call(claim, claim.definition.on_error, claim.ctx, as_exception(failure.exc))
        elif claim.stage in (Stage.STEP, Stage.HANDLER):
            self._finished(claim, self._conclude(claim, failure))
        elif claim.stage is Stage.POLICY:
            claim.stage = Stage.LAST_RESORT
            logger.error("%s gave up: its retry policy's outcome was refused", claim)
            self._finished(claim, last_resort(claim.definition, claim.ctx, str(failure.exc)))
        else:
            logger.error("%s: no outcome of it can be stored: %s", claim, _shown(failure.exc))
            self._abandoned(claim)


def kind_of(settled: Settled) -> str:
    """What an outcome is called."""
    return KINDS[type(settled.outcome)]


def _told(settled: Settled, answer: CommitResult) -> Committed | Again:
    if answer.result == "busy":
        return Again("another transaction has the instance locked")
    return Committed(settled, answer)


def _in_time(claim: Claim, exc: BaseException) -> BaseException:
    """What has ended a step: where it was the end of its time, that."""
    told = (asyncio.CancelledError, psycopg.errors.QueryCanceled)
    if not (claim.ctx.overdue and claim.stage is Stage.STEP and isinstance(exc, told)):
        return exc
    timed_out = _timed_out(claim)
    timed_out.__cause__ = exc
    return timed_out


def _timed_out(claim: Claim, where: str = "") -> StepTimeoutError:
    ctx = claim.ctx
    limit = claim.definition.steps[ctx.step].timeout
    return StepTimeoutError(f"step {ctx.step!r} of {ctx.fsm} has not ended in {limit:g} s{where}")


def _describe(frames: list[FrameType]) -> str:
    """The innermost frame, if there is one of those that are neither Python's nor ours."""
    own = [one for one in frames if not one.f_code.co_filename.startswith(_NOT_THE_USERS)]
    if not frames:
        return "an unknown place"
    code = (own or frames)[-1].f_code
    return f"{code.co_filename}:{(own or frames)[-1].f_lineno} in {code.co_name}"


def _link(exc: BaseException, before: BaseException) -> None:
    """Let the traceback of an error handler's exception show that of the step as well."""
    with suppress(Exception):  # The attributes of an exception may be the user's code.
        last, chain = exc, {id(exc)}
        while last is not before and last.__context__ and id(last.__context__) not in chain:
            last = last.__context__
            chain.add(id(last))
        if last is not before:
            last.__context__ = before


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _shown(exc: BaseException) -> str:
    message = " ".join(safe_str(exc, _SHOWN).split())
    return f"{type_name(exc)}: {message}" if message else type_name(exc)
