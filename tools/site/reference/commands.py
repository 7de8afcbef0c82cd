"""The page of the commands, made of their parsers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from gendurable.cli import app
from reference.markdown import table

__all__ = ["commands", "page"]

_NAME = "gendurable-py"
_DEFAULT = re.compile(r"\s*\[(?:default: (.*?)|required)\]")


def page() -> str:
    """Each command with its arguments, options and examples."""
    intro = (
        "[The command line](../command-line.md) says what they are for, what is logged, and the "
        f"exit codes.\n`{_NAME} COMMAND --help` shows the same.\n"
    )
    parts = [f"# Commands\n\n{intro}"]
    parts += [_section(name, command) for name, command in commands()]
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Each command with its whole name, in the order of the help; not the groups."""

    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        found = getattr(command, "commands", None)
        if found is None:
            yield name, command
            return
        for part in command.list_commands(None):
            yield from below(f"{name} {part}".strip(), found[part])

    yield from below("", typer.main.get_command(app))


def _section(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    context.info_name = f"{_NAME} {name}"
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [_row(one, context) for one in command.params]
    parts = [
        f"## {name} {{ #{name.replace(' ', '-')} }}",
        _plain(command.help),
        f"```text\n{_NAME} {name} {usage}\n```",
        table(("argument or option", "default", "meaning"), rows) if rows else "",
    ]
    if command.epilog:
        lines = command.epilog.replace("\b", "").strip().splitlines()[1:]
        parts.append("```sh\n" + "\n".join(line.strip() for line in lines) + "\n```")
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(parameter: Any, context: Any) -> tuple[str, str, str]:
    names, said = parameter.get_help_record(context)
    default = _DEFAULT.search(said)
    said = _DEFAULT.sub("", said)
    shown = "" if default is None else f"`{default[1]}`" if default[1] else "required"
    return f"`{names}`", shown, _plain(said)


def _plain(text: str | None) -> str:
    """A help text, of which nothing is Markdown."""
    said = " ".join((text or "").replace("\b", "").split())
    return "".join(f"\\{letter}" if letter in "*_<>[]`" else letter for letter in said)
