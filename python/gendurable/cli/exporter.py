"""``exporter``: metrics of the whole engine."""

from __future__ import annotations

import signal
import threading
from contextlib import closing
from typing import Annotated

import typer

from gendurable.cli.command import Dsn, command
from gendurable.endpoint import Endpoint
from gendurable.log import log_to_stderr

__all__ = ["exporter"]


@command(examples=["exporter", "exporter --listen 0.0.0.0:9401"])
def exporter(
    dsn: Dsn = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to serve /metrics.")
    ] = "127.0.0.1:9401",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Serve metrics of the engine for Prometheus.

    Until SIGTERM or SIGINT. It looks at the database when it is asked, once a second at most. A
    login with the role gd_client is enough. One exporter for each database is enough, too.
    """
    # Only here: it needs an extra, which the first of them asks for.
    from gendurable import prometheus  # noqa: F401, PLC0415
    from gendurable.exporter import EngineCollector, pages  # noqa: PLC0415

    log_to_stderr(verbose=verbose)
    ended = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: ended.set())
    with closing(EngineCollector(dsn)) as collector, Endpoint(listen, pages(collector)):
        ended.wait()
