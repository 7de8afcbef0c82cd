"""Steps that may have ended their worker, and the company in which they run again.

A worker that dies takes everything it holds with it, and the engine's note of the loss says how
much that was. If it was one claim alone, its step is to blame. If it was several, each is suspect:
it runs again with at most a tenth of the company in which it was lost, so that a culprit is soon
alone, while a hundred innocent claims of a worker that was killed need not queue up one by one.
"""

from __future__ import annotations

import logging
from datetime import datetime
from time import monotonic, time
from typing import Any, TypeVar

from gendurable.backoff import RetryPolicy
from gendurable.context import Context

__all__ = ["Suspects"]

logger = logging.getLogger("gendurable")

K = TypeVar("K")
V = TypeVar("V")

_SHARE = 10
_PATIENCE = 10.0
_TIRED = 30.0
_LONGEST_WAIT = 60.0
_LONGEST_REST = 365 * 86_400.0
_LEFT_TO_OTHERS = 5.0
_LONGEST_ALONE = 60.0
_REMEMBERED = 10_000


class Suspects:
    """Which claims may run beside each other in one worker."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[int, float]] = {}
        self._room: tuple[int, str, float] | None = None
        self._tired_until = 0.0
        self._first_met: dict[tuple[int, int], float] = {}
        self._rested: dict[int, int] = {}

    def rest(self, ctx: Context[Any], policy: RetryPolicy) -> float:
        """Seconds that the instance has to rest first, once after each loss that counts.

        The moment of the loss is the database's, and clocks differ: a worker makes an instance
        rest once, and never longer than the policy says.
        """
        note = _loss(ctx)
        if note is None or not ctx.failures or self._rested.get(ctx.id) == ctx.attempt:
            return 0.0
        _remember(self._rested, ctx.id, ctx.attempt)
        if _company(note) > 1 or note.get("held") != 1:
            return 0.0
        try:
            delay = float(policy.delay(ctx.failures - 1))
            since = time() - datetime.fromisoformat(note["at"]).timestamp()
        except Exception:  # noqa: BLE001 (a policy is the user's code, an error too)
            return 0.0
        return max(0.0, min(delay, delay - since, _LONGEST_REST))

    def may_start(self, ctx: Context[Any], others: int) -> bool:
        """Whether a claim may start beside as many others as this worker holds."""
        if ctx.last_error_json is None and not self._running and self._room is None:
            return True
        note = _loss(ctx)
        company = _NO_LIMIT if note is None else _company(note)
        if others < min(company, self._most()):
            if note is not None:
                self._start(ctx, company)
            return True
        if note is None:
            return False
        now = monotonic()
        met = self._first_met.get((ctx.id, ctx.attempt))
        if met is None:
            _remember(self._first_met, (ctx.id, ctx.attempt), now)
        elif now - met > _LONGEST_WAIT and others < self._alone(now):
            self._start(ctx, others + 1)
            return True
        if self._room is None and now >= self._tired_until:
            self._room = (company, ctx.queue, now + _PATIENCE)
        return False

    def ended(self, instance: int) -> None:
        """The step of this instance has ended, in whatever way."""
        if self._running.pop(instance, None) is None:
            return
        if self._room:
            # It was this one that the next suspect had to wait for.
            self._room = (*self._room[:2], monotonic() + _PATIENCE)

    def none_left(self) -> None:
        """A pick has brought other work and no suspect: there is no need to make room for one."""
        self._room = None

    def delay(self, others: int) -> float | None:
        """Seconds until a suspect that may not start is handed out again; None: at once.

        At once only where this worker picks nothing before it holds fewer claims.
        """
        return None if others >= self._most() else _LEFT_TO_OTHERS

    @property
    def making_room(self) -> bool:
        """Whether what runs should come to an end soon."""
        return self._most() < _NO_LIMIT

    def room(self, others: int) -> tuple[int, str | None]:
        """How many more claims may be picked beside the others, and from which queue first."""
        most = self._most()
        return max(0, most - others), self._room[1] if self._room else None

    def changes_at(self) -> float:
        """When, on the monotonic clock, there is room again if nothing happens before.

        What is made for the next suspect is not given up while one runs that allows no company.
        """
        now = monotonic()
        moments = [until for _, until in self._running.values() if now < until]
        if self._room and not moments:
            moments.append(self._room[2])
        return min(moments, default=float("inf"))

    def _start(self, ctx: Context[Any], company: int) -> None:
        # What runs longer than this is hardly what ended its worker so soon.
        until = monotonic() + _LONGEST_ALONE * 2 ** min(ctx.attempt, 10)
        self._running[ctx.id] = (company, until)
        logger.info(
            "%s %d step %r was lost with its worker: beside it at most %d other claims are held",
            ctx.fsm, ctx.id, ctx.step, company - 1,
        )  # fmt: skip

    def _most(self) -> int:
        """The most claims that the worker may hold now."""
        if not self._running and self._room is None:
            return _NO_LIMIT
        now = monotonic()
        most = self._alone(now)
        if self._room and most == _NO_LIMIT and now >= self._room[2]:
            # Something here runs for long. Another worker may have room; this one has work to do.
            self._room, self._tired_until = None, now + _TIRED
        return min(most, self._room[0]) if self._room else most

    def _alone(self, now: float) -> int:
        """The company that the suspects which run here allow."""
        limits = (company for company, until in self._running.values() if now < until)
        return min(limits, default=_NO_LIMIT)

    @staticmethod
    def is_suspect(ctx: Context[Any]) -> bool:
        """Whether the last execution of the step was lost with its worker."""
        return _loss(ctx) is not None


_NO_LIMIT = 2**63


def _loss(ctx: Context[Any]) -> dict[str, Any] | None:
    if ctx.last_error_json is None:
        return None
    note = ctx.note()
    return note if note.get("kind") in ("lost", "crashed") else None


def _company(note: dict[str, Any]) -> int:
    held = note.get("held")
    return max(1, held // _SHARE) if type(held) is int else 1


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
