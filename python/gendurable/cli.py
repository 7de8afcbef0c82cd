"""The command line: ``gendurable-py``."""

from __future__ import annotations

import asyncio
import functools
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Annotated, NoReturn, ParamSpec

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.text import Text

from gendurable.client import Status
from gendurable.client import status as look_up
from gendurable.database import connect_sync, conninfo, describe_dsn, one_line
from gendurable.errors import GendurableError, UsageError
from gendurable.hosting import end_process, run_worker
from gendurable.install import install as install_schema
from gendurable.loading import load
from gendurable.log import log_to_stderr
from gendurable.process import package_version
from gendurable.settings import check_settings
from gendurable.text import printable, safe_repr, safe_str

__all__ = ["app", "main"]

_ID = re.compile(r"[1-9][0-9]{0,18}")
_LARGEST_ID = 2**63 - 1
_LONGEST_SHOWN = 2000
_LONGEST_TRACEBACK = 40
_JSON_FIELDS = ("state", "result", "error")

P = ParamSpec("P")

app = typer.Typer(
    help="Durable execution in PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # What a user typed may look like markup; plain text also suits every terminal and pipe.
    rich_markup_mode=None,
)


def _command(function: Callable[P, None]) -> Callable[P, None]:
    """Add a command; whatever a user can put right is one message and exit code 1."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except GendurableError as exc:
            if kwargs.get("verbose") and exc.__cause__ is not None:
                _say("".join(traceback.format_exception(exc.__cause__)).rstrip())
            _fail(str(exc))
        except psycopg.Error as exc:
            _fail(f"the database or its driver says: {one_line(exc)}")
        except UnicodeEncodeError as exc:
            _fail(f"{safe_repr(exc.object[exc.start : exc.end], 40)} is not valid Unicode")
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


@_command
def install(
    dsn: Dsn = None,
    repair_privileges: Annotated[
        bool,
        typer.Option("--repair-privileges", help="Grant and revoke what a restored dump has lost."),
    ] = False,
) -> None:
    """Install the schema; do nothing if it is there."""
    log_to_stderr()
    info = conninfo(dsn)
    done = install_schema(info, repair_privileges=repair_privileges)
    version = package_version()
    where = describe_dsn(info)
    typer.echo(
        f"schema {version} installed at {where}"
        if done
        else f"schema {version} is up to date at {where}"
    )


@_command
def run(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE[:OBJECT]",
            help="A module or .py file; a machine, job or list in it, or all it has.",
        ),
    ],
    dsn: Dsn = None,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CONCURRENCY",
            help="A queue and how many executions at once; repeatable. [default: default=10]",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The worker's name; the host's by default.", show_default=False),
    ] = None,
    lease: Annotated[
        float, typer.Option(help="Seconds until a silent worker is taken for dead.")
    ] = 60,
    drain: Annotated[float, typer.Option(help="Seconds that running steps get at SIGTERM.")] = 30,
    poll: Annotated[float, typer.Option(help="Seconds, the longest wait between looks.")] = 1,
    pooler: Annotated[
        bool, typer.Option("--pooler", help="Behind a transaction pooler: do without LISTEN.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Then it lets running steps finish and exits with code 0. A second signal does not wait for them,
    a third one ends the process.
    """
    queues = _queues(queue or ["default=10"])
    check_settings(queues=queues, name=name, lease=lease, drain=drain, poll=poll)
    if dsn is not None:
        # What the steps connect to by default is the database that the worker works on.
        os.environ["GENDURABLE_DSN"] = dsn
    machines = load(target)
    # After the import, which is when a user's module configures logging.
    log_to_stderr(verbose=verbose)
    run_worker(
        machines,
        dsn=dsn,
        queues=queues,
        name=name,
        lease=lease,
        drain=drain,
        poll=poll,
        pooler=pooler,
    )
    end_process()


