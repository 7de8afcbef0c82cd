"""What the scripts in this directory share: a server, a database with the engine, and meters."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests_py"), str(ROOT / "python")]

from database import create_database, drop_database, server  # noqa: E402
from gendurable.install import install  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Meter", "backend_cpu", "engine_database", "one"]

_TICK = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def engine_database(name: str, dsn: str | None = None) -> Iterator[str]:
    """A fresh database with the engine: on the server of `dsn`, or as the tests find one."""
    with contextlib.ExitStack() as stack:
        admin = dsn or stack.enter_context(server())
        name = f"{name}_{os.getpid()}"
        fresh = create_database(admin, name)
        stack.callback(drop_database, admin, name)
        install(fresh)
        yield fresh


def one(conn: psycopg.Connection, query: Any, args: Any = None) -> Any:
    """The first column of the first row."""
    row = conn.execute(query, args).fetchone()
    return None if row is None else row[0]


def backend_cpu(pid: int) -> float:
    """User and system seconds of a server process of this machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


class Meter:
    """Wall time, CPU of these backends and WAL of the server between start and stop."""

    def __init__(self, control: psycopg.Connection, pids: list[int]) -> None:
        self.control = control
        self.pids = pids
        self.wall = self.cpu = self.wal = 0.0

    def _cpu(self) -> float:
        return sum(backend_cpu(pid) for pid in self.pids)
