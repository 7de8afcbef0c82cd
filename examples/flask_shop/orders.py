"""The API of the shop."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, request

from flask_shop.checkout import Checkout, Purchase
from flask_shop.database import connection
from gendurable import WaitTimeoutError, enqueue, signal, wait

__all__ = ["blueprint"]

blueprint = Blueprint("orders", __name__)


@blueprint.post("/orders")
def place() -> tuple[dict[str, Any], int]:
    """The order and its checkout are committed together, before the response."""
    with connection().transaction():
        row = (
            connection()
            .execute("insert into orders (sku) values (%s) returning id", (request.json["sku"],))
            .fetchone()
        )
        assert row is not None
        enqueue(connection(), Checkout, Purchase(row[0]), correlation_key=f"order:{row[0]}")
    return {"id": row[0]}, 201


@blueprint.post("/orders/<int:order_id>/payments/<payment_id>")
def pay(order_id: int, payment_id: str) -> tuple[dict[str, Any], int]:
    """The bank calls this, perhaps twice for one payment."""
    with connection().transaction():
        said = signal(connection(), f"order:{order_id}", "paid", dedup_key=payment_id)
    if said == "no_target":
        abort(404)
    return {"payment": said}, 202


@blueprint.get("/orders/<int:order_id>")
def look(order_id: int) -> dict[str, Any]:
    """Where an order is; waits so many seconds for its end."""
    seconds = min(request.args.get("seconds", 0.0, type=float), 30)
    try:
        found = wait(connection(), f"order:{order_id}", timeout=seconds)
    except WaitTimeoutError as exc:
        found = exc.status
    if found is None:
        abort(404)
    return {"status": found.status, "step": found.step, "result": found.result}
