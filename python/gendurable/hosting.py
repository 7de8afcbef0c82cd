"""Where a worker runs: in a process of its own, in the event loop of another one, in a thread."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, TypeAlias, Unpack

from gendurable.errors import UsageError
from gendurable.log import quieten
from gendurable.machine import Machine
from gendurable.settings import WorkerSettings
from gendurable.text import safe_repr
from gendurable.worker import Worker

__all__ = ["embedded", "end_process", "in_thread", "run_worker", "run_workers"]

logger = logging.getLogger("gendurable")

_CANCELLATION = 2.0
_GRACE = 15.0
_THREADS_END = 5.0
_LOOK = 0.05
_SHORT_LOOK = 0.005
_THREAD_END = 60.0
_TURNS_OBJECTS = 10_000

Handler: TypeAlias = Callable[..., Any] | int | None

_before: dict[int, Handler] = {}
"""What the signals did before a worker of this process heard them."""


def run_worker(
    machines: Iterable[Machine[Any] | type[Machine[Any]]], **settings: Unpack[WorkerSettings]
) -> None:
    """Run a worker in this process until SIGTERM or SIGINT.

    A second signal does not wait for running steps, a third one ends the process. When the worker
    has left because of a signal, further ones are ignored: the process is on its way out. Code
    that blocks the event loop cannot keep the process: it is ended 15 s after the drain, with
    exit code 1.

    Args:
        machines: what it can run.
        settings: the other arguments of ``Worker``.

    Raises:
        UsageError: this is not the main thread, which alone hears signals.
    """
    _refuse_threads("run_worker")
    run_workers([Worker(machines, **settings)])


def run_workers(workers: Sequence[Worker], *, ready: Callable[[], None] | None = None) -> None:
    """Run several workers side by side in this process, of several databases for example.

    Signals are as for ``run_worker``. Where one cannot start, the others are stopped.

    Args:
        workers: not started yet.
        ready: called once all of them are registered.

    Raises:
        UsageError: this is not the main thread, two workers of one database have the same name, or
            a database cannot be reached.
    """
    _refuse_threads("run_workers")
    quieten(logger)
    _spare_the_collector()
    loop = asyncio.new_event_loop()
    with _stopped_by_signals(workers, loop):
        try:
            _complete(loop, _together(workers, ready))
        finally:
            _end(loop)


def _refuse_threads(function: str) -> None:
    if threading.current_thread() is not threading.main_thread():
        raise UsageError(
            f"{function} listens to signals, so it runs in the main thread only\n"
            "In another thread: with in_thread(worker). "
            "In an event loop: async with embedded(worker)."
        )


@asynccontextmanager
async def embedded(*workers: Worker) -> AsyncIterator[None]:
    """Run workers in the running event loop, beside a web server for example, within a block.

    The block begins when all of them are registered; at its end they drain. Signals stay those of
    the process that has the loop. Where the end of the block is cancelled the workers leave at
    once, and what they run is given back.

    Args:
        workers: not started yet.

    Raises:
        UsageError: one cannot start: the block does not begin, and the others are stopped.
    """
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        while any(w.id is None and not t.done() for w, t in zip(workers, tasks, strict=True)):
            ended, _ = await asyncio.wait(tasks, timeout=_LOOK, return_when=asyncio.FIRST_EXCEPTION)
            for task in ended:
                task.result()
        for task in tasks:
            task.add_done_callback(_tell_end)
        yield
    finally:
        await _stopped(workers, tasks)
    for task in tasks:
        task.result()


def _tell_end(task: asyncio.Task[None]) -> None:
    """Log at once what has ended a worker: the block may last for days before it raises that."""
    if not task.cancelled() and (exc := task.exception()) is not None:
        logger.error("a worker has ended: %s", safe_repr(exc))


async def _stopped(workers: Sequence[Worker], tasks: Sequence[asyncio.Task[None]]) -> None:
    if not tasks:
        return
    for worker in workers:
        worker.stop()
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for worker in workers:
            worker.stop(at_once=True)
        await asyncio.wait(tasks, timeout=_CANCELLATION)
        raise


@contextmanager
def in_thread(worker: Worker) -> Iterator[Worker]:
    """Run a worker in a thread within a block, beside a test or a development server for example.

    The block begins when it is registered; at its end it drains.

    Args:
        worker: not started yet.

    Raises:
        UsageError: it cannot start, or has not stopped a minute after its drain.
    """
    failures: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(worker.run())
        except BaseException as exc:  # noqa: BLE001 (the caller's thread raises it)
            failures.append(exc)

    thread = threading.Thread(target=work, name="gendurable-worker", daemon=True)
    thread.start()
    try:
        while worker.id is None and thread.is_alive():
            thread.join(_SHORT_LOOK)
        if not failures:
            yield worker
    finally:
        worker.stop()
        thread.join(worker.drain + _THREAD_END)
    if failures:
        raise failures[0]
    if thread.is_alive():
        raise UsageError(
            f"the worker has not stopped {_THREAD_END:g} s after its drain of {worker.drain:g} s"
        )


async def _together(workers: Sequence[Worker], ready: Callable[[], None] | None) -> None:
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    telling = asyncio.create_task(_tell(workers, ready)) if ready is not None else None
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        if not all(task.done() for task in tasks):
            for worker in workers:
                worker.stop()
            await asyncio.wait(tasks)
    finally:
        if telling is not None:
            telling.cancel()
    for task in tasks:
        task.result()


async def _tell(workers: Sequence[Worker], ready: Callable[[], None]) -> None:
    while any(worker.id is None for worker in workers):  # noqa: ASYNC110 (one may register anew)
        await asyncio.sleep(_LOOK)
    ready()


def end_process(exit_code: int = 0) -> None:
    """See to it that the process ends soon: a thread that a step has left behind may not hold it.

    Python waits at its end for every thread that is no daemon, and for child processes.
    """

    def end() -> None:
        others = [thread.name for thread in threading.enumerate() if not thread.daemon]
        logger.warning("ended in spite of what still runs: %s", ", ".join(others))
        quieten(logger).flush()
        logging.shutdown()
        os._exit(exit_code)

    timer = threading.Timer(_THREADS_END, end)
    timer.daemon = True
    timer.start()


def _complete(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine to its end, whatever a step does to the loop.

    A step may call ``loop.stop()``. And asyncio lets SystemExit and KeyboardInterrupt of any task
    out of the loop, such as one that a step awaits with ``gather``; the step gets them as well.
    """
    task = loop.create_task(work)
    task.add_done_callback(lambda _: loop.stop())
    while not task.done():
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as exc:
            logger.warning("a task raised %s: it does not end the worker", safe_repr(exc))
    task.result()


