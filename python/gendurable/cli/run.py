"""``run``: a worker."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from gendurable.cli.command import Dsn, command
from gendurable.cli.streams import say_as
from gendurable.endpoint import Endpoint, Page, probes
from gendurable.errors import UsageError
from gendurable.hosting import end_process, run_worker
from gendurable.json_log import JsonFormatter, json_line, note_executions
from gendurable.loading import load
from gendurable.log import log_to_stderr
from gendurable.settings import check_settings

__all__ = ["run"]


class LogFormat(StrEnum):
    """How a worker's messages look."""

    TEXT = "text"
    JSON = "json"


@command
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
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve /metrics, /healthz and /readyz there.",
            show_default=False,
        ),
    ] = None,
    otel: Annotated[
        bool, typer.Option("--otel", help="Trace and measure with OpenTelemetry.")
    ] = False,
    log_format: Annotated[
        LogFormat, typer.Option(help="How messages are written to stderr.")
    ] = LogFormat.TEXT,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Then it lets running steps finish and exits with code 0. A second signal does not wait for them,
    a third one ends the process.
    """
    if log_format is LogFormat.JSON:
        say_as(partial(json_line, "CRITICAL"))
        note_executions()
    queues = _queues(queue or ["default=10"])
    check_settings(queues=queues, name=name, lease=lease, drain=drain, poll=poll)
    if dsn is not None:
        # What the steps connect to by default is the database that the worker works on.
        os.environ["GENDURABLE_DSN"] = dsn
    machines = load(target)
    # After the import, which is when a user's module configures logging.
    formatter = JsonFormatter() if log_format is LogFormat.JSON else None
    log_to_stderr(verbose=verbose, formatter=formatter)
    if otel:
        # Only here: it needs an extra.
        from gendurable.otel import instrument  # noqa: PLC0415

        instrument()
    with nullcontext() if metrics is None else _endpoint(metrics):
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


def _endpoint(address: str) -> Endpoint:
    """Metrics and probes of this process's workers, as long as they run."""
    # Only here: it needs an extra.
    from gendurable import prometheus  # noqa: PLC0415

    registry = prometheus.instrument()
    exposition = lambda: Page(prometheus.exposition(registry), prometheus.CONTENT_TYPE)  # noqa: E731
    return Endpoint(address, {"/metrics": exposition, **probes()})


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
