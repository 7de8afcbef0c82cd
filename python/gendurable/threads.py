"""Threads for sync steps."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

__all__ = ["StepThreads"]


class StepThreads:
    """Runs calls in daemon threads, started on demand up to a limit.

    Not ``ThreadPoolExecutor``: the interpreter waits for its threads at exit, so that one hanging
    step could keep a worker from stopping; and it wakes a thread for every call. Here a thread
    that takes a call rouses the next one if calls are left. Calls that block start right after one
    another in as many threads, a burst of short ones is done by a few threads without a switch
    between threads for each.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._rousing = False
        self._closed = False

    def submit(self, call: Callable[[], None]) -> None:
        """Run ``call`` in a thread as soon as one is free. It must not raise."""
        with self._changed:
            self._waiting.append(call)
            self._rouse()

    def close(self) -> None:
        """Let the threads end once they have nothing left to do. Does not wait for them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _rouse(self) -> None:
        """Get one more thread going, unless one is on its way: it will rouse the next."""
        if self._rousing:
            return
        if self._idle:
            self._rousing = True
            self._changed.notify()
        elif self._threads < self._limit:
            self._rousing = True
            self._threads += 1
            threading.Thread(target=self._work, name="gendurable-step", daemon=True).start()

    def _work(self) -> None:
        with self._changed:
            self._rousing = False
        while (call := self._next()) is not None:
            call()

    def _next(self) -> Callable[[], None] | None:
        """Wait for a call; None when it is time to end."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
                self._rousing = False
            call = self._waiting.popleft()
            if self._waiting:
                self._rouse()
            return call
