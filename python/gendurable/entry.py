"""One instance to be enqueued, as a value: for ``enqueue_many`` and for children."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from gendurable.codec import encode_json

if TYPE_CHECKING:
    from gendurable.machine import Machine

__all__ = ["Duration", "Entry", "Target", "interval", "seconds"]

Duration: TypeAlias = float | timedelta
"""Seconds, or a timedelta."""

Target: TypeAlias = "str | Machine[Any] | type[Machine[Any]]"
"""A machine class or object or a job; only its name where its code is not at hand."""


class Entry(msgspec.Struct, frozen=True):
    """The arguments of ``gd_enqueue`` for one instance; None means the engine's default.

    Attributes:
        machine: a machine class or object, a job, or a name.
        state: the initial state; checked against the machine's state type where that is known.
        step: the step to start with; the engine's default is ``start``.
        queue: left out, the machine's own; if that is None, ``default`` or a child's parent's.
        priority: any int, smaller is more urgent.
        eligible_at: not before this moment.
        delay: counted from ``eligible_at`` or now.
        correlation_key: the business identity: address of signals and guard against duplicates.
        correlation_scope: the statuses in which the key is occupied.
        concurrency_key: ``name`` or ``name:partition`` of a semaphore.
        rate_limit: ``name`` or ``name:partition`` of a token bucket.
        weight: tokens the first step draws.
        fsm_version: left out, the machine's own version.
    """

    machine: Target
    state: Any = None
    step: str | None = None
    queue: str | None = None
    priority: int | None = None
    eligible_at: datetime | None = None
    delay: Duration | None = None
    correlation_key: str | None = None
    correlation_scope: Sequence[str] | None = None
    concurrency_key: str | None = None
    rate_limit: str | None = None
    weight: float | None = None
    fsm_version: int | None = None

    def arguments(self) -> dict[str, Any]:
        """The arguments that are given, by the engine's names, in the engine's JSON form.

        Raises:
            StateError: the state does not fit the machine's state type.
        """
        given: dict[str, Any] = {
            "fsm": self.machine,
            "state": self._encoded_state(),
            "step": self.step,
            "queue": self.queue,
            "priority": self.priority,
            "eligible_at": self.eligible_at and self.eligible_at.isoformat(),
            "delay": None if self.delay is None else interval(self.delay),
            "correlation_key": self.correlation_key,
            "correlation_scope": self.correlation_scope,
            "concurrency_key": self.concurrency_key,
            "rate_limit": self.rate_limit,
            "weight": self.weight,
            "fsm_version": self.fsm_version,
        }
        if not isinstance(self.machine, str):
            given["fsm"] = self.machine.name
            given["queue"] = self.queue or self.machine.queue
            if self.fsm_version is None:
                given["fsm_version"] = self.machine.version
        return {name: value for name, value in given.items() if value is not None}

    def _encoded_state(self) -> msgspec.Raw | None:
        codec = None if isinstance(self.machine, str) else self.machine.codec
        if self.state is None:
            if codec is not None:
                codec.decode("{}")  # What the engine makes of no state has to fit as well.
            return None
        return msgspec.Raw(codec.encode(self.state) if codec else encode_json(self.state))


def seconds(duration: Duration) -> float:
    """A duration in seconds."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def interval(duration: Duration) -> str:
    """A duration as PostgreSQL reads an interval."""
    return f"{seconds(duration):.6f} seconds"
