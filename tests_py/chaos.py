"""Faults under load, with real servers and real processes: is anything lost or done twice?

    python tests_py/chaos.py [--repetitions N] [--only FAULT] [--report docs/chaos.md]

A feeder enqueues numbered instances at a steady rate, workers run them in two steps of which the
second notes the number within the transaction of its outcome, and a fault happens. What was
enqueued and is not done in the end is lost; a number that is noted twice was finished twice.
Recovered is when, after the fault has ended, the rate of completions is that of the feeder again.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database import own_cluster
from gendurable import enqueue
from gendurable.install import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "FAULTS",
    "RECOVERED",
    "Measured",
    "Server",
    "Skipped",
    "cluster",
    "measure",
    "transfers",
]

LEASE = 2.0
RATE = 40.0
CALM = 1.5
RECOVERED = 10.0

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


class Skipped(Exception):  # noqa: N818 (it is no error)
    """This fault cannot be had on this machine."""


class Measured(NamedTuple):
    """What a fault came to."""

    fault: str
    enqueued: int
    lost: int
    twice: int
    seconds: float


# Servers.


class Server:
    """A PostgreSQL server that may be stopped, started, cut off and promoted."""

    def __init__(self, dsn: str, data: Path, binaries: str) -> None:
        self.dsn = dsn
        self.data = data
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
        self.run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-s", "stop")

    def start(self, **environment: str) -> None:
        port = conninfo_to_dict(self.dsn)["port"]
        log = str(self.data.parent / f"log-{port}")
        options = ["-D", str(self.data), "-l", log, "-o", f"-p {port}"]
        self.run("pg_ctl", *options, "-w", "-s", "start", **environment)

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


# The load.


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


def measure(
    fault: str, *, server: Server | None = None, rate: float = RATE, repetitions: int = 1
) -> list[Measured]:
    """Let a fault happen so often, each time under load; on a server of its own if none is given.

    Raises:
        Skipped: this fault cannot be had here; the message says why.
    """
    with contextlib.ExitStack() as stack:
        found = server or stack.enter_context(cluster())
        return [_measure(fault, found, rate) for _ in range(repetitions)]


def _measure(fault: str, server: Server, rate: float) -> Measured:
    # Short: a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="chaos.", dir="/tmp"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        if "CHAOS_KEEP" not in os.environ:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        make, happen = FAULTS[fault]
        world = stack.enter_context(make(server, folder))
        stack.callback(world.close)
        for _ in range(2):
            world.start_worker()
        feeder = Feeder(world.feeds or world.way, rate)
        feeder.start()
        stack.callback(feeder.end)
        _await_rate(world, rate, since=None)
        time.sleep(CALM)
        happen(world)
        with connect(world.dsn) as conn:
            ended = value(conn, "select clock_timestamp()")
        seconds = _await_rate(world, rate, since=ended)
        feeder.end()
        lost, twice = _account(world, feeder.enqueued)
        return Measured(fault, feeder.enqueued, lost, twice, seconds)


_BACK = """
    select extract(epoch from min(s.at) - %(since)s)::float8 from (
        select at, count(*) over (order by at range between current row and '1 s' following) as n
        from noted where at >= %(since)s) as s
    where s.n >= %(wanted)s
