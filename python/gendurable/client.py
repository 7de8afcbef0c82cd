"""Calls for applications, on the caller's own connection.

Everything joins the transaction that the connection is in: what is enqueued or signalled exists if
and only if the caller commits. Each call takes a sync connection (psycopg's, SQLAlchemy's
Connection or Session, Django's) or an async one (psycopg's, SQLAlchemy's, asyncpg's) and answers
accordingly, with the value or with a coroutine of it. How a psycopg connection is set up otherwise
does not matter: its row and cursor factories, its adapters, its encoding.

What the engine refuses is an ``InvalidArgumentError``, and nothing of that call was done; an
argument of a wrong type is a ``UsageError`` before anything is sent. Its warnings of rate limits
(GD101, GD102) go to psycopg's ``add_notice_handler``. Where the roles are used, ``gd_client`` may
enqueue, signal and look, and ``gd_worker`` set schedules; cancel, retry, pause, resume, drop, the
limits, the history's level and the retention are for ``gd_admin``; a role that may not is told so
by an ``AccessError``. Other errors of the database are psycopg's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from gendurable.arguments import (
    Duration,
    addressed,
    identifier,
    identifiers,
    integer,
    interval,
    json_text,
    key,
    moment,
    number,
    optional,
    refused,
    text,
    texts,
)
from gendurable.calls import AnyConnection, MaybeCoroutine, Texts, call, decoded, sync_or_async
from gendurable.codec import encode_json
from gendurable.context import ChildResult, Signal
from gendurable.entry import ARGUMENTS, Entry, Target, fsm_name, step_name
from gendurable.errors import UsageError
from gendurable.schedules import SCHEDULE_ARGUMENTS, Schedule
from gendurable.steps import StepRef

__all__ = [
    "Enqueued",
    "Event",
    "Instance",
    "SignalEntry",
    "Status",
    "cancel",
    "cancel_many",
    "children",
    "drop_concurrency_limit",
    "drop_rate_limit",
    "enqueue",
    "enqueue_many",
    "find",
    "get",
    "history",
    "next_occurrence",
    "pause",
    "pause_schedule",
    "resume",
    "resume_schedule",
    "retry",
    "retry_many",
    "schedule",
    "set_concurrency_limit",
    "set_history",
    "set_queue_limit",
    "set_rate_limit",
    "set_retention",
    "signal",
    "signal_many",
    "signals",
    "status",
    "unschedule",
    "watch",
]

Address: TypeAlias = str | int | UUID
"""Of an instance: its correlation key (str; a UUID counts as one), or its id (int)."""


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


class Event(msgspec.Struct, frozen=True):
    """What has happened to an instance: one row of ``gd_history``.

    Attributes:
        at: when.
        started_at: when the step began that ended with it; None for what ends none.
        event: ``next``, ``retry``, ``await``, ``schedule_children``, ``done``, ``stop``,
            ``cancelled``, ``reaped`` (the execution was lost), ``expired`` (a park's deadline) or
            ``revived`` (by ``retry``).
        step: the step that ended, or that goes on.
        attempt: 0 for the first execution of this step.
        worker: the name of the worker that ran it, or None.
        detail: the error of a retry or stop, ``{"to": step}``, ``{"names": [...]}`` awaited,
            ``{"children": number}``, ``{"reason": ...}`` of a cancellation, ``{"worker", ...}`` of
            a lost execution; else None.
    """

    at: datetime
    started_at: datetime | None
    event: str
    step: str
    attempt: int
    worker: str | None
    detail: Any


class Instance(msgspec.Struct, frozen=True):
    """One instance, live or finished: a row of ``gd_instances``. JSON columns are decoded.

    Attributes:
        id: its number.
        status: as in ``Status``.
        fsm: its machine, ``fsm_version`` its version.
        step: where it stands, or what it ended with.
        queue: where it is picked from, ``priority`` how urgently.
        attempt: how many executions of the step have failed or were lost.
        correlation_key: its business identity, ``concurrency_key`` and ``rate_limit`` its limits.
        parent_id: the instance that waits for it.
        worker_id: the worker that holds it.
        state: its state, ``result`` and ``error`` how it ended.
        awaits: the names of the signals that it is parked on, until ``await_deadline``.
        children_pending: how many of its children are not finished.
        enqueued_at: when it was created, ``updated_at`` when it was changed last.
        eligible_at: before which it is not picked; ``finished_at`` when it ended.
        progress: what its worker has reported last.
    """

    id: int
    status: str
    fsm: str
    fsm_version: int
    step: str
    queue: str
    priority: int
    attempt: int
    correlation_key: str | None
    concurrency_key: str | None
    rate_limit: str | None
    parent_id: int | None
    worker_id: int | None
    state: Any
    result: Any
    error: Any
    awaits: list[str] | None
    await_deadline: datetime | None
    children_pending: int | None
    enqueued_at: datetime
    eligible_at: datetime | None
    updated_at: datetime
    finished_at: datetime | None
    progress: Any = None


class SignalEntry(msgspec.Struct, frozen=True):
    """One signal of a batch.

    Attributes:
        target: a correlation key (str or UUID), or the id of an instance (int).
        name: what awaiting steps know it by.
        payload: any JSON value; None means ``{}``.
        dedup_key: a second signal with it to the same target is a duplicate.
    """

    target: Address
    name: str
    payload: Any = None
    dedup_key: str | UUID | int | None = None

    def arguments(self) -> dict[str, Any]:
        """The entry in the engine's JSON form.

        Raises:
            UsageError: a field has a wrong type.
        """
        kind, address = addressed(self.target)
        fields = {
            "target" if kind == "text" else "id": address if kind == "text" else int(address),
            "name": text("name", self.name),
            "payload": self.payload,
            "dedup_key": optional(key, "dedup_key", self.dedup_key),
        }
        return {name: value for name, value in fields.items() if value is not None}


_ENQUEUE = "select to_json(e)::text from public.gd_enqueue({}) as e".format(  # noqa: S608
    ", ".join(f"{name} => %({name})s::{argument.type}" for name, argument in ARGUMENTS.items())
)
ENQUEUE_MANY = """
    select to_json(e)::text from public.gd_enqueue_many(%(entries)s::jsonb) as e order by e.ord"""
_SIGNAL = """
    select public.gd_signal(target => %(target)s::{type}, name => %(name)s,
                            payload => %(payload)s::jsonb, dedup_key => %(dedup_key)s)"""
_SIGNAL_MANY = "select result from public.gd_signal_many(%(entries)s::jsonb) order by ord"
_STATUS = "select to_json(s)::text from public.gd_status(%(target)s::{type}) as s"
_WATCH = """
    select w.status from public.gd_watch(target => %(target)s::{type}) as w (status)
    where w.status is not null"""
_HISTORY = """
    select to_json(h)::text
    from public.gd_history(target => %(target)s::{type}) with ordinality as h
    order by h.ordinality"""
# JSON has no infinity, which a moment may be.
_INSTANCE = """
    select (to_jsonb(i) || jsonb_build_object(
               'eligible_at', case when isfinite(i.eligible_at) then i.eligible_at end))::text"""
_INSTANCES = f"{_INSTANCE} from public.gd_instances as i"
_GET = {
    "bigint": _INSTANCES + " where i.id = %(target)s::bigint",
    "text": _INSTANCES  # noqa: S608 (nothing from outside)
    + " where i.id = (select s.id from public.gd_status(target => %(target)s::text) as s)",
}
_FIND = f"""
    {_INSTANCE}
    from public.gd_find(
        fsm => %(fsm)s::text, status => %(status)s::text[], step => %(step)s::text,
        queue => %(queue)s::text, correlation_key => %(correlation_key)s::text,
        parent => %(parent)s::bigint, before => %(before)s::bigint, most => %(most)s::int,
        looks => 2147483647) as f
    cross join lateral (select * from public.gd_instances as i where i.id = any (f.ids)) as i
    order by i.id desc"""  # noqa: S608 (nothing from outside)
_SIGNALS = """
    select json_build_object('id', s.signal_id, 'name', s.name, 'payload', s.payload,
                             'sent_at', s.sent_at)::text
    from public.gd_signals(id => %(id)s::bigint, after => %(after)s::bigint,
                           most => %(most)s::int) as s
    order by s.signal_id"""
_CHILDREN = """
    select to_json(c)::text
    from public.gd_children(parent => %(parent)s::bigint, after => %(after)s::int,
                            most => %(most)s::int) as c
    order by c.ord"""
_CANCEL = """
    select public.gd_cancel(target => %(target)s::{type}, reason => %(reason)s,
                            cascade => %(cascade)s::boolean)::text"""
_RETRY = "select public.gd_retry(id => %(id)s::bigint, step => %(step)s, state => %(state)s::jsonb)"
_CANCEL_MANY = """
    select c.result
    from public.gd_cancel_many(ids => %(ids)s::bigint[], reason => %(reason)s)
        with ordinality as c
    order by c.ordinality"""
_RETRY_MANY = """
    select r.result from public.gd_retry_many(ids => %(ids)s::bigint[]) with ordinality as r
    order by r.ordinality"""
_PAUSE = "select public.gd_pause(queue => %(queue)s)::text"
_RESUME = "select public.gd_resume(queue => %(queue)s)::text"
_SET_RATE_LIMIT = """
    select public.gd_set_rate_limit(name => %(name)s, allowed => %(allowed)s::float8,
                                    period => %(period)s::interval,
                                    burst => %(burst)s::float8)::text"""
_DROP_RATE_LIMIT = "select public.gd_drop_rate_limit(name => %(name)s)::text"
_SET_CONCURRENCY_LIMIT = """
    select public.gd_set_concurrency_limit(name => %(name)s,
                                           max_executing => %(max_executing)s::int)::text"""
_SET_QUEUE_LIMIT = """
    select public.gd_set_queue_limit(queue => %(queue)s,
                                     max_executing => %(max_executing)s::int)::text"""
_SET_RETENTION = """
    select public.gd_set_retention(retention => %(retention)s::interval,
                                   failed => %(failed)s::interval)::text"""
_SCHEDULE = "select to_json(public.gd_schedule({}))::text".format(
    ", ".join(f"{name} => %({name})s::{kind}" for name, kind in SCHEDULE_ARGUMENTS.items())
)
_UNSCHEDULE = "select public.gd_unschedule(name => %(name)s)::text"
_PAUSE_SCHEDULE = "select public.gd_pause_schedule(name => %(name)s)::text"
_RESUME_SCHEDULE = "select public.gd_resume_schedule(name => %(name)s)::text"
_NEXT_OCCURRENCE = """
    select coalesce(to_json(public.gd_next_occurrence(
        cron => %(cron)s, timezone => %(timezone)s, after => %(after)s::timestamptz))::text,
        'null')"""
_SET_HISTORY = "select public.gd_set_history(fsm => %(fsm)s, level => %(level)s)::text"
_DROP_CONCURRENCY_LIMIT = "select public.gd_drop_concurrency_limit(name => %(name)s)::text"


@sync_or_async
def enqueue(
    conn: AnyConnection,
    /,
    target: Target | Entry,
    state: Any = None,
    *,
    step: StepRef | None = None,
    queue: str | None = None,
    priority: int | None = None,
    eligible_at: datetime | None = None,
    delay: Duration | None = None,
    correlation_key: str | UUID | int | None = None,
    correlation_scope: Iterable[str] | None = None,
    concurrency_key: str | UUID | int | None = None,
    rate_limit: str | UUID | int | None = None,
    weight: float | None = None,
    fsm_version: int | None = None,
) -> MaybeCoroutine[Enqueued]:
    """Create one instance. None means the engine's default.

    Args:
        conn: the caller's connection.
        target: a machine, its name, or a ready ``Entry`` (then nothing else is given).
        state: the initial state.
        step: the step to start with: the method, or its name; ``start`` by default.
        queue: left out, the machine's own; if that is None, ``default``.
        priority: any int, smaller is more urgent.
        eligible_at: not before this moment.
        delay: seconds or a timedelta, counted from ``eligible_at`` or now.
        correlation_key: the business identity: address of signals and guard against duplicates.
        correlation_scope: the statuses in which the key is occupied.
        concurrency_key: ``name`` or ``name:partition`` of a semaphore.
        rate_limit: ``name`` or ``name:partition`` of a token bucket.
        weight: tokens the first step draws.
        fsm_version: left out, the machine's own version; where only its name is given, the newest
            that a live worker declares.

    Raises:
        InvalidArgumentError: the engine refuses an argument.
        StateError: the state does not fit the machine.
        UsageError: an argument has a wrong type.
    """
    # Here, where there are no other local variables: the names are those of an Entry's fields.
    given = {
        name: value
        for name, value in locals().items()
        if value is not None and name not in ("conn", "target")
    }
    if not isinstance(target, Entry):
        entry = Entry(target, **given)
    elif given:
        raise UsageError(
            f"an Entry is enqueued as it is: {', '.join(given)} belongs into the Entry"
        )
    else:
        entry = target
    arguments = entry.arguments()
    parameters = {name: _sent(arguments.get(name)) for name in ARGUMENTS}
    return call(conn, _ENQUEUE, parameters, lambda texts: decoded(texts[0], Enqueued))


@sync_or_async
def enqueue_many(
    conn: AnyConnection, /, entries: Iterable[Entry]
) -> MaybeCoroutine[list[Enqueued]]:
    """Create many instances in one call, all or none; the answers are in the entries' order.

    Raises:
        InvalidArgumentError: the engine refuses an entry; the detail names its place.
        StateError: a state does not fit its machine.
        UsageError: an element is no Entry, or a field of one has a wrong type.
    """
    return call(
        conn,
        ENQUEUE_MANY,
        {"entries": _batch(entries, Entry)},
        lambda texts: [decoded(each, Enqueued) for each in texts],
    )


@sync_or_async
def signal(
    conn: AnyConnection,
    /,
    target: Address,
    name: str,
    payload: Any = None,
    *,
    dedup_key: str | UUID | int | None = None,
) -> MaybeCoroutine[str]:
    """Send a durable message to an instance.

    Args:
        conn: the caller's connection.
        target: a correlation key (str or UUID), or the id of an instance (int).
        name: what awaiting steps know it by.
        payload: any JSON value; None means ``{}``.
        dedup_key: a second signal with it to the same target is a duplicate.

    Returns:
        ``delivered``, ``duplicate`` or ``no_target``.

    Raises:
        InvalidArgumentError: the engine refuses an argument.
        StateError: the payload has no JSON form.
        UsageError: an argument has a wrong type.
    """
    kind, address = addressed(target)
    parameters = {
        "target": address,
        "name": text("name", name),
        "payload": json_text(payload),
        "dedup_key": optional(key, "dedup_key", dedup_key),
    }
    return call(conn, _SIGNAL.format(type=kind), parameters, _first)


@sync_or_async
def signal_many(
    conn: AnyConnection, /, entries: Iterable[SignalEntry]
) -> MaybeCoroutine[list[str]]:
    """Send many signals in one call, all or none; the answers are in the entries' order.

    Raises:
        InvalidArgumentError: the engine refuses an entry; the detail names its place.
        StateError: a payload has no JSON form.
        UsageError: an element is no SignalEntry, or a field of one has a wrong type.
    """
    return call(conn, _SIGNAL_MANY, {"entries": _batch(entries, SignalEntry)}, list)


@sync_or_async
def status(conn: AnyConnection, /, target: Address) -> MaybeCoroutine[Status | None]:
    """Look up one instance by id (int) or correlation key (str or UUID), live or finished.

    Returns:
        None if there is no such instance, or retention has forgotten it.

    Raises:
        UsageError: the target is neither.
    """
    kind, address = addressed(target)
    return call(
        conn,
        _STATUS.format(type=kind),
        {"target": address},
        lambda texts: decoded(texts[0], Status) if texts else None,
    )


@sync_or_async
def watch(conn: AnyConnection, /, target: Address) -> MaybeCoroutine[str | None]:
    """Ask for one notification of the next park or the end of an instance.

    It comes on the channel ``gendurable_watch``, with the payload ``<id>:<status>``, from the
    transaction in which that happens. Listen first, then watch and commit, then go by the answer:
    nothing is missed. Waits for other transactions that have the instance locked.

    Args:
        conn: the caller's connection.
        target: a correlation key (str or UUID), or the id of an instance (int).

    Returns:
        The status now; that of what is terminal is final, and is not watched. None if there is no
        such instance, or retention has forgotten it.

    Raises:
        UsageError: the target is neither.
    """
    kind, address = addressed(target)
    return call(
        conn,
        _WATCH.format(type=kind),
        {"target": address},
        lambda texts: texts[0] if texts else None,
    )


@sync_or_async
def history(conn: AnyConnection, /, target: Address) -> MaybeCoroutine[list[Event]]:
    """What has happened to an instance, the oldest first, as far as it was noted.

    Args:
        conn: the caller's connection.
        target: a correlation key (str or UUID), or the id of an instance (int).

    Returns:
        [] also if there is no such instance, or retention has forgotten it.

    Raises:
        UsageError: the target is neither.
    """
    kind, address = addressed(target)
    return call(
        conn,
        _HISTORY.format(type=kind),
        {"target": address},
        lambda texts: [decoded(t, Event) for t in texts],
    )


@sync_or_async
def get(conn: AnyConnection, /, target: Address) -> MaybeCoroutine[Instance | None]:
    """Look at everything that is known of one instance, by id or correlation key.

    Returns:
        None if there is no such instance, or retention has forgotten it.

    Raises:
        UsageError: the target is neither.
    """
    kind, address = addressed(target)
    return call(
        conn,
        _GET[kind],
        {"target": address},
        lambda texts: decoded(texts[0], Instance) if texts else None,
        name="get",
    )


@sync_or_async
def find(
    conn: AnyConnection,
    /,
    *,
    machine: Target | None = None,
    status: str | Iterable[str] | None = None,
    step: StepRef | None = None,
    queue: str | None = None,
    correlation_key: str | UUID | int | None = None,
    parent: int | None = None,
    before: int | None = None,
    most: int = 100,
) -> MaybeCoroutine[list[Instance]]:
    """Look for instances, live and finished, the newest first. For people and their tools.

    A key, a parent, and statuses in which few instances are lead to these alone. Otherwise it goes
    back from the newest instance until it has found enough, so that what is rare and old takes as
    long as there are younger ones: ``gendurable.look.search`` finds page by page, each within a
    bounded time.

    Args:
        conn: the caller's connection.
        machine: a machine, a job, or its name; any version of it.
        status: one or several: ``runnable``, ``executing``, ``awaiting_signal``,
            ``awaiting_children``, ``done``, ``failed``.
        step: where they stand, or what they ended with: a name or a step method.
        queue: the queue.
        correlation_key: all that ever carried it, as far as they are kept.
        parent: the id of the instance that scheduled them.
        before: only instances with a smaller id: the next page follows the last one's.
        most: how many at most.

    Raises:
        InvalidArgumentError: ``most`` is negative, or a status is none.
        UsageError: an argument has a wrong type.
    """
    parameters: dict[str, str | list[str] | None] = {
        "fsm": None if machine is None else fsm_name(machine),
        "status": None if status is None else texts("status", status),
        "step": None if step is None else step_name(None, step),
        "queue": optional(text, "queue", queue),
        "correlation_key": optional(key, "correlation_key", correlation_key),
        "parent": None if parent is None else identifier("parent", parent),
        "before": None if before is None else identifier("before", before),
        "most": str(integer("most", most)),
    }
    return call(
        conn,
        _FIND,
        parameters,
        lambda rows: [decoded(row, Instance) for row in rows],
        name="find",
    )


@sync_or_async
def signals(
    conn: AnyConnection, /, instance: int, after: int = 0, most: int = 100
) -> MaybeCoroutine[list[Signal]]:
    """Look into the inbox of a live instance, by arrival; [] if there is no such instance.

    Args:
        conn: the caller's connection.
        instance: its id.
        after: only signals with a greater id: the next page follows the last one's.
        most: how many at most.

    Raises:
        InvalidArgumentError: ``most`` is negative.
        UsageError: an argument has a wrong type.
    """
    parameters = {
        "id": identifier("instance", instance),
        "after": identifier("after", after),
        "most": str(integer("most", most)),
    }
    return call(conn, _SIGNALS, parameters, lambda texts: [decoded(t, Signal) for t in texts])


@sync_or_async
def children(
    conn: AnyConnection, /, parent: int, after: int = 0, most: int = 100
) -> MaybeCoroutine[list[ChildResult]]:
    """Look at the children of an instance's latest round, finished or not, by ``ord``.

    Args:
        conn: the caller's connection.
        parent: the id of the instance that scheduled them.
        after: only children with a greater ``ord``: the next page follows the last one's.
        most: how many at most.

    Raises:
        InvalidArgumentError: ``most`` is negative.
        UsageError: an argument has a wrong type.
    """
    parameters = {
        "parent": identifier("parent", parent),
        "after": str(integer("after", after)),
        "most": str(integer("most", most)),
    }
    return call(conn, _CHILDREN, parameters, lambda texts: [decoded(t, ChildResult) for t in texts])


@sync_or_async
def cancel(
    conn: AnyConnection,
    /,
    target: Address,
    reason: str | None = None,
    *,
    cascade: bool = False,
) -> MaybeCoroutine[int]:
    """Make an instance failed at once, running or not.

    Its error is ``{"kind": "cancelled", "reason": reason}``. What a running step still answers is
    dropped; its worker hears of it with the next heartbeat. Waits for other transactions that have
    the instance locked.

    Args:
        conn: the caller's connection.
        target: a correlation key (str or UUID), or the id of an instance (int).
        reason: for people, any text.
        cascade: also cancel everything live below it, whether or not it is live itself.

    Returns:
        How many were newly cancelled, this one included; 0 if there was nothing live.

    Raises:
        UsageError: an argument has a wrong type.
    """
    if not isinstance(cascade, bool):
        raise refused("cascade", cascade, "True or False")
    kind, address = addressed(target)
    parameters = {
        "target": address,
        "reason": optional(text, "reason", reason),
        "cascade": "true" if cascade else "false",
    }
    return call(conn, _CANCEL.format(type=kind), parameters, lambda texts: int(texts[0]))


@sync_or_async
def retry(
    conn: AnyConnection, /, instance: int, step: StepRef | None = None, state: Any = None
) -> MaybeCoroutine[str]:
    """Bring a failed instance back from the archive; a cancelled one is failed too.

    Args:
        conn: the caller's connection.
        instance: its id.
        step: where it goes on, the method or its name; None means the step that failed, under the
            same rate limit.
        state: what it goes on with, any JSON value or struct, not checked against the machine's
            state type; None means the state it failed with.

    Returns:
        ``retried``, ``no_target`` (there is none, or retention has forgotten it), ``not_failed``
        or ``key_taken`` (another instance has its correlation key now).

    Raises:
        InvalidArgumentError: the step is empty or longer than 1,000 bytes.
        StateError: the state has no JSON form.
        UsageError: an argument has a wrong type.
    """
    parameters = {
        "id": identifier("instance", instance),
        "step": None if step is None else step_name(None, step),
        "state": json_text(state),
    }
    return call(conn, _RETRY, parameters, _first)


@sync_or_async
def cancel_many(
    conn: AnyConnection, /, instances: Iterable[int], reason: str | None = None
) -> MaybeCoroutine[list[str]]:
    """Make instances failed at once, each as ``cancel`` does without ``cascade``; none waits.

    Args:
        conn: the caller's connection.
        instances: their ids.
        reason: for people, any text.

    Returns:
        For each id, in order: ``cancelled``; ``no_target``, where nothing of it is live; or
        ``busy``: another transaction has had it locked for 50 ms. Call again for those.

    Raises:
        UsageError: an argument has a wrong type.
    """
    parameters = {"ids": identifiers(instances), "reason": optional(text, "reason", reason)}
    return call(conn, _CANCEL_MANY, parameters, list)


@sync_or_async
def retry_many(conn: AnyConnection, /, instances: Iterable[int]) -> MaybeCoroutine[list[str]]:
    """Bring failed instances back, each as ``retry`` does, to the step that failed; none waits.

    Args:
        conn: the caller's connection.
        instances: their ids.

    Returns:
        For each id, in order, what ``retry`` returns; or ``busy``: another transaction has it
        locked, or has had its correlation key for 50 ms. Call again for those.

    Raises:
        UsageError: an argument has a wrong type.
    """
    return call(conn, _RETRY_MANY, {"ids": identifiers(instances)}, list)


@sync_or_async
def pause(conn: AnyConnection, /, queue: str) -> MaybeCoroutine[None]:
    """Hand out nothing more of a queue until ``resume``; what runs finishes.

    Waits for the picks that are under way; nothing is handed out from its return on, and a rollback
    ends the pause.

    Raises:
        InvalidArgumentError: the queue is empty or longer than 1,000 bytes.
    """
    return call(conn, _PAUSE, {"queue": text("queue", queue)}, _nothing)


@sync_or_async
def resume(conn: AnyConnection, /, queue: str) -> MaybeCoroutine[None]:
    """End the pause of a queue; no error if it was not paused.

    Raises:
        InvalidArgumentError: the queue is empty or longer than 1,000 bytes.
    """
    return call(conn, _RESUME, {"queue": text("queue", queue)}, _nothing)


@sync_or_async
def set_rate_limit(
    conn: AnyConnection, /, name: str, allowed: float, period: Duration, burst: float | None = None
) -> MaybeCoroutine[None]:
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
    parameters = {
        "name": text("name", name),
        "allowed": str(number("allowed", allowed)),
        "period": interval(period, "period"),
        "burst": optional(number, "burst", burst),
    }
    return call(conn, _SET_RATE_LIMIT, parameters, _nothing)


@sync_or_async
def drop_rate_limit(conn: AnyConnection, /, name: str) -> MaybeCoroutine[None]:
    """Take a rate limit back: what names it waits until it is set again.

    Raises:
        InvalidArgumentError: the name is empty, too long or has a colon.
    """
    return call(conn, _DROP_RATE_LIMIT, {"name": text("name", name)}, _nothing)


@sync_or_async
def set_concurrency_limit(
    conn: AnyConnection, /, name: str, max_executing: int
) -> MaybeCoroutine[None]:
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
    parameters = {
        "name": text("name", name),
        "max_executing": str(integer("max_executing", max_executing)),
    }
    return call(conn, _SET_CONCURRENCY_LIMIT, parameters, _nothing)


@sync_or_async
def drop_concurrency_limit(conn: AnyConnection, /, name: str) -> MaybeCoroutine[None]:
    """Take a concurrency limit back: one instance of each of its keys at once.

    Raises:
        InvalidArgumentError: the name is empty, too long or has a colon.
    """
    return call(conn, _DROP_CONCURRENCY_LIMIT, {"name": text("name", name)}, _nothing)


@sync_or_async
def set_queue_limit(
    conn: AnyConnection, /, queue: str, max_executing: int | None
) -> MaybeCoroutine[None]:
    """Set how many instances of a queue may execute at once, whichever workers run them.

    It waits for picks in flight and applies to the next one; what executes goes on and is counted.
    Commit soon: until then nothing of the queue starts.

    Args:
        conn: the caller's connection.
        queue: its name.
        max_executing: 0 stops the queue; None means any number.

    Raises:
        InvalidArgumentError: ``max_executing`` is negative, or the queue is empty or too long.
    """
    parameters = {
        "queue": text("queue", queue),
        "max_executing": optional(integer, "max_executing", max_executing),
    }
    return call(conn, _SET_QUEUE_LIMIT, parameters, _nothing)


@sync_or_async
def set_retention(
    conn: AnyConnection, /, retention: Duration | None, failed: Duration | None = None
) -> MaybeCoroutine[None]:
    """Set how long finished instances are kept; a day, until it is set.

    It applies to what has finished already, too. Commit soon: until then nothing is forgotten.

    Args:
        conn: the caller's connection.
        retention: seconds, or a timedelta; None means for ever.
        failed: how long failed ones are kept, no shorter; None means as long.

    Raises:
        InvalidArgumentError: ``retention`` is negative or beyond a thousand years, or ``failed``
            is shorter.
    """
    parameters = {
        "retention": None if retention is None else interval(retention, "retention"),
        "failed": None if failed is None else interval(failed, "failed"),
    }
    return call(conn, _SET_RETENTION, parameters, _nothing)


@sync_or_async
def schedule(conn: AnyConnection, /, target: Target, when: Schedule) -> MaybeCoroutine[datetime]:
    """Create a schedule, or replace the one of its name.

    Args:
        conn: the caller's connection.
        target: a machine, a job, or the name of one.
        when: when instances of it are created, and what they are.

    Returns:
        The next occurrence.

    Raises:
        InvalidArgumentError: the engine refuses an argument; the detail has the field.
        StateError: the state does not fit the machine.
        UsageError: an argument has a wrong type.
    """
    if not isinstance(when, Schedule):
        raise refused("when", when, "a Schedule")
    arguments = when.arguments(target)
    parameters = {name: _sent(arguments.get(name)) for name in SCHEDULE_ARGUMENTS}
    return call(conn, _SCHEDULE, parameters, lambda texts: decoded(texts[0], datetime))


@sync_or_async
def unschedule(conn: AnyConnection, /, name: str) -> MaybeCoroutine[bool]:
    """Drop a schedule; what it has created lives on. False if there was none.

    A worker whose code still has it creates it again when it starts.

    Raises:
        InvalidArgumentError: the name is empty or longer than 1,000 bytes.
    """
    return call(conn, _UNSCHEDULE, {"name": text("name", name)}, _truth)


@sync_or_async
def pause_schedule(conn: AnyConnection, /, name: str) -> MaybeCoroutine[bool]:
    """Fire nothing of a schedule until ``resume_schedule``. False if there is none.

    Raises:
        InvalidArgumentError: the name is empty or longer than 1,000 bytes.
    """
    return call(conn, _PAUSE_SCHEDULE, {"name": text("name", name)}, _truth)


@sync_or_async
def resume_schedule(conn: AnyConnection, /, name: str) -> MaybeCoroutine[bool]:
    """End the pause of a schedule; no error if it was not paused. False if there is none.

    Raises:
        InvalidArgumentError: the name is empty or longer than 1,000 bytes.
    """
    return call(conn, _RESUME_SCHEDULE, {"name": text("name", name)}, _truth)


@sync_or_async
def next_occurrence(
    conn: AnyConnection, /, cron: str, timezone: str = "UTC", after: datetime | None = None
) -> MaybeCoroutine[datetime | None]:
    """When a schedule would next be due.

    Args:
        conn: the caller's connection.
        cron: as in ``Schedule``.
        timezone: by whose clocks.
        after: a moment; now by default.

    Returns:
        None if there is none within ten years.

    Raises:
        InvalidArgumentError: the expression or the time zone is none; the detail has the field.
        UsageError: an argument has a wrong type.
    """
    parameters = {
        "cron": text("cron", cron),
        "timezone": text("timezone", timezone),
        "after": optional(moment, "after", after),
    }
    return call(conn, _NEXT_OCCURRENCE, parameters, _moment)


@sync_or_async
def set_history(
    conn: AnyConnection, /, machine: Target | None, level: str | None
) -> MaybeCoroutine[None]:
    """Set how much of the history of a machine's instances is kept; it acts on the next outcome.

    Args:
        conn: the caller's connection.
        machine: a machine, a job or a name; None: all that have no level of their own.
        level: ``none``, ``errors`` or ``steps``; None goes back to the level of all others, or for
            all to ``errors``.

    Raises:
        InvalidArgumentError: another level, or a name that is empty or too long.
        UsageError: an argument has a wrong type.
    """
    parameters = {
        "fsm": None if machine is None else fsm_name(machine),
        "level": optional(text, "level", level),
    }
    return call(conn, _SET_HISTORY, parameters, _nothing)


def _moment(texts: Texts) -> datetime | None:
    return msgspec.json.decode(texts[0], type=datetime | None)


def _truth(texts: Texts) -> bool:
    return texts[0] == "true"


def _first(texts: Texts) -> str:
    return texts[0]


def _nothing(_: Texts) -> None:
    pass


# Arguments: each is checked and made text here, whatever adapters the caller's connection has.


def _sent(value: Any) -> str | list[str] | None:
    """An argument of an entry, which is in its JSON form, as text."""
    if value is None or isinstance(value, list):
        return value
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else str(value)


def _batch(entries: Iterable[Any], kind: type[Entry | SignalEntry]) -> str:
    """Entries as one JSON array."""
    if isinstance(entries, (str, bytes, Mapping)) or not isinstance(entries, Iterable):
        raise refused("entries", entries, f"a list of {kind.__name__}")
    arguments = []
    for place, entry in enumerate(entries, 1):
        if not isinstance(entry, kind):
            raise refused(f"entry {place}", entry, f"of type {kind.__name__}")
        arguments.append(entry.arguments())
    return encode_json(arguments).decode()
