"""Which process a worker is, and whether another one is certainly gone."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["describe_process", "is_gone", "package_version"]

_PROC = Path("/proc")


def describe_process() -> dict[str, Any]:
    """What a worker says of itself when it registers.

    Returns:
        ``host``, ``pid``, ``python``, ``gendurable``, and on Linux also ``boot_id``,
        ``pid_namespace`` and ``started`` (clock ticks since boot): together they name one
        process for ever.
    """
    described = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "python": platform.python_version(),
        "gendurable": package_version(),
    }
    return described | _identity(os.getpid())


def is_gone(info: Mapping[str, Any]) -> bool:
    """Whether the process that described itself so is provably dead.

    A proof needs the same boot of the same host and the same process namespace: elsewhere a pid
    says nothing. Whatever cannot be proven is False.
    """
    here = _identity(os.getpid())
    if not here or any(info.get(key) != here[key] for key in ("boot_id", "pid_namespace")):
        return False
    pid, started = info.get("pid"), info.get("started")
    if not isinstance(pid, int) or not isinstance(started, int):
        return False
    return _started(pid) != started


def package_version() -> str:
    """The version of this package."""
    try:
        return version("gendurable")
    except PackageNotFoundError:
        return "0+unknown"


def _identity(pid: int) -> dict[str, Any]:
    try:
        return {
            "boot_id": (_PROC / "sys/kernel/random/boot_id").read_text().strip(),
            "pid_namespace": str((_PROC / str(pid) / "ns/pid").readlink()),
            "started": _started(pid),
        }
    except OSError:
        return {}


def _started(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if it is not there or dead."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command name before the last parenthesis may contain anything, spaces included.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in "ZX" else int(started)
