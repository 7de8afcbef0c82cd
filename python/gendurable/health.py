"""Whether the workers of this process live and work, for probes."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

if TYPE_CHECKING:
    from gendurable.worker import Worker

__all__ = ["RUNNING", "Health", "not_live", "not_ready"]

RUNNING: WeakSet[Worker] = WeakSet()
"""The workers of this process that run."""

_LOOP_ANSWERS = 5.0


class Health(NamedTuple):
    """How a worker is.

    Attributes:
        not_live: why it should be started again; empty if there is no reason.
        not_ready: why it takes no work now; empty if it does.
    """

    not_live: list[str]
    not_ready: list[str]


def not_live() -> list[str]:
    """What is wrong with this process: a blocked event loop, a lease that is not held.

    Called in any thread but that of the event loop.
    """
    workers = list(RUNNING)
    return _blocked(workers) or [why for one in workers for why in one.health().not_live]


def not_ready() -> list[str]:
    """Why this process takes no work, or not all of its workers do."""
    workers = list(RUNNING)
    if not workers:
        return ["no worker runs"]
    return _blocked(workers) or [why for one in workers for why in one.health().not_ready]


def _blocked(workers: Iterable[Worker]) -> list[str]:
    """Whether the event loop answers; a step may block it."""
    deadline = monotonic() + _LOOP_ANSWERS
    for worker in workers:
        answered = threading.Event()
        loop = worker.loop
        if loop is None:
            continue
        with suppress(RuntimeError):  # The loop is closed: it has left.
            loop.call_soon_threadsafe(answered.set)
            if not answered.wait(max(0.0, deadline - monotonic())):
                return [f"the event loop has not answered for {_LOOP_ANSWERS:g} s"]
    return []
