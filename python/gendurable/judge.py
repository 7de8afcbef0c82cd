"""What a call of user code comes to, as an outcome. In any thread, and never by an exception."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import psycopg

from gendurable import failures
from gendurable.claims import Claim, Failure, Stage
from gendurable.errors import StepTimeoutError
from gendurable.outcomes import Retry, Stop
from gendurable.process import GENERATION, end_child
from gendurable.settle import Settled, settle
from gendurable.text import safe_repr, safe_str, type_name

__all__ = ["Judge", "in_time", "shown", "timed_out"]

logger = logging.getLogger("gendurable")

_SHOWN = 500


class Judge:
    """Finds the outcomes of what has returned, and of what has failed."""

    def __init__(self) -> None:
        self._generation = 0

    def open(self) -> None:
        """Take note of the process: in its children no code has an outcome."""
        self._generation = GENERATION[0]

    def answered(self, claim: Claim, answer: object) -> Settled | Failure | None:
        """What user code has returned, as an outcome; None: its claim was lost meanwhile.

        Runs in any thread, and never raises.
        """
        if GENERATION[0] != self._generation:
            end_child(None)
        if claim.ctx.lost:
            return None
        try:
            settled = settle(claim.definition, claim.ctx, answer)
            outcome = settled.outcome
            if outcome.kind == Retry.kind:
                failures.check_retry(claim.definition, claim.ctx, outcome)
        except BaseException as exc:  # noqa: BLE001 (the answer is the user's object)
            return self.failed(claim, Failure(exc, final=True))
        if outcome.kind == Stop.kind:
            error = safe_repr(getattr(outcome, "error", None), _SHOWN)
            logger.warning("%s, attempt %d: stopped: %s", claim, claim.ctx.attempt, error)
        return settled

    def failed(self, claim: Claim, failure: Failure) -> Settled | Failure | None:
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
                claim, claim.ctx.attempt, shown(failure.exc),
            )  # fmt: skip
            return failure
        if claim.failure is not None:
            _link(failure.exc, claim.failure.exc)
        return self.conclude(claim, failure)

    def conclude(self, claim: Claim, failure: Failure) -> Settled:
        """The outcome of a failure by the retry policy."""
        stage, claim.stage = claim.stage, Stage.POLICY
        final = (claim.failure or failure).final
        settled = failures.conclude(claim.definition, claim.ctx, failure.exc, final=final)
        attempts, why = claim.ctx.failures + 1, shown(failure.exc)
        cause = failure.exc if logger.isEnabledFor(logging.DEBUG) else None
        if isinstance(settled.outcome, Retry):
            logger.warning(
                "%s, attempt %d: its %s failed, it runs again: %s",
                claim, claim.ctx.attempt, stage.value, why, exc_info=cause,
            )  # fmt: skip
        else:
            logger.error(
                "%s gave up after %d %s: %s",
                claim, attempts, "attempt" if attempts == 1 else "attempts", why, exc_info=cause,
            )  # fmt: skip
        return settled


def in_time(claim: Claim, exc: BaseException) -> BaseException:
    """What has ended a step: where it was the end of its time, that."""
    told = (asyncio.CancelledError, psycopg.errors.QueryCanceled)
    if not (claim.ctx.overdue and claim.stage is Stage.STEP and isinstance(exc, told)):
        return exc
    late = timed_out(claim)
    late.__cause__ = exc
    return late


def timed_out(claim: Claim, where: str = "") -> StepTimeoutError:
    """The failure of a step that has not ended in time."""
    ctx = claim.ctx
    limit = claim.definition.steps[ctx.step].timeout
    return StepTimeoutError(f"step {ctx.step!r} of {ctx.fsm} has not ended in {limit:g} s{where}")


def _link(exc: BaseException, before: BaseException) -> None:
    """Let the traceback of an error handler's exception show that of the step as well."""
    with suppress(Exception):  # The attributes of an exception may be the user's code.
        last, chain = exc, {id(exc)}
        while last is not before and last.__context__ and id(last.__context__) not in chain:
            last = last.__context__
            chain.add(id(last))
        if last is not before:
            last.__context__ = before


def shown(exc: BaseException) -> str:
    """An exception in a line."""
    message = " ".join(safe_str(exc, _SHOWN).split())
    return f"{type_name(exc)}: {message}" if message else type_name(exc)
