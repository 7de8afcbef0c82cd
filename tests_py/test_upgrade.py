"""Upgrades: the same schema as a fresh one, whichever way, and nothing lost under running workers.

Two releases are made for it by tools/release (`releases`).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import releases
from database import create_database, drop_database
from support import Connection, finished, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from releases import Release

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("git", "sqitch", "psql", "pg_dump"))),
    reason="a release needs git and sqitch, and its proof psql and pg_dump",
)

ORDERS = int(os.environ.get("ORDERS", "50"))  # before, during and after the upgrade, each

MACHINES = """
from typing import Any

from gendurable import (
    Await, Context, Done, Entry, Machine, Next, Outcome, ScheduleChildren, step
)


class Order(Machine[dict[str, Any]]):
    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Await("paid", step=self.pack)

    @step
    def pack(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return ScheduleChildren([Entry("Parcel"), Entry("Parcel")], step=self.ship)

    @step(transactional=True)
    async def ship(self, ctx: Context[dict[str, Any]]) -> Outcome:
        await ctx.conn.execute("insert into public.shipped values (%s)", (ctx.id,))
        return Next(self.end)

    @step
    def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done({})


class Parcel(Machine[dict[str, Any]]):
    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done({})
"""

PHASE = """
from typing import Any

from gendurable import Context, Done, Machine, Outcome, step


class Phase(Machine[dict[str, Any]]):
    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done({})
"""

PHASES = """
select gd_set_rate_limit('mails', 0.001, '1 second', 1);
select gd_enqueue('Phase', queue => 'phases', concurrency_key => 'k', correlation_key => 'runs');
select gd_enqueue('Phase', queue => 'phases', correlation_key => 'fails');
select gd_enqueue('Phase', queue => 'phases', correlation_key => 'finishes');
select gd_enqueue('Phase', queue => 'phases', correlation_key => 'parks');
select gd_enqueue('Phase', queue => 'phases', correlation_key => 'parent');
select gd_register('here', '{phases}', lease => '1 hour');
create temp table picked as
    select p.* from gd_workers as w, gd_pick(w.id, 'phases', 10) as p where w.name = 'here';
select gd_commit((select id from gd_workers where name = 'here'), jsonb_agg(
    jsonb_build_object('id', id, 'fence', fence) || case correlation_key
        when 'fails' then '{"kind": "stop", "error": {}}'::jsonb
        when 'finishes' then '{"kind": "done"}'
        when 'parks' then '{"kind": "await", "names": ["go"], "timeout_ms": 3600000}'
        else '{"kind": "schedule_children", "children": [{"fsm": "Phase", "queue": "other"}]}'
    end)) from picked where correlation_key <> 'runs';
select gd_enqueue('Phase', queue => 'phases', concurrency_key => 'k', correlation_key => 'held');
select gd_enqueue('Phase', queue => 'phases', rate_limit => 'mails');
select gd_enqueue('Phase', queue => 'phases', rate_limit => 'mails');
select gd_enqueue('Phase', queue => 'phases', delay => '1 day');
select gd_signal('parks', 'other');
select gd_schedule('nightly', '0 3 * * *', 'Phase');
"""

MISSING_PHASES = """
select unnest(enum_range(null::gendurable.phase)) except select phase from gendurable.instances
"""

# What runs since before the upgrade is committed after it, and the others are let go on.
PHASES_END = """
select r.* from gd_commit((select id from gd_workers where name = 'here'), (
    select jsonb_agg(jsonb_build_object('id', id, 'fence', fence, 'kind', 'done'))
    from picked where correlation_key = 'runs')) as r
"""
PHASES_GO_ON = """
select gd_signal('parks', 'go'), gd_set_rate_limit('mails', 1000, '1 second', 1000)
"""
PHASES_LEFT = """
select phase::text from gendurable.instances where queue in ('phases', 'other')
"""
# Without those that wait for tokens: any pick may offer them some.
PHASE_INSTANCES = """
select to_jsonb(i) - 'label' from gendurable.instances as i
where queue in ('phases', 'other') and rate_limit is null order by id
"""

INSTANCES = "select to_jsonb(i) - 'label' from gendurable.instances as i order by id"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Release, Release]:
    """What is here, and the release that follows it."""
    return releases.make(tmp_path_factory.mktemp("releases"))


@pytest.fixture
def database(admin_dsn: str) -> Iterator[Callable[[str], str]]:
    """Makes empty databases by their names' ends."""
    names: list[str] = []

    def make(end: str) -> str:
        names.append(f"gendurable_up_{os.getpid()}_{end}")
        return create_database(admin_dsn, names[-1])

    yield make
    for name in names:
        drop_database(admin_dsn, name)


def test_upgraded_by_sqitch_psql_and_python_is_installed_fresh(
    made: tuple[Release, Release], database: Callable[[str], str]
) -> None:
    one, two = made
    old, fresh = database("old"), database("fresh")
    by_sqitch, by_psql, by_python = database("sqitch"), database("psql"), database("python")
    for dsn in (old, by_psql):
        psql(one, "sql/install.sql", dsn)
    psql(two, "sql/install.sql", fresh)
    sqitch(one, "deploy", by_sqitch)
    assert f"schema {one.version} installed" in one.command("install", "--dsn", by_python).stdout
    before = {}
    for dsn in (by_sqitch, by_psql, by_python):
        with psycopg.connect(dsn) as conn:
            conn.execute(PHASES)
            before[dsn] = conn.execute(INSTANCES).fetchall()
            phases = conn.execute(MISSING_PHASES).fetchall()
            assert phases == [], "an instance in each"
    fresh_old = dump(old)
    assert dump(by_psql) == fresh_old

    sqitch(two, "deploy", "--verify", by_sqitch)
    psql(two, "sql/upgrade.sql", by_psql)
    planned = two.command("upgrade", "--dry-run", "--dsn", by_python)
    assert f"To {two.version}: instances have a label" in planned.stdout, planned.stderr
    assert version(by_python) == one.version
    done = two.command("upgrade", "--dsn", by_python)
    upgraded = f"schema upgraded from {one.version} to {two.version}"
    assert upgraded in done.stdout, done.stderr
    assert "up to date" in two.command("upgrade", "--dsn", by_python).stdout

    fresh_new = dump(fresh)
    for dsn in (by_sqitch, by_psql, by_python):
        assert version(dsn) == two.version
        assert dump(dsn) == fresh_new
        with psycopg.connect(dsn) as conn:
            assert conn.execute(INSTANCES).fetchall() == before[dsn]
    # And back.
    sqitch(two, "revert", "-y", "--to", f"@v{one.version}", by_sqitch)
    assert dump(by_sqitch) == fresh_old
    with psycopg.connect(by_sqitch) as conn:
        assert conn.execute(INSTANCES).fetchall() == before[by_sqitch]
    # What is upgraded once more with the same script is the same.
    psql(two, "sql/upgrade.sql", by_psql)
    assert dump(by_psql) == fresh_new


def test_an_upgrade_under_workers_of_both_versions_loses_nothing(
    made: tuple[Release, Release], empty_dsn: str, tmp_path: Path
) -> None:
    one, two = made
    module, other = tmp_path / "orders.py", tmp_path / "phase.py"
    module.write_text(MACHINES)
    other.write_text(PHASE)
    one.command("install", "--dsn", empty_dsn)
    refused = two.command("run", str(module), "--dsn", empty_dsn)
    assert refused.returncode == 1
    needs = f"schema version {one.version}, this package needs {two.version}"
    assert needs in refused.stderr
    assert "gendurable-py upgrade" in refused.stderr
    with contextlib.ExitStack() as stack:
        conn = stack.enter_context(psycopg.connect(empty_dsn, autocommit=True))
        conn.execute("create table shipped (id bigint primary key)")
        conn.execute(PHASES)
        assert conn.execute(MISSING_PHASES).fetchall() == [], "an instance in each"
        phases = conn.execute(PHASE_INSTANCES).fetchall()
        logs = {release: tmp_path / release.version for release in made}
        first = stack.enter_context(worker(one, module, empty_dsn, logs[one]))
        orders = stack.enter_context(customers(empty_dsn))
        goes_on(conn, "some are shipped")
        done = two.command("upgrade", "--dsn", empty_dsn)
        upgraded = f"schema upgraded from {one.version} to {two.version}"
        assert upgraded in done.stdout, done.stderr
        second = stack.enter_context(worker(two, module, empty_dsn, logs[two]))
        goes_on(conn, "and after it")
        told = f"the database has schema version {two.version} and this package is {one.version}"
        until(lambda: told in logs[one].read_text(), "the older worker says so")
        stop(second)
        goes_on(conn, "by the older one alone")
        stop(first)
        third = stack.enter_context(worker(two, module, empty_dsn, logs[two]))
        goes_on(conn, "by the newer one alone")
        orders.close()
        for key in orders.keys:
            assert finished(conn, key).status == "done"
        assert count(conn, "shipped") == len(orders.keys)
        assert conn.execute(
            "select count(*) from gd_instances where fsm = 'Parcel'"
        ).fetchone() == (2 * len(orders.keys),)
        assert logs[one].read_text().count(told) == 1
        assert "deadlock" not in logs[one].read_text()
        stop(third)
        # And those that waited in each phase are as they were, and go on.
        assert conn.execute(PHASE_INSTANCES).fetchall() == phases
        answer = conn.execute(PHASES_END).fetchall()
        assert [row[2] for row in answer] == ["committed"]
        conn.execute(PHASES_GO_ON)
        more = stack.enter_context(worker(two, other, empty_dsn, logs[two], "phases", "other"))
        until(
            lambda: conn.execute(PHASES_LEFT).fetchall() == [("scheduled",)],
            "all end but the one that waits for its day",
            300,
        )
        stop(more)


def test_what_cannot_be_upgraded_is_told_and_left_as_it_is(
    made: tuple[Release, Release], empty_dsn: str
) -> None:
    one, two = made
    nothing = two.command("upgrade", "--dsn", empty_dsn)
    assert nothing.returncode == 1
    assert "Install it: gendurable-py install" in nothing.stderr
    one.command("install", "--dsn", empty_dsn)
    before = dump(empty_dsn)
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        role = f"gendurable_up_{conn.info.backend_pid}"
        conn.execute(f"create role {role}; create role {role}_reader")
        try:
            conn.execute("create view mine as select id from gd_instances")
            built_on = two.command("upgrade", "--dry-run", "--dsn", empty_dsn)
            assert built_on.returncode == 1
            assert "view public.mine" in built_on.stderr
            assert "Drop them, upgrade, and create them again." in built_on.stderr
            conn.execute("drop view mine")

            as_role = make_conninfo(empty_dsn, options=f"-c role={role}")
            not_mine = two.command("upgrade", "--dsn", as_role)
            assert f"this role is {role}" in not_mine.stderr

            with psycopg.connect(empty_dsn, application_name="the report") as reader:
                reader.execute("select * from gd_queues")
                seen = two.command("upgrade", "--dry-run", "--dsn", empty_dsn)
                assert "the report, idle in transaction" in seen.stdout
                held = two.command("upgrade", "--wait", "1", "--dsn", empty_dsn)
                assert held.returncode == 1
                assert "no moment was free" in held.stderr
                assert "the report, idle in transaction" in held.stderr
            assert dump(empty_dsn) == before

            # Grants of users, and gd_ objects of theirs, stay.
            conn.execute(f"grant execute on function gd_signal(text, text, jsonb, text) to {role}")
            conn.execute(f"grant select on gd_workers to {role}_reader with grant option")
            conn.execute("create function gd_mine() returns int language sql return 1")
            assert two.command("upgrade", "--dsn", empty_dsn).returncode == 0
            assert conn.execute("select gd_mine()").fetchone() == (1,)
            assert conn.execute(
                "select has_function_privilege(%s, 'gd_signal(text,text,jsonb,text)', 'execute'),"
                " has_function_privilege(%s, 'gd_signal(bigint,text,jsonb,text)', 'execute'),"
                " has_table_privilege(%s, 'gd_workers', 'select with grant option')",
                (role, role, role + "_reader"),
            ).fetchone() == (True, False, True)
        finally:
            conn.execute(f"drop owned by {role}, {role}_reader; drop role {role}, {role}_reader")
    newer = one.command("upgrade", "--dsn", empty_dsn)
    assert newer.returncode == 1
    versions = f"its version is {two.version}, and this is the upgrade to {one.version}"
    assert versions in newer.stderr


DJANGO = """
import sys
import django
from django.conf import settings
from django.core.management import call_command
from psycopg.conninfo import conninfo_to_dict

said = conninfo_to_dict(sys.argv[1])
settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": said["dbname"],
        "USER": said.get("user", ""), "HOST": said.get("host", ""), "PORT": said.get("port", ""),
    }},
    INSTALLED_APPS=["django.contrib.contenttypes", "gendurable.contrib.django"], USE_TZ=True,
)
django.setup()
call_command("migrate", "gendurable", *sys.argv[2:], verbosity=0)
"""


def test_a_project_of_django_upgrades_with_its_migrations(
    made: tuple[Release, Release], empty_dsn: str, database: Callable[[str], str]
) -> None:
    one, two = made

    def migrate(release: Release, dsn: str, *to: str) -> None:
        subprocess.run(
            [sys.executable, "-c", DJANGO, dsn, *to], env=release.environment(), check=True
        )

    migrate(one, empty_dsn)
    assert version(empty_dsn) == "0.1.0"
    migrate(two, empty_dsn)
    assert version(empty_dsn) == "0.2.0"
    migrate(two, empty_dsn, "0001")
    assert version(empty_dsn) == "0.2.0", "there is no way back"
    fresh = database("django")
    migrate(two, fresh)
    assert version(fresh) == "0.2.0"
    migrate(two, fresh, "zero")
    with psycopg.connect(fresh) as conn:
        assert conn.execute("select to_regnamespace('gendurable')").fetchone() == (None,)


MIGRATION = """
import contextlib, sys
import psycopg, sqlalchemy
from gendurable import migrating

kind, dsn, how = sys.argv[1:]
with contextlib.ExitStack() as stack:
    if kind == "psycopg":
        conn = stack.enter_context(psycopg.connect(dsn))
    else:
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
        conn = stack.enter_context(engine.connect())
    said = migrating.migrate(conn, wait=1)
    kept = migrating.ask(conn, "select current_setting('role'), current_setting('lock_timeout')")
    print(said, *kept[0])
    conn.commit() if how == "commit" else conn.rollback()
"""


@pytest.mark.parametrize("kind", ["psycopg", "SQLAlchemy"])
def test_a_migration_of_an_application_upgrades_in_its_transaction(
    made: tuple[Release, Release], empty_dsn: str, database: Callable[[str], str], kind: str
) -> None:
    one, two = made
    one.command("install", "--dsn", empty_dsn)
    before = dump(empty_dsn)

    def migrate(how: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", MIGRATION, kind, empty_dsn, how],
            env=two.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert migrate("roll back").stdout == "0.2.0 none 0\n"
    assert dump(empty_dsn) == before
    with psycopg.connect(empty_dsn, application_name="the report") as reader:
        reader.execute("select * from gd_queues")
        held = migrate("commit")
        assert held.returncode == 1
        assert "no moment was free" in held.stderr
        assert "the report, idle in transaction" in held.stderr
    assert dump(empty_dsn) == before
    assert migrate("commit").stdout == "0.2.0 none 0\n"
    fresh = database(f"fresh_{kind}")
    two.command("install", "--dsn", fresh)
    assert dump(empty_dsn) == dump(fresh)
    assert migrate("commit").stdout == "0.2.0 none 0\n"


def test_the_tree_is_compared_with_what_each_release_is_upgraded_to(
    made: tuple[Release, Release], empty_dsn: str
) -> None:
    one, two = made

    def compared() -> str:
        return subprocess.run(
            ["bash", "tests_pg/catalog/upgrade.sh"],
            cwd=two.tree, env=os.environ | server(empty_dsn), capture_output=True, text=True,
            check=False,
        ).stdout  # fmt: skip

    # A released script that is changed.
    with (two.tree / "deploy/tables.sql").open("a") as script:
        script.write("-- changed\n")
    said = compared()
    assert re.findall(r"^(not ok|ok) \d - (.*)$", said, re.MULTILINE) == [
        *(("ok", f"from {version}") for version in released(two)),
        ("not ok", "what was released is as it was"),
    ]
    if ORDERS > 50:  # make upgrade
        # A change of the tables that no step makes.
        with (two.tree / "sql/tables.sql").open("a") as tables:
            tables.write("create table gendurable.forgotten (id int primary key);\n")
        assert f"- from {one.version}" in re.findall(r"^not ok .*", compared(), re.MULTILINE)[0]
    releases.run(two.tree, "git", "reset", "--quiet", "--hard", f"v{two.version}")


def test_a_release_is_refused_in_a_sentence(made: tuple[Release, Release]) -> None:
    _, two = made

    def refused(*arguments: str) -> str:
        done = subprocess.run(
            ["tools/release", *arguments], cwd=two.tree, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stdout == ""
        return done.stderr

    done, to_come, later = two.version, "90.0.0", "91.0.0"
    assert f"{done} is released" in refused("cut", done)
    assert f"this tree is to become {done}" in refused("cut", to_come)
    assert "0.0.9 is not newer" in refused("open", "0.0.9")
    assert "no version: three numbers" in refused("open", "next")
    assert "has no release 90.0.0" in refused("notes", to_come)
    told = releases.run(two.tree, "tools/release", "notes", done)
    assert told == "- Instances have a label, and people may note something of them.\n"
    (two.tree / "more").write_text("")
    assert "the tree is not clean" in refused("open", to_come)
    (two.tree / "more").unlink()
    releases.run(two.tree, "tools/release", "open", to_come)
    assert "CHANGELOG.md has nothing under" in refused("cut", to_come)
    assert f"{to_come} is not released yet" in refused("open", later)
    assert "\\ir" not in (two.tree / f"deploy/v{done}.sql").read_text()
    releases.run(two.tree, "git", "reset", "--quiet", "--hard", f"v{two.version}")


def released(release: Release) -> list[str]:
    """The versions that a tree's plan has tags of."""
    plan = (release.tree / "sqitch.plan").read_text()
    return re.findall(r"^@v([0-9.]+) ", plan, re.MULTILINE)


def goes_on(conn: Connection, what: str) -> None:
    """Wait for further orders."""
    shipped = count(conn, "shipped")
    until(lambda: count(conn, "shipped") >= shipped + ORDERS, what, 300)


@contextlib.contextmanager
def worker(
    release: Release, module: Path, dsn: str, log: Path, *queues: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of a release."""
    command = [sys.executable, "-m", "gendurable", "run", str(module), "--lease", "3", "--dsn", dsn]
    for queue in queues:
        command += ["--queue", f"{queue}=10"]
    with log.open("ab") as output:
        before = log.read_text().count(", queues ")
        process = subprocess.Popen(command, stderr=output, env=release.environment())
    try:
        until(lambda: log.read_text().count(", queues ") > before, "it has registered")
        yield process
    finally:
        process.kill()
        process.wait(60)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a worker as an operator does."""
    process.terminate()
    assert process.wait(60) == 0


class Customers(threading.Thread):
    """Order and pay without a stop, a hundred times a second at most."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.failed: BaseException | None = None
        self._dsn = dsn
        self._closed = threading.Event()

    def run(self) -> None:
        try:
            self._order()
        except BaseException as exc:  # noqa: BLE001 (raised again when the shop closes)
            self.failed = exc

    def _order(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as conn:
            while not self._closed.wait(0.01):
                key = f"order:{len(self.keys)}"
                try:
                    conn.execute("select gd_enqueue('Order', correlation_key => %s)", (key,))
                    conn.execute("select gd_signal(%s, 'paid', dedup_key => 'p')", (key,))
                except psycopg.errors.UndefinedFunction:
                    # It was in flight when the upgrade was committed: nothing of it was stored.
                    continue
                else:
                    self.keys.append(key)

    def close(self) -> None:
        self._closed.set()
        self.join()
        if self.failed is not None:
            raise self.failed


@contextlib.contextmanager
def customers(dsn: str) -> Iterator[Customers]:
    thread = Customers(dsn)
    thread.start()
    try:
        yield thread
    finally:
        thread.close()


def psql(release: Release, script: str, dsn: str) -> None:
    releases.run(release.tree, "psql", "-Xq1", "-v", "ON_ERROR_STOP=1", "-f", script, dsn)


def sqitch(release: Release, *arguments: str) -> None:
    *options, dsn = arguments
    environment = server(dsn)
    done = subprocess.run(
        ["sqitch", *options, f"db:pg:{environment['PGDATABASE']}"],
        cwd=release.tree, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def server(dsn: str) -> dict[str, str]:
    """A database as sqitch and psql are told of it."""
    fields = psycopg.conninfo.conninfo_to_dict(dsn)
    return {
        "PGHOST": str(fields["host"]),
        "PGPORT": str(fields.get("port", "5432")),
        "PGUSER": str(fields["user"]),
        "PGDATABASE": str(fields["dbname"]),
        "SQITCH_FULLNAME": "tests",
        "SQITCH_EMAIL": "tests@localhost",
    }


def dump(dsn: str) -> str:
    """The schema without sqitch's registry; \\restrict carries a random token."""
    done = releases.run(releases.ROOT, "pg_dump", "--schema-only", "-N", "sqitch", dsn)
    assert len(done) > 100_000
    return re.sub(r"(?m)^\\(un)?restrict .*\n", "", done)


def version(dsn: str) -> str:
    with psycopg.connect(dsn) as conn:
        return str(conn.execute("select gd_version()").fetchone()[0])  # type: ignore[index]


def count(conn: Connection, table: str) -> int:
    row = conn.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])
