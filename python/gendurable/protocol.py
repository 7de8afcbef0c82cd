"""The worker's side of the engine's interface: every ``gd_*`` call that a worker makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from gendurable.context import Context
from gendurable.errors import engine_errors

__all__ = [
    "COMMIT",
    "PICK",
    "Answer",
    "Connection",
    "Turn",
    "commit_one",
    "heartbeat",
    "maintain",
    "other_workers",
    "reap",
    "register",
    "release",
    "schema_version",
    "turn",
    "unregister",
]

Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]

_JOB = ", ".join(field.removesuffix("_json") for field in Context.__struct_fields__[:17])

COMMIT = "select id, fence, result, detail, signals, children from public.gd_commit(%s, %s::jsonb)"
PICK = f"select {_JOB} from public.gd_pick(%s, %s, %s)"  # noqa: S608 (nothing from outside)
# The distance is computed by the database, so that no two clocks have to agree.
_NEXT_DUE = "select extract(epoch from public.gd_next_due(%s) - clock_timestamp())::float8"


class Answer(NamedTuple):
    """The engine's answer to one outcome: a row of ``gd_commit``; JSON columns as text."""

    id: int
    fence: int
    result: str
    detail: str | None
    signals: str | None
    children: str | None


class Turn(NamedTuple):
    """What one turn brought.

    Attributes:
        answers: one for each entry, in order.
        picked: the claimed executions by queue.
        due: for each queue that was asked about, seconds until waiting work becomes due, or None.
    """

    answers: list[Answer]
    picked: dict[str, list[Context[Any]]]
    due: dict[str, float | None]


async def turn(
    conn: Connection,
    worker: int,
    entries: Sequence[bytes],
    slots: Mapping[str, int],
    idle: Sequence[str],
) -> Turn:
    """Commit what has finished and pick new work, in one round trip.

    Args:
        conn: an idle connection in autocommit mode.
        worker: the worker's id.
        entries: outcomes as JSON objects.
        slots: how many executions to pick from each queue.
        idle: the queues of which the next due time is wanted too.

    Raises:
        WorkerGoneError: register anew.
        psycopg.Error: nothing is known of what was applied; offer the same entries again.
    """
    with engine_errors():
        async with conn.pipeline():
            if entries and slots:
                # A transaction of its own: what is committed is visible, and its locks are gone,
                # before the picks begin, and a pick that fails takes nothing back.
                await conn.execute("begin")
            commit = entries and await conn.execute(COMMIT, (worker, _array(entries)))
            if entries and slots:
                await conn.execute("commit")
            picks = {
                queue: await conn.execute(PICK, (worker, queue, count))
                for queue, count in slots.items()
            }
            dues = {queue: await conn.execute(_NEXT_DUE, (queue,)) for queue in idle}
        answers = [Answer._make(row) for row in await commit.fetchall()] if commit else []
        picked = {
            queue: [Context(*row) for row in await cursor.fetchall()]
            for queue, cursor in picks.items()
        }
        due = {queue: (await cursor.fetchall())[0][0] for queue, cursor in dues.items()}
    return Turn(answers, picked, due)


async def commit_one(conn: Connection, worker: int, entry: bytes) -> Answer:
    """Commit a single outcome."""
    cursor = await conn.execute(COMMIT, (worker, _array([entry])))
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 (gd_commit answers one row per outcome)
    return Answer._make(row)


async def register(
    conn: Connection, name: str, queues: Sequence[str], lease: float, info: Mapping[str, Any]
) -> int:
    """Register a worker; ``lease`` in seconds. Answers its id."""
    return int(
        await _value(
            conn,
            "select public.gd_register(%s, %s, make_interval(secs => %s), %s)",
            (name, list(queues), lease, Jsonb(dict(info))),
        )
    )


async def heartbeat(conn: Connection, worker: int, claims: Sequence[int]) -> set[int]:
    """Renew the lease; ``claims`` is everything the worker holds. Answers what it has lost.

    Raises:
        WorkerGoneError: register anew.
    """
    with engine_errors():
        cursor = await conn.execute(
            "select lost from public.gd_heartbeat(%s, %s::bigint[])", (worker, list(claims))
        )
        return {row[0] for row in await cursor.fetchall()}


async def release(
    conn: Connection, worker: int, ids: Sequence[int], delay: float | None = None
) -> None:
    """Give claims back that were not started, for others or for ``delay`` seconds later."""
    await _value(
        conn,
        "select public.gd_release(%s, %s::bigint[], make_interval(secs => %s))",
        (worker, list(ids), delay),
    )


async def unregister(conn: Connection, worker: int) -> None:
    """Give everything back and be forgotten."""
    await _value(conn, "select public.gd_unregister(%s)", (worker,))


async def reap(conn: Connection, worker: int) -> int:
    """Free the claims of a worker that is known to be dead. Answers how many there were."""
    return int(await _value(conn, "select public.gd_reap(%s)", (worker,)))


async def maintain(conn: Connection) -> dict[str, int]:
    """Do the engine's housekeeping. Answers what was done, by task; zeros are left out."""
    with engine_errors():
        cursor = await conn.execute("select task, affected from public.gd_maintain()")
        return {task: affected for task, affected in await cursor.fetchall() if affected}


async def other_workers(conn: Connection, worker: int) -> dict[int, dict[str, Any]]:
    """What the other registered workers said of themselves, by id."""
    with engine_errors():
        cursor = await conn.execute(
            "select id, info from public.gd_workers where id <> %s", (worker,)
        )
        return {row[0]: msgspec.json.decode(row[1]) for row in await cursor.fetchall()}


async def schema_version(conn: Connection) -> str:
    """The version of the installed schema.

    Raises:
        NotInstalledError: there is none.
    """
    return str(await _value(conn, "select public.gd_version()", ()))


async def _value(conn: Connection, query: str, parameters: Sequence[Any]) -> Any:
    with engine_errors():
        cursor = await conn.execute(query, parameters)
        row = await cursor.fetchone()
        return None if row is None else row[0]


def _array(entries: Sequence[bytes]) -> str:
    return (b"[" + b",".join(entries) + b"]").decode()
