"""Machines that are imported when they are first met: ``run --resolve``, ``Worker(resolve=…)``."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gendurable import UsageError, Worker, enqueue, job
from gendurable.loading import named
from gendurable.resolver import _is_allowed
from support import Connection, finished, running, statuses, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORDERS = """
from gendurable import Context, Done, Machine, Next, Outcome, Schedule, job, step
import os

class Checkout(Machine[int]):
    version = 3
    takes_over = {1}

    @step
    def start(self, ctx: Context[int]) -> Outcome:
        return Next(self.later, ctx.state + 1)

    @step
    def later(self, ctx: Context[int]) -> Outcome:
        return Done({"state": ctx.state, "fsm": ctx.fsm})

@job()
def add(a: int, b: int) -> int:
    return a + b

number = 7
"""
BROKEN = "import not_installed_library\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package myapp in the current folder."""
    folder = tmp_path / "myapp"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "orders.py").write_text(ORDERS)
    (folder / "broken.py").write_text(BROKEN)
    (tmp_path / "secret.py").write_text(ORDERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [n for n in sys.modules if n.partition(".")[0] in ("myapp", "secret")]:
        del sys.modules[name]


def test_a_machine_is_imported_when_it_is_first_met_and_declared(
    dsn: str, conn: Connection, package: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert package.exists()
    allowed = ["myapp.orders:Checkout", "myapp.orders:add"]
    refused = [
        "secret:Checkout", "myapp.broken:Thing", "myapp.orders:Nope", "myapp.orders:number",
        "myappother:X", "myapp.orders", "myapp.orders:os.path", "Plain",
    ]  # fmt: skip
    # Enqueued before any worker knows a version, they are of version 1, which Checkout takes over.
    left = [enqueue(conn, fsm, {}).id for fsm in refused]
    first = enqueue(conn, allowed[0], 1).id
    with running(dsn, [], resolve=["myapp."], queues=None, poll=0.05):
        ended = finished(conn, first)
        assert ended.result == {"state": 2, "fsm": allowed[0]}
        assert finished(conn, enqueue(conn, allowed[1], {"a": 1, "b": 2}).id).result == 3
        newest = enqueue(conn, allowed[0], 5).id
        assert finished(conn, newest).fsm_version == 3
        until(lambda: "machine myapp.broken:Thing cannot be run here" in caplog.text)
        until(lambda: "machine myapp.orders:number cannot be run here" in caplog.text)
        stuck = conn.execute("select id from gd_stuck where reason = 'no_machine' order by id")
        assert [row[0] for row in stuck] == left
        assert statuses(conn) == {"done": 3, "runnable": len(left)}
    assert "No module named 'not_installed_library'" in caplog.text
    assert "secret" not in sys.modules
    assert "secret" not in caplog.text


def test_a_worker_that_registers_anew_still_runs_what_it_has_learnt(
    dsn: str, conn: Connection, package: Path
) -> None:
    assert package.exists()
    with running(dsn, [], resolve=["myapp"], queues=None, poll=0.05, lease=1.5) as worker:
        fsm = "myapp.orders:add"
        assert finished(conn, enqueue(conn, fsm, {"a": 1, "b": 2}).id).result == 3
        before = worker.id

        def forgotten() -> bool:
            conn.execute("select gd_reap(%s)", (before,))
            return worker.id not in (None, before)

        until(forgotten)
        assert finished(conn, enqueue(conn, fsm, {"a": 2, "b": 2}).id).result == 4


def test_what_another_worker_runs_goes_to_it_though_it_cannot_be_imported_here(
    dsn: str, conn: Connection, package: Path
) -> None:
    assert package.exists()

    @job(name="myapp.broken:thing")
    def thing() -> str:
        return "elsewhere"

    with (
        running(dsn, [], resolve=["myapp."], queues=None, poll=0.05),
        running(dsn, [thing], poll=0.05),
    ):
        for _ in range(5):
            ended = finished(conn, thing.enqueue(conn).id)
            assert (ended.result, ended.attempt) == ("elsewhere", 0)


@pytest.mark.parametrize(
    ("fsm", "prefix", "allowed"),
    [
        ("myapp.orders:Checkout", "myapp.", True),
        ("myapp.orders:Checkout", "myapp", True),
        ("myapp.orders:Checkout", "myapp.orders", True),
        ("myapp.orders:Shop.Checkout", "myapp.", True),
        ("myapp:Checkout", "myapp", True),
        ("myapp:Checkout", "myapp.", False),
        ("myapp_evil:Checkout", "myapp", False),
        ("myapp_evil.orders:Checkout", "myapp.", False),
        ("myapp.orders", "myapp.", False),
        ("myapp.:X", "myapp.", False),
        ("myapp.../etc:X", "myapp.", False),
        ("myapp/orders.py:X", "myapp", False),
        ("myapp.orders:X; import os", "myapp.", False),
        ("os:path", "myapp.", False),
    ],
)
def test_only_machines_below_a_prefix_are_looked_for(fsm: str, prefix: str, allowed: bool) -> None:
    assert _is_allowed(fsm, [prefix]) is allowed


def test_a_module_that_is_an_attribute_of_another_leads_nowhere(package: Path) -> None:
    (package / "myapp" / "door.py").write_text("import secret\n")
    with pytest.raises(UsageError, match=r"myapp\.door:secret\.Checkout.*leads to another module"):
        named("myapp.door:secret.Checkout")


@pytest.mark.parametrize("prefix", ["", ".", "my app", "a..b", "a:b", 7])
def test_a_prefix_is_a_module(dsn: str, prefix: Any) -> None:
    with pytest.raises(UsageError, match=r"^resolve is .*expected a module"):
        Worker([], dsn=dsn, resolve=[prefix])


def test_run_needs_something_to_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gendurable", "run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "there is nothing to run: give MODULE" in done.stderr


def test_run_resolves_on_the_command_line(dsn: str, conn: Connection, package: Path) -> None:
    command = [sys.executable, "-m", "gendurable", "run", "--resolve", "myapp.", "--poll", "0.1"]
    process = subprocess.Popen([*command, "--dsn", dsn], cwd=package)
    try:
        instance = enqueue(conn, "myapp.orders:add", {"a": 1, "b": 2}).id
        assert finished(conn, instance).result == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
