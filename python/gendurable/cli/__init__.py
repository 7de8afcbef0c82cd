"""The command line: ``gendurable-py``."""

from __future__ import annotations

import sys
from contextlib import suppress

from typer.models import CommandInfo

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

# As the help lists them: first what is asked at night.
_ORDER = (
    "ps", "show", "failures", "stuck", "top", "queues", "workers", "limits", "schedules",
    "enqueue", "signal", "cancel", "retry", "pause", "resume",
    "run", "maintain", "web", "exporter", "doctor", "install", "upgrade", "uninstall",
)  # fmt: skip


def _place(found: CommandInfo) -> int:
    name = found.name or getattr(found.callback, "__name__", "")
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


app.registered_commands.sort(key=_place)


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
