"""How many steps a worker runs at once of each queue, and when it next looks for work there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from gendurable.errors import UsageError

__all__ = ["ENOUGH", "Queue"]

_SHORTEST_PAUSE = 0.005
ENOUGH = 25
"""So many outcomes, or free places, are worth a turn of their own."""
# What is found so soon after a commit was probably made ready by it.
_FOLLOWS_WITHIN = 0.02


class Queue:
    """The places of one queue: each is for one claim whose code runs.

    A queue that had less work than places is looked at again after a pause that doubles up to
    ``poll``: work may be in a transaction that committed a moment after the look, too late to see
    it and too early for its notification to find this worker idle. Once the engine knows for some
    time that this worker is idle, a notification asks for one look.

    Attributes:
        name: the queue.
        concurrency: how many places there are.
        prefetch: how many claims may wait here for a place.
        running: places in which a step or an error handler runs, wanted or not: one that was
            cancelled and does not end keeps its place.
        reserved: places kept for steps that may go on, while the engine is asked.
        asked: places for which a pick is under way.
        waiting: calls that need a place before anything new is picked, each to be made once.
        idle: the last look came back short, so that the next due time is worth asking for.
        follows: what is committed often makes something ready here, so that a look goes with it.
    """

    __slots__ = (
        "_called", "_committed_at", "_demand", "_look_at", "_looked_at", "_pause", "_poll",
        "_rests_until", "asked", "concurrency", "follows", "idle", "name", "prefetch", "reserved",
        "running", "waiting",
    )  # fmt: skip

    def __init__(
        self, name: str, concurrency: int, poll: float, *, prefetch: int = 0, min_demand: int = 1
    ) -> None:
        if concurrency < 1:
            raise UsageError(f"queue {name}: the concurrency must be at least 1")
        self.name = name
        self.concurrency = concurrency
        self.prefetch = prefetch
        self.running = 0
        self.reserved = 0
        self.asked = 0
        self.waiting: deque[Callable[[], None]] = deque()
        self.idle = False
        self.follows = True
        self._called = False
        self._committed_at = float("-inf")
        self._look_at = 0.0
        self._looked_at = 0.0
        self._rests_until = 0.0
        self._pause = 0.0
        self._poll = poll
        # More than there can ever be would never be asked for.
        self._demand = min(min_demand, concurrency + prefetch)

    @property
    def free(self) -> int:
        """Places for something new."""
        return self.room - self.prefetch

    @property
    def crowded(self) -> bool:
        """There is work for many places, so that two turns may share them."""
        return not self.idle and self.concurrency >= 2 * ENOUGH

    @property
    def has_place(self) -> bool:
        """Whether a claim that is held can start now; what may go on later may wait as well."""
        return self.running + max(0, self.reserved - self.prefetch) < self.concurrency

    @property
    def room(self) -> int:
        """How many more claims may be held: the free places, and those that may wait for one."""
        taken = self.running + self.reserved + self.asked + len(self.waiting)
        return self.concurrency + self.prefetch - taken

    @property
    def share(self) -> int:
        """For how many of them to pick in one turn."""
        half = -(-(self.concurrency + self.prefetch) // 2)
        return min(self.room, half) if self.crowded else self.room

    @property
    def look_at(self) -> float:
        """When to look next, on the monotonic clock."""
        return max(self._look_at, self._rests_until, self._demanded_at)

    def may_look(self, now: float) -> bool:
        """Whether a look is possible at all."""
        return now >= max(self._rests_until, self._demanded_at)

    @property
    def _demanded_at(self) -> float:
        """With less room than a pick is worth, the next look waits for ``poll`` at most."""
        return 0.0 if self.room >= self._demand else self._looked_at + self._poll

    def when_free(self, call: Callable[[], None]) -> None:
        """Make the call as soon as there is a place, which it may take."""
        self.waiting.append(call)
        self._serve()

    def leave(self) -> None:
        """Give a place back."""
        self.running -= 1
        if self.waiting:
            self._serve()

    def unreserve(self, *, take: bool) -> None:
        """A place need not be kept any more: it is taken now, or free for something else."""
        self.reserved -= 1
        if not take:
            self._serve()

    def _serve(self) -> None:
        while self.waiting and self.has_place:
            self.waiting.popleft()()

    @property
    def settled(self) -> bool:
        """It was idle at two looks in a row, so the engine knows it and notifies of new work."""
        return self.idle and self._pause > _SHORTEST_PAUSE

    def work_expected(self) -> None:
        """Look at once, also if that is said while a look is under way."""
        self._called = True
        self._look_at = 0.0

    def unsettle(self) -> None:
        """The engine does not know any more that this worker is idle."""
        self.idle = False
        self._pause = 0.0
        self.work_expected()

    def committed(self) -> None:
        """Something was committed, and no look went with it."""
        self._committed_at = monotonic()

    def look(self, places: int) -> bool:
        """Begin a look. Answers whether the next due time is worth asking for."""
        self._called = False
        self.asked += places
        return self.idle

    def answered(self, places: int) -> None:
        """A look has ended: what it brought is started next."""
        self.asked -= places

    def rest(self, seconds: float) -> None:
        """Do not look for that long, whatever was planned or happens."""
        self._rests_until = monotonic() + seconds

    def looked(self, *, found: int, wanted: int, due: float | None, commits: bool) -> None:
        """Plan the next look.

        Args:
            found: how much was picked.
            wanted: how many places there were.
            due: seconds until waiting work becomes due, if that was asked for and there is any;
                zero or less: it fell due after the look.
            commits: outcomes were committed in the same round trip.
        """
        now = self._looked_at = monotonic()
        if commits:
            self.follows = found > 0
        elif found and now - self._committed_at < _FOLLOWS_WITHIN:
            self.follows = True
        self.idle = found < wanted
        if not self.idle:
            self._pause = self._look_at = 0.0
            return
        self._pause = min(self._poll, max(_SHORTEST_PAUSE, 2 * self._pause))
        # What fell due while the answer was under way is worth a look as well.
        wait = self._pause if due is None else min(self._pause, max(due, _SHORTEST_PAUSE))
        self._look_at = 0.0 if self._called else now + wait
