"""What a user sets: ``pause``, ``resume``, ``limit``, ``schedule``."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from gendurable.cli.command import Dsn, Json, command, connected, group
from gendurable.cli.creating import Priority, Start
from gendurable.cli.output import ago, emit, stamp
from gendurable.cli.reading import duration, json_value
from gendurable.client import (
    drop_concurrency_limit,
    drop_rate_limit,
    next_occurrence,
    pause_schedule,
    resume_schedule,
    set_concurrency_limit,
    set_queue_limit,
    set_rate_limit,
    unschedule,
)
from gendurable.client import pause as pause_queue
from gendurable.client import resume as resume_queue
from gendurable.client import schedule as set_schedule
from gendurable.errors import UsageError
from gendurable.schedules import Schedule
from gendurable.text import printable, safe_str

__all__ = ["pause", "resume"]

_limit = group("limit", "Set or drop a limit.")
_schedule = group("schedule", "Set, pause or drop a schedule.")

_Queues = Annotated[list[str], typer.Argument(metavar="QUEUE...")]
_Name = Annotated[str, typer.Argument(help="The part of the keys before the first colon.")]
_ScheduleName = Annotated[str, typer.Argument(metavar="NAME")]


@command(examples=["pause default", "pause mail bulk"])
def pause(queues: _Queues, dsn: Dsn = None, as_json: Json = False) -> None:
    """Hand out nothing more of queues; what executes finishes."""
    with connected(dsn) as conn:
        for queue in queues:
            pause_queue(conn, queue)
    _say("paused", queues, as_json=as_json)


@command(examples=["resume default"])
def resume(queues: _Queues, dsn: Dsn = None, as_json: Json = False) -> None:
    """End the pause of queues."""
    with connected(dsn) as conn:
        for queue in queues:
            resume_queue(conn, queue)
    _say("resumed", queues, as_json=as_json)


@command(of=_limit, examples=["limit concurrency customer 5", "limit concurrency customer none"])
def concurrency(
    name: _Name,
    at_once: Annotated[str, typer.Argument(metavar="N|none", help="0 stops them; none: 1 again.")],
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Set how many of each concurrency key execute at once.

    The keys are NAME and all that begin with NAME and a colon.
    """
    number = _number("N", at_once)
    with connected(dsn) as conn:
        if number is None:
            drop_concurrency_limit(conn, name)
        else:
            set_concurrency_limit(conn, name, number)
    _say("dropped" if number is None else "set", [name], as_json=as_json)


