"""``install``: the schema."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from gendurable.cli.command import Dsn, command
from gendurable.database import conninfo, describe_dsn
from gendurable.errors import UsageError
from gendurable.install import install as install_schema
from gendurable.install import install_router
from gendurable.log import log_to_stderr
from gendurable.process import package_version
from gendurable.text import safe_repr

__all__ = ["held_partitions", "install"]


@command(examples=["install", "install --dsn postgresql:///shop", "install --partitions 0-15/64"])
def install(
    dsn: Dsn = None,
    repair_privileges: Annotated[
        bool,
        typer.Option("--repair-privileges", help="Grant and revoke what a restored dump has lost."),
    ] = False,
    partitions: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST-LAST/64",
            help="What this database holds as one of many: 0-15/64, 3/64, or none yet.",
            show_default=False,
        ),
    ] = None,
    router: Annotated[
        bool,
        typer.Option("--router", help="A router before many databases; again to upgrade it."),
    ] = False,
) -> None:
    """Install the schema; do nothing if it is there."""
    log_to_stderr()
    info = conninfo(dsn)
    if router:
        if repair_privileges or partitions is not None:
            raise UsageError("--router is used alone: a router has no partitions of its own")
        done = install_router(info)
        what = "installed" if done else f"has the calls of {package_version()} now"
        typer.echo(f"router {what} at {describe_dsn(info)}")
        return
    held = None if partitions is None else held_partitions(partitions)
    done = install_schema(info, repair_privileges=repair_privileges, partitions=held)
    version = package_version()
    where = describe_dsn(info)
    typer.echo(
        f"schema {version} installed at {where}"
        if done
        else f"schema {version} is up to date at {where}"
    )


def held_partitions(option: str) -> range:
    """The virtual partitions that FIRST-LAST/64 names."""
    if option == "none":
        return range(0)
    found = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?/64", option)
    first = int(found[1]) if found else 0
    last = int(found[2] or found[1]) if found else -1
    if not 0 <= first <= last <= 63:
        raise UsageError(
            f"partitions {safe_repr(option, 40)}: expected FIRST-LAST/64 with numbers from 0 "
            "to 63, for example 0-15/64"
        )
    return range(first, last + 1)
