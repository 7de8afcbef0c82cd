"""Leaving ends the process, whatever steps have left behind in it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gendurable import UsageError, Worker, enqueue, job, protocol, run_worker
from support import Connection, finished, running, statuses, until, worker_process

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE = """
import asyncio, concurrent.futures, multiprocessing, os, signal, sys, threading, time
from gendurable import Context, job

def begun(text="begun"):
    with open(os.environ["LEAVE_LOG"], "a") as log:
        log.write(f"{text}\\n")

@job()
def sync() -> None:
    begun()
    time.sleep(3600)

@job()
async def to_thread() -> None:
    begun()
    await asyncio.to_thread(time.sleep, 3600)

@job()
async def executor() -> None:
    begun()
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)

@job()
async def stubborn() -> None:
    begun()
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue

@job()
async def background() -> None:
    async def forever():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue
    asyncio.get_running_loop().kept = asyncio.create_task(forever())
    begun()

@job()
async def generator() -> None:
    async def endless():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(3600)
    asyncio.get_running_loop().kept = endless()
    await anext(asyncio.get_running_loop().kept)
    begun()

@job()
def thread() -> None:
    hangs = threading.Thread(target=time.sleep, args=(3600,), name="the user's", daemon=False)
    hangs.start()
    begun()

@job()
def pool_of_threads() -> None:
    concurrent.futures.ThreadPoolExecutor().submit(time.sleep, 3600)
    begun()

@job()
def child() -> None:
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(3600,)).start()
    begun()

@job()
async def blocked() -> None:
    begun()
    time.sleep(3600)

@job()
async def blocked_in_pieces() -> None:
    begun()
    while True:
        time.sleep(0.01)

def report():
    begun("forked")
    time.sleep(3600)

@job()
def terminates() -> int:
    context = multiprocessing.get_context("fork")
    process = context.Process(target=report)
    process.start()
    while "forked" not in open(os.environ["LEAVE_LOG"]).read().splitlines():
        time.sleep(0.01)
    process.terminate()
    process.join(30)
    return process.exitcode

@job()
async def terminates_async() -> int:
    return terminates.function()

def fork(leave):
    pid = os.fork()
    if not pid:
        return leave()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def fail():
    raise ValueError("in the child")

@job()
def leaves(how: str) -> int:
    return fork({"exit": lambda: sys.exit(7), "return": lambda: 0, "raise": fail}[how])

@job()
async def leaves_async(how: str) -> int:
    return leaves.function(how)

@job()
async def leaves_a_thread(how: str) -> int:
    return await asyncio.to_thread(leaves.function, how)

@job()
def pool() -> int:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.apply(abs, (-7,))
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    os.environ["LEAVE_LOG"] = str(tmp_path / "begun")
    (tmp_path / "begun").touch()
    path = tmp_path / "leave.py"
    path.write_text(MODULE)
    return path


LEFT_BEHIND = [
    "sync",
    "to_thread",
    "executor",
    "stubborn",
    "background",
    "generator",
    "thread",
    "pool_of_threads",
    "child",
]


def test_nothing_that_a_step_leaves_behind_keeps_the_process(
    dsn: str, conn: Connection, module: Path, tmp_path: Path
) -> None:
    """Each in a process of its own, all at once: they wait, they do not work."""
    processes: list[tuple[str, subprocess.Popen[bytes]]] = []
    try:
        for name in LEFT_BEHIND:
            (tmp_path / f"{name}.begun").touch()
            with (tmp_path / f"{name}.log").open("wb") as log:
                command = [sys.executable, "-m", "gendurable", "run", f"{module}:{name}"]
                options = ["--dsn", dsn, "--queue", f"{name}=1", "--drain", "0.1"]
                environment = {**os.environ, "LEAVE_LOG": str(tmp_path / f"{name}.begun")}
                processes.append(
                    (name, subprocess.Popen([*command, *options], stderr=log, env=environment))
                )
            enqueue(conn, name, {}, queue=name)
        for name, process in processes:
            until((tmp_path / f"{name}.begun").read_text, f"{name} has begun")
            process.send_signal(signal.SIGTERM)
        for name, process in processes:
            log_text = tmp_path / f"{name}.log"
            assert process.wait(30) == 0, f"{name}: {log_text.read_text()}"
            assert "Traceback" not in log_text.read_text(), name
            assert "destroyed" not in log_text.read_text(), name
    finally:
        for _, process in processes:
            process.kill()
            process.wait()
    assert conn.execute("select from gd_workers").rowcount == 0
    said = {name: (tmp_path / f"{name}.log").read_text() for name in LEFT_BEHIND}
    assert "the user's" in said["thread"]
    assert "sync 1 step 'start' still runs" in said["sync"]


