"""Our own connections: they work whatever is set around them, and say what is wrong with them."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database import drop_database
from gendurable import (
    Context,
    Done,
    Machine,
    Next,
    Outcome,
    RetryPolicy,
    enqueue,
    job,
    protocol,
    step,
)
from gendurable.cli import main
from gendurable.database import connect, conninfo, log_failure
from gendurable.errors import (
    AccessError,
    GendurableError,
    InstallError,
    IsolationError,
    NotInstalledError,
    UsageError,
)
from gendurable.install import install
from gendurable.session import Session
from support import Connection, finished, running, until, worker_process

if TYPE_CHECKING:
    from collections.abc import Iterator
from pathlib import Path

HOSTILE = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "search_path": "hostile, pg_catalog",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Australia/Lord_Howe",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "client_encoding": "LATIN1",
    "client_min_messages": "error",
    "statement_timeout": "10s",
    "lock_timeout": "10s",
    "idle_session_timeout": "400",
    "idle_in_transaction_session_timeout": "10s",
    "bytea_output": "escape",
    "array_nulls": "off",
    "row_security": "off",
    "quote_all_identifiers": "on",
}

OURS = {
    "transaction_isolation": "read committed",
    "transaction_read_only": "off",
    "transaction_deferrable": "off",
    "search_path": "pg_catalog, pg_temp",
    "DateStyle": "ISO, DMY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "client_encoding": "UTF8",
    "client_min_messages": "warning",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "1min",
}


def be_hostile(dsn: str) -> None:
    """Set what a database can set, and put a trap into its search path."""
    name = sql.Identifier(str(conninfo_to_dict(dsn)["dbname"]))
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create schema hostile")
        conn.execute(
            "create function hostile.clock_timestamp() returns timestamptz language plpgsql"
            " as $$ begin raise exception 'trapped'; end $$"
        )
        hostile = HOSTILE | (
            {"transaction_timeout": "10s"} if conn.info.server_version >= 170000 else {}
        )
        for setting, value in hostile.items():
            values = sql.SQL(", ").join(
                sql.Literal(part.strip())
                for part in (value.split(",") if setting == "search_path" else [value])
            )
            conn.execute(
                sql.SQL("alter database {} set {} = {}").format(
                    name, sql.Identifier(setting), values
                )
            )


@job()
def echo(text: str) -> str:
    return text


def work_done(dsn: str, **settings: Any) -> None:
    """A worker of this database works: it picks, waits, commits, beats and looks after things."""
    with (
        psycopg.connect(
            dsn, autocommit=True, options="-c datestyle=ISO -c default_transaction_read_only=off"
        ) as conn,
        running(dsn, [echo], lease=1.5, **settings) as worker,
    ):
        conn.execute("set default_transaction_isolation = 'read committed'")
        conn.execute("set search_path = public")
        conn.execute("set client_encoding = 'UTF8'")
        conn.execute("set idle_session_timeout = 0")
        soon = enqueue(conn, echo, {"text": "été"}, delay=0.3).id
        assert finished(conn, soon).result == "été"
        query = (
            "select count(*) from gendurable.workers join gendurable.leases on worker_id = id"
            " where heartbeat_at - registered_at > '1 s'"
        )
        until(lambda: conn.execute(query).fetchone() == (1,), "it beats again and again")
        assert finished(conn, enqueue(conn, echo, {"text": "now"}).id).attempt == 0
        assert worker.id == conn.execute("select max(id) from gendurable.workers").fetchone()[0]  # type: ignore[index]


@pytest.mark.parametrize("pooler", [False, True])
def test_a_worker_works_whatever_the_database_sets(dsn: str, pooler: bool) -> None:
    be_hostile(dsn)
    work_done(dsn, pooler=pooler)


@pytest.mark.parametrize("pooler", [False, True])
def test_a_worker_works_whatever_the_environment_sets(
    dsn: str, pooler: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = (
        f"-c {name}={value.replace(' ', '')}"
        for name, value in HOSTILE.items()
        if name != "search_path"
    )
    service = tmp_path / "services"
    service.write_text(f"[shop]\n{as_lines(dsn)}\noptions={' '.join(options)}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    monkeypatch.setenv("PGSERVICE", "shop")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("PGDATESTYLE", "German")
    monkeypatch.setenv("PGTZ", "Asia/Kolkata")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    monkeypatch.setenv("GENDURABLE_DSN", "")

    async def turn() -> protocol.Turn:
        session = Session(None, name="w", queues=["q"], lease=60, pooler=pooler)
        await session.start()
        conn, worker = await session.open()
        answer = await protocol.turn(conn, worker, [b"{}"], {"q": 1}, ["q"])
        await session.close()
        return answer

    with psycopg.connect(dsn, target_session_attrs="any", options="") as conn:
        enqueue(conn, echo, {"text": "été"}, queue="q")
    [picked] = asyncio.run(turn()).picked["q"]
    assert picked.state_json == '{"text": "été"}'
    assert picked.enqueued_at.tzinfo is not None


def as_lines(dsn: str) -> str:
    """A connection string as a service file has it."""
    return "\n".join(f"{name}={value}" for name, value in conninfo_to_dict(dsn).items())


@pytest.mark.parametrize("pooler", [False, True])
def test_every_transaction_of_ours_has_our_settings(dsn: str, pooler: bool) -> None:
    be_hostile(dsn)

    async def shown() -> dict[str, str]:
        async with await connect(conninfo(dsn), pooler=pooler) as conn:
            async with protocol._transaction(conn):
                rows = await conn.execute("select name, setting from pg_settings")
                settings = dict(await rows.fetchall())
                rows = await conn.execute("show idle_in_transaction_session_timeout")
                [settings["idle_in_transaction_session_timeout"]] = (await rows.fetchall())[0]
            return settings

    settings = asyncio.run(shown())
    assert {name: settings[name] for name in OURS} == OURS
    assert settings.get("transaction_timeout", "0") == "0"


ADAPTED = """
import psycopg
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.types.string import StrDumper
from gendurable import job

