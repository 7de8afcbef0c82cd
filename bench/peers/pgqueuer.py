"""PgQueuer: a queue on asyncpg, durable, with its own autovacuum settings."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from common import url_of

from peers.base import Peer, Post, Producer, Receipt

__all__ = ["PgQueuer"]

BATCH = 1000


class Client(Producer):
    def __init__(self, queries: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.queries, self.loop = queries, loop

    def enqueue_many(self, kind: str, numbers: Sequence[float]) -> None:
        for first in range(0, len(numbers), BATCH):
            some = [repr(n).encode() for n in numbers[first : first + BATCH]]
            names, priorities = ["noop"] * len(some), [0] * len(some)
            self.loop.run_until_complete(self.queries.enqueue(names, some, priorities))

    def enqueue(self, kind: str, number: float) -> Receipt:
        ids = self.loop.run_until_complete(self.queries.enqueue("noop", repr(number).encode()))
        return Receipt(int(ids[0]), time.time())


class PgQueuer(Peer):
    name = "pgqueuer"
    packages = ("pgqueuer", "asyncpg", "uvloop")
    workloads = frozenset({"drain", "latency", "enqueue"})
    settings: ClassVar[dict[str, dict[str, Any]]] = {"": {"batch": 500}, "latency": {"batch": 10}}
    notes = "batch_size 500 (latency: 10), asyncpg, uvloop, its autovacuum settings applied"
    finished = "select count(*) from pgqueuer_log where status = 'successful'"
    finished_one = """
        select exists (select from pgqueuer_log where job_id = %s and status = 'successful')"""

    def install(self, dsn: str) -> None:
        asyncio.run(_install(dsn))

    @contextlib.contextmanager
    def producer(self, dsn: str) -> Iterator[Producer]:
        import asyncpg
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        loop = asyncio.new_event_loop()
        conn = loop.run_until_complete(asyncpg.connect(url_of(dsn)))
        try:
            yield Client(Queries(AsyncpgDriver(conn)), loop)
        finally:
            loop.run_until_complete(conn.close())
            loop.close()

    def work(self, post: Post) -> None:
        import uvloop

        uvloop.run(_work(post))


async def _install(dsn: str) -> None:
    import asyncpg
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries

    conn = await asyncpg.connect(url_of(dsn))
    queries = Queries(AsyncpgDriver(conn))
    await queries.install()
    await queries.optimize_autovacuum()
    await conn.close()


async def _work(post: Post) -> None:
    import asyncpg
    from pgqueuer import PgQueuer as Runner
    from pgqueuer.db import AsyncpgDriver

    mark = post.mark()
    runner = Runner(AsyncpgDriver(await asyncpg.connect(url_of(post.dsn))))

    @runner.entrypoint("noop")
    async def noop(job: Any) -> None:
        mark(float(job.payload))

    post.wait()
    await runner.run(batch_size=post.options["batch"], dequeue_timeout=timedelta(seconds=30))
