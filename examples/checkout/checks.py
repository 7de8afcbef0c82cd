"""What has to be true when the day is over: the files say what should be, the database what is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, LiteralString

import msgspec
from day import STATUSES, Day
from shop import Connection

__all__ = ["Check", "check"]


class Check(msgspec.Struct, frozen=True):
    """One line of the summary.

    Attributes:
        about: what was counted.
        expected: how many there should be.
        found: how many there are.
        holds: whether everything is as it should be.
        wrong: what is missing or too much.
    """

    about: str
    expected: str
    found: int
    holds: bool
    wrong: list[str] = []


def check(conn: Connection, day: Day, *, killed: int) -> Iterator[Check]:
    """All checks of a day on which a worker was killed in the middle of ``killed`` steps."""
    may_be = day.expected()
    ids = list(may_be)
    status = dict(
        _rows(conn, "select order_id, status from shop.orders where order_id = any (%s)", ids)
    )
    for one in STATUSES:
        found = {order for order in status if status[order] == one}
        close_calls = {order for order in found if len(may_be[order]) > 1}
        expected = {order for order in ids if may_be[order] == {one}} | close_calls
        yield _compare(f"orders {one}", expected, found)

    results = _rows(
        conn,
        "select substr(correlation_key, 7), result ->> 'status' from gd_instances"
        " where correlation_key = any (%s) and status = 'done'",
        [f"order:{order}" for order in ids],
    )
    yield _compare(
        "instances done, all as the shop says",
        (f"{order} {status.get(order)}" for order in ids),
        (f"{order} {result}" for order, result in results),
    )

    shipments = _rows(
        conn,
        "select order_id, payment_id, asked from shop.shipments where order_id = any (%s)",
        ids,
    )
    shipped = [order for order in status if status[order] == "shipped"]
    yield _compare("parcels sent, one an order", shipped, (order for order, _, _ in shipments))
    yield _stock(conn)
    yield _at_least_one("steps interrupted by SIGKILL", killed)
    yield _at_least_one("parcels asked for again, not sent", sum(n - 1 for _, _, n in shipments))

    reports = _rows(
        conn,
        "select payment_id, answer from shop.payments where order_id = any (%s) order by report",
        [payment.order_id for payment in day.payments],
    )
    answers: dict[str, list[str]] = {}
    for payment, answer in reports:
        answers.setdefault(payment, []).append(answer)
    refunds = {payment for (payment,) in conn.execute("select payment_id from shop.refunds")}
    returned = {p for p, given in answers.items() if given[0] == "no_target" and p in refunds}
    yield _compare(
        "payment reports recorded",
        (payment.payment_id for payment in day.payments),
        (payment for payment, _ in reports),
    )
    yield _compare(
        "  repeated: no second signal",
        (Counter(p.payment_id for p in day.payments) - Counter(iter(day.reported()))).elements(),
        (p for p, given in answers.items() for answer in given[1:] if answer != "delivered"),
    )
    yield _compare("  order unknown: refunded", day.unknown(), returned & day.unknown())
    yield _compare("  too late: refunded", day.late(), returned & day.late())
    yield _compare(
        "payments, each used or refunded",
        day.reported(),
        [payment for _, payment, _ in shipments] + [p for p in refunds if p in answers],
    )


def _rows(conn: Connection, query: LiteralString, names: list[str]) -> list[tuple[Any, ...]]:
    return conn.execute(query, (names,)).fetchall()


def _compare(about: str, expected: Iterable[str], found: Iterable[str]) -> Check:
    """Both have the same things, each as often."""
    should, does = Counter(iter(expected)), Counter(iter(found))
    missing = [f"{thing} is missing" for thing in sorted((should - does).elements())]
    surplus = [f"{thing} is too much" for thing in sorted((does - should).elements())]
    wrong = missing + surplus
    return Check(about, f"{should.total():,}", does.total(), not wrong, wrong)


def _at_least_one(about: str, found: int) -> Check:
    return Check(about, "at least 1", found, found > 0)


def _stock(conn: Connection) -> Check:
    """The counters of the stock: changing them is not idempotent, so a second time would show."""
    rows = conn.execute("""
        select s.sku, s.delivered - s.on_hand, s.reserved, coalesce(sent.pieces, 0)
          from shop.stock as s
          left join (select o.sku, sum(o.quantity)::int as pieces
                       from shop.orders as o join shop.shipments using (order_id)
                      group by o.sku) as sent using (sku)
         order by s.sku""").fetchall()
    wrong = [
        f"{sku}: {gone} gone and {reserved} reserved, {sent} sent"
        for sku, gone, reserved, sent in rows
        if gone != sent or reserved
    ]
    gone, sent = sum(row[1] for row in rows), sum(row[3] for row in rows)
    return Check("pieces taken from the stock", f"{sent:,}", gone, not wrong, wrong)
