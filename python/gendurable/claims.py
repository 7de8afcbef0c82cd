"""A claim: one instance that a worker holds, and how far the code that runs for it has come."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import sysconfig
from enum import Enum
from pathlib import Path
from time import monotonic
from traceback import walk_stack
from types import CoroutineType, FrameType
from typing import Any, NamedTuple

import msgspec

from gendurable.context import Context
from gendurable.events import Execution
from gendurable.machine import Definition
from gendurable.queues import Queue
from gendurable.settle import Settled, next_context
from gendurable.threads import Helpers
from gendurable.transactions import AnyLease

__all__ = ["Claim", "Failure", "Stage"]

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
        told: subscribers were told that its step has started, and not yet that it has stopped.
        execution: what they are told of it.
        context: the context variables that they have given it.
        raised: the exception that its code has raised last, if an event has a subscriber.
    """

    # Written out, with slots: a claim is written to some twenty times for each step, which a struct
    # or a dictionary of attributes takes longer for.
    __slots__ = (
        "asks", "calls", "context", "ctx", "definition", "execution", "failure", "forsaken_at",
        "helpers", "lease", "placed", "queue", "raised", "refusals", "settled", "stage",
        "started_at", "stays", "task", "thread", "timer", "told", "took",
    )  # fmt: skip

    def __init__(self, definition: Definition, ctx: Context[Any], queue: Queue) -> None:
        self.definition = definition
        self.ctx = ctx
        self.queue = queue
        self.stage = Stage.STEP
        self.failure: Failure | None = None
        self.settled: Settled | None = None
        self.asks = False
        self.stays = False
        self.refusals = 0
        self.task: asyncio.Task[None] | None = None
        self.thread: int | None = None
        self.calls = 0
        self.placed = False
        self.timer: asyncio.TimerHandle | None = None
        self.lease: AnyLease | None = None
        self.helpers: Helpers | None = None
        self.forsaken_at = 0.0
        self.started_at = monotonic()
        self.took = 0.0
        self.told = False
        self.execution: Execution | None = None
        self.context: contextvars.Context | None = None
        self.raised: BaseException | None = None

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


def _describe(frames: list[FrameType]) -> str:
    """The innermost frame, if there is one of those that are neither Python's nor ours."""
    own = [one for one in frames if not one.f_code.co_filename.startswith(_NOT_THE_USERS)]
    if not frames:
        return "an unknown place"
    code = (own or frames)[-1].f_code
    return f"{code.co_filename}:{(own or frames)[-1].f_lineno} in {code.co_name}"
