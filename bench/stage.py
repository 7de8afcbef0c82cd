"""Where runs take place: fresh databases, workers that begin together, and what it costs."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from typing import Self, TypeAlias

import psycopg
from common import create_database, drop_database, one
from metering import parent_of, server_cpu
from peers.base import Marks, Peer, Post, Producer, running
from psycopg.conninfo import conninfo_to_dict

__all__ = ["Cost", "Crew", "Fill", "Stage"]

TIMEOUT = 180.0
Fill: TypeAlias = Callable[[Producer], None]


class Cost:
    """CPU of the server and of the workers, and WAL, from its creation to `stop`."""

    def __init__(self, conn: psycopg.Connection, workers: Sequence[BaseProcess] = ()) -> None:
        self.conn = conn
        self.pids = [worker.pid or 0 for worker in workers]
        self.postmaster = parent_of(conn.info.backend_pid)
        self.lsn = one(conn, "select pg_current_wal_insert_lsn()")
        self.server, self.workers = -server_cpu(self.postmaster), -sum(map(server_cpu, self.pids))

    def stop(self, units: int) -> dict[str, float]:
        """Microseconds and bytes, each for one unit."""
        self.server += server_cpu(self.postmaster)
        self.workers += sum(map(server_cpu, self.pids))
        wal = float(one(self.conn, "select pg_current_wal_insert_lsn() - %s", [self.lsn]))
        return {
            "database µs": self.server * 1e6 / units,
            "worker µs": self.workers * 1e6 / units,
            "WAL bytes": wal / units,
        }


class Crew:
    """The worker processes of one run: connected, and waiting for its beginning."""

    def __init__(self, posts: list[Post], processes: list[BaseProcess], marks: Marks) -> None:
        self.posts, self.processes, self.marks = posts, processes, marks
        for post in posts:
            self.until(partial(post.ready.acquire, block=False), 60)

    def go(self) -> None:
        for post in self.posts:
            post.go.set()

    def until(
        self, met: Callable[[], bool], timeout: float = TIMEOUT, every: float = 0.005
    ) -> None:
        """Waits until something is so."""
        end = time.monotonic() + timeout
        while not met():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {timeout:.0f} s; {self.marks.begun} have begun")
            if not all(process.is_alive() for process in self.processes):
                raise RuntimeError("a worker has ended")
            time.sleep(every)


class Stage:
    """The server on which runs take place, each on a fresh copy of a prepared database."""

    def __init__(self, admin: str) -> None:
        self.admin = admin
        self._templates: dict[tuple[str, str], str] = {}
        self._prepared: list[str] = []

    @contextlib.contextmanager
    def database(
        self, peer: Peer, contents: str = "", fill: Fill | None = None
    ) -> Iterator[tuple[str, psycopg.Connection]]:
        """A database with the peer's schema and what `fill` puts in, which `contents` names."""
        key = (peer.name, contents)
        if key not in self._templates:
            self._templates[key] = self._prepare(peer, fill)
        with (
            self._fresh(self._templates[key]) as dsn,
            psycopg.connect(dsn, autocommit=True) as conn,
        ):
            conn.execute("checkpoint")
            yield dsn, conn

    @contextlib.contextmanager
    def _fresh(self, template: str) -> Iterator[str]:
        name = f"bench_{os.getpid()}_run"
        dsn = create_database(self.admin, name, template)
        try:
            yield dsn
        finally:
            drop_database(self.admin, name)

    def _prepare(self, peer: Peer, fill: Fill | None) -> str:
        name = f"bench_{os.getpid()}_{len(self._prepared)}"
        self._prepared.append(name)
        dsn = create_database(self.admin, name)
        with running(peer.install, dsn) as process:
            process.join()
            if process.exitcode != 0:
                raise RuntimeError("its schema could not be installed")
        if fill is not None:
            with peer.producer(dsn) as producer:
                fill(producer)
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("vacuum analyze")
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
                [conninfo_to_dict(dsn)["dbname"]],
            )
        return name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()

    def forget(self) -> None:
        """Drops the prepared databases."""
        for name in self._prepared:
            drop_database(self.admin, name)
        self._prepared.clear()
        self._templates.clear()

    @contextlib.contextmanager
    def crew(
        self, peer: Peer, dsn: str, workload: str, count: int = 1, marks: Marks | None = None
    ) -> Iterator[Crew]:
        marks = marks or Marks(count)
        options = peer.options(workload)
        posts = [Post(dsn, workload, number, marks, options) for number in range(count)]
        with contextlib.ExitStack() as stack:
            processes = [stack.enter_context(running(peer.work, post)) for post in posts]
            yield Crew(posts, processes, marks)
