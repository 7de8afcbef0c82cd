"""Who may do what: the three roles, PUBLIC, an installer without CREATEROLE, hostile neighbours."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from database import create_database, drop_database
from gendurable import InstallError, PrivilegesError
from gendurable import install as package_install
from gendurable.cli import main
from gendurable.install import install, schema_sql
from gendurable.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection = psycopg.Connection[Any]

CLIENT = {
    "gd_enqueue", "gd_enqueue_many", "gd_signal", "gd_signal_many", "gd_status", "gd_version",
    "gd_signals", "gd_children", "gd_history", "gd_watch", "gd_next_occurrence", "gd_here",
    "gd_find", "gd_why", "gd_stuck", "gd_tree", "gd_lines", "gd_horizon", "gd_doctor",
}  # fmt: skip
WORKER = {
    "gd_register", "gd_heartbeat", "gd_pick", "gd_commit", "gd_release", "gd_unregister",
    "gd_next_due", "gd_reap", "gd_expire_awaits", "gd_maintain", "gd_report",
    "gd_schedule", "gd_declare_schedules", "gd_declare", "gd_machines",
}  # fmt: skip
ADMIN = {
    "gd_cancel", "gd_retry", "gd_pause", "gd_resume", "gd_set_rate_limit", "gd_drop_rate_limit",
    "gd_set_concurrency_limit", "gd_drop_concurrency_limit", "gd_set_queue_limit",
    "gd_set_retention", "gd_gc",
    "gd_set_history", "gd_cancel_many", "gd_retry_many",
    "gd_unschedule", "gd_pause_schedule", "gd_resume_schedule",
}  # fmt: skip


@pytest.fixture
def login(conn: Connection, dsn: str) -> Iterator[str]:
    """Connection string of a plain login role of this test's own, without any right."""
    name = f"gd_test_{conn.info.backend_pid}"
    conn.execute(sql.SQL("create role {} login password 'secret'").format(sql.Identifier(name)))
    yield make_conninfo(dsn, user=name, password="secret")
    conn.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
    conn.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def role_of(login: str) -> sql.Identifier:
    """The name of the login role, quoted."""
    return sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(login)["user"]))


def callable_by(conn: Connection, role: str) -> set[str]:
    """The public functions that a role may execute."""
    rows = conn.execute(
        r"select distinct proname from pg_proc where pronamespace = 'public'::regnamespace"
        r"   and proname like 'gd\_%%' and has_function_privilege(%s, oid, 'execute')",
        (role,),
    )
    return {row[0] for row in rows}


def test_each_role_may_call_its_own_functions_and_those_of_the_one_below(conn: Connection) -> None:
    assert callable_by(conn, "gd_client") == CLIENT | {"gd_next_due"}
    assert callable_by(conn, "gd_worker") == CLIENT | WORKER
    assert callable_by(conn, "gd_admin") == CLIENT | WORKER | ADMIN
    owner = callable_by(conn, str(conn.info.user))
    assert owner == CLIENT | WORKER | ADMIN, "a new function needs a place in sql/grants.sql"


