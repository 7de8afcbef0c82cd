"""What is kept and what is forgotten: retention, partitions, and maintenance in slices."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from database import create_database, drop_database
from gendurable import enqueue, job, protocol, set_retention, status
from gendurable.install import install
from support import Connection, finished, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE = """
    insert into gendurable.finished
        (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
         queue, state)
    select nextval('gendurable.instances_id_seq'), now(), now() - %s::interval, 1, 0, 0, 1, false,
           'm', 's', 'q', '{}'
    from generate_series(1, %s)"""


@pytest.fixture
def owner(admin_dsn: str) -> Iterator[str]:
    """A database with the engine, whose owner is no superuser, as on a managed PostgreSQL."""
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        name = f"gd_owner_{admin.info.backend_pid}"
        role = sql.Identifier(name)
        admin.execute(sql.SQL("create role {} login createrole password 'secret'").format(role))
        create_database(admin_dsn, name)
        admin.execute(sql.SQL("alter database {} owner to {}").format(role, role))
        dsn = make_conninfo(admin_dsn, dbname=name, user=name, password="secret")
        try:
            install(dsn)
            yield dsn
        finally:
            drop_database(admin_dsn, name)
            admin.execute(sql.SQL("drop owned by {}").format(role))
            admin.execute(sql.SQL("drop role {}").format(role))


@job()
def idle() -> None:
    """For workers that are to do nothing."""


def one(conn: Connection, query: str, *parameters: object) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def maintain(conn: Connection) -> dict[str, int]:
    """One call of gd_maintain."""
    return dict(conn.execute("select task, affected from gd_maintain()").fetchall())


def test_the_owner_of_a_database_sets_the_retention(owner: str) -> None:
    with psycopg.connect(owner, autocommit=True) as conn:
        set_retention(conn, 7 * 86400)
        conn.execute(ARCHIVE, ("6 days", 3))
        conn.execute(ARCHIVE, ("8 days", 2))
        assert one(conn, "select gd_gc()") == 2


def test_a_dump_keeps_the_retention(admin_dsn: str, dsn: str, conn: Connection) -> None:
    set_retention(conn, 30 * 86400, failed=60 * 86400)
    conn.execute(ARCHIVE, ("20 days", 50))
    name = f"{conn.info.dbname}_restored"
    restored = create_database(admin_dsn, name)
    try:
        dump = subprocess.run(["pg_dump", "--dbname", dsn], check=True, capture_output=True)
        subprocess.run(
            ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "--dbname", restored],
            check=True, capture_output=True, input=dump.stdout,
        )  # fmt: skip
        with psycopg.connect(restored, autocommit=True) as other:
            for _ in range(3):
                maintain(other)
            assert one(other, "select gd_gc()") == 0
            assert one(other, "select count(*) from gd_instances") == 50
    finally:
        drop_database(admin_dsn, name)


def test_no_flood_of_old_rows_keeps_a_dead_worker_from_being_reaped(conn: Connection) -> None:
    """Each call ends within the caller's time limit, and so does what it has done stay done."""
    conn.execute(ARCHIVE, ("10 hours", 150_000))
    enqueue(conn, "M")
    worker = one(conn, "select gd_register('w')")
    conn.execute("select from gd_pick(%s, 'default', 1)", (worker,))
    conn.execute("update gendurable.workers set lease = '0'")
    conn.execute("update gendurable.leases set lease_until = '-infinity'")
    conn.execute("set statement_timeout = '1s'")
    assert maintain(conn)["reap"] == 1
    calls = 1
    while maintain(conn).get("more"):
        calls += 1
    assert calls > 3
    assert one(conn, "select count(*) from gd_instances") == 150_001, "all are kept"


def test_no_number_of_keys_that_wait_makes_maintenance_long(conn: Connection) -> None:
    """The sweep goes on where it stopped, and comes to every key in its turn."""
    conn.execute("select gd_register('w', '{q}')")
    conn.execute("select gd_enqueue('m', step => 's', queue => 'q', concurrency_key => 'k:0')")
    insert = (
        "insert into gendurable.instances (enqueued_at, eligible_at, updated_at, claimed_at, phase,"
        " step, state, priority, fsm_version, fsm, queue, lane, concurrency_key)"
        " select now(), now(), now(), now(), p::gendurable.phase,"
        " 's', '{}', 0, 1, 'm', 'q', f.lane, 'k:' || n"
        " from (select i.lane from gendurable.instances as i order by i.id limit 1) as f,"
    )
    conn.execute(
        insert + " generate_series(1, 20000) as n, unnest('{held,executing}'::text[]) as p"
    )
    conn.execute("analyze gendurable.instances")
    # The key whose slot is free comes last in the table.
    conn.execute("delete from gendurable.instances where concurrency_key = 'k:4'")
    conn.execute(insert + " (values (4, 'held')) as v (n, p)")
    found, took = [], []
    for _ in range(12):
        began = time.perf_counter()
        found.append(maintain(conn)["sweep"])
        took.append(time.perf_counter() - began)
    assert sum(found) == 1, "the one key with a free slot, once"
    assert found[0] == 0, "not at once"
    assert min(took) < 0.1


def test_a_long_maintenance_costs_no_heartbeat(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper calls again and again while some is left, and keeps its lease in between."""
    heartbeats: list[float] = []
    calls = 0
    real, beat = protocol.maintain, protocol.heartbeat

    async def endless(connection: protocol.Connection) -> tuple[dict[str, int], bool]:
        nonlocal calls
        calls += 1
        return (await real(connection))[0], True

    async def noted(*args: Any) -> set[int]:
        heartbeats.append(time.monotonic())
        return await beat(*args)

    @job()
    def work() -> str:
        return "ok"

    monkeypatch.setattr(protocol, "maintain", endless)
    monkeypatch.setattr(protocol, "heartbeat", noted)
    with running(dsn, [work], lease=1.5):
        until(lambda: calls >= 5 and len(heartbeats) >= 3)
        assert finished(conn, work.enqueue(conn).id).result == "ok"


def test_the_keeper_maintains_to_the_end(dsn: str, conn: Connection) -> None:
    maintain(conn)  # its first call makes the partitions
    conn.execute(ARCHIVE, ("3 days", 30_000))
    with running(dsn, [idle]):
        until(lambda: one(conn, "select count(*) from gendurable.archive") == 0)


def test_a_worker_is_reaped_though_the_rest_of_maintenance_fails(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.execute("select gd_register('dead', lease => '1 ms')")
    conn.execute("drop table gendurable.progress cascade")
    with running(dsn, [idle], maintenance=0.1, lease=1.5):
        until(lambda: one(conn, "select count(*) from gd_workers where name = 'dead'") == 0)


def test_a_years_retention_costs_few_partitions_and_few_locks(conn: Connection) -> None:
    set_retention(conn, 365 * 86400)
    maintain(conn)
    widths = conn.execute("select upper - lower from gendurable._windows()").fetchall()
    assert widths
    days = one(conn, "select extract(epoch from gendurable._window_length())::float8 / 86400")
    assert days >= 365 / 40
    created = enqueue(conn, "M")
    conn.execute("select gd_cancel(%s)", (created.id,))
    with conn.transaction():
        assert getattr(status(conn, created.id), "status", None) == "failed"
        assert one(conn, "select count(*) from pg_locks where pid = pg_backend_pid()") <= 30
