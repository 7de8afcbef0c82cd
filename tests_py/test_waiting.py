"""Waiting for the end of an instance, or for a park: woken by the commit, on any connection."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from gendurable import (
    Await,
    Context,
    Done,
    Machine,
    Outcome,
    Status,
    UsageError,
    WaitTimeoutError,
    cancel,
    enqueue,
    signal,
    step,
    wait,
)
from support import running, until
from test_drivers import async_engine, asyncpg_connection, configure_django, engine, fields

Connection = psycopg.Connection[Any]


class Order(Machine[dict[str, Any]]):
    """Waits to be paid."""

    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Parks."""
        return Await(["paid"], step=self.ship)

    @step
    async def ship(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Ends."""
        return Done({"shipped": True})


@pytest.fixture
def never_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a notification ends the wait in time."""
    monkeypatch.setattr("gendurable.waiting._PAUSE", (600.0, 600.0))


@pytest.fixture
def only_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that cannot listen, as psycopg2."""
    monkeypatch.setattr("gendurable.waiting.within", lambda _: object())


@contextlib.contextmanager
def later(act: Callable[[], object], ready: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread as soon as something is so."""

    def work() -> None:
        until(ready)
        act()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


def is_watched(conn: Connection, instance: int) -> bool:
    """Whether its next end or park is notified."""
    row = conn.execute(
        "select watched from gendurable.instances where id = %s", (instance,)
    ).fetchone()
    return bool(row and row[0])


@contextlib.contextmanager
def ends_when_watched(conn: Connection, instance: int) -> Iterator[None]:
    """Cancel it as soon as a session watches it."""
    with later(lambda: cancel(conn, instance), lambda: is_watched(conn, instance)):
        yield


# On each kind of connection


def on_psycopg(dsn: str, target: int) -> Status | None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        return wait(conn, target, timeout=60)


def on_psycopg_with_transactions(dsn: str, target: int) -> Status | None:
    with psycopg.connect(dsn, row_factory=dict_row) as conn:
        conn.execute("select 1")
        conn.commit()
        found = wait(conn, target, timeout=60)
        assert conn.autocommit is False
        return found


def on_sqlalchemy(dsn: str, target: int) -> Status | None:
    made = engine(dsn)
    with made.connect() as conn:
        conn.execute(sqlalchemy.text("select 1"))
        conn.commit()
        found = wait(conn, target, timeout=60)
        conn.execute(sqlalchemy.text("select 1"))
        conn.commit()
    return found


def on_session(dsn: str, target: int) -> Status | None:
    with Session(engine(dsn)) as session:
        found = wait(session, target, timeout=60)
        session.execute(sqlalchemy.text("select 1"))
        session.commit()
    return found


def on_django(dsn: str, target: int) -> Status | None:
    from django.db import connection, connections  # noqa: PLC0415

    given = fields(dsn)
    configure_django()
    connections.close_all()
    connections["default"].settings_dict.update(
        NAME=given["dbname"], USER=given.get("user", ""), HOST=given.get("host", ""),
        PORT=given.get("port", ""), PASSWORD=given.get("password", ""),
    )  # fmt: skip
    try:
        found = wait(connection, target, timeout=60)
        assert found is None or isinstance(found, Status)
        return found
    finally:
        connections.close_all()


def on_async_psycopg(dsn: str, target: int) -> Status | None:
    async def work() -> Status | None:
        async with await psycopg.AsyncConnection.connect(dsn) as conn:
            found = await wait(conn, target, timeout=60)
            assert conn.autocommit is False
            return found

    return asyncio.run(work())


def on_asyncpg(dsn: str, target: int) -> Status | None:
    async def work() -> Any:
        conn = await asyncpg_connection(dsn)
        try:
            return await wait(conn, target, timeout=60)
        finally:
            await conn.close()

    found = asyncio.run(work())
    assert found is None or isinstance(found, Status)
    return found


def on_async_session(driver: str) -> Callable[[str, int], Status | None]:
    def on_one(dsn: str, target: int) -> Status | None:
        async def work() -> Any:
            made = async_engine(dsn, driver)
            async with AsyncSession(made) as session:
                await session.execute(sqlalchemy.text("select 1"))
                await session.commit()
                found = await wait(session, target, timeout=60)
                await session.execute(sqlalchemy.text("select 1"))
                await session.commit()
            await made.dispose()
            return found

        found = asyncio.run(work())
        assert found is None or isinstance(found, Status)
        return found

    return on_one


KINDS = {
    "psycopg": on_psycopg,
    "psycopg with transactions": on_psycopg_with_transactions,
    "SQLAlchemy": on_sqlalchemy,
    "session": on_session,
    "Django": on_django,
    "async psycopg": on_async_psycopg,
    "asyncpg": on_asyncpg,
    "async session, psycopg": on_async_session("psycopg"),
    "async session, asyncpg": on_async_session("asyncpg"),
}


@pytest.mark.usefixtures("never_looks")
@pytest.mark.parametrize("kind", KINDS)
def test_a_wait_is_ended_by_the_commit_and_not_by_a_look(
    dsn: str, conn: Connection, kind: str
) -> None:
    other, target = enqueue(conn, Order).id, enqueue(conn, Order).id
    conn.execute("select gd_watch(%s::bigint)", (other,))
    with ends_when_watched(conn, target):
        found = KINDS[kind](dsn, target)
    assert found is not None
    assert (found.id, found.status) == (target, "failed")


@pytest.mark.usefixtures("never_looks")
def test_a_wait_returns_within_milliseconds_of_the_commit(dsn: str, conn: Connection) -> None:
    took = []
    for _ in range(5):
        target = enqueue(conn, Order).id
        at: list[float] = []

        def end(target: int = target, at: list[float] = at) -> None:
            cancel(conn, target)
            at.append(monotonic())

        with (
            psycopg.connect(dsn, autocommit=True) as own,
            later(end, partial(is_watched, conn, target)),
        ):
            wait(own, target, timeout=60)
            woken = monotonic()
        took.append(woken - at[0])
    # On a busy machine the best of them.
    assert min(took) < 0.05


@pytest.mark.usefixtures("only_looks")
def test_where_nothing_can_be_heard_the_instance_is_looked_at(dsn: str, conn: Connection) -> None:
    target = enqueue(conn, Order).id
    looked = threading.Event()
    with psycopg.connect(dsn, autocommit=True) as own:
        with later(lambda: cancel(conn, target), looked.is_set):
            looked.set()
            found = wait(own, target, timeout=60)
        assert found is not None
        assert found.status == "failed"
        assert not own.execute("select pg_listening_channels()").fetchall()


def test_where_nothing_can_be_written_the_instance_is_looked_at(dsn: str, conn: Connection) -> None:
    target = enqueue(conn, Order).id
    with psycopg.connect(dsn, options="-c default_transaction_read_only=on") as own:
        with pytest.raises(WaitTimeoutError):
            wait(own, target, timeout=0.1)
        cancel(conn, target)
        found = wait(own, target, timeout=60)
        assert found is not None
        assert found.status == "failed"
    assert not is_watched(conn, target)


def test_it_waits_for_the_statuses_that_are_asked_for_and_for_an_end_in_any_case(
    dsn: str, conn: Connection
) -> None:
    target = enqueue(conn, Order, correlation_key="order:1").id
    with running(dsn, [Order]):
        parked = wait(conn, "order:1", until="awaiting_signal", timeout=60)
        assert parked is not None
        assert (parked.id, parked.status, parked.step) == (target, "awaiting_signal", "ship")
        assert wait(conn, target, until=["awaiting_signal", "runnable"], timeout=0) == parked
        signal(conn, target, "paid")
        shipped = wait(conn, target, timeout=timedelta(minutes=1))
        assert shipped is not None
        assert (shipped.status, shipped.result) == ("done", {"shipped": True})
        assert wait(conn, target, until="awaiting_children", timeout=60) == shipped


def test_a_wait_for_nothing_is_over_at_once(conn: Connection) -> None:
    assert wait(conn, 17) is None
    assert wait(conn, "no such key") is None


def test_a_wait_whose_time_is_over_says_what_it_saw(dsn: str, conn: Connection) -> None:
    target = enqueue(conn, Order).id
    for timeout in (0, 0.05):
        with pytest.raises(WaitTimeoutError, match=rf"instance {target} is runnable") as raised:
            wait(conn, target, timeout=timeout)
        assert raised.value.status.id == target
        assert isinstance(raised.value, TimeoutError)
    assert not conn.execute("select pg_listening_channels()").fetchall()
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_a_wait_in_a_transaction_is_refused_and_does_nothing(dsn: str, conn: Connection) -> None:
    with psycopg.connect(dsn) as own:
        target = enqueue(own, Order).id
        with pytest.raises(UsageError, match="Commit or roll back before wait"):
            wait(own, target)
        own.commit()
        with ends_when_watched(conn, target):
            wait(own, target, timeout=60)

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as own:
            await own.execute("select 1")
            with pytest.raises(UsageError, match="Commit or roll back"):
                await wait(own, target)
        pg = await asyncpg_connection(dsn)
        async with pg.transaction():
            with pytest.raises(UsageError, match="Commit or roll back"):
                await wait(pg, target)
        await pg.close()

    asyncio.run(work())


@pytest.mark.usefixtures("never_looks")
def test_a_wait_that_is_cancelled_leaves_the_connection_as_it_was(
    dsn: str, conn: Connection
) -> None:
    target = enqueue(conn, Order).id

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as own:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await wait(own, target)
            assert own.autocommit is False
            found = await own.execute("select pg_listening_channels()")
            assert await found.fetchall() == []

    asyncio.run(work())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"until": "finished"}, "there is no status finished"),
        ({"until": 3}, "until"),
        ({"timeout": -1}, "must not be negative"),
        ({"timeout": "soon"}, "timeout"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(
    conn: Connection, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        wait(conn, 1, **options)
    with pytest.raises(UsageError, match="expected a connection"):
        wait("conn", 1)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="target"):
        wait(conn, 1.5)  # type: ignore[call-overload]
