"""Tests of the shop: in a transaction that is rolled back, and with a real worker."""

from __future__ import annotations

import time

from django.db import connection
from django.test import TestCase

from gendurable import enqueue, signal, status
from gendurable.contrib.django.test import TransactionTestCase, advance, drain, running
from orders.machines import NEWS, Checkout, Purchase
from orders.models import Order, Product


class CheckoutTest(TestCase):
    """Each step runs in the transaction of the test."""

    def setUp(self) -> None:
        self.product = Product.objects.create(sku="A-1", stock=3)
        body = {"product_id": "A-1", "quantity": 2}
        self.order = self.client.post("/orders", body, content_type="application/json").json()["id"]

    def test_a_paid_order_is_shipped(self) -> None:
        self.assertEqual([ran.step for ran in drain()], ["start"])
        self.product.refresh_from_db()
        self.assertEqual(self.product.stock, 1)
        self.client.post(f"/orders/{self.order}/payments/p1")
        with self.captureOnCommitCallbacks(execute=True):
            self.assertEqual([ran.step for ran in drain()], ["decide", "ship"])
        order = Order.objects.get(pk=self.order)
        self.assertEqual(order.status, "shipped")
        self.assertIsNotNone(order.shipped_at)
        self.assertEqual(self.client.get(f"/orders/{self.order}").json()["status"], "done")
        self.assertEqual(NEWS.pop(), f"order {self.order} is shipped")

    def test_an_order_that_is_not_paid_is_put_back(self) -> None:
        drain()
        advance(hours=1)
        self.assertEqual([ran.step for ran in drain()], ["decide", "put_back"])
        self.product.refresh_from_db()
        self.assertEqual(self.product.stock, 3)

    def test_what_is_sold_out_is_not_sold(self) -> None:
        Product.objects.update(stock=1)
        drain()
        self.assertEqual(Order.objects.get().status, "sold out")


class WorkerTest(TransactionTestCase):
    """A worker of its own takes the steps."""

    def test_a_worker_ships(self) -> None:
        Product.objects.create(sku="A-1", stock=3)
        order = Order.objects.create(product_id="A-1", quantity=2)
        with running():
            enqueue(connection, Checkout, Purchase(order.pk), correlation_key="order")
            signal(connection, "order", "paid")
            while status(connection, "order").status != "done":  # type: ignore[union-attr]
                time.sleep(0.01)
        order.refresh_from_db()
        self.assertEqual(order.status, "shipped")
        self.assertEqual(NEWS.pop(), f"order {order.pk} is shipped")

    def test_what_another_test_has_enqueued_is_gone(self) -> None:
        self.assertIsNone(status(connection, "order"))
        self.assertEqual(drain(), [])
