"""Fixtures for tests of applications: ``pytest_plugins = ["gendurable.pytest_plugin"]``.

``gendurable_conn`` is a connection whose transaction is rolled back after the test; what it has
enqueued, ``gendurable.testing.drain`` runs. ``gendurable_worker`` runs real workers on a database
of the test's own. Both databases are copies of a template, which is made once: with the engine, and
with what ``gendurable_setup`` creates.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any, Protocol, Unpack

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from gendurable.hosting import in_thread
from gendurable.install import install
from gendurable.machine import Machine
from gendurable.settings import WorkerSettings
from gendurable.worker import Worker

__all__ = [
    "RunningWorker",
    "gendurable_conn",
    "gendurable_database",
    "gendurable_dsn",
    "gendurable_server",
    "gendurable_setup",
    "gendurable_template",
    "gendurable_worker",
]

_numbers = count(1)


class RunningWorker(Protocol):
    """Runs a worker in a thread for as long as a ``with`` block lasts; at its end it drains."""

    def __call__(
        self,
        machines: Iterable[Machine[Any] | type[Machine[Any]]],
        **settings: Unpack[WorkerSettings],
    ) -> AbstractContextManager[Worker]:
        """As for ``Worker``; ``dsn`` is the test's own database."""


@pytest.fixture(scope="session")
def gendurable_server() -> str:
    """Where to make databases: a role that may create some. Override it to say so otherwise.

    GENDURABLE_TEST_DSN; else the PG* variables, with the database ``postgres``.
    """
    return os.environ.get("GENDURABLE_TEST_DSN") or make_conninfo(dbname="postgres")


@pytest.fixture(scope="session")
def gendurable_setup() -> Callable[[str], object]:
    """What creates the application's tables in the template, given its DSN. Override it."""
    return lambda _: None


@pytest.fixture(scope="session")
def gendurable_template(
    gendurable_server: str, gendurable_setup: Callable[[str], object]
) -> Iterator[str]:
    """The name of the database that the others are copies of."""
    with _database(gendurable_server, "template1") as (name, dsn):
        install(dsn)
        gendurable_setup(dsn)
        yield name


@pytest.fixture(scope="session")
def gendurable_dsn(gendurable_server: str, gendurable_template: str) -> Iterator[str]:
    """The DSN of the database on which tests roll back."""
    with _database(gendurable_server, gendurable_template) as (_, dsn):
        yield dsn


@pytest.fixture
def gendurable_conn(gendurable_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in a transaction that is rolled back after the test."""
    with psycopg.connect(gendurable_dsn) as conn:
        yield conn
        conn.rollback()


@pytest.fixture
def gendurable_database(gendurable_server: str, gendurable_template: str) -> Iterator[str]:
    """The DSN of a database of the test's own."""
    with _database(gendurable_server, gendurable_template) as (_, dsn):
        yield dsn


@pytest.fixture
def gendurable_worker(gendurable_database: str) -> RunningWorker:
    """Runs workers on ``gendurable_database``, each for as long as a ``with`` block lasts."""

    @contextmanager
    def running(
        machines: Iterable[Machine[Any] | type[Machine[Any]]],
        **settings: Unpack[WorkerSettings],
    ) -> Iterator[Worker]:
        given: WorkerSettings = {"dsn": gendurable_database, "drain": 5.0, **settings}
        with in_thread(Worker(machines, **given)) as worker:
            yield worker

    return running


@contextmanager
def _database(server: str, template: str) -> Iterator[tuple[str, str]]:
    """A copy of a database, dropped at the end whatever is connected to it."""
    name = f"gendurable_test_{os.getpid()}_{next(_numbers)}"
    create = sql.SQL("create database {} template {}")
    drop = sql.SQL("drop database if exists {} with (force)")
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield name, make_conninfo(server, dbname=name)
    finally:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(drop.format(sql.Identifier(name)))
