"""What a person on call asks: which instances, why one does not run, what fails, what waits.

For tools (the command line, the dashboard, yours); all of it is for ``gd_client``, and writes
nothing. As in ``client``, each call takes a sync connection or an async one and answers with the
value or with a coroutine of it. Each is one round trip, and looks at a bounded part of what there
is, so that it is quick with millions of instances.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from gendurable.arguments import (
    Duration,
    addressed,
    identifier,
    integer,
    interval,
    json_text,
    key,
    moment,
    optional,
    text,
    texts,
)
from gendurable.calls import AnyConnection, MaybeCoroutine, call, decoded, sync_or_async
from gendurable.client import Address, Event, Instance
from gendurable.context import ChildResult, Signal
from gendurable.entry import Target, fsm_name, step_name
from gendurable.steps import StepRef

__all__ = [
    "Cause",
    "Detail",
    "Failure",
    "FailureGroup",
    "Finding",
    "Holder",
    "Limit",
    "Line",
    "Minute",
    "Node",
    "Page",
    "Queue",
    "ScheduleState",
    "Stuck",
    "StuckGroup",
    "WorkerState",
    "detail",
    "doctor",
    "failure_groups",
    "failures",
    "horizon",
    "limits",
    "lines",
    "queues",
    "schedules",
    "search",
    "stuck",
    "stuck_groups",
    "throughput",
    "tree",
    "why",
    "workers",
]


class Page(msgspec.Struct, frozen=True):
    """A page of a search.

    Attributes:
        instances: what was found, the newest first.
        before: where the next page begins; None: this is the last one. A page that is not the last
            may be short, or empty: it has looked at as many instances as it may.
        looked: at how many instances it has looked.
    """

    instances: list[Instance]
    before: int | None
    looked: int


class Cause(msgspec.Struct, frozen=True):
    """What keeps an instance from running: a row of ``gd_why``.

    Attributes:
        id: the instance.
        reason: one word for programs; ``gd_why`` lists them.
        detail: a sentence for people.
        remedy: what to do about it, in words; None where there is nothing to do.
        since: since when, as far as that is known.
    """

    id: int
    reason: str
    detail: str
    remedy: str | None
    since: datetime | None


class Detail(msgspec.Struct, frozen=True):
    """One instance with all that belongs to it.

    Attributes:
        instance: itself.
        why: what keeps it from running, the first reason first.
        history: what has happened to it, the oldest first, the latest 1,000.
        inbox: its signals by arrival, the first 100.
        children: of its latest round by ``ord``, the first 100.
    """

    instance: Instance
    why: list[Cause]
    history: list[Event]
    inbox: list[Signal]
    children: list[ChildResult]


class Node(msgspec.Struct, frozen=True):
    """An instance in a tree of parents and children; ``depth`` is 0 for the root."""

    id: int
    parent_id: int | None
    depth: int
    fsm: str
    step: str
    status: str
    queue: str
    correlation_key: str | None
    error: Any
    enqueued_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class Queue(msgspec.Struct, frozen=True):
    """A row of ``gd_queues``; ``oldest_ready_age`` in seconds."""

    queue: str
    paused: bool
    ready: int
    scheduled: int
    held: int
    executing: int
    awaiting: int
    depth: int
    oldest_ready_age: float | None
    next_due: datetime | None
    workers: int
    max_executing: int | None


class WorkerState(msgspec.Struct, frozen=True):
    """A row of ``gd_workers``."""

    id: int
    name: str
    queues: list[str]
    executing: int
    registered_at: datetime
    lease_until: datetime | None
    alive: bool
    info: Any


class Limit(msgspec.Struct, frozen=True):
    """A row of ``gd_limits``; ``kind`` is ``rate`` or ``concurrency``, ``period`` in seconds."""

    kind: str
    name: str
    allowed: float | None
    period: float | None
    burst: float | None
    max_executing: int | None
    keys: int
    in_use: float
    waiting: int


class Line(msgspec.Struct, frozen=True):
    """What waits for one key of a limit: a row of ``gd_lines``; ``first`` is the most urgent."""

    key: str
    in_use: float
    waiting: int
    first: int | None
    due_at: datetime | None


class ScheduleState(msgspec.Struct, frozen=True):
    """A row of ``gd_schedules``."""

    name: str
    cron: str
    timezone: str
    fsm: str
    fsm_version: int | None
    step: str
    state: Any
    queue: str
    priority: int
    overlap: str
    missed: str
    stamp: str | None
    paused: bool
    next_at: datetime | None
    last_at: datetime | None
    last_id: int | None
    fired: int
    skipped: int


class Failure(msgspec.Struct, frozen=True):
    """A failed instance, with its error."""

    id: int
    fsm: str
    fsm_version: int
    step: str
    queue: str
    attempt: int
    correlation_key: str | None
    error: Any
    finished_at: datetime


class FailureGroup(msgspec.Struct, frozen=True):
    """Failures of one kind: how many, the first and the last, and the id of the last.

    ``kind`` is the error's type, or what it says of itself; ``message`` that of the last one.
    """

    fsm: str
    step: str
    kind: str | None
    count: int
    first_at: datetime
    last_at: datetime
    last_id: int
    message: str | None


class Finding(msgspec.Struct, frozen=True):
    """What ``gd_doctor`` has found.

    Attributes:
        topic: what was looked at.
        status: ``ok``, ``warning`` or ``problem``.
        detail: a sentence for people.
        remedy: what to do about it, in words; None where there is nothing to do.
        at: the server's clock; ``pid`` its process.
    """

    topic: str
    status: str
    detail: str
    remedy: str | None
    at: datetime
    pid: int


class Minute(msgspec.Struct, frozen=True):
    """Steps that workers have run in a minute, by machine and outcome; ``seconds`` in all."""

    minute: datetime
    fsm: str
    kind: str
    count: int
    seconds: float
    slowest: float


class Stuck(msgspec.Struct, frozen=True):
    """A runnable instance that cannot start now: a row of ``gd_stuck``."""

    id: int
    fsm: str
    queue: str
    step: str
    reason: str
    detail: str | None
    since: datetime | None


class StuckGroup(msgspec.Struct, frozen=True):
    """Instances that are stuck for one reason: how many, the first of them, since when.

    ``more``: there are more than were counted.
    """

    reason: str
    queue: str
    detail: str | None
    count: int
    more: bool
    first: int
    since: datetime | None


class Holder(msgspec.Struct, frozen=True):
    """What keeps VACUUM from removing dead rows: a row of ``gd_horizon``; ``age`` in transactions.

    Attributes:
        kind: ``session``, ``standby``, ``prepared`` or ``slot``.
        pid: the server's process, None where there is none.
        name: the role and the application of a session, the name of the others.
        since: when it began, as far as the server says that.
        seconds: how long ago that is.
        age: how many transactions have begun since.
        detail: what it does.
    """

    kind: str
    pid: int | None
    name: str
    since: datetime | None
    seconds: float | None
    age: int
    detail: str | None


T = TypeVar("T")

_JSON_COLUMNS = ("state", "result", "error", "progress")
_TOO_DEEP = "(nested too deeply to be read here)"

# JSON has no infinity, which a moment may be.
_INSTANCE = """
    (to_jsonb(i) || jsonb_build_object(
        'eligible_at', case when isfinite(i.eligible_at) then i.eligible_at end))"""
# A list is read whatever one of its values is: each comes as text of its own.
_LISTED = f"""
    ({_INSTANCE} || jsonb_build_object(
        'state', i.state::text, 'result', i.result::text, 'error', i.error::text,
        'progress', i.progress::text))"""
_SEARCH = f"""
    select json_build_object(
        'before', f.next_before, 'looked', f.looked,
        'instances', coalesce(
            (select json_agg({_LISTED} order by i.id desc)
             from public.gd_instances as i where i.id = any (f.ids)), '[]'))::text
    from public.gd_find(
        fsm => %(fsm)s::text, status => %(status)s::text[], step => %(step)s::text,
        queue => %(queue)s::text, correlation_key => %(correlation_key)s::text,
        key_prefix => %(key_prefix)s::text, concurrency_key => %(concurrency_key)s::text,
        parent => %(parent)s::bigint,
        state => %(state)s::jsonb, since => %(since)s::timestamptz,
        until => %(until)s::timestamptz, before => %(before)s::bigint,
        most => %(most)s::int, looks => %(looks)s::int) as f"""  # noqa: S608 (nothing from outside)
_WHY = "select to_json(w)::text from public.gd_why(target => %(target)s::{type}) as w"
_DETAIL = f"""
    select json_build_object(
        'instance', {_INSTANCE},
        'why', coalesce((select json_agg(w) from public.gd_why(target => i.id) as w), '[]'),
        'history', coalesce(
            (select json_agg(h order by h.n)
             from (select h.* from public.gd_history(target => i.id) with ordinality
                       as h (at, started_at, event, step, attempt, worker, detail, n)
                   order by h.n desc limit 1000) as h), '[]'),
        'inbox', coalesce(
            (select json_agg(json_build_object('id', s.signal_id, 'name', s.name,
                                               'payload', s.payload, 'sent_at', s.sent_at)
                             order by s.signal_id)
             from public.gd_signals(id => i.id) as s), '[]'),
        'children', coalesce(
            (select json_agg(c order by c.ord)
             from public.gd_children(parent => i.id) as c), '[]'))::text
    from public.gd_instances as i"""  # noqa: S608 (nothing from outside)
_DETAIL_BY = {
    "bigint": _DETAIL + " where i.id = %(target)s::bigint",
    "text": _DETAIL  # noqa: S608 (nothing from outside)
    + " where i.id = (select s.id from public.gd_status(target => %(target)s::text) as s)",
}
_TREE = """
    select to_json(t)::text
    from public.gd_tree(root => %(root)s::bigint, most => %(most)s::int) as t
    order by t.depth, t.id"""
_QUEUES = """
    select (to_jsonb(q) || jsonb_build_object(
               'oldest_ready_age', extract(epoch from q.oldest_ready_age)::float8))::text
    from public.gd_queues as q order by q.queue"""
_WORKERS = """
    select (to_jsonb(w) || jsonb_build_object(
               'lease_until', case when isfinite(w.lease_until) then w.lease_until end))::text
    from public.gd_workers as w order by not w.alive, w.name, w.id"""
_LIMITS = """
    select (to_jsonb(l) || jsonb_build_object('period', extract(epoch from l.period)::float8))::text
    from public.gd_limits as l order by l.kind, l.name"""
_LINES = """
    select to_json(l)::text
    from public.gd_lines(kind => %(kind)s, name => %(name)s, most => %(most)s::int) as l
    order by l.waiting desc, l.in_use desc, l.key"""
_SCHEDULES = """
    select (to_jsonb(s) || jsonb_build_object(
               'next_at', case when isfinite(s.next_at) then s.next_at end))::text
    from public.gd_schedules as s order by s.name"""
_HORIZON = """
    select (to_jsonb(h) || jsonb_build_object(
               'seconds', extract(epoch from clock_timestamp() - h.since)::float8))::text
    from public.gd_horizon() with ordinality as h order by h.ordinality"""
# The conditions are those for which the archive has indexes.
_FAILED = """
    from public.gd_instances as i
    where i.status = 'failed' and i.finished_at > now() - %(since)s::interval"""
_FAILURES = {
    narrow: f"""
    select json_build_object(
        'id', i.id, 'fsm', i.fsm, 'fsm_version', i.fsm_version, 'step', i.step, 'queue', i.queue,
        'attempt', i.attempt, 'correlation_key', i.correlation_key, 'error', i.error::text,
        'finished_at', i.finished_at)::text {_FAILED} {narrow}
    and (%(step)s::text is null or i.step = %(step)s::text)
    and (i.finished_at, i.id) < (coalesce(%(before)s::timestamptz, 'infinity'),
                                 coalesce(%(before_id)s::bigint, 9223372036854775807))
    order by i.finished_at desc, i.id desc limit %(most)s::int"""
    for narrow in ("", "and i.fsm = %(fsm)s::text")
}
_FAILURE_GROUPS = {
    narrow: f"""
    select json_build_object(
        'fsm', g.fsm, 'step', g.step, 'kind', g.kind, 'count', g.count,
        'first_at', g.first_at, 'last_at', g.last_at, 'last_id', g.last_id,
        'message', (select coalesce(i.error ->> 'message', i.error ->> 'reason', i.error #>> '{{}}')
                    from public.gd_instances as i where i.id = g.last_id))::text
    from (
        select i.fsm, i.step, coalesce(i.error ->> 'type', i.error ->> 'kind') as kind,
               count(*) as count, min(i.finished_at) as first_at, max(i.finished_at) as last_at,
               max(i.id) as last_id
        from (select i.id, i.fsm, i.step, i.error, i.finished_at {_FAILED} {narrow}
              and (%(step)s::text is null or i.step = %(step)s::text)
              order by i.finished_at desc limit %(looks)s::int) as i
        group by i.fsm, i.step, coalesce(i.error ->> 'type', i.error ->> 'kind')
    ) as g
    order by g.count desc, g.last_at desc"""  # noqa: S608 (nothing from outside)
    for narrow in ("", "and i.fsm = %(fsm)s::text")
}
_THROUGHPUT = """
    select json_build_object(
        'minute', t.minute, 'fsm', t.fsm, 'kind', t.kind, 'count', sum(t.count),
        'seconds', sum(t.seconds), 'slowest', max(t.slowest))::text
    from public.gd_throughput as t
    where t.minute > now() - %(since)s::interval
    group by t.minute, t.fsm, t.kind
    order by t.minute, t.fsm, t.kind"""
_STUCK_ROWS = """
    (select s.id, s.fsm, s.queue, s.step, s.reason, s.detail,
            case when isfinite(s.since) then s.since end as since
     from public.gd_stuck(most => %(most)s::int) as s) as s"""
_STUCK = f"""
    select to_json(s)::text from {_STUCK_ROWS}
    order by s.since nulls first, s.id limit %(most)s::int"""  # noqa: S608 (nothing from outside)
_STUCK_GROUPS = f"""
    select json_build_object(
        'reason', s.reason, 'queue', s.queue, 'detail', s.detail, 'count', count(*),
        'more', count(*) >= %(most)s::int, 'first', min(s.id), 'since', min(s.since))::text
    from {_STUCK_ROWS}
    group by s.reason, s.queue, s.detail
    order by count(*) desc, s.reason, s.queue, s.detail"""  # noqa: S608 (nothing from outside)


_DOCTOR = "select to_json(d)::text from public.gd_doctor(channel => %(channel)s) as d"


@sync_or_async
def search(
    conn: AnyConnection,
    /,
    *,
    machine: Target | None = None,
    status: str | Iterable[str] | None = None,
    step: StepRef | None = None,
    queue: str | None = None,
    correlation_key: str | UUID | int | None = None,
    key_prefix: str | None = None,
    concurrency_key: str | None = None,
    parent: int | None = None,
    state: Any = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    most: int = 100,
    looks: int = 20_000,
) -> MaybeCoroutine[Page]:
    """Look for instances, live and finished, the newest first, page by page.

    Args:
        conn: the caller's connection.
        machine: a machine, a job, or its name; any version of it.
        status: one or several: ``runnable``, ``executing``, ``awaiting_signal``,
            ``awaiting_children``, ``done``, ``failed``.
        step: where they stand, or what they ended with.
        queue: the queue.
        correlation_key: all that ever carried it, as far as they are kept.
        key_prefix: what the correlation key begins with.
        concurrency_key: the whole of it.
        parent: the id of the instance that scheduled them.
        state: what the state contains, as PostgreSQL's ``@>`` has it.
        since: enqueued then or later.
        until: enqueued before.
        before: only smaller ids: ``Page.before`` of the page before.
        most: how many at most.
        looks: at how many instances to look at most; it bounds how long a page takes.

    Raises:
        InvalidArgumentError: a status that is none, a negative ``most``, no ``looks``.
        StateError: ``state`` has no JSON form.
        UsageError: an argument has a wrong type.
    """
    parameters: dict[str, str | list[str] | None] = {
        "fsm": None if machine is None else fsm_name(machine),
        "status": None if status is None else texts("status", status),
        "step": None if step is None else step_name(None, step),
        "queue": optional(text, "queue", queue),
        "correlation_key": optional(key, "correlation_key", correlation_key),
        "key_prefix": optional(text, "key_prefix", key_prefix),
        "concurrency_key": optional(text, "concurrency_key", concurrency_key),
        "parent": None if parent is None else identifier("parent", parent),
        "state": json_text(state),
        "since": optional(moment, "since", since),
        "until": optional(moment, "until", until),
        "before": None if before is None else identifier("before", before),
        "most": str(integer("most", most)),
        "looks": str(integer("looks", looks)),
    }
    return call(conn, _SEARCH, parameters, lambda rows: _page(rows[0]), name="search")


@sync_or_async
def why(conn: AnyConnection, /, target: Address) -> MaybeCoroutine[list[Cause]]:
    """Why an instance does not run: all that keeps it from it, the first one first.

    Returns:
        [] if there is no such instance, or retention has forgotten it.
    """
    kind, address = addressed(target)
    return call(
        conn,
        _WHY.format(type=kind),
        {"target": address},
        lambda rows: [decoded(row, Cause) for row in rows],
    )


@sync_or_async
def detail(conn: AnyConnection, /, target: Address) -> MaybeCoroutine[Detail | None]:
    """Look at one instance, by id (int) or correlation key (str or UUID), and all around it.

    Returns:
        None if there is no such instance, or retention has forgotten it.
    """
    kind, address = addressed(target)
    return call(
        conn,
        _DETAIL_BY[kind],
        {"target": address},
        lambda rows: decoded(rows[0], Detail) if rows else None,
        name="detail",
    )


@sync_or_async
def tree(conn: AnyConnection, /, root: int, most: int = 1000) -> MaybeCoroutine[list[Node]]:
    """Look at an instance and what descends from it: parents before children, these by id.

    Returns:
        ``most`` at most; [] if there is no such instance.
    """
    parameters = {"root": identifier("root", root), "most": str(integer("most", most))}
    return call(conn, _TREE, parameters, lambda rows: [decoded(row, Node) for row in rows])


@sync_or_async
def queues(conn: AnyConnection, /) -> MaybeCoroutine[list[Queue]]:
    """Look at all queues, by name."""
    return call(conn, _QUEUES, {}, lambda rows: [decoded(r, Queue) for r in rows], name="queues")


@sync_or_async
def workers(conn: AnyConnection, /) -> MaybeCoroutine[list[WorkerState]]:
    """Look at all registered workers: the live ones first, by name."""
    return call(
        conn, _WORKERS, {}, lambda rows: [decoded(r, WorkerState) for r in rows], name="workers"
    )


@sync_or_async
def limits(conn: AnyConnection, /) -> MaybeCoroutine[list[Limit]]:
    """Look at all limits that are set or in use, by kind and name."""
    return call(conn, _LIMITS, {}, lambda rows: [decoded(r, Limit) for r in rows], name="limits")


@sync_or_async
def lines(
    conn: AnyConnection, /, kind: str, name: str, most: int = 100
) -> MaybeCoroutine[list[Line]]:
    """Look at what waits for a limit, key by key, the longest line first.

    Args:
        conn: the caller's connection.
        kind: ``concurrency`` or ``rate``.
        name: the limit's: the part of the keys before the first colon.
        most: how many keys at most.

    Raises:
        InvalidArgumentError: another kind, or a negative ``most``.
    """
    parameters = {
        "kind": text("kind", kind),
        "name": text("name", name),
        "most": str(integer("most", most)),
    }
    return call(conn, _LINES, parameters, lambda rows: [decoded(row, Line) for row in rows])


@sync_or_async
def schedules(conn: AnyConnection, /) -> MaybeCoroutine[list[ScheduleState]]:
    """Look at all schedules, by name."""
    return call(
        conn,
        _SCHEDULES,
        {},
        lambda rows: [decoded(row, ScheduleState) for row in rows],
        name="schedules",
    )


@sync_or_async
def failures(
    conn: AnyConnection,
    /,
    *,
    since: Duration,
    machine: Target | None = None,
    step: StepRef | None = None,
    most: int = 100,
    before: Failure | None = None,
) -> MaybeCoroutine[list[Failure]]:
    """Look at what has failed, the newest first.

    Args:
        conn: the caller's connection.
        since: how long ago at most: seconds or a timedelta.
        machine: a machine, a job, or its name.
        step: the step that failed.
        most: how many at most.
        before: the last one of the page before.
    """
    parameters: dict[str, str | list[str] | None] = {
        "since": interval(since, "since"),
        "fsm": None if machine is None else fsm_name(machine),
        "step": None if step is None else step_name(None, step),
        "before": None if before is None else moment("before", before.finished_at),
        "before_id": None if before is None else identifier("before", before.id),
        "most": str(integer("most", most)),
    }
    return call(
        conn,
        _FAILURES["" if machine is None else "and i.fsm = %(fsm)s::text"],
        parameters,
        lambda rows: [_listed(msgspec.json.decode(row), Failure) for row in rows],
        name="failures",
    )


@sync_or_async
def failure_groups(
    conn: AnyConnection,
    /,
    *,
    since: Duration,
    machine: Target | None = None,
    step: StepRef | None = None,
    looks: int = 20_000,
) -> MaybeCoroutine[list[FailureGroup]]:
    """Look at what has failed, by machine, step and type of error, the most frequent first.

    Args:
        conn: the caller's connection.
        since: how long ago at most: seconds or a timedelta.
        machine: a machine, a job, or its name.
        step: the step that failed.
        looks: at how many failures to look at most, the newest.
    """
    parameters = {
        "since": interval(since, "since"),
        "fsm": None if machine is None else fsm_name(machine),
        "step": None if step is None else step_name(None, step),
        "looks": str(integer("looks", looks)),
    }
    return call(
        conn,
        _FAILURE_GROUPS["" if machine is None else "and i.fsm = %(fsm)s::text"],
        parameters,
        lambda rows: [decoded(row, FailureGroup) for row in rows],
        name="failure_groups",
    )


@sync_or_async
def throughput(conn: AnyConnection, /, since: Duration = 3600) -> MaybeCoroutine[list[Minute]]:
    """Look at how many steps have run, by minute, machine and outcome, the oldest first.

    Args:
        conn: the caller's connection.
        since: how long ago at most, up to a day: seconds or a timedelta.
    """
    return call(
        conn,
        _THROUGHPUT,
        {"since": interval(since, "since")},
        lambda rows: [decoded(row, Minute) for row in rows],
        name="throughput",
    )


@sync_or_async
def stuck(conn: AnyConnection, /, most: int = 100) -> MaybeCoroutine[list[Stuck]]:
    """Look at runnable instances that cannot start now, and why, the oldest first.

    Args:
        conn: the caller's connection.
        most: how many at most, in all and of each kind that is looked at.
    """
    return call(
        conn,
        _STUCK,
        {"most": str(integer("most", most))},
        lambda rows: [decoded(row, Stuck) for row in rows],
        name="stuck",
    )


@sync_or_async
def stuck_groups(conn: AnyConnection, /, most: int = 1000) -> MaybeCoroutine[list[StuckGroup]]:
    """Look at the reasons for which instances cannot start now, the most frequent first.

    Args:
        conn: the caller's connection.
        most: how many of each kind to look at.
    """
    return call(
        conn,
        _STUCK_GROUPS,
        {"most": str(integer("most", most))},
        lambda rows: [decoded(row, StuckGroup) for row in rows],
        name="stuck_groups",
    )


@sync_or_async
def doctor(conn: AnyConnection, /, channel: str | None = None) -> MaybeCoroutine[list[Finding]]:
    """Have the engine, and what it needs of the server, examined.

    Args:
        conn: the caller's connection.
        channel: one to notify, so that a listener can tell whether it hears.
    """
    return call(
        conn,
        _DOCTOR,
        {"channel": optional(text, "channel", channel)},
        lambda rows: [decoded(row, Finding) for row in rows],
    )


@sync_or_async
def horizon(conn: AnyConnection, /) -> MaybeCoroutine[list[Holder]]:
    """Look at what keeps VACUUM from removing dead rows of this database, the oldest first."""
    return call(conn, _HORIZON, {}, lambda rows: [decoded(row, Holder) for row in rows])


def _page(answer: str) -> Page:
    told = msgspec.json.decode(answer)
    instances = [_listed(each, Instance) for each in told["instances"]]
    return Page(instances, told["before"], told["looked"])


def _listed(told: dict[str, Any], kind: type[T]) -> T:
    """One of a list, of which the JSON values came as texts."""
    texts = {name: told[name] for name in _JSON_COLUMNS if told.get(name) is not None}
    return msgspec.convert(told | {name: _value(text) for name, text in texts.items()}, kind)


def _value(text: str) -> Any:
    try:
        return decoded(text, Any)
    except RecursionError:
        return _TOO_DEEP
