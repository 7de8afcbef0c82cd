"""Every exception this package raises, and the one place where SQLSTATEs become exceptions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg

__all__ = [
    "AccessError",
    "BufferFullError",
    "DefinitionError",
    "EngineError",
    "GendurableError",
    "InstallError",
    "InvalidArgumentError",
    "InvalidOutcomeError",
    "IsolationError",
    "NotInstalledError",
    "OutcomeError",
    "PrivilegesError",
    "Said",
    "StateError",
    "StepTimeoutError",
    "UsageError",
    "WaitTimeoutError",
    "WorkerGoneError",
    "engine_errors",
    "error_for",
    "role_for",
]


class GendurableError(Exception):
    """Base of everything this package raises on purpose."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


class DefinitionError(GendurableError):
    """A machine or job is declared in a way that cannot work."""


class StateError(GendurableError):
    """A state does not fit the machine's state type. The message names the field."""


class OutcomeError(GendurableError):
    """A step returned something that is not an outcome, or names a step that does not exist."""


class BufferFullError(GendurableError):
    """Too much waits to be enqueued in the background."""


class StepTimeoutError(GendurableError, TimeoutError):
    """An execution of a step took longer than its ``timeout``."""


class WaitTimeoutError(GendurableError, TimeoutError):
    """The time of a ``wait`` is over.

    Attributes:
        status: the instance as it was seen last: a ``Status``, or None.
    """

    def __init__(self, status: Any = None) -> None:
        self.status = status
        where = "" if status is None else f": instance {status.id} is {status.status}"
        super().__init__(f"the time to wait is over{where}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by what was seen, not by the text that is made of it."""
        return type(self), (self.status,)


class InvalidOutcomeError(GendurableError):
    """The engine answered ``invalid`` to an outcome; the message is the engine's reason."""


class InstallError(GendurableError):
    """The schema cannot be installed here. Nothing was changed."""


class NotInstalledError(GendurableError):
    """The database does not have the engine's schema, or has one this package cannot use."""


class UsageError(GendurableError):
    """What was asked for on the command line, by a setting or by an argument cannot be done."""


class AccessError(UsageError):
    """The database does not let this connection do it: no privilege, or a read-only server."""


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

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its fields, not by the text that is made of them."""
        return type(self), (self.sqlstate, self.message, self.detail, self.hint)


class InvalidArgumentError(EngineError):
    """A required argument is missing or an argument is out of range (GD001, GD002, GD003)."""


class IsolationError(EngineError):
    """Steps were picked or committed outside READ COMMITTED (GD004)."""


class PrivilegesError(EngineError):
    """Every role may call the engine, so it is closed: restored without privileges (GD005)."""


class WorkerGoneError(EngineError):
    """The worker is no longer registered: its claims were given to others (GD010)."""


_BY_SQLSTATE: dict[str, type[EngineError]] = {
    "GD001": InvalidArgumentError,
    "GD002": InvalidArgumentError,
    "GD003": InvalidArgumentError,
    "GD004": IsolationError,
    "GD005": PrivilegesError,
    "GD010": WorkerGoneError,
}


# What gd_client and gd_worker may call, as in sql/grants.sql; gd_admin may call everything.
_CLIENT = (
    "enqueue|enqueue_many|signal|signal_many|signals|children|status|history|watch|version"
    "|next_occurrence|find|why|tree|lines|horizon|doctor|here"
    "|instances|queues|workers|limits|stuck|throughput|schedules"
)
_WORKER = (
    "register|heartbeat|pick|commit|release|unregister|next_due|reap|expire_awaits|maintain|report"
    "|schedule|declare_schedules|declare|machines"
)

# A function, a table, a schema.
_NOT_THERE = ("42883", "42P01", "3F000")
_NO_PRIVILEGE = "42501"
_READ_ONLY = "25006"
# It exists already, it does not exist: the session of the server changes between two statements.
_PREPARED = ("42P05", "26000")


class Said(NamedTuple):
    """An error of the database, whichever driver tells it; ``detail`` and ``hint`` may be None."""

    sqlstate: str
    message: str
    detail: str | None
    hint: str | None


@contextmanager
def engine_errors(role: str | None = None) -> Iterator[None]:
    """Turn the engine's database errors into this package's; let all others pass unchanged.

    Args:
        role: the one that the caller needs, for messages; left out, the least that may use the
            function which was denied.

    Raises:
        EngineError: for SQLSTATE class GD, as the subclass of the code.
        NotInstalledError: when the engine's functions are not there.
        AccessError: when the role may not call them, or nothing can be written.
        UsageError: when prepared statements meet a transaction pooler.
    """
    try:
        yield
    except psycopg.Error as exc:
        if exc.sqlstate is None:
            raise
        message, diag = exc.diag.message_primary or str(exc), exc.diag
        said = Said(exc.sqlstate, message, diag.message_detail, diag.message_hint)
        if (error := error_for(said, role)) is None:
            raise
        raise error from exc


def error_for(said: Said, role: str | None = None) -> GendurableError | None:
    """The error of this package for one of the database; None for those that are not its."""
    if said.sqlstate in _NOT_THERE:
        # The types of all arguments would hide what is said of the function.
        message = re.sub(r"\(.*\)", "(...)", said.message)
        return NotInstalledError(
            f"the database has no usable gendurable schema: {message}\n"
            "Install it with: gendurable-py install (an older one: gendurable-py upgrade)"
        )
    if said.sqlstate == _NO_PRIVILEGE:
        return AccessError(_lacking(said.message, role))
    if said.sqlstate == _READ_ONLY:
        return AccessError(
            f"nothing can be written here: {said.message}\n"
            "Connect to the primary server (target_session_attrs=read-write), "
            "in a transaction that is not read-only."
        )
    if said.sqlstate in _PREPARED:
        return UsageError(
            f"prepared statements collide: {said.message}\n"
            "The connection leads through a transaction pooler. Do without prepared statements: "
            "--pooler or pooler=True for a worker, prepare_threshold=None for psycopg, "
            "statement_cache_size=0 for asyncpg."
        )
    if said.sqlstate.startswith("GD"):
        return _BY_SQLSTATE.get(said.sqlstate, EngineError)(*said)
    return None


def role_for(function: str) -> str:
    """The least of the engine's roles that may use a public function or view."""
    name = function.removeprefix("gd_")
    if re.fullmatch(_CLIENT, name):
        return "gd_client"
    return "gd_worker" if re.fullmatch(_WORKER, name) else "gd_admin"


def _lacking(message: str, role: str | None) -> str:
    # The server says it in its own language; the name is the same in all of them.
    function = re.search(r"\bgd_\w+", message)
    if function is None:
        return (
            f"this role may not use the engine: {message}\n"
            f"It needs {role or 'gd_client, gd_worker or gd_admin'}, "
            "and usage on the schema public."
        )
    return (
        f"this role may not use {function[0]}: {message}\n"
        f"Grant it the role {role or role_for(function[0])}."
    )
