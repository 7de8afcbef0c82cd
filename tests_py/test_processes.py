"""``run`` with several processes or databases, and ``maintain``: real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from database import create_database, drop_database
from gendurable import Entry, enqueue_many
from gendurable.supervisor import own_place
from support import Connection, finished, until, worker_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = """
import os, pathlib, time
from gendurable import job, lifespan, middleware

PLACE = pathlib.Path(__file__).parent

@lifespan
def resources():
    (PLACE / f"open.{os.getpid()}").touch()
    yield
    (PLACE / f"closed.{os.getpid()}").touch()

@middleware
def around(ctx):
    os.environ["AROUND"] = "yes"
    yield

@job()
def work() -> str:
    return os.environ.get("AROUND", "no")

@job()
def slow(file: str) -> int:
    (PLACE / f"slow.{os.getpid()}").touch()
    while not pathlib.Path(file).exists():
        time.sleep(0.005)
    return os.getpid()
"""


@pytest.fixture
def other_dsn(admin_dsn: str, template: str) -> Iterator[str]:
    """A second database with the engine."""
    name = f"{template}_other"
    yield create_database(admin_dsn, name, template)
    drop_database(admin_dsn, name)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A file with jobs and hooks."""
    path = tmp_path / "shop.py"
    path.write_text(MODULE)
    return path


def alive(conn: Connection) -> dict[str, int]:
    """The pids of the registered workers by name."""
    rows = conn.execute("select name, (info ->> 'pid')::int from gd_workers order by id").fetchall()
    return dict(rows)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_supervisor_keeps_its_processes_and_drains_all_of_them(
    dsn: str, conn: Connection, module: Path, tmp_path: Path
) -> None:
    log, opened = tmp_path / "log", tmp_path / "opened"
    options = ("--queue", "default=1", "--name", "w", "--processes", "2")
    with worker_process(dsn, module, log, *options) as process:
        until(lambda: sorted(alive(conn)) == ["w-1", "w-2"])
        first = alive(conn)
        assert process.pid not in first.values()
        os.kill(first["w-1"], signal.SIGKILL)
        until(lambda: alive(conn).get("w-1", first["w-1"]) != first["w-1"], "it is back")
        assert alive(conn)["w-2"] == first["w-2"]
        ids = [one.id for one in enqueue_many(conn, [Entry("slow", {"file": str(opened)})] * 2)]
        until(lambda: len(list(tmp_path.glob("slow.*"))) == 2, "each process runs one")
        second = alive(conn)
        process.send_signal(signal.SIGTERM)
        until(lambda: log.read_text().count("stopping: 1 steps") == 2)
        opened.touch()
        assert process.wait(60) == 0
    ran = {finished(conn, one).result for one in ids}
    assert ran == set(second.values())
    assert alive(conn) == {}
    assert f"process 1 (pid {first['w-1']}) has ended with signal SIGKILL" in log.read_text()
    assert all((tmp_path / f"closed.{pid}").exists() for pid in second.values())


def test_processes_end_with_a_supervisor_that_is_killed(
    dsn: str, conn: Connection, module: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with worker_process(dsn, module, log, "--processes", "2") as process:
        until(lambda: len(alive(conn)) == 2)
        pids = list(alive(conn).values())
        process.kill()
        until(lambda: not any(map(is_running, pids)))
    assert alive(conn) == {}
    assert log.read_text().count("the supervisor is gone") == 2


def test_what_keeps_the_first_process_from_working_is_told_once(
    empty_dsn: str, module: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with worker_process(empty_dsn, module, log, "--processes", "3") as process:
        assert process.wait(60) == 1
    assert log.read_text().count("no usable gendurable schema") == 1


def test_no_process_inherits_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "1", "x:3", "1:999999"):
        monkeypatch.setenv("GENDURABLE_PROCESS", value)
        assert own_place() is None
        assert "GENDURABLE_PROCESS" not in os.environ


def test_one_process_works_on_several_databases(
    dsn: str, other_dsn: str, conn: Connection, module: Path, tmp_path: Path
) -> None:
    with worker_process(dsn, module, tmp_path / "log", "--dsn", other_dsn) as process:
        with Connection.connect(other_dsn, autocommit=True) as other:
            for place in (conn, other):
                created = enqueue_many(place, [Entry("work", {})])
                assert finished(place, created[0].id).result == "yes"
            assert alive(conn) == alive(other)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_maintainer_needs_no_code_of_the_application(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    conn.execute("select gd_register('dead', lease => '1 ms')")
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "gendurable", "maintain", "--dsn", dsn]
        options = ["--maintenance", "0.1", "--name", "m", "--log-format", "json"]
        process = subprocess.Popen([*command, *options, "--metrics", "127.0.0.1:0"], stderr=log)
    try:
        until(lambda: list(alive(conn)) == ["m"], "the dead worker is reaped")
        text = (tmp_path / "log").read_text()
        port = re.search(r"http://127.0.0.1:(\d+)", text)
        assert port is not None
        # Ready: it is connected, though there is no queue to pick from.
        ready = f"http://127.0.0.1:{port[1]}/readyz"
        with urllib.request.urlopen(ready, timeout=30) as answer:
            assert answer.status == 200
        assert all(json.loads(line) for line in text.splitlines())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert alive(conn) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--processes", "0"), "--processes 0: expected 1 to"),
        (("--heartbeat", "40"), "heartbeat is 40: expected at most half of the lease"),
        (("--prefetch", "-1"), "prefetch is -1: expected a whole number"),
        (("--min-demand", "0"), "min_demand is 0: expected a whole number"),
        (("--maintenance", "0"), "maintenance is 0"),
        (("--listen-dsn", "a", "--listen-dsn", "b"), "there are 2 --listen-dsn for 1 --dsn"),
    ],
)
def test_an_option_out_of_range_is_told_before_anything_is_connected(
    module: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    log = tmp_path / "log"
    with worker_process("host=nowhere", module, log, *options) as process:
        assert process.wait(60) == 1
    assert log.read_text().startswith(f"error: {said}")
