"""Connections: where the settings come from, and errors a person can act on."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.postgres import register_default_adapters
from psycopg.pq import Format, TransactionStatus
from psycopg.types.string import TextLoader

from gendurable.errors import GendurableError, UsageError, engine_errors

__all__ = [
    "Connection",
    "answering",
    "connect",
    "connect_sync",
    "conninfo",
    "cut",
    "describe_dsn",
    "is_loss",
    "is_read_only",
    "is_usable",
    "keepalives",
    "log_failure",
    "log_warning",
    "one_line",
    "patience",
    "refusal",
    "to_primary",
    "use_own_adapters",
]

logger = logging.getLogger("gendurable")

_SOURCES = "Check --dsn, GENDURABLE_DSN or the PG* environment variables."

_DEFAULTS: dict[str, str] = {
    "fallback_application_name": "gendurable",
    "connect_timeout": "10",
    # A peer that vanished without a word is noticed within half a minute, not after two hours.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

# What the engine's calls, and the reading of their answers, rely on. It is said here for every
# connection of this package, whatever the database, the role, PGOPTIONS or a service file set.
# What only the owner of a database can judge stays as they have it: synchronous_commit,
# tablespaces, memory, logging.
_SETTINGS: dict[str, str] = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "search_path": "pg_catalog, pg_temp",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "client_min_messages": "warning",
    # As in the engine's own functions: what is asked is small, and compiling it takes longer.
    "jit": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    # A transaction of ours is idle only while its next statement travels. A process that is
    # stopped or cut off at that moment must not hold its locks for longer than this.
    "idle_in_transaction_session_timeout": "1min",
}
# The server's end of a connection: it frees what a client held that has vanished without a word.
# Without these it takes two hours. Behind a pooler it is the pooler's.
_KEEPALIVES: dict[str, str] = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_SETTINGS_17: dict[str, str] = {"transaction_timeout": "0"}

# When a process began. Ids of processes are used again, and another server has the same.
_BEGAN = "(extract(epoch from a.backend_start) * 1000000)::bigint"
_OWN_BACKEND = (
    f"select a.pid, {_BEGAN}"  # noqa: S608 (nothing from outside)
    " from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) as a"
)
_END_BACKENDS = (
    "select pg_catalog.pg_terminate_backend(a.pid)"  # noqa: S608 (nothing from outside)
    " from pg_catalog.pg_stat_get_activity(null) as a"
    " join unnest(%s::int[], %s::bigint[]) as given (pid, began)"
    f" on given.pid = a.pid and given.began = {_BEGAN}"
)

_UNREAD = 1.0

# Seconds that a new connection has for its settings.
_GREETING = 30.0

# Older ones do not know "primary".
_LIBPQ_14 = 140000

# A standby says the first of a statement that writes and the second of a transaction that would.
_READ_ONLY = ("25006", "0A000")

_LOST_CLASSES = ("08", "57P")


class Backend(NamedTuple):
    """A process of a server: its id, and when it began, in microseconds of the server's clock."""

    pid: int
    began: int


