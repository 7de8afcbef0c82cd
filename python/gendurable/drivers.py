"""Connections that are not psycopg's own: SQLAlchemy's, Django's and asyncpg's.

A call goes through what the caller has, so that it is part of the caller's transaction, which may
begin with it. None of these packages is imported here: what a connection is, its classes say. Only
a script through SQLAlchemy's asyncpg needs a function of SQLAlchemy's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import psycopg
from psycopg.rows import tuple_row

from gendurable.errors import Said, UsageError

__all__ = [
    "AsyncHandle",
    "Driver",
    "Parameters",
    "SyncHandle",
    "ask",
    "driver_of",
    "run_script",
    "said_by",
    "within",
    "within_async",
]

Parameters: TypeAlias = Mapping[str, str | list[str] | None]


class _Result(Protocol):
    def all(self) -> Sequence[Any]: ...


class _SQLAlchemyConnection(Protocol):
    def exec_driver_sql(self, statement: str, /) -> _Result: ...


class _SQLAlchemySession(Protocol):
    def connection(self) -> _SQLAlchemyConnection: ...
    # An AsyncConnection has a ``connection`` that never answers, which would be of any type.
    def flush(self) -> None: ...


class _DjangoConnection(Protocol):
    def ensure_connection(self) -> None: ...


class _SQLAlchemyAsyncConnection(Protocol):
    def exec_driver_sql(self, statement: str, /) -> Coroutine[Any, Any, _Result]: ...


class _SQLAlchemyAsyncSession(Protocol):
    def connection(self) -> Coroutine[Any, Any, _SQLAlchemyAsyncConnection]: ...


class _AsyncpgConnection(Protocol):
    def fetch(self, query: str, /, *args: Any) -> Coroutine[Any, Any, Sequence[Any]]: ...


SyncHandle: TypeAlias = (
    psycopg.Connection[Any] | _SQLAlchemyConnection | _SQLAlchemySession | _DjangoConnection
)
"""A psycopg connection, a SQLAlchemy Connection or Session, or a Django connection."""

AsyncHandle: TypeAlias = (
    psycopg.AsyncConnection[Any]
    | _SQLAlchemyAsyncConnection
    | _SQLAlchemyAsyncSession
    | _AsyncpgConnection
)
"""A psycopg AsyncConnection, a SQLAlchemy AsyncConnection or AsyncSession, or asyncpg's."""


class Driver(NamedTuple):
    """How a query is sent.

    Attributes:
        is_async: ``rows`` answers with a coroutine.
        rows: takes the connection, the query with named placeholders and the parameters; answers
            with rows of one column.
    """

    is_async: bool
    rows: Callable[[Any, str, Parameters], Any]


def driver_of(conn: object) -> Driver | None:
    """How to send a query through a connection; None for what is none that is known."""
    for cls in type(conn).__mro__:
        found = _DRIVERS.get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            return found
    return None


def ask(conn: SyncHandle, query: str, parameters: Parameters | None = None) -> list[Any]:
    """The rows that a query answers with on a sync connection; errors are those of its library."""
    if isinstance(conn, psycopg.Connection):
        with psycopg.Cursor(conn, row_factory=tuple_row) as cursor:
            return cursor.execute(query.encode(), parameters or {}).fetchall()
    driver = driver_of(conn)
    assert driver is not None  # noqa: S101 (see SyncHandle)
    return list(driver.rows(conn, query, parameters or {}))


def run_script(conn: SyncHandle, script: str) -> None:
    """Run statements without parameters on a sync connection, all in its transaction."""
    if isinstance(conn, psycopg.Connection):
        with psycopg.Cursor(conn) as cursor:
            cursor.execute(script.encode())
    elif driver_of(conn) is _DJANGO:
        with conn.cursor() as cursor:  # type: ignore[union-attr]
            cursor.execute(script)
    else:
        _sqlalchemy_script(conn, script)


def _sqlalchemy_script(conn: Any, script: str) -> None:
    connection = conn if hasattr(conn, "exec_driver_sql") else conn.connection()
    if connection.dialect.driver != "asyncpg":
        connection.exec_driver_sql(script, execution_options={"no_parameters": True})
        return
    from sqlalchemy.util import await_only  # noqa: PLC0415 (only who has it comes here)

    # SQLAlchemy prepares each statement, which a script of many cannot be. One of its own begins
    # the transaction, where there is none: in one that has failed it could not be run.
    own = connection.connection.driver_connection
    if not own.is_in_transaction():
        connection.exec_driver_sql("select 1")
    await_only(own.execute(script))