"""


def _await_rate(world: World, rate: float, *, since: Any) -> float:
    """Seconds until the completions of one second are as many as are enqueued, nearly."""
    found: list[float] = []
    with connect(world.dsn) as conn:
        since = since or value(conn, "select clock_timestamp()")

        def back() -> bool:
            with conn.cursor() as cursor:
                row = cursor.execute(_BACK, {"since": since, "wanted": 0.8 * rate}).fetchone()
            if row and row[0] is not None:
                found.append(row[0])
            return bool(found)

        wait(back, 90)
    return found[0]


def _account(world: World, enqueued: int) -> tuple[int, int]:
    """How many numbers are not done, and how many were noted more than once."""
    done = "select count(*) from gd_instances where fsm = 'Numbered' and status = 'done'"
    with connect(world.dsn) as conn:
        deadline = time.monotonic() + 60
        while value(conn, done) < enqueued and time.monotonic() < deadline:
            time.sleep(0.1)
        noted = value(conn, "select count(distinct number) from noted")
        all_noted = value(conn, "select count(*) from noted")
        lost = enqueued - min(value(conn, done), noted)
        return lost, all_noted - noted


# The faults. Each has its world, and what happens in it.


@contextlib.contextmanager
def plain(server: Server, folder: Path) -> Iterator[World]:
    yield World(server, folder)


def kill_9(world: World) -> None:
    """Each worker is killed in turn, and another one is started in its place."""
    for worker in list(world.workers):
        world.kill(worker)
        world.start_worker()
        time.sleep(0.5)


def twins(world: World) -> None:
    """Three workers of one name, of which two are killed and started again under it."""
    for _ in range(3):
        world.start_worker("twin")
    time.sleep(1)
    for worker in world.workers[-2:]:
        world.kill(worker)
        world.start_worker("twin")


def stopped(world: World) -> None:
    """A worker stands still for longer than its lease, and then goes on."""
    worker = world.workers[0]
    worker.send_signal(signal.SIGSTOP)
    time.sleep(2 * LEASE)
    worker.send_signal(signal.SIGCONT)


def restart(world: World) -> None:
    """The server crashes and comes back."""
    world.server.stop("immediate")
    time.sleep(0.5)
    world.server.start()


def cut(world: World) -> None:
    """Every connection is ended, three times."""
    query = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
    with connect(world.server.dsn) as conn:
        for _ in range(3):
            conn.execute(query, (world.name,))
            time.sleep(0.2)


@contextlib.contextmanager
def behind_a_proxy(server: Server, folder: Path) -> Iterator[World]:
    world = World(server, folder)
    with contextlib.closing(Proxy(world.dsn, folder / "proxy")) as proxy:
        world.way, world.feeds = proxy.dsn, world.dsn
        PROXIES[world.name] = proxy
        yield world


PROXIES: dict[str, Proxy] = {}


def hang(world: World) -> None:
    """Nothing travels for longer than a lease; then all of it does."""
    proxy = PROXIES[world.name]
    proxy.flows.clear()
    time.sleep(2 * LEASE)
    proxy.flows.set()


def silent_death(world: World) -> None:
    """Nothing travels any more on the connections that there are; new ones work."""
    PROXIES[world.name].kill_silently()


@contextlib.contextmanager
def behind_pgbouncer(server: Server, folder: Path) -> Iterator[World]:
    binary = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(binary).exists():
        raise Skipped("pgbouncer is not installed")
    world = World(server, folder)
    way = folder / "pgbouncer"
    way.mkdir()
    fields = conninfo_to_dict(world.dsn)
    (way / "users").write_text('"postgres" ""\n')
    (way / "ini").write_text(
        f"[databases]\n* = host={fields['host']} port={fields['port']}\n"
        f"[pgbouncer]\nunix_socket_dir = {way}\nlisten_port = 6432\nauth_type = trust\n"
        f"auth_file = {way}/users\npool_mode = transaction\ndefault_pool_size = 6\n"
        "max_client_conn = 200\nserver_login_retry = 1\n"
        f"logfile = {way}/log\npidfile = {way}/pid\n"
        "ignore_startup_parameters = extra_float_digits,options\n"
    )
    owner = server.data.parent.owner()
    if getpass.getuser() != owner:
        shutil.chown(way, owner)
    world.way = make_conninfo(world.dsn, host=str(way), port=6432)
    world.options = ["--pooler", "--listen-dsn", world.dsn]
    BOUNCERS[world.name] = [start_pgbouncer(binary, way, owner)]
    try:
        yield world
    finally:
        for bouncer in BOUNCERS.pop(world.name):
            bouncer.kill()
            bouncer.wait()


BOUNCERS: dict[str, list[subprocess.Popen[bytes]]] = {}


def start_pgbouncer(binary: str, way: Path, owner: str) -> subprocess.Popen[bytes]:
    switch = [] if getpass.getuser() == owner else ["setpriv", "--reuid", owner, "--clear-groups"]
    (way / "pid").unlink(missing_ok=True)
    bouncer = subprocess.Popen(
        [*switch, binary, "-q", str(way / "ini")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait((way / ".s.PGSQL.6432").exists, 10)
    return bouncer


def bounce(world: World) -> None:
    """The pooler, in transaction mode, is killed and started again."""
    bouncers = BOUNCERS[world.name]
    bouncers[-1].kill()
    bouncers[-1].wait()
    way = world.folder / "pgbouncer"
    (way / ".s.PGSQL.6432").unlink(missing_ok=True)
    binary = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    bouncers.append(start_pgbouncer(binary, way, world.server.data.parent.owner()))


@contextlib.contextmanager
def on_a_small_disk(server: Server, folder: Path) -> Iterator[World]:
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m,mode=0777", "tmpfs", str(disk)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if mounted.returncode:
        raise Skipped(f"no small disk can be mounted: {mounted.stderr.strip()}")
    place = disk / "space"
    name = f"small_{random.randrange(10**9)}"
    world = None
    try:
        place.mkdir()
        shutil.chown(place, server.data.parent.owner())
        with connect(server.dsn) as conn:
            conn.execute(f"create tablespace {name} location '{place}'")
        world = World(server, folder, tablespace=name)
        yield world
    finally:
        (disk / "ballast").unlink(missing_ok=True)
        if world is not None:
            world.close()
        with connect(server.dsn) as conn:
            conn.execute(f"drop tablespace if exists {name}")
        subprocess.run(["umount", "-l", str(disk)], check=False)


def disk_full(world: World) -> None:
    """No table can grow for some seconds."""
    ballast = world.folder / "disk" / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
    # Long enough for the room that is left within the tables to be used up.
    time.sleep(5)
    ballast.unlink()


LIBFAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@contextlib.contextmanager
def with_a_clock(server: Server, folder: Path) -> Iterator[World]:
    if not Path(LIBFAKETIME).exists():
        raise Skipped("libfaketime is not installed")
    clock = folder / "clock"
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": LIBFAKETIME,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    server.stop("fast")
    server.start(**faked)
    try:
        yield World(server, folder)
    finally:
        server.stop("fast")
        server.start()


def clock_forward(world: World) -> None:
    """The server's clock jumps an hour ahead."""
    (world.folder / "clock").write_text("+3600")