def test_no_role_may_touch_a_table_and_public_may_do_nothing(conn: Connection, login: str) -> None:
    with psycopg.connect(login, autocommit=True) as other:
        for query in ("select gd_version()", "select * from gd_instances"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(query)
        conn.execute(sql.SQL("grant gd_admin to {}").format(role_of(login)))
        other.execute("select gd_version(), count(*) from gd_instances, gd_queues, gd_limits")
        other.execute("select count(*) from gd_stuck, gd_workers, gd_throughput")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute("select * from gendurable.instances")


def test_a_worker_role_works(conn: Connection, login: str) -> None:
    conn.execute(sql.SQL("grant gd_worker to {}").format(role_of(login)))
    with psycopg.connect(login, autocommit=True) as other:
        other.execute("select gd_enqueue('M', correlation_key => 'k')")
        row = other.execute("select gd_register('w')").fetchone()
        assert row is not None
        picked = other.execute("select id, fence from gd_pick(%s, 'default', 1)", row).fetchone()
        assert picked is not None
        answer = other.execute(
            "select result from gd_commit(%s, jsonb_build_array(jsonb_build_object("
            "   'id', %s::bigint, 'fence', %s::bigint, 'kind', 'done')))",
            (*row, *picked),
        ).fetchone()
        assert answer == ("committed",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute("select gd_cancel('k')")


def test_an_object_in_a_schema_that_others_may_write_changes_nothing(
    conn: Connection, login: str
) -> None:
    conn.execute(sql.SQL("grant create on schema public to {}").format(role_of(login)))
    conn.execute(sql.SQL("grant gd_client to {}").format(role_of(login)))
    with psycopg.connect(login, autocommit=True) as hostile:
        hostile.execute(
            "create function public.now() returns timestamptz language plpgsql"
            " as 'begin raise exception ''hijacked''; end'"
        )
        hostile.execute("create temp table workers (id int)")
        hostile.execute("create temp table instances (id int)")
        hostile.execute("set search_path = public, pg_temp, pg_catalog")
        row = hostile.execute("select id from gd_enqueue('M', correlation_key => 'h')").fetchone()
        assert row is not None
        assert hostile.execute("select gd_signal('h', 's')").fetchone() == ("delivered",)
    assert conn.execute("select count(*) from gendurable.instances").fetchone() == (1,)


@pytest.mark.parametrize(
    "name", ["'; drop schema gendurable cascade; --", "%s%%", 'a"b', "ключ", "\\"]
)
def test_names_and_payloads_are_only_data(conn: Connection, name: str) -> None:
    conn.execute(
        "select gd_enqueue(%s, state => to_jsonb(%s::text), step => %s, queue => %s,"
        "   correlation_key => %s, concurrency_key => %s, rate_limit => %s)",
        (name,) * 7,
    )
    conn.execute("select gd_set_rate_limit(split_part(%s, ':', 1), 10, '1 s')", (name,))
    row = conn.execute("select gd_register(%s, array[%s])", (name, name)).fetchone()
    assert row is not None
    picked = conn.execute(
        "select fsm, step, queue, correlation_key, state #>> '{}' from gd_pick(%s, %s, 1)",
        (row[0], name),
    ).fetchone()
    assert picked == (name,) * 5
    assert conn.execute("select gd_signal(%s, %s)", (name, name)).fetchone() == ("delivered",)


def test_an_installer_without_createrole_is_told_what_was_left_out(
    conn: Connection,
    login: str,
    empty_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The roles of this cluster are there already, so the script is given names that are not.
    missing = {
        role: f"{role}_{conn.info.backend_pid}" for role in ("gd_client", "gd_worker", "gd_admin")
    }
    script = schema_sql()
    for role, other in missing.items():
        script = script.replace(role, other)
    monkeypatch.setattr(package_install, "schema_sql", lambda: script, raising=False)
    with psycopg.connect(empty_dsn, autocommit=True) as admin:
        admin.execute(
            sql.SQL("grant create on database {} to {}").format(
                sql.Identifier(admin.info.dbname), role_of(login)
            )
        )
        admin.execute(sql.SQL("grant create on schema public to {}").format(role_of(login)))
    user = psycopg.conninfo.conninfo_to_dict(login)
    dsn = make_conninfo(empty_dsn, user=user["user"], password=user["password"])
    with caplog.at_level(logging.WARNING, logger="gendurable"):
        assert install(dsn)
    assert "roles not created" in caplog.text
    assert missing["gd_admin"] in caplog.text
    with psycopg.connect(dsn) as owner:
        owner.execute("select gd_enqueue('M')")
    with psycopg.connect(empty_dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("drop owned by {}").format(role_of(login)))


async def start_a_worker(dsn: str) -> None:
    session = Session(dsn, name="w", queues=["q"], lease=60, pooler=False)
    try:
        await session.start()
    finally:
        await session.close()


def test_what_was_restored_without_privileges_is_closed_until_they_are_mended(
    admin_dsn: str, dsn: str, conn: Connection, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{conn.info.dbname}_restored"
    restored = create_database(admin_dsn, name)
    try:
        dump = subprocess.run(
            ["pg_dump", "--no-privileges", "--dbname", dsn], check=True, capture_output=True
        )
        subprocess.run(
            ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "--dbname", restored],
            check=True, capture_output=True, input=dump.stdout,
        )  # fmt: skip
        anybody = make_conninfo(login, dbname=name)
        with psycopg.connect(anybody, autocommit=True) as other:
            functions = other.execute(
                r"select proname, pronargs, provariadic > 0, proargtypes::regtype[]::text[]"
                r"  from pg_proc where pronamespace = 'public'::regnamespace"
                r"   and proname like 'gd\_%' and prosecdef"
            ).fetchall()
            assert {row[0] for row in functions} == (CLIENT | WORKER | ADMIN) - {"gd_version"}
            for function, count, variadic, types in functions:
                nulls = ", ".join(f"null::{kind}" for kind in types[:count])
                nulls = f"variadic {nulls}" if variadic else nulls
                with pytest.raises(psycopg.DatabaseError) as refused:
                    other.execute(f"select {function}({nulls})".encode())
                assert refused.value.sqlstate == "GD005", function
        with pytest.raises(InstallError, match="install --repair-privileges"):
            install(restored)
        with pytest.raises(PrivilegesError, match="--repair-privileges"):
            asyncio.run(start_a_worker(restored))
        monkeypatch.setattr(
            "sys.argv", ["gendurable-py", "install", "--repair-privileges", "--dsn", restored]
        )
        with pytest.raises(SystemExit, match="0"):
            main()
        with psycopg.connect(restored, autocommit=True) as owner:
            assert callable_by(owner, "gd_client") == CLIENT | {"gd_next_due"}
            assert callable_by(owner, "gd_admin") == CLIENT | WORKER | ADMIN
            owner.execute("select gd_enqueue('M')")
        with (
            psycopg.connect(anybody, autocommit=True) as other,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            other.execute("select gd_pause('q')")
        assert not install(restored)
    finally:
        drop_database(admin_dsn, name)
