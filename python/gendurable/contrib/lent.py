"""A connection of a step's transaction as other libraries use it, such as an ORM."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap
from psycopg.rows import tuple_row

__all__ = ["Lent"]


class Lent:
    """What ``ctx.conn`` is to a library that has adapters and cursors of its own.

    The library's queries run in the step's transaction. Its beginning, its end and the connection
    itself are the worker's: ``commit``, ``rollback`` and ``close`` do nothing here. A library keeps
    to savepoints.

    Args:
        conn: the step's connection, whose own adapters, rows and cursors stay as they are.
        context: the adapters of the library.
        cursor_factory: its cursors.
    """

    row_factory = staticmethod(tuple_row)
    server_cursor_factory = psycopg.ServerCursor

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        context: AdaptContext | None = None,
        cursor_factory: Any = psycopg.Cursor,
    ) -> None:
        self._conn = conn
        self.adapters = AdaptersMap(context.adapters if context is not None else None)
        self.cursor_factory = cursor_factory

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """That of the connection: psycopg's own functions ask what they are given."""
        return type(self._conn)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    def cursor(self, name: str = "", **options: Any) -> Any:
        """A cursor of the library's kind."""
        if name:
            return self.server_cursor_factory(self, name, **options)  # type: ignore[call-overload]
        return self.cursor_factory(self)

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Run a query in a new cursor."""
        return self.cursor().execute(query, params, **options)

    def commit(self) -> None:
        """Do nothing: the worker commits, with the outcome."""

    def rollback(self) -> None:
        """Do nothing: the worker rolls back, if the step fails."""

    def close(self) -> None:
        """Do nothing: the worker keeps it."""

    def add_notice_handler(self, handler: Any) -> None:
        """Do nothing: the worker logs what the server remarks."""
