"""What there is but instances: queues, workers, limits, schedules, failures, what is stuck."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from gendurable.cli.command import Dsn, Json, command, connected
from gendurable.cli.output import Column, emit, put, show_rows, span, stdout
from gendurable.cli.reading import Machine, Since, duration
from gendurable.errors import UsageError
from gendurable.look import (
    Failure,
    FailureGroup,
    Limit,
    Line,
    Queue,
    ScheduleState,
    Stuck,
    StuckGroup,
    WorkerState,
)
from gendurable.look import failure_groups as look_at_groups
from gendurable.look import failures as look_at_failures
from gendurable.look import limits as look_at_limits
from gendurable.look import lines as look_at_lines
from gendurable.look import queues as look_at_queues
from gendurable.look import schedules as look_at_schedules
from gendurable.look import stuck as look_at_stuck
from gendurable.look import stuck_groups as look_at_reasons
from gendurable.look import workers as look_at_workers
from gendurable.text import printable, safe_str

__all__ = [
    "QUEUES",
    "REASONS",
    "WORKERS",
    "failures",
    "limits",
    "queues",
    "schedules",
    "stuck",
    "workers",
]

QUEUES: list[Column[Queue]] = [
    Column("QUEUE", lambda q: q.queue, long=True),
    Column("DEPTH", lambda q: q.depth, right=True),
    Column("READY", lambda q: q.ready, right=True),
    Column("SCHEDULED", lambda q: q.scheduled, right=True, extra=True),
    Column("HELD", lambda q: q.held, right=True, extra=True),
    Column("EXECUTING", lambda q: q.executing, right=True),
    Column("LIMIT", lambda q: q.max_executing, right=True, extra=True),
    Column("AWAITING", lambda q: q.awaiting, right=True, extra=True),
    Column("OLDEST", lambda q: q.oldest_ready_age and span(q.oldest_ready_age), right=True),
    Column("NEXT DUE", lambda q: q.next_due, right=True, extra=True),
    Column("WORKERS", lambda q: q.workers or Text("0", style="red"), right=True),
    Column("", lambda q: Text("paused", style="yellow") if q.paused else ""),
]

WORKERS: list[Column[WorkerState]] = [
    Column("ID", lambda w: str(w.id), right=True),
    Column("NAME", lambda w: w.name, long=True),
    Column("", lambda w: Text("alive", style="green") if w.alive else Text("lost", style="red")),
    Column("EXECUTING", lambda w: w.executing, right=True),
    Column("QUEUES", lambda w: ", ".join(w.queues), long=True),
    Column("LEASE", lambda w: w.lease_until, right=True),
    Column("UP", lambda w: w.registered_at, right=True, extra=True),
    Column("HOST", lambda w: _info(w, "host"), long=True, extra=True),
    Column("PID", lambda w: _info(w, "pid"), right=True, extra=True),
    Column("VERSION", lambda w: _info(w, "gendurable"), extra=True),
]

_LIMITS: list[Column[Limit]] = [
    Column("KIND", lambda x: x.kind),
    Column("NAME", lambda x: x.name, long=True),
    Column("LIMIT", lambda x: _policy(x), long=True),  # noqa: PLW0108 (defined below)
    Column("KEYS", lambda x: x.keys, right=True),
    Column("IN USE", lambda x: x.in_use, right=True),
    Column("WAITING", lambda x: x.waiting, right=True),
]

_LINES: list[Column[Line]] = [
    Column("KEY", lambda x: x.key, long=True),
    Column("IN USE", lambda x: x.in_use, right=True),
    Column("WAITING", lambda x: x.waiting, right=True),
    Column("FIRST", lambda x: None if x.first is None else str(x.first), right=True),
    Column("DUE", lambda x: x.due_at, right=True),
]

_SCHEDULES: list[Column[ScheduleState]] = [
    Column("NAME", lambda s: s.name, long=True),
    Column("CRON", lambda s: s.cron),
    Column("ZONE", lambda s: s.timezone, long=True, extra=True),
    Column("MACHINE", lambda s: s.fsm, long=True),
    Column("QUEUE", lambda s: s.queue, long=True, extra=True),
    Column("NEXT", lambda s: Text("paused", style="yellow") if s.paused else s.next_at, right=True),
    Column("LAST", lambda s: s.last_at, right=True),
    Column("LAST ID", lambda s: s.last_id and str(s.last_id), right=True, extra=True),
    Column("FIRED", lambda s: s.fired, right=True, extra=True),
    Column("SKIPPED", lambda s: s.skipped, right=True, extra=True),
]

_FAILURES: list[Column[Failure]] = [
    Column("ID", lambda f: str(f.id), right=True),
    Column("MACHINE", lambda f: f.fsm, long=True),
    Column("STEP", lambda f: f.step, long=True, extra=True),
    Column("KEY", lambda f: f.correlation_key, long=True),
    Column("TRY", lambda f: f.attempt + 1, right=True, extra=True),
    Column("AGO", lambda f: f.finished_at, right=True),
    Column("ERROR", lambda f: _error(f), long=True),  # noqa: PLW0108 (defined below)
]

_GROUPS: list[Column[FailureGroup]] = [
    Column("COUNT", lambda g: g.count, right=True),
    Column("MACHINE", lambda g: g.fsm, long=True),
    Column("STEP", lambda g: g.step, long=True),
    Column("ERROR", lambda g: g.kind, long=True),
    Column("LAST", lambda g: g.last_at, right=True),
    Column("LAST ID", lambda g: str(g.last_id), right=True),
    Column("MESSAGE", lambda g: g.message, long=True),
]

_STUCK: list[Column[Stuck]] = [
    Column("ID", lambda s: str(s.id), right=True),
    Column("REASON", lambda s: Text(s.reason, style="yellow")),
    Column("DETAIL", lambda s: None if s.detail == s.queue else s.detail, long=True),
    Column("MACHINE", lambda s: s.fsm, long=True),
    Column("STEP", lambda s: s.step, long=True, extra=True),
    Column("QUEUE", lambda s: s.queue, long=True, extra=True),
    Column("SINCE", lambda s: s.since, right=True),
]

REASONS: list[Column[StuckGroup]] = [
    Column("COUNT", lambda g: f"{g.count:,}{'+' if g.more else ''}", right=True),
    Column("REASON", lambda g: Text(g.reason, style="yellow")),
    Column("QUEUE", lambda g: g.queue, long=True),
    Column("DETAIL", lambda g: None if g.detail == g.queue else g.detail, long=True),
    Column("FIRST ID", lambda g: str(g.first), right=True),
    Column("SINCE", lambda g: g.since, right=True),
]


@command(examples=["queues", "queues --json"])
def queues(dsn: Dsn = None, as_json: Json = False) -> None:
    """List the queues: depth, age, workers, pauses.

    Counts beyond 100,000 are estimates.
    """
    with connected(dsn) as conn:
        found = look_at_queues(conn)
    show_rows(found, QUEUES, as_json=as_json, empty="no queue has instances or workers")


@command(examples=["workers", "workers --json"])
def workers(dsn: Dsn = None, as_json: Json = False) -> None:
    """List the workers: load, queues, leases."""
    with connected(dsn) as conn:
        found = look_at_workers(conn)
    show_rows(found, WORKERS, as_json=as_json, empty="no worker is registered")


@command(examples=["limits", "limits customer", "limits mail --json"])
def limits(
    name: Annotated[
        str | None,
        typer.Argument(help="A limit, whose waiting lines are shown key by key."),
    ] = None,
    dsn: Dsn = None,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many keys at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List the limits, or the waiting lines of one.

    They are set with gendurable-py limit.
    """
    with connected(dsn) as conn:
        found = [one for one in look_at_limits(conn) if name in (None, one.name)]
        if name is None:
            show_rows(found, _LIMITS, as_json=as_json, empty="no limit is set or in use")
            return
        if not found:
            raise UsageError(f"no limit named {safe_str(name, 300)} is set or in use")
        for one in found:
            lines = look_at_lines(conn, one.kind, one.name, most)
            if as_json:
                for line in lines:
                    emit({"kind": one.kind, "name": one.name, **_fields(line)})
            else:
                title = f"{one.kind} limit {printable(one.name)}: {_policy(one)}"
                put(stdout(), Text(title, style="bold"))
                show_rows(lines, _LINES, as_json=False, empty="nothing waits or executes")


