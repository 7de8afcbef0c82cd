"""The database: SQLAlchemy's engines, sessions and tables."""

from __future__ import annotations

import os

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Identity, create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from sqlalchemy.pool import NullPool

__all__ = [
    "DSN",
    "URL_",
    "Base",
    "Order",
    "Sessions",
    "SyncSessions",
    "engine",
    "sync_engine",
    "waiting",
]

DSN = os.environ.get("GENDURABLE_DSN", "postgresql:///shop")
"""One string for all: a URI or libpq's ``key=value``."""

URL_ = URL.create(
    "postgresql+psycopg",
    query={name: str(value) for name, value in conninfo_to_dict(DSN).items()},
)

engine = create_async_engine(URL_)
Sessions = async_sessionmaker(engine, expire_on_commit=False)

# Those who wait for a result keep a connection: it is none of the pool's.
waiting = create_async_engine(URL_, poolclass=NullPool)

sync_engine = create_engine(URL_)
SyncSessions = sessionmaker(sync_engine)


class Base(DeclarativeBase):
    """The tables; Alembic compares them with the database."""


class Order(Base):
    """What a customer has ordered."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    sku: Mapped[str]
    quantity: Mapped[int]
    status: Mapped[str] = mapped_column(server_default="new")
