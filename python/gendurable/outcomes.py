"""What a step may answer, as values. Each knows its JSON form, which is the engine's API.

The classes are frozen msgspec structs rather than dataclasses: one is built for every step that
runs, and a frozen dataclass takes several microseconds to build.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from gendurable.entry import Duration, Entry, seconds
from gendurable.errors import OutcomeError

__all__ = [
    "Await",
    "Done",
    "Next",
    "Outcome",
    "Retry",
    "ScheduleChildren",
    "StepRef",
    "Stop",
]

StepRef: TypeAlias = str | Callable[..., Any]
"""A step by name, or as the method itself (``self.ship``)."""


class Next(msgspec.Struct, frozen=True):
    """Go on to ``step``; the new state is committed before it runs.

    Without ``delay``, rate limit or other admission the same worker runs it at once.

    Attributes:
        step: the step to go to.
        state: the new state; left out, changes made in place to ``ctx.state`` are stored.
        delay: time before the step may start.
        rate_limit: key of the token bucket that the next step draws from.
        weight: tokens it draws.
        concurrency_key: left out, the instance keeps its key; None releases it.
        priority: left out, unchanged; smaller is more urgent.
    """

    step: StepRef
    state: Any = UNSET
    delay: Duration = 0
    rate_limit: str | None = None
    weight: float = 1
    concurrency_key: str | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET

    def wire(self) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state."""
        fields: dict[str, Any] = {"kind": "next", "step": step_name(self.step)}
        if self.delay:
            fields["delay_ms"] = milliseconds(self.delay)
        if self.rate_limit is not None:
            fields["rate_limit"] = self.rate_limit
            fields["weight"] = self.weight
        if self.concurrency_key is not UNSET:
            fields["concurrency_key"] = self.concurrency_key
        if self.priority is not UNSET:
            fields["priority"] = self.priority
        return fields


class Retry(msgspec.Struct, frozen=True):
    """Run the same step again; its attempt number grows by one.

    Attributes:
        delay: time before it may start.
        error: any JSON value; the next run finds it in ``ctx.last_error``.
        state: the new state; left out, changes made in place to ``ctx.state`` are stored.
    """

    delay: Duration = 0
    error: Any = None
    state: Any = UNSET

    def wire(self) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state."""
        fields: dict[str, Any] = {"kind": "retry", "delay_ms": milliseconds(self.delay)}
        if self.error is not None:
            fields["error"] = self.error
        return fields


class Await(msgspec.Struct, frozen=True):
    """Park until a signal with one of these names arrives, or until the timeout.

    Attributes:
        names: one name or several.
        step: the step to run then; left out, the same step again.
        state: the new state; left out, changes made in place to ``ctx.state`` are stored.
        timeout: the step then runs with whatever is in ``ctx.awaited``.
    """

    names: str | Sequence[str]
    step: StepRef | None = None
    state: Any = UNSET
    timeout: Duration | None = None

    def wire(self) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state."""
        names = [self.names] if isinstance(self.names, str) else list(self.names)
        fields: dict[str, Any] = {"kind": "await", "names": names}
        if self.step is not None:
            fields["step"] = step_name(self.step)
        if self.timeout is not None:
            fields["timeout_ms"] = milliseconds(self.timeout)
        return fields


class ScheduleChildren(msgspec.Struct, frozen=True):
    """Start child instances and park until every one of them is terminal.

    Attributes:
        children: what to enqueue, in order; none at all makes the parent runnable at once.
        step: the step that finds them in ``ctx.children``; left out, the same step.
        state: the new state; left out, changes made in place to ``ctx.state`` are stored.
    """

    children: Sequence[Entry]
    step: StepRef | None = None
    state: Any = UNSET

    def wire(self) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state."""
        fields: dict[str, Any] = {
            "kind": "schedule_children",
            "children": [child.arguments() for child in self.children],
        }
        if self.step is not None:
            fields["step"] = step_name(self.step)
        return fields


class Done(msgspec.Struct, frozen=True):
    """Finish. ``result`` is any JSON value and stays readable until retention forgets it."""

    result: Any = None

    def wire(self) -> dict[str, Any]:
        """The outcome in the engine's JSON form."""
        return {"kind": "done"} if self.result is None else {"kind": "done", "result": self.result}


class Stop(msgspec.Struct, frozen=True):
    """Give up: the instance is ``failed`` with ``error``, any JSON value."""

    error: Any = None

    def wire(self) -> dict[str, Any]:
        """The outcome in the engine's JSON form."""
        return {"kind": "stop"} if self.error is None else {"kind": "stop", "error": self.error}


Outcome: TypeAlias = Next | Retry | Await | ScheduleChildren | Done | Stop


def step_name(ref: StepRef) -> str:
    """The name of a step given as a name or as the step method itself."""
    if isinstance(ref, str):
        return ref
    name = getattr(ref, "__name__", None)
    if not isinstance(name, str):
        raise OutcomeError(f"{ref!r} is neither a step's name nor a step method")
    return name


def milliseconds(duration: Duration) -> int:
    """A duration in whole milliseconds, rounded up so that nothing happens early."""
    return ceil(seconds(duration) * 1000)