class Odd(Loader):
    def load(self, data):
        return "odd"

class OddBinary(Odd):
    format = Format.BINARY

class OddDumper(StrDumper):
    def dump(self, obj):
        return b"odd"

for name in ("text", "bool", "int4", "int8", "float8", "numeric", "timestamptz", "json", "jsonb"):
    psycopg.adapters.register_loader(name, Odd)
    psycopg.adapters.register_loader(name, OddBinary)
for kind in (str, int, float, list):
    psycopg.adapters.register_dumper(kind, OddDumper)

@job()
def echo(text):
    return text
"""


@pytest.mark.parametrize("options", [(), ("--pooler",)])
def test_a_worker_works_whatever_adapters_the_application_has(
    dsn: str, conn: Connection, tmp_path: Path, options: tuple[str, ...]
) -> None:
    module, log = tmp_path / "adapted.py", tmp_path / "log"
    module.write_text(ADAPTED)
    made = enqueue(conn, "echo", {"text": "été"}, delay=0.2)
    with worker_process(dsn, module, log, "--lease", "1", *options):
        assert finished(conn, made.id).result == "été"
        query = (
            "select count(*) from gendurable.workers join gendurable.leases on worker_id = id"
            " where heartbeat_at - registered_at > '1 s'"
        )
        until(lambda: conn.execute(query).fetchone() == (1,), "it beats again and again")
    assert "refused" not in log.read_text()
    assert "failed" not in log.read_text()


def test_behind_a_pooler_no_setting_outlives_its_transaction(dsn: str) -> None:
    """The next transaction on that connection of the pooler is another client's."""
    be_hostile(dsn)

    async def leave_behind() -> dict[str, str]:
        async with await connect(conninfo(dsn), pooler=True) as conn:
            await protocol.register(conn, "w", ["q"], 60, {})
            await protocol.turn(conn, 1, [b"{}"], {"q": 1}, ["q"])
            with pytest.raises(GendurableError):
                await protocol.heartbeat(conn, -1, [])
            with pytest.raises(GendurableError):
                await protocol.turn(conn, -1, [b"{}"], {"q": 1}, ["q"])
            await protocol.maintain(conn)
            rows = await conn.execute("select name, setting from pg_settings")
            return dict(await rows.fetchall())

    settings = asyncio.run(leave_behind())
    left = {name: settings[name] for name in ("search_path", "lock_timeout", "extra_float_digits")}
    assert left == {
        "search_path": "hostile, pg_catalog",
        "lock_timeout": "10000",
        "extra_float_digits": "-15",
    }


