"""The worker in bash: it does everything that a worker has to, beside the Python one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from database import ROOT
from gendurable import enqueue_many, signal, status
from gendurable.entry import Entry
from support import finished, until, worker_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    Start = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]

pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="needs psql")

Connection = psycopg.Connection[Any]

CHECKOUT = ROOT / "examples" / "checkout" / "checkout.py"


@pytest.fixture
def shop(conn: Connection, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection to a database with the engine and the shop, which the environment names."""
    monkeypatch.setenv("GENDURABLE_DSN", dsn)
    conn.execute(CHECKOUT.with_name("shop.sql").read_bytes())
    return conn


@pytest.fixture
def python(dsn: str, tmp_path: Path) -> Start:
    """Starts the Python worker."""
    return lambda: worker_process(dsn, CHECKOUT, tmp_path / "python.log", "--poll", "0.2")


@pytest.fixture
def bash(tmp_path: Path) -> Start:
    """Starts the bash worker, with a lease that does not run out while it is alive."""

    @contextlib.contextmanager
    def start(lease: str = "60") -> Iterator[subprocess.Popen[bytes]]:
        with (tmp_path / "bash.log").open("ab") as log:
            process = subprocess.Popen(
                [ROOT / "examples" / "worker.sh"],
                stdout=log,
                stderr=log,
                env={**os.environ, "LEASE": lease},
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    return start


@pytest.mark.parametrize("first", ["bash", "python"])
def test_an_order_that_one_language_begins_is_ended_by_the_other(
    first: str, bash: Start, python: Start, shop: Connection
) -> None:
    begin, end = (bash, python) if first == "bash" else (python, bash)
    place(shop, 3)
    with begin() as worker:
        until(lambda: waiting(shop) == 3, "all are waiting for a payment")
        worker.terminate()
        assert worker.wait(60) == 0
    assert workers(shop) == 0, "it said goodbye"
    pay(shop, 3)
    assert status_of(shop, 1) == "runnable"
    with end():
        results = [finished(shop, f"order:{number}").result for number in (1, 2, 3)]
    assert results == [{"status": "shipped"}] * 3
    assert sent(shop) == [(str(n), f"P{n}", 1) for n in (1, 2, 3)]


def test_both_work_on_the_same_queue_at_the_same_time(
    bash: Start, python: Start, shop: Connection
) -> None:
    with bash():
        until(lambda: workers(shop) == 1)
        place(shop, 60)
        until(lambda: waiting(shop) > 0, "bash has begun")
        with python():
            pay(shop, 60)
            until(lambda: len(sent(shop)) == 60, "everything is sent")
            for number in range(1, 61):
                assert finished(shop, f"order:{number}").result == {"status": "shipped"}
    assert [asked for _, _, asked in sent(shop)] == [1] * 60


def test_bash_notices_deadlines_cancellations_and_empty_shelves(
    bash: Start, shop: Connection
) -> None:
    state = {"pay_within": 0.3}
    enqueue_many(
        shop,
        [
            Entry("Checkout", state, correlation_key="order:1"),
            Entry("Checkout", correlation_key="order:2"),
            Entry("Checkout", {"quantity": 5000}, correlation_key="order:3"),
        ],
    )
    signal(shop, "order:2", "cancelled")
    with bash():
        results = [finished(shop, f"order:{number}").result for number in (1, 2, 3)]
    assert results == [{"status": s} for s in ("expired", "cancelled", "sold_out")]


def test_bash_leaves_machines_that_it_does_not_know_to_others(
    bash: Start, shop: Connection
) -> None:
    enqueue_many(shop, [Entry("Unheard", correlation_key="order:1")])
    enqueue_many(shop, [Entry("Checkout", {"pay_within": 0}, correlation_key="order:2")])
    with bash():
        finished(shop, "order:2")
    found = status(shop, "order:1")
    assert found is not None
    assert (found.status, found.attempt) == ("runnable", 0)


def test_a_failing_step_is_tried_again_by_bash(bash: Start, shop: Connection) -> None:
    shop.execute("alter function shop.reserve rename to elsewhere")
    enqueue_many(shop, [Entry("Checkout", {"pay_within": 0}, correlation_key="order:1")])
    with bash():
        until(lambda: attempt(shop, "order:1") == 1, "the first attempt has failed")
        shop.execute("alter function shop.elsewhere rename to reserve")
        assert finished(shop, "order:1").result == {"status": "expired"}


def test_a_step_in_which_bash_is_killed_runs_again(
    bash: Start, python: Start, shop: Connection, dsn: str
) -> None:
    place(shop, 1)
    pay(shop, 1)
    with psycopg.connect(dsn) as blocker:
        # The step cannot get past the stock, so that it is killed in the middle for certain.
        blocker.execute("insert into shop.stock (sku, delivered, on_hand) values ('mug', 9, 9)")
        with bash(lease="2") as worker:
            until(lambda: executing(shop) == 1)
            worker.kill()
            worker.wait()
        assert status_of(shop, 1) == "executing"
        blocker.commit()
    with python():
        assert finished(shop, "order:1").result == {"status": "shipped"}
    assert sent(shop) == [("1", "P1", 1)]
    assert shop.execute("select on_hand, reserved from shop.stock").fetchall() == [(8, 0)]


def place(conn: Connection, count: int) -> None:
    """Orders 1 to count, in the shop, whose trigger enqueues them."""
    conn.execute(
        "insert into shop.orders (order_id, sku, quantity)"
        " select n::text, 'mug', 1 from generate_series(1, %s) as n",
        (count,),
    )


def pay(conn: Connection, count: int) -> None:
    """Payments P1 to P…; the shop's trigger signals them."""
    conn.execute(
        "insert into shop.payments (payment_id, order_id, amount)"
        " select 'P' || n, n::text, 1250 from generate_series(1, %s) as n",
        (count,),
    )


def sent(conn: Connection) -> list[tuple[Any, ...]]:
    """Order, payment and times asked of each parcel."""
    return conn.execute(
        "select order_id, payment_id, asked from shop.shipments order by order_id"
    ).fetchall()


def waiting(conn: Connection) -> int:
    """How many orders wait for a signal."""
    return conn.execute("select from gd_instances where status = 'awaiting_signal'").rowcount


def executing(conn: Connection) -> int:
    """How many steps run."""
    return conn.execute("select from gd_instances where status = 'executing'").rowcount


def workers(conn: Connection) -> int:
    """How many workers are registered."""
    return conn.execute("select from gd_workers").rowcount


def status_of(conn: Connection, number: int) -> str:
    """The status of an order's instance."""
    found = status(conn, f"order:{number}")
    assert found is not None
    return found.status


def attempt(conn: Connection, key: str) -> int:
    """How often the current step has failed."""
    found = status(conn, key)
    assert found is not None
    return found.attempt