@pytest.mark.parametrize("name", ["blocked", "blocked_in_pieces"])
def test_a_step_that_blocks_the_event_loop_does_not_keep_the_process(
    dsn: str, conn: Connection, module: Path, tmp_path: Path, name: str
) -> None:
    script = (
        "import sys, gendurable.hosting as hosting; hosting._GRACE = 0.5\n"
        "from gendurable.cli import main; main()"
    )
    enqueue(conn, name, {})
    with (tmp_path / "log").open("wb") as log:
        options = ["run", f"{module}:{name}", "--dsn", dsn, "--drain", "0.1"]
        process = subprocess.Popen([sys.executable, "-c", script, *options], stderr=log)
    try:
        until((tmp_path / "begun").read_text, "it has begun")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()
    said = (tmp_path / "log").read_text()
    assert "ended by force: the event loop is blocked" in said
    assert "leave.py" in said


@pytest.mark.parametrize("name", ["terminates", "terminates_async"])
def test_a_signal_ends_what_a_step_has_forked(
    dsn: str, conn: Connection, module: Path, tmp_path: Path, name: str
) -> None:
    enqueue(conn, name, {})
    with worker_process(dsn, module, tmp_path / "log"):
        until(lambda: statuses(conn) == {"done": 1})
    row = conn.execute("select result from gd_instances").fetchone()
    assert row == (-signal.SIGTERM,)


@pytest.mark.parametrize("name", ["leaves", "leaves_async", "leaves_a_thread"])
def test_a_process_that_a_step_has_forked_ends_where_it_leaves_the_step(
    dsn: str, conn: Connection, module: Path, tmp_path: Path, name: str
) -> None:
    """It is a copy of the worker, on the same connections."""
    codes = {"exit": 7, "return": 0, "raise": 1}
    ids = {how: enqueue(conn, name, {"how": how}).id for how in codes}
    with worker_process(dsn, module, tmp_path / "log", "--queue", "default=1") as process:
        ended = {how: finished(conn, instance).result for how, instance in ids.items()}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert ended == codes
    said = (tmp_path / "log").read_text()
    assert "ValueError: in the child" in said
    assert "failed" not in said


def test_a_step_may_use_a_pool_of_processes(
    dsn: str, conn: Connection, module: Path, tmp_path: Path
) -> None:
    enqueue(conn, "pool", {})
    with worker_process(dsn, module, tmp_path / "log") as process:
        until(lambda: statuses(conn) == {"done": 1})
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_run_worker_belongs_in_the_main_thread(dsn: str) -> None:
    @job()
    def nothing() -> None: ...

    refused: list[BaseException] = []

    def run() -> None:
        try:
            run_worker([nothing], dsn=dsn)
        except BaseException as exc:  # noqa: BLE001  it is looked at below
            refused.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert isinstance(refused[0], UsageError)
    assert "main thread" in str(refused[0])


def test_a_worker_can_be_stopped_from_any_thread(dsn: str, conn: Connection) -> None:
    @job()
    def nothing() -> None: ...

    with running(dsn, [nothing], poll=60) as worker:
        worker.stop()
        until(lambda: conn.execute("select from gd_workers").rowcount == 0)


def test_what_has_finished_when_the_drain_ends_is_committed(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finished while the turn before was on its way."""
    real, held_up = protocol.turn, threading.Event()

    @job()
    async def last() -> str:
        await asyncio.to_thread(held_up.wait, 60)
        return "told"

    async def turn(*args: Any, **more: Any) -> protocol.Turn:
        answered = await real(*args, **more)
        if workers and workers[0].held() and not held_up.is_set():
            workers[0].stop()
            held_up.set()
            while not any(claim.settled for claim in workers[0].held()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return answered

    workers: list[Worker] = []
    monkeypatch.setattr(protocol, "turn", turn)
    with running(dsn, [last], drain=0) as worker:
        workers.append(worker)
        instance = last.enqueue(conn).id
        assert finished(conn, instance).result == "told"


@pytest.mark.parametrize("at_once", [False, True])
def test_a_worker_that_has_left_may_be_stopped_again(dsn: str, at_once: bool) -> None:
    @job()
    def nothing() -> None: ...

    with running(dsn, [nothing]) as worker:
        pass
    worker.stop(at_once=at_once)


@pytest.mark.parametrize("stop", [Worker.stop, lambda worker: worker.stop(at_once=True)])
def test_a_worker_that_was_stopped_before_it_ran_leaves_at_once(
    dsn: str, stop: Callable[[Worker], None]
) -> None:
    @job()
    def nothing() -> None: ...

    worker = Worker([nothing], dsn=dsn)
    stop(worker)
    asyncio.run(asyncio.wait_for(worker.run(), 30))
