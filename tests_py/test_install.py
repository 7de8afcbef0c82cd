"""Installing the schema from the package: when it does, when it refuses, and with which words."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from gendurable import InstallError, UsageError
from gendurable.install import install, schema_sql
from gendurable.process import package_version
from gendurable.schema import release


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(statement)


def version(dsn: str) -> str:
    with psycopg.connect(dsn) as conn:
        row = conn.execute("select gd_version()").fetchone()
        assert row is not None
        return str(row[0])


def objects(dsn: str) -> int:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(
            "select count(*) from pg_proc p, pg_namespace n"
            " where n.oid = p.pronamespace and (nspname = 'gendurable' or proname like 'gd\\_%')"
        ).fetchone()
        assert row is not None
        return int(row[0])


def test_a_fresh_database_gets_the_packages_version(empty_dsn: str) -> None:
    assert install(empty_dsn)
    assert version(empty_dsn) == package_version()


def test_installing_again_changes_nothing(empty_dsn: str) -> None:
    install(empty_dsn)
    before = objects(empty_dsn)
    execute(empty_dsn, "select gd_enqueue('Kept')")
    assert not install(empty_dsn)
    assert objects(empty_dsn) == before
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select count(*) from gd_instances").fetchone() == (1,)


def test_what_others_add_to_a_complete_schema_is_their_business(empty_dsn: str) -> None:
    install(empty_dsn)
    execute(empty_dsn, "create view gd_mine as select 1 as one")
    execute(empty_dsn, "select gd_maintain()")
    assert not install(empty_dsn)


def test_an_incomplete_schema_is_refused_and_named(empty_dsn: str) -> None:
    install(empty_dsn)
    execute(empty_dsn, "drop function gd_pick; drop view gd_queues")
    with pytest.raises(InstallError) as caught:
        install(empty_dsn)
    assert "incomplete, 2 of" in str(caught.value)
    assert "function public.gd_pick, view public.gd_queues" in str(caught.value)
    assert "drop schema gendurable cascade" in str(caught.value)


def test_a_schema_without_its_last_function_is_incomplete(empty_dsn: str) -> None:
    install(empty_dsn)
    execute(empty_dsn, "drop function gd_version")
    with pytest.raises(InstallError, match=r"function public\.gd_version"):
        install(empty_dsn)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("create schema gendurable", "schema gendurable"),
        ("create schema gendurable; create table gendurable.mine ()", "table gendurable.mine"),
        (
            "create function gd_mine() returns int language sql return 1",
            "function public.gd_mine",
        ),
        ("create view gd_mine as select 1 as one", "view public.gd_mine"),
    ],
)
def test_somebody_elses_objects_are_refused_and_named(
    empty_dsn: str, statement: str, named: str
) -> None:
    execute(empty_dsn, statement)
    with pytest.raises(InstallError, match="is not gendurable's") as caught:
        install(empty_dsn)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("installed", "message"),
    [("0.0.9", r"older schema version 0\.0\.9"), ("99.0.0", r"99\.0\.0, newer than this package")],
)
def test_another_version_is_refused(empty_dsn: str, installed: str, message: str) -> None:
    install(empty_dsn)
    execute(
        empty_dsn,
        "create or replace function public.gd_version() returns text language sql"
        f" return '{installed}'",
    )
    with pytest.raises(InstallError, match=message):
        install(empty_dsn)


def test_concurrent_installs_make_one_schema(empty_dsn: str) -> None:
    answers: list[bool] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        answers.append(install(empty_dsn))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False, False, False, True]


def test_a_role_that_may_not_create_is_told_so(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        role = f"gendurable_test_powerless_{conn.info.backend_pid}"
        conn.execute(f"create role {role} login")
        try:
            as_role = psycopg.conninfo.make_conninfo(empty_dsn, options=f"-c role={role}")
            with pytest.raises(InstallError, match="may not install here: permission denied"):
                install(as_role)
        finally:
            conn.execute(f"drop role {role}")
    assert objects(empty_dsn) == 0


def test_a_database_that_is_not_there_is_a_clear_error(empty_dsn: str) -> None:
    wrong = psycopg.conninfo.make_conninfo(empty_dsn, dbname="not_there")
    with pytest.raises(UsageError, match='"not_there" does not exist'):
        install(wrong)


def test_the_script_is_the_manifest_with_every_file_in_it() -> None:
    manifests = "install.sql", "upgrade.sql", "router/install.sql", "router/upgrade.sql"
    script = "".join(map(schema_sql, manifests))
    assert "\\ir" not in script
    sql = Path(__file__).parent.parent / "sql"
    for file in sql.rglob("*.sql"):
        text = file.read_text()
        assert text.startswith("--")
        if "\\ir" not in text:
            assert text.rstrip("\n") in script, f"{file} is in no manifest"


def test_a_database_that_is_one_of_many_gives_ids_that_say_where(empty_dsn: str) -> None:
    assert install(empty_dsn, partitions=range(16, 32))
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        rows = conn.execute(
            "select (gd_enqueue('M')).id & 63 from generate_series(1, 600)"
        ).fetchall()
    assert {row[0] for row in rows} == set(range(16, 32))
    assert not install(empty_dsn)


@pytest.mark.parametrize("said", ["0-64/64", "9-3/64", "0-15", "0-15/16", "x"])
def test_partitions_that_are_none_are_refused(said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gendurable", "install", "--partitions", said],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "for example 0-15/64" in done.stderr


def test_versions_are_compared_as_numbers() -> None:
    assert release("0.10.0") > release("0.9.9")
    assert release("1.2rc1") == (1,)
    assert release("") < release("0.0.1")
