"""From what a caller gives to what goes to the engine. Whether it is in range the engine says."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from gendurable.codec import encode_json
from gendurable.errors import UsageError
from gendurable.text import safe_repr, storable

__all__ = [
    "Duration",
    "addressed",
    "flag",
    "identifier",
    "identifiers",
    "integer",
    "interval",
    "json_text",
    "key",
    "milliseconds",
    "moment",
    "number",
    "optional",
    "refused",
    "seconds",
    "text",
    "texts",
]

Duration: TypeAlias = float | Decimal | timedelta
"""Seconds, or a timedelta."""

_SHOWN = 100
_INTS = range(-(2**31), 2**31)
_IDS = range(-(2**63), 2**63)
# What PostgreSQL's interval holds: microseconds in 64 bits.
_LONGEST_INTERVAL = 2**63 / 1e6


def text(field: str, value: Any) -> str:
    """A string that the database can hold, without what a subclass makes of it."""
    if not isinstance(value, str):
        raise refused(field, value, "a str")
    found = str.__str__(value)
    if not (found.isascii() and "\x00" not in found) and storable(found) != found:
        raise refused(field, value, "text without NUL and lone surrogates")
    return found


def flag(field: str, value: Any) -> bool:
    """True or False, and nothing that only counts as one of them."""
    if not isinstance(value, bool):
        raise refused(field, value, "True or False")
    return value


def texts(field: str, value: Any) -> list[str]:
    """One string or several, in a list, a set or whatever can be gone through."""
    if isinstance(value, str):
        return [text(field, value)]
    if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray)):
        raise refused(field, value, "a str or several")
    return [text(f"{field}[{place}]", part) for place, part in enumerate(value)]


def key(field: str, value: Any) -> str:
    """A key: a string, or a UUID or an int as its text."""
    if isinstance(value, UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    if isinstance(value, str):
        return text(field, value)
    raise refused(field, value, "a str, a UUID or an int")


def integer(field: str, value: Any) -> int:
    """A whole number of any type that is one, as PostgreSQL's int."""
    if isinstance(value, bool):
        raise refused(field, value, "an int")
    try:
        found = operator.index(value)
    except TypeError as exc:
        raise refused(field, value, "an int") from exc
    if found not in _INTS:
        raise refused(field, value, "an int of 32 bits")
    return found


def number(field: str, value: Any) -> float:
    """A finite number of any type that can be a float."""
    is_number = hasattr(value, "__float__") or hasattr(value, "__index__")
    if not is_number or isinstance(value, bool):
        raise refused(field, value, "a number")
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError) as exc:
        raise refused(field, value, "a number") from exc
    if not math.isfinite(found):
        raise refused(field, value, "a finite number")
    return found


def seconds(duration: Duration, field: str = "duration") -> float:
    """A duration in seconds."""
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    try:
        return number(field, duration)
    except UsageError as exc:
        raise refused(field, duration, "a finite number of seconds or a timedelta") from exc


def milliseconds(duration: Duration, field: str = "duration") -> int:
    """A duration in whole milliseconds, rounded up so that nothing happens early."""
    found = seconds(duration, field) * 1000
    if not 0 <= found < math.inf:
        raise refused(field, duration, "a duration that is not negative, and not endless")
    return math.ceil(found)


def interval(duration: Duration, field: str = "duration") -> str:
    """A duration as PostgreSQL reads an interval."""
    found = seconds(duration, field)
    if abs(found) >= _LONGEST_INTERVAL:
        raise refused(field, duration, "shorter than 290,000 years")
    return f"{found:.6f} seconds"


def moment(field: str, value: Any) -> str:
    """A moment in time as PostgreSQL reads a timestamptz."""
    if not isinstance(value, datetime):
        raise refused(field, value, "a datetime with a time zone")
    if value.utcoffset() is None:
        raise UsageError(
            f"{field} has no time zone: {safe_repr(value, _SHOWN)}\n"
            "Add one, for example datetime.now(timezone.utc) or value.astimezone()."
        )
    return value.isoformat()


def addressed(target: Any) -> tuple[str, str]:
    """How an instance is looked for: the type of its key or id, and that as text."""
    if isinstance(target, (str, UUID)):
        return "text", key("target", target)
    return "bigint", identifier("target", target, "a correlation key (str or UUID) or an id (int)")


def identifier(field: str, value: Any, expected: str = "an int") -> str:
    """The id of an instance, as text."""
    try:
        found = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = None
    if found is None:
        raise refused(field, value, expected)
    if found not in _IDS:
        raise refused(field, value, "an id, which has at most 64 bits")
    return str(found)


def identifiers(instances: Any) -> list[str]:
    """Several ids, as text."""
    if isinstance(instances, (str, bytes, Mapping)) or not isinstance(instances, Iterable):
        raise refused("instances", instances, "several ids")
    return [identifier(f"instances[{place}]", one) for place, one in enumerate(instances)]


def optional(convert: Callable[[str, Any], Any], field: str, value: Any) -> str | None:
    """What may be left out, else converted, as text."""
    return None if value is None else str(convert(field, value))


def json_text(value: Any) -> str | None:
    """A value as JSON text; None is left to the engine's default."""
    return None if value is None else encode_json(value).decode()


def refused(field: str, value: object, wanted: str) -> UsageError:
    """The error for a field that is something else than what is wanted."""
    return UsageError(f"{field} must be {wanted}, not {safe_repr(value, _SHOWN)}")
