"""The example of FastAPI, SQLAlchemy and Alembic, with all three of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gendurable import Context, Done, Machine, Worker, embedded, enqueue, in_thread, step
from support import Connection, finished, gate, until

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/fastapi_shop"


def environment(dsn: str) -> dict[str, str]:
    return os.environ | {"GENDURABLE_DSN": dsn, "PYTHONPATH": str(ROOT / "examples")}


def run(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=EXAMPLE, env=environment(dsn), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_example_s_migrations_lead_up_and_down_and_autogenerate_sees_nothing(
    empty_dsn: str,
) -> None:
    up = run(empty_dsn, "alembic", "upgrade", "head")
    assert up.returncode == 0, up.stderr
    check = run(empty_dsn, "alembic", "check")
    assert check.returncode == 0, check.stdout + check.stderr
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("select gd_enqueue('M')")
    down = run(empty_dsn, "alembic", "downgrade", "base")
    assert down.returncode == 0, down.stderr
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select to_regnamespace('gendurable')").fetchone() == (None,)
    again = run(empty_dsn, "alembic", "upgrade", "head")
    assert again.returncode == 0, again.stderr


def test_a_script_of_the_example_s_migrations_is_refused_in_a_sentence(empty_dsn: str) -> None:
    offline = run(empty_dsn, "alembic", "upgrade", "head", "--sql")
    assert offline.returncode == 1
    assert "Install it first: gendurable-py install" in offline.stderr


def test_a_migration_that_fails_leaves_nothing(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("create table orders (id int)")
    failed = run(empty_dsn, "alembic", "upgrade", "head")
    assert failed.returncode == 1
    assert "DuplicateTable" in failed.stderr
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select to_regnamespace('gendurable')").fetchone() == (None,)


def test_the_example_s_own_tests_pass(empty_dsn: str) -> None:
    assert run(empty_dsn, "alembic", "upgrade", "head").returncode == 0
    tests = run(empty_dsn, "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", ".")
    assert "6 passed" in tests.stdout, tests.stdout + tests.stderr


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_at_sigterm_the_server_drains_its_worker(empty_dsn: str, tmp_path: Path) -> None:
    assert run(empty_dsn, "alembic", "upgrade", "head").returncode == 0
    port = free_port()
    log = tmp_path / "log"
    with log.open("w") as output, psycopg.connect(empty_dsn, autocommit=True) as conn:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "fastapi_shop.app:app", "--port", str(port)],
            env=environment(empty_dsn), stdout=output, stderr=output,
        )  # fmt: skip
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/docs"), "the server answers")
            alive = "select count(*) from gd_workers where alive"
            assert conn.execute(alive).fetchone() == (1,)
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) in (0, -signal.SIGTERM), log.read_text()
            assert conn.execute(alive).fetchone() == (0,)
        finally:
            server.kill()
            server.wait()
    assert "Application shutdown complete" in log.read_text()


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as response:
        return bool(response.status == 200)
    return False


class Slow(Machine[Any]):
    """Ends when the gate opens."""

    gate: Any = None
    started: Any = None

    @step
    async def start(self, ctx: Context[Any]) -> Done:
        self.started.set()
        await asyncio.to_thread(self.gate.wait, 60)
        return Done("slow")


class Quick(Machine[Any]):
    """Ends at once."""

    @step
    def start(self, ctx: Context[Any]) -> Done:
        return Done("quick")


def test_an_embedded_worker_drains_at_the_end_of_its_block(dsn: str, conn: Connection) -> None:
    async def serve() -> None:
        async with embedded(
            Worker([Slow], dsn=dsn, name="a"), Worker([Quick], dsn=dsn, name="b", queues={"q": 1})
        ):
            assert conn.execute("select count(*) from gd_workers where alive").fetchone() == (2,)
            enqueue(conn, Slow, {})
            await asyncio.to_thread(started.wait, 60)
            asyncio.get_running_loop().call_later(0.2, opened.set)

    with gate() as opened, gate() as started:
        Slow.gate, Slow.started = opened, started
        asyncio.run(serve())
    assert conn.execute("select result from gd_instances").fetchone() == ("slow",)
    assert conn.execute("select count(*) from gd_workers where alive").fetchone() == (0,)


def test_where_the_end_of_the_block_is_cancelled_the_worker_gives_back_what_it_runs(
    dsn: str, conn: Connection
) -> None:
    async def serve() -> None:
        async with embedded(Worker([Slow], dsn=dsn, drain=300)):
            enqueue(conn, Slow, {})
            await asyncio.to_thread(started.wait, 60)
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_later(0.2, task.cancel)

    with gate() as opened, gate() as started:
        Slow.gate, Slow.started = opened, started
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(serve())
        assert time.monotonic() - began < 60
    assert conn.execute("select status from gd_instances").fetchone() == ("runnable",)


def test_a_block_does_not_begin_where_a_worker_cannot_start(dsn: str, empty_dsn: str) -> None:
    async def serve() -> None:
        async with embedded(Worker([Quick], dsn=dsn), Worker([Quick], dsn=empty_dsn)):
            raise AssertionError("it has begun")

    with pytest.raises(Exception, match="Install it with: gendurable-py install"):
        asyncio.run(serve())
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select count(*) from gd_workers where alive").fetchone() == (0,)


def test_what_ends_an_embedded_worker_is_logged_at_once_and_raised_at_the_end(
    dsn: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker([Quick], dsn=dsn)
    begun = asyncio.Event()

    async def serve() -> None:
        async with embedded(worker):
            begun.set()
            told = lambda: "a worker has ended" in caplog.text  # noqa: E731
            await asyncio.to_thread(until, told, "it is told")

    async def explode() -> None:
        await begun.wait()
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(worker._keeper, "run", explode)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        asyncio.run(serve())
    assert "a worker has ended: ZeroDivisionError('a bug')" in caplog.text


def test_a_worker_in_a_thread_raises_why_it_cannot_start(empty_dsn: str) -> None:
    worker = Worker([Quick], dsn=empty_dsn)
    with pytest.raises(Exception, match="gendurable-py install"), in_thread(worker):
        raise AssertionError("it has begun")


def test_a_worker_in_a_thread_drains_at_the_end_of_its_block(dsn: str, conn: Connection) -> None:
    with in_thread(Worker([Quick], dsn=dsn)):
        quick = enqueue(conn, Quick, {}).id
        assert finished(conn, quick).result == "quick"
    assert conn.execute("select count(*) from gd_workers where alive").fetchone() == (0,)
