"""What users type: durations, JSON, ids and keys, and the filters that many commands share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import psycopg
import typer

from gendurable.client import Instance
from gendurable.errors import UsageError
from gendurable.look import search
from gendurable.text import safe_str

__all__ = [
    "LOOKS",
    "ConcurrencyKey",
    "Filter",
    "Key",
    "KeyOnly",
    "Machine",
    "QueueName",
    "Since",
    "State",
    "StepName",
    "Target",
    "Targets",
    "address",
    "duration",
    "given_value",
    "json_value",
    "walk",
]

# Instances that one round trip looks at.
LOOKS = 100_000

_ID = re.compile(r"[1-9][0-9]{0,18}")
_LARGEST_ID = 2**63 - 1
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
# A thousand years: no moment of Python is that far from now in both directions.
_LONGEST = 3e10

Target = Annotated[
    str, typer.Argument(metavar="ID|KEY", help="An instance's id or its correlation key.")
]
Targets = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID|KEY]...", help="Ids or correlation keys.", show_default=False),
]
KeyOnly = Annotated[
    bool, typer.Option("--by-key", help="A number is a correlation key too, not an id.")
]
Machine = Annotated[
    str | None, typer.Option("--machine", "-m", help="Of this machine.", show_default=False)
]
QueueName = Annotated[
    str | None, typer.Option("--queue", "-q", help="Of this queue.", show_default=False)
]
StepName = Annotated[str | None, typer.Option("--step", help="At this step.", show_default=False)]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        "-k",
        help="That carry this correlation key; with * at the end, one that begins so.",
        show_default=False,
    ),
]
ConcurrencyKey = Annotated[
    str | None,
    typer.Option("--concurrency-key", help="Of this concurrency key.", show_default=False),
]
State = Annotated[
    str | None,
    typer.Option("--state", metavar="JSON", help="Whose state contains this.", show_default=False),
]
Since = Annotated[
    str, typer.Option("--since", metavar="DURATION", help="How long ago at most: 90s, 15m, 1h, 2d.")
]


def address(target: str, *, by_key: bool = False) -> int | str:
    """What a user means: a number within bigint is an id, and anything else a correlation key."""
    is_id = not by_key and _ID.fullmatch(target) is not None and int(target) <= _LARGEST_ID
    return int(target) if is_id else target


def duration(option: str, value: str) -> timedelta:
    """A duration such as ``90s``, ``1h30m`` or ``2d``; a number alone is seconds."""
    given = value.strip().lower()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", given):
        given += "s"
    parts = _PART.findall(given)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not parts or "".join(map("".join, parts)) != given or seconds > _LONGEST:
        raise UsageError(
            f"{option} {safe_str(value, 100)}: expected a duration, such as 90s, 15m, 1h30m or 2d"
        )
    return timedelta(seconds=seconds)


def json_value(option: str, value: str | None) -> Any:
    """A JSON value; None where none is given."""
    if value is None:
        return None
    try:
        return msgspec.json.decode(value.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as exc:
        raise UsageError(
            f"{option} {safe_str(value, 200)}: this is no JSON: {exc}\n"
            "Quote it for the shell, for example '{\"customer\": 7}'."
        ) from exc


def given_value(option: str, value: str | None) -> Any:
    """The same where null would mean what None means: nothing that was given."""
    found = json_value(option, value)
    if value is not None and found is None:
        raise UsageError(f"{option} null: expected another value than null")
    return found


class Filter(msgspec.Struct, frozen=True):
    """Which instances a user means, as it was typed; None: no matter."""

    machine: str | None = None
    queue: str | None = None
    step: str | None = None
    status: list[str] | None = None
    key: str | None = None
    concurrency_key: str | None = None
    parent: int | None = None
    state: str | None = None
    newer: str | None = None
    older: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed."""
        return not any(
            value for name, value in msgspec.structs.asdict(self).items() if name != "status"
        )

    def arguments(self) -> dict[str, Any]:
        """The same as arguments of ``search``.

        Raises:
            UsageError: a duration is none, or the state no JSON.
        """
        now = datetime.now(UTC)
        is_prefix = self.key is not None and self.key.endswith("*")
        return {
            "machine": self.machine,
            "queue": self.queue,
            "step": self.step,
            "status": [one for each in self.status or [] for one in each.split(",")] or None,
            "correlation_key": None if is_prefix else self.key,
            "key_prefix": self.key[:-1] if self.key is not None and is_prefix else None,
            "concurrency_key": self.concurrency_key,
            "parent": self.parent,
            "state": given_value("--state", self.state),
            "since": None if self.newer is None else now - duration("--newer", self.newer),
            "until": None if self.older is None else now - duration("--older", self.older),
        }


def walk(
    conn: psycopg.Connection[Any], wanted: Filter, *, before: int | None = None
) -> Iterator[list[Instance]]:
    """All that a filter means, the newest first, a page after the other, empty ones too."""
    arguments = wanted.arguments()
    while True:
        page = search(conn, before=before, most=500, looks=LOOKS, **arguments)
        yield page.instances
        if page.before is None:
            return
        before = page.before
