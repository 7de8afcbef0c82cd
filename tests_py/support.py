"""What several test modules need: waiting for conditions, workers in threads and in processes."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from gendurable import Status, Worker, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from gendurable import Machine

__all__ = [
    "finished",
    "gate",
    "running",
    "statuses",
    "until",
    "worker_process",
]

T = TypeVar("T")

Connection = psycopg.Connection[Any]

_DEADLINE = 60.0


def until(condition: Callable[[], T], what: str = "", seconds: float = _DEADLINE) -> T:
    """Poll until the condition is true and return what it said."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.005)
    return value


def finished(conn: Connection, target: int | str) -> Status:
    """Wait until an instance is terminal."""

    def terminal() -> Status | None:
        found = status(conn, target)
        assert found is not None
        return found if found.status in ("done", "failed") else None

    found = until(terminal, f"{target} is terminal")
    assert found is not None
    return found


def statuses(conn: Connection) -> dict[str, int]:
    """How many instances there are in each status."""
    rows = conn.execute("select status, count(*) from gd_instances group by status").fetchall()
    return dict(rows)


@contextlib.contextmanager
def running(
    dsn: str, machines: Iterable[Machine[Any] | type[Machine[Any]]], **settings: Any
) -> Iterator[Worker]:
    """A worker in a thread of this process; it drains at the end."""
    defaults: dict[str, Any] = {"queues": {"default": 10}, "drain": 5.0}
    worker = Worker(machines, dsn=dsn, **defaults | settings)
    failures: list[BaseException] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await worker.run()

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as exc:  # noqa: BLE001  it is raised again below
            failures.append(exc)

    # A thread of its own begins with an empty context.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name="worker")
    thread.start()
    try:
        until(lambda: failures or worker.id is not None, "the worker is registered")
        yield worker
    finally:
        if thread.is_alive() and loops:
            with contextlib.suppress(RuntimeError):
                loops[0].call_soon_threadsafe(worker.stop)
        thread.join(_DEADLINE)
        assert not thread.is_alive(), "the worker did not stop"
    if failures:
        raise failures[0]


@contextlib.contextmanager
def gate() -> Iterator[threading.Event]:
    """An event that steps wait for; it opens at the end whatever happens."""
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


@contextlib.contextmanager
def worker_process(
    dsn: str, module: Path, log: Path, *options: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``gendurable-py run`` on a file as a process of its own, its messages in ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gendurable", "run", str(module), "--dsn", dsn, *options],
            stderr=output,
            env=os.environ,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(_DEADLINE)
