"""graphile-worker and pg-boss: peers on node, each behind a process that speaks in lines."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from common import url_of
from metering import BUCKETS

from peers.base import Marks, Peer, Post, Producer, Receipt

__all__ = ["GraphileWorker", "PgBoss"]

SCRIPT = Path(__file__).parent / "node.mjs"
MODULES = Path(__file__).parent.parent / "node_modules"


class Node:
    """One process of node.mjs."""

    def __init__(
        self, peer: str, role: str, dsn: str, options: dict[str, Any], marks: str = "count"
    ) -> None:
        self.process = subprocess.Popen(
            ["node", str(SCRIPT), peer, role, url_of(dsn), json.dumps(options), marks],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> str:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise RuntimeError(f"node ended with exit code {self.process.wait()}")
        return line.strip()

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> list[str]:
        self.say(line)
        return self.hear().split()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Client(Producer):
    def __init__(self, node: Node) -> None:
        self.node = node

    def enqueue_many(self, kind: str, numbers: Sequence[float]) -> None:
        """The numbers have to be an arithmetic progression."""
        step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
        self.node.ask(f"many {kind} {len(numbers)} {numbers[0]!r} {step!r}")

    def enqueue(self, kind: str, number: float) -> Receipt:
        handle, at = self.node.ask(f"one {kind} {number!r}")
        return Receipt(handle, float(at))


class NodePeer(Peer):
    modules: ClassVar[tuple[str, ...]]

    def missing(self) -> str | None:
        if shutil.which("node") is None:
            return "node is not installed"
        for module in self.modules:
            if not (MODULES / module).exists():
                return f"the node package {module} is not installed"
        return None

    def versions(self) -> dict[str, str]:
        return {
            module: json.loads((MODULES / module / "package.json").read_text())["version"]
            for module in self.modules
        }

    def install(self, dsn: str) -> None:
        node = Node(self.name, "install", dsn, {})
        if node.process.wait() != 0:
            raise RuntimeError(f"{self.name} could not be installed")

    @contextlib.contextmanager
    def producer(self, dsn: str) -> Iterator[Producer]:
        node = Node(self.name, "producer", dsn, {})
        try:
            node.hear()
            yield Client(node)
        finally:
            node.close()

    def work(self, post: Post) -> None:
        node = Node(self.name, "worker", post.dsn, post.options, post.marks.kind)
        node.hear()
        post.wait()
        node.say("go")
        while True:
            relay(post.marks, post.number, json.loads(node.hear()))


def relay(marks: Marks, worker: int, news: dict[str, Any]) -> None:
    """Notes what a worker on node has begun."""
    for number, moment in news["starts"]:
        marks.starts[int(number)] = moment
    for bucket, count in news["spans"].items():
        marks.spans[worker * BUCKETS + min(int(bucket), BUCKETS - 1)] += count
    marks.add(worker, news["count"], news["first"])


class GraphileWorker(NodePeer):
    name = "graphile-worker"
    modules = ("graphile-worker", "pg")
    workloads = frozenset({"drain", "latency", "enqueue", "keys"})
    slow = frozenset({"keys"})
    settings: ClassVar[dict[str, dict[str, Any]]] = {
        "": {"concurrency": 24, "local": 500, "delay": 0},
        "keys": {"concurrency": 24, "local": 0, "delay": -1},
    }
    notes = (
        "its documentation's fastest: 24 concurrent jobs, local queue of 500, batched completion;"
        " keys: a named queue for each, no local queue, which would break their order"
    )
    schema = "graphile_worker"
    finished = "select %(n)s - count(*) from graphile_worker._private_jobs"
    finished_one = """
        select not exists (select from graphile_worker._private_jobs where id = %s::bigint)"""


class PgBoss(NodePeer):
    name = "pg-boss"
    modules = ("pg-boss", "pg")
    workloads = frozenset({"drain", "latency", "enqueue"})
    settings: ClassVar[dict[str, dict[str, Any]]] = {"": {"batch": 500, "poll": 0.02}}
    notes = "fetch() of 500 and complete() in a loop, 20 ms between empty fetches; no maintenance"
    schema = "pgboss"
    finished = "select count(*) from pgboss.job where state = 'completed'"
    finished_one = """
        select exists (select from pgboss.job where id = %s::uuid and state = 'completed')"""