@command(examples=["schedules", "schedules --json"])
def schedules(dsn: Dsn = None, as_json: Json = False) -> None:
    """List the schedules: next and last runs.

    They are set with gendurable-py schedule.
    """
    with connected(dsn) as conn:
        found = look_at_schedules(conn)
    show_rows(found, _SCHEDULES, as_json=as_json, empty="there is no schedule")


@command(
    examples=[
        "failures --since 1h",
        "failures --machine Checkout --each",
        "failures --since 1d --json",
    ]
)
def failures(
    dsn: Dsn = None,
    since: Since = "1h",
    machine: Machine = None,
    each: Annotated[bool, typer.Option("--each", help="List each one, not the kinds.")] = False,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="With --each, at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List what has failed, by kind or one by one.

    A kind is a machine, a step and a type of error. gendurable-py retry brings them back.
    """
    ago = duration("--since", since)
    empty = f"nothing has failed in the last {since}"
    with connected(dsn) as conn:
        if each:
            found = look_at_failures(conn, since=ago, machine=machine, most=most)
            show_rows(found, _FAILURES, as_json=as_json, empty=empty)
            return
        groups = [one for one in look_at_groups(conn, since=ago) if machine in (None, one.fsm)]
    show_rows(groups, _GROUPS, as_json=as_json, empty=empty)


@command(examples=["stuck", "stuck --each", "stuck --json"])
def stuck(
    dsn: Dsn = None,
    each: Annotated[
        bool, typer.Option("--each", help="List each one, the oldest first, not the reasons.")
    ] = False,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="With --each, at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List why runnable instances cannot start.

    Of one instance gendurable-py show tells all that keeps it, and what to do.
    """
    empty = "nothing is stuck"
    with connected(dsn) as conn:
        if each:
            show_rows(look_at_stuck(conn, most), _STUCK, as_json=as_json, empty=empty)
        else:
            show_rows(look_at_reasons(conn), REASONS, as_json=as_json, empty=empty)


def _fields(line: Line) -> dict[str, object]:
    return {name: getattr(line, name) for name in line.__struct_fields__}


def _info(worker: WorkerState, name: str) -> str | None:
    value = worker.info.get(name) if isinstance(worker.info, dict) else None
    return None if value is None else str(value)


def _policy(limit: Limit) -> Text:
    """What a limit allows, in words."""
    if limit.kind == "concurrency":
        if limit.max_executing is None:
            return Text("1 at once (not set)", style="dim")
        return Text(f"{limit.max_executing:,} at once")
    if limit.allowed is None:
        return Text("not set: all waits", style="red")
    return Text(f"{limit.allowed:g} each {span(limit.period or 0)}, burst {limit.burst:g}")


def _error(failure: Failure) -> str | None:
    error = failure.error
    if not isinstance(error, dict):
        return None if error is None else str(error)
    said = error.get("message") or error.get("reason")
    return ": ".join(str(part) for part in (error.get("type") or error.get("kind"), said) if part)