def _spare_the_collector() -> None:
    """Let Python's collector of cycles look at less: it took a tenth of a worker's time."""
    # What has been loaded lives as long as the process.
    gc.freeze()
    # The objects of a turn end with it and need no collector, if only it does not come before.
    first, *others = gc.get_threshold()
    if 0 < first < _TURNS_OBJECTS:
        gc.set_threshold(_TURNS_OBJECTS, *others)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Close the loop, whatever is left in it: asyncio's own runner waits for ever."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        _complete(loop, asyncio.wait(tasks, timeout=_CANCELLATION))
    for task in tasks:
        # asyncio would log each once more when it is collected.
        with suppress(AttributeError):
            task._log_destroy_pending = False  # type: ignore[attr-defined] # noqa: SLF001
    with suppress(TimeoutError):
        _complete(loop, asyncio.wait_for(loop.shutdown_asyncgens(), _CANCELLATION))
    loop.close()


@contextmanager
def _stopped_by_signals(
    workers: Sequence[Worker], loop: asyncio.AbstractEventLoop
) -> Iterator[None]:
    heard = 0
    drain = max((worker.drain for worker in workers), default=0.0)
    timers: list[threading.Timer] = []

    def hear(signum: int, _: object) -> None:
        nonlocal heard
        heard += 1
        if heard > 2:
            # A step may refuse to be cancelled, or block the loop.
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)
        timer = threading.Timer(_GRACE + (drain if heard == 1 else 0), _end_by_force)
        timer.daemon = True
        # Without a thread to be had, a third signal is the way out.
        with suppress(RuntimeError):
            timer.start()
            timers.append(timer)
        for worker in workers:
            with suppress(RuntimeError):  # The loop is closed: the worker has left.
                loop.call_soon_threadsafe(partial(worker.stop, at_once=heard > 1))

    # Not the loop's own handlers: between its end and the end of the process they would be gone.
    _before.update({one: signal.signal(one, hear) for one in (signal.SIGTERM, signal.SIGINT)})
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        for signum, handler in _before.items():
            signal.signal(signum, signal.SIG_IGN if heard else handler)
        _before.clear()


def _end_by_force() -> None:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001
    where = "".join(traceback.format_stack(frame, limit=8)) if frame else "unknown"
    logger.error("ended by force: the event loop is blocked, at\n%s", where)
    quieten(logger).flush()
    logging.shutdown()
    os._exit(1)


def _restore_in_child() -> None:
    """What a step forks is no worker: a signal ends it as it would end any process."""
    for signum, handler in _before.items():
        signal.signal(signum, handler)
    _before.clear()


os.register_at_fork(after_in_child=_restore_in_child)
