"""Several worker processes under one that starts them, and starts again what has ended.

The supervisor imports nothing of the application. It runs its own command once more for each
process, with a place in the environment; the two ends of a socket tell either side of the other's
end, and the supervisor when a worker is registered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import socket
import sys
import threading
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

__all__ = ["Place", "Supervisor", "own_command", "own_place"]

logger = logging.getLogger("gendurable")

_VARIABLE = "GENDURABLE_PROCESS"
_RESTART_WAIT = (0.2, 30.0)
_WORKED = 60.0
_LAST_WORD = 0.5
# A worker ends itself 15 s after its drain; what is left by then has been stopped or hangs.
_GRACE = 25.0


class Place:
    """Which of a supervisor's processes this one is.

    Attributes:
        number: from 1 on.
    """

    def __init__(self, number: int, end: socket.socket) -> None:
        self.number = number
        self._end = end

    def ready(self) -> None:
        """Tell the supervisor that the worker works."""
        with suppress(OSError):  # It is gone.
            self._end.send(b".")

    def end_with_supervisor(self) -> None:
        """Drain as at SIGTERM when the supervisor has ended, in whatever way."""

        def wait() -> None:
            with suppress(OSError):
                while self._end.recv(1):
                    pass
            logger.warning("the supervisor is gone")
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=wait, name="gendurable-supervisor", daemon=True).start()


def own_place() -> Place | None:
    """This process's place under a supervisor; None where there is none.

    It is taken out of the environment, so that what a step starts has none.
    """
    value = os.environ.pop(_VARIABLE, "")
    number, _, descriptor = value.partition(":")
    if not (number.isdecimal() and descriptor.isdecimal()):
        return None
    try:
        end = socket.socket(fileno=int(descriptor))
    except OSError:
        return None
    end.set_inheritable(False)
    return Place(int(number), end)


def own_command() -> list[str]:
    """What started this process, to be started again."""
    return [sys.executable, *sys.orig_argv[1:]]


class Supervisor:
    """Keeps a number of processes running until it hears SIGTERM or SIGINT.

    The first one is started alone: where it ends before it ever worked, the reason is for the user
    to know, once, and its exit code is that of the supervisor.

    Args:
        command: what to run; each process finds its place with ``own_place``.
        processes: how many.
        drain: seconds that their running steps get at the end.
    """

    def __init__(self, command: Sequence[str], processes: int, *, drain: float) -> None:
        self._command = command
        self._processes = processes
        self._drain = drain
        self._running: dict[int, Process] = {}
        self._stopping = asyncio.Event()
        self._worked = asyncio.Event()
        self._code = 0

    def run(self) -> int:
        """Keep them running; answers the exit code."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._hear)
        keeping = [asyncio.create_task(self._keep(1))]
        worked = asyncio.create_task(self._worked.wait())
        await asyncio.wait([*keeping, worked], return_when=asyncio.FIRST_COMPLETED)
        worked.cancel()
        if self._worked.is_set():
            others = range(2, self._processes + 1)
            keeping += [asyncio.create_task(self._keep(number)) for number in others]
        await asyncio.gather(*keeping)
        logger.info("all %d processes have ended", len(keeping))
        return self._code

    def _hear(self) -> None:
        if not self._stopping.is_set():
            logger.info("stopping %d processes", len(self._running))
            self._stopping.set()
            asyncio.get_running_loop().call_later(self._drain + _GRACE, self._kill)
        # A second signal does not wait for running steps, a third one ends the process.
        self._signal(signal.SIGTERM)

    def _kill(self) -> None:
        logger.error("%d processes do not end and are killed", len(self._running))
        self._signal(signal.SIGKILL)

    def _signal(self, signum: signal.Signals) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.send_signal(signum)

    async def _keep(self, number: int) -> None:
        """Start one process, and start it again, longer after each failure in a row."""
        shortest, longest = _RESTART_WAIT
        wait = shortest
        while not self._stopping.is_set():
            started = monotonic()
            pid, code, ready = await self._live(number)
            if self._stopping.is_set():
                # One that has not begun to hear signals ends by them.
                clean = code == 0 or (code == -signal.SIGTERM and not ready)
                self._code = self._code if clean else 1
                return
            if not self._worked.is_set():
                self._code = code if code > 0 else 1
                return
            if monotonic() - started > _WORKED:
                wait = shortest
            logger.warning(
                "process %d (pid %d) has ended with %s, it is started again in %.1f s",
                number, pid, _described(code), wait,
            )  # fmt: skip
            with suppress(TimeoutError):
                jitter = random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
                await asyncio.wait_for(self._stopping.wait(), wait * jitter)
            wait = min(longest, wait * 2)

    async def _live(self, number: int) -> tuple[int, int, bool]:
        """One life of one process: its pid, its exit code, whether it ever worked."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={**os.environ, _VARIABLE: f"{number}:{theirs.fileno()}"},
                    # Ctrl-C in a terminal is heard by the supervisor alone, which passes it on.
                    process_group=0,
                )
            self._running[number] = process
            if self._stopping.is_set():
                self._signal(signal.SIGTERM)
            logger.info("process %d has pid %d", number, process.pid)
            hearing = asyncio.create_task(self._hear_ready(ours))
            try:
                code = await process.wait()
            finally:
                del self._running[number]
            # What the process has forked may hold the other end.
            await asyncio.wait([hearing], timeout=_LAST_WORD)
            ready = hearing.done() and hearing.result()
            hearing.cancel()
            return process.pid, code, ready

    async def _hear_ready(self, ours: socket.socket) -> bool:
        ready = bool(await asyncio.get_running_loop().sock_recv(ours, 1))
        if ready:
            self._worked.set()
        return ready


def _described(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
