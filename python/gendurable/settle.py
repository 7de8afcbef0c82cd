"""From what a step returned to the entry that ``gd_commit`` takes."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from gendurable.codec import Reading, encode_json
from gendurable.context import Context
from gendurable.errors import OutcomeError, UsageError
from gendurable.machine import Definition
from gendurable.outcomes import OUTCOMES, Next, Outcome, StepOutcome
from gendurable.text import safe_repr

__all__ = ["Settled", "next_context", "settle"]

_LARGEST_ENTRY = 256 * 1024 * 1024
_SHOWN = 200


class Settled(msgspec.Struct, frozen=True):
    """One finished execution, ready to be committed.

    Attributes:
        outcome: what the step returned.
        entry: the same as JSON text, one element of the array that ``gd_commit`` takes. It is
            encoded here and not with its batch, so that a value without a JSON form is the error
            of this one step. It does not ask to continue; the worker adds that.
        may_run_ahead: the worker may ask to go on with the next step at once.
        step: the step that it names, None where it names none.
        state: the new state as the next step reads it, None where the stored one stays.
    """

    outcome: Outcome
    entry: bytes
    may_run_ahead: bool
    step: str | None
    state: Reading[Any] | None

    @property
    def state_json(self) -> bytes | None:
        """The new state as JSON text, None where the stored one stays."""
        return None if self.state is None else self.state.stored


def settle(
    definition: Definition, ctx: Context[Any], outcome: Any, *, migrates: bool = True
) -> Settled:
    """Check an outcome and encode it.

    Args:
        definition: the machine of the step.
        ctx: what the step was given.
        outcome: what it returned, whatever that is.
        migrates: an instance of another version goes on as one of this; False where the step has
            failed, and the stored state stays as it is.

    Raises:
        OutcomeError: it is no outcome, names a step that the machine does not have, has a field
            that cannot be sent, or is too large.
        StateError: its state does not fit the machine, or something in it has no JSON form.
    """
    if type(outcome) not in OUTCOMES and not isinstance(outcome, StepOutcome):
        raise OutcomeError(_not_an_outcome(ctx, outcome))
    try:
        fields = {"id": ctx.id, "fence": ctx.fence, **outcome.wire(definition.step_name)}
        consumes = outcome.consumes
    except UsageError as exc:
        raise OutcomeError(f"{_returned(ctx, outcome)}: {exc}") from exc
    if consumes and (consumed := ctx.consumed()):
        fields["consumed"] = consumed
    state = None
    if ctx.fsm_version == definition.version:
        state = None if outcome.is_terminal else ctx.new_state(outcome.state)
    elif not outcome.is_terminal and (migrates or outcome.state is not UNSET):
        state = ctx.new_state(outcome.state)
        fields["fsm_version"] = definition.version
    entry = encode_json(fields)
    if state is not None:
        entry = b'%b,"state":%b}' % (entry[:-1], state.stored)
    if len(entry) > _LARGEST_ENTRY:
        raise OutcomeError(
            f"{_returned(ctx, outcome)} of {len(entry):,} bytes, which is too large for the "
            "database; store the data elsewhere and keep its address"
        )
    answer: Any = outcome
    return Settled(answer, entry, outcome.may_run_ahead, fields.get("step"), state)


def next_context(
    ctx: Context[Any], settled: Settled, fence: int, signals: str | None, children: str | None
) -> Context[Any]:
    """The execution that follows a ``Next`` which the engine let this worker run at once."""
    outcome = settled.outcome
    assert isinstance(outcome, Next)  # noqa: S101 (nothing else can be continued)
    key = outcome.concurrency_key
    return msgspec.structs.replace(
        ctx,
        fence=fence,
        step=settled.step or ctx.step,
        state_json=settled.state_json or ctx.state_json,
        attempt=0,
        priority=ctx.priority if outcome.priority is UNSET else int(outcome.priority),
        concurrency_key=(
            ctx.concurrency_key if key is UNSET else None if key is None else str(key)
        ),
        awaited_json="[]",
        signals_json=signals or "[]",
        children_json=children,
        last_error_json=None,
        _read=settled.state,
    )


def _returned(ctx: Context[Any], outcome: StepOutcome) -> str:
    return f"step {ctx.step!r} of {ctx.fsm} returned {type(outcome).__name__}"


def _not_an_outcome(ctx: Context[Any], outcome: object) -> str:
    where = f"step {ctx.step!r} of {ctx.fsm}"
    if outcome is None:
        return f"{where} returned nothing; every path must return an outcome, such as Done()"
    shown = safe_repr(outcome, _SHOWN)
    return f"{where} returned {shown}, which is no outcome (Next, Retry, Await, Done, ...)"
