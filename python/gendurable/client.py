"""Calls for applications, on the caller's own psycopg connection.

Everything joins the transaction that the connection is in: what is enqueued or signalled exists if
and only if the caller commits. Each call takes a sync or an async connection and answers
accordingly, with the value or with an awaitable of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar, overload

import msgspec
from psycopg import AsyncConnection, Connection
from psycopg.rows import tuple_row

from gendurable.codec import encode_json
from gendurable.entry import Entry, Target
from gendurable.errors import engine_errors

__all__ = [
    "Enqueued",
    "SignalEntry",
    "Status",
    "enqueue",
    "enqueue_many",
    "signal",
    "signal_many",
    "status",
]

T = TypeVar("T")

AnyConnection: TypeAlias = Connection[Any] | AsyncConnection[Any]
Parameters: TypeAlias = Mapping[str, Any]


class Enqueued(msgspec.Struct, frozen=True):
    """Answer of an enqueue.

    Attributes:
        id: the new instance, or the one that occupies the correlation key.
        duplicate: true if the key was occupied; nothing was created then.
    """

    id: int
    duplicate: bool


class Status(msgspec.Struct, frozen=True):
    """One instance, live or finished, as ``gd_status`` describes it. JSON columns are decoded."""

    id: int
    status: str
    fsm: str
    fsm_version: int
    step: str
    state: Any
    attempt: int
    queue: str
    correlation_key: str | None
    result: Any
    error: Any
    enqueued_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class SignalEntry(msgspec.Struct, frozen=True):
    """One signal of a batch.

    Attributes:
        target: a correlation key, or the id of an instance.
        name: what awaiting steps know it by.
        payload: any JSON value; None means ``{}``.
        dedup_key: a second signal with it to the same target is a duplicate.
    """

    target: str | int
    name: str
    payload: Any = None
    dedup_key: str | None = None

    def arguments(self) -> dict[str, Any]:
        """The entry in the engine's JSON form."""
        fields = {"name": self.name, "payload": self.payload, "dedup_key": self.dedup_key}
        fields["target" if isinstance(self.target, str) else "id"] = self.target
        return {name: value for name, value in fields.items() if value is not None}


_ENQUEUE = """
    select id, duplicate from public.gd_enqueue(
        fsm => %(fsm)s, state => %(state)s::jsonb, step => %(step)s, queue => %(queue)s,
        priority => %(priority)s::int, eligible_at => %(eligible_at)s::timestamptz,
        delay => %(delay)s::interval, correlation_key => %(correlation_key)s,
        correlation_scope => %(correlation_scope)s::text[],
        concurrency_key => %(concurrency_key)s, rate_limit => %(rate_limit)s,
        weight => %(weight)s::float8, fsm_version => %(fsm_version)s::int)"""
_ENQUEUE_ARGUMENTS = (
    "fsm", "state", "step", "queue", "priority", "eligible_at", "delay", "correlation_key",
    "correlation_scope", "concurrency_key", "rate_limit", "weight", "fsm_version",
)  # fmt: skip
_ENQUEUE_MANY = "select id, duplicate from public.gd_enqueue_many(%(entries)s::jsonb) order by ord"
_SIGNAL = """
    select public.gd_signal(target => %(target)s::{type}, name => %(name)s,
                            payload => %(payload)s::jsonb, dedup_key => %(dedup_key)s)"""
_SIGNAL_MANY = "select result from public.gd_signal_many(%(entries)s::jsonb) order by ord"
_STATUS = """
    select id, status, fsm, fsm_version, step, state::text, attempt, queue, correlation_key,
           result::text, error::text, enqueued_at, updated_at, finished_at
      from public.gd_status(%(target)s::{type})"""


@overload
def enqueue(
    conn: Connection[Any], target: Target | Entry, state: Any = None, **options: Any
) -> Enqueued: ...
@overload
def enqueue(
    conn: AsyncConnection[Any], target: Target | Entry, state: Any = None, **options: Any
) -> Awaitable[Enqueued]: ...
@overload
def enqueue(
    conn: AnyConnection, target: Target | Entry, state: Any = None, **options: Any
) -> Enqueued | Awaitable[Enqueued]: ...
def enqueue(
    conn: AnyConnection, target: Target | Entry, state: Any = None, **options: Any
) -> Enqueued | Awaitable[Enqueued]:
    """Create one instance.

    Args:
        conn: the caller's connection.
        target: a machine, its name, or a ready ``Entry`` (then nothing else is given).
        state: the initial state.
        options: the other fields of ``Entry``, such as ``correlation_key`` or ``delay``.

    Raises:
        InvalidArgumentError: the engine refuses an argument.
        StateError: the state does not fit the machine.
    """
    entry = target if isinstance(target, Entry) else Entry(target, state, **options)
    given = entry.arguments()
    parameters = {name: given.get(name) for name in _ENQUEUE_ARGUMENTS}
    if "state" in given:
        parameters["state"] = bytes(given["state"]).decode()
    return _call(conn, _ENQUEUE, parameters, lambda rows: Enqueued(*rows[0]))


