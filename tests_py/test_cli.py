"""The command line: what it prints, what it exits with, every message a user can meet."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from gendurable import enqueue
from gendurable.cli import main
from gendurable.database import conninfo, describe_dsn
from gendurable.process import package_version
from support import Connection, finished, until, worker_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Invoke = Callable[..., tuple[int, str, str]]

MODULE = """
import pathlib, time
from gendurable import Context, Done, Machine, Outcome, job, step

class Greeter(Machine[dict]):
    def __init__(self, greeting: str = "hello") -> None:
        self.greeting = greeting

    @step
    def start(self, ctx: Context[dict]) -> Outcome:
        return Done(f"{self.greeting} {ctx.state['name']}")

class Blocking(Machine[str]):
    @step
    def start(self, ctx: Context[str]) -> Outcome:
        pathlib.Path(ctx.state + ".started").touch()
        while not pathlib.Path(ctx.state).exists():
            time.sleep(0.01)
        return Done("opened")

@job()
async def block(file: str) -> None:
    pathlib.Path(file).touch()
    while True:
        time.sleep(0.01)

@job()
async def add(a: int, b: int) -> int:
    return a + b

greeter = Greeter("good evening")
machines = [Greeter, add]
nothing = 42
"""


@pytest.fixture
def invoke(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Invoke:
    """Call the command line in this process: exit code, stdout, stderr."""
    (tmp_path / "shop.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [n for n in sys.modules if n in ("shop", "broken", "empty")]:
        monkeypatch.delitem(sys.modules, name)
    for module in ("install", "observing"):
        monkeypatch.setattr(f"gendurable.cli.{module}.log_to_stderr", lambda **_: None)
    monkeypatch.setattr("gendurable.cli.streams._forms", [])

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gendurable-py", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        code = left.value.code
        out, err = capsys.readouterr()
        for name in ("shop", "broken", "empty"):
            sys.modules.pop(name, None)
        return int(code or 0), out, err

    return call


def test_version_is_the_packages(invoke: Invoke) -> None:
    assert invoke("version") == (0, package_version() + "\n", "")


def test_help_names_the_commands(invoke: Invoke) -> None:
    code, out, _ = invoke("--help")
    assert code == 0
    assert all(command in out for command in ("install", "run", "status", "version"))


# install


def test_install_says_what_it_did(invoke: Invoke, empty_dsn: str) -> None:
    code, out, _ = invoke("install", "--dsn", empty_dsn)
    assert (code, out.split(" at ")[0]) == (0, f"schema {package_version()} installed")
    code, out, _ = invoke("install", "--dsn", empty_dsn)
    assert (code, out.split(" at ")[0]) == (0, f"schema {package_version()} is up to date")


def test_install_refuses_with_one_message(invoke: Invoke, empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute("create schema gendurable")
    code, out, err = invoke("install", "--dsn", empty_dsn)
    assert (code, out) == (1, "")
    assert err.startswith("error: what is in the way of the schema is not gendurable's")
    assert "Traceback" not in err


# Where the database is.


def test_the_dsn_comes_from_the_environment(
    invoke: Invoke, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENDURABLE_DSN", empty_dsn)
    assert invoke("install")[0] == 0


def test_the_dsn_comes_from_libpqs_variables(
    invoke: Invoke, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENDURABLE_DSN", raising=False)
    variables = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    for field, value in psycopg.conninfo.conninfo_to_dict(empty_dsn).items():
        monkeypatch.setenv(variables.get(field, "PGPASSWORD"), str(value))
    assert invoke("install")[0] == 0
    assert invoke("status", "1")[2].startswith("error: there is no instance 1 at host=")


def test_a_refused_connection_is_a_clear_error_without_the_password(invoke: Invoke) -> None:
    code, _, err = invoke(
        "install", "--dsn", "postgresql://me:secret@127.0.0.1:1/shop?connect_timeout=2"
    )
    assert code == 1
    assert "error: cannot connect to host=127.0.0.1 port=1 dbname=shop user=me: " in err
    assert "Check --dsn, GENDURABLE_DSN or the PG* environment variables" in err
    assert "secret" not in err


def test_an_unknown_database_is_a_clear_error(invoke: Invoke, empty_dsn: str) -> None:
    wrong = psycopg.conninfo.make_conninfo(empty_dsn, dbname="not_there")
    code, _, err = invoke("status", "1", "--dsn", wrong)
    assert code == 1
    assert 'database "not_there" does not exist' in err


def test_a_malformed_dsn_is_a_clear_error(invoke: Invoke) -> None:
    code, _, err = invoke("install", "--dsn", "host=x nonsense")
    assert code == 1
    assert err.startswith("error: the DSN is malformed: ")


def test_settings_of_the_caller_win_over_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGAPPNAME", "mine")
    info = psycopg.conninfo.conninfo_to_dict(conninfo("host=x connect_timeout=3"))
    assert info["connect_timeout"] == "3"
    assert "application_name" not in info
    assert info["keepalives_idle"] == "10"
    assert describe_dsn("host=x password=secret").startswith("host=x port=")


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("hostaddr=192.0.2.1 password=secret", "host=192.0.2.1 port=5433 user=me"),
        ("host=a,b port=1,2", "host=a,b port=1,2 user=me"),
        ("dbname=shop", "host=local socket port=5433 dbname=shop user=me"),
        ("service=shop user=you password=secret", "service=shop user=you"),
        ("postgresql://?service=shop&port=1", "service=shop port=1"),
    ],
)
def test_a_message_says_where_a_connection_string_leads_as_far_as_it_is_known(
    monkeypatch: pytest.MonkeyPatch, dsn: str, shown: str
) -> None:
    """What a service file says goes before the environment, and only libpq knows it."""
    for name in ("PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGPORT", "5433")
    monkeypatch.setenv("PGUSER", "me")
    assert describe_dsn(conninfo(dsn)) == shown


# run


def test_what_to_run_must_exist(invoke: Invoke, dsn: str) -> None:
    def error(target: str) -> str:
        code, _, err = invoke("run", target, "--dsn", dsn)
        assert code == 1
        assert "Traceback" not in err
        return err

    assert error("shopp").startswith("error: there is no module shopp (looked in ")
    assert error("shop.orders").startswith("error: there is no module shop.orders")
    assert error("no/such.py").startswith("error: there is no file no/such.py")
    assert error("shop:Nope").startswith(
        "error: shop has no Nope\nMachines and jobs in it: Greeter, Blocking, block, add, greeter"
    )
    assert error("shop:nothing").startswith(
        "error: shop:nothing: 42 is neither a machine nor a job"
    )


def test_a_module_that_cannot_be_imported_says_where_and_why(
    invoke: Invoke, dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("import gendurable\n\nraise ValueError('my config')\n")
    code, _, err = invoke("run", "broken", "--dsn", dsn)
    assert code == 1
    expected = f"error: importing broken failed at {tmp_path}/broken.py:3: ValueError: my config"
    assert err.startswith(expected)
    (tmp_path / "broken.py").write_text("import not_installed_library\n")
    _, _, err = invoke("run", "broken.py", "--dsn", dsn)
    assert "broken.py:1: ModuleNotFoundError: No module named 'not_installed_library'" in err


def test_a_module_without_machines_is_a_clear_error(
    invoke: Invoke, dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.py").write_text("from gendurable import Machine, Job\n")
    code, _, err = invoke("run", "empty", "--dsn", dsn)
    assert (code, err.split("\n")[0]) == (1, "error: there is no machine and no job in empty")


@pytest.mark.parametrize("queue", ["default", "=3", "a=", "a=0", "a=x", "a=-1"])
def test_a_bad_queue_is_a_clear_error(invoke: Invoke, dsn: str, queue: str) -> None:
    code, _, err = invoke("run", "shop", "--dsn", dsn, "--queue", queue)
    assert code == 1
    assert err.startswith(f"error: --queue {queue}: expected NAME=CONCURRENCY")


def test_a_queue_given_twice_is_a_clear_error(invoke: Invoke, dsn: str) -> None:
    _, _, err = invoke("run", "shop", "--dsn", dsn, "--queue", "a=1", "--queue", "a=2")
    assert err.startswith("error: --queue a is given twice")


@pytest.mark.parametrize("option", ["--lease", "--poll"])
def test_a_setting_out_of_range_is_a_clear_error(invoke: Invoke, dsn: str, option: str) -> None:
    code, _, err = invoke("run", "shop", "--dsn", dsn, option, "0")
    assert (code, err.split(":")[0]) == (1, "error")


def test_running_without_the_schema_names_the_command(invoke: Invoke, empty_dsn: str) -> None:
    code, _, err = invoke("run", "shop", "--dsn", empty_dsn)
    assert code == 1
    assert "no usable gendurable schema" in err
    assert "gendurable-py install" in err


def test_running_on_an_older_schema_is_a_clear_error(
    invoke: Invoke, dsn: str, conn: Connection
) -> None:
    conn.execute(
        "create or replace function public.gd_version() returns text language sql return '0.0.1'"
    )
    code, _, err = invoke("run", "shop", "--dsn", dsn)
    assert code == 1
    assert err.startswith("error: the database has schema version 0.0.1, this package needs")


def test_run_works_and_drains_at_sigterm(dsn: str, conn: Connection, tmp_path: Path) -> None:
    module, log, opened = tmp_path / "shop.py", tmp_path / "log", tmp_path / "opened"
    module.write_text(MODULE)
    with worker_process(dsn, module, log, "--queue", "default=2", "--name", "cli") as process:
        assert finished(conn, enqueue(conn, "add", {"a": 1, "b": 2}).id).result == 3
        greeted = enqueue(conn, "Greeter", {"name": "you"}).id
        assert finished(conn, greeted).result == "good evening you"
        blocked = enqueue(conn, "Blocking", str(opened)).id
        until((tmp_path / "opened.started").exists)
        process.send_signal(signal.SIGTERM)
        until(lambda: b"stopping: 1 steps" in log.read_bytes())
        late = enqueue(conn, "add", {"a": 1, "b": 2}).id
        opened.touch()
        assert process.wait(60) == 0
    ended = finished(conn, blocked)
    assert (ended.result, ended.attempt) == ("opened", 0)
    assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)
    assert conn.execute(
        "select status, attempt from gd_instances where id = %s", (late,)
    ).fetchone() == ("runnable", 0)
    assert "(cli) at host=" in log.read_text()


def test_a_second_signal_does_not_wait(dsn: str, conn: Connection, tmp_path: Path) -> None:
    module, log = tmp_path / "shop.py", tmp_path / "log"
    module.write_text(MODULE)
    with worker_process(dsn, module, log) as process:
        blocked = enqueue(conn, "Blocking", str(tmp_path / "never")).id
        until((tmp_path / "never.started").exists)
        process.send_signal(signal.SIGINT)
        until(lambda: b"stopping: 1 steps" in log.read_bytes())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert conn.execute(
        "select status, attempt from gd_instances where id = %s", (blocked,)
    ).fetchone() == ("runnable", 0)
    assert conn.execute("select count(*) from gd_workers").fetchone() == (0,)


@pytest.mark.parametrize("late", ["SIGTERM", "SIGINT"])
def test_a_signal_after_the_end_changes_nothing(
    dsn: str, conn: Connection, tmp_path: Path, late: str
) -> None:
    """A supervisor may send one to the process group and another one to the process."""
    module, log = tmp_path / "shop.py", tmp_path / "log"
    module.write_text(MODULE + LATE.format(late=late))
    with worker_process(dsn, module, log) as process:
        assert finished(conn, enqueue(conn, "add", {"a": 1, "b": 2}).id).result == 3
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert log.read_text().endswith("stopped\n")


LATE = """
import atexit, os, signal
atexit.register(lambda: os.kill(os.getpid(), signal.{late}))
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.{late}):
        kill(pid, number)
