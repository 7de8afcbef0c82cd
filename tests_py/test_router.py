"""Many databases behind a router: nothing is lost when one of them stops, and the others go on.

DATABASES, INSTANCES: how many (make router: 4 and 100,000). Each database is a server of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

import gendurable
from database import create_database, drop_database, own_cluster
from gendurable import (
    EngineError,
    InvalidArgumentError,
    Status,
    cancel,
    client,
    enqueue,
    moving,
    set_rate_limit,
    signal,
    status,
    wait,
)
from gendurable.install import install, install_router
from gendurable.moving import move_partitions
from support import Connection, until
from test_liveness import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]

DATABASES = int(os.environ.get("DATABASES", "2"))
INSTANCES = int(os.environ.get("INSTANCES", "400"))
BATCH = min(500, INSTANCES // 8)

MACHINES = """
from typing import Any

from gendurable import Await, Context, Done, Entry, Machine, Outcome, ScheduleChildren, step


class Order(Machine[dict[str, Any]]):
    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Await("paid", step=self.pack)

    @step
    async def pack(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return ScheduleChildren([Entry("Parcel", {"of": ctx.id})], step=self.end)

    @step
    async def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done({"parcels": [child.id for child in ctx.children or []]})


class Parcel(Machine[dict[str, Any]]):
    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done({})
"""


@dataclass
class Many:
    """The databases, their servers, and the router before them."""

    servers: list[Server]
    dsns: list[str]
    router: str


@pytest.fixture(scope="module")
def many(admin_dsn: str) -> Iterator[Many]:
    with psycopg.connect(admin_dsn) as conn:
        if not conn.execute(
            "select from pg_available_extensions where name = 'plproxy'"
        ).fetchall():
            pytest.skip("the extension PL/Proxy is not installed on the test server")
    with contextlib.ExitStack() as stack:
        servers, dsns = [], []
        share = 64 // DATABASES
        for number in range(DATABASES):
            admin = stack.enter_context(own_cluster(synchronous_commit="on"))
            servers.append(server(admin))
            dsns.append(create_database(admin, f"part{number}"))
            install(dsns[-1], partitions=range(number * share, (number + 1) * share))
        name = f"gendurable_router_{os.getpid()}"
        router = create_database(admin_dsn, name)
        stack.callback(drop_database, admin_dsn, name)
        assert install_router(router)
        with psycopg.connect(router, autocommit=True) as conn:
            for number, dsn in enumerate(dsns):
                conn.execute(
                    "select gd_place_partitions(%s, %s, %s)",
                    (number * share, (number + 1) * share - 1, dsn),
                )
        yield Many(servers, dsns, router)


@pytest.fixture
def through(many: Many) -> Iterator[Connection]:
    """A connection to the router."""
    with psycopg.connect(many.router, autocommit=True) as conn:
        yield conn


def server(admin: str) -> Server:
    fields = conninfo_to_dict(admin)
    made = Server(admin, Path(str(fields["host"])) / "data", str(fields["port"]))
    with psycopg.connect(admin) as conn:
        row = conn.execute("select setting from pg_config where name = 'BINDIR'").fetchone()
        assert row is not None
        made.bin = row[0]
    return made


def test_a_key_an_id_or_a_placement_says_where_an_instance_is(
    many: Many, through: Connection
) -> None:
    for number in range(20):
        key = f"placed:{number}"
        created = enqueue(through, "Nothing", correlation_key=key, queue="unserved")
        assert created.id & 63 == partition(through, key)
        assert enqueue(through, "Nothing", correlation_key=key).duplicate
        found = status(through, key)
        assert found is not None
        assert found.id == created.id
        assert signal(through, key, "hello") == signal(through, created.id, "hello") == "delivered"
        for name, argument in (("concurrency_key", "c"), ("rate_limit", "r")):
            (row,) = through.execute(
                f"select id from gd_enqueue('N', queue => 'unserved', {name} => %s)",
                (argument + key,),
            ).fetchall()
            assert row[0] & 63 == partition(through, argument + key)
        (row,) = through.execute(
            "select id from gd_enqueue('N', queue => 'unserved', concurrency_key => 'x',"
            " placement => %s)",
            (key,),
        ).fetchall()
        assert row[0] & 63 == partition(through, key)
    held = [instances(dsn) for dsn in many.dsns]
    assert all(held)
    counted = through.execute("select count(*) from gd_instances").fetchone()
    assert counted == (sum(held),)
    ids = [row[0] for row in through.execute("select id from gd_instances").fetchall()]
    results = through.execute("select result from gd_cancel_many(%s)", (ids,)).fetchall()
    assert {row[0] for row in results} == {"cancelled"}
    assert [row[0] for row in through.execute(
        "select id from gd_retry_many(%s)", (ids,)).fetchall()] == ids  # fmt: skip
    assert len(through.execute("select * from gd_cancel_many(%s)", (ids,)).fetchall()) == len(ids)


def test_limits_and_pauses_are_those_of_all(many: Many, through: Connection) -> None:
    set_rate_limit(through, "mails", 10, period=1)
    through.execute("select gd_pause('held up'), gd_set_queue_limit('narrow', 3)")
    assert through.execute(
        "select allowed, databases from gd_limits where name = 'mails'"
    ).fetchone() == (10.0, DATABASES)
    assert through.execute(
        "select queue, paused, max_executing, databases from gd_queues order by queue"
    ).fetchall() == [("held up", True, None, DATABASES), ("narrow", False, 3, DATABASES)]
    through.execute("select gd_resume('held up'), gd_drop_rate_limit('mails')")
    assert through.execute("select from gd_limits where name = 'mails'").fetchall() == []


def test_a_schedule_is_fired_by_one_database(many: Many, through: Connection) -> None:
    for number in range(8):
        through.execute("select gd_schedule(%s, '@daily', 'Nothing')", (f"s{number}",))
    assert through.execute("select count(*) from gd_schedules").fetchone() == (8,)
    for number in range(8):
        assert through.execute("select gd_unschedule(%s)", (f"s{number}",)).fetchone() == (True,)


def test_a_bad_entry_of_a_batch_is_named_by_its_place(through: Connection) -> None:
    entries = [{"fsm": "N", "correlation_key": f"batch:{n}"} for n in range(9)]
    entries.append({"fsm": "N", "typo": "1"})
    with pytest.raises(psycopg.Error) as caught:
        through.execute("select gd_enqueue_many(%s)", (Jsonb(entries),))
    assert caught.value.sqlstate == "GD003"
    assert caught.value.diag.message_detail == "ord 10: unknown field typo"
    with pytest.raises(psycopg.Error) as caught:
        through.execute("select gd_enqueue(null)")
    assert caught.value.sqlstate == "GD001"


def test_the_router_has_every_call_of_an_application(many: Many, through: Connection) -> None:
    routed = {
        row[0]
        for row in through.execute(
            "select p.proname::text from pg_proc as p where p.pronamespace = 'public'::regnamespace"
        ).fetchall()
    }
    calls = {f"gd_{name}" for name in client.__all__ if name in gendurable.__all__}
    calls = {name for name in calls if exists(many.dsns[0], name)}
    assert len(calls) > 25
    # docs/many-databases.md says why some are asked at the databases.
    page = (ROOT / "docs/many-databases.md").read_text()
    assert {name for name in calls - routed if f"| `{name}` |" not in page} == set()
    with psycopg.connect(many.dsns[0]) as conn:
        views = conn.execute(VIEWS).fetchall()
    own = {tuple(row) for row in through.execute(VIEWS).fetchall()}
    assert {tuple(row) for row in views} <= own


VIEWS = """
select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
from pg_class as c join pg_attribute as a on a.attrelid = c.oid
where c.relkind = 'v' and c.relname like 'gd\\_%' and a.attnum > 0
"""


def test_one_database_stops_and_the_others_go_on(many: Many, tmp_path: Path) -> None:
    module = tmp_path / "orders.py"
    module.write_text(MACHINES)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        for number, dsn in enumerate(many.dsns):
            stack.enter_context(worker(module, dsn, tmp_path / f"log{number}"))
        reopened = threading.Event()
        customers = [Customer(many.router, part, reopened) for part in range(2)]
        for customer in customers:
            customer.start()
        until(lambda: done(many.dsns[0]) >= INSTANCES // 16, "the first has begun", 600)
        many.servers[0].stop("immediate")
        stopped = time.monotonic()
        reopened.set()
        # Calls about the others go through, and their work goes on.
        with psycopg.connect(many.router, autocommit=True) as conn:
            for key in (others := elsewhere(conn)):
                assert enqueue(conn, "Parcel", correlation_key=key).id
            until(lambda: all(ended(conn, key) for key in others), "the others go on", 600)
        until(lambda: sum(customer.refused for customer in customers) > 1, "batches are refused")
        many.servers[0].start()
        down = time.monotonic() - stopped
        for customer in customers:
            customer.join()
        until(lambda: sum(map(done, many.dsns)) >= INSTANCES, "all orders are done", 3600)
    orders: dict[str, int] = {}
    parcels: set[int] = set()
    for number, dsn in enumerate(many.dsns):
        with psycopg.connect(dsn) as conn:
            for key, identity, result in conn.execute(
                "select correlation_key, id, result from gd_instances where fsm = 'Order'"
            ):
                assert key not in orders
                orders[key] = identity
                (parcel,) = result["parcels"]
                # A child stays with its parent.
                assert identity & 63 == parcel & 63
                assert (identity & 63) // (64 // DATABASES) == number
                parcels.add(parcel)
            assert conn.execute(
                "select count(*) from gd_instances where fsm = 'Parcel' and parent_id is not null"
            ).fetchone() == (done(dsn),)
    assert orders.keys() == {
        f"order:{part}:{n}" for part in range(2) for n in range(INSTANCES // 2)
    }
    assert len(parcels) == INSTANCES
    seconds = time.monotonic() - started
    refused = sum(customer.refused for customer in customers)
    print(
        f"{INSTANCES} orders with a signal and a child each, {DATABASES} databases:"
        f" {seconds:.0f} s, {INSTANCES * 2 / seconds:.0f} instances/s;"
        f" one was down for {down:.1f} s, {refused} batches were refused meanwhile and repeated"
    )


def test_partitions_move_to_another_database_while_the_others_work(
    many: Many, through: Connection, tmp_path: Path
) -> None:
    module = tmp_path / "orders.py"
    module.write_text(MACHINES)
    grown = create_database(many.servers[-1].admin_dsn, "grown")
    assert run_command("install", "--partitions", "none", "--dsn", grown).returncode == 0
    share = 64 // DATABASES
    first, last = share - 2, share - 1  # the last two of the first database
    moving = [key for key in (f"moves:{n}" for n in range(4000)) if partition(through, key) >= first
              and partition(through, key) <= last][:30]  # fmt: skip
    rest = [f"rests:{n}" for n in range(30)]
    set_rate_limit(through, "everywhere", 5, period=1)
    for key in moving + rest:
        enqueue(through, "Order", correlation_key=key)
    through.execute("select gd_schedule(%s, '@daily', 'Nothing')", (schedule_in(through, last),))
    with contextlib.ExitStack() as stack:
        for number, dsn in enumerate([*many.dsns, grown]):
            stack.enter_context(worker(module, dsn, tmp_path / f"log{number}"))
        for key in moving[:10]:
            signal(through, key, "paid")
        until(lambda: parked(through, moving[10:]), "they wait for payment")
        command = [
            "move-partitions", f"{first}-{last}/64",
            "--from", many.dsns[0], "--to", grown, "--router", many.router,
        ]  # fmt: skip
        refused: list[str] = []
        thread = threading.Thread(target=pay, args=(many.router, rest, refused))
        thread.start()
        kill_in_the_middle(*command)
        moved = run_command(*command)
        assert moved.returncode == 0, moved.stderr
        assert len(moved.stdout.splitlines()) == 2
        assert f"partition {last}: " in moved.stdout
        print(moved.stdout)
        thread.join()
        for key in moving[10:]:
            assert signal(through, key, "paid") == "delivered"
        paid = moving + [key for key in rest if key not in refused]
        until(lambda: all(ended(through, key) for key in paid), "all that were paid end")
        # Again changes nothing.
        assert run_command(*command).returncode == 0
        # A command that names a database which does not have them is refused.
        third = run_command(*command[:2], "--from", many.dsns[0], "--to", many.dsns[-1],
                            "--router", many.router)  # fmt: skip
        assert third.returncode == 1
        assert f"partition {first} is not in database part0" in third.stderr
    with psycopg.connect(many.dsns[0]) as conn, psycopg.connect(grown) as there:
        here = "select count(*) from gd_instances where id & 63 between %s and %s"
        assert conn.execute(here, (first, last)).fetchone() == (0,)
        count = there.execute(here, (first, last)).fetchone()
        assert count is not None
        assert count[0] >= 2 * len(moving)
        assert there.execute(
            "select allowed from gd_limits where name = 'everywhere'"
        ).fetchone() == (5.0,)
        assert there.execute("select count(*) from gd_schedules").fetchone() == (1,)
    for number in range(200):
        created = enqueue(through, "Parcel", correlation_key=f"after:{number}")
        assert not created.duplicate
    found = status(through, moving[0])
    assert found is not None
    assert found.status == "done"


class Killed(BaseException):
    """The tool, or the server under it, has been killed."""


def test_a_move_that_is_killed_at_any_moment_loses_nothing_and_goes_on(
    many: Many, through: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tool after each of its calls; the servers where it matters to them."""
    real, moved = moving._call, 5
    keys = [key for n in range(2000) if partition(through, key := f"killed:{n}") == moved]
    for key in keys:
        enqueue(through, "Order", correlation_key=key, queue="unserved")
        signal(through, key, "paid", dedup_key="p")
    for key in keys[::2]:
        cancel(through, key)
    before = content(many.dsns[0], moved)
    assert len(before) >= len(keys) > 10
    calls: list[str] = []

    def call(dsn: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        calls.append(query)
        answer = real(dsn, query, *parameters)
        if len(calls) == at:
            raise Killed
        if falls and falls in query and answer and calls.count(query) == 1:
            fallen = many.servers[many.dsns.index(dsn)]
            fallen.stop("immediate")
            fallen.start()
            raise Killed
        return answer

    monkeypatch.setattr(moving, "_call", call)
    at, falls, here, there = 0, "", many.dsns[0], many.dsns[1]

    def move() -> None:
        calls.clear()
        move_partitions([moved], here, there, many.router, wait=60)

    move()
    stages: list[tuple[int, str]] = [(n, "") for n in range(1, len(calls) + 1)]
    stages += [(0, each) for each in ("_depart", "_arrive", "_hold_partition")]
    for stage in stages:
        here, there = there, here
        at, falls = stage
        with pytest.raises(Killed):
            move()
        at, falls = 0, ""
        move()
        assert content(there, moved) == before, stage
        assert content(here, moved) == []
        with psycopg.connect(here) as conn:
            assert not conn.execute(
                "select from gendurable.moved union all select from gendurable.departures"
            ).fetchall()
        assert signal(through, keys[1], "paid", dedup_key="p") == "duplicate"
    if there != many.dsns[0]:
        here, there = there, here
        move()


def content(dsn: str, partition: int) -> list[tuple[Any, ...]]:
    """What a database has of a partition."""
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            "select id, status, correlation_key, state, enqueued_at, error,"
            " (select count(*) from gd_signals(i.id)) from gd_instances as i"
            " where id & 63 = %s order by id",
            (partition,),
        ).fetchall()


def test_a_move_is_refused_before_anything_is_stopped(many: Many, through: Connection) -> None:
    alone = create_database(many.servers[-1].admin_dsn, "alone")
    install(alone)
    first, second = many.dsns[:2]
    for here, there, message in (
        (first, alone, "database alone is not one of many"),
        (second, first, ""),  # it is there already
        (second, alone, "database alone is not one of many"),
        (alone, second, "partition 7 is not in database alone"),
    ):
        if not message:
            assert move_partitions([7], here, there, many.router)[0].rows == 0
            continue
        with pytest.raises(InvalidArgumentError, match=message):
            move_partitions([7], here, there, many.router)
        assert through.execute("select from gendurable.places where moving").fetchall() == []
    with psycopg.connect(first, autocommit=True) as conn:
        conn.execute("select gendurable._begin_departure(7, 'another one')")
        conn.execute("select gendurable._change_partition(7, false)")
        with pytest.raises(InvalidArgumentError, match="partition 7 is on its way to another one"):
            move_partitions([7], first, second, many.router)
        with pytest.raises(InvalidArgumentError, match="from database part0 to another one"):
            move_partitions([7], second, first, many.router)
        conn.execute("select gendurable._end_departure(7), gendurable._hold_partition(7)")


def test_a_call_that_is_led_to_the_wrong_database_is_refused(
    many: Many, through: Connection
) -> None:
    """A router of yesterday: the answer is never that there is no such instance."""
    moved = 64 // DATABASES  # the first of the second database
    key = next(key for n in range(999) if partition(through, key := f"led:{n}") == moved)
    instance = enqueue(through, "N", correlation_key=key, queue="unserved").id
    entry = {"fsm": "N", "correlation_key": key}
    calls: list[tuple[str, Any]] = [
        ("select gd_signal(%s::bigint, 'x')", instance), ("select gd_signal(%s::text, 'x')", key),
        ("select gd_cancel(%s::bigint)", instance), ("select gd_cancel(%s::text)", key),
        ("select gd_retry(%s)", instance), ("select gd_children(%s)", instance),
        ("select gd_status(%s::bigint)", instance), ("select gd_status(%s::text)", key),
        ("select gd_history(%s::bigint)", instance), ("select gd_history(%s::text)", key),
        ("select gd_why(%s::bigint)", instance), ("select gd_why(%s::text)", key),
        ("select gd_watch(%s::bigint)", instance), ("select gd_watch(%s::text)", key),
        ("select gd_signals(%s)", instance), ("select gd_tree(%s)", instance),
        ("select gd_enqueue('N', correlation_key => %s)", key),
        ("select gd_enqueue('N', placement => %s)", key),
        ("select gd_enqueue_many(%s)", Jsonb([entry, {"fsm": "N", "placement": "anywhere"}])),
        ("select gd_signal_many(%s)", Jsonb([{"target": key, "name": "x"}])),
        ("select gd_cancel_many(%s)", [instance]), ("select gd_retry_many(%s)", [instance]),
        ("select gd_schedule(%s, '@daily', 'N')", schedule_in(through, moved)),
        ("select gd_unschedule(%s)", schedule_in(through, moved)),
        ("select gd_pause_schedule(%s)", schedule_in(through, moved)),
        ("select gd_resume_schedule(%s)", schedule_in(through, moved)),
    ]  # fmt: skip
    through.execute("select gd_place_partitions(%s, %s, %s)", (moved, moved, many.dsns[0]))
    try:
        for call, argument in calls:
            with pytest.raises(psycopg.Error) as caught:
                through.execute(call, (argument,)).fetchall()
            assert caught.value.sqlstate == "GD030", call
            assert f"partition {moved} is not in database part0" in str(caught.value)
        through.execute("delete from gendurable.places where partition = %s", (moved,))
        for call, argument in calls:
            with pytest.raises(psycopg.Error) as caught:
                through.execute(call, (argument,)).fetchall()
            assert caught.value.sqlstate == "GD031", call
    finally:
        through.execute("select gd_place_partitions(%s, %s, %s)", (moved, moved, many.dsns[1]))
    found = status(through, instance)
    assert found is not None
    assert found.status == "runnable"


def test_looks_put_together_what_all_databases_answer(many: Many, through: Connection) -> None:
    made = {
        through.execute(
            "select id from gd_enqueue('Found', queue => 'unserved', concurrency_key => 'line',"
            " placement => %s)",
            (str(n),),
        ).fetchall()[0][0]
        for n in range(30)
    }
    found: list[int] = []
    before: int | None = None
    for _ in range(200):
        (page,) = through.execute(
            "select ids, next_before from gd_find(fsm => 'Found', before => %s, most => 4,"
            " looks => 7)",
            (before,),
        ).fetchall()
        found += page[0]
        before = page[1]
        if before is None:
            break
    assert before is None
    assert found == sorted(made, reverse=True)
    lines = through.execute(
        "select key, in_use + waiting from gd_lines('concurrency', 'line')"
    ).fetchall()
    assert len(lines) >= DATABASES
    assert {line[0] for line in lines} == {"line"}
    assert sum(line[1] for line in lines) == len(made)
    shown = through.execute("select sum(n) from (select count(*) as n from gd_stuck(1000)) as s")
    assert shown.fetchone() == (len(through.execute("select from gd_stuck").fetchall()),)
    topics = through.execute("select topic, detail from gd_doctor()").fetchall()
    for dsn in many.dsns:
        name = conninfo_to_dict(dsn)["dbname"]
        assert any(detail.startswith(f"{name}: ") for _, detail in topics)
    through.execute("select * from gd_horizon()").fetchall()
    assert through.execute("select gd_gc('1 day')").fetchone() == (0,)
    results = through.execute("select result from gd_cancel_many(%s)", (list(made),)).fetchall()
    assert results == [("cancelled",)] * 30


def test_a_routed_call_has_the_arguments_and_the_answer_of_the_engines(
    many: Many, through: Connection
) -> None:
    with psycopg.connect(many.dsns[0]) as conn:
        engine = {tuple(row) for row in conn.execute(SIGNATURES).fetchall()}
    router = {tuple(row) for row in through.execute(SIGNATURES).fetchall()}
    assert {row[0] for row in router - engine} == {
        "gd_enqueue",  # which has `placement` as well
        "gd_place_partitions", "gd_stop_partitions",
    }  # fmt: skip
    # What workers call, at their own database.
    assert {row[0] for row in engine} - {row[0] for row in router} == {
        "gd_register", "gd_heartbeat", "gd_pick", "gd_commit", "gd_release", "gd_unregister",
        "gd_next_due", "gd_reap", "gd_expire_awaits", "gd_maintain", "gd_report",
        "gd_declare_schedules", "gd_declare", "gd_machines", "gd_here",
    }  # fmt: skip


SIGNATURES = """
select p.proname::text, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and p.proname like 'gd\\_%'
"""


def test_a_router_is_upgraded_and_keeps_its_places(many: Many, through: Connection) -> None:
    catalog = (
        SIGNATURES + " union all " + VIEWS + " union all table gendurable.placed order by 1, 2"
    )
    through.execute(
        "create or replace view gendurable.placed as"
        " select partition::text, dsn, moving::text from gendurable.places"
    )
    before = through.execute(catalog).fetchall()
    through.execute("drop function gd_pause(text)")
    through.execute("create function gd_mine() returns int language sql return 1")
    assert not install_router(many.router)
    script = ROOT / "sql/router/upgrade.sql"
    psql = ["psql", "-Xq1", "-v", "ON_ERROR_STOP=1", "-f", str(script)]
    subprocess.run([*psql, many.router], check=True, capture_output=True)
    assert through.execute("select gd_mine()").fetchone() == (1,)
    through.execute("drop function gd_mine()")
    assert through.execute(catalog).fetchall() == before
    assert enqueue(through, "N", queue="unserved").id
    # It is no database of instances, and such a one is no router.
    for command in (["install"], ["upgrade"], ["uninstall", "--yes"]):
        refused = run_command(*command, "--dsn", many.router)
        assert refused.returncode == 1
        assert "this database is a router" in refused.stderr, refused.stderr
    refused = run_command("install", "--router", "--dsn", many.dsns[0])
    assert "a router needs a database of its own" in refused.stderr
    script_refused = subprocess.run([*psql, many.dsns[0]], check=False, capture_output=True)
    assert b"is not a router" in script_refused.stderr


@pytest.fixture
def four(many: Many, admin_dsn: str) -> Iterator[dict[str, str]]:
    """The databases of the page as they are here, by what it calls them: two, and two to grow."""
    places: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for number in range(4):
            admin = many.servers[number % 2].admin_dsn
            with psycopg.connect(admin, autocommit=True) as conn:
                if not conn.execute("select from pg_roles where rolname = 'router'").fetchall():
                    conn.execute("create role router login")
            places[f"host=db{number} dbname=shop"] = create_database(admin, f"shop{number}")
            stack.callback(drop_database, admin, f"shop{number}")
        name = f"gendurable_shops_{os.getpid()}"
        places["dbname=router"] = create_database(admin_dsn, name)
        stack.callback(drop_database, admin_dsn, name)
        yield places


def commands(title: str, places: dict[str, str]) -> list[str]:
    """The blocks of commands below a heading of the page, for the databases that there are here."""
    page = (ROOT / "docs/many-databases.md").read_text()
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^ *```(?:sh|sql)\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 1
    here = []
    for block in blocks:
        text = block
        for name, dsn in places.items():
            text = text.replace(f"{name} user=router", make_conninfo(dsn, user="router"))
            text = text.replace(name, dsn)
        assert "host=db" not in text
        here.append(text)
    return here


def shell(block: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", block],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_databases_grow_to_four_by_the_commands_of_the_page(
    four: dict[str, str], tmp_path: Path
) -> None:
    module = tmp_path / "orders.py"
    module.write_text(MACHINES)
    *databases, router = four.values()
    install_both, places = commands("Set up", four)
    assert install_both.count("install") == 3
    shell(install_both)
    for dsn in databases[:2]:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("grant gd_admin to router")
    with psycopg.connect(router, autocommit=True) as conn, contextlib.ExitStack() as stack:
        conn.execute(places.encode())
        early = [f"early:{n}" for n in range(100)]
        for key in early:
            enqueue(conn, "Order", correlation_key=key)
        for number, dsn in enumerate(databases[:2]):
            stack.enter_context(worker(module, dsn, tmp_path / f"log{number}"))
        until(lambda: parked(conn, early), "they wait for payment")
        # Somebody waits through the router for one that is to move.
        moves = next(key for key in early if 16 <= partition(conn, key) < 32)
        waiter = Waiter(router, moves)
        waiter.start()

        new, move = commands("Grow from two to four", four)
        assert new.count("--partitions none") == 2
        shell(new)
        for number, dsn in enumerate(databases[2:], 2):
            with psycopg.connect(dsn, autocommit=True) as other:
                other.execute("grant gd_admin to router")
            stack.enter_context(worker(module, dsn, tmp_path / f"log{number}"))
        shop = Shop(router)
        shop.start()
        try:
            moved = shell(move)
        finally:
            late = shop.close()
        assert len(re.findall(r"^partition \d+: ", moved, re.MULTILINE)) == 32
        for key in early:
            assert signal(conn, key, "paid") == "delivered"
        waiter.join()
        assert waiter.found == "done"
        assert len(late) > 10
        until(lambda: all(ended(conn, key) for key in early + late), "all end", 300)
        # Each is once in all four, where the router says.
        placed: dict[int, str] = dict(
            conn.execute("select partition, dsn from gendurable.places").fetchall()
        )
        seen: dict[str, int] = {}
        for number, dsn in enumerate(databases):
            name = str(conninfo_to_dict(dsn)["dbname"])
            with psycopg.connect(dsn) as other:
                for key, identity in other.execute(
                    "select correlation_key, id from gd_instances where fsm = 'Order'"
                ):
                    assert key not in seen
                    seen[key] = identity
                    assert (identity & 63) // 16 == (0, 2, 1, 3)[number]
                    assert f"dbname={name}" in placed[identity & 63]
                (held,) = other.execute("select gendurable._own_partitions()").fetchone() or ([],)
                first = (0, 32, 16, 48)[number]
                assert held == list(range(first, first + 16))
        assert seen.keys() == {*early, *late}


def test_a_wait_outlasts_a_stop_of_its_partition(many: Many, through: Connection) -> None:
    key = "waits"
    enqueue(through, "Nobodys", correlation_key=key)
    (place, dsn) = through.execute(
        "select partition, dsn from gendurable.places where partition = gendurable._partition(%s)",
        (key,),
    ).fetchone() or (0, "")

    def wait_here(seconds: float) -> Status | None:
        return wait(through, key, timeout=seconds, until="runnable")

    def wait_async(seconds: float) -> Status | None:
        async def waits() -> Status | None:
            async with await psycopg.AsyncConnection.connect(many.router, autocommit=True) as conn:
                return await wait(conn, key, timeout=seconds, until="runnable")

        return asyncio.run(waits())

    through.execute("select gd_stop_partitions(%s, %s)", (place, place))
    try:
        for look in (wait_here, wait_async):
            started = time.monotonic()
            with pytest.raises(EngineError) as refused:
                look(0.3)
            assert refused.value.sqlstate == "GD030"
            assert time.monotonic() - started >= 0.3
    finally:
        through.execute("select gd_place_partitions(%s, %s, %s)", (place, place, dsn))
    for found in (wait_here(60), wait_async(60)):
        assert found is not None
        assert found.status == "runnable"


class Waiter(threading.Thread):
    """Waits through the router for an instance to end, also while its partition moves."""

    def __init__(self, router: str, key: str) -> None:
        super().__init__(daemon=True)
        self.found: str | None = None
        self._router = router
        self._key = key

    def run(self) -> None:
        with psycopg.connect(self._router, autocommit=True) as conn:
            found = wait(conn, self._key, timeout=600)
            self.found = found.status if found else "lost"


class Shop(threading.Thread):
    """Orders and pays one after the other through the router, and again what is refused."""

    def __init__(self, router: str) -> None:
        super().__init__()
        self._router = router
        self._closed = threading.Event()
        self._keys: list[str] = []
        self._failed: BaseException | None = None

    def run(self) -> None:
        try:
            with psycopg.connect(self._router, autocommit=True) as conn:
                while not self._closed.wait(0.01):
                    self._order(conn, f"late:{len(self._keys)}")
        except BaseException as exc:  # noqa: BLE001 (raised again when the shop closes)
            self._failed = exc

    def _order(self, conn: Connection, key: str) -> None:
        calls = ("select gd_enqueue('Order', correlation_key => %s)",
                 "select gd_signal(%s::text, 'paid', dedup_key => 'p')")  # fmt: skip
        for call in calls:
            while True:
                try:
                    conn.execute(call, (key,))
                except psycopg.Error as exc:
                    if exc.sqlstate != "GD030":
                        raise
                    time.sleep(0.01)
                else:
                    break
        self._keys.append(key)

    def close(self) -> list[str]:
        """What was ordered and paid."""
        self._closed.set()
        self.join()
        if self._failed is not None:
            raise self._failed
        return self._keys


def kill_in_the_middle(*arguments: str) -> None:
    """Kill -9 of a move when its first partition has arrived."""
    with subprocess.Popen(
        [sys.executable, "-m", "gendurable", *arguments], stdout=subprocess.PIPE
    ) as tool:
        assert tool.stdout is not None
        assert tool.stdout.readline().startswith(b"partition ")
        tool.kill()


def pay(router: str, keys: list[str], refused: list[str]) -> None:
    """Pay while partitions move; the keys of what is refused, because it is what moves."""
    with psycopg.connect(router, autocommit=True) as conn:
        for key in keys:
            try:
                signal(conn, key, "paid")
            except psycopg.Error as exc:
                assert exc.sqlstate == "GD030"  # noqa: PT017
                refused.append(key)


def parked(conn: Connection, keys: list[str]) -> bool:
    found = [status(conn, key) for key in keys]
    return all(one is not None and one.status == "awaiting_signal" for one in found)


def schedule_in(conn: Connection, wanted: int) -> str:
    """The name of a schedule of that partition."""
    names = (f"nightly {n}" for n in range(10_000))
    return next(name for name in names if partition(conn, f"schedule:{name}") == wanted)


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gendurable", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


class Customer(threading.Thread):
    """Orders and pays by batches through the router; a batch that is refused is sent again.

    It closes at noon, and goes on when it is reopened.
    """

    def __init__(self, router: str, part: int, reopened: threading.Event) -> None:
        super().__init__()
        self._reopened = reopened
        self.refused = 0
        self._router = router
        self._part = part

    def run(self) -> None:
        with psycopg.connect(self._router, autocommit=True) as conn:
            for first in range(0, INSTANCES // 2, BATCH):
                if first >= INSTANCES // 4:
                    self._reopened.wait()
                last = min(first + BATCH, INSTANCES // 2)
                keys = [f"order:{self._part}:{n}" for n in range(first, last)]
                self._send(
                    conn, "select gd_enqueue_many(%s)",
                    [{"fsm": "Order", "correlation_key": key} for key in keys],
                )  # fmt: skip
                self._send(
                    conn, "select gd_signal_many(%s)",
                    [{"target": key, "name": "paid", "dedup_key": "p"} for key in keys],
                )  # fmt: skip

    def _send(self, conn: Connection, call: str, entries: list[dict[str, Any]]) -> None:
        while True:
            try:
                conn.execute(call, (Jsonb(entries),))
            except psycopg.Error:
                # What was stored is a duplicate the next time.
                self.refused += 1
                time.sleep(0.05)
            else:
                return


@contextlib.contextmanager
def worker(module: Path, dsn: str, log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "gendurable", "run", str(module), "--dsn", dsn]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "--queue", "default=200"], stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def elsewhere(conn: Connection) -> list[str]:
    """Keys that are not the first database's."""
    keys = [f"during:{n}" for n in range(40)]
    return [key for key in keys if partition(conn, key) >= 64 // DATABASES]


def ended(conn: Connection, key: str) -> bool:
    found = status(conn, key)
    return found is not None and found.status == "done"


def exists(dsn: str, function: str) -> bool:
    with psycopg.connect(dsn) as conn:
        row = conn.execute("select to_regproc(%s) is not null or exists ("
                           "select from pg_proc where proname = %s)",
                           ("public." + function, function)).fetchone()  # fmt: skip
        return row is not None and bool(row[0])


def partition(conn: Connection, key: str) -> int:
    row = conn.execute("select gendurable._partition(%s)", (key,)).fetchone()
    assert row is not None
    return int(row[0])


def instances(dsn: str) -> int:
    return _count(dsn, "gd_instances")


def done(dsn: str) -> int:
    """How many orders are done."""
    return _count(dsn, "gendurable.archive where fsm = 'Order' and not failed")


def _count(dsn: str, what: str) -> int:
    with psycopg.connect(make_conninfo(dsn, connect_timeout=10)) as conn:
        row = conn.execute(f"select count(*) from {what}").fetchone()
        assert row is not None
        return int(row[0])
