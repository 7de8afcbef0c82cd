"""The faults: each has its world, and what happens in it."""

from __future__ import annotations

import contextlib
import getpass
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from chaos.servers import Proxy, Server, cluster, connect, wait
from chaos.world import LEASE, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FAULTS", "Skipped", "behind_pgbouncer"]


class Skipped(Exception):  # noqa: N818 (it is no error)
    """This fault cannot be had on this machine."""


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
            if not primary.up:
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
