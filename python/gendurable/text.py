"""Text of any object for messages and for the database, whatever the object does."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["safe_repr", "safe_str", "storable"]


def safe_str(value: object, limit: int) -> str:
    """``str(value)``, at most ``limit`` characters long and storable; never raises.

    What is too long keeps its beginning. An object that cannot be shown is shown by its type.
    """
    return _shown(value, str, limit)


def safe_repr(value: object, limit: int) -> str:
    """``repr(value)``, at most ``limit`` characters long and storable; never raises."""
    return _shown(value, repr, limit)


def storable(text: str) -> str:
    """The text without what jsonb cannot hold: NUL and lone surrogates."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _shown(value: object, show: Callable[[object], str], limit: int) -> str:
    try:
        text = show(value)
        # A str of another class may come with methods of its own.
        text = str.__str__(text)
        text = text if len(text) <= limit else text[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
        return storable(text)
    except BaseException as exc:  # noqa: BLE001 (a user's object may raise anything)
        kind, failure = storable(type(value).__name__[:100]), storable(type(exc).__name__[:100])
        return f"<{kind} that cannot be shown: {failure}>"
