"""Plays the day: everything in the two files happens to the shop when its time has come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import psycopg
from day import Day, Order, Payment
from shop import Connection

from gendurable import SignalEntry, signal_many

__all__ = ["Feed"]

T = TypeVar("T")


class _Queue(Generic[T]):
    """Things that happen, the earliest first."""

    def __init__(self, things: Iterable[T], when: Callable[[T], float]) -> None:
        self._waiting = deque(
            sorted(((when(thing), thing) for thing in things), key=lambda x: x[0])
        )

    def due(self, now: float) -> list[T]:
        """Takes out what has its time come."""
        taken: list[T] = []
        while self._waiting and self._waiting[0][0] <= now:
            taken.append(self._waiting.popleft()[1])
        return taken

    def __len__(self) -> int:
        return len(self._waiting)


class Feed:
    """What of the day has not happened yet."""

    def __init__(self, conn: Connection, day: Day) -> None:
        late = day.late()
        cancelled = [order for order in day.orders if order.cancelled_at is not None]
        in_time = [payment for payment in day.payments if payment.payment_id not in late]
        too_late = [payment for payment in day.payments if payment.payment_id in late]
        self._conn = conn
        self._orders = _Queue(day.orders, lambda order: order.placed_at)
        self._cancelled = _Queue(cancelled, lambda order: order.cancelled_at or 0)
        self._payments = _Queue(in_time, lambda payment: payment.paid_at)
        self._late_payments = _Queue(too_late, lambda payment: payment.paid_at)

    def play(self, now: float, *, late_too: bool) -> None:
        """Let happen what is due ``now`` seconds after the shop has opened, in one transaction.

        Args:
            now: the time of the day.
            late_too: whether payments that come too late may come now.
        """
        orders, cancelled = self._orders.due(now), self._cancelled.due(now)
        payments = self._payments.due(now)
        if late_too:
            payments += self._late_payments.due(now)
        if not (orders or cancelled or payments):
            return
        with self._conn.transaction(), self._conn.cursor() as cursor:
            _place(cursor, orders)
            signal_many(
                self._conn,
                [
                    SignalEntry(f"order:{order.order_id}", "cancelled", dedup_key="cancelled")
                    for order in cancelled
                ],
            )
            _report(cursor, payments)

    @property
    def payments_left(self) -> int:
        """How many reports of payments are still to come."""
        return len(self._payments) + len(self._late_payments)

    @property
    def is_over(self) -> bool:
        """Whether everything has happened."""
        return not (self._orders or self._cancelled or self.payments_left)


def _place(cursor: psycopg.Cursor[tuple[object, ...]], orders: list[Order]) -> None:
    """Insert orders. The shop's trigger enqueues them."""
    with cursor.copy("copy shop.orders (order_id, sku, quantity, amount) from stdin") as copy:
        for order in orders:
            copy.write_row((order.order_id, order.sku, order.quantity, order.amount))


def _report(cursor: psycopg.Cursor[tuple[object, ...]], payments: list[Payment]) -> None:
    """Insert reports of payments. The shop's trigger signals them."""
    with cursor.copy("copy shop.payments (payment_id, order_id, amount) from stdin") as copy:
        for payment in payments:
            copy.write_row((payment.payment_id, payment.order_id, payment.amount))
