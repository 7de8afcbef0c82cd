"""``install``: the schema."""

from __future__ import annotations

from typing import Annotated

import typer

from gendurable.cli.command import Dsn, command
from gendurable.database import conninfo, describe_dsn
from gendurable.install import install as install_schema
from gendurable.log import log_to_stderr
from gendurable.process import package_version

__all__ = ["install"]


@command
def install(
    dsn: Dsn = None,
    repair_privileges: Annotated[
        bool,
        typer.Option("--repair-privileges", help="Grant and revoke what a restored dump has lost."),
    ] = False,
) -> None:
    """Install the schema; do nothing if it is there."""
    log_to_stderr()
    info = conninfo(dsn)
    done = install_schema(info, repair_privileges=repair_privileges)
    version = package_version()
    where = describe_dsn(info)
    typer.echo(
        f"schema {version} installed at {where}"
        if done
        else f"schema {version} is up to date at {where}"
    )
