"""Whether the installed schema suits this package."""

from __future__ import annotations

from gendurable.errors import NotInstalledError
from gendurable.process import package_version

__all__ = ["check_usable", "release"]


def check_usable(installed: str) -> None:
    """Raise a NotInstalledError if the schema is older than this package.

    A newer one is fine: the interface of the functions is stable, and an upgrade replaces the
    schema first and the workers one after the other.
    """
    package = package_version()
    if release(installed) < release(package):
        raise NotInstalledError(
            f"the database has schema version {installed}, this package needs {package}\n"
            "Upgrade the schema first, with sqitch deploy."
        )


def release(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared; what is no number ends it."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
