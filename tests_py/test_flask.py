"""The example of Flask, with the real Flask."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from gendurable import enqueue
from support import finished

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/flask_shop"


def environment(dsn: str) -> dict[str, str]:
    return os.environ | {"GENDURABLE_DSN": dsn, "PYTHONPATH": str(ROOT / "examples")}


def test_the_example_s_own_tests_pass(empty_dsn: str) -> None:
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "."],
        cwd=EXAMPLE, env=environment(empty_dsn), capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert "2 passed" in tests.stdout, tests.stdout + tests.stderr


def test_the_commands_migrate_and_work(empty_dsn: str, tmp_path: Path) -> None:
    flask = [sys.executable, "-m", "flask", "--app", "flask_shop"]
    for _ in range(2):
        done = subprocess.run(
            [*flask, "migrate"], env=environment(empty_dsn), capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("gendurable 0."), done.stdout
    log = tmp_path / "log"
    with log.open("w") as output, psycopg.connect(empty_dsn, autocommit=True) as conn:
        worker = subprocess.Popen(
            [*flask, "worker", "--concurrency", "3"],
            env=environment(empty_dsn), stdout=output, stderr=output,
        )  # fmt: skip
        try:
            conn.execute("insert into orders (sku) values ('A-1')")
            order = enqueue(conn, "Checkout", {"order_id": 1}).id
            conn.execute("select gd_signal(%s::bigint, 'paid')", (order,))
            assert finished(conn, order).result == {"status": "shipped", "by": "flask_shop"}
            assert conn.execute("select status from orders").fetchone() == ("shipped",)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0, log.read_text()
        finally:
            worker.kill()
            worker.wait()
