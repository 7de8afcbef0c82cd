"""Every exception this package raises, and the one place where SQLSTATEs become exceptions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "DefinitionError",
    "EngineError",
    "GendurableError",
    "InstallError",
    "InvalidArgumentError",
    "InvalidOutcomeError",
    "IsolationError",
    "NotInstalledError",
    "OutcomeError",
    "StateError",
    "UsageError",
    "WorkerGoneError",
    "engine_errors",
]


class GendurableError(Exception):
    """Base of everything this package raises on purpose."""


class DefinitionError(GendurableError):
    """A machine or job is declared in a way that cannot work."""


class StateError(GendurableError):
    """A state does not fit the machine's state type. The message names the field."""


class OutcomeError(GendurableError):
    """A step returned something that is not an outcome, or names a step that does not exist."""


class InvalidOutcomeError(GendurableError):
    """The engine answered ``invalid`` to an outcome; the message is the engine's reason."""


class InstallError(GendurableError):
    """The schema cannot be installed here. Nothing was changed."""


class NotInstalledError(GendurableError):
    """The database does not have the engine's schema, or has one this package cannot use."""


class UsageError(GendurableError):
    """What was asked for on the command line or by a setting cannot be done."""


class EngineError(GendurableError):
    """An error that the engine raised: SQLSTATE class ``GD``.

    Attributes:
        sqlstate: five characters, for example ``GD002``.
        message: constant text per code.
        detail: the offending values, or None.
        hint: what to do about it, or None.
    """

    def __init__(
        self, sqlstate: str, message: str, detail: str | None = None, hint: str | None = None
    ) -> None:
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        parts = [f"{message} ({sqlstate})", detail, hint]
        super().__init__("\n".join(part for part in parts if part))


class InvalidArgumentError(EngineError):
    """A required argument is missing or an argument is out of range (GD001, GD002, GD003)."""


class IsolationError(EngineError):
    """Steps were picked or committed outside READ COMMITTED (GD004)."""


class WorkerGoneError(EngineError):
    """The worker is no longer registered: its claims were given to others (GD010)."""


_BY_SQLSTATE: dict[str, type[EngineError]] = {
    "GD001": InvalidArgumentError,
    "GD002": InvalidArgumentError,
    "GD003": InvalidArgumentError,
    "GD004": IsolationError,
    "GD010": WorkerGoneError,
}


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn the engine's database errors into this package's; let all others pass unchanged.

    Raises:
        EngineError: for SQLSTATE class GD, as the subclass of the code.
        NotInstalledError: when the engine's functions are not there.
    """
    try:
        yield
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName) as exc:
        raise NotInstalledError(
            f"the database has no usable gendurable schema: {exc.diag.message_primary}\n"
            "Install it with: gendurable-py install"
        ) from exc
    except psycopg.Error as exc:
        if exc.sqlstate is None or not exc.sqlstate.startswith("GD"):
            raise
        kind = _BY_SQLSTATE.get(exc.sqlstate, EngineError)
        message = exc.diag.message_primary or str(exc)
        raise kind(exc.sqlstate, message, exc.diag.message_detail, exc.diag.message_hint) from exc
