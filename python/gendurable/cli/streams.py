"""The standard streams: fit for any text, and messages that cannot fail."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from gendurable.text import printable

__all__ = ["fail", "leave", "open_streams", "say", "say_as"]

_forms: list[Callable[[str], str]] = []


def say_as(form: Callable[[str], str]) -> None:
    """Have all that is said from now on written in a form of its own, each on one line."""
    _forms[:] = [form]


def fail(message: str) -> NoReturn:
    """Say what was wrong, and exit with code 1."""
    say(message if _forms else f"error: {message}")
    sys.exit(1)


def say(text: str) -> None:
    """Write to stderr what may quote anything; if it is closed, the exit code has to do."""
    with suppress(OSError, ValueError):
        shown = _forms[0](text) if _forms else "\n".join(map(printable, text.split("\n")))
        print(shown, file=sys.stderr or sys.__stderr__)


def open_streams() -> None:
    """Make stdout and stderr fit for any text, and have them where they were closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Its number would be given to the next connection, and messages be sent there.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def leave(exc: OSError) -> NoReturn:
    """Give up after an error of the system; a reader that has had enough is none to report."""
    with suppress(OSError, ValueError, AttributeError):
        # What is left of the output would be tried again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(exc, BrokenPipeError):
        sys.exit(1)
    fail(str(exc))
