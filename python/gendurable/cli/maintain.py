"""``maintain``: a worker without queues."""

from __future__ import annotations

from gendurable.cli.command import command
from gendurable.cli.observing import (
    LogFormat,
    LogFormats,
    Metrics,
    Otel,
    observed,
    set_up_log,
    tell_errors,
)
from gendurable.cli.run import (
    Dsns,
    Heartbeat,
    Lease,
    Maintenance,
    Name,
    Pooler,
    Verbose,
    check_options,
    start,
)
from gendurable.hosting import end_process
from gendurable.settings import WorkerSettings
from gendurable.worker import Worker

__all__ = ["maintain"]


@command(examples=["maintain", "maintain --metrics 127.0.0.1:9400"])
def maintain(
    dsn: Dsns = None,
    name: Name = None,
    lease: Lease = 60,
    heartbeat: Heartbeat = None,
    maintenance: Maintenance = 5,
    pooler: Pooler = False,
    metrics: Metrics = None,
    otel: Otel = False,
    log_format: LogFormats = LogFormat.TEXT,
    verbose: Verbose = False,
) -> None:
    """Do nothing but the engine's maintenance.

    Until SIGTERM or SIGINT. Every worker does it as well, unless it is told not to (run
    --no-maintenance). A maintainer needs no code of the application.
    """
    settings: WorkerSettings = {
        "name": name,
        "lease": lease,
        "heartbeat": heartbeat,
        "maintenance": maintenance,
        "pooler": pooler,
        "queues": {},
    }
    tell_errors(log_format)
    check_options(settings)
    set_up_log(log_format, verbose=verbose)
    workers = []
    for one in dsn or (None,):
        settings["dsn"] = one
        workers.append(Worker([], **settings))
    with observed(metrics, otel=otel, log_format=log_format):
        start(workers)
    end_process()
