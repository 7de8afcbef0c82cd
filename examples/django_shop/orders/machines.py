"""The checkout: the goods are reserved, the payment is awaited, the order is shipped.

``manage.py gendurable run`` finds it, as it finds the modules ``machines`` of all installed apps.
"""

from __future__ import annotations

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gendurable import Await, Context, Done, Machine, Next, Outcome, step
from orders.models import Order, Product

NEWS: list[str] = []
"""What was announced, which a real shop would do elsewhere."""


class Purchase(msgspec.Struct):
    """The state: which order it is about."""

    order_id: int


class Checkout(Machine[Purchase]):
    """One order. Its correlation key is ``order:`` and the order's id."""

    @step(transactional=True)
    def start(self, ctx: Context[Purchase]) -> Outcome:
        """The stock goes down once, however often the step is run."""
        order = Order.objects.select_related("product").get(pk=ctx.state.order_id)
        taken = Product.objects.filter(pk=order.product_id, stock__gte=order.quantity).update(
            stock=F("stock") - order.quantity
        )
        if not taken:
            order.status = "sold out"
            order.save()
            return Done({"status": "sold out"})
        return Await("paid", step=self.decide, timeout=3600)

    @step
    def decide(self, ctx: Context[Purchase]) -> Outcome:
        """What came first counts."""
        return Next(self.ship if ctx.awaited else self.put_back)

    @step(transactional=True)
    def ship(self, ctx: Context[Purchase]) -> Outcome:
        """The order, and the outcome, are one transaction."""
        order = Order.objects.get(pk=ctx.state.order_id)
        order.status, order.shipped_at = "shipped", timezone.now()
        order.details["instance"] = ctx.id
        order.save()
        transaction.on_commit(lambda: NEWS.append(f"order {order.pk} is shipped"))
        return Done({"status": "shipped"})

    @step(transactional=True)
    def put_back(self, ctx: Context[Purchase]) -> Outcome:
        """Nobody has paid."""
        order = Order.objects.get(pk=ctx.state.order_id)
        Product.objects.filter(pk=order.product_id).update(stock=F("stock") + order.quantity)
        order.status = "expired"
        order.save()
        return Done({"status": "expired"})
