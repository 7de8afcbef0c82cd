"""A day at the shop, in orders.csv and payments.csv, and what has to come of it.

    python day.py          makes the two files anew; they are always the same

Times are in seconds after the shop opens. Everything that can happen to a payment happens: in time,
reported twice, too late, never, twice by mistake, after the order was cancelled, for an order that
does not exist, and so close to the deadline that either may win.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec
from msgspec.structs import replace

__all__ = ["PAY_WITHIN", "STATUSES", "Day", "Order", "Payment"]

T = TypeVar("T")

STATUSES = ("shipped", "expired", "cancelled", "sold_out")
"""The states that an order may end in."""

PAY_WITHIN = 8.0
"""Seconds that the shop waits for the money, from when the goods are reserved."""

# What is neither may end either way.
_CERTAINLY_IN_TIME = PAY_WITHIN - 2
_CERTAINLY_LATE = PAY_WITHIN + 2

_HERE = Path(__file__).parent
_STOCKED = 1000  # pieces of each article: see shop.reserve
_PRICES = {
    "mug": 1250, "teapot": 3900, "kettle": 5400, "spoon": 350, "saucer": 690,
    "tray": 2100, "strainer": 820, "caddy": 1790, "cosy": 1480, "scale": 2650,
}  # fmt: skip


class Order(msgspec.Struct, frozen=True):
    """A line of orders.csv. ``cancelled_at`` is None where the customer stayed with it."""

    order_id: str
    placed_at: float
    sku: str
    quantity: int
    amount: int
    cancelled_at: float | None = None


class Payment(msgspec.Struct, frozen=True):
    """A line of payments.csv: one report of a payment. A repeated report has the same id."""

    payment_id: str
    order_id: str
    amount: int
    paid_at: float


class Day(msgspec.Struct, frozen=True):
    """Everything that happens."""

    orders: list[Order]
    payments: list[Payment]

    @classmethod
    def load(cls, prefix: str = "") -> Day:
        """The committed day; ``prefix`` goes before every order id."""
        orders = _read("orders.csv", list[Order])
        payments = _read("payments.csv", list[Payment])
        return cls(
            [replace(o, order_id=prefix + o.order_id) for o in orders],
            [replace(p, order_id=prefix + p.order_id) for p in payments],
        )

    def expected(self) -> dict[str, set[str]]:
        """The states that each order may end in: one, except where a payment is a close call."""
        payments: defaultdict[str, list[Payment]] = defaultdict(list)
        for payment in self.payments:
            payments[payment.order_id].append(payment)
        return {o.order_id: _expected(o, payments[o.order_id]) for o in self.orders}

    def reported(self) -> dict[str, Payment]:
        """Each payment once, by id: its first report."""
        return {payment.payment_id: payment for payment in reversed(self.payments)}

    def late(self) -> set[str]:
        """Ids of the payments that are made after their order's time was up."""
        placed = {order.order_id: order.placed_at for order in self.orders}
        return {
            payment.payment_id
            for payment in self.reported().values()
            if payment.paid_at > placed.get(payment.order_id, payment.paid_at) + _CERTAINLY_LATE
        }

    def unknown(self) -> set[str]:
        """Ids of the payments for orders that were never placed."""
        placed = {order.order_id for order in self.orders}
        return {p.payment_id for p in self.payments if p.order_id not in placed}


def _expected(order: Order, payments: list[Payment]) -> set[str]:
    """What is right for an order with these payments."""
    if order.quantity > _STOCKED:
        return {"sold_out"}
    paid_at = min((payment.paid_at for payment in payments), default=inf)
    if order.cancelled_at is not None and order.cancelled_at < paid_at:
        return {"cancelled"}
    waited = paid_at - order.placed_at
    if waited > _CERTAINLY_LATE:
        return {"expired"}
    return {"shipped"} if waited < _CERTAINLY_IN_TIME else {"shipped", "expired"}


def _read(name: str, kind: type[T]) -> T:
    with (_HERE / name).open(newline="") as file:
        rows = [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]
    return msgspec.convert(rows, kind, strict=False)


def _write(name: str, rows: Sequence[msgspec.Struct]) -> None:
    with (_HERE / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0].__struct_fields__)
        writer.writerows(msgspec.structs.astuple(row) for row in rows)


@dataclass(frozen=True)
class _Case:
    """What happens to some of the orders.

    Attributes:
        percent: to how many of them.
        payments: makes its payments: for each the seconds after the order of each of its reports.
        quantity: how much they order, if not one to three pieces.
        cancelled_after: seconds after the order.
    """

    percent: int
    payments: Callable[[Random], list[list[float]]] = lambda _: []
    quantity: int | None = None
    cancelled_after: float | None = None


def _in_time(random: Random) -> float:
    return random.uniform(0.1, PAY_WITHIN / 2)


def _too_late(random: Random) -> float:
    return random.uniform(_CERTAINLY_LATE + 0.1, _CERTAINLY_LATE + 2)


_CASES: dict[str, _Case] = {
    "paid": _Case(66, lambda r: [[_in_time(r)]]),
    "paid, reported twice": _Case(7, lambda r: [[at := _in_time(r), at + r.uniform(0, 6)]]),
    "paid twice": _Case(2, lambda r: [[_in_time(r)], [_in_time(r)]]),
    "paid at the deadline": _Case(2, lambda r: [[PAY_WITHIN + r.uniform(-0.2, 0.2)]]),
    "paid too late": _Case(7, lambda r: [[_too_late(r)]]),
    "paid too late, reported twice": _Case(1, lambda r: [[at := _too_late(r), at + 0.5]]),
    "never paid": _Case(9),
    "cancelled": _Case(2, cancelled_after=2),
    "cancelled, then paid": _Case(2, lambda _: [[3.5]], cancelled_after=2),
    "more than there is": _Case(2, lambda r: [[_in_time(r)]], quantity=5000),
}


def _make(random: Random) -> Day:
    """A thousand orders in four seconds, and the payments they lead to."""
    orders: list[Order] = []
    payments: list[Payment] = []

    def pay(order: Order, reports: list[float]) -> None:
        payment_id = f"P{70001 + len({payment.payment_id for payment in payments})}"
        for delay in reports:
            paid_at = round(order.placed_at + delay, 2)
            payments.append(Payment(payment_id, order.order_id, order.amount, paid_at))

    for number in range(1000):
        case = random.choices(list(_CASES.values()), [c.percent for c in _CASES.values()])[0]
        sku = random.choice(list(_PRICES))
        quantity = case.quantity or random.randint(1, 3)
        placed_at = number // 25 / 10
        order = Order(
            order_id=f"{10001 + number}",
            placed_at=placed_at,
            sku=sku,
            quantity=quantity,
            amount=quantity * _PRICES[sku],
            cancelled_at=case.cancelled_after and placed_at + case.cancelled_after,
        )
        orders.append(order)
        for reports in case.payments(random):
            pay(order, reports)

    for number in range(30):
        unplaced = Order(f"{90001 + number}", random.uniform(0, 4), "mug", 1, _PRICES["mug"])
        pay(unplaced, [_in_time(random)] * random.choice([1, 1, 2]))
    return Day(orders, sorted(payments, key=lambda payment: payment.paid_at))


if __name__ == "__main__":
    day = _make(Random(20240229))
    _write("orders.csv", day.orders)
    _write("payments.csv", day.payments)
