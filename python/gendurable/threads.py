"""Threads for sync steps, and for what async steps hand to ``asyncio.to_thread``."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from gendurable.process import GENERATION, end_child

__all__ = ["Executor", "Helpers", "StepThreads", "caller"]

_MOST_HELPERS = 1_000

P = ParamSpec("P")
T = TypeVar("T")

caller: ContextVar[Caller | None] = ContextVar("gendurable_caller", default=None)
"""On whose behalf the code runs: what it hands to the loop's default executor is counted there."""


class Caller(Protocol):
    """Code that may hand calls to other threads."""

    def helped(self) -> Helpers:
        """Where they are counted. Asked for in the thread of the event loop."""


class StepThreads:
    """Runs calls in daemon threads, started on demand up to a limit.

    Not ``ThreadPoolExecutor``: the interpreter waits for its threads at exit, so that one hanging
    step could keep a worker from stopping; and it wakes a thread for every call. Here a thread
    that takes a call rouses the next one if calls are left. Calls that block start right after one
    another in as many threads, a burst of short ones is done by a few threads without a switch
    between threads for each.

    Args:
        limit: the most threads.
        unstarted: called, in any thread, with the calls that no thread can be started for. Those
            that run may never end, so nothing is left to wait for them.
    """

    def __init__(
        self, limit: int, unstarted: Callable[[Iterable[Callable[[], None]]], None]
    ) -> None:
        self._limit = limit
        self._unstarted = unstarted
        self._waiting: deque[Callable[[], None]] = deque()
        # A lock of its own, and not the condition as one: it is taken twice for each call.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._threads = 0
        self._idle = 0
        self._rousing = False
        self._closed = False

    def submit(self, call: Callable[[], None]) -> None:
        """Run ``call`` in a thread as soon as one is free. It must not raise."""
        with self._lock:
            self._waiting.append(call)
            if not self._rousing:
                self._rouse()

    def close(self) -> None:
        """Let the threads end once they have nothing left to do. Does not wait for them."""
        with self._lock:
            self._closed = True
            self._changed.notify_all()

    def _rouse(self) -> None:
        """Get one more thread going. Not while one is on its way: it will rouse the next."""
        if self._idle:
            self._rousing = True
            self._changed.notify()
        elif self._threads < self._limit:
            self._rousing = True
            self._threads += 1
            try:
                threading.Thread(target=self._work, name="gendurable-step", daemon=True).start()
            except (RuntimeError, MemoryError):
                self._rousing = False
                self._threads -= 1
                calls, self._waiting = self._waiting, deque()
                self._unstarted(calls)

    def _work(self) -> None:
        with self._lock:
            self._rousing = False
        while (call := self._next()) is not None:
            call()

    def _next(self) -> Callable[[], None] | None:
        """Wait for a call; None when it is time to end."""
        with self._lock:
            while not self._waiting:
                if self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
                self._rousing = False
            call = self._waiting.popleft()
            if self._waiting and not self._rousing:
                self._rouse()
            return call


class Helpers:
    """Calls in other threads that were made on behalf of one claim and have not ended."""

    __slots__ = ("_lock", "_running", "_told")

    def __init__(self) -> None:
        self._told: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._running: set[int] = set()

    def forsake(self, told: Callable[[], None]) -> bool:
        """Have it called, in the thread of the last one, when nothing runs; whether anything does.

        It is called again if others begin and end after that.
        """
        with self._lock:
            self._told = told
            return bool(self._running)

    @property
    def threads(self) -> list[int]:
        """The identifiers of the threads that run them."""
        with self._lock:
            return list(self._running)

    def begin(self) -> None:
        """A call begins in this thread."""
        with self._lock:
            self._running.add(threading.get_ident())

    def end(self) -> None:
        """It has ended."""
        with self._lock:
            self._running.discard(threading.get_ident())
            told = None if self._running else self._told
        if told is not None:
            told()


class Executor(ThreadPoolExecutor):
    """The default executor of a worker's event loop: a daemon thread for each call that runs.

    asyncio's own has few threads, so that what hangs in them keeps all others from starting; and
    the process waits for them at its end.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._steps = StepThreads(_MOST_HELPERS, self._refuse)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run the call in a thread; a RuntimeError in the future says that none can be started."""
        behalf = caller.get()
        call = _Call(partial(fn, *args, **kwargs), behalf.helped() if behalf else None)
        self._steps.submit(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Let idle threads end. Waits for none, whatever is asked for."""
        self._steps.close()

    @staticmethod
    def _refuse(calls: Iterable[Callable[[], None]]) -> None:
        for call in calls:
            assert isinstance(call, _Call)  # noqa: S101 (nothing else is submitted)
            if call.future.set_running_or_notify_cancel():
                call.future.set_exception(RuntimeError("can't start new thread"))


class _Call:
    """One call for the executor, with the future that waits for it."""

    def __init__(self, function: Callable[[], Any], helpers: Helpers | None) -> None:
        self.future: Future[Any] = Future()
        self._function = function
        self._generation = GENERATION[0]
        self._helpers = helpers

    def __call__(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        if self._helpers is not None:
            self._helpers.begin()
        try:
            result = self._call()
        except StopIteration as exc:
            # It would end the coroutine that waits for it, or (before Python 3.12) never reach it.
            told = RuntimeError("the call raised StopIteration")
            told.__cause__ = exc
            self.future.set_exception(told)
        except BaseException as exc:  # noqa: BLE001 (it is the future's to tell)
            self.future.set_exception(exc)
        else:
            self.future.set_result(result)
        finally:
            del self._function
            if self._helpers is not None:
                self._helpers.end()

    def _call(self) -> Any:
        left: BaseException | None = None
        try:
            return self._function()
        except BaseException as exc:
            left = exc
            raise
        finally:
            if GENERATION[0] != self._generation:
                end_child(left)
