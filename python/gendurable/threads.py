"""Threads for sync steps."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

__all__ = ["StepThreads"]


class StepThreads:
    """Runs calls in daemon threads, started on demand up to a limit.

    Not ``ThreadPoolExecutor``: the interpreter waits for its threads at exit, so that one hanging
    step could keep a worker from stopping.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def submit(self, call: Callable[[], None]) -> None:
        """Run ``call`` in a thread as soon as one is free. It must not raise."""
        with self._changed:
            self._waiting.append(call)
            if self._idle >= len(self._waiting):
                self._changed.notify()
            elif self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._work, name="gendurable-step", daemon=True).start()

    def close(self) -> None:
        """Let the threads end once they have nothing left to do. Does not wait for them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._waiting:
                    if self._closed:
                        return
                    self._changed.wait()
                self._idle -= 1
                call = self._waiting.popleft()
            call()
