"""What follows a step that failed. One rule for the worker and for ``gendurable.testing``."""

from __future__ import annotations

from typing import Any

from gendurable.backoff import RetryPolicy, describe
from gendurable.context import Context
from gendurable.errors import OutcomeError
from gendurable.machine import Definition
from gendurable.outcomes import Outcome, Retry, Stop
from gendurable.settle import Settled, settle
from gendurable.text import safe_repr

__all__ = ["as_exception", "check_retry", "conclude", "last_resort", "verdict"]


def check_retry(definition: Definition, ctx: Context[Any], answer: Outcome) -> None:
    """Refuse a ``Retry`` that a step or an error handler answers once too often.

    Raises:
        OutcomeError: the step's policy accepts no more.
    """
    most = getattr(definition.policy(ctx.step), "max_explicit", None)
    if most is not None and ctx.failures + 1 >= most:
        given = getattr(answer, "error", None)
        error = "" if given is None else f": {safe_repr(given, 1_000)}"
        raise OutcomeError(
            f"step {ctx.step!r} of {ctx.fsm} was to run again after {ctx.failures + 1} "
            f"executions, and its retry policy has max_explicit={most}{error}"
        )


def conclude(
    definition: Definition, ctx: Context[Any], exc: BaseException, *, final: bool
) -> Settled:
    """The outcome of a failed step by its retry policy. Never raises.

    Args:
        definition: the machine of the step.
        ctx: what the step was given.
        exc: why it failed.
        final: the step has answered, and its answer cannot be stored. To run it again would repeat
            its effects and end in the same way.
    """
    ctx.forget_changes()
    try:
        return _by_policy(definition, ctx, exc, definition.policy(ctx.step), final=final)
    except BaseException:  # noqa: BLE001 (a policy is the user's code)
        return _by_policy(definition, ctx, exc, RetryPolicy(), final=final)


def last_resort(definition: Definition, ctx: Context[Any], reason: str) -> Settled:
    """The outcome of a failed step where the engine refuses even what ``conclude`` says."""
    ctx.forget_changes()
    return settle(definition, ctx, Stop(describe(OutcomeError(reason))))


def verdict(definition: Definition, ctx: Context[Any]) -> Settled | None:
    """The outcome of a step that has ended too many workers, before it ends another one.

    Returns:
        None if it may run. Executions that were lost in the company of others do not count.
    """
    if not ctx.attempt or ctx.last_error_json is None:
        return None
    note = ctx.note()
    if note.get("kind") != "lost" or not _is_enough(definition.policy(ctx.step), ctx.failures):
        return None
    ctx.forget_changes()
    crash = {
        "kind": "crashed",
        "message": f"step {ctx.step!r} has ended its worker, or blocked it beyond its lease; "
        f"{ctx.failures} of its executions have failed",
        "attempts": ctx.failures,
        "last_error": note,
    }
    return settle(definition, ctx, Stop(crash))


def _is_enough(policy: RetryPolicy, failures: int) -> bool:
    try:
        return policy.max_attempts is not None and failures >= policy.max_attempts
    except Exception:  # noqa: BLE001 (a policy is the user's code, and need not have a limit)
        return False


def as_exception(exc: BaseException) -> Exception:
    """What an error handler is given: SystemExit and its like are wrapped."""
    if isinstance(exc, Exception):
        return exc
    wrapped = OutcomeError(f"the step raised {safe_repr(exc, 1_000)}")
    wrapped.__cause__ = exc
    return wrapped


def _by_policy(
    definition: Definition,
    ctx: Context[Any],
    exc: BaseException,
    policy: RetryPolicy,
    *,
    final: bool,
) -> Settled:
    outcome = Stop(describe(exc)) if final else policy.outcome(ctx.failures, exc)
    excused = ctx.attempt - ctx.failures
    if excused and isinstance(outcome, Retry) and isinstance(outcome.error, dict):
        # What the engine has counted so far would be forgotten with the error that it stands in.
        outcome = Retry(outcome.delay, outcome.error | {"excused": excused}, outcome.state)
    return settle(definition, ctx, outcome, migrates=False)
