"""What a user gives to instances: ``enqueue`` and ``signal``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from gendurable.cli.command import Dsn, Json, command, connected
from gendurable.cli.output import emit
from gendurable.cli.reading import KeyOnly, Target, address, duration, json_value
from gendurable.cli.show import no_instance
from gendurable.client import enqueue as enqueue_one
from gendurable.client import signal as send
from gendurable.errors import UsageError
from gendurable.text import safe_str

__all__ = ["Priority", "Start", "enqueue", "signal"]

Start = Annotated[
    str | None, typer.Option("--step", help="The step to start with.", show_default=False)
]
Priority = Annotated[
    int | None, typer.Option(help="Any number, smaller is more urgent.", show_default=False)
]


@command(
    examples=[
        """enqueue Checkout --state '{"sku": "A-1"}' --key order:42""",
        "enqueue Mail --delay 10m --queue mail",
        "enqueue Report --at 2030-01-01T06:00:00+01:00",
    ]
)
def enqueue(
    machine: Annotated[str, typer.Argument(help="The machine's name.")],
    dsn: Dsn = None,
    state: Annotated[
        str | None, typer.Option(metavar="JSON", help="The initial state.", show_default=False)
    ] = None,
    step: Start = None,
    queue: Annotated[str | None, typer.Option("--queue", "-q", show_default=False)] = None,
    priority: Priority = None,
    delay: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Not before: 90s, 1h.", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Not before this moment, with a zone.", show_default=False
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", "-k", help="The correlation key.", show_default=False)
    ] = None,
    concurrency_key: Annotated[str | None, typer.Option(show_default=False)] = None,
    rate_limit: Annotated[str | None, typer.Option(show_default=False)] = None,
    weight: Annotated[
        float | None, typer.Option(help="Tokens of the rate limit.", show_default=False)
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="The machine's; the newest by default.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Create an instance; print its id.

    If its key is occupied nothing is created, and the id is that of the occupant.
    """
    with connected(dsn) as conn:
        made = enqueue_one(
            conn,
            machine,
            json_value("--state", state),
            step=step,
            queue=queue,
            priority=priority,
            eligible_at=_moment("--at", at),
            delay=None if delay is None else duration("--delay", delay),
            correlation_key=key,
            concurrency_key=concurrency_key,
            rate_limit=rate_limit,
            weight=weight,
            fsm_version=version,
        )
    if as_json:
        emit(made)
    else:
        typer.echo(f"{made.id}{' (its key was occupied)' if made.duplicate else ''}")


@command(
    examples=[
        "signal order:42 paid",
        """signal 42 paid --payload '{"amount": 10}' --dedup-key payment:7""",
    ]
)
def signal(
    target: Target,
    name: Annotated[str, typer.Argument(help="What awaiting steps know it by.")],
    dsn: Dsn = None,
    payload: Annotated[
        str | None, typer.Option(metavar="JSON", help="Any value.", show_default=False)
    ] = None,
    dedup_key: Annotated[
        str | None,
        typer.Option(help="A second one with it is a duplicate.", show_default=False),
    ] = None,
    by_key: KeyOnly = False,
    as_json: Json = False,
) -> None:
    """Send a signal to an instance.

    Prints delivered or duplicate.
    """
    wanted = address(target, by_key=by_key)
    with connected(dsn) as conn:
        result = send(conn, wanted, name, json_value("--payload", payload), dedup_key=dedup_key)
    if result == "no_target":
        raise no_instance(dsn, target, wanted, living=True)
    if as_json:
        emit({"target": wanted, "result": result})
    else:
        typer.echo(result)


def _moment(option: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        # A time without a zone is one by the clock of this machine.
        return datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError) as exc:
        raise UsageError(
            f"{option} {safe_str(value, 100)}: expected a time, such as 2030-01-01T06:00:00+01:00"
        ) from exc