def clock_back(world: World) -> None:
    """The server's clock jumps five seconds back."""
    (world.folder / "clock").write_text("-5")
    time.sleep(5)


@contextlib.contextmanager
def with_a_standby(server: Server, folder: Path) -> Iterator[World]:
    # What follows a promotion is another server: it has one of its own.
    del server
    with cluster() as primary:
        twin = primary.standby(5433)
        world = World(primary, folder)
        host = conninfo_to_dict(primary.dsn)["host"]
        world.way = make_conninfo(world.dsn, host=f"{host},{host}", port="5432,5433")
        world.way = make_conninfo(world.way, target_session_attrs="primary")
        STANDBYS[world.name] = twin
        try:
            yield world
        finally:
            world.close()
            twin.stop()
            # What ends it expects it to run.
            with contextlib.suppress(subprocess.CalledProcessError):
                primary.start()


STANDBYS: dict[str, Server] = {}


def failover(world: World) -> None:
    """The primary crashes, and its standby is promoted."""
    twin = STANDBYS[world.name]
    world.server.stop("immediate")
    twin.promote()
    world.server = twin
    world.dsn = make_conninfo(world.dsn, port="5433")
    with connect(world.dsn) as conn:
        conn.execute("alter system set synchronous_standby_names = ''")
        conn.execute("select pg_reload_conf()")


def demoted(world: World) -> None:
    """The standby is promoted, and the old primary, the first of the DSN, is a standby then."""
    old = world.server
    failover(world)
    (old.data / "standby.signal").touch()
    shutil.chown(old.data / "standby.signal", old.data.parent.owner())
    old.start()
    with connect(world.dsn) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = %s and pid <> pg_backend_pid()", (world.name,),
        )  # fmt: skip


FAULTS: dict[
    str,
    tuple[
        Callable[[Server, Path], contextlib.AbstractContextManager[World]],
        Callable[[World], None],
    ],
] = {
    "kill -9": (plain, kill_9),
    "twins of one name": (plain, twins),
    "SIGSTOP beyond the lease": (plain, stopped),
    "server crash": (plain, restart),
    "connections cut": (plain, cut),
    "network hangs": (behind_a_proxy, hang),
    "connections die silently": (behind_a_proxy, silent_death),
    "pgbouncer killed": (behind_pgbouncer, bounce),
    "disk full": (on_a_small_disk, disk_full),
    "clock ahead": (with_a_clock, clock_forward),
    "clock back": (with_a_clock, clock_back),
    "failover": (with_a_standby, failover),
    "primary demoted": (with_a_standby, demoted),
}


# Transfers.

