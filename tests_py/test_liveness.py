"""In doubt, a process lives: who may declare a worker dead, and when.

Each race and its guard; then what was seen where the guard was taken away:

- The server is down for longer than a lease (clean and immediate stop, a session killed, a standby
  promoted). Leases count anew from `_up_since`. It is `-infinity`: claims of living workers are
  given away.
- Two workers lose the network for longer than a lease, and one is back first. It does no
  maintenance for one lease. It does: the other one's step runs twice.
- Workers live on while the server is stopped immediately, under load. The fence has the time, and
  outcomes and what a limit counts are durable. Fence + 1: one fence is used twice; outcomes that
  are no more durable than claims: accepted ones run again.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database import create_database, own_cluster
from gendurable import (
    Context,
    Done,
    Entry,
    Machine,
    Next,
    Outcome,
    enqueue_many,
    job,
    process,
    protocol,
    step,
)
from gendurable.cli import main
from gendurable.database import connect, conninfo
from gendurable.errors import GendurableError
from gendurable.install import install
from gendurable.process import describe_process, is_gone, place, uptime
from gendurable.session import Session
from support import Connection, finished, gate, running, statuses, until

if TYPE_CHECKING:
    from collections.abc import Iterator

# Which process is gone.

DESCRIBE = """
import json, sys
from gendurable.process import describe_process
print(json.dumps(describe_process()), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def other_process() -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A live process and what it says of itself."""
    with subprocess.Popen(
        [sys.executable, "-c", DESCRIBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        yield child, json.loads(child.stdout.readline())
        child.kill()


def test_a_process_is_gone_when_it_has_ended_and_not_before() -> None:
    with other_process() as (child, described):
        assert not is_gone(described)
        child.send_signal(signal.SIGSTOP)
        assert not is_gone(described)
        child.kill()
        until(lambda: is_gone(described), "a zombie is dead before its parent has heard of it")
        child.wait()
        assert is_gone(described)


@pytest.mark.parametrize("user", ["its own", "another"])
def test_a_process_that_proc_hides_is_alive(
    user: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Mounted with hidepid, /proc shows a process its own entries alone."""
    for shown in ("self", "sys"):
        (tmp_path / shown).symlink_to(f"/proc/{shown}")
    monkeypatch.setattr(process, "_PROC", tmp_path)
    if user == "another":
        kill = os.kill

        def not_permitted(pid: int, signum: int) -> None:
            kill(pid, signum)
            if signum == 0:
                raise PermissionError

        monkeypatch.setattr(os, "kill", not_permitted)
    with other_process() as (child, described):
        assert not is_gone(described)
        child.kill()
        child.wait()
        assert is_gone(described)


def test_without_proc_no_process_is_declared_dead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with other_process() as (child, described):
        child.kill()
        child.wait()
        with monkeypatch.context() as patch:
            patch.setattr(process, "_PROC", tmp_path)
            assert place() is None
            assert describe_process()["pid"] == os.getpid()
            assert not is_gone(described)
        assert is_gone(described)


def test_a_number_that_another_process_has_now_proves_its_first_owner_dead() -> None:
    with other_process() as (_, described):
        assert is_gone(described | {"started": described["started"] - 1})


def test_start_times_of_two_time_namespaces_are_not_compared() -> None:
    with other_process() as (_, described):
        elsewhere = described | {"started": described["started"] - 1, "time_namespace": "time:[7]"}
        assert not is_gone(elsewhere)
        assert not is_gone({k: v for k, v in elsewhere.items() if k != "time_namespace"})


def test_numbers_of_an_outer_proc_are_not_looked_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a process namespace without a /proc of its own, /proc/7 is a process of the outer one."""
    (tmp_path / "sys").symlink_to("/proc/sys")
    (tmp_path / "self").mkdir()
    (tmp_path / "self/ns").symlink_to("/proc/self/ns")
    (tmp_path / "self/stat").write_text(Path("/proc/self/stat").read_text())
    (tmp_path / "self/status").write_text(f"Name: x\nNSpid:\t4711\t{os.getpid()}\n")
    with other_process() as (child, described):
        (tmp_path / str(child.pid)).symlink_to("/proc/1")
        monkeypatch.setattr(process, "_PROC", tmp_path)
        assert not is_gone(described)


def test_a_zombie_whose_other_threads_run_is_alive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for shown in ("self", "sys"):
        (tmp_path / shown).symlink_to(f"/proc/{shown}")
    with other_process() as (child, described):
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        (tmp_path / str(child.pid)).mkdir()
        for threads, dead in (("3", False), ("1", True)):
            said = ["Z", *fields[1:17], threads, *fields[18:]]
            (tmp_path / str(child.pid) / "stat").write_text(f"1 (a) b) {' '.join(said)}\n")
            monkeypatch.setattr(process, "_PROC", tmp_path)
            assert is_gone(described) is dead


@pytest.mark.parametrize("field", ["host", "boot_id", "pid_namespace"])
def test_a_process_of_another_place_is_not_judged(field: str) -> None:
    with other_process() as (child, described):
        child.kill()
        child.wait()
        assert is_gone(described)
        for value in ("another", None, 7, ["x"]):
            assert not is_gone(described | {field: value})
        assert not is_gone({k: v for k, v in described.items() if k != field})


@pytest.mark.parametrize("pid", [0, -1, -(2**31), 2**31, 2**70, True, 1.0, "1", None, [], {}])
def test_what_is_no_process_number_proves_nothing(pid: object) -> None:
    assert not is_gone(describe_process() | {"pid": pid, "started": 1})


@pytest.mark.parametrize("started", [None, True, "1", 1.5, [1]])
def test_what_is_no_start_time_proves_nothing(started: object) -> None:
    assert not is_gone(describe_process() | {"started": started})


@pytest.mark.parametrize("info", [[], "text", 7, None, True, [{"pid": 1}], {}, {"pid": {}}])
def test_what_is_no_description_proves_nothing(info: object) -> None:
    assert not is_gone(info)


def test_whatever_other_workers_say_of_themselves_the_worker_goes_on(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of older schemas and of other clients: nothing in them stops maintenance."""
    said = describe_process()
    infos = [[], "text", 7, None, True, [said], said | {"pid": 2**70}, said | {"pid": -1}]
    infos += [said | {"pid": True, "started": "x"}, said | {"pid": [1]}, {"host": said["host"]}]
    texts = [json.dumps(info) for info in infos]
    texts.append(
        json.dumps(said | {"pid": "x"})[:-1] + ', "deep": ' + "[" * 5000 + "]" * 5000 + "}"
    )
    texts.append('{"a": [' * 2000 + "]}" * 2000)
    for text in texts:
        conn.execute(
            "with w as (insert into gendurable.workers (name, queues, lease, registered_at, info)"
            " values ('odd', '{}', '1 hour', now(), %s) returning id)"
            " insert into gendurable.leases (worker_id, seq, lease_until)"
            " select id, 1, now() + interval '1 hour' from w",
            (text,),
        )
    calls = 0
    real = protocol.maintain

    async def counted(connection: protocol.Connection) -> tuple[dict[str, int], bool]:
        nonlocal calls
        calls += 1
        return await real(connection)

    @job()
    def work() -> str:
        return "ok"

    monkeypatch.setattr(protocol, "maintain", counted)
    with running(dsn, [work], maintenance=0.05) as worker:
        until(lambda: calls >= 3)
        assert finished(conn, work.enqueue(conn).id).result == "ok"
        assert worker.id is not None
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert conn.execute("select count(*) from gd_workers").fetchone() == (len(texts),)


# After the server was down.


class Server:
    """A server of the test's own."""

    def __init__(self, admin_dsn: str, data: Path, port: str) -> None:
        fields = conninfo_to_dict(admin_dsn)
        self.admin_dsn = make_conninfo(admin_dsn, port=port)
        self.socket = str(fields["host"])
        self.data = data
        self.port = port
        self.bin = ""

    def run(self, program: str, *args: str) -> None:
        """Run a program of the server as its owner."""
        owner = self.data.parent.owner()
        switch = [] if getpass.getuser() == owner else ["runuser", "-u", owner, "--"]
        subprocess.run(
            [*switch, f"{self.bin}/{program}", *args],
            check=True, cwd=self.data.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self, mode: str) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-s", "stop")

    def start(self) -> None:
        log = str(self.data.parent / f"log-{self.port}")
        options = ["-D", str(self.data), "-l", log, "-o", f"-p {self.port}"]
        self.run("pg_ctl", *options, "-w", "-s", "start")

    def standby(self) -> Server:
        """A standby of this server, started."""
        twin = Server(self.admin_dsn, self.data.parent / "standby", "5433")
        twin.bin = self.bin
        source = ["-h", self.socket, "-p", self.port, "-U", "postgres"]
        self.run("pg_basebackup", *source, "-D", str(twin.data), "-R", "-c", "fast")
        twin.start()
        return twin


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    """A server that these tests stop, crash and start."""
    with own_cluster() as admin_dsn:
        host = str(conninfo_to_dict(admin_dsn)["host"])
        server = Server(admin_dsn, Path(host) / "data", str(conninfo_to_dict(admin_dsn)["port"]))
        with psycopg.connect(admin_dsn) as conn:
            row = conn.execute("select setting from pg_config where name = 'BINDIR'").fetchone()
            assert row is not None
            server.bin = row[0]
        yield server


@pytest.fixture
def crashing_dsn(cluster: Server, request: pytest.FixtureRequest) -> str:
    """A fresh database on that server, with the engine; what it commits survives a crash."""
    dsn = create_database(cluster.admin_dsn, f"test_{abs(hash(request.node.name))}")
    install(dsn)
    return make_conninfo(dsn, options="-c synchronous_commit=on")


def lose_contact(dsn: str, lease: str) -> tuple[int, int]:
    """Register a worker that is not heard of again, with one claim. Answers both ids."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("select gd_reap()")
        conn.execute("select gd_enqueue('m')")
        row = conn.execute("select gd_register('silent', lease => %s)", (lease,)).fetchone()
        assert row is not None
        claim = conn.execute("select id from gd_pick(%s, 'default', 1)", row).fetchone()
        assert claim is not None
        return row[0], claim[0]


def await_end_of_lease(dsn: str) -> None:
    """Nothing but the clock may go on until then: to look at it takes no call of the engine."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        query = "select clock_timestamp() > max(lease_until) from gendurable.leases"
        until(lambda: conn.execute(query).fetchone() == (True,))


def one(conn: Connection, query: str, *args: Any) -> Any:
    """The only value of a query."""
    row = conn.execute(query, args).fetchone()
    assert row is not None
    return row[0]


def assert_given_one_more_lease(dsn: str, worker: int, claim: int) -> None:
    """Nothing that judges leases ends this one now, and all do later."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        assert one(conn, "select alive from gd_workers where id = %s", worker)
        assert one(conn, "select gd_register('silent', lease => '1 hour')") > worker
        assert one(conn, "select gd_reap()") == 0
        assert one(conn, "select sum(affected) from gd_maintain() where task = 'reap'") == 0
        assert one(conn, "select alive from gd_workers where id = %s", worker)
        assert one(conn, "select status from gd_status(%s)", claim) == "executing"
        until(lambda: not one(conn, "select alive from gd_workers where id = %s", worker))
        assert one(conn, "select gd_reap()") == 1


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_start_of_the_server_gives_one_more_lease(
    cluster: Server, crashing_dsn: str, mode: str
) -> None:
    worker, claim = lose_contact(crashing_dsn, "1.5 s")
    await_end_of_lease(crashing_dsn)
    cluster.stop(mode)
    cluster.start()
    assert_given_one_more_lease(crashing_dsn, worker, claim)


def test_a_crash_that_the_postmaster_survives_gives_one_more_lease(
    cluster: Server, crashing_dsn: str
) -> None:
    worker, claim = lose_contact(crashing_dsn, "1.5 s")
    await_end_of_lease(crashing_dsn)
    with (
        psycopg.connect(crashing_dsn, autocommit=True) as conn,
        psycopg.connect(crashing_dsn, autocommit=True) as other,
    ):
        started = one(conn, "select pg_postmaster_start_time()")
        os.kill(conn.info.backend_pid, signal.SIGKILL)
        # The postmaster lets new sessions in until it has noticed; then it ends the others.
        until(lambda: not answers(other))
    until(lambda: is_up(crashing_dsn))
    with psycopg.connect(crashing_dsn) as conn:
        assert one(conn, "select pg_postmaster_start_time()") == started
    note_start(crashing_dsn)
    assert_given_one_more_lease(crashing_dsn, worker, claim)


def answers(conn: Connection) -> bool:
    try:
        conn.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


def is_up(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def note_start(dsn: str) -> None:
    """The views do not write: what the server does not know they know from the first reaper on."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        assert one(conn, "select gd_reap()") == 0


def test_a_promotion_gives_one_more_lease(
    cluster: Server,
    crashing_dsn: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    standby = cluster.standby()
    there = make_conninfo(crashing_dsn, port=standby.port)
    try:
        worker, claim = lose_contact(crashing_dsn, "1.5 s")
        await_end_of_lease(crashing_dsn)
        with psycopg.connect(there, autocommit=True) as conn:
            query = "select count(*) from gd_workers where name = 'silent' and not alive"
            until(lambda: one(conn, query) == 1, "the standby has it, and shows that it is silent")
            assert one(conn, "select workers from gd_queues") == 0
            assert one(conn, "select status from gd_status(%s)", claim) == "executing"
            query = "select clock_timestamp() > pg_postmaster_start_time() + interval '1.5 s'"
            until(lambda: one(conn, query), "its own start is no help any more")
        a_standby_is_looked_at_and_not_worked_on(there, claim, capsys, monkeypatch)
        cluster.stop("immediate")
        standby.run("pg_ctl", "-D", str(standby.data), "-w", "-s", "promote")
        note_start(there)
        assert_given_one_more_lease(there, worker, claim)
    finally:
        standby.stop("immediate")
        with contextlib.suppress(subprocess.CalledProcessError):
            cluster.start()


async def start_and_close(session: Session) -> None:
    try:
        await session.start()
    finally:
        await session.close()


def a_standby_is_looked_at_and_not_worked_on(
    dsn: str, claim: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["gendurable-py", "status", str(claim), "--dsn", dsn])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert "executing" in capsys.readouterr().out
    for chosen in ({}, {"target_session_attrs": "any"}):
        session = Session(
            make_conninfo(dsn, **chosen), name="w", queues=["q"], lease=60, pooler=False
        )
        with pytest.raises(GendurableError, match=r"hot standby mode|nothing can be written here"):
            asyncio.run(start_and_close(session))
    monkeypatch.setattr("sys.argv", ["gendurable-py", "install", "--dsn", dsn])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "error: cannot connect to" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_no_step_runs_twice_because_the_server_was_down_for_longer_than_a_lease(
    cluster: Server, crashing_dsn: str, mode: str
) -> None:
    runs: list[int] = []
    with gate() as opened:

        @job()
        def work(ctx: Context[Any]) -> int:
            runs.append(ctx.id)
            opened.wait(60)
            return ctx.attempt

        lease = 1.2
        settings: dict[str, Any] = {
            "queues": {"default": 1}, "lease": lease, "maintenance": 0.05,
        }  # fmt: skip
        with running(crashing_dsn, [work], **settings), running(crashing_dsn, [work], **settings):
            with psycopg.connect(crashing_dsn, autocommit=True) as conn:
                ids = [work.enqueue(conn).id for _ in range(2)]
                until(lambda: len(runs) == 2)
                conn.execute("checkpoint")  # The claims are durable as well.
            cluster.stop(mode)
            down_until = time.monotonic() + 2 * lease
            until(lambda: time.monotonic() > down_until, "every lease is over")
            cluster.start()
            with psycopg.connect(crashing_dsn, autocommit=True) as conn:
                back = one(conn, "select clock_timestamp()")
                query = "select count(*) from gendurable.leases where heartbeat_at > %s"
                until(lambda: one(conn, query, back) == 2, "both are back")
                assert statuses(conn) == {"executing": 2}
                opened.set()
                assert [finished(conn, instance).result for instance in ids] == [0, 0]
    assert sorted(runs) == sorted(ids)


# What a crash of the server forgets.


@pytest.fixture
def forgetful_dsn(cluster: Server, crashing_dsn: str) -> Iterator[str]:
    """A database whose server writes WAL only where a commit waits for that."""
    configure(cluster, "set wal_writer_delay = '10s'")
    yield crashing_dsn
    configure(cluster, "reset wal_writer_delay")


def configure(cluster: Server, change: str) -> None:
    with psycopg.connect(cluster.admin_dsn, autocommit=True) as conn:
        conn.execute(f"alter system {change}")
    cluster.stop("fast")  # A WAL writer that has slept for long is woken by the next commit.
    cluster.start()


def crash(cluster: Server) -> None:
    """Stop the server without a word, and start it again."""
    cluster.stop("immediate")
    cluster.start()


@pytest.mark.parametrize("key", [None, "one at a time"])
def test_a_claim_may_be_forgotten_unless_a_limit_counts_it(
    cluster: Server, forgetful_dsn: str, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    runs: list[tuple[int, int]] = []
    upkeep: list[bool] = []
    real = protocol.maintain

    async def maintain(connection: protocol.Connection) -> tuple[dict[str, int], bool]:
        done = await real(connection)
        upkeep.append(True)
        return done

    monkeypatch.setattr(protocol, "maintain", maintain)
    settings: dict[str, Any] = {"queues": {"default": 4}, "lease": 600, "maintenance": 600}

    @job()
    def work(ctx: Context[Any]) -> None:
        runs.append((ctx.fence, ctx.attempt))
        opened.wait(60)

    with gate() as opened, running(forgetful_dsn, [work], **settings):
        with psycopg.connect(forgetful_dsn, autocommit=True) as conn:
            until(lambda: upkeep, "nothing else commits from here on")
            instance = work.options(concurrency_key=key).enqueue(conn).id
            until(lambda: runs)
        crash(cluster)
        if key is None:
            until(lambda: len(runs) == 2, "what is forgotten is picked again")
        opened.set()
        with psycopg.connect(forgetful_dsn, autocommit=True) as conn:
            assert finished(conn, instance).status == "done"
    assert [attempt for _, attempt in runs] == [0] * (2 if key is None else 1)
    fences = [fence for fence, _ in runs]
    assert sorted(set(fences)) == fences


@pytest.mark.parametrize("pooler", [False, True])
def test_that_a_claim_is_not_durable_is_said_of_no_other_transaction(
    crashing_dsn: str, *, pooler: bool
) -> None:
    async def take_turns() -> None:
        conn = await connect(conninfo(crashing_dsn), pooler=pooler)
        async with conn:
            worker = await protocol.register(conn, "w", ["a", "b"], 60, {})
            await conn.execute("select public.gd_enqueue('m', queue => 'a')")
            wanted = {"a": 1, "b": 1}
            entries: list[bytes] = []
            for _ in range(2):
                turn = await protocol.turn(conn, worker, entries, wanted, ["b"])
                entries = [
                    json.dumps({"id": ctx.id, "fence": ctx.fence, "kind": "done"}).encode()
                    for ctx in turn.picked["a"]
                ]
                cursor = await conn.execute("show synchronous_commit")
                assert await cursor.fetchone() == ("on",)
            assert [answer.result for answer in turn.answers] == ["committed"]

    asyncio.run(take_turns())


def test_a_crash_under_load_uses_no_fence_twice_and_loses_no_outcome(
    cluster: Server, forgetful_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims: list[tuple[int, int]] = []
    accepted: set[tuple[int, str]] = set()
    run_again: list[tuple[int, str]] = []
    real = protocol.turn

    async def turn(*args: Any, **options: Any) -> protocol.Turn:
        came = await real(*args, **options)
        claims.extend((ctx.id, ctx.fence) for each in came.picked.values() for ctx in each)
        for entry, answer in zip(args[2], came.answers, strict=True):
            if answer.result in ("committed", "continued"):
                accepted.add((answer.id, steps[json.loads(entry)["kind"]]))
        return came

    class Load(Machine[dict[str, Any]]):
        name = "load"

        @step
        async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            note(ctx)
            return Next(self.end)

        @step
        async def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
            note(ctx)
            return Done()

    def has_accepted(some: int) -> bool:
        return len(accepted) > some

    def note(ctx: Context[Any]) -> None:
        if (ctx.id, ctx.step) in accepted:
            run_again.append((ctx.id, ctx.step))

    steps = {"next": "start", "done": "end"}
    monkeypatch.setattr(protocol, "turn", turn)
    count = 3000
    settings: dict[str, Any] = {"queues": {"default": 20}, "lease": 600}
    with running(forgetful_dsn, [Load], **settings), running(forgetful_dsn, [Load], **settings):
        with psycopg.connect(forgetful_dsn, autocommit=True) as conn:
            conn.execute(
                "select gd_enqueue_many(jsonb_agg(jsonb_build_object('fsm', 'load')))"
                " from generate_series(1, %s)",
                (count,),
            )
        # A crash between two turns forgets nothing.
        crashes = 0
        while crashes < 3 or (len(claims) <= count and crashes < 11):
            crashes += 1
            until(partial(has_accepted, crashes * count // 6))
            crash(cluster)
        with psycopg.connect(forgetful_dsn, autocommit=True) as conn:
            until(lambda: statuses(conn) == {"done": count})
            ended = "select count(*), count(distinct id) from gd_instances"
            assert conn.execute(ended).fetchone() == (count, count)
    assert len(claims) > count, "some claims were forgotten, or an answer was lost"
    assert len(set(claims)) == len(claims), "a fence was handed out twice"
    assert not run_again, "an accepted outcome was lost"


# After the worker was cut off.


class Line:
    """A way to the server that can be cut: a socket that leads to the server's."""

    def __init__(self, dsn: str, folder: Path) -> None:
        fields = conninfo_to_dict(dsn)
        self._server = f"{fields['host']}/.s.PGSQL.{fields['port']}"
        self._path = folder / ".s.PGSQL.5432"
        self.dsn = make_conninfo(dsn, host=str(folder), port=5432)
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None

    def connect(self) -> None:
        listener = self._listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        listener.listen()
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = listener.accept()
                threading.Thread(target=self._lead, args=(ours,), daemon=True).start()

    def _lead(self, ours: socket.socket) -> None:
        with contextlib.suppress(OSError), ours, socket.socket(socket.AF_UNIX) as theirs:
            theirs.connect(self._server)
            self._open += [ours, theirs]
            back = threading.Thread(target=self._copy, args=(theirs, ours), daemon=True)
            back.start()
            self._ask(ours, theirs)
            back.join()

    def _ask(self, ours: socket.socket, theirs: socket.socket) -> None:
        self._copy(ours, theirs)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


class HalfALine(Line):
    """On one of the connections that send outcomes it leads the half that commits nothing."""

    _EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"

    def __init__(self, dsn: str, folder: Path, which: int) -> None:
        super().__init__(dsn, folder)
        self._numbers = itertools.count(1)
        self._which = which
        self.silent = threading.Event()
        self._ended = threading.Event()

    def cut(self) -> None:
        self._ended.set()
        super().cut()

    def _ask(self, ours: socket.socket, theirs: socket.socket) -> None:
        number = None
        while data := ours.recv(1 << 20):
            commit = data.find(b"gd_commit")
            if commit >= 0 and number is None:
                number = next(self._numbers)
            if commit >= 0 and number == self._which and not self.silent.is_set():
                while self._EXECUTE not in data[commit:]:
                    data += ours.recv(1 << 20)
                theirs.sendall(data[: data.index(self._EXECUTE, commit) + len(self._EXECUTE)])
                self.silent.set()
                self._ended.wait(60)
                return
            theirs.sendall(data)


@pytest.mark.parametrize("which", [1, 2], ids=["the only one", "the one beside it"])
def test_half_of_a_turn_whose_connection_dies_in_silence_is_undone(
    dsn: str, conn: Connection, tmp_path: Path, which: int
) -> None:
    """The server has executed a commit and waits for its end, with the instances locked."""
    line = HalfALine(dsn, tmp_path, which)
    line.connect()

    @job()
    def work() -> str:
        return "done"

    halves = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and state = 'active' and wait_event = 'ClientRead' and xact_start is not null"
    )
    count = 1 if which == 1 else 5000
    with running(line.dsn, [work], queues={"default": 1 if which == 1 else 200}, lease=2):
        enqueue_many(conn, [Entry("work")] * count)
        until(line.silent.is_set)
        until(lambda: one(conn, halves) == 1, "half of it has arrived")
        until(lambda: statuses(conn) == {"done": count}, "the worker does it again")
        assert one(conn, halves) == 0
    line.cut()


def test_a_worker_that_was_cut_off_leaves_reaping_to_others_for_one_lease(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    """Two workers lose the database for longer than a lease; the first one back waits."""
    lease = 2.4
    lines = []
    for name in "ab":
        (tmp_path / name).mkdir()
        lines.append(Line(dsn, tmp_path / name))
        lines[-1].connect()
    runs: list[int] = []
    with gate() as opened:

        @job()
        def work(ctx: Context[Any]) -> int:
            runs.append(ctx.id)
            opened.wait(60)
            return ctx.attempt

        settings: dict[str, Any] = {
            "queues": {"default": 1}, "lease": lease, "maintenance": 0.05,
        }  # fmt: skip
        with (
            running(lines[0].dsn, [work], name="a", **settings),
            running(lines[1].dsn, [work], name="b", **settings),
        ):
            ids = [work.enqueue(conn).id for _ in range(2)]
            until(lambda: len(runs) == 2)
            for line in lines:
                line.cut()
            query = "select clock_timestamp() > max(lease_until) from gendurable.leases"
            until(lambda: one(conn, query), "every lease is over")
            lines[0].connect()
            query = (
                "select heartbeat_at from gendurable.workers join gendurable.leases"
                " on worker_id = id where name = %s"
            )
            cut = one(conn, query, "a")
            until(lambda: one(conn, query, "a") != cut, "the first one is back")
            back = one(conn, query, "a")
            until(lambda: one(conn, query, "a") != back, "and has been for a while")
            assert statuses(conn) == {"executing": 2}
            lines[1].connect()
            cut = one(conn, query, "b")
            until(lambda: one(conn, query, "b") != cut, "the second one is back")
            opened.set()
            assert [finished(conn, instance).result for instance in ids] == [0, 0]
            maintained_again(conn)
    assert sorted(runs) == sorted(ids)


def test_a_suspended_machine_was_cut_off(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The clock by which a worker judges itself runs on while everything else stands still."""
    suspended, calls, lease = 0.0, 0, 1.5
    real = protocol.maintain

    async def counted(connection: protocol.Connection) -> tuple[dict[str, int], bool]:
        nonlocal calls
        calls += 1
        return await real(connection)

    @job()
    def work() -> None: ...

    monkeypatch.setattr(protocol, "maintain", counted)
    monkeypatch.setattr("gendurable.keeper.uptime", lambda: uptime() + suspended)
    query = "select heartbeat_at from gendurable.leases"
    with running(dsn, [work], maintenance=0.02, lease=lease):
        until(lambda: calls >= 3, "it maintains")
        suspended += 2 * lease
        until(lambda: "back after" in caplog.text, "it notices with the next heartbeat")
        before = calls
        beaten = one(conn, query)
        until(lambda: one(conn, query) > beaten, "it beats on")
        assert calls == before
        until(lambda: calls > before, "and maintains again a lease later")


def maintained_again(conn: Connection) -> None:
    """A lease after its return it reaps as before."""
    with psycopg.connect(conn.info.dsn, autocommit=True) as other:
        worker = one(other, "select gd_register('silent', lease => '1 ms')")
    query = "select count(*) from gd_workers where id = %s"
    until(lambda: one(conn, query, worker) == 0)
