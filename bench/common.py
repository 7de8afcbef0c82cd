"""What the scripts in this directory share: a server, a database with the engine, and meters."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests_py"), str(ROOT / "python")]

from database import create_database, drop_database, own_cluster, server  # noqa: E402
from gendurable.install import install  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "DURABLE",
    "Meter",
    "backend_cpu",
    "create_database",
    "drop_database",
    "durable_server",
    "engine_database",
    "one",
    "own_cluster",
    "url_of",
]

# A server as one would run it: what it acknowledges is on disk, and checkpoints are rare.
# It overrules the settings of the tests (no fsync, plpgsql_check loaded).
DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "shared_preload_libraries": "",
}


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


@contextlib.contextmanager
def durable_server(dsn: str | None = None, **settings: str) -> Iterator[str]:
    """The server of `dsn`, or a cluster of our own on which a commit is on disk."""
    if dsn is not None:
        yield dsn
        return
    with own_cluster(**DURABLE | settings) as own:
        yield own


def url_of(dsn: str) -> str:
    """The same as a URL, for clients that know no other form; a socket's directory is its host."""
    info = conninfo_to_dict(dsn)
    host, port = quote(str(info["host"]), safe="/"), info.get("port", 5432)
    return f"postgresql://{info['user']}@/{info['dbname']}?host={host}&port={port}"


def one(conn: psycopg.Connection, query: Any, args: Any = None) -> Any:
    """The first column of the first row."""
    row = conn.execute(query, args).fetchone()
    return None if row is None else row[0]


def backend_cpu(pid: int) -> float:
    """Seconds that a server process of this machine has been running, in user and system mode."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:  # a kernel without it: in ticks
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Meter:
    """Wall time, CPU of some backends and WAL of the server, from its creation to stop()."""

    def __init__(self, control: psycopg.Connection, pids: list[int]) -> None:
        self.control = control
        self.pids = pids
        self.lsn = one(control, "select pg_current_wal_insert_lsn()")
        self.cpu = -sum(map(backend_cpu, pids))
        self.wall = -time.perf_counter()
        self.wal = 0.0

    def stop(self) -> Meter:
        self.wall += time.perf_counter()
        self.cpu += sum(map(backend_cpu, self.pids))
        self.wal = float(one(self.control, "select pg_current_wal_insert_lsn() - %s", [self.lsn]))
        return self
