"""The shop as its clients see it, with a real worker in a thread.

Run it with pytest; GENDURABLE_DSN names an empty database.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_shop import create_app
from flask_shop.checkout import Checkout
from flask_shop.commands import in_context_of
from flask_shop.database import dsn_of
from gendurable import Worker, in_thread


@pytest.fixture
def app() -> Flask:
    """The application, on a database with its schema."""
    app = create_app()
    result = app.test_cli_runner().invoke(args=["migrate"])
    assert result.exit_code == 0, result.output
    return app


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A client, while a worker runs."""
    worker = Worker([Checkout], dsn=dsn_of(app), middleware=[in_context_of(app)])
    with in_thread(worker), app.test_client() as client:
        yield client


def test_a_paid_order_is_shipped(client: FlaskClient) -> None:
    order = client.post("/orders", json={"sku": "A-1"}).json["id"]  # type: ignore[index]
    assert client.get(f"/orders/{order}").json["status"] != "done"  # type: ignore[index]
    assert client.post(f"/orders/{order}/payments/p1").json == {"payment": "delivered"}
    found = client.get(f"/orders/{order}?seconds=30").json
    assert found == {
        "status": "done",
        "step": "end",
        "result": {"status": "shipped", "by": "flask_shop"},
    }


def test_what_is_not_there_is_not_paid(client: FlaskClient) -> None:
    assert client.post("/orders/1000000/payments/p1").status_code == 404
    assert client.get("/orders/1000000").status_code == 404