late = Late()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_third_signal_ends_a_worker_whose_loop_is_blocked(
    dsn: str, conn: Connection, tmp_path: Path, number: signal.Signals
) -> None:
    module, log = tmp_path / "shop.py", tmp_path / "log"
    module.write_text(MODULE)
    with worker_process(dsn, module, log) as process:
        enqueue(conn, "block", {"file": str(tmp_path / "blocked")})
        until((tmp_path / "blocked").exists)

        def has_ended() -> bool:
            process.send_signal(number)
            return process.poll() is not None

        until(has_ended)
    assert process.returncode == -number
    assert "Traceback" not in log.read_text()


# status


def test_status_shows_one_instance(invoke: Invoke, dsn: str, conn: Connection) -> None:
    instance = enqueue(conn, "Checkout", {"sku": "a"}, correlation_key="order:1").id
    enqueue(conn, "Checkout", {"sku": "number"}, correlation_key="77")
    for target in (str(instance), "order:1"):
        code, out, _ = invoke("status", target, "--dsn", dsn)
        assert code == 0
        assert '{"sku":"a"}' in out
        assert "runnable" in out
    assert '{"sku":"number"}' in invoke("status", "77", "--key", "--dsn", dsn)[1]


def test_status_of_nothing_is_a_clear_error(invoke: Invoke, dsn: str) -> None:
    code, _, err = invoke("status", "order:9", "--dsn", dsn)
    assert code == 1
    assert err.startswith("error: there is no instance order:9 at ")


def test_status_without_the_schema_is_a_clear_error(invoke: Invoke, empty_dsn: str) -> None:
    code, _, err = invoke("status", "1", "--dsn", empty_dsn)
    assert code == 1
    assert "gendurable-py install" in err
