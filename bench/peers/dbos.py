"""DBOS Transact: workflows checkpointed in PostgreSQL, here with synchronous code in threads."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from common import url_of

from peers.base import PARCELS, PAY_WITHIN, Peer, Post, Producer, Receipt

__all__ = ["Dbos"]


class Client(Producer):
    def __init__(self, client: Any) -> None:
        self.client = client

    @staticmethod
    def options(kind: str, number: float) -> dict[str, str]:
        options = {"workflow_name": kind, "queue_name": "q", "app_version": "bench"}
        if kind in {"wait", "order"}:
            options["workflow_id"] = f"{kind}:{number:.0f}"
        return options

    def enqueue_many(self, kind: str, numbers: Sequence[float]) -> None:
        # There is no call for many; the documentation's way is many calls in one transaction.
        with self.client._sys_db.engine.begin() as conn:
            for n in numbers:
                self.client.enqueue_in_transaction(conn, self.options(kind, n), n)

    def enqueue(self, kind: str, number: float) -> Receipt:
        handle = self.client.enqueue(self.options(kind, number), number)
        return Receipt(handle.workflow_id, time.time())

    def signal(self, kind: str, number: int) -> None:
        self.client.send(f"{kind}:{number}", "go", topic="go")


class Dbos(Peer):
    name = "dbos"
    packages = ("dbos",)
    workloads = frozenset(
        {"drain", "steps", "latency", "signals", "fan-out", "enqueue", "checkout"}
    )
    slow = workloads
    settings: ClassVar[dict[str, dict[str, Any]]] = {
        "": {"concurrency": 50, "poll": 0.01},
        "steps": {"concurrency": 8, "poll": 0.005},
        "signals": {"concurrency": None, "poll": 0.01},
        "checkout": {"concurrency": None, "children": 16, "poll": 0.01},
        "fan-out": {"concurrency": 8, "children": 16, "poll": 0.01},
    }
    notes = (
        "synchronous workflows, 50 at once (steps 8, fan-out 8 and 16 children), poll 5 to 10 ms"
    )
    schema = "dbos"
    finished = """
        select count(*) from dbos.workflow_status where status = 'SUCCESS' and name <> 'child'"""
    finished_one = """
        select exists (select from dbos.workflow_status
                       where workflow_uuid = %s and status = 'SUCCESS')"""
    parked = "select count(*) from dbos.workflow_status where status = 'PENDING'"

    def install(self, dsn: str) -> None:
        from dbos import DBOS

        _configure(dsn, "installer", migrate=True)
        DBOS.launch()
        DBOS.destroy()

    @contextlib.contextmanager
    def producer(self, dsn: str) -> Iterator[Producer]:
        from dbos import DBOSClient

        client = DBOSClient(system_database_url=url_of(dsn), application_name="bench")
        try:
            yield Client(client)
        finally:
            client.destroy()

    def work(self, post: Post) -> None:
        from dbos import DBOS

        _configure(post.dsn, f"w{post.number}", migrate=False)
        _register(post)
        DBOS.launch()
        post.wait()
        options = post.options
        if "children" in options:
            DBOS.register_queue(
                "children",
                worker_concurrency=options["children"],
                polling_interval_sec=options["poll"],
            )
        DBOS.register_queue(
            "q",
            worker_concurrency=options["concurrency"],
            polling_interval_sec=options["poll"],
        )
        while True:
            time.sleep(3600)


def _configure(dsn: str, executor: str, *, migrate: bool) -> None:
    from dbos import DBOS

    DBOS(
        config={
            "name": "bench",
            "system_database_url": url_of(dsn),
            "log_level": "CRITICAL",
            "application_version": "bench",
            "executor_id": executor,
            "run_migrations": migrate,
        }
    )


def _register(post: Post) -> None:
    from dbos import DBOS

    mark = post.mark()
    refused: set[float] = set()

    @DBOS.step()
    def one() -> int:
        return 1

    @DBOS.step(retries_allowed=True, interval_seconds=0.1)
    def charge(i: float) -> None:
        if i % 5 == 0 and i not in refused:
            refused.add(i)
            raise RuntimeError("the bank is busy")

    @DBOS.workflow(name="noop")
    def noop(i: float) -> int:
        mark(i)
        return 1

    @DBOS.workflow(name="steps")
    def steps(i: float) -> int:
        for _ in range(5):
            one()
        mark(0)
        return 1

    @DBOS.workflow(name="wait")
    def wait(i: float) -> int:
        DBOS.recv("go", timeout_seconds=600)
        mark(0)
        return 1

    @DBOS.workflow(name="child")
    def child(k: int) -> int:
        return k

    def family(size: int) -> int:
        handles = [DBOS.enqueue_workflow("children", child, k) for k in range(size)]
        return sum(
            handle.get_result(polling_interval_sec=post.options["poll"]) for handle in handles
        )

    @DBOS.workflow(name="fan")
    def fan(i: float) -> int:
        total = family(50)
        mark(0)
        return total

    @DBOS.workflow(name="order")
    def order(i: float) -> str:
        one()
        if DBOS.recv("go", timeout_seconds=PAY_WITHIN) is None:
            return "not paid"
        charge(i)
        family(PARCELS)
        mark(0)
        return "shipped"
