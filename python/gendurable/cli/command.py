"""What all commands have in common: the application, its errors, the options of many."""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, ParamSpec

import psycopg
import typer

from gendurable.cli.streams import fail, say
from gendurable.database import one_line
from gendurable.errors import GendurableError
from gendurable.text import safe_repr

__all__ = ["Dsn", "app", "command"]

P = ParamSpec("P")

app = typer.Typer(
    help="Durable execution in PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # What a user typed may look like markup; plain text also suits every terminal and pipe.
    rich_markup_mode=None,
)


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Add a command; whatever a user can put right is one message and exit code 1."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except GendurableError as exc:
            if kwargs.get("verbose") and exc.__cause__ is not None:
                say("".join(traceback.format_exception(exc.__cause__)).rstrip())
            fail(str(exc))
        except psycopg.Error as exc:
            fail(f"the database or its driver says: {one_line(exc)}")
        except UnicodeEncodeError as exc:
            fail(f"{safe_repr(exc.object[exc.start : exc.end], 40)} is not valid Unicode")
        except (KeyboardInterrupt, asyncio.CancelledError):
            # Caught here, because typer would make it exit code 1.
            sys.exit(128 + signal.SIGINT)

    return app.command()(run)


Dsn = Annotated[
    str | None,
    typer.Option(
        help="Where the database is; GENDURABLE_DSN or the PG* variables by default.",
        show_default=False,
    ),
]
