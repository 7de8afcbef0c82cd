"""Calls for applications, on the caller's own psycopg connection.

Everything joins the transaction that the connection is in: what is enqueued or signalled exists if
and only if the caller commits. Each call takes a sync or an async connection and answers
accordingly, with the value or with an awaitable of it.

What the engine refuses is an ``InvalidArgumentError``, and nothing of that call was done. Its
warnings of rate limits (GD101, GD102) go to psycopg's ``add_notice_handler``. Where the roles are
used, ``gd_client`` may enqueue, signal and look; cancel, retry, pause, resume and the limits are
for ``gd_admin``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar, cast, overload

import msgspec
from psycopg import AsyncConnection, Connection
from psycopg.rows import tuple_row

from gendurable.codec import encode_json
from gendurable.entry import Duration, Entry, Target, interval
from gendurable.errors import engine_errors

__all__ = [
    "Enqueued",
    "SignalEntry",
    "Status",
    "cancel",
    "drop_concurrency_limit",
    "drop_rate_limit",
    "enqueue",
    "enqueue_many",
    "pause",
    "resume",
    "retry",
    "set_concurrency_limit",
    "set_rate_limit",
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
_CANCEL = """
    select public.gd_cancel(target => %(target)s::{type}, reason => %(reason)s,
                            cascade => %(cascade)s)"""
_RETRY = "select public.gd_retry(id => %(id)s::bigint, step => %(step)s, state => %(state)s::jsonb)"
_PAUSE = "select public.gd_pause(queue => %(queue)s)"
_RESUME = "select public.gd_resume(queue => %(queue)s)"
_SET_RATE_LIMIT = """
    select public.gd_set_rate_limit(name => %(name)s, allowed => %(allowed)s::float8,
                                    period => %(period)s::interval, burst => %(burst)s::float8)"""
_DROP_RATE_LIMIT = "select public.gd_drop_rate_limit(name => %(name)s)"
_SET_CONCURRENCY_LIMIT = """
    select public.gd_set_concurrency_limit(name => %(name)s,
                                           max_executing => %(max_executing)s::int)"""
_DROP_CONCURRENCY_LIMIT = "select public.gd_drop_concurrency_limit(name => %(name)s)"


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


@_sync_or_async
def cancel(
    conn: AnyConnection,
    /,
    target: str | int,
    reason: str | None = None,
    *,
    cascade: bool = False,
) -> Answer[int]:
    """Make an instance failed at once, running or not; by correlation key (str) or by id (int).

    Its error is ``{"kind": "cancelled", "reason": reason}``. What a running step still answers is
    dropped; its worker hears of it with the next heartbeat. Waits for other transactions that have
    the instance locked.

    Args:
        conn: the caller's connection.
        target: a correlation key, or the id of an instance.
        reason: for people, any text.
        cascade: also cancel everything live below it, whether or not it is live itself.

    Returns:
        How many were newly cancelled, this one included; 0 if there was nothing live.
    """
    parameters = {"target": target, "reason": reason, "cascade": cascade}
    query = _CANCEL.format(type=_target_type(target))
    return _call(conn, query, parameters, lambda rows: int(rows[0][0]))


@_sync_or_async
def retry(
    conn: AnyConnection, /, instance: int, step: str | None = None, state: Any = None
) -> Answer[str]:
    """Bring a failed instance back from the archive; a cancelled one is failed too.

    Args:
        conn: the caller's connection.
        instance: its id.
        step: where it goes on; None means the step that failed, under the same rate limit.
        state: what it goes on with, any JSON value or struct, not checked against the machine's
            state type; None means the state it failed with.

    Returns:
        ``retried``, ``no_target`` (there is none, or retention has forgotten it), ``not_failed``
        or ``key_taken`` (another instance has its correlation key now).

    Raises:
        InvalidArgumentError: the step is empty or longer than 1,000 bytes.
        StateError: the state has no JSON form.
    """
    parameters = {"id": instance, "step": step, "state": _json(state)}
    return _call(conn, _RETRY, parameters, _text_of)


@_sync_or_async
def pause(conn: AnyConnection, /, queue: str) -> Answer[None]:
    """Hand out nothing more of a queue until ``resume``; what runs finishes.

    Waits for the picks that are under way; nothing is handed out from its return on, and a rollback
    ends the pause.

    Raises:
        InvalidArgumentError: the queue is empty or longer than 1,000 bytes.
    """
    return _call(conn, _PAUSE, {"queue": queue}, _nothing)


@_sync_or_async
def resume(conn: AnyConnection, /, queue: str) -> Answer[None]:
    """End the pause of a queue; no error if it was not paused.

    Raises:
        InvalidArgumentError: the queue is empty or longer than 1,000 bytes.
    """
    return _call(conn, _RESUME, {"queue": queue}, _nothing)


@_sync_or_async
def set_rate_limit(
    conn: AnyConnection, /, name: str, allowed: float, period: Duration, burst: float | None = None
) -> Answer[None]:
    """Set or change the token bucket that each key ``name`` or ``name:partition`` has.

    It applies at once; what a bucket holds is kept, up to the new burst. Commit soon: until then
    nothing that names it starts.

    Args:
        conn: the caller's connection.
        name: the part of the keys before the first colon.
        allowed: tokens that flow in per period; 0 never refills.
        period: seconds, or a timedelta.
        burst: tokens that a bucket holds at most; None means ``allowed``, but at least 1.

    Raises:
        InvalidArgumentError: ``allowed`` is negative, ``period`` or ``burst`` is not more than 0,
            or the name is empty, too long or has a colon.
    """
    parameters = {"name": name, "allowed": allowed, "period": interval(period), "burst": burst}
    return _call(conn, _SET_RATE_LIMIT, parameters, _nothing)


@_sync_or_async
def drop_rate_limit(conn: AnyConnection, /, name: str) -> Answer[None]:
    """Take a rate limit back: what names it waits until it is set again.

    Raises:
        InvalidArgumentError: the name is empty, too long or has a colon.
    """
    return _call(conn, _DROP_RATE_LIMIT, {"name": name}, _nothing)


@_sync_or_async
def set_concurrency_limit(conn: AnyConnection, /, name: str, max_executing: int) -> Answer[None]:
    """Set how many instances of each key ``name`` or ``name:partition`` may execute at once.

    It applies to the next pick; what executes goes on and is counted.

    Args:
        conn: the caller's connection.
        name: the part of the keys before the first colon.
        max_executing: 0 stops them.

    Raises:
        InvalidArgumentError: ``max_executing`` is negative, or the name is empty, too long or has
            a colon.
    """
    parameters = {"name": name, "max_executing": max_executing}
    return _call(conn, _SET_CONCURRENCY_LIMIT, parameters, _nothing)


@_sync_or_async
def drop_concurrency_limit(conn: AnyConnection, /, name: str) -> Answer[None]:
    """Take a concurrency limit back: one instance of each of its keys at once.

    Raises:
        InvalidArgumentError: the name is empty, too long or has a colon.
    """
    return _call(conn, _DROP_CONCURRENCY_LIMIT, {"name": name}, _nothing)


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


def _nothing(_: Rows) -> None:
    pass


def _status_of(rows: Rows) -> Status | None:
    if not rows:
        return None
    found = dict(zip(Status.__struct_fields__, rows[0], strict=True))
    for name in ("state", "result", "error"):
        # Cast to text in the query: the caller's connection may have its own loader for jsonb.
        found[name] = None if found[name] is None else msgspec.json.decode(found[name])
    return Status(**found)
