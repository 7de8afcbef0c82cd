"""Calls on the connections of SQLAlchemy, Django and asyncpg, with the real libraries."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import asyncpg
import django
import django.conf
import psycopg
import pytest
import sqlalchemy
import sqlalchemy.exc
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine as async_engine_of
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

import gendurable
from gendurable import (
    AccessError,
    Entry,
    InvalidArgumentError,
    NotInstalledError,
    SignalEntry,
    StateError,
    UsageError,
    cancel,
    enqueue,
    enqueue_many,
    job,
    retry,
    set_rate_limit,
    set_retention,
    signal,
    signal_many,
    status,
)
from support import Connection

ANY: Any = gendurable


@job()
def mail(to: str) -> None: ...


def fields(dsn: str) -> dict[str, Any]:
    return {name: value for name, value in conninfo_to_dict(dsn).items() if value is not None}


def asyncpg_fields(dsn: str) -> dict[str, Any]:
    given = fields(dsn)
    given["database"] = given.pop("dbname")
    names = ("host", "port", "user", "password", "database")
    return {name: given[name] for name in names if name in given}


def asyncpg_connection(dsn: str) -> Any:
    return asyncpg.connect(**asyncpg_fields(dsn))


def engine(dsn: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )


def async_engine(dsn: str, driver: str) -> Any:
    if driver == "asyncpg":
        connect: Any = lambda: asyncpg_connection(dsn)  # noqa: E731
    else:
        connect = lambda: psycopg.AsyncConnection.connect(dsn)  # noqa: E731
    return async_engine_of(f"postgresql+{driver}://", async_creator=connect, poolclass=NullPool)


# Each of these runs a function with a connection, in a transaction that it commits or rolls back.


@contextlib.contextmanager
def sqlalchemy_connection(dsn: str, *, commits: bool) -> Iterator[Any]:
    with engine(dsn).connect() as conn:
        yield conn
        if commits:
            conn.commit()


@contextlib.contextmanager
def sqlalchemy_begin(dsn: str, *, commits: bool) -> Iterator[Any]:
    with engine(dsn).connect() as conn, conn.begin() as transaction:
        yield conn
        if not commits:
            transaction.rollback()


@contextlib.contextmanager
def sqlalchemy_session(dsn: str, *, commits: bool) -> Iterator[Any]:
    with Session(engine(dsn)) as session:
        yield session
        if commits:
            session.commit()


@contextlib.contextmanager
def sqlalchemy_scoped(dsn: str, *, commits: bool) -> Iterator[Any]:
    session = scoped_session(sessionmaker(engine(dsn)))
    yield session
    if commits:
        session.commit()
    session.remove()


@contextlib.contextmanager
def django_connection(dsn: str, *, commits: bool) -> Iterator[Any]:
    from django.db import connection, connections, transaction  # noqa: PLC0415

    given = fields(dsn)
    connections.close_all()
    connections["default"].settings_dict.update(
        NAME=given["dbname"], USER=given.get("user", ""), HOST=given.get("host", ""),
        PORT=given.get("port", ""), PASSWORD=given.get("password", ""),
    )  # fmt: skip
    try:
        with transaction.atomic():
            yield connection
            if not commits:
                transaction.set_rollback(True)
    finally:
        connections.close_all()


@contextlib.asynccontextmanager
async def asyncpg_plain(dsn: str, *, commits: bool) -> Any:
    conn = await asyncpg_connection(dsn)
    # What applications do to get at their JSON.
    for kind in ("json", "jsonb"):
        await conn.set_type_codec(kind, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    transaction = conn.transaction()
    await transaction.start()
    yield conn
    await (transaction.commit() if commits else transaction.rollback())
    await conn.close()


@contextlib.asynccontextmanager
async def asyncpg_pooled(dsn: str, *, commits: bool) -> Any:
    async with (
        asyncpg.create_pool(**asyncpg_fields(dsn), min_size=1) as pool,
        pool.acquire() as conn,
    ):
        transaction = conn.transaction()
        await transaction.start()
        yield conn
        await (transaction.commit() if commits else transaction.rollback())


def sqlalchemy_async(driver: str, kind: str) -> Any:
    @contextlib.asynccontextmanager
    async def opened(dsn: str, *, commits: bool) -> Any:
        made = async_engine(dsn, driver)
        if kind == "connection":
            async with made.connect() as conn:
                yield conn
                if commits:
                    await conn.commit()
        elif kind == "session":
            async with AsyncSession(made) as session:
                yield session
                if commits:
                    await session.commit()
        else:
            scoped = async_scoped_session(async_sessionmaker(made), asyncio.current_task)
            yield scoped
            if commits:
                await scoped.commit()
            await scoped.remove()
        await made.dispose()

    return opened


def configure_django() -> None:
    """Have Django's settings, once in a process."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres"}},
            USE_TZ=True,
        )
        django.setup()