@overload
def enqueue_many(conn: Connection[Any], entries: Iterable[Entry]) -> list[Enqueued]: ...
@overload
def enqueue_many(
    conn: AsyncConnection[Any], entries: Iterable[Entry]
) -> Awaitable[list[Enqueued]]: ...
def enqueue_many(
    conn: AnyConnection, entries: Iterable[Entry]
) -> list[Enqueued] | Awaitable[list[Enqueued]]:
    """Create many instances in one call, all or none; the answers are in the entries' order.

    Raises:
        InvalidArgumentError: the engine refuses an entry; the detail names its place.
        StateError: a state does not fit its machine.
    """
    batch = encode_json([entry.arguments() for entry in entries]).decode()
    return _call(
        conn, _ENQUEUE_MANY, {"entries": batch}, lambda rows: [Enqueued(*row) for row in rows]
    )


@overload
def signal(
    conn: Connection[Any],
    target: str | int,
    name: str,
    payload: Any = None,
    *,
    dedup_key: str | None = None,
) -> str: ...
@overload
def signal(
    conn: AsyncConnection[Any],
    target: str | int,
    name: str,
    payload: Any = None,
    *,
    dedup_key: str | None = None,
) -> Awaitable[str]: ...
def signal(
    conn: AnyConnection,
    target: str | int,
    name: str,
    payload: Any = None,
    *,
    dedup_key: str | None = None,
) -> str | Awaitable[str]:
    """Send a durable message to an instance, by correlation key (str) or by id (int).

    Returns:
        ``delivered``, ``duplicate`` or ``no_target``.
    """
    parameters = {
        "target": target,
        "name": name,
        "payload": None if payload is None else encode_json(payload).decode(),
        "dedup_key": dedup_key,
    }
    query = _SIGNAL.format(type=_target_type(target))
    return _call(conn, query, parameters, lambda rows: str(rows[0][0]))


@overload
def signal_many(conn: Connection[Any], entries: Iterable[SignalEntry]) -> list[str]: ...
@overload
def signal_many(
    conn: AsyncConnection[Any], entries: Iterable[SignalEntry]
) -> Awaitable[list[str]]: ...
def signal_many(
    conn: AnyConnection, entries: Iterable[SignalEntry]
) -> list[str] | Awaitable[list[str]]:
    """Send many signals in one call, all or none; the answers are in the entries' order."""
    batch = encode_json([entry.arguments() for entry in entries]).decode()
    return _call(conn, _SIGNAL_MANY, {"entries": batch}, lambda rows: [str(row[0]) for row in rows])


@overload
def status(conn: Connection[Any], target: str | int) -> Status | None: ...
@overload
def status(conn: AsyncConnection[Any], target: str | int) -> Awaitable[Status | None]: ...
def status(conn: AnyConnection, target: str | int) -> Status | Awaitable[Status | None] | None:
    """Look up one instance by id (int) or correlation key (str), live or finished.

    Returns:
        None if there is no such instance, or retention has forgotten it.
    """
    query = _STATUS.format(type=_target_type(target))
    return _call(conn, query, {"target": target}, _status_of)


def _call(
    conn: AnyConnection,
    query: str,
    parameters: Parameters,
    answer: Callable[[Sequence[tuple[Any, ...]]], T],
) -> T | Awaitable[T]:
    """Run one query and build the answer of its rows, now or when awaited."""
    if isinstance(conn, AsyncConnection):
        return _call_async(conn, query, parameters, answer)
    # The row factory is set here because the caller's connection may have any.
    with engine_errors(), conn.cursor(row_factory=tuple_row) as cursor:
        return answer(cursor.execute(query, parameters).fetchall())


async def _call_async(
    conn: AsyncConnection[Any],
    query: str,
    parameters: Parameters,
    answer: Callable[[Sequence[tuple[Any, ...]]], T],
) -> T:
    with engine_errors():
        async with conn.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(query, parameters)
            return answer(await cursor.fetchall())


def _target_type(target: str | int) -> str:
    return "text" if isinstance(target, str) else "bigint"


def _status_of(rows: Sequence[tuple[Any, ...]]) -> Status | None:
    if not rows:
        return None
    found = dict(zip(Status.__struct_fields__, rows[0], strict=True))
    for name in ("state", "result", "error"):
        # Cast to text in the query: the caller's connection may have its own loader for jsonb.
        found[name] = None if found[name] is None else msgspec.json.decode(found[name])
    return Status(**found)
