"""From what a step returned to the entry that ``gd_commit`` takes."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
from msgspec import UNSET

from gendurable.codec import encode_json
from gendurable.context import Context
from gendurable.errors import OutcomeError
from gendurable.machine import Definition
from gendurable.outcomes import (
    Await,
    Done,
    Next,
    Outcome,
    Retry,
    ScheduleChildren,
    Stop,
    step_name,
)

__all__ = ["OUTCOMES", "Settled", "next_context", "settle"]

OUTCOMES = (Next, Retry, Await, ScheduleChildren, Done, Stop)


class Settled(msgspec.Struct, frozen=True):
    """One finished execution, ready to be committed.

    Attributes:
        outcome: what the step returned.
        entry: the same as JSON text, one element of the array that ``gd_commit`` takes. It is
            encoded here and not with its batch, so that a value without a JSON form is the error
            of this one step.
        may_run_ahead: the worker may ask to go on with the next step itself, by adding
            ``"continue": true`` to the entry.
        state_json: the new state, None where the stored one stays.
    """

    outcome: Outcome
    entry: bytes
    may_run_ahead: bool
    state_json: bytes | None


def settle(definition: Definition, ctx: Context[Any], outcome: object) -> Settled:
    """Check an outcome and encode it.

    Args:
        definition: the machine of the step.
        ctx: what the step was given.
        outcome: what it returned, whatever that is.

    Raises:
        OutcomeError: it is no outcome or names a step that the machine does not have.
        StateError: its state does not fit the machine, or something in it has no JSON form.
    """
    if not isinstance(outcome, OUTCOMES):
        raise OutcomeError(_not_an_outcome(ctx, outcome))
    fields = {"id": ctx.id, "fence": ctx.fence, **outcome.wire()}
    if isinstance(outcome, (Done, Stop)):
        return Settled(outcome, encode_json(fields), may_run_ahead=False, state_json=None)

    if isinstance(outcome, Next | Await | ScheduleChildren) and "step" in fields:
        definition.check_step(fields["step"])
    if isinstance(outcome, (Next, ScheduleChildren)) and (consumed := ctx.consumed()):
        fields["consumed"] = consumed
    state = ctx.changed_state() if outcome.state is UNSET else outcome.state
    state_json = None if state is UNSET else definition.codec.encode(state)
    if state_json is not None:
        fields["state"] = msgspec.Raw(state_json)
    return Settled(outcome, encode_json(fields), isinstance(outcome, Next), state_json)


def next_context(
    ctx: Context[Any], settled: Settled, fence: int, signals: str | None, children: str | None
) -> Context[Any]:
    """The execution that follows a ``Next`` which the engine let this worker run at once."""
    outcome = settled.outcome
    assert isinstance(outcome, Next)  # noqa: S101 (nothing else can be continued)
    return msgspec.structs.replace(
        ctx,
        fence=fence,
        step=step_name(outcome.step),
        state_json=ctx.state_json if settled.state_json is None else settled.state_json,
        attempt=0,
        priority=ctx.priority if outcome.priority is UNSET else outcome.priority,
        concurrency_key=(
            ctx.concurrency_key if outcome.concurrency_key is UNSET else outcome.concurrency_key
        ),
        awaited_json="[]",
        signals_json=signals or "[]",
        children_json=children,
        last_error_json=None,
        _state=UNSET,
    )


def _not_an_outcome(ctx: Context[Any], outcome: object) -> str:
    where = f"step {ctx.step!r} of {ctx.fsm}"
    if outcome is None:
        return f"{where} returned nothing; every path must return an outcome, such as Done()"
    if inspect.isawaitable(outcome):
        return f"{where} returned a {type(outcome).__name__}; declare the step with async def"
    return f"{where} returned {outcome!r}, which is no outcome (Next, Retry, Await, Done, ...)"