@pytest.fixture(scope="session", autouse=True)
def _django() -> None:
    configure_django()


SYNC = {
    "SQLAlchemy connection": sqlalchemy_connection,
    "SQLAlchemy begin": sqlalchemy_begin,
    "SQLAlchemy session": sqlalchemy_session,
    "SQLAlchemy scoped session": sqlalchemy_scoped,
    "Django": django_connection,
}
ASYNC = {
    "asyncpg": asyncpg_plain,
    "asyncpg pool": asyncpg_pooled,
    **{
        f"SQLAlchemy {driver} {kind}": sqlalchemy_async(driver, kind)
        for driver in ("psycopg", "asyncpg")
        for kind in ("connection", "session", "scoped session")
    },
}
KINDS = pytest.mark.parametrize("kind", [*SYNC, *ASYNC])

Work = Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]


def use(dsn: str, kind: str, work: Work, *, commits: bool = True) -> Any:
    """Do the work on a connection of a kind; its second argument makes an answer awaitable."""

    async def at_once(answer: Any) -> Any:
        assert not asyncio.iscoroutine(answer)
        return answer

    async def awaited(answer: Any) -> Any:
        assert asyncio.iscoroutine(answer)
        return await answer

    if kind in SYNC:
        with SYNC[kind](dsn, commits=commits) as conn:
            # Django refuses to work where a loop runs; this coroutine waits for nothing.
            coroutine: Any = work(conn, at_once)
            try:
                coroutine.send(None)
            except StopIteration as ended:
                return ended.value
            raise AssertionError("it waits")

    async def run() -> Any:
        async with ASYNC[kind](dsn, commits=commits) as conn:
            return await work(conn, awaited)

    return asyncio.run(run())


@KINDS
def test_each_call_means_the_same(dsn: str, kind: str) -> None:
    async def work(conn: Any, now: Any) -> None:
        first = await now(
            enqueue(
                conn, "M", {"a": ["é", None, {"%s": "%(x)s"}]}, correlation_key="k:%s",
                correlation_scope=["runnable"], weight=0.5, delay=timedelta(hours=1), fsm_version=2,
            )
        )  # fmt: skip
        assert first.duplicate is False
        assert (await now(enqueue(conn, "M", correlation_key="k:%s"))).duplicate is True
        found = await now(status(conn, "k:%s"))
        assert (found.id, found.fsm_version) == (first.id, 2)
        assert found.state == {"a": ["é", None, {"%s": "%(x)s"}]}
        assert found.enqueued_at.tzinfo is not None
        assert await now(status(conn, 10**9)) is None
        assert await now(signal(conn, first.id, "s", {"p": 1}, dedup_key="d")) == "delivered"
        entries = [SignalEntry(first.id, "s", dedup_key="d"), SignalEntry("k:%s", "t")]
        assert await now(signal_many(conn, entries)) == ["duplicate", "delivered"]
        assert await now(cancel(conn, first.id, "warum nicht", cascade=True)) == 1
        assert await now(retry(conn, first.id, "other", {"x": 1})) == "retried"
        await now(set_rate_limit(conn, "m", 1.5, 2))
        await now(set_retention(conn, 3600, failed=86400))
        answers = await now(enqueue_many(conn, [Entry("M"), mail.entry("a")]))
        assert [answer.duplicate for answer in answers] == [False, False]
        assert (await now(mail.enqueue(conn, to="b"))).id > first.id

    use(dsn, kind, work)
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select count(*) from gd_instances").fetchone() == (4,)


