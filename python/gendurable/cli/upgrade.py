"""``upgrade``: the schema that is installed becomes that of this package."""

from __future__ import annotations

from typing import Annotated

import typer

from gendurable.cli.command import Dsn, command
from gendurable.database import conninfo, describe_dsn
from gendurable.log import log_to_stderr
from gendurable.upgrade import Upgrade
from gendurable.upgrade import upgrade as upgrade_schema

__all__ = ["upgrade"]


@command(examples=["upgrade --dry-run", "upgrade"])
def upgrade(
    dsn: Dsn = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds for which it tries to get its locks.")
    ] = 60,
    longest: Annotated[
        float, typer.Option(min=1, help="Seconds that one statement of it may take.")
    ] = 300,
) -> None:
    """Upgrade the schema to this package's version.

    Workers may go on running. It is one transaction: all of it, or nothing. Calls that come
    meanwhile wait for its end.
    """
    log_to_stderr()
    info = conninfo(dsn)
    done = upgrade_schema(info, dry_run=dry_run, wait=wait, longest=longest)
    where = describe_dsn(info)
    if not done.needed:
        typer.echo(f"schema {done.target} is up to date at {where}")
    elif dry_run:
        typer.echo("\n".join(_plan(done, where)))
    else:
        typer.echo(f"schema upgraded from {done.installed} to {done.target} at {where}")


def _plan(upgrade: Upgrade, where: str) -> list[str]:
    """What would be done, a line each."""
    return [
        f"would upgrade the schema from {upgrade.installed} to {upgrade.target} at {where}:",
        "- lock the instances until the end: calls wait, and go on with the new schema",
        *(f"- {step}" for step in upgrade.steps),
        "- create all functions and views anew, with the privileges that they have",
        *(f"It would have to wait for {holder}." for holder in upgrade.holders),
    ]
