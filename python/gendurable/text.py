"""Values of users as text for messages: bounded, printable, and never an error of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["printable", "redacted", "safe_repr", "safe_str", "storable", "type_name"]


# In a connection string (password=..., also with quotes), in a URI, and in the repr of a mapping.
_SECRET = re.compile(
    r"""(?ix) ( \b (?:ssl)? pass (?:word|wd)? (?: \s*=\s* | ['"]\s*:\s* ) )
              ( '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | [^\s,;&)'"]+ )
            | ( [a-z][a-z0-9+.-]* :// [^\s:/@]* : ) ( [^\s@/]+ ) (?=@)"""
)


def redacted(text: str) -> str:
    """The text with ``***`` for each password that a library may have told in a message."""
    return _SECRET.sub(lambda found: f"{found[1] or found[3]}***", text)


def safe_str(value: Any, limit: int = 1000) -> str:
    """``str(value)`` for a message: it never raises, whatever the object does.

    Args:
        value: any object.
        limit: characters; what is longer is cut.

    Returns:
        Text that can be encoded and stored: without NUL and without lone surrogates.
    """
    return _text(str, value, limit)


def safe_repr(value: Any, limit: int = 1000) -> str:
    """``repr(value)`` under the same rules as ``safe_str``."""
    return _text(repr, value, limit)


def _text(convert: Callable[[Any], str], value: Any, limit: int) -> str:
    try:
        text = str.__str__(convert(value))
    except BaseException as exc:  # noqa: BLE001 (a message must not end the program)
        return f"<{type_name(value)} whose {convert.__name__}() raised {type_name(exc)}>"
    if len(text) > limit:
        text = f"{text[:limit]}\N{HORIZONTAL ELLIPSIS} ({len(text):,} characters)"
    return storable(text)


def storable(text: str) -> str:
    """The text without what jsonb cannot hold: NUL and lone surrogates."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def type_name(value: object) -> str:
    """The name of an object's class, whatever its metaclass does."""
    return storable(str(type.__dict__["__name__"].__get__(type(value)))[:200])


def printable(text: str) -> str:
    r"""Text for a terminal or a log, with what it would not print written as in JSON: ``\u001b``.

    A name or a state is data of users: it may not move the cursor, change colours, reverse the
    direction of writing or begin a line of its own.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    short = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(letter)
    if short is not None:
        return short
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(rf"\u{units[start : start + 4]}" for start in range(0, len(units), 4))
