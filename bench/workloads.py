"""What the suite measures, for any peer that can do it."""

# ruff: noqa: E501  A sentence of the report is a line.

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from common import one
from metering import nearest
from peers.base import KEYS, Marks, Peer, Producer
from stage import Cost, Fill, Stage

__all__ = ["WORKLOADS", "Figure", "Outcome", "Sizes", "Workload"]

LIMITED = 5_000


@dataclass(frozen=True)
class Figure:
    """A number that a run yields: its unit, and whether more of it is better."""

    unit: str
    more: bool = True
    digits: int = 0


@dataclass(frozen=True)
class Outcome:
    """What one run yields: its figures, and what a unit of work cost."""

    figures: dict[str, float]
    costs: dict[str, float]


@dataclass(frozen=True)
class Sizes:
    """How many units, in the quick run and in the full one; what is slow gets less."""

    quick: int
    full: int
    quick_slow: int
    full_slow: int

    def of(self, *, slow: bool, full: bool) -> int:
        if full:
            return self.full_slow if slow else self.full
        return self.quick_slow if slow else self.quick


@dataclass(frozen=True)
class Workload:
    """One thing that is measured."""

    title: str
    about: str
    figures: dict[str, Figure]
    sizes: Sizes
    run: Callable[[Stage, Peer, int, int], Outcome]
    processes: tuple[int, ...] = (1,)
    quick_processes: tuple[int, ...] = (1,)


def finished(peer: Peer, conn: psycopg.Connection, n: int, least: int | None = None) -> bool:
    return bool(one(conn, peer.finished, {"n": n}) >= (n if least is None else least))


# Workloads ----------------------------------------------------------------------------------------


def many(kind: str, n: int) -> Fill:
    """Jobs of a kind, with the numbers from 0 to n - 1."""
    return lambda producer: producer.enqueue_many(kind, range(n))


def complete(
    stage: Stage,
    peer: Peer,
    workload: str,
    n: int,
    fill: Fill,
    *,
    processes: int = 1,
    units: int = 1,
) -> Outcome:
    """A backlog of `n` jobs of so many units, until all are seen to be finished.

    The time counts from the moment when the first job begins; where a job is marked at its end, from
    the moment when the workers may begin.
    """
    with (
        stage.database(peer, f"{workload} {n}", fill) as (dsn, conn),
        stage.crew(peer, dsn, workload, processes) as crew,
    ):
        cost = Cost(conn, crew.processes)
        begun = time.time()
        crew.go()
        crew.until(lambda: crew.marks.begun >= n)
        crew.until(lambda: finished(peer, conn, n))
        wall = time.time() - (crew.marks.first if units == 1 else begun)
        return Outcome({"rate": units * n / wall}, cost.stop(units * n))


