"""How many executions a worker runs of each queue, and when it next looks for work there."""

from __future__ import annotations

from time import monotonic

from gendurable.errors import UsageError

__all__ = ["QueueSlots"]

_SHORTEST_PAUSE = 0.005


class QueueSlots:
    """The slots of one queue.

    A queue that had less work than slots is looked at again after a pause that doubles up to
    ``poll``: work may be in a transaction that committed a moment after the look, too late to see
    it and too early for its notification to find this worker idle.

    Attributes:
        name: the queue.
        concurrency: how many executions at once.
        used: how many claims there are now.
        idle: the last look came back short, so that the next due time is worth asking for.
        look_at: when to look next, on the monotonic clock.
    """

    __slots__ = ("_pause", "_poll", "concurrency", "idle", "look_at", "name", "used")

    def __init__(self, name: str, concurrency: int, poll: float) -> None:
        if concurrency < 1:
            raise UsageError(f"queue {name}: the concurrency must be at least 1")
        self.name = name
        self.concurrency = concurrency
        self.used = 0
        self.idle = False
        self.look_at = 0.0
        self._pause = 0.0
        self._poll = poll

    @property
    def free(self) -> int:
        """Slots that nothing occupies."""
        return max(0, self.concurrency - self.used)

    def work_expected(self) -> None:
        """Look at once, and soon again."""
        self._pause = 0.0
        self.look_at = 0.0

    def looked(self, *, short: bool, due: float | None) -> None:
        """Plan the next look.

        Args:
            short: less was picked than there were slots.
            due: seconds until waiting work becomes due, if that was asked for and there is any.
        """
        self.idle = short
        if not short:
            self.work_expected()
            return
        self._pause = min(self._poll, max(_SHORTEST_PAUSE, 2 * self._pause))
        wait = self._pause if due is None or due <= 0 else min(self._pause, due)
        self.look_at = monotonic() + wait
