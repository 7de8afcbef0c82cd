"""``doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import typer
from rich.text import Text

from gendurable.cli.command import Dsn, Json, command, connected
from gendurable.cli.output import coloured, emit, span, stdout
from gendurable.database import conninfo, refusal
from gendurable.look import Finding
from gendurable.look import doctor as examine
from gendurable.process import package_version
from gendurable.text import printable

__all__ = ["doctor"]

_FOUND_SOMETHING = 3
_PATIENCE = 2.0
_LARGEST_DIFFERENCE = 1.0


@command(examples=["doctor", "doctor --json", "doctor || echo 'look at it'"])
def doctor(dsn: Dsn = None, as_json: Json = False) -> None:
    """Examine the engine: what is wrong, what to do.

    It looks at the schema, roles and privileges, what holds the horizon of VACUUM, dead rows,
    partitions, workers, what is stuck, schedules that no code has, this machine's clock, poolers,
    and whether LISTEN hears. Exit code 3: there is a problem. Warnings alone are 0.
    """
    found = _examined(dsn)
    if as_json:
        for finding in found:
            emit(_shown(finding))
    else:
        _print(found)
    if any(finding.status == "problem" for finding in found):
        raise typer.Exit(_FOUND_SOMETHING)


def _examined(dsn: str | None) -> list[Finding]:
    channel = f"gendurable_doctor_{uuid4().hex}"
    info = conninfo(dsn)
    try:
        with psycopg.connect(info, autocommit=True, prepare_threshold=None) as listener:
            # A standby takes no listeners: there nothing is heard.
            with suppress(psycopg.errors.Error):
                listener.execute(f'listen "{channel}"')
            with connected(dsn) as conn:
                before = datetime.now(UTC)
                found = examine(conn, channel)
                after = datetime.now(UTC)
                own = conn.info.backend_pid
            heard = _hears(listener)
            # Behind a pooler the session lives on.
            with suppress(psycopg.errors.Error):
                listener.execute("unlisten *")
    except psycopg.Error as exc:
        raise refusal(info, exc) from exc
    return [*found, *_own(found[0], own, before, after, heard=heard)]


def _hears(listener: psycopg.Connection[Any]) -> bool:
    """Whether a notification arrives within the time in which a server sends one."""
    deadline = time.monotonic() + _PATIENCE
    with suppress(psycopg.Error):
        while time.monotonic() < deadline:
            if any(True for _ in listener.notifies(timeout=0.2, stop_after=1)):
                return True
    return False


def _own(
    first: Finding, own: int, before: datetime, after: datetime, *, heard: bool
) -> Iterable[Finding]:
    """What only the client can tell: versions, clocks, what lies between."""

    def finding(topic: str, status: str, detail: str, remedy: str | None = None) -> Finding:
        return Finding(topic, status, detail, remedy, first.at, first.pid)

    version = package_version()
    same = f" {version}." in first.detail
    yield finding(
        "package",
        "ok" if same else "warning",
        f"This is gendurable {version}.",
        None if same else "Have the package and the schema at one version.",
    )
    # The server has looked at its clock between the two looks at this one.
    apart = max(before - first.at, first.at - after, timedelta(0))
    large = apart > timedelta(seconds=_LARGEST_DIFFERENCE)
    yield finding(
        "clock",
        "warning" if large else "ok",
        f"This machine's differs by {span(apart.total_seconds())} from the server's."
        if apart
        else "This machine's is that of the server.",
        "Synchronise both: the engine goes by the server's clock alone." if large else None,
    )
    pooled = own != first.pid
    yield finding(
        "pooler",
        "warning" if pooled else "ok",
        "A pooler stands between." if pooled else "None stands between.",
        "Start workers with --pooler, or let them connect directly." if pooled else None,
    )
    yield finding(
        "listen",
        "ok" if heard else "warning",
        "A notification was heard." if heard else "No notification was heard.",
        None
        if heard
        else "Workers find new work by polling: connect directly, or start them with --pooler.",
    )


def _shown(finding: Finding) -> dict[str, Any]:
    fields = msgspec.structs.asdict(finding)
    return {name: fields[name] for name in ("topic", "status", "detail", "remedy")}


def _print(found: list[Finding]) -> None:
    console = stdout()
    width = max(len(finding.topic) for finding in found)
    for finding in found:
        line = Text.assemble(
            f"{finding.topic:<{width}}  ",
            coloured(finding.status),
            " " * (len("problem") - len(finding.status) + 2),
            printable(finding.detail),
        )
        console.print(line, soft_wrap=True)
        if finding.remedy is not None:
            remedy = Text(" " * (width + 11) + f"-> {printable(finding.remedy)}", style="bold")
            console.print(remedy, soft_wrap=True)
