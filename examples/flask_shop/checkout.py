"""The machine: an order waits for its payment, and is shipped or expires."""

from __future__ import annotations

import msgspec
from flask import current_app

from flask_shop.database import connection
from gendurable import Await, Context, Done, Machine, Next, Outcome, step

__all__ = ["Checkout", "Purchase"]


class Purchase(msgspec.Struct):
    """The state: which order it is about, and who packs it."""

    order_id: int
    packed_by: str = ""


class Checkout(Machine[Purchase]):
    """One order. Its correlation key is ``order:`` and the order's id."""

    @step
    def start(self, ctx: Context[Purchase]) -> Outcome:
        """Wait for the money."""
        return Await("paid", step=self.pack, timeout=3600)

    @step
    def pack(self, ctx: Context[Purchase]) -> Outcome:
        """A step has the application's context, and a connection of its own in it."""
        with connection().transaction():
            connection().execute(
                "update orders set status = 'packed' where id = %s", (ctx.state.order_id,)
            )
        return Next(self.end, Purchase(ctx.state.order_id, current_app.name))

    @step(transactional=True)
    def end(self, ctx: Context[Purchase]) -> Outcome:
        """On ctx.conn the row and the outcome are one transaction."""
        ctx.conn.execute(
            "update orders set status = 'shipped' where id = %s", (ctx.state.order_id,)
        )
        return Done({"status": "shipped", "by": ctx.state.packed_by})
