"""``move-partitions``: virtual partitions go to another database, while all others work."""

from __future__ import annotations

from typing import Annotated

import typer

from gendurable.cli.command import command
from gendurable.cli.install import held_partitions
from gendurable.log import log_to_stderr
from gendurable.moving import Moved
from gendurable.moving import move_partitions as move_them

__all__ = ["move_partitions"]


@command(examples=["move-partitions 8-15/64 --from host=a --to host=b --router host=r"])
def move_partitions(
    partitions: Annotated[
        str, typer.Argument(metavar="FIRST-LAST/64", help="Which: 8-15/64, or 3/64.")
    ],
    source: Annotated[
        str, typer.Option("--from", help="Connection string of the database that has them.")
    ],
    target: Annotated[str, typer.Option("--to", help="Of the one that is to have them.")],
    router: Annotated[str, typer.Option(help="Of the router.")],
    placed: Annotated[
        str | None,
        typer.Option(
            "--placed",
            help="What the router is to connect to it with; that of --to by default.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=1, help="Seconds for transactions that are open to end.")
    ] = 60,
) -> None:
    """Move virtual partitions to another database.

    A move that was interrupted goes on when the command is given again.
    Calls about the partition that moves are refused meanwhile; all others go on.
    """
    log_to_stderr()

    def tell(moved: Moved) -> None:
        typer.echo(
            f"partition {moved.partition}: {moved.rows} rows, stopped for {moved.seconds:.1f} s"
        )

    move_them(
        held_partitions(partitions), source, target, router, placed=placed, wait=wait, tell=tell
    )