TRANSFERS = """
from gendurable import Context, Done, Machine, Outcome, RetryPolicy, step

class Transfer(Machine[int]):
    retry = RetryPolicy(max_attempts=None, initial=0.05, maximum=0.2)

    @step(transactional=True)
    def start(self, ctx: Context[int]) -> Outcome:
        ctx.conn.execute("update accounts set balance = balance - %s where id = 1", (ctx.state,))
        ctx.conn.execute("update accounts set balance = balance + %s where id = 2", (ctx.state,))
        return Done()
"""


class Transferred(NamedTuple):
    """What transfers came to: the balances, those that every transfer exactly once makes."""

    balances: tuple[int, int]
    expected: tuple[int, int]
    kills: int
    seconds: float


def transfers(count: int, *, every: float = 1.0, server: Server | None = None) -> Transferred:
    """Move money between two accounts so often, with two workers, one killed every so often."""
    with contextlib.ExitStack() as stack:
        found = server or stack.enter_context(cluster())
        folder = Path(tempfile.mkdtemp(prefix="chaos.", dir="/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        world = World(found, folder)
        stack.callback(world.close)
        (folder / "numbered.py").write_text(TRANSFERS)
        with connect(world.dsn) as conn:
            conn.execute("create table accounts (id int primary key, balance bigint not null)")
            conn.execute("insert into accounts values (1, 0), (2, 0)")
            conn.execute(
                "select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object("
                "'fsm', 'Transfer', 'state', n)) from generate_series(1, %s) as n))", (count,),
            )  # fmt: skip
            for _ in range(2):
                world.start_worker()
            done = "select count(*) from gd_instances where status = 'done'"
            began, kills = time.monotonic(), 0
            wait(lambda: value(conn, done) > 0)
            while value(conn, done) < count:
                if time.monotonic() - began > 600:
                    break
                time.sleep(every)
                # The older one, and not before the other one works: starting may take longer.
                names = [f"w{world.started}"]
                known = "select count(*) from gd_workers where name = any (%s)"
                if not value(conn, known, names):
                    continue
                world.kill(world.workers[0])
                world.start_worker()
                kills += 1
            seconds = time.monotonic() - began
            rows = conn.execute("select balance from accounts order by id").fetchall()
            total = count * (count + 1) // 2
            return Transferred((rows[0][0], rows[1][0]), (-total, total), kills, seconds)


# The table.

HEADER = (
    "| fault | repetitions | enqueued | lost | finished twice "
    "| seconds to recover: median, longest |\n|---|---|---|---|---|---|\n"
)


def row(fault: str, found: list[Measured]) -> str:
    seconds = [one.seconds for one in found]
    shown = f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"
    lost, twice = sum(one.lost for one in found), sum(one.twice for one in found)
    enqueued = sum(one.enqueued for one in found)
    return f"| {fault} | {len(found)} | {enqueued:,} | {lost} | {twice} | {shown} |"


def main() -> int:
    """Run the suite; the exit code says whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--only", action="append", choices=list(FAULTS))
    parser.add_argument("--transfers", type=int, default=10_000)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    rows, well = [], True
    with cluster() as server:
        for fault in options.only or FAULTS:
            try:
                found = measure(
                    fault, server=server, rate=options.rate, repetitions=options.repetitions
                )
            except Skipped as exc:
                rows.append(f"| {fault} | skipped: {exc} | | | | |")
            else:
                rows.append(row(fault, found))
                well &= all(
                    not one.lost and not one.twice and one.seconds <= RECOVERED for one in found
                )
            print(rows[-1], flush=True)
        if options.transfers:
            moved = transfers(options.transfers, server=server)
            well &= moved.balances == moved.expected
            said = (
                f"{options.transfers:,} transfers, {moved.kills} workers killed in "
                f"{moved.seconds:.0f} s: the balances are {moved.balances[0]:,} and "
                f"{moved.balances[1]:,}, expected {moved.expected[0]:,} and {moved.expected[1]:,}."
            )
            print(said)
    if options.report:
        text = options.report.read_text()
        head, _, rest = text.partition("<!-- table -->\n")
        _, _, tail = rest.partition("<!-- end -->\n")
        table = HEADER + "\n".join(rows) + "\n\n" + (said + "\n" if options.transfers else "")
        options.report.write_text(f"{head}<!-- table -->\n{table}<!-- end -->\n{tail}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
