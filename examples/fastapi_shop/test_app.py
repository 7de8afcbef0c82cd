"""The application as its clients see it, with a real worker in it.

Run it with pytest; GENDURABLE_DSN names a database in which the migrations have been run.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from fastapi_shop.app import app
from fastapi_shop.checkout import Checkout, Purchase
from fastapi_shop.database import Order, SyncSessions, sync_engine
from gendurable import enqueue, find, signal
from gendurable.testing import drain


@pytest.fixture
def client() -> Iterator[TestClient]:
    """The application, started and stopped around each test."""
    with TestClient(app) as client:
        yield client


def place(client: TestClient) -> int:
    """Order something."""
    return int(client.post("/orders", json={"sku": "A-1", "quantity": 2}).json()["id"])


def row(order_id: int) -> str:
    """What the table says of an order."""
    with SyncSessions() as session:
        return session.get_one(Order, order_id).status


def test_a_paid_order_is_shipped(client: TestClient) -> None:
    order = place(client)
    assert client.post(f"/orders/{order}/payments/p1").json() == {"payment": "delivered"}
    assert client.post(f"/orders/{order}/payments/p1").json() in (
        {"payment": "duplicate"},
        {"detail": "nothing is to be paid"},
    )
    found = client.get(f"/orders/{order}?seconds=30").json()
    assert found == {
        "status": "done",
        "step": "ship",
        "result": {"status": "shipped", "sku": "A-1"},
    }
    assert row(order) == "shipped"


def test_a_cancelled_order_is_not_shipped(client: TestClient) -> None:
    order = place(client)
    assert client.delete(f"/orders/{order}").json() == {"cancellation": "delivered"}
    found = client.get(f"/orders/{order}?seconds=30").json()
    assert found["result"] == {"status": "cancelled", "sku": "A-1"}
    assert row(order) == "cancelled"


def test_an_order_that_is_refused_has_no_checkout(client: TestClient) -> None:
    def count() -> tuple[int | None, int]:
        with SyncSessions() as session:
            return session.scalar(select(func.count()).select_from(Order)), len(find(session))

    before = count()
    assert client.post("/orders", json={"sku": "A-1", "quantity": 101}).status_code == 409
    assert count() == before
    place(client)
    assert count() == ((before[0] or 0) + 1, before[1] + 1)


def test_who_does_not_wait_is_answered_at_once(client: TestClient) -> None:
    order = place(client)
    assert client.get(f"/orders/{order}").json()["status"] != "done"
    assert client.get("/orders/1000000").status_code == 404
    assert client.post("/orders/1000000/payments/p1").status_code == 404


def test_a_payment_ships_an_order_within_a_transaction_that_is_rolled_back() -> None:
    with sync_engine.connect() as connection:
        # Each commit of the session is a savepoint.
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            order = Order(sku="A-1", quantity=1)
            session.add(order)
            session.flush()
            enqueue(session, Checkout, Purchase(order.id), correlation_key="order:test")
            session.commit()
            assert [ran.step for ran in drain(session, [Checkout])] == ["start"]
            signal(session, "order:test", "paid")
            assert [ran.step for ran in drain(session, [Checkout])] == ["decide", "ship"]
            session.refresh(order)
            assert order.status == "shipped"
        connection.rollback()


def test_when_the_application_has_ended_no_worker_is_left(client: TestClient) -> None:
    with SyncSessions() as session:
        alive = text("select count(*) from gd_workers where alive")
        assert session.scalar(alive) == 1
        client.__exit__(None, None, None)
        assert session.scalar(alive) == 0
        client.__enter__()
