"""This project: one call of gd_pick and one of gd_commit for all that a worker has to do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, TypeAlias

import psycopg

import gendurable as gd
from gendurable.install import install
from peers.base import PARCELS, PAY_WITHIN, Peer, Post, Producer, Receipt

__all__ = ["Gendurable"]

BATCH = 1000
State: TypeAlias = dict[str, float]
Context: TypeAlias = gd.Context[State]


def entry(kind: str, number: float) -> gd.Entry:
    state = {"i": number}
    match kind:
        case "wait" | "order":
            return gd.Entry(kind, state, correlation_key=f"{kind}:{number:.0f}")
        case "keyed":
            return gd.Entry("noop", state, concurrency_key=f"key:{number:.0f}")
        case "rated":
            return gd.Entry("limited", state, rate_limit="slow")
        case "single":
            return gd.Entry("limited", state, concurrency_key="single")
        case _:
            return gd.Entry(kind, state)


class Client(Producer):
    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def enqueue_many(self, kind: str, numbers: Sequence[float]) -> None:
        if kind == "rated":
            gd.set_rate_limit(self.conn, "slow", 200, period=1)
        for first in range(0, len(numbers), BATCH):
            gd.enqueue_many(self.conn, [entry(kind, n) for n in numbers[first : first + BATCH]])

    def enqueue(self, kind: str, number: float) -> Receipt:
        created = gd.enqueue(self.conn, kind, {"i": number})
        return Receipt(created.id, time.time())

    def signal(self, kind: str, number: int) -> None:
        gd.signal(self.conn, f"{kind}:{number}", "go", {"x": number})

    def signal_many(self, kind: str, numbers: Sequence[int]) -> None:
        for first in range(0, len(numbers), BATCH):
            some = numbers[first : first + BATCH]
            gd.signal_many(self.conn, [gd.SignalEntry(f"{kind}:{n}", "go") for n in some])


class Gendurable(Peer):
    name = "gendurable"
    packages = ("gendurable",)
    workloads = frozenset(
        {"drain", "steps", "latency", "signals", "fan-out", "enqueue", "checkout", "keys", "limits"}
    )
    settings: ClassVar[dict[str, dict[str, Any]]] = {"": {"slots": 500}}
    notes = "a worker process has 500 slots; enqueues 1,000 a call"
    schema = "gendurable"
    finished = (
        "select count(*) from gendurable.finished where fsm <> all ('{child,parcel,limited}')"
    )
    finished_one = "select exists (select from gendurable.finished where id = %s)"
    parked = "select count(*) from gendurable.instances where phase = 'awaiting_signal'"

    enqueue_one = "select gd_enqueue('noop', '{\"i\": 0}')"
    archive = """
        insert into gendurable.finished
            (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm,
             step, queue, state)
        select nextval('gendurable.instances_id_seq'), now(), now(), 2, 0, 0, 1, false, 'noop',
               'start', 'default', '{}'
        from generate_series(1, %s)"""

    def install(self, dsn: str) -> None:
        install(dsn)

    @contextlib.contextmanager
    def producer(self, dsn: str) -> Iterator[Producer]:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.prepare_threshold = 0
            yield Client(conn)

    def work(self, post: Post) -> None:
        machines = machines_of(post)
        post.wait()
        gd.run_worker(machines, dsn=post.dsn, queues={"default": post.options["slots"]}, drain=0.1)


def machines_of(post: Post) -> list[type[gd.Machine[State]]]:
    mark = post.mark()

    class Noop(gd.Machine[State]):
        name = "noop"

        @gd.step
        async def start(self, ctx: Context) -> gd.Outcome:
            mark(ctx.state["i"])
            return gd.Done(1)

    class Limited(gd.Machine[State]):
        name = "limited"

        @gd.step
        async def start(self, ctx: Context) -> gd.Outcome:
            return gd.Done(1)

    class Steps(gd.Machine[State]):
        name = "steps"

        @gd.step
        async def start(self, ctx: Context) -> gd.Outcome:
            return gd.Next(self.second, {"k": 1})

        @gd.step
        async def second(self, ctx: Context) -> gd.Outcome:
            return gd.Next(self.third, {"k": 2})

        @gd.step
        async def third(self, ctx: Context) -> gd.Outcome:
            return gd.Next(self.fourth, {"k": 3})

        @gd.step
        async def fourth(self, ctx: Context) -> gd.Outcome:
            return gd.Next(self.fifth, {"k": 4})

        @gd.step
        async def fifth(self, ctx: Context) -> gd.Outcome:
            mark(0)
            return gd.Done(1)

    class Wait(gd.Machine[State]):
        name = "wait"

        @gd.step
        async def start(self, ctx: Context) -> gd.Outcome:
            return gd.Await("go", step=self.woken)

        @gd.step
        async def woken(self, ctx: Context) -> gd.Outcome:
            mark(0)
            return gd.Done(ctx.awaited[0].payload)

    class Child(gd.Machine[State]):
        name = "child"

        @gd.step
        async def start(self, ctx: Context) -> gd.Outcome:
            return gd.Done(ctx.state["k"])

    class Fan(gd.Machine[State]):
        name = "fan"

        @gd.step
        async def start(self, ctx: Context) -> gd.Outcome:
            children = [gd.Entry("child", {"k": k}) for k in range(50)]
            return gd.ScheduleChildren(children, step=self.join)

        @gd.step
        async def join(self, ctx: Context) -> gd.Outcome:
            mark(0)
            return gd.Done(sum(child.result for child in ctx.children or ()))

    return [Noop, Limited, Steps, Wait, Child, Fan, *checkout(post)]


def checkout(post: Post) -> list[type[gd.Machine[State]]]:
    """Reserve, wait for the payment, charge (each fifth fails at first), ship parcels, done."""
    mark = post.mark()

    class Order(gd.Machine[State]):
        name = "order"

        @gd.step
        async def start(self, ctx: Context) -> gd.Outcome:
            return gd.Next(self.pay)

        @gd.step
        async def pay(self, ctx: Context) -> gd.Outcome:
            return gd.Await("go", step=self.charge, timeout=PAY_WITHIN)

        @gd.step
        async def charge(self, ctx: Context) -> gd.Outcome:
            if not ctx.awaited:
                return gd.Done("not paid")
            if ctx.attempt == 0 and ctx.state["i"] % 5 == 0:
                return gd.Retry(0.1, "the bank is busy")
            parcels = [gd.Entry("parcel", {"k": k}) for k in range(PARCELS)]
            return gd.ScheduleChildren(parcels, step=self.shipped)

        @gd.step
        async def shipped(self, ctx: Context) -> gd.Outcome:
            mark(0)
            return gd.Done("shipped")

    class Parcel(gd.Machine[State]):
        name = "parcel"

        @gd.step
        async def start(self, ctx: Context) -> gd.Outcome:
            return gd.Done(ctx.state["k"])

    return [Order, Parcel]
