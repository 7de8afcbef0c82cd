"""What a worker has to say of its steps: how far they are, how many there were, how long they took.

It is collected here and sent as one ``gd_report`` with the next turn: progress a second after the
last time at the earliest, measurements after five. What cannot be sent is dropped: the next report
says the newer progress, and a measurement is no promise.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from time import monotonic

import msgspec

__all__ = ["Reports"]

_PROGRESS_EVERY = 1.0
_STEPS_EVERY = 5.0


class _Measured:
    """Executions of one step with one kind of outcome."""

    __slots__ = ("count", "seconds", "slowest")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.slowest = 0.0


class Reports:
    """What is to be reported, until it is taken.

    Args:
        wake: called, in any thread, when there is something to plan for.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._progress: dict[int, tuple[int, bytes]] = {}
        self._progress_at = 0.0
        self._steps: dict[tuple[str, str, str, str], _Measured] = {}
        self._steps_at = 0.0

    def progress(self, instance: int, fence: int, value: bytes) -> None:
        """Note how far a claim's step is, as JSON text. Any thread may call it."""
        with self._lock:
            first = not self._progress
            self._progress[instance] = (fence, value)
        if first:
            self._wake()

    def measured(self, queue: str, fsm: str, step: str, kind: str, seconds: float) -> None:
        """Count an execution whose outcome was accepted."""
        measured = self._steps.get((queue, fsm, step, kind))
        if measured is None:
            if not self._steps:
                self._steps_at = monotonic() + _STEPS_EVERY
            measured = self._steps[queue, fsm, step, kind] = _Measured()
        measured.count += 1
        measured.seconds += seconds
        measured.slowest = max(measured.slowest, seconds)

    @property
    def due_at(self) -> float:
        """When there is something to send, on the monotonic clock."""
        return min(
            self._progress_at if self._progress else inf, self._steps_at if self._steps else inf
        )

    def take(self, *, everything: bool = False) -> bytes | None:
        """What is due, as the argument of ``gd_report``; None: nothing.

        Args:
            everything: what is not due yet as well, because there is no next time.
        """
        now = monotonic()
        report: dict[str, list[dict[str, object]]] = {}
        if self._progress and (everything or now >= self._progress_at):
            self._progress_at = now + _PROGRESS_EVERY
            with self._lock:
                progress, self._progress = self._progress, {}
            report["progress"] = [
                {"id": instance, "fence": fence, "progress": msgspec.Raw(value)}
                for instance, (fence, value) in progress.items()
            ]
        if self._steps and (everything or now >= self._steps_at):
            self._steps_at = now + _STEPS_EVERY
            steps, self._steps = self._steps, {}
            report["steps"] = [
                {
                    "queue": queue,
                    "fsm": fsm,
                    "step": step,
                    "kind": kind,
                    "count": measured.count,
                    "seconds": measured.seconds,
                    "slowest": measured.slowest,
                }
                for (queue, fsm, step, kind), measured in steps.items()
            ]
        return msgspec.json.encode(report) if report else None
