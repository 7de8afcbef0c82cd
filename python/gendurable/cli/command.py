"""What all commands have in common: the application, its errors, the options of many."""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, ParamSpec

import psycopg
import typer

from gendurable.cli.streams import fail, say
from gendurable.database import connect_sync, conninfo, one_line
from gendurable.errors import GendurableError
from gendurable.text import safe_repr

__all__ = ["Dsn", "Json", "Yes", "app", "command", "connected", "group", "told"]

P = ParamSpec("P")

app = typer.Typer(
    help="Durable execution in PostgreSQL: run it, look at it, act on it.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    # What a user typed may look like markup; plain text also suits every terminal and pipe.
    rich_markup_mode=None,
)


def group(name: str, purpose: str) -> typer.Typer:
    """A command that has commands of its own."""
    commands = typer.Typer(help=purpose, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(commands, name=name)
    return commands


def command(
    *, examples: Sequence[str], of: typer.Typer = app, name: str | None = None
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Add a command; whatever a user can put right is one message and exit code 1.

    The parameters of the decorated function are the options, its docstring is the help.

    Args:
        examples: what its help shows, without the name of the program.
        of: the application, or a group of it.
        name: the function's by default.
    """
    return functools.partial(_add, examples=examples, of=of, name=name)


def _add(
    function: Callable[P, None], *, examples: Sequence[str], of: typer.Typer, name: str | None
) -> Callable[P, None]:
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except GendurableError as exc:
            if kwargs.get("verbose") and exc.__cause__ is not None:
                say("".join(traceback.format_exception(exc.__cause__)).rstrip())
            fail(told(exc))
        except psycopg.Error as exc:
            fail(told(exc))
        except UnicodeEncodeError as exc:
            fail(f"{safe_repr(exc.object[exc.start : exc.end], 40)} is not valid Unicode")
        except (KeyboardInterrupt, asyncio.CancelledError):
            # Caught here, because typer would make it exit code 1.
            sys.exit(128 + signal.SIGINT)

    # What follows a \b is not wrapped.
    shown = "\n".join(f"  gendurable-py {example}" for example in examples)
    return of.command(name, epilog=f"\b\nExamples:\n{shown}")(run)


def told(exc: GendurableError | psycopg.Error) -> str:
    """What to tell of an error that a user may put right."""
    if isinstance(exc, psycopg.Error):
        return f"the database or its driver says: {one_line(exc)}"
    return str(exc)


@contextmanager
def connected(dsn: str | None) -> Iterator[psycopg.Connection[Any]]:
    """A connection for one transaction."""
    with connect_sync(conninfo(dsn)) as conn:
        yield conn


Dsn = Annotated[
    str | None,
    typer.Option(
        help="Where the database is; GENDURABLE_DSN or the PG* variables by default.",
        show_default=False,
    ),
]

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without being asked.")]
