"""The command line: ``gendurable-py``."""

from __future__ import annotations

import sys
from contextlib import suppress

from gendurable.cli import (
    changing,
    creating,
    doctor,
    exporter,
    install,
    lists,
    maintain,
    move,
    ps,
    run,
    setting,
    show,
    status,
    top,
    uninstall,
    upgrade,
    version,
    web,
)
from gendurable.cli.command import app
from gendurable.cli.streams import leave, open_streams

__all__ = [
    "app",
    "changing",
    "creating",
    "doctor",
    "exporter",
    "install",
    "lists",
    "main",
    "maintain",
    "move",
    "ps",
    "run",
    "setting",
    "show",
    "status",
    "top",
    "uninstall",
    "upgrade",
    "version",
    "web",
]


def main() -> None:
    """Run the command line."""
    open_streams()
    try:
        try:
            app()
        finally:
            # Before the end of the process, where a failure would be a traceback. What the user's
            # module has put in its place, or closed, is no matter.
            with suppress(ValueError, AttributeError):
                sys.stdout.flush()
    except OSError as exc:
        leave(exc)
