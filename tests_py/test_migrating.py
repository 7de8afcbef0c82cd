"""The schema in an application's own migrations: in its transaction, on its connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

from gendurable import AccessError, InstallError, NotInstalledError, UsageError, enqueue
from gendurable.drivers import ask, run_script
from gendurable.migrating import migrate, remove
from gendurable.process import package_version
from test_drivers import (
    async_engine,
    asyncpg_connection,
    configure_django,
    django_connection,
    engine,
)

Work = Callable[[Any], Any]


@contextlib.contextmanager
def psycopg_connection(dsn: str, *, commits: bool) -> Iterator[Any]:
    with psycopg.connect(dsn) as conn:
        yield conn
        if not commits:
            conn.rollback()


@contextlib.contextmanager
def session(dsn: str, *, commits: bool) -> Iterator[Any]:
    with Session(engine(dsn)) as opened:
        yield opened
        if commits:
            opened.commit()


def through_a_loop(driver: str) -> Callable[..., None]:
    """As the async template of Alembic does it."""

    def use(dsn: str, work: Work, *, commits: bool) -> None:
        async def run() -> None:
            made = async_engine(dsn, driver)
            async with made.connect() as conn:
                await conn.run_sync(work)
                if commits:
                    await conn.commit()
            await made.dispose()

        asyncio.run(run())

    return use


def within(manager: Any) -> Callable[..., None]:
    def use(dsn: str, work: Work, *, commits: bool) -> None:
        with manager(dsn, commits=commits) as conn:
            work(conn)

    return use


KINDS: dict[str, Callable[..., None]] = {
    "psycopg": within(psycopg_connection),
    "SQLAlchemy": within(session),
    "SQLAlchemy psycopg async": through_a_loop("psycopg"),
    "SQLAlchemy asyncpg": through_a_loop("asyncpg"),
    "Django": within(django_connection),
}


@pytest.fixture(params=KINDS)
def use(request: pytest.FixtureRequest) -> Callable[..., None]:
    configure_django()
    return KINDS[request.param]


def count(dsn: str) -> int:
    """Of everything that belongs to the engine."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(
            "select (select count(*) from pg_proc where proname like 'gd\\_%')"
            " + (select count(*) from pg_namespace where nspname = 'gendurable')"
        ).fetchone()
        assert row is not None
        return int(row[0])


def test_the_schema_comes_and_goes_with_the_caller_s_transaction(
    empty_dsn: str, use: Callable[..., None]
) -> None:
    def first(conn: Any) -> None:
        run_script(conn, "create table mine (id int); set local lock_timeout = '7s'")
        run_script(conn, "set local search_path = public, pg_temp")
        assert migrate(conn) == package_version()
        assert ask(conn, "select current_setting('lock_timeout')")[0][0] == "7s"
        assert ask(conn, "select current_setting('search_path')")[0][0] == "public, pg_temp"
        enqueue(conn, "M", {"a": "%s"})

    use(empty_dsn, first, commits=False)
    assert count(empty_dsn) == 0
    use(empty_dsn, first, commits=True)
    there = count(empty_dsn)
    assert there > 50
    # Another time there is nothing to do.
    use(empty_dsn, migrate, commits=True)
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select state from gd_instances").fetchall() == [({"a": "%s"},)]
        assert conn.execute("select count(*) from mine").fetchone() == (0,)

    use(empty_dsn, remove, commits=False)
    assert count(empty_dsn) == there
    use(empty_dsn, remove, commits=True)
    assert count(empty_dsn) == 0


def test_roles_that_another_database_uses_stay(
    dsn: str, template: str, use: Callable[..., None]
) -> None:
    def removed(conn: Any) -> None:
        assert remove(conn) == ["gd_admin", "gd_worker", "gd_client"], f"{template} uses them"

    use(dsn, removed, commits=True)
    assert count(dsn) == 0


def goes_on(conn: Any) -> None:
    """The transaction of a migration that was refused."""
    assert ask(conn, "select 1")[0][0] == 1


def test_what_is_in_the_way_is_refused(empty_dsn: str, use: Callable[..., None]) -> None:
    def refused(conn: Any) -> None:
        run_script(conn, "create schema gendurable")
        with pytest.raises(InstallError, match="is not gendurable's"):
            migrate(conn)

    def not_there(conn: Any) -> None:
        with pytest.raises(NotInstalledError):
            remove(conn)

    use(empty_dsn, refused, commits=False)
    use(empty_dsn, not_there, commits=False)


def test_what_depends_on_the_schema_keeps_it(dsn: str, use: Callable[..., None]) -> None:
    def refused(conn: Any) -> None:
        run_script(conn, "create view mine as select id from gd_instances")
        run_script(conn, "set local search_path = public, pg_temp; set local lock_timeout = '7s'")
        with pytest.raises(InstallError, match=r"depends on the schema: view public\.mine"):
            remove(conn)
        goes_on(conn)
        settings = "select current_setting('search_path'), current_setting('lock_timeout')"
        assert tuple(ask(conn, settings)[0]) == ("public, pg_temp", "7s")

    use(dsn, refused, commits=False)


def test_a_role_that_may_not_create_is_told_so(empty_dsn: str, use: Callable[..., None]) -> None:
    def refused(conn: Any) -> None:
        run_script(conn, "create role gd_nobody_here; set local role gd_nobody_here")
        with pytest.raises(InstallError, match="this role may not install here"):
            migrate(conn)
        goes_on(conn)

    use(empty_dsn, refused, commits=False)


def test_a_role_that_may_not_ask_is_told_so(dsn: str, use: Callable[..., None]) -> None:
    def refused(conn: Any) -> None:
        run_script(conn, "create role gd_nobody_here; set local role gd_nobody_here")
        with pytest.raises(AccessError, match="Grant it the role gd_client"):
            migrate(conn)
        goes_on(conn)

    use(dsn, refused, commits=False)


def test_the_role_of_the_transaction_stays(dsn: str, use: Callable[..., None]) -> None:
    def work(conn: Any) -> None:
        run_script(conn, "create role gd_migrator in role gd_client; set local role gd_migrator")
        migrate(conn)
        assert ask(conn, "select current_user::text")[0][0] == "gd_migrator"

    use(dsn, work, commits=False)


def test_without_a_transaction_nothing_is_begun(empty_dsn: str) -> None:
    configure_django()
    from django.db import connection  # noqa: PLC0415

    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        with pytest.raises(UsageError, match="the connection is in no transaction"):
            migrate(conn)
        with conn.transaction():
            migrate(conn)
    with django_connection(empty_dsn, commits=True):
        pass
    with pytest.raises(UsageError, match="the connection is in no transaction"):
        remove(connection)
    connection.close()
    assert count(empty_dsn) > 50


def test_an_async_connection_is_refused(empty_dsn: str) -> None:
    async def run() -> None:
        conn: Any = await asyncpg_connection(empty_dsn)
        with pytest.raises(UsageError, match="expected a sync connection"):
            migrate(conn)
        await conn.close()

    asyncio.run(run())
