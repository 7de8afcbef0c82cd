"""From what a caller gives to what goes to the engine. Whether it is in range the engine says."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from gendurable.errors import UsageError
from gendurable.text import safe_repr, storable

__all__ = [
    "Duration",
    "flag",
    "integer",
    "interval",
    "key",
    "milliseconds",
    "moment",
    "number",
    "seconds",
    "text",
    "texts",
]

Duration: TypeAlias = float | Decimal | timedelta
"""Seconds, or a timedelta."""

_SHOWN = 100
_INTS = range(-(2**31), 2**31)
# What PostgreSQL's interval holds: microseconds in 64 bits.
_LONGEST_INTERVAL = 2**63 / 1e6


def text(field: str, value: Any) -> str:
    """A string that the database can hold, without what a subclass makes of it."""
    if not isinstance(value, str):
        raise _refused(field, value, "a str")
    found = str.__str__(value)
    if not (found.isascii() and "\x00" not in found) and storable(found) != found:
        raise _refused(field, value, "text without NUL and lone surrogates")
    return found


def flag(field: str, value: Any) -> bool:
    """True or False, and nothing that only counts as one of them."""
    if not isinstance(value, bool):
        raise _refused(field, value, "True or False")
    return value


def texts(field: str, value: Any) -> list[str]:
    """One string or several, in a list, a set or whatever can be gone through."""
    if isinstance(value, str):
        return [text(field, value)]
    if not isinstance(value, Iterable) or isinstance(value, (bytes, bytearray)):
        raise _refused(field, value, "a str or several")
    return [text(f"{field}[{place}]", part) for place, part in enumerate(value)]


def key(field: str, value: Any) -> str:
    """A key: a string, or a UUID or an int as its text."""
    if isinstance(value, UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    if isinstance(value, str):
        return text(field, value)
    raise _refused(field, value, "a str, a UUID or an int")


def integer(field: str, value: Any) -> int:
    """A whole number of any type that is one, as PostgreSQL's int."""
    if isinstance(value, bool):
        raise _refused(field, value, "an int")
    try:
        found = operator.index(value)
    except TypeError as exc:
        raise _refused(field, value, "an int") from exc
    if found not in _INTS:
        raise _refused(field, value, "an int of 32 bits")
    return found


def number(field: str, value: Any) -> float:
    """A finite number of any type that can be a float."""
    is_number = hasattr(value, "__float__") or hasattr(value, "__index__")
    if not is_number or isinstance(value, bool):
        raise _refused(field, value, "a number")
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError) as exc:
        raise _refused(field, value, "a number") from exc
    if not math.isfinite(found):
        raise _refused(field, value, "a finite number")
    return found


def seconds(duration: Duration, field: str = "duration") -> float:
    """A duration in seconds."""
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    try:
        return number(field, duration)
    except UsageError as exc:
        raise _refused(field, duration, "a finite number of seconds or a timedelta") from exc


def milliseconds(duration: Duration, field: str = "duration") -> int:
    """A duration in whole milliseconds, rounded up so that nothing happens early."""
    found = seconds(duration, field) * 1000
    if not 0 <= found < math.inf:
        raise _refused(field, duration, "a duration that is not negative, and not endless")
    return math.ceil(found)


def interval(duration: Duration, field: str = "duration") -> str:
    """A duration as PostgreSQL reads an interval."""
    found = seconds(duration, field)
    if abs(found) >= _LONGEST_INTERVAL:
        raise _refused(field, duration, "shorter than 290,000 years")
    return f"{found:.6f} seconds"


def moment(field: str, value: Any) -> str:
    """A moment in time as PostgreSQL reads a timestamptz."""
    if not isinstance(value, datetime):
        raise _refused(field, value, "a datetime with a time zone")
    if value.utcoffset() is None:
        raise UsageError(
            f"{field} has no time zone: {safe_repr(value, _SHOWN)}\n"
            "Add one, for example datetime.now(timezone.utc) or value.astimezone()."
        )
    return value.isoformat()


def _refused(field: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"{field} must be {wanted}, not {safe_repr(value, _SHOWN)}")