class Connection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection on which the engine is called.

    Attributes:
        local_settings: the query with which each transaction begins that makes our settings its
            own; None where the session has them. Behind a transaction pooler there is no session.
        backend: the server's process of the session; None behind a transaction pooler, and where
            this role may not look.
    """

    local_settings: str | None = None
    backend: Backend | None = None


def conninfo(dsn: str | None) -> str:
    """The connection string to use: ``dsn``, else GENDURABLE_DSN, else what libpq's PG* say.

    Text travels as UTF-8, whatever is said there and whatever the database's own encoding is.

    Raises:
        UsageError: the string is malformed.
    """
    given = dsn if dsn is not None else os.environ.get("GENDURABLE_DSN", "")
    try:
        fields = conninfo_to_dict(given)
    except psycopg.ProgrammingError as exc:
        # Not chained: libpq's own message is in a traceback as well.
        raise UsageError(f"the DSN is malformed: {_censored(exc, given)}\n{_SOURCES}") from None
    defaults = {name: value for name, value in _DEFAULTS.items() if name not in fields}
    if "PGCONNECT_TIMEOUT" in os.environ:
        defaults.pop("connect_timeout", None)
    return make_conninfo(given, **defaults | {"client_encoding": "UTF8"})


def _censored(exc: psycopg.Error, given: str) -> str:
    """What libpq says of a malformed string, without the parts that it quotes of a secret."""
    said = one_line(exc)
    may_hold_secret = "pass" in given or "@" in given
    if not may_hold_secret:
        return said
    # A single character is one that libpq looked for.
    return re.sub(r'"[^"]*"', lambda m: m[0] if len(m[0]) == 3 else '"..."', said)


async def connect(
    info: str,
    *,
    pooler: bool = False,
    listens: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Connection:
    """A connection to the primary, in autocommit mode, whose JSON columns arrive as text.

    Warnings are logged.

    Args:
        info: a string that ``conninfo`` made.
        pooler: it leads through a transaction pooler: no prepared statements, and settings only
            within transactions.
        listens: it hears notifications, which psycopg reads as UTF-8 and as nothing else.
        settings: what differs from the settings of all connections of this package.
    """
    conn = await Connection.connect(
        to_primary(info), autocommit=True, prepare_threshold=None if pooler else 5
    )
    try:
        with answering(conn, _GREETING):
            use_own_adapters(conn)
            if pooler:
                conn.local_settings = _settings(conn, local=True, other=settings)
            else:
                await conn.execute(_settings(conn, local=False, other=settings))
                with suppress(psycopg.errors.InsufficientPrivilege):
                    cursor = await conn.execute(_OWN_BACKEND)
                    conn.backend = Backend(*(await cursor.fetchall())[0])
            if conn.info.parameter_status("server_encoding") == "SQL_ASCII" and not listens:
                # One value that is not UTF-8 would make the server refuse all that travels with it.
                await conn.execute("set client_encoding = 'SQL_ASCII'")
                use_own_adapters(conn)
    except BaseException:
        await conn.close()
        raise
    conn.add_notice_handler(log_warning)
    return conn


async def end_backends(conn: Connection, backends: Sequence[Backend]) -> None:
    """End the server's processes of connections that were given up.

    One that has executed half of what was sent waits for the other half, and holds its locks, as
    long as the network does not tell it that there is no client any more.

    Raises:
        psycopg.Error: it cannot be done.
    """
    if backends:
        await conn.execute(_END_BACKENDS, tuple(map(list, zip(*backends, strict=True))))


@contextmanager
def connect_sync(info: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A sync connection for one transaction, which is committed at the end.

    Raises:
        UsageError: the database cannot be reached, or refuses.
        AccessError: the role may not do it, or the server is read-only.
    """
    try:
        with engine_errors(), psycopg.connect(info, prepare_threshold=None) as conn:
            use_own_adapters(conn)
            conn.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            conn.deferrable = False
            if conn.info.parameter_status("in_hot_standby") != "on":
                conn.read_only = False
            conn.execute(_settings(conn, local=True))
            yield conn
    except psycopg.Error as exc:
        raise refusal(info, exc) from exc


