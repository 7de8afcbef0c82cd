"""SQLAlchemy's ORM in transactional steps: what it writes and the outcome are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar, overload

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from gendurable.calls import no_connection
from gendurable.contrib.lent import Lent

__all__ = ["step_session"]

S = TypeVar("S", bound=Session)

_lent: ContextVar[psycopg.Connection[Any]] = ContextVar("_lent")


@overload
def step_session(conn: psycopg.Connection[Any]) -> AbstractContextManager[Session, None]: ...
@overload
def step_session(
    conn: psycopg.Connection[Any], sessions: Callable[..., S]
) -> AbstractContextManager[S, None]: ...
def step_session(conn: psycopg.Connection[Any], sessions: Callable[..., Any] = Session) -> Any:
    """A session in the transaction of a step, flushed at the end of the block.

    What it writes is committed with the step's outcome. ``commit`` and ``rollback`` of the session
    mean what was written since the last of them, by savepoints; an exception that leaves the block
    takes back what was not committed so.

    Args:
        conn: ``ctx.conn`` of a sync step that is transactional.
        sessions: a ``Session`` class or a ``sessionmaker``.

    Raises:
        UsageError: this is no such connection.
    """
    if not isinstance(conn, psycopg.Connection):
        raise no_connection(conn, "ctx.conn of a transactional step that is sync")
    return _session(conn, sessions)


@contextmanager
def _session(conn: psycopg.Connection[Any], sessions: Callable[..., Any]) -> Iterator[Any]:
    token = _lent.set(conn)
    try:
        with (
            _engine().begin() as connection,
            sessions(bind=connection, join_transaction_mode="create_savepoint") as session,
        ):
            yield session
            session.commit()
    finally:
        _lent.reset(token)


@cache
def _engine() -> Engine:
    """An engine whose connections are the steps'."""
    engine = create_engine("postgresql+psycopg://", poolclass=NullPool)

    @event.listens_for(engine, "do_connect")
    def lend(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> Any:
        return Lent(_lent.get(), parameters.get("context"))

    return engine
