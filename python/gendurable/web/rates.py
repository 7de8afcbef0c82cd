"""What the workers have run in the last hour: by machine, by minute, in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gendurable.look import Minute

__all__ = ["KINDS", "Machine", "by_machine", "chart", "totals"]

_MINUTES = 60
_ENDS = ("done", "stop")
KINDS = ("next", "done", "retry", "stop", "await", "schedule_children")


@dataclass(slots=True)
class Machine:
    """The steps of one machine in the last hour."""

    name: str
    count: int = 0
    seconds: float = 0
    slowest: float = 0
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def mean(self) -> float | None:
        """Seconds of a step."""
        return self.seconds / self.count if self.count else None

    @property
    def per_minute(self) -> float:
        """Steps in a minute."""
        return self.count / _MINUTES


def by_machine(rows: Iterable[Minute]) -> list[Machine]:
    """The machines, the busiest first."""
    found: dict[str, Machine] = {}
    for row in rows:
        machine = found.setdefault(row.fsm, Machine(row.fsm))
        machine.count += row.count
        machine.seconds += row.seconds
        machine.slowest = max(machine.slowest, row.slowest)
        machine.kinds[row.kind] = machine.kinds.get(row.kind, 0) + row.count
    return sorted(found.values(), key=lambda machine: (-machine.count, machine.name))


def chart(rows: Iterable[Minute], now: datetime) -> str | None:
    """Steps in each minute of the hour by outcome, for the script to draw; None if there are none.

    The minute that is not over is left out, and so is the one in which the hour begins, of which
    only a part was read: both would look like a fall.
    """
    last = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
    minutes = [last - timedelta(minutes=back) for back in range(_MINUTES - 2, -1, -1)]
    place = {minute: number for number, minute in enumerate(minutes)}
    values: dict[str, list[int]] = {}
    for row in rows:
        at = place.get(row.minute)
        if at is not None:
            values.setdefault(row.kind, [0] * len(minutes))[at] += row.count
    if not values:
        return None
    kinds = sorted(values, key=lambda kind: KINDS.index(kind) if kind in KINDS else len(KINDS))
    drawn: dict[str, Any] = {
        "minutes": [int(minute.timestamp()) for minute in minutes],
        "series": [{"name": kind, "values": values[kind]} for kind in kinds],
    }
    return msgspec.json.encode(drawn).decode()


def totals(rows: Iterable[Minute], now: datetime) -> dict[str, float | None]:
    """Steps a minute over the last five whole minutes, and what ended in the hour."""
    last = now.replace(second=0, microsecond=0)
    recent, seconds, counted = 0, 0.0, 0
    ended = dict.fromkeys(_ENDS, 0)
    for row in rows:
        if last - timedelta(minutes=5) <= row.minute < last:
            recent += row.count
        if row.kind in ended:
            ended[row.kind] += row.count
        seconds += row.seconds
        counted += row.count
    return {
        "per_minute": recent / 5,
        "mean": seconds / counted if counted else None,
        "done": ended["done"],
        "stop": ended["stop"],
    }
