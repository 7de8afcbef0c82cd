"""``ps``: which instances there are."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from gendurable.cli.command import Dsn, Json, command, connected
from gendurable.cli.output import Column, coloured, emit, progress, put, stdout, table
from gendurable.cli.reading import LOOKS, Filter, Machine, QueueName, State, StepName
from gendurable.client import Instance
from gendurable.errors import UsageError
from gendurable.look import search

__all__ = ["INSTANCES", "ps"]

INSTANCES: list[Column[Instance]] = [
    Column("ID", lambda i: str(i.id), right=True),
    Column("STATUS", lambda i: coloured(i.status)),
    Column("MACHINE", lambda i: i.fsm),
    Column("STEP", lambda i: i.step),
    Column("QUEUE", lambda i: i.queue),
    Column("KEY", lambda i: i.correlation_key),
    Column("TRY", lambda i: i.attempt + 1, right=True),
    Column("AGE", lambda i: i.enqueued_at, right=True),
    Column("CHANGED", lambda i: i.updated_at, right=True),
]


@command(
    examples=[
        "ps --status failed --machine Checkout",
        "ps --key 'order:*' --newer 1h",
        """ps --state '{"customer": 7}' --status runnable""",
        "ps --status executing --watch",
    ]
)
def ps(
    dsn: Dsn = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            "-s",
            help="runnable, executing, awaiting_signal, awaiting_children, done or failed; "
            "several with commas.",
            show_default=False,
        ),
    ] = None,
    machine: Machine = None,
    queue: QueueName = None,
    step: StepName = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            "-k",
            help="That carry this correlation key; with * at the end, one that begins so.",
            show_default=False,
        ),
    ] = None,
    parent: Annotated[
        int | None, typer.Option(help="The children of this instance.", show_default=False)
    ] = None,
    state: State = None,
    newer: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Enqueued since: 90s, 1h.", show_default=False),
    ] = None,
    older: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Enqueued before: 90s, 1h.", show_default=False),
    ] = None,
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many at most.")] = 50,
    before: Annotated[
        int | None, typer.Option(help="Only smaller ids: the next page.", show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.2, max=86400, help="Seconds between two looks with --watch.")
    ] = 2,
    as_json: Json = False,
) -> None:
    """List instances, live and finished, the newest first.

    Of many millions it looks at as many as it takes to find enough; a key, a parent, and a status
    in which few instances are take an index.
    """
    wanted = Filter(machine, queue, step, status, key, parent, state, newer, older)
    if not watch:
        found, more = _find(dsn, wanted, most, before)
        _print(found, more, as_json=as_json)
        return
    console = stdout()
    if as_json or not console.is_terminal:
        while True:
            _print(*_find(dsn, wanted, most, before), as_json=as_json)
            console.file.flush()
            time.sleep(interval)
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        while True:
            live.update(_shown(dsn, wanted, most, before), refresh=True)
            time.sleep(interval)


def _find(
    dsn: str | None, wanted: Filter, most: int, before: int | None, *, watched: bool = False
) -> tuple[list[Instance], int | None]:
    """What there is, and where the next page begins."""
    arguments = wanted.arguments()
    found: list[Instance] = []
    with connected(dsn) as conn, progress("looked at", shown=not watched) as moved:
        while True:
            page = search(conn, before=before, most=most - len(found), looks=LOOKS, **arguments)
            found += page.instances
            moved(page.looked)
            before = page.before
            if before is None or len(found) == most:
                return found, before


def _print(found: list[Instance], more: int | None, *, as_json: bool) -> None:
    console = stdout()
    if as_json:
        for instance in found:
            emit(instance)
        return
    put(console, table(found, INSTANCES) if found else "no such instance")
    if more is not None and console.is_terminal:
        console.print(f"there are more: --before {more}", style="dim")


def _shown(dsn: str | None, wanted: Filter, most: int, before: int | None) -> RenderableType:
    """What there is, or why it cannot be seen: the next look may."""
    now = Text(time.strftime("%H:%M:%S"), style="dim")
    try:
        found, _ = _find(dsn, wanted, most, before, watched=True)
    except UsageError as exc:
        return Group(now, Text(str(exc), style="red"))
    return Group(now, table(found, INSTANCES) if found else Text("no such instance"))
