"""What a partition of many costs, beside a single database: CPU of their servers, in pairs.

Each database is a server of its own. Batch by batch the single one and the ones behind the router
live through the same: instances with correlation keys are enqueued, picked, parked, signalled,
picked again and done. So whatever else the machine does, both have their share of it. Applications
call the single database itself, and the others through the router; what workers call goes to the
databases. An instance that a partition runs is to cost what it costs in the single database; then
the throughput of partitions adds up, as far as there are cores for them.

    python bench/router.py --rounds 10 --batches 20 --databases 4
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from common import DURABLE, create_database, one, own_cluster
from metering import parent_of, server_cpu

from gendurable.install import install, install_router

# What is measured is the calls: each server is small, and none of them vacuums meanwhile.
SETTINGS = DURABLE | {"shared_buffers": "256MB", "autovacuum": "off"}

ENQUEUE = "select count(*) from gd_enqueue_many(%s)"
ENQUEUE_ONE = "select id from gd_enqueue('Order', correlation_key => %s)"
SIGNAL = "select count(*) from gd_signal_many(%s)"
SIGNAL_ONE = "select gd_signal(%s::text, 'paid')"
PICK = "select id, fence from gd_pick(%s, 'default', %s)"
COMMIT = "select result from gd_commit(%s, %s)"


@dataclass(frozen=True)
class Database:
    """A database with a worker, and the process whose children serve it."""

    dsn: str
    conn: psycopg.Connection
    postmaster: int
    worker: int

    def step(self, size: int, outcome: dict[str, Any]) -> None:
        """Pick so many, and commit that of each of them."""
        picked = self.conn.execute(PICK, (self.worker, size)).fetchall()
        outcomes = [{"id": id_, "fence": fence, **outcome} for id_, fence in picked]
        answers = self.conn.execute(COMMIT, (self.worker, json.dumps(outcomes))).fetchall()
        assert [answer for (answer,) in answers] == ["committed"] * size


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--databases", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batches", type=int, default=20, help="of each database in each round")
    parser.add_argument("--size", type=int, default=100, help="of a batch in each database")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        single = open_database(stack.enter_context(own_cluster(**SETTINGS)), None)
        admins = [stack.enter_context(own_cluster(**SETTINGS)) for _ in range(given.databases)]
        share = 64 // given.databases
        parts, places = [], []
        for number, admin in enumerate(admins):
            held = range(number * share, (number + 1) * share)
            parts.append(open_database(admin, held))
            places.append((held[0], held[-1], parts[-1].dsn))
        router = open_router(stack.enter_context(own_cluster(**SETTINGS)), places)
        for each in (False, True):
            report(single, parts, router, given, each=each)


def open_database(admin: str, partitions: range | None) -> Database:
    dsn = create_database(admin, "shop")
    install(dsn, partitions=partitions)
    conn = psycopg.connect(dsn, autocommit=True)
    worker = one(conn, "select gd_register('bench', lease => '1 day')")
    return Database(dsn, conn, parent_of(conn.info.backend_pid), worker)


def open_router(admin: str, places: list[tuple[int, int, str]]) -> Database:
    dsn = create_database(admin, "router")
    install_router(dsn)
    conn = psycopg.connect(dsn, autocommit=True)
    for place in places:
        conn.execute("select gd_place_partitions(%s, %s, %s)", place)
    return Database(dsn, conn, parent_of(conn.info.backend_pid), 0)


def report(
    single: Database,
    parts: list[Database],
    router: Database,
    given: argparse.Namespace,
    *,
    each: bool,
) -> None:
    """Run the rounds of one way of calling, and print what they cost."""
    batches = keys(len(parts), given.size)
    count = max(1, given.batches // 5) if each else given.batches
    ratios, alone, apart, led = [], [], [], []
    for number in range(given.rounds + 1):
        before = [server_cpu(d.postmaster) for d in (single, router, *parts)]
        for _ in range(count):
            batch = next(batches)
            live([single], single, batch[0], each=each)
            live(parts, router, list(itertools.chain(*batch)), each=each)
        after = [server_cpu(d.postmaster) for d in (single, router, *parts)]
        one_, routed, *many = (b - a for a, b in zip(before, after, strict=True))
        done = count * given.size
        if number:  # the first one warms all of them
            alone.append(one_ / done)
            led.append(routed / done / len(parts))
            apart.append([m / done for m in many])
            ratios.append(statistics.mean(many) / one_)
    us = 1e6
    print(f"{'one by one' if each else f'batches of {given.size}'}, {given.databases} databases:")
    print(f"  single database  {statistics.median(alone) * us:7.0f} µs of CPU an instance")
    print(f"  one of many      {statistics.median(map(statistics.mean, apart)) * us:7.0f} µs")
    print(f"  the router       {statistics.median(led) * us:7.0f} µs")
    quarter = statistics.quantiles(ratios, n=4)
    print(
        f"  one of many to single: {statistics.median(ratios):.3f}"
        f" (middle half {quarter[0]:.3f} to {quarter[2]:.3f}, {len(ratios)} rounds)"
    )
    together = sum(1 / statistics.median(column) for column in zip(*apart, strict=True))
    print(
        f"  with a core for each: {1 / statistics.median(alone):,.0f} instances/s in the single"
        f" one, {together:,.0f} in all of many",
        flush=True,
    )


def keys(databases: int, size: int) -> Iterator[list[list[str]]]:
    """Batches of keys, as many of each database: a key's partition is the engine's arithmetic."""
    waiting: list[list[str]] = [[] for _ in range(databases)]
    for number in itertools.count():
        key = f"order:{number}"
        partition = hashlib.sha256(key.encode()).digest()[0] & 63
        waiting[partition * databases // 64].append(key)
        if all(len(some) >= size for some in waiting):
            yield [some[:size] for some in waiting]
            waiting = [some[size:] for some in waiting]


def live(databases: list[Database], caller: Database, batch: list[str], *, each: bool) -> None:
    """Instances from their beginning to their end, whose calls of applications go to `caller`."""
    size = len(batch) // len(databases)
    if each:
        for key in batch:
            caller.conn.execute(ENQUEUE_ONE, (key,))
    else:
        entries = [{"fsm": "Order", "correlation_key": key} for key in batch]
        caller.conn.execute(ENQUEUE, (json.dumps(entries),))
    for database in databases:
        database.step(size, {"kind": "await", "names": ["paid"]})
    if each:
        for key in batch:
            caller.conn.execute(SIGNAL_ONE, (key,))
    else:
        entries = [{"target": key, "name": "paid"} for key in batch]
        caller.conn.execute(SIGNAL, (json.dumps(entries),))
    for database in databases:
        database.step(size, {"kind": "done"})


if __name__ == "__main__":
    main()
