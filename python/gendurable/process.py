"""Which process a worker is, and whether another one is certainly gone."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeGuard

__all__ = [
    "GENERATION",
    "describe_process",
    "end_child",
    "is_gone",
    "package_version",
    "place",
    "uptime",
]

_PROC = Path("/proc")

# What has to be equal before a pid says anything: one boot of one host and one table of processes.
# The name of the host alone is shared by containers, the boot alone by clones of a machine.
_PLACE = ("host", "boot_id", "pid_namespace")


GENERATION = [0]
"""How often the process was forked on its way from the first one: another number, another process.

A look at it costs nothing; asking the system for the process's id after each step does.
"""


def _count_fork() -> None:
    GENERATION[0] += 1


os.register_at_fork(after_in_child=_count_fork)


def describe_process() -> dict[str, Any]:
    """What a worker says of itself when it registers.

    Returns:
        ``host``, ``pid``, ``python``, ``gendurable``, and on Linux also ``boot_id``,
        ``pid_namespace``, ``time_namespace`` and ``started`` (clock ticks since boot): together
        they name one process for ever.
    """
    described = {
        "pid": os.getpid(),
        "python": platform.python_version(),
        "gendurable": package_version(),
    }
    return described | _here()


def place() -> dict[str, Any] | None:
    """What the processes have in common of which this one can tell whether they are gone.

    None: it can tell of none. There is no /proc, or it does not say where this process is.
    """
    here = _here()
    return {key: here[key] for key in _PLACE} if all(here.get(key) for key in _PLACE) else None


def is_gone(info: object) -> bool:
    """Whether the process that described itself so is provably dead.

    There are two proofs. The kernel knows no process of that pid; or it knows one that is a zombie
    or was started at another time. What this process may not see, or cannot compare, is no proof:
    where /proc hides the processes of others, the kernel still says that they exist.

    Args:
        info: what a worker said of itself; anything may stand there.
    """
    if not _is_from_here(info):
        return False
    pid, started = info.get("pid"), info.get("started")
    # Zero and negative numbers stand for groups of processes.
    if type(pid) is not int or not 0 < pid < 2**31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    seen = _stat(pid) if _shows_our_pids() else None
    if seen is None:
        return False
    # Start times can be compared within one time namespace only: each has its own start of time.
    comparable = type(started) is int and info.get("time_namespace") == _here()["time_namespace"]
    return seen.dead or (comparable and seen.started != started)


def package_version() -> str:
    """The version of this package."""
    try:
        return version("gendurable")
    except PackageNotFoundError:
        return "0+unknown"


def uptime() -> float:
    """Seconds on a clock that is never set, and that runs on while the machine is suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def end_child(exc: BaseException | None) -> NoReturn:
    """End a process that a step has forked and that is about to leave the step.

    It is a copy of the worker, on the worker's own connections.

    Args:
        exc: the exception with which it leaves, if it is one.
    """
    code = 0 if exc is None else 1
    if isinstance(exc, SystemExit) and (exc.code is None or type(exc.code) is int):
        code = exc.code or 0
    elif exc is not None:
        with suppress(BaseException):
            traceback.print_exception(exc)
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
    os._exit(code & 0xFF)


class _Stat(NamedTuple):
    """What /proc says of a process: whether it has ended, and its start in ticks since boot."""

    dead: bool
    started: int


def _is_from_here(info: object) -> TypeGuard[Mapping[str, Any]]:
    here = place()
    return (
        here is not None
        and isinstance(info, Mapping)
        and all(info.get(key) == value for key, value in here.items())
    )


def _here() -> dict[str, Any]:
    """The identity of this process, without its pid. Only the host where /proc does not help."""
    host = {"host": socket.gethostname()}
    seen = _stat("self")
    if seen is None:
        return host
    try:
        return host | {
            "boot_id": (_PROC / "sys/kernel/random/boot_id").read_text().strip(),
            "pid_namespace": _namespace("pid"),
            "time_namespace": _namespace("time"),
            "started": seen.started,
        }
    except OSError:
        return host


def _namespace(kind: str) -> str | None:
    """The namespace that this process is in; None where the kernel has none of this kind."""
    try:
        return str((_PROC / "self/ns" / kind).readlink())
    except FileNotFoundError:
        return None


def _shows_our_pids() -> bool:
    """Whether /proc counts processes as this one does: it may be that of an outer namespace."""
    try:
        status = (_PROC / "self/status").read_text(errors="replace")
    except OSError:
        return False
    # One number for each namespace, from that of /proc down to that of the process.
    pids = next((line for line in status.splitlines() if line.startswith("NSpid:")), "").split()
    return pids[1:] == [str(os.getpid())]


def _stat(pid: int | str) -> _Stat | None:
    """What /proc says of a process; None if it says nothing."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The command name before the last parenthesis may contain anything, spaces included.
    fields = stat.rpartition(")")[2].split()
    state, threads, started = fields[0], int(fields[17]), int(fields[19])
    # A process whose first thread has ended looks like a zombie while its other threads run.
    return _Stat(state in "ZX" and threads <= 1, started)
