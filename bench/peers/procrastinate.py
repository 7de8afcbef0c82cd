"""Procrastinate: a task queue on psycopg."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from peers.base import Peer, Post, Producer, Receipt

__all__ = ["Procrastinate"]


def app_of(connector: Any, mark: Callable[[float], None] | None = None) -> tuple[Any, Any]:
    """The application, and its one task."""
    import procrastinate

    app = procrastinate.App(connector=connector)

    @app.task(name="noop")
    async def noop(i: float) -> None:
        if mark is not None:
            mark(i)

    return app, noop


class Client(Producer):
    def __init__(self, noop: Any) -> None:
        self.noop = noop

    def enqueue_many(self, kind: str, numbers: Sequence[float]) -> None:
        if kind == "keyed":  # a lock belongs to a call
            for n in numbers:
                self.noop.configure(lock=f"key:{n:.0f}").defer(i=n)
        else:
            self.noop.batch_defer(*({"i": n} for n in numbers))

    def enqueue(self, kind: str, number: float) -> Receipt:
        return Receipt(self.noop.defer(i=number), time.time())


class Procrastinate(Peer):
    name = "procrastinate"
    packages = ("procrastinate", "uvloop")
    workloads = frozenset({"drain", "latency", "enqueue", "keys"})
    slow = workloads
    settings: ClassVar[dict[str, dict[str, Any]]] = {"": {"concurrency": 10}}
    notes = "concurrency 10, uvloop; keys: a lock for each"
    finished = "select count(*) from procrastinate_jobs where status = 'succeeded'"
    finished_one = "select status = 'succeeded' from procrastinate_jobs where id = %s"

    def install(self, dsn: str) -> None:
        import procrastinate

        app, _ = app_of(procrastinate.SyncPsycopgConnector(conninfo=dsn))
        with app.open():
            app.schema_manager.apply_schema()

    @contextlib.contextmanager
    def producer(self, dsn: str) -> Iterator[Producer]:
        import procrastinate

        connector = procrastinate.SyncPsycopgConnector(conninfo=dsn, min_size=1, max_size=1)
        app, noop = app_of(connector)
        with app.open():
            yield Client(noop)

    def work(self, post: Post) -> None:
        import uvloop

        logging.disable(logging.INFO)
        uvloop.run(_work(post))


async def _work(post: Post) -> None:
    import procrastinate

    concurrency = post.options["concurrency"]
    connector = procrastinate.PsycopgConnector(
        conninfo=post.dsn, min_size=2, max_size=concurrency + 2
    )
    app, _ = app_of(connector, post.mark())
    async with app.open_async():
        post.wait()
        await app.run_worker_async(concurrency=concurrency)