def test_the_engine_is_installed_and_looked_at_whatever_the_database_sets(
    empty_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    be_hostile(empty_dsn)
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    assert install(empty_dsn)
    assert not install(empty_dsn)
    with psycopg.connect(
        empty_dsn, options="-c default_transaction_read_only=off", target_session_attrs="any"
    ) as conn:
        conn.execute("select public.gd_enqueue('m', correlation_key => 'k')")
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "any")
    monkeypatch.setattr("sys.argv", ["gendurable-py", "status", "k", "--dsn", empty_dsn])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert "runnable" in capsys.readouterr().out


# Encodings.


@pytest.fixture(params=["SQL_ASCII", "LATIN1", "EUC_JP"])
def encoded_dsn(admin_dsn: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of another encoding, with the engine."""
    name = f"gendurable_py_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin_dsn, autocommit=True) as conn:
        conn.execute(
            f"create database {name} template template0 encoding '{request.param}'"
            " lc_collate 'C' lc_ctype 'C'"
        )
    dsn = make_conninfo(admin_dsn, dbname=name)
    assert install(dsn)
    yield dsn
    drop_database(admin_dsn, name)


@job()
def ascii_only(number: int) -> str:
    return "ok"


@job()
def answers_emoji(number: int) -> str:
    return "\N{PARTY POPPER}"


@job(retry=RetryPolicy(max_attempts=2, initial=0.01))
def fails_with_emoji(number: int) -> str:
    raise ValueError("bad \\ luck \N{PARTY POPPER}")


def test_that_an_instance_has_failed_is_noted_in_any_encoding(encoded_dsn: str) -> None:
    with (
        psycopg.connect(encoded_dsn, autocommit=True, client_encoding="UTF8") as conn,
        running(encoded_dsn, [fails_with_emoji], lease=3600),
    ):
        encoding = conn.info.parameter_status("server_encoding")
        failed = finished(conn, enqueue(conn, fails_with_emoji, {"number": 1}).id)
    told = "\N{PARTY POPPER}" if encoding == "SQL_ASCII" else r"\U0001f389"
    assert failed.status == "failed"
    assert failed.error["message"] == rf"bad \ luck {told}"


def test_a_database_of_any_encoding_is_worked_on(encoded_dsn: str) -> None:
    """A character that it cannot store fails the one instance that wants to store it."""
    with (
        psycopg.connect(encoded_dsn, autocommit=True, client_encoding="UTF8") as conn,
        running(encoded_dsn, [ascii_only, answers_emoji, echo]),
    ):
        encoding = conn.info.parameter_status("server_encoding")
        odd = enqueue(conn, answers_emoji, {"number": 1}).id
        plain = [enqueue(conn, ascii_only, {"number": n}).id for n in range(5)]
        native = enqueue(conn, echo, {"text": "café" if encoding != "EUC_JP" else "東京"}).id
        assert [finished(conn, one).result for one in plain] == ["ok"] * 5
        assert finished(conn, native).result == ("café" if encoding != "EUC_JP" else "東京")
        if encoding == "SQL_ASCII":
            assert finished(conn, odd).result == "\N{PARTY POPPER}"
            return

        def error() -> dict[str, Any] | None:
            query = "select error from gd_instances where id = %s"
            row = conn.execute(query, (odd,)).fetchone()
            return row[0] if row else None

        said = until(error)
        assert said is not None
        assert f'has no equivalent in encoding "{encoding}"' in str(said)
        assert finished(conn, enqueue(conn, ascii_only, {"number": 9}).id).result == "ok"


def test_bytes_that_are_no_text_fail_the_one_instance_that_has_them(
    admin_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A database without an encoding takes what a client of any encoding sends."""
    name = f"gendurable_py_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(admin_dsn, autocommit=True) as conn:
        conn.execute(
            f"create database {name} template template0 encoding 'SQL_ASCII'"
            " lc_collate 'C' lc_ctype 'C'"
        )
    dsn = make_conninfo(admin_dsn, dbname=name)
    try:
        install(dsn)
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("set client_encoding = 'SQL_ASCII'")
            with running(dsn, [echo]):
                conn.execute(
                    b"select gd_enqueue('echo', '{\"text\": \"caf\xe9\"}',"
                    b" concurrency_key => E'k\\351')"
                )
                until(lambda: "attempt 0: its step failed" in caplog.text)
                conn.execute("set client_encoding = 'UTF8'")
                assert finished(conn, enqueue(conn, echo, {"text": "a"}).id).result == "a"
    finally:
        drop_database(admin_dsn, name)
    assert "unexpectedly" not in caplog.text


# What is wrong is said.


@pytest.mark.parametrize(
    ("exc", "said"),
    [
        (psycopg.OperationalError("gone"), "the connection failed during a turn"),
        (psycopg.InterfaceError("the connection is closed"), "the connection failed during"),
        (psycopg.errors.AdminShutdown("bye"), "the connection failed during a turn"),
        (ConnectionResetError("reset"), "the connection failed during a turn"),
        (TimeoutError("slow"), "the connection failed during a turn"),
        (psycopg.errors.ReadOnlySqlTransaction("ro"), "the database refused a turn"),
        (psycopg.errors.InsufficientPrivilege("no"), "the database refused a turn"),
        (psycopg.errors.QueryCanceled("cancelled"), "the database refused a turn"),
        (psycopg.errors.DiskFull("full"), "the database refused a turn"),
        (psycopg.errors.OutOfMemory("memory"), "the database refused a turn"),
        (IsolationError("GD004", "isolation"), "the database refused a turn"),
        (NotInstalledError("nothing there"), "the database refused a turn"),
    ],
)
def test_a_failure_is_called_what_it_is(
    caplog: pytest.LogCaptureFixture, exc: Exception, said: str
) -> None:
    log_failure("a turn", exc)
    [record] = caplog.records
    assert record.getMessage().startswith(said)
    assert "\n" not in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize("exc", [KeyError("x"), UnicodeDecodeError("utf-8", b"", 0, 1, "bad")])
def test_a_bug_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture, exc: Exception
) -> None:
    log_failure("a turn", exc)
    [record] = caplog.records
    assert record.getMessage() == "a turn failed unexpectedly, trying again"
    assert record.exc_info is not None


