"""Databases for the tests: `dsn` has the engine, `empty_dsn` nothing, `conn` is open on `dsn`."""

from __future__ import annotations

import itertools
import logging
import os
import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from database import create_database, drop_database, server
from gendurable.install import install

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_configure() -> None:
    """Ends the run in order on SIGTERM too: fixtures stop the processes they started."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))
    # A job in the background of a shell is born deaf to it, and so would be what the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What takes long in few tests comes first: at the end of a run it would be waited for alone.
_LONG = (
    "test_faults.py", "test_tutorial.py", "test_router.py", "test_site.py", "test_stress.py",
    "test_wheel.py", "test_demo.py", "test_upgrade.py", "test_chaos.py", "test_commands.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the order within a file stays."""
    items.sort(key=lambda item: item.path.name not in _LONG)


_numbers = itertools.count(1)


def _fresh_name() -> str:
    return f"gendurable_py_{os.getpid()}_{next(_numbers)}"


@pytest.fixture(scope="session")
def admin_dsn() -> Iterator[str]:
    """The maintenance database of the test server."""
    with server() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def template(admin_dsn: str) -> Iterator[str]:
    """Name of a database with the engine, installed once by the package; no test connects to it."""
    name = _fresh_name()
    dsn = create_database(admin_dsn, name)
    install(dsn)
    yield name
    drop_database(admin_dsn, name)


@pytest.fixture
def dsn(admin_dsn: str, template: str) -> Iterator[str]:
    """A fresh database with the engine."""
    name = _fresh_name()
    yield create_database(admin_dsn, name, template)
    drop_database(admin_dsn, name)


@pytest.fixture
def empty_dsn(admin_dsn: str) -> Iterator[str]:
    """A fresh database without the engine."""
    name = _fresh_name()
    yield create_database(admin_dsn, name)
    drop_database(admin_dsn, name)


@pytest.fixture
def conn(dsn: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to `dsn`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _own_logger() -> Iterator[None]:
    """What a test makes of the package's logger ends with it: a count of equal messages, say."""
    logger = logging.getLogger("gendurable")
    before = list(logger.filters)
    yield
    logger.filters[:] = before
