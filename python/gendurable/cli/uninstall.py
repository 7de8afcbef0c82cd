"""``uninstall``: the schema goes, with all that is in it."""

from __future__ import annotations

import typer

from gendurable.cli.command import Dsn, Yes, command, connected
from gendurable.cli.output import confirm
from gendurable.database import conninfo, describe_dsn
from gendurable.look import queues, workers
from gendurable.uninstall import uninstall as remove

__all__ = ["uninstall"]


@command(examples=["uninstall", "uninstall --dsn postgresql:///test --yes"])
def uninstall(dsn: Dsn = None, yes: Yes = False) -> None:
    """Remove the schema with everything in it.

    It asks first. What the installation did not make stays. If something else in the database
    depends on the schema nothing is removed. Roles that another database uses, or that have
    members, stay too.
    """
    where = describe_dsn(conninfo(dsn))
    if not yes:
        with connected(dsn) as conn:
            depth = sum(queue.depth + queue.executing + queue.awaiting for queue in queues(conn))
            alive = sum(worker.alive for worker in workers(conn))
        confirm(
            f"Remove gendurable from {where}, with {depth:,} live instances, all finished ones, "
            f"and {alive} workers at work?",
            yes=False,
        )
    kept = remove(dsn)
    typer.echo(f"removed from {where}")
    if kept:
        typer.echo(f"roles that stay, because they are in use: {', '.join(kept)}")
