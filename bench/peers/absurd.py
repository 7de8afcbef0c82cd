"""Absurd: SQL functions and a thin SDK, checkpointed tasks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from peers.base import PARCELS, PAY_WITHIN, Peer, Post, Producer, Receipt

__all__ = ["Absurd"]

# The SDK has no bulk spawn; this is its SQL function, once a row, in one statement.
SPAWN_MANY = """
    select count(*)
    from (select absurd.spawn_task('q', %s, jsonb_build_object('i', i), %s)
          from unnest(%s::float8[]) as i offset 0) as spawned"""
RETRY = '{"max_attempts": 3, "retry_strategy": {"kind": "fixed", "base_seconds": 0.1}}'


class Client(Producer):
    def __init__(self, conn: psycopg.Connection) -> None:
        import absurd_sdk

        self.conn = conn
        self.app = absurd_sdk.Absurd(conn, queue_name="q")

    def enqueue_many(self, kind: str, numbers: Sequence[float]) -> None:
        options = RETRY if kind == "order" else "{}"
        self.conn.execute(SPAWN_MANY, [kind, options, [float(n) for n in numbers]])

    def enqueue(self, kind: str, number: float) -> Receipt:
        spawned = self.app.spawn(kind, {"i": number}, queue="q")
        return Receipt(spawned["task_id"], time.time())

    def signal(self, kind: str, number: int) -> None:
        self.app.emit_event(f"{kind}:{number}", {"x": number}, queue_name="q")


class Absurd(Peer):
    name = "absurd"
    packages = ("absurd-sdk", "absurdctl", "uvloop")
    workloads = frozenset(
        {"drain", "steps", "latency", "signals", "fan-out", "enqueue", "checkout"}
    )
    slow = workloads
    settings: ClassVar[dict[str, dict[str, Any]]] = {
        "": {"concurrency": 100, "clients": 8, "poll": 0.02},
        "fan-out": {"concurrency": 20, "clients": 4, "poll": 0.02},
        "checkout": {"concurrency": 100, "clients": 4, "poll": 0.02},
    }
    notes = (
        "8 clients a process, concurrency 100, poll 20 ms; fan-out and checkout: 4 clients,"
        " children in a queue of their own"
    )
    schema = "absurd"
    finished = "select count(*) from absurd.t_q where state = 'completed'"
    finished_one = """
        select exists (select from absurd.t_q where task_id = %s and state = 'completed')"""
    parked = "select count(*) from absurd.t_q where state = 'sleeping'"

    def install(self, dsn: str) -> None:
        import absurd_sdk

        info = conninfo_to_dict(dsn)
        env = os.environ | {
            "PGHOST": str(info["host"]),
            "PGPORT": str(info.get("port", 5432)),
            "PGUSER": str(info["user"]),
        }
        control = Path(sys.executable).parent / "absurdctl"
        command = [str(control), "init", "-d", str(info["dbname"])]
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        app = absurd_sdk.Absurd(dsn, queue_name="q")
        app.create_queue()
        app.create_queue("children")
        app.close()

    @contextlib.contextmanager
    def producer(self, dsn: str) -> Iterator[Producer]:
        with psycopg.connect(dsn, autocommit=True) as conn:
            yield Client(conn)

    def work(self, post: Post) -> None:
        import uvloop

        uvloop.run(_work(post))


async def _work(post: Post) -> None:
    options = post.options
    refused: set[float] = set()
    parents = [_parents(post, refused) for _ in range(options["clients"])]
    children = []
    if post.workload in {"fan-out", "checkout"}:
        children = [_children(post) for _ in range(options["clients"])]
    for app in parents + children:
        await app._ensure_connected()
    post.wait()
    await asyncio.gather(
        *(
            app.start_worker(
                worker_id=f"w{post.number}-{n}",
                concurrency=options["concurrency"] if app in parents else 100,
                poll_interval=options["poll"],
            )
            for n, app in enumerate(parents + children)
        )
    )


async def _one() -> int:
    return 1


def _children(post: Post) -> Any:
    import absurd_sdk

    app = absurd_sdk.AsyncAbsurd(post.dsn, queue_name="children")

    @app.register_task(name="child")
    async def child(params: Any, ctx: Any) -> Any:
        return params["k"]

    return app


def _parents(post: Post, refused: set[float]) -> Any:
    import absurd_sdk

    app = absurd_sdk.AsyncAbsurd(post.dsn, queue_name="q")
    mark = post.mark()

    async def family(ctx: Any, size: int) -> int:
        """Children, and the sum of what they return."""

        async def spawn() -> list[str]:
            spawned = [await app.spawn("child", {"k": k}, queue="children") for k in range(size)]
            return [str(task["task_id"]) for task in spawned]

        total = 0
        for task in await ctx.step("spawn", spawn):
            total += (await ctx.await_task_result(task, queue_name="children")).result
        return total

    @app.register_task(name="noop")
    async def noop(params: Any, ctx: Any) -> int:
        mark(params["i"])
        return 1

    @app.register_task(name="steps")
    async def steps(params: Any, ctx: Any) -> int:
        for k in range(5):
            await ctx.step(f"s{k}", _one)
        mark(0)
        return 1

    @app.register_task(name="wait")
    async def wait(params: Any, ctx: Any) -> int:
        await ctx.await_event(f"wait:{params['i']:.0f}")
        mark(0)
        return 1

    @app.register_task(name="fan")
    async def fan(params: Any, ctx: Any) -> int:
        total = await family(ctx, 50)
        mark(0)
        return total

    _checkout(app, family, mark, refused)
    return app


def _checkout(
    app: Any, family: Callable[..., Any], mark: Callable[[float], None], refused: set[float]
) -> None:
    import absurd_sdk

    @app.register_task(name="order")
    async def order(params: Any, ctx: Any) -> str:
        number = params["i"]

        async def charge() -> int:
            if number % 5 == 0 and number not in refused:
                refused.add(number)
                raise RuntimeError("the bank is busy")
            return 1

        await ctx.step("reserve", _one)
        try:
            await ctx.await_event(f"order:{number:.0f}", timeout=int(PAY_WITHIN))
        except absurd_sdk.TimeoutError:
            return "not paid"
        await ctx.step("charge", charge)
        await family(ctx, PARCELS)
        mark(0)
        return "shipped"
