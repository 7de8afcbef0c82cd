"""One instance to be enqueued, as a value: for ``enqueue_many`` and for children."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, TypedDict
from uuid import UUID

import msgspec

from gendurable.arguments import Duration, integer, interval, key, moment, number, text, texts
from gendurable.codec import encode_json
from gendurable.errors import UsageError
from gendurable.startable import Startable, identity_of, steps_of
from gendurable.steps import StepRef, is_step
from gendurable.text import safe_repr

__all__ = [
    "ARGUMENTS",
    "Duration",
    "EnqueueOptions",
    "Entry",
    "Target",
    "fsm_name",
    "step_name",
]

Target: TypeAlias = str | Startable[Any] | type[Startable[Any]]
"""A machine class or object or a job; only its name where its code is not at hand."""

_SHOWN = 200


class EnqueueOptions(TypedDict, total=False):
    """The options of an ``Entry``, for ``Job.options``: all but what is enqueued and its state."""

    step: StepRef | None
    queue: str | None
    priority: int | None
    eligible_at: datetime | None
    delay: Duration | None
    correlation_key: str | UUID | int | None
    correlation_scope: Iterable[str] | None
    concurrency_key: str | UUID | int | None
    rate_limit: str | UUID | int | None
    weight: float | None
    fsm_version: int | None


class Entry(msgspec.Struct, frozen=True):
    """The arguments of ``gd_enqueue`` for one instance; None means the engine's default.

    Attributes:
        machine: a machine class or object, a job, or a name.
        state: the initial state; checked against the machine's state type where that is known.
        step: the step to start with, by name or as the method; the engine's default is ``start``.
        queue: left out, the machine's own; if that is None, ``default`` or a child's parent's.
        priority: any int, smaller is more urgent.
        eligible_at: not before this moment; a datetime with a time zone.
        delay: seconds or a timedelta, counted from ``eligible_at`` or now; negative means at once.
        correlation_key: the business identity: address of signals and guard against duplicates.
            A UUID or an int stands for its text.
        correlation_scope: the statuses in which the key is occupied, one or several.
        concurrency_key: ``name`` or ``name:partition`` of a semaphore.
        rate_limit: ``name`` or ``name:partition`` of a token bucket.
        weight: tokens the first step draws.
        fsm_version: left out, the machine's own version; where only its name is given, the newest
            that a live worker declares.
    """

    machine: Target
    state: Any = None
    step: StepRef | None = None
    queue: str | None = None
    priority: int | None = None
    eligible_at: datetime | None = None
    delay: Duration | None = None
    correlation_key: str | UUID | int | None = None
    correlation_scope: Iterable[str] | None = None
    concurrency_key: str | UUID | int | None = None
    rate_limit: str | UUID | int | None = None
    weight: float | None = None
    fsm_version: int | None = None

    def arguments(self) -> dict[str, Any]:
        """The arguments that are given, by the engine's names, in the engine's JSON form.

        Raises:
            StateError: the state does not fit the machine's state type.
            UsageError: an argument has the wrong type; the message names it.
        """
        machine = _startable(self.machine)
        arguments: dict[str, Any] = {}
        if machine is None:
            arguments["fsm"] = text("fsm", self.machine)
        else:
            arguments["fsm"], arguments["fsm_version"], queue = identity_of(machine)
            if queue is not None:
                arguments["queue"] = queue
        for name, convert in _CONVERSIONS:
            if (value := getattr(self, name)) is not None:
                arguments[name] = convert(name, value)
        if (state := self._encoded_state(machine)) is not None:
            arguments["state"] = state
        if self.step is not None:
            arguments["step"] = step_name(machine, self.step)
        return arguments

    def _encoded_state(
        self, machine: Startable[Any] | type[Startable[Any]] | None
    ) -> msgspec.Raw | None:
        if self.state is None:
            if machine is not None:
                machine.codec.decode("{}")  # What the engine makes of no state has to fit as well.
            return None
        encode = encode_json if machine is None else machine.codec.encode
        return msgspec.Raw(encode(self.state))


def fsm_name(target: Target) -> str:
    """The engine's name of a machine or a job.

    Raises:
        UsageError: it is neither, and no name.
    """
    machine = _startable(target)
    return text("machine", target) if machine is None else identity_of(machine)[0]


def _startable(machine: Any) -> Startable[Any] | type[Startable[Any]] | None:
    """What a machine is known by, None where that is only its name."""
    if isinstance(machine, str):
        return None
    is_class = isinstance(machine, type) and issubclass(machine, Startable)
    # Machine itself has no name.
    if (is_class or isinstance(machine, Startable)) and hasattr(machine, "name"):
        return machine  # type: ignore[no-any-return]
    raise UsageError(
        "machine must be a machine, a job or a name, not " + safe_repr(machine, _SHOWN)
    )


def _delay(field: str, value: Any) -> str:
    return interval(value, field)


class _Argument(NamedTuple):
    """One argument of ``gd_enqueue``.

    Attributes:
        type: its type in SQL.
        convert: makes the JSON form of what is given; None where that takes more than the value.
    """

    type: str
    convert: Callable[[str, Any], Any] | None = None


ARGUMENTS: Mapping[str, _Argument] = {
    "fsm": _Argument("text"),
    "state": _Argument("jsonb"),
    "step": _Argument("text"),
    "queue": _Argument("text", text),
    "priority": _Argument("int", integer),
    "eligible_at": _Argument("timestamptz", moment),
    "delay": _Argument("interval", _delay),
    "correlation_key": _Argument("text", key),
    "correlation_scope": _Argument("text[]", texts),
    "concurrency_key": _Argument("text", key),
    "rate_limit": _Argument("text", key),
    "weight": _Argument("float8", number),
    "fsm_version": _Argument("int", integer),
}
"""The arguments of ``gd_enqueue``."""

_CONVERSIONS = [
    (name, argument.convert) for name, argument in ARGUMENTS.items() if argument.convert
]


def step_name(machine: Startable[Any] | type[Startable[Any]] | None, ref: StepRef) -> str:
    """A step's name, given as that or as the method; without a machine any step's method will do.

    Raises:
        UsageError: it is neither, or a step of another machine.
    """
    if isinstance(ref, str):
        return text("step", ref)
    if machine is not None:
        try:
            return steps_of(machine).name_of(ref)
        except UsageError as exc:
            raise UsageError(f"step: {exc}") from exc
    name = getattr(ref, "__name__", None)
    if is_step(getattr(ref, "__func__", ref)) and isinstance(name, str):
        return name
    raise UsageError(f"step must be a step's name or a step method, not {safe_repr(ref, _SHOWN)}")
