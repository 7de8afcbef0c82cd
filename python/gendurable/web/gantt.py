"""The timeline of one instance as bars: when a step ran, when it was parked, when it waited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gendurable.client import Event, Instance

__all__ = ["Bar", "Gantt", "draw"]

LEFT, WIDTH, RIGHT = 150, 1000, 30
ROW, TOP = 26, 24
_NARROWEST = 3
_MOST_EVENTS = 300
_BAD = ("stop", "retry", "reaped", "cancelled")
_PARKS = ("await", "schedule_children")
_TICKS = 5
_ROUND = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600,
    900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of time.

    Attributes:
        kind: ``run``, ``park``, ``wait`` or ``end``, with `` bad`` if it went wrong.
        row: of its step, from 0.
        x: where it begins, ``width`` how long it is, in the units of the picture.
        label: what it was, in words.
    """

    kind: str
    row: int
    x: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Gantt:
    """The picture.

    Attributes:
        steps: the rows.
        bars: what is drawn in them.
        ticks: where and what the axis says.
        cut: how many events are not drawn, because they are older than many others.
    """

    steps: list[str]
    bars: list[Bar]
    ticks: list[tuple[float, str]]
    cut: int

    @property
    def height(self) -> int:
        """Of the picture."""
        return TOP + ROW * len(self.steps) + 8


def draw(it: Instance, events: Sequence[Event], now: datetime) -> Gantt | None:
    """The bars of an instance; None if nothing is known of its past."""
    if not events:
        return None
    shown = events[-_MOST_EVENTS:]
    end = it.finished_at or now
    start = min(it.enqueued_at if len(shown) == len(events) else shown[0].at, shown[0].at)
    scale = _Scale(start, max(end, start + timedelta(milliseconds=1)))
    steps: dict[str, int] = {}
    bars: list[Bar] = []
    since, waiting, step = start, "wait", shown[0].step
    for event in shown:
        row = steps.setdefault(event.step, len(steps))
        begun = event.started_at or event.at
        bars += scale.bar(waiting, steps.setdefault(step, len(steps)), since, begun)
        kind = "run bad" if event.event in _BAD else "run"
        if event.started_at is not None or event.event in (*_BAD, "done"):
            bars += scale.bar(kind, row, begun, event.at, event)
        since = event.at
        waiting = "park" if event.event in _PARKS else "wait"
        step = _next_step(event)
    if it.finished_at is None:
        kind = "run" if it.status == "executing" else waiting
        row = steps.setdefault(it.step, len(steps))
        bars += scale.bar(kind, row, since, end)
    return Gantt(list(steps), bars, scale.ticks(), len(events) - len(shown))


class _Scale:
    def __init__(self, start: datetime, end: datetime) -> None:
        self._start = start
        self._seconds = (end - start).total_seconds()

    def bar(
        self, kind: str, row: int, since: datetime, until: datetime, event: Event | None = None
    ) -> list[Bar]:
        """A bar, if there is time in it or something to tell."""
        seconds = (until - since).total_seconds()
        x = self._at((since - self._start).total_seconds())
        width = self._at((until - self._start).total_seconds()) - x
        if event is None and width < 1:
            return []
        what = {"run": "runs", "park": "parked", "wait": "waits"}.get(kind, kind)
        label = what if event is None else event.event.replace("_", " ")
        drawn = max(width, _NARROWEST) if event is not None else width
        return [Bar(kind, row, LEFT + x, drawn, f"{label}, {_words(max(seconds, 0))}")]

    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers along the axis."""
        wanted = self._seconds / _TICKS
        every = next((each for each in _ROUND if each >= wanted), None)
        if every is None:
            every = 2592000.0 * max(1, round(wanted / 2592000))
        count = int(self._seconds / every)
        return [(LEFT + self._at(n * every), _words(n * every)) for n in range(count + 1)]

    def _at(self, seconds: float) -> float:
        return round(min(max(seconds / self._seconds, 0), 1) * WIDTH, 1)


def _next_step(event: Event) -> str:
    if isinstance(event.detail, dict) and event.event == "next":
        return str(event.detail.get("to", event.step))
    return event.step


def _words(seconds: float) -> str:
    if seconds == 0:
        return "0"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms"
