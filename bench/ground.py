"""What the machine itself gives: a flush to its disk, a round trip to its server, a small transaction."""

# ruff: noqa: E501

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from common import create_database, drop_database
from metering import nearest

__all__ = ["ground"]

SECONDS = 0.7
PAGE = b"x" * 8192


def ground(admin: str) -> dict[str, str]:
    """Milliseconds, median and 99th percentile, of one connection that does nothing else."""
    found = {"fdatasync of a page": _flush()}
    name = f"bench_{os.getpid()}_ground"
    dsn = create_database(admin, name)
    try:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.prepare_threshold = 0
            conn.execute("create table account (id int primary key, balance int)")
            conn.execute("insert into account select n, 0 from generate_series(1, 1000) as n")
            found["round trip"] = timed(lambda n: conn.execute("select 1"))
            update = "update account set balance = balance + 1 where id = %s"
            found["update of one row, committed"] = timed(
                lambda n: conn.execute(update, [n * 7 % 1000 + 1])
            )
    finally:
        drop_database(admin, name)
    return found


def timed(act: Callable[[int], object]) -> str:
    """Does something again and again for a moment."""
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while not taken or time.perf_counter() < end:
        begun = time.perf_counter()
        act(len(taken))
        taken.append((time.perf_counter() - begun) * 1e3)
    return f"{nearest(taken, 50):.3f} ms, p99 {nearest(taken, 99):.3f} ms"


def _flush() -> str:
    """Where the throwaway server keeps its files."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))
        file = stack.enter_context((Path(directory) / "pages").open("wb", buffering=0))
        file.write(PAGE * 1000)
        os.fsync(file.fileno())

        def write(n: int) -> None:
            os.pwrite(file.fileno(), PAGE, n % 1000 * len(PAGE))
            os.fdatasync(file.fileno())

        return timed(write)
