"""A database under load: numbers that a feeder enqueues, and the workers that note them."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from chaos.servers import connect
from gendurable import enqueue
from gendurable.install import install

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.servers import Server

__all__ = ["LEASE", "Feeder", "World"]

LEASE = 2.0

MODULE = """
from gendurable import Context, Done, Machine, Next, Outcome, RetryPolicy, step

class Numbered(Machine[int]):
    retry = RetryPolicy(max_attempts=None, initial=0.1, maximum=0.5)

    @step
    async def start(self, ctx: Context[int]) -> Outcome:
        return Next(self.note)

    @step(transactional=True)
    def note(self, ctx: Context[int]) -> Outcome:
        ctx.conn.execute("insert into noted (number) values (%s)", (ctx.state,))
        return Done(ctx.state)
"""

SCHEMA = """
create table noted (number int not null, at timestamptz not null default clock_timestamp());
"""


class Feeder(threading.Thread):
    """Enqueues one number after the other at a steady rate, each exactly once."""

    def __init__(self, dsn: str, rate: float) -> None:
        super().__init__(daemon=True)
        self.enqueued = 0
        self._dsn = dsn
        self._rate = rate
        self._ends = threading.Event()

    def run(self) -> None:
        conn: psycopg.Connection[Any] | None = None
        began = time.monotonic()
        while not self._ends.is_set():
            due = began + self.enqueued / self._rate
            # After a time in which nothing could be enqueued it goes on at its rate.
            if due < time.monotonic() - 1:
                began += time.monotonic() - due
            self._ends.wait(max(0.0, due - time.monotonic()))
            try:
                conn = conn or connect(self._dsn)
                # The key lets a number whose answer was lost be sent again.
                enqueue(
                    conn, "Numbered", self.enqueued, correlation_key=f"number:{self.enqueued}",
                    correlation_scope=SCOPE,
                )  # fmt: skip
                self.enqueued += 1
            except Exception:  # noqa: BLE001 (whatever it is, it is sent again)
                if conn is not None:
                    conn.close()
                conn = None
                time.sleep(0.05)
        if conn is not None:
            conn.close()

    def end(self) -> None:
        self._ends.set()
        self.join(30)


SCOPE = ["runnable", "executing", "awaiting_signal", "awaiting_children", "done", "failed"]


class World:
    """A database under load, and the workers that carry it.

    Args:
        server: where.
        folder: for its files.
        tablespace: of the database.

    Attributes:
        way: how workers reach the database.
        feeds: how the feeder does, where that is another way.
    """

    def __init__(self, server: Server, folder: Path, *, tablespace: str | None = None) -> None:
        self.server = server
        self.folder = folder
        self.tablespace = tablespace
        self.name = f"chaos_{random.randrange(10**9)}"
        self.dsn = make_conninfo(server.dsn, dbname=self.name)
        self.way = self.dsn
        self.feeds: str | None = None
        self.options: list[str] = []
        self.environment: dict[str, str] = {}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.started = 0
        self._log = (folder / "log").open("ab")
        (folder / "numbered.py").write_text(MODULE)
        with connect(server.dsn) as conn:
            where = f" tablespace {tablespace}" if tablespace else ""
            conn.execute(f"create database {self.name}{where}")
        install(self.dsn)
        with connect(self.dsn) as conn:
            conn.execute(SCHEMA)

    def start_worker(self, name: str | None = None) -> subprocess.Popen[bytes]:
        self.started += 1
        command = [
            sys.executable, "-m", "gendurable", "run", str(self.folder / "numbered.py"),
            "--dsn", self.way, "--name", name or f"w{self.started}", "--lease", str(LEASE),
            "--poll", "0.2", "--maintenance", "0.3", "--drain", "10", *self.options,
        ]  # fmt: skip
        environment = {**os.environ, **self.environment}
        worker = subprocess.Popen(command, stderr=self._log, env=environment)
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        worker.wait()
        self.workers.remove(worker)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.wait()
        self._log.close()
        with contextlib.suppress(psycopg.Error), connect(self.server.dsn) as conn:
            conn.execute(f"drop database if exists {self.name} with (force)")
