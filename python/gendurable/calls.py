"""Calls on the caller's connection: inside its transaction, whatever else it is set up to do.

A call is sent text and answers one column of text. On a psycopg connection that is done in a
cursor of this module's own: what the connection makes of other types, rows and placeholders is the
caller's business. How it is done on other connections is in ``drivers``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar, cast, overload

import msgspec
from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.rows import tuple_row
from psycopg.types.array import ListDumper
from psycopg.types.string import StrDumper, TextLoader

from gendurable.drivers import AsyncHandle, Driver, Parameters, SyncHandle, driver_of, said_by
from gendurable.errors import InvalidArgumentError, UsageError, error_for
from gendurable.text import safe_repr

__all__ = [
    "AnyConnection",
    "MaybeCoroutine",
    "Parameters",
    "Texts",
    "call",
    "decoded",
    "no_connection",
    "sync_or_async",
    "text_only",
]

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
C = TypeVar("C", Cursor[tuple[Any, ...]], AsyncCursor[tuple[Any, ...]])

AnyConnection: TypeAlias = SyncHandle | AsyncHandle
MaybeCoroutine: TypeAlias = T | Coroutine[Any, Any, T]
"""The value on a sync connection, a coroutine of it on an async one."""
Texts: TypeAlias = Sequence[str]
"""The only column of an answer."""

# NUL, and a number with more digits than a numeric has.
_UNSTORABLE = re.compile(rb"\\u0000|\d{131072}|[eE]\+?\d{6}")

_HINTS = {
    "sqlalchemy": "Of SQLAlchemy's it is a Connection or a Session: with engine.begin() as conn.",
    "psycopg_pool": "Take one out of the pool: with pool.connection() as conn.",
    "psycopg2": "psycopg2 is another driver; connect with psycopg (version 3).",
    "asyncpg": "Take one out of the pool: async with pool.acquire() as conn.",
    "django": "Of Django's it is django.db.connection, or one of django.db.connections.",
    "psycopg": "Of a cursor it is cursor.connection.",
    "AsyncConnection": "Here it has to be a sync one: psycopg.connect(...).",
    "coroutine": "Await psycopg.AsyncConnection.connect(...) first.",
}


class Call(Protocol[P, T_co]):
    """A call to a type checker: what it answers follows from the connection."""

    @overload
    def __call__(self, conn: SyncHandle, /, *args: P.args, **kwargs: P.kwargs) -> T_co: ...
    @overload
    def __call__(
        self, conn: AsyncHandle, /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T_co]: ...


def sync_or_async(
    function: Callable[Concatenate[AnyConnection, P], MaybeCoroutine[T]],
) -> Call[P, T]:
    """Type a function by its connection; it stays as it is."""
    return cast("Call[P, T]", function)


def call(
    conn: AnyConnection,
    query: str,
    parameters: Parameters,
    answer: Callable[[Texts], T],
    *,
    name: str | None = None,
) -> MaybeCoroutine[T]:
    """Run one query and build the answer of its texts, now or when awaited.

    Args:
        conn: the caller's connection.
        query: with named placeholders; it answers one column of text.
        parameters: their values.
        answer: builds the answer.
        name: the function of this package that was called; left out, that which the query names.

    Raises:
        UsageError: this is no psycopg connection, or its encoding has no such character.
        InvalidArgumentError: the engine or the database refuses an argument.
    """
    if isinstance(conn, Connection):
        with _refusals(parameters), text_only(Cursor(conn, row_factory=tuple_row)) as cursor:
            return answer(_texts(cursor.execute(query, parameters).fetchall()))
    if isinstance(conn, AsyncConnection):
        coroutine = _call_async(conn, query, parameters, answer)
    else:
        driver = driver_of(conn)
        if driver is None:
            raise no_connection(conn)
        if not driver.is_async:
            with _refusals(parameters):
                return answer(_texts(driver.rows(conn, query, parameters)))
        coroutine = _call_driver(driver, conn, query, parameters, answer)
    # Python's warning of one that is never awaited then names the function that was called.
    coroutine.__qualname__ = name or _name_in(query)  # type: ignore[attr-defined]
    return coroutine


async def _call_driver(
    driver: Driver,
    conn: AnyConnection,
    query: str,
    parameters: Parameters,
    answer: Callable[[Texts], T],
) -> T:
    with _refusals(parameters):
        return answer(_texts(await driver.rows(conn, query, parameters)))


def _name_in(query: str) -> str:
    """What the function of this package is called that sends a query."""
    start = query.index("gd_") + 3
    return query[start : query.index("(", start)]


async def _call_async(
    conn: AsyncConnection[Any],
    query: str,
    parameters: Parameters,
    answer: Callable[[Texts], T],
) -> T:
    with _refusals(parameters):
        async with text_only(AsyncCursor(conn, row_factory=tuple_row)) as cursor:
            await cursor.execute(query, parameters)
            return answer(_texts(await cursor.fetchall()))


def decoded(answer: str, kind: type[T]) -> T:
    """JSON text as a value of a type."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.DecodeError:
        # A number that no float holds, such as 1e400, is one that jsonb does.
        return msgspec.convert(json.loads(answer), kind)


def no_connection(
    given: object, expected: str = "a connection of psycopg, SQLAlchemy, Django or asyncpg"
) -> UsageError:
    """The error for something else in a connection's place, with the way to one."""
    kind = type(given)
    hint = _HINTS.get(kind.__name__) or _HINTS.get(kind.__module__.split(".")[0])
    return UsageError(
        f"expected {expected}, as the first argument, got {kind.__module__}.{kind.__qualname__}\n"
        + (hint or "Make one with psycopg.connect(...).")
    )


def text_only(cursor: C) -> C:
    """A cursor in which no adapter of the caller's takes part."""
    cursor.adapters.register_dumper(str, StrDumper)
    cursor.adapters.register_dumper(list, ListDumper)
    cursor.adapters.register_loader("text", TextLoader)
    return cursor


def _texts(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    # Bytes are what psycopg answers where the client's encoding is SQL_ASCII.
    return [
        text.decode("utf-8", "replace") if isinstance(text, bytes) else text for (text,) in rows
    ]


def _blamed(parameters: Parameters) -> str | None:
    """The field that has JSON which the database cannot hold, with the place of its entry.

    All other arguments were checked before they were sent.
    """
    if not isinstance(entries := parameters.get("entries"), str):
        return next((name for name in ("state", "payload") if parameters.get(name)), None)
    decoder = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
    for place, entry in enumerate(decoder.decode(entries), 1):
        for name, value in entry.items():
            if _UNSTORABLE.search(bytes(value)):
                return f"ord {place}: {name}"
    return None


@contextmanager
def _refusals(parameters: Parameters) -> Iterator[None]:
    """What a call's own arguments have caused is an error of this package."""
    try:
        yield
    except UnicodeEncodeError as exc:
        raise UsageError(
            f"{safe_repr(exc.object[exc.start : exc.end], 40)} cannot be sent in the connection's "
            f"client_encoding ({exc.encoding}); set it to UTF8"
        ) from exc
    except Exception as exc:
        if (said := said_by(exc)) is None:
            raise
        error: Exception | None
        if said.sqlstate.startswith("22"):
            # What is no value of the database's types never reaches the engine's own checks.
            where = _blamed(parameters)
            detail = f"{where}: {said.detail or said.message}" if where else said.detail
            error = InvalidArgumentError(said.sqlstate, said.message, detail, said.hint)
        else:
            error = error_for(said)
        if error is None:
            raise
        raise error from exc
