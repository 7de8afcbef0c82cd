"""``run``: workers, of one database or several, in one process or several."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

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
from gendurable.errors import UsageError
from gendurable.hosting import end_process, run_workers
from gendurable.loading import Application, load_application
from gendurable.resolver import check_prefixes
from gendurable.settings import WorkerSettings, check_pace, check_queues
from gendurable.supervisor import Place, Supervisor, own_command, own_place
from gendurable.worker import Worker

__all__ = [
    "Dsns",
    "Heartbeat",
    "Lease",
    "Maintenance",
    "Name",
    "Pooler",
    "Verbose",
    "check_options",
    "run",
    "start",
]

_MOST_PROCESSES = 1_000

Dsns = Annotated[
    list[str] | None,
    typer.Option(
        help="Where the database is; GENDURABLE_DSN or the PG* variables by default. "
        "Repeatable: one worker for each, side by side.",
        show_default=False,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(help="The worker's name; the host's by default.", show_default=False),
]
Lease = Annotated[float, typer.Option(help="Seconds until a silent worker is taken for dead.")]
Heartbeat = Annotated[
    float | None,
    typer.Option(
        help="Seconds between signs of life. [default: a third of the lease]", show_default=False
    ),
]
Maintenance = Annotated[float, typer.Option(help="Seconds between two slices of maintenance.")]
Pooler = Annotated[
    bool, typer.Option("--pooler", help="Behind a transaction pooler: do without LISTEN.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]


@command(
    examples=[
        "run shop.py --queue default=20",
        "run shop.orders:Checkout --processes 4 --metrics 127.0.0.1:9400",
    ]
)
def run(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE[:OBJECT]",
            envvar="GENDURABLE_MACHINES",
            help="A module or .py file; a machine, job or list in it, or all it has.",
            show_default=False,
        ),
    ] = None,
    dsn: Dsns = None,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CONCURRENCY",
            help="A queue and how many executions at once; repeatable. "
            "[default: ten of each queue that a machine names]",
            show_default=False,
        ),
    ] = None,
    name: Name = None,
    processes: Annotated[
        int, typer.Option(help="How many processes, each with these queues, under a supervisor.")
    ] = 1,
    lease: Lease = 60,
    heartbeat: Heartbeat = None,
    drain: Annotated[float, typer.Option(help="Seconds that running steps get at SIGTERM.")] = 30,
    poll: Annotated[float, typer.Option(help="Seconds, the longest wait between looks.")] = 1,
    prefetch: Annotated[
        int, typer.Option(help="How many claims of each queue wait here for a place.")
    ] = 0,
    min_demand: Annotated[
        int, typer.Option(help="How many places of a queue a pick is worth.")
    ] = 1,
    maintenance: Maintenance = 5,
    no_maintenance: Annotated[
        bool, typer.Option("--no-maintenance", help="Leave maintenance to other workers.")
    ] = False,
    resolve: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PREFIX",
            help="Import machines named like myapp.orders:Checkout, below myapp.; repeatable.",
            show_default=False,
        ),
    ] = None,
    listen_dsn: Annotated[
        list[str] | None,
        typer.Option(help="Where to LISTEN past a pooler, one for each --dsn.", show_default=False),
    ] = None,
    pooler: Pooler = False,
    metrics: Metrics = None,
    otel: Otel = False,
    log_format: LogFormats = LogFormat.TEXT,
    verbose: Verbose = False,
) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Then it lets running steps finish and exits with code 0. A second signal does not wait for them,
    a third one ends the process.

    With --processes a supervisor starts them, named NAME-1, NAME-2 and so on. One that ends is
    started again; signals reach all of them.
    """
    tell_errors(log_format)
    settings: WorkerSettings = {
        "name": name,
        "lease": lease,
        "heartbeat": heartbeat,
        "drain": drain,
        "poll": poll,
        "prefetch": prefetch,
        "min_demand": min_demand,
        "maintenance": None if no_maintenance else maintenance,
        "pooler": pooler,
    }
    if queue:
        settings["queues"] = _queues(queue)
        check_queues(settings["queues"])
    check_options(settings)
    settings["resolve"] = resolve or ()
    check_prefixes(settings["resolve"])
    if target is None and not resolve:
        raise UsageError(
            "there is nothing to run: give MODULE, for example shop.py, or --resolve PREFIX"
        )
    ways = _ways(dsn, listen_dsn)
    if not 1 <= processes <= _MOST_PROCESSES:
        raise UsageError(f"--processes {processes}: expected 1 to {_MOST_PROCESSES:,}")
    place = own_place()
    if processes > 1 and place is None:
        set_up_log(log_format, verbose=verbose)
        sys.exit(Supervisor(own_command(), processes, drain=drain).run())
    if place is not None:
        settings["name"] = f"{name or socket.gethostname()}-{place.number}"
    if dsn and len(ways) == 1:
        # What the steps connect to by default is the database that the worker works on.
        os.environ["GENDURABLE_DSN"] = dsn[0]
    found = Application([], [], []) if target is None else load_application(target)
    # After the import, which is when a user's module configures logging.
    set_up_log(log_format, verbose=verbose)
    settings["lifespans"], settings["middleware"] = found.lifespans, found.middleware
    workers = []
    for one, direct in ways:
        settings["dsn"], settings["listen_dsn"] = one, direct
        workers.append(Worker(found.machines, **settings))
    with observed(metrics, otel=otel, log_format=log_format, place=place):
        start(workers, place)
    end_process()


def start(workers: list[Worker], place: Place | None = None) -> None:
    """Run workers until a signal, or the end of the supervisor, tells them to leave."""
    if place is None:
        run_workers(workers)
    else:
        place.end_with_supervisor()
        run_workers(workers, ready=place.ready)


def check_options(settings: WorkerSettings) -> None:
    """Refuse what is out of range before anything is connected or imported."""
    check_pace(
        lease=settings["lease"],
        drain=settings.get("drain", 30),
        poll=settings.get("poll", 1),
        name=settings["name"],
        heartbeat=settings["heartbeat"],
        prefetch=settings.get("prefetch", 0),
        min_demand=settings.get("min_demand", 1),
        maintenance=settings["maintenance"],
    )


def _ways(
    dsn: list[str] | None, listen_dsn: list[str] | None
) -> list[tuple[str | None, str | None]]:
    """Where each worker works, and where it listens."""
    dsns: Sequence[str | None] = dsn or (None,)
    directs: Sequence[str | None] = listen_dsn or (None,) * len(dsns)
    if len(directs) != len(dsns):
        raise UsageError(
            f"there are {len(directs)} --listen-dsn for {len(dsns)} --dsn: give one for each"
        )
    return list(zip(dsns, directs, strict=True))


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
