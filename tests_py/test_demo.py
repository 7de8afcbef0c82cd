"""``make demo``: what it shows, and that it notices what is wrong."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from database import ROOT, create_database, drop_database
from gendurable import enqueue, status
from gendurable.install import install
from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator

Demo = subprocess.Popen[str]

DEMO = ROOT / "examples" / "checkout" / "demo.py"
PATIENCE = 150


@pytest.fixture(scope="module")
def bare_dsn(admin_dsn: str) -> Iterator[str]:
    """Empty at first; each demo leaves its traces for the next, an interrupted one begins."""
    name = f"gendurable_demo_{os.getpid()}"
    yield create_database(admin_dsn, name)
    drop_database(admin_dsn, name)


@contextlib.contextmanager
def demo(dsn: str, temporary: Path) -> Iterator[Demo]:
    """The demo on a database, as the leader of a process group like in a terminal."""
    process = subprocess.Popen(
        [sys.executable, DEMO],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "GENDURABLE_DSN": dsn, "TMPDIR": str(temporary)},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_ctrl_c_leaves_nothing_behind(bare_dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(bare_dsn, autocommit=True) as conn, demo(bare_dsn, tmp_path) as process:
        until(lambda: orders(conn) > 0, "orders come in", PATIENCE)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130, output
        assert "Traceback" not in output
        assert conn.execute("select from gd_workers").rowcount == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert list(tmp_path.iterdir()) == []


def test_every_check_holds(bare_dsn: str, tmp_path: Path) -> None:
    with demo(bare_dsn, tmp_path) as process:
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    assert "14 checks hold" in output
    assert "✗" not in output
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_named_and_makes_it_fail(bare_dsn: str, tmp_path: Path) -> None:
    """A parcel that left the stock twice; in a database where other people work, too."""
    with psycopg.connect(bare_dsn, autocommit=True) as conn:
        install(bare_dsn)
        other = enqueue(conn, "SomebodyElse's").id
        with demo(bare_dsn, tmp_path) as process:
            until(lambda: somebody_took_one_more(conn), "something is in stock", PATIENCE)
            output, _ = process.communicate(timeout=PATIENCE)
        found = status(conn, other)
    assert process.returncode == 1, output
    assert "FAILED" in output
    assert "pieces taken from the stock" in output.splitlines()[-1]
    assert "mug:" in output
    assert found is not None
    assert (found.status, found.attempt, found.updated_at) == ("runnable", 0, found.enqueued_at)


@pytest.mark.parametrize(
    "spoil",
    [
        "create schema shop; create table shop.orders (id int)",
        "{shop}; create table shop.mine ()",
        "{shop}; create view public.mine as select * from shop.orders",
    ],
)
def test_a_shop_that_is_not_its_own_is_refused(spoil: str, dsn: str, tmp_path: Path) -> None:
    shop = DEMO.with_name("shop.sql").read_text()
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(spoil.replace("{shop}", shop).encode())
        before = relations(conn)
        with demo(dsn, tmp_path) as process:
            output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert "Use another database" in output
        assert "Traceback" not in output
        assert relations(conn) == before


def somebody_took_one_more(conn: psycopg.Connection[Any]) -> bool:
    """Spoil the count of the demo that runs."""
    with contextlib.suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return conn.execute(
            "update shop.stock set on_hand = on_hand - 1 where sku = 'mug'"
            " and exists (select from shop.orders where status = 'open')"
        ).rowcount > 0  # fmt: skip
    return False


def orders(conn: psycopg.Connection[Any]) -> int:
    """How many open orders there are; 0 as long as there is no shop."""
    with contextlib.suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return conn.execute("select from shop.orders where status = 'open'").rowcount
    return 0


def relations(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Everything in the shop's schema, by identity."""
    return conn.execute(
        "select oid, relname from pg_class where relnamespace = 'shop'::regnamespace order by oid"
    ).fetchall()
