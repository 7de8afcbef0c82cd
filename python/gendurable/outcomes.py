"""What a step may answer, as values. Each knows its JSON form, which is the engine's API.

The classes are frozen msgspec structs rather than dataclasses: one is built for every step that
runs, and a frozen dataclass takes several microseconds to build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, TypeAlias, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from gendurable.arguments import Duration, flag, integer, key, milliseconds, number, texts
from gendurable.entry import Entry
from gendurable.errors import StateError, UsageError
from gendurable.steps import StepRef
from gendurable.text import safe_repr

__all__ = [
    "OUTCOMES",
    "Await",
    "Done",
    "Join",
    "Next",
    "Outcome",
    "Retry",
    "ScheduleChildren",
    "StepName",
    "StepOutcome",
    "Stop",
]

StepName: TypeAlias = Callable[[StepRef], str]
"""What knows the names of a machine's steps: raises for a step that it does not have."""

Join: TypeAlias = Literal["all", "first_failure", "any"]
"""What a parent waits for: all of its children, the first that fails, the first that is done."""

_SHOWN = 200


class StepOutcome(msgspec.Struct, frozen=True):
    """The base of all outcomes: what the engine and the worker do with one, as data.

    Attributes:
        kind: what the engine calls it.
        is_terminal: the instance ends, so there is no state to store.
        may_run_ahead: the same worker may go on at once.
    """

    kind: ClassVar[str] = ""
    is_terminal: ClassVar[bool] = False
    may_run_ahead: ClassVar[bool] = False

    @property
    def consumes(self) -> bool:
        """Whether the awaited signals that were handed to the step are deleted."""
        return False

    @property
    def state(self) -> Any:
        """The new state; UNSET leaves it to what the step changed in place."""
        return UNSET

    def wire(self, step_name: StepName, /) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state.

        Raises:
            UsageError: a field has the wrong type; the message names it.
        """
        raise NotImplementedError


class Next(StepOutcome, frozen=True):
    """Go on to ``step``; the new state is committed before it runs.

    Without ``delay``, rate limit or other admission the same worker runs it at once.

    Attributes:
        step: the step to go to.
        state: a new state, in place of the whole stored one; left out, or ``ctx.state`` itself,
            what the step changed in ``ctx.state`` is stored.
        delay: time before the step may start, in seconds or as a timedelta; not negative.
        rate_limit: key of the token bucket that the next step draws from.
        weight: tokens it draws.
        concurrency_key: left out, the instance keeps its key; None releases it.
        priority: left out, unchanged; smaller is more urgent.
    """

    kind: ClassVar[str] = "next"
    may_run_ahead: ClassVar[bool] = True

    step: StepRef
    state: Any = UNSET
    delay: Duration = 0
    rate_limit: str | UUID | int | None = None
    weight: float = 1
    concurrency_key: str | UUID | int | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET

    @property
    def consumes(self) -> bool:
        """Whether the awaited signals that were handed to the step are deleted."""
        return True

    def wire(self, step_name: StepName, /) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state."""
        fields: dict[str, Any] = {"kind": self.kind, "step": step_name(self.step)}
        # Asked by type first: what is no number may not compare.
        if type(self.delay) is not int or self.delay:
            fields["delay_ms"] = milliseconds(self.delay, "delay")
        if self.rate_limit is not None:
            fields["rate_limit"] = key("rate_limit", self.rate_limit)
            fields["weight"] = number("weight", self.weight)
        if self.concurrency_key is None:
            fields["concurrency_key"] = None
        elif self.concurrency_key is not UNSET:
            fields["concurrency_key"] = key("concurrency_key", self.concurrency_key)
        if self.priority is not UNSET:
            fields["priority"] = integer("priority", self.priority)
        return fields