@_command
def status(
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="An instance's id or its correlation key."),
    ],
    dsn: Dsn = None,
    key: Annotated[
        bool, typer.Option("--key", help="TARGET is a correlation key, even if it is a number.")
    ] = False,
) -> None:
    """Show one instance, live or finished.

    A number is an id, and anything else a correlation key. On a terminal long values are cut and a
    traceback has its lines; in a pipe all is whole, one line a field.
    """
    info = conninfo(dsn)
    is_id = not key and _ID.fullmatch(target) is not None and int(target) <= _LARGEST_ID
    with connect_sync(info) as conn:
        found = look_up(conn, int(target) if is_id else target)
    if found is None:
        shown = safe_str(target, 300) or "''"
        hint = f", or add --key if {target} is a correlation key" if is_id else ""
        raise UsageError(
            f"there is no instance {shown} at {describe_dsn(info)}\n"
            f"It may be finished and forgotten{hint}."
        )
    _show(found)


@_command
def version() -> None:
    """Print the version of this package."""
    typer.echo(package_version())


def main() -> None:
    """Run the command line."""
    _open_streams()
    try:
        try:
            app()
        finally:
            # Before the end of the process, where a failure would be a traceback. What the user's
            # module has put in its place, or closed, is no matter.
            with suppress(ValueError, AttributeError):
                sys.stdout.flush()
    except OSError as exc:
        _leave(exc)


def _queues(options: list[str]) -> dict[str, int]:
    queues: dict[str, int] = {}
    for option in options:
        name, _, concurrency = option.rpartition("=")
        # Not isdigit: it is true of '²' too, which is no number.
        if not name or not re.fullmatch(r"[1-9][0-9]{0,8}", concurrency):
            raise UsageError(
                f"--queue {option}: expected NAME=CONCURRENCY with a concurrency of at least 1, "
                "for example --queue default=10"
            )
        if name in queues:
            raise UsageError(f"--queue {name} is given twice")
        queues[name] = int(concurrency)
    return queues


def _show(found: Status) -> None:
    console = Console(highlight=False)
    fields = msgspec.structs.asdict(found)
    traceback_lines: list[str] = []
    if console.is_terminal and isinstance(found.error, dict):
        error = dict(found.error)
        traceback_lines = str(error.pop("traceback", "")).splitlines()[-_LONGEST_TRACEBACK:]
        fields["error"] = error
    for field, value in fields.items():
        shown = _shown(field, value)
        if console.is_terminal and len(shown) > _LONGEST_SHOWN:
            shown = f"{shown[:_LONGEST_SHOWN]}… ({len(shown):,} characters; in a pipe all of them)"
        console.print(Text.assemble((f"{field:<15}", "bold"), " ", shown), soft_wrap=True)
    for line in traceback_lines:
        console.print(Text(printable(line[:_LONGEST_SHOWN])), soft_wrap=True)


def _shown(field: str, value: object) -> str:
    """A field's value on one line: JSON as JSON, so that "1" is not 1; None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, str) and field not in _JSON_FIELDS:
        return printable(value)
    return printable(msgspec.json.encode(value).decode())


def _fail(message: str) -> NoReturn:
    _say(f"error: {message}")
    sys.exit(1)


def _say(text: str) -> None:
    """Write to stderr what may quote anything; if it is closed, the exit code has to do."""
    with suppress(OSError, ValueError):
        shown = "\n".join(map(printable, text.split("\n")))
        print(shown, file=sys.stderr or sys.__stderr__)


def _open_streams() -> None:
    """Make stdout and stderr fit for any text, and have them where they were closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Its number would be given to the next connection, and messages be sent there.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave(exc: OSError) -> NoReturn:
    """Give up after an error of the system; a reader that has had enough is none to report."""
    with suppress(OSError, ValueError, AttributeError):
        # What is left of the output would be tried again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(exc, BrokenPipeError):
        sys.exit(1)
    _fail(str(exc))