@contextmanager
def answering(
    conn: psycopg.AsyncConnection[Any],
    seconds: float,
    silent: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Take a connection for lost if what is asked within the block is not answered in time.

    The network may keep a connection open on which nothing travels any more.

    Args:
        conn: the connection.
        seconds: how long an answer may take.
        silent: called if it takes longer.
    """
    loop = asyncio.get_running_loop()

    def give_up() -> None:
        # Not at once: where the event loop was blocked, the answer may be there unread.
        timers.append(loop.call_later(_UNREAD, end))

    def end() -> None:
        cut(conn)
        if silent is not None:
            silent()

    timers = [loop.call_later(seconds, give_up)]
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


def patience(lease: float) -> float:
    """Seconds that a worker waits for an answer: a lease, after which others have its claims.

    Less than five would be a slow network, and more than a minute is no use.
    """
    return min(60.0, max(5.0, lease))


def cut(conn: psycopg.BaseConnection[Any]) -> None:
    """End a connection from outside: what waits for an answer on it hears that it is lost."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def to_primary(info: str) -> str:
    """The same string for a connection that writes: of several servers it takes the primary.

    PGTARGETSESSIONATTRS may be meant for readers; what the string itself says stays.
    """
    if "target_session_attrs" in conninfo_to_dict(info) or psycopg.pq.version() < _LIBPQ_14:
        return info
    return make_conninfo(info, target_session_attrs="primary")


def is_usable(conn: Connection) -> bool:
    """Whether the next transaction can begin on it."""
    return not conn.closed and conn.info.transaction_status == TransactionStatus.IDLE


def _settings(
    conn: psycopg.BaseConnection[Any], *, local: bool, other: Mapping[str, str] | None = None
) -> str:
    """The query that makes our settings those of the transaction, or of the session."""
    settings = _SETTINGS | (_SETTINGS_17 if conn.info.server_version >= 170000 else {})
    settings |= other or {}
    if not local:
        settings |= _KEEPALIVES
    how = "true" if local else "false"
    return _set(settings, how)


def keepalives() -> str:
    """The query that lets the server notice a client that has vanished."""
    return _set(_KEEPALIVES, "false")


def _set(settings: Mapping[str, str], how: str) -> str:
    calls = (f"pg_catalog.set_config('{k}', '{v}', {how})" for k, v in settings.items())
    return "select " + ", ".join(calls)


def use_own_adapters(
    context: psycopg.BaseConnection[Any] | psycopg.Cursor[Any] | psycopg.AsyncCursor[Any],
) -> None:
    """Read and write values as psycopg does by itself, whatever adapters an application has added.

    JSON stays text. So does text where the client's encoding is SQL_ASCII, and psycopg would answer
    with bytes: clients of a database without an encoding may have stored any.
    """
    register_default_adapters(context)
    context.adapters.register_loader("jsonb", TextLoader)
    conn = context if isinstance(context, psycopg.BaseConnection) else context.connection
    if conn.info.parameter_status("client_encoding") == "SQL_ASCII":
        context.adapters.register_loader("text", _BytesLoader)
        context.adapters.register_loader("text", _BinaryBytesLoader)


class _BytesLoader(Loader):
    """Text that need not be UTF-8: what is not becomes lone surrogates, which are no JSON."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "surrogateescape")


class _BinaryBytesLoader(_BytesLoader):
    format = Format.BINARY


def log_warning(notice: psycopg.errors.Diagnostic) -> None:
    """Log what the server warns of; its other notices are not for a log."""
    if notice.severity_nonlocalized == "WARNING":
        said = (notice.message_primary, notice.message_detail, notice.message_hint)
        logger.warning("%s", "\n".join(filter(None, said)))


def describe_dsn(info: str) -> str:
    """Where a connection string leads, for messages: never its password."""
    fields = conninfo_to_dict(info)
    service = fields.get("service") or os.environ.get("PGSERVICE")
    # What a service file says goes before the environment; only libpq reads it.
    env: Mapping[str, str] = {} if service else os.environ
    host = (
        fields.get("host") or fields.get("hostaddr") or env.get("PGHOST") or env.get("PGHOSTADDR")
    )
    shown = {
        "service": service,
        "host": host or (None if service else "local socket"),
        "port": fields.get("port") or env.get("PGPORT") or (None if service else "5432"),
        "dbname": fields.get("dbname") or env.get("PGDATABASE"),
        "user": fields.get("user") or env.get("PGUSER"),
    }
    return " ".join(f"{name}={value}" for name, value in shown.items() if value)


def refusal(info: str, exc: psycopg.Error) -> UsageError:
    """The error for a database that cannot be reached or refuses: why, and what to do."""
    where, said = describe_dsn(info), one_line(exc)
    if is_loss(exc):
        return UsageError(f"cannot connect to {where}: {said}\n{_SOURCES}")
    code = f" ({exc.sqlstate})" if exc.sqlstate else ""
    return UsageError(f"this cannot be done at {where}: {said}{code}")


def log_failure(what: str, exc: Exception) -> None:
    """Log why something failed that will be tried again.

    Three kinds: the connection is lost, the database refuses, or there is a bug, which comes with
    its traceback.

    Args:
        what: what was tried, for example ``a turn``.
        exc: what came of it.
    """
    if is_loss(exc):
        logger.warning("the connection failed during %s, trying again: %s", what, one_line(exc))
    elif isinstance(exc, GendurableError) or getattr(exc, "sqlstate", None):
        logger.warning("the database refused %s, trying again: %s", what, one_line(exc))
    else:
        logger.error("%s failed unexpectedly, trying again", what, exc_info=exc)


def is_loss(exc: Exception) -> bool:
    """Whether there is, or was for a moment, no connection."""
    if isinstance(exc, psycopg.OperationalError) and exc.sqlstate is not None:
        return exc.sqlstate.startswith(_LOST_CLASSES)
    return isinstance(exc, OSError | psycopg.OperationalError | psycopg.InterfaceError)


def is_read_only(exc: BaseException) -> bool:
    """Whether the server takes no writes, as a standby and a demoted primary do."""
    cause = exc if isinstance(exc, psycopg.Error) else exc.__cause__
    return isinstance(cause, psycopg.Error) and cause.sqlstate in _READ_ONLY


def one_line(exc: BaseException) -> str:
    """An error for a log: the server's own message without its context, on one line."""
    primary = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return " ".join((primary or str(exc) or type(exc).__name__).split())