class Retry(StepOutcome, frozen=True):
    """Run the same step again; its attempt number grows by one.

    Attributes:
        delay: time before it may start, in seconds or as a timedelta; not negative.
        error: any JSON value; the next run finds it in ``ctx.last_error``.
        state: a new state, in place of the whole stored one; left out, or ``ctx.state`` itself,
            what the step changed in ``ctx.state`` is stored.
        consume: delete the awaited signals that the step was handed, so that none is handed out
            again; left out, the next run is handed them again.
    """

    kind: ClassVar[str] = "retry"

    delay: Duration = 0
    error: Any = None
    state: Any = UNSET
    consume: bool = False

    @property
    def consumes(self) -> bool:
        """Whether the awaited signals that were handed to the step are deleted."""
        return flag("consume", self.consume)

    def wire(self, _: StepName, /) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state."""
        fields: dict[str, Any] = {
            "kind": self.kind,
            "delay_ms": milliseconds(self.delay, "delay"),
        }
        if self.error is not None:
            fields["error"] = self.error
        return fields


class Await(StepOutcome, frozen=True):
    """Park until a signal with one of these names arrives, or until the timeout.

    Attributes:
        names: one name or several, in whatever can be gone through; at least one.
        step: the step to run then; left out, the same step again.
        state: a new state, in place of the whole stored one; left out, or ``ctx.state`` itself,
            what the step changed in ``ctx.state`` is stored.
        timeout: seconds or a timedelta; the step then runs with whatever is in ``ctx.awaited``.
        consume: delete the awaited signals that the step was handed, so that none is handed out
            again; left out, those of the same names accumulate in ``ctx.awaited``.
    """

    kind: ClassVar[str] = "await"

    names: str | Iterable[str]
    step: StepRef | None = None
    state: Any = UNSET
    timeout: Duration | None = None
    consume: bool = False

    @property
    def consumes(self) -> bool:
        """Whether the awaited signals that were handed to the step are deleted."""
        return flag("consume", self.consume)

    def wire(self, step_name: StepName, /) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state."""
        names = texts("names", self.names)
        if not names:
            raise UsageError("names must be at least one name, not none")
        fields: dict[str, Any] = {"kind": self.kind, "names": names}
        if self.step is not None:
            fields["step"] = step_name(self.step)
        if self.timeout is not None:
            fields["timeout_ms"] = milliseconds(self.timeout, "timeout")
        return fields


class ScheduleChildren(StepOutcome, frozen=True):
    """Start child instances and park until every one of them is terminal, or `join` is satisfied.

    Attributes:
        children: what to enqueue, in order; none at all makes the parent runnable at once.
        step: the step that finds them in ``ctx.children``; left out, the same step.
        join: ``all`` waits for all of them; ``first_failure`` only until one fails, ``any`` only
            until one is done, and then the rest is cancelled.
        state: a new state, in place of the whole stored one; left out, or ``ctx.state`` itself,
            what the step changed in ``ctx.state`` is stored.
    """

    kind: ClassVar[str] = "schedule_children"

    children: Iterable[Entry]
    step: StepRef | None = None
    state: Any = UNSET
    join: Join = "all"

    @property
    def consumes(self) -> bool:
        """Whether the awaited signals that were handed to the step are deleted."""
        return True

    def wire(self, step_name: StepName, /) -> dict[str, Any]:
        """The outcome's own fields in the engine's JSON form, without the state."""
        fields: dict[str, Any] = {
            "kind": self.kind,
            "children": _children(self.children),
        }
        if self.join not in get_args(Join):
            known = ", ".join(get_args(Join))
            raise UsageError(f"join must be one of {known}, not {safe_repr(self.join, _SHOWN)}")
        if self.join != "all":
            fields["join"] = self.join
        if self.step is not None:
            fields["step"] = step_name(self.step)
        return fields


class Done(StepOutcome, frozen=True):
    """Finish. ``result`` is any JSON value and stays readable until retention forgets it."""

    kind: ClassVar[str] = "done"
    is_terminal: ClassVar[bool] = True

    result: Any = None

    def wire(self, _: StepName, /) -> dict[str, Any]:
        """The outcome in the engine's JSON form."""
        fields: dict[str, Any] = {"kind": self.kind}
        if self.result is not None:
            fields["result"] = self.result
        return fields


class Stop(StepOutcome, frozen=True):
    """Give up: the instance is ``failed`` with ``error``, any JSON value."""

    kind: ClassVar[str] = "stop"
    is_terminal: ClassVar[bool] = True

    error: Any = None

    def wire(self, _: StepName, /) -> dict[str, Any]:
        """The outcome in the engine's JSON form."""
        fields: dict[str, Any] = {"kind": self.kind}
        if self.error is not None:
            fields["error"] = self.error
        return fields


Outcome: TypeAlias = Next | Retry | Await | ScheduleChildren | Done | Stop

OUTCOMES: frozenset[type[StepOutcome]] = frozenset(get_args(Outcome))
"""Their types. To look for the type of an answer here takes a tenth of what isinstance takes."""


def _children(entries: Any) -> list[dict[str, Any]]:
    if not isinstance(entries, Iterable):
        raise UsageError(f"children must be several Entry, not {safe_repr(entries, _SHOWN)}")
    return [_arguments_of(place, entry) for place, entry in enumerate(entries)]


def _arguments_of(place: int, entry: object) -> dict[str, Any]:
    where = f"children[{place}]"
    if not isinstance(entry, Entry):
        raise UsageError(f"{where} must be an Entry, not {safe_repr(entry, _SHOWN)}")
    try:
        return entry.arguments()
    except UsageError as exc:
        raise UsageError(f"{where}: {exc}") from exc
    except StateError as exc:
        raise StateError(f"{where}: {exc}") from exc
