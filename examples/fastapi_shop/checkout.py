"""The machine: an order waits for its payment, and is shipped or cancelled.

gendurable-py run fastapi_shop.checkout
"""

from __future__ import annotations

import msgspec

from fastapi_shop.database import Order
from gendurable import Await, Context, Done, Machine, Next, Outcome, step
from gendurable.contrib.sqlalchemy import step_session

__all__ = ["Checkout", "Purchase"]


class Purchase(msgspec.Struct):
    """The state: which order it is about."""

    order_id: int
    pay_within: float = 3600


class Checkout(Machine[Purchase]):
    """One order. Its correlation key is ``order:`` and the order's id."""

    @step
    def start(self, ctx: Context[Purchase]) -> Outcome:
        """Wait for the money."""
        return Await(["paid", "cancelled"], step=self.decide, timeout=ctx.state.pay_within)

    @step
    def decide(self, ctx: Context[Purchase]) -> Outcome:
        """What came first counts; if nothing came, the time is up."""
        if any(signal.name == "paid" for signal in ctx.awaited):
            return Next(self.ship)
        return Next(self.close)

    @step(transactional=True)
    def ship(self, ctx: Context[Purchase]) -> Outcome:
        """The row and the outcome are one transaction."""
        return self._end(ctx, "shipped")

    @step(transactional=True)
    def close(self, ctx: Context[Purchase]) -> Outcome:
        """The row and the outcome are one transaction."""
        return self._end(ctx, "cancelled")

    def _end(self, ctx: Context[Purchase], status: str) -> Outcome:
        with step_session(ctx.conn) as session:
            order = session.get_one(Order, ctx.state.order_id)
            order.status = status
            return Done({"status": status, "sku": order.sku})