def within(conn: Any) -> Any:
    """The driver's own connection, below a sync one of SQLAlchemy or Django; no transaction begins.

    It is for what has no transaction, such as listening.
    """
    if isinstance(conn, psycopg.Connection):
        return conn
    if driver_of(conn) is _DJANGO:
        conn.ensure_connection()
        return conn.connection
    connection = conn if hasattr(conn, "exec_driver_sql") else conn.connection()
    return connection.connection.driver_connection


async def within_async(conn: Any) -> Any:
    """The driver's own connection, below an async one of SQLAlchemy (see ``within``)."""
    if driver_of(conn) is not _ASYNC:
        return conn
    connection = conn if hasattr(conn, "exec_driver_sql") else await conn.connection()
    return (await connection.get_raw_connection()).driver_connection


def said_by(exc: BaseException) -> Said | None:
    """What the database has said, whichever driver tells it and whatever is wrapped around it."""
    seen: list[BaseException] = []
    waiting: list[Any] = [exc]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or any(one is other for other in seen):
            continue
        seen.append(one)
        state = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        diag = getattr(one, "diag", None)
        if isinstance(state, str) and diag is not None:  # psycopg, psycopg2
            message = diag.message_primary or str(one)
            return Said(state, message, diag.message_detail, diag.message_hint)
        if isinstance(state, str) and hasattr(one, "detail"):  # asyncpg
            return Said(state, str(one.args[0]), one.detail, getattr(one, "hint", None))
        # SQLAlchemy's has the driver's own, Django's was raised from it.
        waiting += [getattr(one, "orig", None), one.__cause__]
    return None


def _sqlalchemy(conn: Any, query: str, parameters: Parameters) -> list[Any]:
    connection = conn if hasattr(conn, "exec_driver_sql") else conn.connection()
    sent = _for_dialect(connection.dialect, query, parameters)
    return list(connection.exec_driver_sql(*sent).all())


async def _sqlalchemy_async(conn: Any, query: str, parameters: Parameters) -> list[Any]:
    connection = conn if hasattr(conn, "exec_driver_sql") else await conn.connection()
    sent = _for_dialect(connection.dialect, query, parameters)
    return list((await connection.exec_driver_sql(*sent)).all())


def _for_dialect(dialect: Any, query: str, parameters: Parameters) -> tuple[str, Any]:
    match dialect.name, dialect.driver:
        case "postgresql", "psycopg" | "psycopg_async" | "psycopg2":
            return query, dict(parameters)
        case "postgresql", "asyncpg":
            statement, values = _numbered(query, parameters)
            return statement, tuple(values)
        case name, driver:
            raise UsageError(
                f"SQLAlchemy's {name}+{driver} cannot be used\n"
                "Use postgresql+psycopg, postgresql+psycopg2 or postgresql+asyncpg."
            )


def _django(conn: Any, query: str, parameters: Parameters) -> list[Any]:
    if conn.vendor != "postgresql":
        raise UsageError(f"Django's connection {conn.alias!r} is to {conn.vendor}, not PostgreSQL")
    with conn.cursor() as cursor:
        cursor.execute(query, dict(parameters))
        return list(cursor.fetchall())


async def _asyncpg(conn: Any, query: str, parameters: Parameters) -> list[Any]:
    statement, values = _numbered(query, parameters)
    return list(await conn.fetch(statement, *values))


def _numbered(query: str, parameters: Parameters) -> tuple[str, Iterable[Any]]:
    """The query with numbered placeholders, each of them text, whatever codecs there are."""
    numbers: dict[str, int] = {}

    def placeholder(found: re.Match[str]) -> str:
        name = found[1]
        number = numbers.setdefault(name, len(numbers) + 1)
        return f"${number}::{'text[]' if isinstance(parameters[name], list) else 'text'}"

    statement = re.sub(r"%\((\w+)\)s", placeholder, query)
    return statement, [parameters[name] for name in numbers]


_SYNC = Driver(is_async=False, rows=_sqlalchemy)
_ASYNC = Driver(is_async=True, rows=_sqlalchemy_async)
_DJANGO = Driver(is_async=False, rows=_django)
_ASYNCPG = Driver(is_async=True, rows=_asyncpg)

_DRIVERS: Mapping[str, Driver] = {
    "sqlalchemy.engine.base.Connection": _SYNC,
    "sqlalchemy.orm.session.Session": _SYNC,
    "sqlalchemy.orm.scoping.scoped_session": _SYNC,
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": _ASYNC,
    "sqlalchemy.ext.asyncio.session.AsyncSession": _ASYNC,
    "sqlalchemy.ext.asyncio.scoping.async_scoped_session": _ASYNC,
    "django.db.backends.base.base.BaseDatabaseWrapper": _DJANGO,
    "django.utils.connection.ConnectionProxy": _DJANGO,
    "asyncpg.connection.Connection": _ASYNCPG,
    "asyncpg.pool.PoolConnectionProxy": _ASYNCPG,
}
