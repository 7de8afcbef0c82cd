"""The shop's schema, in the database that GENDURABLE_DSN or the PG* variables name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, LiteralString, TypeAlias

import psycopg

__all__ = ["Connection", "ForeignShopError", "connect", "recreate"]

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_SCHEMA = Path(__file__).with_name("shop.sql").read_bytes()
# Without cascade: where anything else is in the schema, or depends on it, the whole drop fails.
_DROP = """
    drop table shop.shipments, shop.refunds, shop.payments, shop.orders, shop.stock, shop.settings;
    drop function shop.ship, shop.close, shop.reserve, shop.signal_payment, shop.enqueue_orders;
    drop schema shop;
"""


class ForeignShopError(Exception):
    """The database has a schema ``shop`` that is not, or not only, this example's."""


def connect() -> Connection:
    """A connection in autocommit mode to a database that has the shop's schema."""
    conn = psycopg.connect(os.environ.get("GENDURABLE_DSN", ""), autocommit=True)
    if _one(conn, "select to_regproc('shop.ship') is null"):
        conn.execute(_SCHEMA)
    return conn


def recreate(conn: Connection) -> None:
    """Make the shop's schema anew and empty.

    Raises:
        ForeignShopError: there is something that this example did not make; nothing was changed.
    """
    try:
        with conn.transaction():
            conn.execute(_SCHEMA)  # refuses a schema of another application
            conn.execute(_DROP)
            conn.execute(_SCHEMA)
    except (
        psycopg.errors.ObjectNotInPrerequisiteState,
        psycopg.errors.DependentObjectsStillExist,
    ) as exc:
        raise ForeignShopError(
            "the schema shop in this database is not, or not only, the demo's: "
            f"{exc.diag.message_detail}\nUse another database, or rename that schema."
        ) from exc


def _one(conn: Connection, query: LiteralString) -> object:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]
