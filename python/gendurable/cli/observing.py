"""How a worker of the command line is observed: its log, its metrics, its traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from gendurable.cli.streams import say_as
from gendurable.endpoint import Endpoint, Page, next_port, probes
from gendurable.json_log import JsonFormatter, json_line, note_executions
from gendurable.log import log_to_stderr
from gendurable.supervisor import Place

__all__ = ["LogFormat", "LogFormats", "Metrics", "Otel", "observed", "set_up_log", "tell_errors"]


class LogFormat(StrEnum):
    """How a worker's messages look."""

    TEXT = "text"
    JSON = "json"


LogFormats = Annotated[LogFormat, typer.Option(help="How messages are written to stderr.")]
Metrics = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Serve /metrics, /healthz and /readyz there; the next ports with --processes.",
        show_default=False,
    ),
]
Otel = Annotated[bool, typer.Option("--otel", help="Trace and measure with OpenTelemetry.")]


def tell_errors(log_format: LogFormat) -> None:
    """Have the error with which a command ends written as messages are."""
    if log_format is LogFormat.JSON:
        say_as(partial(json_line, "CRITICAL"))


def set_up_log(log_format: LogFormat, *, verbose: bool) -> None:
    """Have messages written. After the import of the user's module, which may configure logging."""
    formatter = JsonFormatter() if log_format is LogFormat.JSON else None
    log_to_stderr(verbose=verbose, formatter=formatter)


@contextmanager
def observed(
    metrics: str | None, *, otel: bool, log_format: LogFormat, place: Place | None = None
) -> Iterator[None]:
    """Measure and trace the workers of this process, and serve what was measured.

    Raises:
        UsageError: the address is malformed or taken, or an extra is missing.
    """
    if log_format is LogFormat.JSON:
        note_executions()
    if otel:
        # Only here, as below: it needs an extra.
        from gendurable.otel import instrument  # noqa: PLC0415

        instrument()
    with nullcontext() if metrics is None else _endpoint(metrics, place):
        yield


def _endpoint(address: str, place: Place | None) -> Endpoint:
    from gendurable import prometheus  # noqa: PLC0415

    registry = prometheus.instrument()
    exposition = lambda: Page(prometheus.exposition(registry), prometheus.CONTENT_TYPE)  # noqa: E731
    own = address if place is None else next_port(address, place.number - 1)
    return Endpoint(own, {"/metrics": exposition, **probes()})