@pytest.mark.parametrize("call", ["maintain", "heartbeat", "other_workers"])
def test_whatever_happens_in_upkeep_costs_that_round_and_not_the_worker(
    dsn: str,
    conn: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    call: str,
) -> None:
    real, calls = getattr(protocol, call), 0

    async def fail_twice(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= 2:
            raise KeyError("a bug")
        return await real(*args)

    monkeypatch.setattr(protocol, call, fail_twice)
    with running(dsn, [echo], maintenance=0.05, lease=0.9) as worker:
        before = worker.id
        until(lambda: calls >= 4)
        assert finished(conn, enqueue(conn, echo, {"text": "x"}).id).result == "x"
        assert worker.id == before
    assert "failed unexpectedly, trying again" in caplog.text
    assert "KeyError: 'a bug'" in caplog.text


@pytest.mark.parametrize(
    "given",
    [
        "host=x password=hidden secret",
        "password=hidden secret=x",
        "postgresql://u:hidden%zzsecret@h/db",
        "postgresql://u:hidden secret@h/db",
        "postgresql://u:hidden,secret@[h/db",
    ],
)
def test_no_part_of_a_password_is_told_of_a_malformed_dsn(given: str) -> None:
    with pytest.raises(UsageError, match="the DSN is malformed") as caught:
        conninfo(given)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.fixture
def login(conn: Connection, dsn: str) -> Iterator[str]:
    """Connection string of a plain login role without any right."""
    name = f"gd_test_{conn.info.backend_pid}"
    conn.execute(f"create role {name} login password 'secret'")
    yield make_conninfo(dsn, user=name, password="secret")
    conn.execute(f"drop owned by {name}")
    conn.execute(f"drop role {name}")


def start(dsn: str) -> None:
    """Start what a worker starts with."""

    async def started() -> None:
        session = Session(dsn, name="w", queues=["q"], lease=60, pooler=False)
        try:
            await session.start()
        finally:
            await session.close()

    asyncio.run(started())


def run_main(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str
) -> str:
    """What the command line says of something that cannot be done."""
    monkeypatch.setattr("sys.argv", ["gendurable-py", *args])
    with pytest.raises(SystemExit, match="1"):
        main()
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert "secret" not in said
    return said


def test_a_role_without_rights_is_told_so(
    login: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = r"this role may not use .*permission denied.*\nGrant it the role "
    with pytest.raises(AccessError, match=denied + "gd_worker"):
        start(login)
    said = run_main(monkeypatch, capsys, "status", "7", "--dsn", login)
    assert re.search(denied + "gd_client", said)
    # The schema is there: what is lacking is not a privilege to create.
    said = run_main(monkeypatch, capsys, "install", "--dsn", login)
    assert re.search(denied + "gd_client", said)


def test_a_role_with_half_of_its_rights_works_as_soon_as_it_has_them(
    conn: Connection, login: str, caplog: pytest.LogCaptureFixture
) -> None:
    role = conninfo_to_dict(login)["user"]
    conn.execute(f"grant gd_client to {role}")
    conn.execute(
        "grant execute on function gd_register(text, text[], interval, jsonb),"
        f" gd_unregister(bigint) to {role}"
    )
    with running(login, [echo]):
        until(lambda: "the database refused a turn, trying again: this role may" in caplog.text)
        until(
            lambda: "the database refused maintenance, trying again: this role may" in caplog.text
        )
        conn.execute(f"grant gd_worker to {role}")
        assert finished(conn, enqueue(conn, echo, {"text": "x"}).id).result == "x"
    assert "Traceback" not in caplog.text


def test_a_role_that_may_not_connect_any_more_is_told_so_and_waits(
    conn: Connection, login: str, caplog: pytest.LogCaptureFixture
) -> None:
    role = conninfo_to_dict(login)["user"]
    conn.execute(f"grant gd_worker to {role}")
    with running(login, [echo]):
        conn.execute(f"alter role {role} connection limit 0")
        conn.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = %s",
            (role,),
        )
        until(lambda: "too many connections for role" in caplog.text)
        conn.execute(f"alter role {role} connection limit -1")
        assert finished(conn, enqueue(conn, echo, {"text": "x"}).id).result == "x"

    conn.execute(f"alter role {role} connection limit 0")
    with pytest.raises(UsageError, match=r"cannot connect to .*too many connections for role"):
        start(login)


def test_a_database_without_schema_public_is_refused_with_the_remedy(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("drop schema public")
    with pytest.raises(InstallError, match=r"schema public.*\n.*create schema public"):
        install(empty_dsn)
    with pytest.raises(NotInstalledError, match="gendurable-py install"):
        start(empty_dsn)


def test_of_several_servers_the_one_that_can_be_written_to_is_worked_on(dsn: str) -> None:
    fields = conninfo_to_dict(dsn)
    several = make_conninfo(
        dsn, host=f"/nowhere,{fields['host']}", port=f"{fields['port']},{fields['port']}"
    )
    work_done(several)


def test_a_warning_of_the_engine_arrives_whatever_the_role_wants_to_hear(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    name = conn.info.dbname
    conn.execute(f"alter database {name} set client_min_messages = 'error'")

    class Limited(Machine[dict[str, Any]]):
        @step
        def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return Next(self.end, rate_limit="nobody set it")

        @step
        def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return Done()

    enqueue(conn, Limited)
    with running(dsn, [Limited]):
        until(lambda: "unknown rate limit" in caplog.text)
