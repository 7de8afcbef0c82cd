"""The checkout of a small shop: reserve the goods, wait for the money, ship.

    gendurable-py run examples/checkout/checkout.py

    start ──► (payment_confirmed | cancelled | timeout) ──► decide ──► ship ──► shipped
      │                                                        │
      └──► sold_out                                            └──► cancelled, expired

A step runs at least once, so each of its effects is one call of a function of the shop that takes
effect once per order (see shop.sql). What a step needs later is in the state, nothing is in memory.
"""

from __future__ import annotations

import threading
import time
from typing import Any, LiteralString

import msgspec
import shop

from gendurable import Await, Context, Done, Machine, Next, Outcome, Stop, step

LABEL_SECONDS = 0.1
"""How long the label printer takes: time enough for a worker to die in the middle of a step."""


class Order(msgspec.Struct):
    """The state. Every field has a default, so that an order is quickly typed by hand."""

    sku: str = "mug"
    quantity: int = 1
    pay_within: float = 3600
    payment_id: str | None = None


class Checkout(Machine[Order]):
    """One order. Its correlation key is ``order:`` and the shop's order id."""

    def __init__(self) -> None:
        # One object serves every thread of the worker; each has its own connection.
        self._thread = threading.local()

    @step
    def start(self, ctx: Context[Order]) -> Outcome:
        """Reserve the goods, then wait for the customer."""
        if ctx.correlation_key is None:
            hint = "enqueue it with correlation_key => 'order:…'"
            return Stop({"kind": "nameless_order", "hint": hint})
        order = ctx.state
        if not self._shop("reserve", order_id(ctx), order.sku, order.quantity):
            return Done({"status": "sold_out"})
        return Await(["payment_confirmed", "cancelled"], step=self.decide, timeout=order.pay_within)

    @step
    def decide(self, ctx: Context[Order]) -> Outcome:
        """What came first counts; if nothing came, the time is up."""
        first = next(iter(ctx.awaited), None)
        if first is None:
            return Done({"status": self._shop("close", order_id(ctx), "expired")})
        if first.name == "cancelled":
            return Done({"status": self._shop("close", order_id(ctx), "cancelled")})
        match first.payload:
            case {"payment_id": str(payment_id)}:
                ctx.state.payment_id = payment_id
            case _:
                pass  # It was paid without a number.
        return Next(self.ship)

    @step
    def ship(self, ctx: Context[Order]) -> Outcome:
        """Send the parcel and print its label."""
        status = self._shop("ship", order_id(ctx), ctx.state.payment_id)
        time.sleep(LABEL_SECONDS)
        return Done({"status": status})

    def _shop(self, function: LiteralString, *args: object) -> Any:
        """The answer of one of the shop's functions, whose effect is committed then."""
        conn: shop.Connection | None = getattr(self._thread, "conn", None)
        if conn is None or conn.closed:
            conn = self._thread.conn = shop.connect()
        places: list[LiteralString] = ["%s"] * len(args)
        row = conn.execute(f"select shop.{function}({', '.join(places)})", args).fetchone()
        assert row is not None
        return row[0]


def order_id(ctx: Context[Order]) -> str:
    """The shop's own name for the order."""
    return (ctx.correlation_key or "").removeprefix("order:")