@KINDS
@pytest.mark.parametrize("commits", [True, False])
def test_a_call_is_part_of_the_caller_s_transaction(dsn: str, kind: str, commits: bool) -> None:
    """It may be the first thing in it, and has to begin it then."""

    async def work(conn: Any, now: Any) -> None:
        await now(enqueue(conn, "M"))
        with psycopg.connect(dsn) as other:
            assert other.execute("select count(*) from gd_instances").fetchone() == (0,)

    use(dsn, kind, work, commits=commits)
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select count(*) from gd_instances").fetchone() == (int(commits),)


@KINDS
def test_what_is_refused_is_the_same_error(dsn: str, kind: str) -> None:
    refusals: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
        (lambda conn: enqueue(conn, ""), InvalidArgumentError, "GD00"),
        (lambda conn: enqueue_many(conn, [Entry("M"), Entry("")]), InvalidArgumentError, "ord 2"),
        (lambda conn: enqueue(conn, "M", {"a": "\0"}), InvalidArgumentError, "state: "),
        (lambda conn: enqueue(conn, "M", {"a": float("nan")}), StateError, "nan"),
        (lambda conn: ANY.enqueue(conn, "M", priority="high"), UsageError, "priority"),
    ]
    for refused, error, said in refusals:

        async def work(conn: Any, now: Any, refused: Any = refused, error: Any = error) -> str:
            with pytest.raises(error) as caught:
                await now(refused(conn))
            return str(caught.value)

        with contextlib.suppress(sqlalchemy.exc.PendingRollbackError):
            assert said in use(dsn, kind, work, commits=False)


@KINDS
def test_an_error_that_is_not_the_engine_s_stays_the_library_s(dsn: str, kind: str) -> None:
    async def work(conn: Any, now: Any) -> Exception:
        with pytest.raises(Exception, match="statement timeout") as caught:
            await now(enqueue_many(conn, [Entry("M", {"n": n}) for n in range(20_000)]))
        return caught.value

    with psycopg.connect(dsn, autocommit=True) as conn:
        name = fields(dsn)["dbname"]
        conn.execute(f'alter database "{name}" set statement_timeout = 150')
    found = use(dsn, kind, work, commits=False)
    assert type(found).__module__.startswith(kind.split(maxsplit=1)[0].lower())


@KINDS
def test_without_the_engine_it_is_said_so(empty_dsn: str, kind: str) -> None:
    async def work(conn: Any, now: Any) -> None:
        with pytest.raises(NotInstalledError):
            await now(enqueue(conn, "M"))

    use(empty_dsn, kind, work, commits=False)


def test_a_missing_privilege_is_told_through_a_library(dsn: str, conn: Connection) -> None:
    conn.execute("drop role if exists nobody_at_all")
    conn.execute("create role nobody_at_all")
    with engine(dsn).connect() as app:
        app.exec_driver_sql("set role nobody_at_all")
        with pytest.raises(AccessError, match="Grant it the role gd_client"):
            enqueue(app, "M")
    conn.execute("drop role nobody_at_all")


def test_a_database_of_another_kind_is_refused() -> None:
    with (
        sqlalchemy.create_engine("sqlite://").connect() as conn,
        pytest.raises(UsageError, match=r"SQLAlchemy's sqlite\+pysqlite cannot be used"),
    ):
        enqueue(conn, "M")


def test_a_coroutine_that_is_not_awaited_is_reported(dsn: str) -> None:
    async def run() -> None:
        conn = await asyncpg_connection(dsn)
        coroutine: Any = enqueue(conn, "M")
        assert coroutine.__qualname__ == "enqueue"
        await coroutine
        await conn.close()

    asyncio.run(run())
