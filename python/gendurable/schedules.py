"""Schedules: what is created when, as a value; declared by machines and jobs, or set by calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from gendurable.arguments import integer, key, number, text
from gendurable.codec import encode_json
from gendurable.entry import Target, step_name
from gendurable.errors import DefinitionError, GendurableError, UsageError
from gendurable.startable import Startable, identity_of
from gendurable.steps import StepRef
from gendurable.text import safe_repr

__all__ = ["SCHEDULE_ARGUMENTS", "Declarations", "Schedule", "declarations_of"]

Declarations: TypeAlias = tuple[Mapping[str, Any], ...]
"""Entries of ``gd_declare_schedules``."""

_SHOWN = 100
_SOME_MOMENT = "2026-01-05T03:00:00Z"

SCHEDULE_ARGUMENTS: Mapping[str, str] = {
    "name": "text",
    "cron": "text",
    "fsm": "text",
    "state": "jsonb",
    "step": "text",
    "queue": "text",
    "priority": "int",
    "timezone": "text",
    "overlap": "text",
    "missed": "text",
    "stamp": "text",
    "concurrency_key": "text",
    "rate_limit": "text",
    "weight": "float8",
    "fsm_version": "int",
}
"""The arguments of ``gd_schedule`` and their types in SQL."""

_CONVERSIONS = {
    "timezone": text,
    "overlap": text,
    "missed": text,
    "stamp": text,
    "queue": text,
    "priority": integer,
    "concurrency_key": key,
    "rate_limit": key,
    "weight": number,
    "fsm_version": integer,
}


class Schedule(msgspec.Struct, frozen=True):
    """When instances of a machine are created by themselves; None means the engine's default.

    Attributes:
        cron: five fields (minute hour day-of-month month day-of-week), ``@daily`` and its like, or
            ``@every`` with an interval.
        name: what it is known by in the whole database; the machine's name by default.
        timezone: by whose clocks, such as ``Europe/Berlin``; the engine's default is ``UTC``.
        state: the initial state of each instance.
        step: the step to start with, by name or as the method.
        queue: left out, the machine's own; if that is None, ``default``.
        priority: any int, smaller is more urgent.
        overlap: ``skip`` an occurrence while the instance of an earlier one lives, or ``allow`` it.
        missed: of the occurrences that could not be fired in time: ``one``, the latest of them;
            ``skip``, none that is more than a minute late; ``all``, a thousand at most.
        stamp: the field of the state that gets the time of the occurrence (ISO 8601, UTC).
        concurrency_key: ``name`` or ``name:partition`` of a semaphore.
        rate_limit: ``name`` or ``name:partition`` of a token bucket.
        weight: tokens the first step draws.
        fsm_version: left out, the one that is current when it fires.
    """

    cron: str
    name: str | None = None
    timezone: str | None = None
    state: Any = None
    step: StepRef | None = None
    queue: str | None = None
    priority: int | None = None
    overlap: str | None = None
    missed: str | None = None
    stamp: str | None = None
    concurrency_key: str | UUID | int | None = None
    rate_limit: str | UUID | int | None = None
    weight: float | None = None
    fsm_version: int | None = None

    def arguments(self, target: Target) -> dict[str, Any]:
        """The arguments of ``gd_schedule`` that are given, in their JSON form.

        Raises:
            StateError: the state does not fit the machine's state type, with the stamp in it.
            UsageError: an argument has the wrong type; the message names it.
        """
        machine = None if isinstance(target, str) else _startable(target)
        arguments: dict[str, Any] = {"cron": text("cron", self.cron)}
        if machine is None:
            arguments["fsm"] = text("fsm", target)
        else:
            arguments["fsm"], _, queue = identity_of(machine)
            if queue is not None:
                arguments["queue"] = queue
        arguments["name"] = arguments["fsm"] if self.name is None else text("name", self.name)
        for name, convert in _CONVERSIONS.items():
            if (value := getattr(self, name)) is not None:
                arguments[name] = convert(name, value)
        if self.state is not None:
            arguments["state"] = msgspec.Raw(encode_json(self.state))
        if machine is not None:
            machine.codec.decode(self._first_state())
        if self.step is not None:
            arguments["step"] = step_name(machine, self.step)
        return arguments

    def _first_state(self) -> bytes:
        """What the engine makes of the state at some moment."""
        state = b"{}" if self.state is None else encode_json(self.state)
        if self.stamp is None:
            return state
        try:
            fields = msgspec.json.decode(state, type=dict[str, msgspec.Raw])
        except msgspec.ValidationError as exc:
            raise UsageError(f"stamp {self.stamp!r} needs a state that is an object") from exc
        stamp = msgspec.Raw(encode_json(_SOME_MOMENT))
        return msgspec.json.encode(fields | {self.stamp: stamp})


def _startable(target: Any) -> Startable[Any] | type[Startable[Any]]:
    is_class = isinstance(target, type) and issubclass(target, Startable)
    if (is_class or isinstance(target, Startable)) and hasattr(target, "name"):
        return target  # type: ignore[no-any-return]
    raise UsageError("machine must be a machine, a job or a name, not " + safe_repr(target, _SHOWN))


def declarations_of(machine: Startable[Any], schedules: object) -> Declarations:
    """What a worker declares of a machine's schedules.

    Raises:
        DefinitionError: one of them cannot be, or two have one name.
    """
    name, version, _ = identity_of(machine)
    if isinstance(schedules, (str, Schedule)) or not isinstance(schedules, Iterable):
        raise DefinitionError(
            f"{name}: schedules must be a list of Schedule, not {safe_repr(schedules, _SHOWN)}"
        )
    declared: dict[str, dict[str, Any]] = {}
    for schedule in schedules:
        if not isinstance(schedule, Schedule):
            raise DefinitionError(
                f"{name}: schedules must be a list of Schedule, not of "
                f"{safe_repr(schedule, _SHOWN)}"
            )
        try:
            arguments = schedule.arguments(machine)
        except GendurableError as exc:
            raise DefinitionError(f"{name}: schedule {schedule.cron!r}: {exc}") from exc
        if arguments["name"] in declared:
            raise DefinitionError(
                f"{name}: two schedules are named {arguments['name']!r}\n"
                "Give each a name of its own: Schedule(..., name=...)."
            )
        declared[arguments["name"]] = arguments | {"version": version}
    return tuple(declared.values())
