"""The command line: ``gendurable-py``."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gendurable.client import status as look_up
from gendurable.database import connect_sync, conninfo, describe_dsn
from gendurable.errors import GendurableError, UsageError
from gendurable.hosting import end_process, run_worker
from gendurable.install import install as install_schema
from gendurable.loading import load
from gendurable.process import package_version
from gendurable.settings import check_settings

__all__ = ["app", "main"]

app = typer.Typer(
    help="Durable execution in PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Dsn = Annotated[
    str | None,
    typer.Option(
        help="Where the database is; GENDURABLE_DSN or the PG* variables by default.",
        show_default=False,
    ),
]


@app.command()
def install(dsn: Dsn = None) -> None:
    """Install the schema; do nothing if it is there."""
    _log_to_stderr(verbose=False)
    info = conninfo(dsn)
    done = install_schema(info)
    version = package_version()
    where = describe_dsn(info)
    typer.echo(
        f"schema {version} installed at {where}"
        if done
        else f"schema {version} is up to date at {where}"
    )


@app.command()
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
    """Run a worker until SIGTERM or SIGINT, then let running steps finish and exit with code 0.

    A second signal does not wait for them, a third one ends the process.
    """
    _log_to_stderr(verbose=verbose)
    queues = _queues(queue or ["default=10"])
    check_settings(queues=queues, name=name, lease=lease, drain=drain, poll=poll)
    if dsn is not None:
        # What the steps connect to by default is the database that the worker works on.
        os.environ["GENDURABLE_DSN"] = dsn
    machines = load(target)
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


@app.command()
def status(
    target: Annotated[str, typer.Argument(help="An instance's id or its correlation key.")],
    dsn: Dsn = None,
    key: Annotated[
        bool, typer.Option("--key", help="TARGET is a correlation key, even if it is a number.")
    ] = False,
) -> None:
    """Show one instance, live or finished."""
    info = conninfo(dsn)
    with connect_sync(info) as conn:
        found = look_up(conn, int(target) if target.isdigit() and not key else target)
    if found is None:
        raise UsageError(f"there is no instance {target} at {describe_dsn(info)}")
    table = Table(show_header=False, box=None)
    for field, value in msgspec.structs.asdict(found).items():
        table.add_row(field, value if isinstance(value, str) else _shown(value))
    Console().print(table)


@app.command()
def version() -> None:
    """Print the version of this package."""
    typer.echo(package_version())


def main() -> None:
    """Run the command line; whatever a user can put right is one message and exit code 1."""
    try:
        app()
    except GendurableError as exc:
        print(f"error: {exc}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)


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


def _log_to_stderr(*, verbose: bool) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(message)s",
    )
    logging.getLogger("gendurable").setLevel(logging.DEBUG if verbose else logging.INFO)
    # It tells of every broken connection what this package tells in its own words.
    logging.getLogger("psycopg").setLevel(logging.ERROR)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    text = msgspec.json.encode(value).decode()
    return text.strip('"')
