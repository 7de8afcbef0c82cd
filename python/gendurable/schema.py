"""Whether the installed schema suits this package."""

from __future__ import annotations

import logging

from gendurable.errors import NotInstalledError
from gendurable.process import package_version

__all__ = ["check_usable", "note_newer", "release"]

logger = logging.getLogger("gendurable")

_noted: set[str] = set()
"""The newer versions that were told of."""


def check_usable(installed: str) -> None:
    """Raise a NotInstalledError if the schema is older than this package.

    A newer one is fine: the interface of the functions is stable, and an upgrade replaces the
    schema first and the workers one after the other.
    """
    package = package_version()
    if release(installed) < release(package):
        raise NotInstalledError(
            f"the database has schema version {installed}, this package needs {package}\n"
            "Upgrade the schema first: gendurable-py upgrade (with sqitch: sqitch deploy)."
        )
    note_newer(installed)


def note_newer(installed: str) -> None:
    """Say once in this process that the schema is newer than this package."""
    package = package_version()
    if release(installed) <= release(package) or installed in _noted:
        return
    _noted.add(installed)
    logger.warning(
        "the database has schema version %s and this package is %s: it works on. "
        "Upgrade the package when it suits: pip install --upgrade gendurable",
        installed, package,
    )  # fmt: skip


def release(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared; what is no number ends it."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