def drain(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    return complete(stage, peer, "drain", n, many("noop", n), processes=processes)


def steps(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    return complete(stage, peer, "steps", n, many("steps", n), units=5)


def fan_out(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    return complete(stage, peer, "fan-out", n, many("fan", n), units=50)


def keys(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    """Two jobs or more for each of 10,000 keys, or for half as many keys as there are jobs."""
    rounds = max(2, n // KEYS)

    def fill(producer: Producer) -> None:
        for _ in range(rounds):
            producer.enqueue_many("keyed", range(n // rounds))

    return complete(stage, peer, "keys", n // rounds * rounds, fill)


def latency(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    """Single jobs for an idle worker, from the moment their enqueue was known to be committed."""
    dice = random.Random(7)
    marks = Marks(1, "start", n)
    receipts, ends = [], []
    with (
        stage.database(peer) as (dsn, conn),
        stage.crew(peer, dsn, "latency", marks=marks) as crew,
        peer.producer(dsn) as producer,
    ):
        conn.prepare_threshold = 0
        crew.go()
        time.sleep(1.5)  # it settles: an idle worker is what is measured
        for number in range(n):
            receipts.append(producer.enqueue("noop", number))
            handle = [receipts[-1].handle]
            crew.until(lambda: bool(one(conn, peer.finished_one, handle)), 30, 0.0005)  # noqa: B023
            ends.append(time.time())
            time.sleep(dice.uniform(0.005, 0.06))
    at = [receipt.at for receipt in receipts]
    started = [max(0.0, s - a) * 1e3 for s, a in zip(marks.starts, at, strict=True)]
    done = [(e - a) * 1e3 for e, a in zip(ends, at, strict=True)]
    return Outcome(
        {
            "start p50": nearest(started, 50),
            "start p99": nearest(started, 99),
            "finished p50": nearest(done, 50),
            "finished p99": nearest(done, 99),
        },
        {},
    )


def signals(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    """Everything is parked; then each is signalled by a call of its own."""
    with (
        stage.database(peer, f"wait {n}", many("wait", n)) as (dsn, conn),
        stage.crew(peer, dsn, "signals") as crew,
        peer.producer(dsn) as producer,
    ):
        crew.go()
        crew.until(lambda: one(conn, peer.parked) >= n, every=0.05)
        time.sleep(0.5)
        cost = Cost(conn, crew.processes)
        begun = time.time()
        for number in range(n):
            producer.signal("wait", number)
        sent = time.time() - begun
        crew.until(lambda: finished(peer, conn, n))
        wall = time.time() - begun
        return Outcome({"rate": n / wall, "sent": n / sent}, cost.stop(n))


def enqueue(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    """No worker: many at once, then one by one."""
    with stage.database(peer) as (dsn, conn), peer.producer(dsn) as producer:
        producer.enqueue_many("noop", range(10))  # plans, prepared statements
        cost = Cost(conn)
        many = _rate(n, lambda: producer.enqueue_many("noop", range(n)))
        costs = cost.stop(n)
        few = n // 20
        single = _rate(few, lambda: [producer.enqueue("noop", number) for number in range(few)])
    return Outcome(
        {"many": many, "single": single}, {k: costs[k] for k in ("database µs", "WAL bytes")}
    )


def _rate(n: int, act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return n / (time.perf_counter() - begun)


def checkout(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    """Orders: reserve, wait for the payment, charge, three parcels as children, shipped.

    One in ten is never paid and runs into its timeout; one charge in five fails at first and is
    repeated. Payments are signalled while the orders run. The rate counts those that are paid.
    """
    paid = [number for number in range(n) if number % 10]
    with (
        stage.database(peer, f"order {n}", many("order", n)) as (dsn, conn),
        stage.crew(peer, dsn, "checkout") as crew,
        peer.producer(dsn) as producer,
    ):
        cost = Cost(conn, crew.processes)
        begun = time.time()
        crew.go()
        producer.signal_many("order", paid)
        crew.until(lambda: crew.marks.begun >= len(paid))
        crew.until(lambda: finished(peer, conn, n, len(paid)))
        wall = time.time() - begun
        costs = cost.stop(len(paid))
        crew.until(lambda: finished(peer, conn, n), every=0.05)  # the timeouts, too
    return Outcome({"rate": len(paid) / wall}, costs)


def limits(stage: Stage, peer: Peer, n: int, processes: int) -> Outcome:
    """A free flow alone, and beside 5,000 that wait for one slot and 5,000 that wait for tokens."""

    def limited(producer: Producer) -> None:
        producer.enqueue_many("single", range(LIMITED))
        producer.enqueue_many("rated", range(LIMITED))
        producer.enqueue_many("noop", range(n))

    rates = []
    for contents, fill in (("alone", many("noop", n)), ("beside", limited)):
        with (
            stage.database(peer, f"{contents} {n}", fill) as (dsn, conn),
            stage.crew(peer, dsn, "limits") as crew,
        ):
            crew.go()
            crew.until(lambda: crew.marks.begun >= n)
            crew.until(lambda: finished(peer, conn, n))
            rates.append(n / (time.time() - crew.marks.first))
    return Outcome({"alone": rates[0], "beside": rates[1], "kept": rates[1] / rates[0]}, {})


MS = Figure("ms", more=False, digits=1)
WORKLOADS = {
    "drain": Workload(
        "Drain",
        "A backlog of jobs of one step that does nothing, until the database says that all are finished.",
        {"rate": Figure("jobs/s")},
        Sizes(20_000, 60_000, 2_000, 6_000),
        drain,
        processes=(1, 2, 4),
        quick_processes=(1, 2),
    ),
    "steps": Workload(
        "Durable steps",
        "Workflows of five steps, each committed before the next one begins.",
        {"rate": Figure("steps/s")},
        Sizes(6_000, 20_000, 400, 1_200),
        steps,
    ),
    "latency": Workload(
        "Latency",
        "Single jobs, 5 to 60 ms apart, for an idle worker; from the moment when their enqueue was known to be"
        " committed until the step begins, and until the database says that it is finished.",
        {"start p50": MS, "start p99": MS, "finished p50": MS, "finished p99": MS},
        Sizes(60, 500, 60, 500),
        latency,
    ),
    "signals": Workload(
        "Signals",
        "Parked instances, each woken by a call of its own: `rate` until all are finished, `sent` the calls alone.",
        {"rate": Figure("signals/s"), "sent": Figure("signals/s")},
        Sizes(2_000, 10_000, 200, 1_000),
        signals,
    ),
    "fan-out": Workload(
        "Fan-out",
        "Parents (200; slow peers fewer) that start 50 children each and join them; the children count.",
        {"rate": Figure("children/s")},
        Sizes(200, 200, 20, 100),
        fan_out,
    ),
    "enqueue": Workload(
        "Enqueue",
        "The fastest documented way to enqueue many, and one by one, each in a transaction of its own.",
        {"many": Figure("rows/s"), "single": Figure("rows/s")},
        Sizes(20_000, 100_000, 4_000, 20_000),
        enqueue,
    ),
    "checkout": Workload(
        "Checkout",
        "Orders that reserve, wait for their payment (a signal; one in ten never comes and times out), charge (one in"
        " five fails at first), ship three parcels as children and join them. Paid orders count.",
        {"rate": Figure("orders/s")},
        Sizes(2_000, 20_000, 200, 1_000),
        checkout,
    ),
    "keys": Workload(
        "Serial work on 10,000 keys",
        "A backlog in which one job at a time may run for each of 10,000 keys (slow peers: half as many keys as jobs).",
        {"rate": Figure("jobs/s")},
        Sizes(20_000, 60_000, 2_000, 6_000),
        keys,
    ),
    "limits": Workload(
        "A limited flow beside a free one",
        "The free flow alone, and beside 5,000 that wait for one slot and 5,000 that wait for tokens.",
        {
            "alone": Figure("jobs/s"),
            "beside": Figure("jobs/s"),
            "kept": Figure("of alone", digits=2),
        },
        Sizes(20_000, 60_000, 2_000, 6_000),
        limits,
    ),
}
