"""``top``: the engine at a glance, again and again."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

import psycopg
import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from gendurable.cli.command import Dsn, Json, command, connected, told
from gendurable.cli.lists import QUEUES, REASONS, WORKERS
from gendurable.cli.output import Column, emit, put, span, stdout, table
from gendurable.errors import GendurableError
from gendurable.look import (
    Minute,
    Queue,
    StuckGroup,
    WorkerState,
    queues,
    stuck_groups,
    throughput,
    workers,
)

__all__ = ["top"]

_MINUTES = 5
_MOST_ROWS = 12
# Counted no further: a look at each second has to be cheap.
_COUNTED = 200


class _Rate(NamedTuple):
    """Steps of a machine that ended with one kind of outcome, over the last full minutes."""

    machine: str
    kind: str
    per_minute: float
    mean: float
    slowest: float


class _Look(NamedTuple):
    rates: list[_Rate]
    queues: list[Queue]
    workers: list[WorkerState]
    stuck: list[StuckGroup]


_RATES: list[Column[_Rate]] = [
    Column("MACHINE", lambda r: r.machine, long=True),
    Column("OUTCOME", lambda r: Text(r.kind, style="red" if r.kind == "stop" else "")),
    Column("STEPS/MIN", lambda r: f"{r.per_minute:,.1f}", right=True),
    Column("MEAN", lambda r: f"{r.mean * 1000:,.1f} ms", right=True),
    Column("SLOWEST", lambda r: span(r.slowest), right=True),
]


@command(examples=["top", "top --interval 5", "top --json | head -1"])
def top(
    dsn: Dsn = None,
    interval: Annotated[
        float, typer.Option(min=0.2, max=86400, help="Seconds between two looks.")
    ] = 2,
    as_json: Json = False,
) -> None:
    """Watch the engine: rates, queues, workers.

    Ctrl-C ends it. Rates are those of the last five minutes. In a pipe it looks once; with --json
    it prints an object each time.
    """
    console = stdout()
    if as_json:
        while True:
            emit(_look(dsn)._asdict() | {"at": datetime.now(UTC)})
            console.file.flush()
            time.sleep(interval)
    if not console.is_terminal:
        put(console, _shown(_look(dsn)))
        return
    with Live(
        console=console, screen=True, auto_refresh=False, vertical_overflow="ellipsis"
    ) as live:
        while True:
            live.update(_attempt(dsn), refresh=True)
            time.sleep(interval)


def _attempt(dsn: str | None) -> RenderableType:
    """What there is, or why it cannot be seen: the next look may."""
    try:
        return _shown(_look(dsn))
    except (GendurableError, psycopg.Error) as exc:
        return Group(Text(time.strftime("%H:%M:%S")), Text(told(exc), style="red"))


def _look(dsn: str | None) -> _Look:
    with connected(dsn) as conn:
        minutes = throughput(conn, timedelta(minutes=_MINUTES))
        return _Look(
            _rates(minutes), queues(conn), workers(conn), stuck_groups(conn, most=_COUNTED)
        )


def _rates(minutes: list[Minute]) -> list[_Rate]:
    sums: dict[tuple[str, str], list[Minute]] = {}
    for minute in minutes:
        sums.setdefault((minute.fsm, minute.kind), []).append(minute)
    found = [
        _Rate(
            machine,
            kind,
            sum(one.count for one in each) / _MINUTES,
            sum(one.seconds for one in each) / max(1, sum(one.count for one in each)),
            max(one.slowest for one in each),
        )
        for (machine, kind), each in sums.items()
    ]
    return sorted(found, key=lambda rate: (-rate.per_minute, rate.machine, rate.kind))


def _shown(look: _Look) -> RenderableType:
    alive = [worker for worker in look.workers if worker.alive]
    oldest = max((queue.oldest_ready_age or 0 for queue in look.queues), default=0)
    head = Text.assemble(
        (time.strftime("%H:%M:%S"), "bold"),
        f"  depth {sum(queue.depth for queue in look.queues):,}",
        f"  oldest ready {span(oldest)}",
        f"  executing {sum(queue.executing for queue in look.queues):,}",
        f"  workers {len(alive)}",
        f"  steps/min {sum(rate.per_minute for rate in look.rates):,.0f}",
        ("  stuck", "yellow") if look.stuck else "",
    )
    parts: list[RenderableType] = [head]
    for title, body in (
        ("rates", table(look.rates[:_MOST_ROWS], _RATES) if look.rates else None),
        ("queues", table(look.queues[:_MOST_ROWS], QUEUES) if look.queues else None),
        ("workers", table(look.workers[:_MOST_ROWS], WORKERS) if look.workers else None),
        ("stuck", table(look.stuck[:_MOST_ROWS], REASONS) if look.stuck else None),
    ):
        parts += [Text(f"\n{title}", style="bold"), body or Text("none", style="dim")]
    return Group(*parts)
