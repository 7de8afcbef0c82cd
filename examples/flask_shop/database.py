"""A connection for each application context: a request, a command, a step."""

from __future__ import annotations

from typing import Any, cast

import psycopg
from flask import Flask, current_app, g

__all__ = ["TABLES", "close", "connection", "dsn_of"]

TABLES = """
    create table if not exists orders (
        id bigint generated always as identity primary key,
        sku text not null,
        status text not null default 'new'
    )
"""


def dsn_of(app: Flask) -> str:
    """Where the application's database is."""
    return cast("str", app.config["DSN"])


def connection() -> psycopg.Connection[Any]:
    """The connection of this context; a transaction is a block: with connection().transaction()."""
    if "conn" not in g:
        g.conn = psycopg.connect(dsn_of(current_app))
    conn: psycopg.Connection[Any] = g.conn
    return conn


def close(_: BaseException | None) -> None:
    """What was not committed in a block is rolled back."""
    if (conn := g.pop("conn", None)) is not None:
        conn.close()
