"""Connections: where the settings come from, and errors a person can act on."""

from __future__ import annotations

import logging
import os
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import TextLoader

from gendurable.errors import UsageError

__all__ = [
    "connect",
    "connect_sync",
    "conninfo",
    "describe_dsn",
    "log_warning",
    "one_line",
    "unreachable",
]

logger = logging.getLogger("gendurable")

_SOURCES = "Check --dsn, GENDURABLE_DSN or the PG* environment variables."

_DEFAULTS: dict[str, str] = {
    "application_name": "gendurable",
    "connect_timeout": "10",
    # A peer that vanished without a word is noticed within half a minute, not after two hours.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


def conninfo(dsn: str | None) -> str:
    """The connection string to use: ``dsn``, else GENDURABLE_DSN, else what libpq's PG* say.

    Raises:
        UsageError: the string is malformed.
    """
    given = dsn if dsn is not None else os.environ.get("GENDURABLE_DSN", "")
    try:
        fields = conninfo_to_dict(given)
    except psycopg.ProgrammingError as exc:
        raise UsageError(f"the DSN is malformed: {one_line(exc)}\n{_SOURCES}") from exc
    defaults = {
        name: value
        for name, value in _DEFAULTS.items()
        if name not in fields and _ENVIRONMENT.get(name, "") not in os.environ
    }
    return make_conninfo(given, **defaults)


_ENVIRONMENT = {"application_name": "PGAPPNAME", "connect_timeout": "PGCONNECT_TIMEOUT"}


async def connect(info: str, *, prepare: bool) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """A connection in autocommit mode whose JSON columns arrive as text; warnings are logged.

    Args:
        info: a string that ``conninfo`` made.
        prepare: use prepared statements; they do not work behind a transaction pooler.
    """
    conn = await psycopg.AsyncConnection.connect(
        info, autocommit=True, prepare_threshold=5 if prepare else None
    )
    conn.adapters.register_loader("jsonb", TextLoader)
    conn.add_notice_handler(log_warning)
    return conn


def connect_sync(info: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A sync connection in autocommit mode.

    Raises:
        UsageError: the database cannot be reached.
    """
    try:
        return psycopg.connect(info, autocommit=True)
    except psycopg.OperationalError as exc:
        raise unreachable(info, exc) from exc


def log_warning(notice: psycopg.errors.Diagnostic) -> None:
    """Log what the server warns of; its other notices are for nobody."""
    if notice.severity_nonlocalized == "WARNING":
        said = (notice.message_primary, notice.message_detail, notice.message_hint)
        logger.warning("%s", "\n".join(filter(None, said)))


def describe_dsn(info: str) -> str:
    """Where a connection string leads, for messages: never its password."""
    fields = conninfo_to_dict(info)
    shown = {
        "host": fields.get("host") or os.environ.get("PGHOST") or "local socket",
        "port": fields.get("port") or os.environ.get("PGPORT") or "5432",
        "dbname": fields.get("dbname") or os.environ.get("PGDATABASE"),
        "user": fields.get("user") or os.environ.get("PGUSER"),
    }
    return " ".join(f"{name}={value}" for name, value in shown.items() if value)


def unreachable(info: str, exc: psycopg.Error) -> UsageError:
    """The error for a database that cannot be connected to: refused, unknown, wrong password."""
    return UsageError(f"cannot connect to {describe_dsn(info)}: {one_line(exc)}\n{_SOURCES}")


def one_line(exc: BaseException) -> str:
    """An error for a log: the server's own message without its context, on one line."""
    primary = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return " ".join((primary or str(exc) or type(exc).__name__).split())