@command(of=_limit, examples=["limit rate mail 100/1m --burst 200", "limit rate mail none"])
def rate(
    name: _Name,
    allowed: Annotated[
        str,
        typer.Argument(metavar="N/DURATION|none", help="none: what names it waits."),
    ],
    dsn: Dsn = None,
    burst: Annotated[
        float | None, typer.Option(help="Tokens at most; N by default.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Set how many tokens each rate key gets in a time.

    The keys are NAME and all that begin with NAME and a colon.
    """
    tokens, _, period = allowed.partition("/")
    if allowed != "none" and not re.fullmatch(r"[0-9]+(\.[0-9]+)?/.+", allowed):
        raise UsageError(f"{safe_str(allowed, 100)}: expected N/DURATION, such as 100/1m, or none")
    with connected(dsn) as conn:
        if allowed == "none":
            drop_rate_limit(conn, name)
        else:
            set_rate_limit(conn, name, float(tokens), duration("N/DURATION", period), burst)
    _say("dropped" if allowed == "none" else "set", [name], as_json=as_json)


@command(of=_limit, name="queue", examples=["limit queue default 100", "limit queue default none"])
def queue_limit(
    queue: Annotated[str, typer.Argument()],
    at_once: Annotated[
        str, typer.Argument(metavar="N|none", help="0 stops the queue; none: any number.")
    ],
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Set how many of a queue execute at once, in all workers."""
    number = _number("N", at_once)
    with connected(dsn) as conn:
        set_queue_limit(conn, queue, number)
    _say("dropped" if number is None else "set", [queue], as_json=as_json)


@command(
    of=_schedule,
    name="set",
    examples=[
        "schedule set nightly '0 3 * * *' Report --timezone Europe/Berlin",
        "schedule set poll '@every 30 seconds' Poll --overlap skip",
    ],
)
def set_(
    name: _ScheduleName,
    cron: Annotated[str, typer.Argument(help="Five fields, @daily and the like, @every 30 min.")],
    machine: Annotated[str, typer.Argument(help="The machine's name.")],
    dsn: Dsn = None,
    state: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Of each instance.", show_default=False),
    ] = None,
    step: Start = None,
    queue: Annotated[str | None, typer.Option("--queue", "-q", show_default=False)] = None,
    priority: Priority = None,
    timezone: Annotated[
        str | None, typer.Option(help="UTC by default.", show_default=False)
    ] = None,
    overlap: Annotated[
        str | None, typer.Option(help="skip or allow; skip by default.", show_default=False)
    ] = None,
    missed: Annotated[
        str | None, typer.Option(help="one, skip or all; one by default.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a schedule or replace it; print its next occurrence."""
    when = Schedule(
        cron,
        name=name,
        timezone=timezone,
        state=json_value("--state", state),
        step=step,
        queue=queue,
        priority=priority,
        overlap=overlap,
        missed=missed,
    )
    with connected(dsn) as conn:
        following = set_schedule(conn, machine, when)
    if as_json:
        emit({"name": name, "next_at": following})
    else:
        typer.echo(f"set: {printable(name)}, next at {stamp(following)} ({ago(following)})")


@command(of=_schedule, examples=["schedule drop nightly"])
def drop(name: _ScheduleName, dsn: Dsn = None, as_json: Json = False) -> None:
    """Drop a schedule; what it has created lives on.

    A worker whose code still has it creates it again when it starts.
    """
    with connected(dsn) as conn:
        _found(name, there=unschedule(conn, name))
    _say("dropped", [name], as_json=as_json)


@command(of=_schedule, name="pause", examples=["schedule pause nightly"])
def pause_one(name: _ScheduleName, dsn: Dsn = None, as_json: Json = False) -> None:
    """Fire nothing of a schedule until it is resumed."""
    with connected(dsn) as conn:
        _found(name, there=pause_schedule(conn, name))
    _say("paused", [name], as_json=as_json)


@command(of=_schedule, name="resume", examples=["schedule resume nightly"])
def resume_one(name: _ScheduleName, dsn: Dsn = None, as_json: Json = False) -> None:
    """End the pause of a schedule."""
    with connected(dsn) as conn:
        _found(name, there=resume_schedule(conn, name))
    _say("resumed", [name], as_json=as_json)


@command(of=_schedule, name="next", examples=["schedule next '0 3 * * 1' --timezone Europe/Berlin"])
def next_(
    cron: Annotated[str, typer.Argument(help="Five fields, @daily and the like, @every 30 min.")],
    dsn: Dsn = None,
    timezone: Annotated[str, typer.Option(help="By whose clocks.")] = "UTC",
    most: Annotated[int, typer.Option("--most", "-n", min=1, max=1000, help="How many.")] = 5,
    as_json: Json = False,
) -> None:
    """Print when a cron expression is due next, without setting anything."""
    after = None
    with connected(dsn) as conn:
        for _ in range(most):
            after = next_occurrence(conn, cron, timezone, after)
            if after is None:
                break
            if as_json:
                emit({"at": after})
            else:
                typer.echo(f"{stamp(after)} ({ago(after)})")


def _number(what: str, value: str) -> int | None:
    """A whole number; None for ``none``."""
    if value == "none":
        return None
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise UsageError(f"{safe_str(value, 100)}: expected {what}, a whole number, or none")
    return int(value)


def _found(name: str, *, there: bool) -> None:
    if not there:
        raise UsageError(f"there is no schedule {safe_str(name, 300)}")


def _say(what: str, names: list[str], *, as_json: bool) -> None:
    if not as_json:
        typer.echo(f"{what}: {printable(', '.join(names))}")
        return
    for name in names:
        emit({"name": name, "result": what})
