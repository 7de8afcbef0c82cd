"""``ps``: which instances there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import psycopg
import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from gendurable.cli.command import Dsn, Json, command, connected, told
from gendurable.cli.output import Column, coloured, emit, progress, put, stdout, table
from gendurable.cli.reading import (
    LOOKS,
    ConcurrencyKey,
    Filter,
    Key,
    Machine,
    QueueName,
    State,
    StepName,
)
from gendurable.cli.streams import say
from gendurable.client import Instance
from gendurable.errors import GendurableError
from gendurable.look import Page, search

__all__ = ["INSTANCES", "ps"]

INSTANCES: list[Column[Instance]] = [
    Column("ID", lambda i: str(i.id), right=True),
    Column("STATUS", lambda i: coloured(i.status)),
    Column("MACHINE", lambda i: i.fsm, long=True),
    Column("STEP", lambda i: i.step, long=True),
    Column("QUEUE", lambda i: i.queue, long=True, extra=True),
    Column("KEY", lambda i: i.correlation_key, long=True),
    Column("TRY", lambda i: i.attempt + 1, right=True, extra=True),
    Column("AGE", lambda i: i.enqueued_at, right=True, extra=True),
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
    key: Key = None,
    concurrency_key: ConcurrencyKey = None,
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
    looks: Annotated[
        int, typer.Option(min=1, help="At how many instances to look at most.")
    ] = 1_000_000,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.2, max=86400, help="Seconds between two looks with --watch.")
    ] = 2,
    as_json: Json = False,
) -> None:
    """List instances, live and finished, the newest first.

    There is no index on states and concurrency keys: such a search looks at one instance after the
    other, and tells how far it came. A key, a parent, and a status in which few instances are take
    an index.
    """
    wanted = Filter(machine, queue, step, status, key, concurrency_key, parent, state, newer, older)
    look = partial(_find, dsn, wanted, most=most, looks=looks, before=before)
    if not watch:
        _print(look(), as_json=as_json, most=most)
        return
    console = stdout()
    if as_json or not console.is_terminal:
        while True:
            _print(look(shown=False), as_json=as_json, most=most)
            console.file.flush()
            time.sleep(interval)
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        while True:
            live.update(_shown(look), refresh=True)
            time.sleep(interval)


def _find(
    dsn: str | None,
    wanted: Filter,
    *,
    most: int,
    looks: int,
    before: int | None,
    shown: bool = True,
) -> Page:
    """As many as are wanted, or those among as many as may be looked at."""
    arguments = wanted.arguments()
    found: list[Instance] = []
    looked = 0
    with connected(dsn) as conn, progress("looked at", shown=shown) as moved:
        while True:
            page = search(
                conn,
                before=before,
                most=most - len(found),
                looks=min(LOOKS, looks - looked),
                **arguments,
            )
            found += page.instances
            looked += page.looked
            moved(page.looked)
            before = page.before
            if before is None or len(found) == most or looked >= looks:
                return Page(found, before, looked)


def _print(page: Page, *, as_json: bool, most: int) -> None:
    if as_json:
        for instance in page.instances:
            emit(instance)
    else:
        put(stdout(), table(page.instances, INSTANCES) if page.instances else "no such instance")
    if page.before is None:
        return
    if len(page.instances) == most:
        say(f"there are more: --before {page.before}")
    else:
        say(f"looked at {page.looked:,}; there may be older ones: --before {page.before}")


def _shown(look: Callable[..., Page]) -> RenderableType:
    """What there is, or why it cannot be seen: the next look may."""
    now = Text(time.strftime("%H:%M:%S"), style="dim")
    try:
        found = look(shown=False).instances
    except (GendurableError, psycopg.Error) as exc:
        return Group(now, Text(told(exc), style="red"))
    return Group(now, table(found, INSTANCES) if found else Text("no such instance"))
