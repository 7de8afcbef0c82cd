"""Calls for applications, on the caller's own psycopg connection.

Everything joins the transaction that the connection is in: what is enqueued or signalled exists if
and only if the caller commits. Each call takes a sync or an async connection and answers
accordingly, with the value or with an awaitable of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar, cast, overload

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

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

AnyConnection: TypeAlias = Connection[Any] | AsyncConnection[Any]
Answer: TypeAlias = T | Awaitable[T]
"""The value on a sync connection, an awaitable of it on an async one."""
Parameters: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Sequence[tuple[Any, ...]]


class _Call(Protocol[P, T_co]):
    """A call to a type checker: what it answers follows from the connection."""

    @overload
    def __call__(self, conn: Connection[Any], /, *args: P.args, **kwargs: P.kwargs) -> T_co: ...
    @overload
    def __call__(
        self, conn: AsyncConnection[Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T_co]: ...


def _sync_or_async(function: Callable[Concatenate[AnyConnection, P], Answer[T]]) -> _Call[P, T]:
    """Type a function by its connection; it stays as it is."""
    return cast("_Call[P, T]", function)


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


@_sync_or_async
def enqueue(
    conn: AnyConnection, /, target: Target | Entry, state: Any = None, **options: Any
) -> Answer[Enqueued]:
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


@_sync_or_async
def enqueue_many(conn: AnyConnection, /, entries: Iterable[Entry]) -> Answer[list[Enqueued]]:
    """Create many instances in one call, all or none; the answers are in the entries' order.

    Raises:
        InvalidArgumentError: the engine refuses an entry; the detail names its place.
        StateError: a state does not fit its machine.
    """
    batch = encode_json([entry.arguments() for entry in entries]).decode()
    return _call(
        conn, _ENQUEUE_MANY, {"entries": batch}, lambda rows: [Enqueued(*row) for row in rows]
    )


@_sync_or_async
def signal(
    conn: AnyConnection,
    /,
    target: str | int,
    name: str,
    payload: Any = None,
    *,
    dedup_key: str | None = None,
) -> Answer[str]:
    """Send a durable message to an instance, by correlation key (str) or by id (int).

    Returns:
        ``delivered``, ``duplicate`` or ``no_target``.
    """
    parameters = {
        "target": target,
        "name": name,
        "payload": _json(payload),
        "dedup_key": dedup_key,
    }
    query = _SIGNAL.format(type=_target_type(target))
    return _call(conn, query, parameters, _text_of)


@_sync_or_async
def signal_many(conn: AnyConnection, /, entries: Iterable[SignalEntry]) -> Answer[list[str]]:
    """Send many signals in one call, all or none; the answers are in the entries' order."""
    batch = encode_json([entry.arguments() for entry in entries]).decode()
    return _call(conn, _SIGNAL_MANY, {"entries": batch}, lambda rows: [str(row[0]) for row in rows])


@_sync_or_async
def status(conn: AnyConnection, /, target: str | int) -> Answer[Status | None]:
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
    answer: Callable[[Rows], T],
) -> Answer[T]:
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
    answer: Callable[[Rows], T],
) -> T:
    with engine_errors():
        async with conn.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(query, parameters)
            return answer(await cursor.fetchall())


def _target_type(target: str | int) -> str:
    return "text" if isinstance(target, str) else "bigint"


def _json(value: Any) -> str | None:
    """A value as JSON text; None is left to the engine's default."""
    return None if value is None else encode_json(value).decode()


def _text_of(rows: Rows) -> str:
    return str(rows[0][0])


def _status_of(rows: Rows) -> Status | None:
    if not rows:
        return None
    found = dict(zip(Status.__struct_fields__, rows[0], strict=True))
    for name in ("state", "result", "error"):
        # Cast to text in the query: the caller's connection may have its own loader for jsonb.
        found[name] = None if found[name] is None else msgspec.json.decode(found[name])
    return Status(**found)
