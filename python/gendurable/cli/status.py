"""``status``: one instance."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from gendurable.cli.command import Dsn, command
from gendurable.client import Status
from gendurable.client import status as look_up
from gendurable.database import connect_sync, conninfo, describe_dsn
from gendurable.errors import UsageError
from gendurable.text import printable, safe_str

__all__ = ["status"]

_ID = re.compile(r"[1-9][0-9]{0,18}")
_LARGEST_ID = 2**63 - 1
_LONGEST_SHOWN = 2000
_LONGEST_TRACEBACK = 40
_JSON_FIELDS = ("state", "result", "error")


@command(examples=["status 42", "status order:42"])
def status(
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="An instance's id or its correlation key."),
    ],
    dsn: Dsn = None,
    key: Annotated[
        bool,
        typer.Option(
            "--by-key", "--key", help="TARGET is a correlation key, even if it is a number."
        ),
    ] = False,
) -> None:
    """Show one instance, live or finished.

    A number is an id, and anything else a correlation key. On a terminal long values are cut and a
    traceback has its lines; in a pipe all is whole, one line a field.
    """
    info = conninfo(dsn)
    is_id = not key and _ID.fullmatch(target) is not None and int(target) <= _LARGEST_ID
    with connect_sync(info) as conn:
        found = look_up(conn, int(target) if is_id else target)
    if found is None:
        shown = safe_str(target, 300) or "''"
        hint = f", or add --by-key if {target} is a correlation key" if is_id else ""
        raise UsageError(
            f"there is no instance {shown} at {describe_dsn(info)}\n"
            f"It may be finished and forgotten{hint}."
        )
    _show(found)


def _show(found: Status) -> None:
    console = Console(highlight=False)
    fields = msgspec.structs.asdict(found)
    traceback_lines: list[str] = []
    if console.is_terminal and isinstance(found.error, dict):
        error = dict(found.error)
        traceback_lines = str(error.pop("traceback", "")).splitlines()[-_LONGEST_TRACEBACK:]
        fields["error"] = error
    for field, value in fields.items():
        shown = _shown(field, value)
        if console.is_terminal and len(shown) > _LONGEST_SHOWN:
            shown = f"{shown[:_LONGEST_SHOWN]}… ({len(shown):,} characters; in a pipe all of them)"
        console.print(Text.assemble((f"{field:<15}", "bold"), " ", shown), soft_wrap=True)
    for line in traceback_lines:
        console.print(Text(printable(line[:_LONGEST_SHOWN])), soft_wrap=True)


def _shown(field: str, value: object) -> str:
    """A field's value on one line: JSON as JSON, so that "1" is not 1; None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, str) and field not in _JSON_FIELDS:
        return printable(value)
    return printable(msgspec.json.encode(value).decode())
