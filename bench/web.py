"""The dashboard on a large world: how long each page takes, and what the overview's poll costs.

Makes a throwaway cluster, fills it (a million live instances and two million finished ones take
two minutes and 3 GB), serves it with ``gendurable-py web`` and asks for every page in turns.

    python bench/web.py --live 1000000 --finished 2000000
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
from common import backend_cpu, own_cluster

from gendurable.database import Connection, conninfo
from gendurable.install import install
from gendurable.web.pages import of_topic
from gendurable.web.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_BYTE = 300
POLL = 100
SEED = Path(__file__).with_name("web.sql")
TOPICS = {
    "overview": "/",
    "instances": "/instances",
    "instances that execute": "/instances?status=executing",
    "instances that are runnable": "/instances?status=runnable",
    "instances of one machine": "/instances?machine=Mail",
    "instances of one key": "/instances?key=order:4242",
    "instances, the state contains": "/instances?state=%7B%22customer%22%3A4242%7D",
    "instances, the state contains nothing": "/instances?state=%7B%22customer%22%3A-1%7D",
    "one instance, live": "/instances/{live}",
    "one instance, finished": "/instances/{finished}",
    "queues": "/queues",
    "limits": "/limits",
    "one limit": "/limit?kind=concurrency&name=customer",
    "schedules": "/schedules",
    "failures of an hour": "/failures",
    "failures of a week": "/failures?since=7d",
    "failures of one machine": "/failures?machine=Checkout&since=1d",
}


def fill(dsn: str, live: int, finished: int) -> None:
    """Make the world."""
    install(dsn)
    subprocess.run(
        ["psql", "-qX", "-d", dsn, "-v", f"live={live}", "-v", f"finished={finished}", "-f", SEED],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("vacuum analyze")


def two(dsn: str) -> dict[str, int]:
    """The ids of two instances."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(
            "select (select min(id) from gendurable.instances),"
            " (select max(id) from gendurable.finished)"
        ).fetchone()
    assert row is not None
    return {"live": row[0], "finished": row[1]}


def first_byte(address: str, path: str) -> float:
    """Milliseconds from the request to the first byte of the answer, on a connection of its own."""
    client = http.client.HTTPConnection(address)
    try:
        begun = time.perf_counter()
        client.request("GET", path)
        answer = client.getresponse()
        taken = (time.perf_counter() - begun) * 1e3
        body = answer.read()
        assert answer.status == 200, body.decode()
        return taken
    finally:
        client.close()


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


async def polls(dsn: str, rounds: int) -> tuple[list[float], float]:
    """Milliseconds of the overview's queries as the dashboard asks them, answers included.

    Also how many of them the server computes, which does not depend on what else the machine does.
    """
    store, taken, computed = Store(conninfo(dsn)), [], 0.0
    page, query = of_topic("overview?")

    async def process(conn: Connection) -> int:
        return conn.info.backend_pid

    for turn in range(rounds + 2):
        pid = await store.read(process)
        before, begun = backend_cpu(pid), time.perf_counter()
        await store.read(lambda conn: page.load(conn, query))
        if turn >= 2:
            taken.append((time.perf_counter() - begun) * 1e3)
            computed += (backend_cpu(pid) - before) * 1e3
    await store.close()
    return taken, computed / rounds


def main() -> int:
    """Measure, print a table, and tell by the exit code whether all is within its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", type=int, default=1_000_000)
    parser.add_argument("--finished", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--dsn", help="a world that was made before")
    given = parser.parse_args()
    slow = 0
    world = own_cluster(shared_buffers="512MB") if given.dsn is None else nullcontext(given.dsn)
    with world as dsn:
        if given.dsn is None:
            fill(dsn, given.live, given.finished)
        ids = two(dsn)
        taken: dict[str, list[float]] = {name: [] for name in TOPICS}
        command = [sys.executable, "-m", "gendurable", "web", "--dsn", dsn, "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as served:
            assert served.stdout is not None
            found = re.search(r"http://\S+", served.stdout.readline())
            assert found is not None
            address = urlsplit(found[0]).netloc
            try:
                for turn in range(given.rounds + 2):
                    for name, path in TOPICS.items():
                        milliseconds = first_byte(address, path.format(**ids))
                        if turn >= 2:
                            taken[name].append(milliseconds)
            finally:
                served.terminate()
        print(f"{'page':<40}{'median ms':>10}{'p95 ms':>10}")
        for name, values in taken.items():
            late = p95(values) > FIRST_BYTE
            slow += late
            print(
                f"{name:<40}{statistics.median(values):>10.0f}{p95(values):>10.0f}"
                f"{'  too slow' if late else ''}"
            )
        values, computed = asyncio.run(polls(dsn, given.rounds))
        late = statistics.median(values) > POLL
        slow += late
        print(
            f"{'poll of the overview':<40}{statistics.median(values):>10.0f}{p95(values):>10.0f}"
            f"{'  too slow' if late else ''}  (the server computes {computed:.0f} ms)"
        )
    return slow


if __name__ == "__main__":
    sys.exit(main())
