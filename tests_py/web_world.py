"""A small shop in every state that the dashboard shows, made by calls and by a real worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    Machine,
    Next,
    Outcome,
    Retry,
    RetryPolicy,
    Schedule,
    ScheduleChildren,
    SignalEntry,
    enqueue,
    enqueue_many,
    pause,
    schedule,
    set_concurrency_limit,
    set_history,
    set_rate_limit,
    signal_many,
    step,
)
from support import running, statuses, until

__all__ = ["MACHINES", "NASTY", "Checkout", "fill"]

NASTY = '<script>document.title="owned"</script>'
"""A name that a page must not obey."""


ONCE = RetryPolicy(max_attempts=1)


class Checkout(Machine[dict[str, Any]]):
    """Waits for a payment, which may come."""

    retry = ONCE

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Reserve the stock."""
        if ctx.state.get("sku") == "gone":
            raise LookupError(f"no stock of {ctx.state['sku']}")
        return Await(["paid"], step=self.ship, timeout=3600)

    @step
    def ship(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Hand it to the carrier."""
        return Done({"status": "shipped", "parcel": f"P-{ctx.state['order']}"})


class Import(Machine[dict[str, Any]]):
    """Splits a file, and joins its parts."""

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Split."""
        parts = [Entry(Part, {"part": n, "file": ctx.state["file"]}) for n in range(6)]
        return ScheduleChildren(parts, step=self.joined)

    @step
    def joined(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Join."""
        return Done({"parts": len(ctx.children or ())})


class Part(Machine[dict[str, Any]]):
    """One part of a file."""

    retry = ONCE

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Parse."""
        if ctx.state["part"] == 5:
            return Await(["checked"], step=self.end, timeout=86_400)
        if ctx.state["part"] == 4:
            raise ValueError("line 17 has 3 columns, not 4")
        return Next(self.end)

    @step
    def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Store."""
        return Done({"rows": 100 * ctx.state["part"]})


class Mail(Machine[dict[str, Any]]):
    """Fails twice, then is sent."""

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Send."""
        if ctx.attempt < 2 and ctx.state.get("slow"):
            return Retry(0.2, {"type": "TimeoutError", "message": "the relay does not answer"})
        return Done()


class Nasty(Machine[dict[str, Any]]):
    """Has a name that is markup."""

    name = NASTY

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Stay."""
        return Await(["<img src=x onerror=alert(1)>"], step=self.start)


_HOUR = """
    insert into gendurable.throughput (minute, count, seconds, slowest, queue, fsm, step, kind)
    select date_trunc('minute', now()) - m * interval '1 minute', n.count, n.count * 0.031, 0.4,
           'default', k.fsm, 'start', k.kind
    from generate_series(1, 62) as m
    cross join (values ('Checkout', 'await', 60), ('Checkout', 'done', 55),
                       ('Mail', 'done', 90), ('Mail', 'retry', 8)) as k (fsm, kind, usual)
    cross join lateral (
        select round(k.usual * (1.2 + sin(m / 9.0 + k.usual)) * (1 + 0.1 * sin(m * 7.0)))::bigint
                   as count) as n
    where n.count > 0"""

MACHINES = (Checkout, Import, Part, Mail, Nasty)


def fill(dsn: str, conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Make the shop; answers the ids of what the tests look at."""
    set_history(conn, None, "steps")
    set_concurrency_limit(conn, "customer", 1)
    set_rate_limit(conn, "mail", 600, period=60)
    set_rate_limit(conn, "sms", 0, period=60)
    schedule(conn, "Mail", Schedule("0 3 * * *", name="nightly", timezone="Europe/Berlin"))
    schedule(conn, "Import", Schedule("5 * * * *", name="hourly"))
    orders = enqueue_many(
        conn,
        [
            Entry(
                Checkout,
                {
                    "order": n,
                    "customer": {"id": n % 7, "name": "Ada Lovelace", "card": "4111 1111"},
                    "sku": "gone" if n % 9 == 8 else f"A-{n}",
                    "note": f"<b>order {n}</b>",
                },
                correlation_key=f"order:{n}",
            )
            for n in range(40)
        ],
    )
    files = enqueue_many(conn, [Entry(Import, {"file": f"prices-{n}.csv"}) for n in range(2)])
    enqueue_many(
        conn, [Entry(Mail, {"to": f"a{n}@b.example", "slow": n % 5 == 0}) for n in range(30)]
    )
    odd = enqueue(conn, Nasty, {"<b>key</b>": NASTY}, correlation_key=NASTY)
    with running(dsn, MACHINES, queues={"default": 20}):
        until(lambda: statuses(conn).get("awaiting_signal", 0) >= 30, "the orders are parked")
        signal_many(conn, [SignalEntry(f"order:{n}", "paid", {"amount": 1990}) for n in range(20)])
        until(
            lambda: statuses(conn).get("failed") == 6 and not statuses(conn).get("runnable"),
            "everything is done, parked or failed",
        )
    # What no worker runs any more: it waits, for all the reasons there are.
    enqueue_many(
        conn,
        [
            Entry("Mail", {"to": f"c{n}@d.example"}, queue="mail", rate_limit="sms")
            for n in range(12)
        ]
        + [Entry("Import", {"file": "x.csv"}, queue="import") for _ in range(5)]
        + [
            Entry("Checkout", {"order": 100 + n}, concurrency_key="customer:7", queue="default")
            for n in range(8)
        ]
        + [Entry("Mail", {"to": "e@f.example"}, delay=timedelta(hours=2)) for _ in range(3)],
    )
    pause(conn, "import")
    # Workers that live, and an hour of what such have run.
    conn.execute(
        "select gd_register(n, '{default,reports}', '1 hour') from unnest('{w-1,w-2}'::text[]) as n"
    )
    conn.execute(_HOUR)
    signal_many(conn, [SignalEntry("order:30", "note", {"text": "<i>call first</i>", "card": "1"})])
    return {
        "order": orders[30].id,
        "shipped": orders[0].id,
        "failed": orders[8].id,
        "file": files[0].id,
        "odd": odd.id,
    }
