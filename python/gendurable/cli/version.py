"""``version``: of this package."""

from __future__ import annotations

import typer

from gendurable.cli.command import command
from gendurable.process import package_version

__all__ = ["version"]


@command(examples=["version"])
def version() -> None:
    """Print the version of this package."""
    typer.echo(package_version())
