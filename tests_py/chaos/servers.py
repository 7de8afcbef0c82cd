"""Servers that may be stopped, cut off and promoted, and a way to them that may go silent."""

from __future__ import annotations

import contextlib
import getpass
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database import own_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Proxy", "Server", "cluster", "connect", "value", "wait"]


class Server:
    """A PostgreSQL server that may be stopped, started, cut off and promoted."""

    def __init__(self, dsn: str, data: Path, binaries: str) -> None:
        self.dsn = dsn
        self.data = data
        self.up = True
        self._binaries = binaries

    def run(self, program: str, *args: str, **environment: str) -> None:
        """Run a program of the server as its owner."""
        owner = self.data.parent.owner()
        settings = [f"{name}={value}" for name, value in environment.items()]
        switch = [] if getpass.getuser() == owner else ["runuser", "-u", owner, "--"]
        subprocess.run(
            [*switch, "env", *settings, f"{self._binaries}/{program}", *args],
            check=True, cwd=self.data.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        self.up = False
        self.run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-s", "stop")

    def start(self, **environment: str) -> None:
        port = conninfo_to_dict(self.dsn)["port"]
        log = str(self.data.parent / f"log-{port}")
        options = ["-D", str(self.data), "-l", log, "-o", f"-p {port}"]
        self.run("pg_ctl", *options, "-w", "-s", "start", **environment)
        self.up = True

    def promote(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-s", "promote")

    def standby(self, port: int) -> Server:
        """A streaming standby of this server, started; what is committed waits for it."""
        fields = conninfo_to_dict(self.dsn)
        data = self.data.parent / f"standby-{port}"
        twin = Server(make_conninfo(self.dsn, port=port), data, self._binaries)
        source = ["-h", str(fields["host"]), "-p", str(fields["port"]), "-U", "postgres"]
        self.run("pg_basebackup", *source, "-D", str(data), "-R", "-c", "fast")
        twin.start()
        with connect(self.dsn) as conn:
            conn.execute("alter system set synchronous_standby_names = '*'")
            conn.execute("select pg_reload_conf()")
            wait(
                lambda: value(
                    conn, "select count(*) from pg_stat_replication where sync_state = 'sync'"
                )
            )
        return twin


@contextlib.contextmanager
def cluster() -> Iterator[Server]:
    """A server of its own, on which a commit is one."""
    with own_cluster(synchronous_commit="on", wal_level="replica", max_wal_senders="5") as admin:
        with connect(admin) as conn:
            binaries = value(conn, "select setting from pg_config where name = 'BINDIR'")
        yield Server(admin, Path(str(conninfo_to_dict(admin)["host"])) / "data", binaries)


def connect(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, autocommit=True, connect_timeout=5, prepare_threshold=None)


def value(conn: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def wait(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.02)


class Proxy:
    """A way to the server on which nothing may travel for a while, without a word."""

    def __init__(self, dsn: str, folder: Path) -> None:
        fields = conninfo_to_dict(dsn)
        self._target = f"{fields['host']}/.s.PGSQL.{fields['port']}"
        folder.mkdir()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self.dsn = make_conninfo(dsn, host=str(folder), port=5432)
        self.flows = threading.Event()
        self.flows.set()
        self._dead: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def kill_silently(self) -> None:
        """Nothing travels any more on the connections that there are; new ones work."""
        self._dead |= self._open

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                self.flows.wait()
                theirs = socket.socket(socket.AF_UNIX)
                try:
                    theirs.connect(self._target)
                except OSError:
                    ours.close()
                    continue
                self._open |= {ours, theirs}
                for ends in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.flows.wait()
                if source not in self._dead:
                    target.sendall(data)
        with contextlib.suppress(OSError):
            if source not in self._dead:
                target.shutdown(socket.SHUT_RDWR)
