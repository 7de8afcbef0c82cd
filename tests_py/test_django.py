"""The app for Django, in the project of the example, with the real Django."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from gendurable import enqueue
from gendurable.process import package_version
from support import Connection, finished, until

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/django_shop"


def environment(dsn: str) -> dict[str, str]:
    fields = conninfo_to_dict(dsn)
    names = {"PGDATABASE": "dbname", "PGUSER": "user", "PGHOST": "host", "PGPORT": "port"}
    return os.environ | {name: str(fields.get(field) or "") for name, field in names.items()}


def manage(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=EXAMPLE, env=environment(dsn), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("pattern", ["tests.py", "django_checks.py"])
def test_the_tests_of_the_project_and_of_the_app_pass(empty_dsn: str, pattern: str) -> None:
    where = [str(ROOT / "tests_py")] if pattern != "tests.py" else []
    done = manage(empty_dsn, "test", "--noinput", "--pattern", pattern, *where)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Found 0" not in done.stdout


def test_migrations_install_the_schema_and_remove_it(empty_dsn: str) -> None:
    up = manage(empty_dsn, "migrate")
    assert up.returncode == 0, up.stderr
    assert manage(empty_dsn, "makemigrations", "--check", "--dry-run").returncode == 0
    shown = manage(empty_dsn, "sqlmigrate", "gendurable", "0001")
    assert "-- gendurable's schema" in shown.stdout, shown.stderr
    version = manage(empty_dsn, "gendurable", "version")
    assert package_version() in version.stdout, version.stderr
    down = manage(empty_dsn, "migrate", "gendurable", "zero")
    assert down.returncode == 0, down.stderr
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select to_regnamespace('gendurable')").fetchone() == (None,)
    assert manage(empty_dsn, "migrate").returncode == 0


def test_a_schema_that_is_there_is_taken_over(dsn: str, conn: Connection) -> None:
    there = enqueue(conn, "M").id
    up = manage(dsn, "migrate")
    assert up.returncode == 0, up.stderr
    assert conn.execute("select id from gd_instances").fetchall() == [(there,)]


def test_each_release_has_its_migration() -> None:
    folder = ROOT / "python/gendurable/contrib/django/migrations"
    migrations = sorted(path.stem for path in folder.glob("0*.py"))
    assert migrations[-1].endswith("_" + package_version().replace(".", "_"))


@contextlib.contextmanager
def worker(dsn: str, log: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "gendurable", "run", *options],
            cwd=EXAMPLE, env=environment(dsn), stdout=output, stderr=output,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_the_command_runs_the_machines_of_all_apps(
    empty_dsn: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert manage(empty_dsn, "migrate").returncode == 0
    log = tmp_path / "log"
    with (
        psycopg.connect(empty_dsn, autocommit=True) as conn,
        worker(empty_dsn, log, *options) as process,
    ):
        conn.execute("insert into orders_product values ('A-1', 5)")
        conn.execute(
            "insert into orders_order (id, quantity, status, details, product_id)"
            " values (1, 2, 'new', '{}', 'A-1')"
        )
        started = enqueue(conn, "Checkout", {"order_id": 1}).id
        conn.execute("select gd_signal(%s::bigint, 'paid')", (started,))
        assert finished(conn, started).status == "done", log.read_text()
        assert conn.execute("select status from orders_order").fetchone() == ("shipped",)
        workers = "select count(*) from gd_workers where alive"
        expected = 2 if options else 1
        until(lambda: conn.execute(workers).fetchone() == (expected,), "all of them work")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
        assert conn.execute(workers).fetchone() == (0,)


def test_the_command_says_what_gendurable_py_says(empty_dsn: str) -> None:
    assert manage(empty_dsn, "migrate").returncode == 0
    nothing = manage(empty_dsn, "gendurable", "show", "no such order")
    assert nothing.returncode == 1
    assert "no such order" in nothing.stderr
    helped = manage(empty_dsn, "gendurable", "run", "--help")
    assert "--queue" in helped.stdout
