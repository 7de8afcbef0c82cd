"""The commands of the person on call: what they print, as tables and as JSON, and what they do."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import typer
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Group
from typer.testing import CliRunner

from database import create_database, own_cluster
from gendurable import Enqueued, Entry, Instance, enqueue, enqueue_many, look, status
from gendurable.cli import app, doctor, ps
from gendurable.cli.output import span
from gendurable.cli.reading import Filter, address, duration
from gendurable.errors import UsageError
from gendurable.install import install
from gendurable.look import Finding
from gendurable.process import package_version
from gendurable.testing import drain
from gendurable.uninstall import uninstall as remove
from support import Connection, finished
from test_cli import invoke
from test_docs import commands
from test_look import Order, Parent, breaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Invoke = Callable[..., tuple[int, str, str]]

__all__ = ["invoke"]

READING = [
    "ps",
    "queues",
    "workers",
    "limits",
    "schedules",
    "failures",
    "failures --each",
    "stuck",
    "stuck --each",
    "top",
    "doctor",
]


@pytest.fixture
def ask(invoke: Invoke, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Call a command that succeeds on `dsn`; what it has printed."""
    monkeypatch.setenv("GENDURABLE_DSN", dsn)

    def call(*arguments: str, code: int = 0) -> str:
        left, out, err = invoke(*arguments)
        assert left == code, err
        assert "Traceback" not in err
        return out if code == 0 else out + err

    return call


def objects(printed: str) -> list[Any]:
    """One JSON object a line."""
    return [json.loads(line) for line in printed.splitlines()]


# Help.


def leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command, those of groups too, with the words that call it."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from leaves(one, (*path, name))
        else:
            yield (*path, name), one


LEAVES = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_each_command_s_help_has_examples_that_it_understands(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).output
    examples = re.findall(r"(?m)^ *gendurable-py (.*)$", shown.partition("Examples:")[2])
    assert examples
    for example in examples:
        given = shlex.split(re.split(r" \|+ ", example)[0])
        assert tuple(given[: len(words)]) == words
        with LEAVES[words].make_context(words[-1], given[len(words) :]):
            pass


def test_the_help_says_what_each_command_is_for_on_a_narrow_screen() -> None:
    for group in ([], ["limit"], ["schedule"]):
        listed = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "80"}).output
        purposes = re.findall(r"(?m)^ *[a-z-]+ {2,}(\w.*)$", listed.partition("Commands:")[2])
        assert len(purposes) >= 3
        assert [one for one in purposes if one.endswith("...")] == []


def test_a_shell_completes_commands_and_options() -> None:
    for words, expected in (
        ("gendurable-py sch", "schedules"),
        ("gendurable-py ps --st", "--status"),
    ):
        completed = subprocess.run(
            [Path(sys.executable).with_name("gendurable-py")],
            env=os.environ
            | {
                "_GENDURABLE_PY_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(words.count(" ")),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert expected in completed.stdout.split()


# Looking.


def test_instances_are_listed_by_filter(ask: Callable[..., str], conn: Connection) -> None:
    enqueue_many(
        conn, [Entry(Order, {"n": n}, correlation_key=f"order:{n}", queue="q") for n in range(3)]
    )
    enqueue(conn, "Mail", correlation_key="mail:1")
    assert [one["correlation_key"] for one in objects(ask("ps", "--json"))] == [
        "mail:1", "order:2", "order:1", "order:0",
    ]  # fmt: skip
    assert [one["id"] for one in objects(ask("ps", "--key", "order:*", "-n", "2", "--json"))] == [
        3,
        2,
    ]
    assert [one["id"] for one in objects(ask("ps", "--state", '{"n": 1}', "--json"))] == [2]
    assert objects(ask("ps", "--older", "1h", "--json")) == []
    assert len(objects(ask("ps", "--newer", "1h", "-m", "Mail", "-q", "default", "--json"))) == 1
    shown = ask("ps", "--status", "runnable").splitlines()
    assert shown[0].split() == [
        "ID",
        "STATUS",
        "MACHINE",
        "STEP",
        "QUEUE",
        "KEY",
        "TRY",
        "AGE",
        "CHANGED",
    ]
    assert shown[2].split()[:7] == ["3", "runnable", "Order", "start", "q", "order:2", "1"]
    assert ask("ps", "--machine", "None").strip() == "no such instance"
    assert len(objects(ask("ps", "--status", "runnable,failed", "--json"))) == 4
    assert "status is dead" in ask("ps", "--status", "dead", code=1)
    assert "this is no JSON" in ask("ps", "--state", "{customer: 7}", code=1)
    assert "this is no JSON" in ask("ps", "--state", "[" * 100_000, code=1)
    for interval in ("nan", "inf", "0"):
        assert "--interval" in ask("ps", "--watch", "--interval", interval, code=2)
    assert "expected a duration" in ask("ps", "--newer", "soon", code=1)


def test_a_search_without_an_index_looks_so_far_and_tells_where_it_stopped(
    ask: Callable[..., str], invoke: Invoke, conn: Connection
) -> None:
    enqueue_many(conn, [Entry("M", {"n": n}, concurrency_key=f"customer:{n}") for n in range(9)])
    for wanted in (["--state", '{"n": 2}'], ["--concurrency-key", "customer:2"]):
        code, out, err = invoke("ps", *wanted, "--looks", "4", "--json")
        assert (code, out) == (0, "")
        assert err == "looked at 4; there may be older ones: --before 6\n"
        code, out, err = invoke("ps", *wanted, "--looks", "4", "--before", "6", "--json")
        assert ([one["id"] for one in objects(out)], err) == (
            [3],
            "looked at 4; there may be older ones: --before 2\n",
        )
        assert [one["id"] for one in objects(ask("ps", *wanted, "--json"))] == [3]
    assert invoke("ps", "-n", "2", "--json")[2] == "there are more: --before 8\n"
    assert invoke("ps", "-n", "9", "--json")[2] == ""


def test_one_instance_is_shown_with_the_reason_why_it_does_not_run(
    ask: Callable[..., str], conn: Connection
) -> None:
    root = enqueue(conn, Parent, correlation_key="order:42").id
    drain(conn, [Parent, breaks])
    conn.execute("select gd_signal(%s, 'late', '{\"a\": 1}')", (root,))
    shown = ask("show", "order:42")
    assert "awaiting_children: It waits for 1 of its children, of which the first are" in shown
    assert "says why the first of them does not run." in shown
    assert re.search(r"inbox\n.*late.*\{\"a\":1\}", shown, re.DOTALL)
    assert re.search(r"children\n.*elsewhere runnable.*breaks failed", shown, re.DOTALL)
    assert ask("show", str(root)).splitlines()[0] == shown.splitlines()[0] == f"Parent {root}"
    (told,) = objects(ask("show", "order:42", "--json"))
    assert told["instance"]["id"] == root
    assert told["why"][0]["reason"] == "awaiting_children"
    assert [node["fsm"] for node in told["tree"]] == ["Parent", "elsewhere", "breaks"]

    failed = told["tree"][2]["id"]
    shown = ask("show", str(failed))
    assert "failed: It has failed in step start: ValueError: no stock." in shown
    assert "Traceback (most recent call last):" in shown
    assert re.search(r"timeline\n.*stop +start.*ValueError: no stock", shown, re.DOTALL)
    assert "there is no instance nothing at" in ask("show", "nothing", code=1)
    assert "add --by-key if 99 is a correlation key" in ask("show", "99", code=1)


def test_data_of_users_moves_no_cursor(ask: Callable[..., str], conn: Connection) -> None:
    made = enqueue(conn, "\x1b[31mred[bold]", {"a": "\x1b]0;title\x07"}, correlation_key="a\rb").id
    conn.execute("select gd_pause(E'q\\x1b[2J')")
    enqueue(conn, "M", queue="q\x1b[2J")
    for command in (["ps"], ["show", str(made)], ["queues"], ["stuck"], ["stuck", "--each"]):
        shown = ask(*command)
        assert "\x1b" not in shown
        assert "\r" not in shown
    assert r"\u001b[31mred[bold]" in ask("ps")


def test_queues_workers_limits_and_schedules_are_listed(
    ask: Callable[..., str], conn: Connection
) -> None:
    assert ask("queues") == "no queue has instances or workers\n"
    assert ask("workers") == "no worker is registered\n"
    assert ask("limits") == "no limit is set or in use\n"
    assert ask("schedules") == "there is no schedule\n"
    conn.execute("select gd_register('w', '{q}', info => '{\"pid\": 77, \"host\": \"here\"}')")
    enqueue_many(conn, [Entry("M", queue="q", concurrency_key="customer:7") for _ in range(3)])
    assert ask("limit", "concurrency", "customer", "2") == "set: customer\n"
    assert ask("limit", "rate", "mail", "100/1m", "--burst", "200") == "set: mail\n"
    assert ask("limit", "queue", "q", "5") == "set: q\n"
    assert ask("pause", "q", "other") == "paused: q, other\n"
    (queue, other) = objects(ask("queues", "--json"))[::-1]
    assert (queue["queue"], queue["depth"], queue["max_executing"], queue["paused"]) == (
        "q", 3, 5, True,
    )  # fmt: skip
    assert other["queue"] == "other"
    assert "paused" in ask("queues")
    assert ask("resume", "q", "other") == "resumed: q, other\n"
    assert re.search(r"1 +w +alive +0 +q .* here +77", ask("workers"))
    assert [(one["name"], one["waiting"]) for one in objects(ask("limits", "--json"))] == [
        ("customer", 3),
        ("mail", 0),
    ]
    assert "2 at once" in ask("limits")
    assert "100 each 1m, burst 200" in ask("limits")
    (line,) = objects(ask("limits", "customer", "--json"))
    assert (line["key"], line["waiting"]) == ("customer:7", 3)
    assert "customer:7" in ask("limits", "customer")
    assert "no limit named none" in ask("limits", "none", code=1)
    for rate in ("100", "100/", "100/x", "/1m", "-1/1m"):
        assert ask("limit", "rate", "mail", "--", rate, code=1).startswith("error: ")
    for limit in (["concurrency", "customer"], ["rate", "mail"], ["queue", "q"]):
        assert ask("limit", *limit, "none") == f"dropped: {limit[1]}\n"
        assert "expected N" in ask("limit", *limit, "many", code=1)

    assert ask("schedule", "set", "nightly", "0 3 * * *", "M").startswith("set: nightly, next at")
    (known,) = objects(ask("schedules", "--json"))
    assert (known["name"], known["cron"], known["fsm"]) == ("nightly", "0 3 * * *", "M")
    assert ask("schedule", "pause", "nightly") == "paused: nightly\n"
    assert "paused" in ask("schedules")
    assert ask("schedule", "resume", "nightly") == "resumed: nightly\n"
    assert len(objects(ask("schedule", "next", "@daily", "-n", "3", "--json"))) == 3
    assert ask("schedule", "drop", "nightly") == "dropped: nightly\n"
    assert "there is no schedule nightly" in ask("schedule", "drop", "nightly", code=1)
    conn.execute("select gd_schedule('hourly', '@hourly', 'M', '{}')")
    for done, results in {
        "pause q other --json": [("q", "paused"), ("other", "paused")],
        "resume q --json": [("q", "resumed")],
        "limit concurrency customer 2 --json": [("customer", "set")],
        "limit rate mail none --json": [("mail", "dropped")],
        "limit queue q 5 --json": [("q", "set")],
        "schedule pause hourly --json": [("hourly", "paused")],
        "schedule resume hourly --json": [("hourly", "resumed")],
        "schedule drop hourly --json": [("hourly", "dropped")],
    }.items():
        told = objects(ask(*done.split()))
        assert [(one["name"], one["result"]) for one in told] == results
    assert "0 99 * * *" in ask("schedule", "set", "nightly", "0 99 * * *", "M", code=1)


def test_failures_are_grouped_and_brought_back(ask: Callable[..., str], conn: Connection) -> None:
    failed = [breaks.enqueue(conn).id for _ in range(3)]
    other = enqueue(conn, "M", queue="q", correlation_key="m").id
    drain(conn, [breaks])
    ask("cancel", "m", "--reason", "wrong price")
    groups = objects(ask("failures", "--json"))
    assert [(one["fsm"], one["kind"], one["count"]) for one in groups] == [
        ("breaks", "ValueError", 3),
        ("M", "cancelled", 1),
    ]
    assert "no stock" in ask("failures")
    assert [one["id"] for one in objects(ask("failures", "--each", "-m", "M", "--json"))] == [other]
    assert "cancelled: wrong price" in ask("failures", "--each")

    refused = ask("retry", "--failed", "--machine", "breaks", "--since", "1h", code=1)
    assert re.search(r"3 +breaks +start +ValueError", refused)
    assert "nothing was done\nAdd --yes" in refused
    done = ask("retry", "--failed", "--machine", "breaks", "--since", "1h", "--yes")
    assert done.splitlines()[-1] == "3 retried"
    assert {status(conn, one).status for one in failed} == {"runnable"}  # type: ignore[union-attr]
    assert "nothing that matches" in ask("retry", "--failed", "--since", "1h", "-y", code=1)
    assert ask("retry", "m", "--step", "other") == f"{other}: retried\n"
    assert status(conn, other).step == "other"  # type: ignore[union-attr]
    assert ask("retry", "m", code=1).startswith(f"{other}: not_failed (")
    for wrong in (["1", "--failed"], [], ["--failed"], ["1", "--machine", "M"]):
        assert ask("retry", *wrong, code=1).startswith("error: ")


def test_one_customer_s_work_is_stopped(ask: Callable[..., str], conn: Connection) -> None:
    enqueue_many(conn, [Entry("M", {"customer": n % 3}) for n in range(9)])
    refused = ask("cancel", "--state", '{"customer": 1}', code=1)
    assert re.search(r"3 +M +start +runnable", refused)
    done = ask("cancel", "--state", '{"customer": 1}', "--reason", "left", "--yes", "--json")
    assert objects(done) == [{"id": one, "result": "cancelled"} for one in (8, 5, 2)]
    assert "no live instance matches" in ask("cancel", "--state", '{"customer": 1}', "-y", code=1)
    assert len(objects(ask("ps", "--status", "runnable", "--json"))) == 6
    assert ask("cancel", "3", "4", "--cascade") == "2 cancelled\n"
    assert ask("cancel", "3", code=1) == "3: no_target (finished, or not there)\n"
    assert "say which" in ask("cancel", code=1)
    assert "not both" in ask("cancel", "3", "--key", "a", code=1)
    assert "--state null" in ask("cancel", "--state", "null", "--yes", code=1)
    assert len(objects(ask("ps", "--status", "runnable", "--json"))) == 4


def test_instances_are_made_and_signalled(ask: Callable[..., str], conn: Connection) -> None:
    made = int(ask("enqueue", "Order", "--state", '{"sku": 1}', "--key", "order:42"))
    assert ask("enqueue", "Order", "--key", "order:42") == f"{made} (its key was occupied)\n"
    assert objects(ask("enqueue", "Order", "--key", "order:42", "--json")) == [
        {"id": made, "duplicate": True}
    ]
    drain(conn, [Order])
    assert ask("signal", "order:42", "paid", "--payload", '{"by": "card"}') == "delivered\n"
    drain(conn, [Order])
    assert finished(conn, made).result == "shipped"
    assert "there is no live instance order:42" in ask("signal", "order:42", "paid", code=1)
    later = int(ask("enqueue", "M", "--delay", "1h30m", "--priority", "-3"))
    assert 80 * 60 < until_eligible(conn, later) <= 90 * 60
    dated = int(ask("enqueue", "M", "--at", "2099-01-01T06:00:00+01:00"))
    assert until_eligible(conn, dated) > 1e9
    assert "expected a time" in ask("enqueue", "M", "--at", "tomorrow", code=1)


def until_eligible(conn: Connection, instance: int) -> float:
    """Seconds until an instance may start."""
    row = conn.execute(
        "select extract(epoch from eligible_at - now())::float8 from gd_instances where id = %s",
        (instance,),
    ).fetchone()
    assert row is not None
    return float(row[0])


def test_a_table_fits_the_screen_and_cuts_what_is_long_before_what_is_short(
    ask: Callable[..., str], conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, slot = "tenant:" + "9" * 200, "c" * 99
    conn.execute("select gd_register('w', '{q}')")
    enqueue(conn, "Machine" * 9, queue="queue" * 9, correlation_key=key, concurrency_key=slot)
    made = status(conn, key)
    assert made is not None
    piped = ask("ps")
    assert f" {key} " in piped
    assert "\x1b" not in piped
    assert piped.splitlines()[0].split()[-2:] == ["AGE", "CHANGED"]
    # So it takes what it writes to for a terminal.
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    for width in (80, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        for command in (["queues"], ["workers"], ["limits"], ["limits", slot], ["stuck"], ["ps"]):
            shown = ask(*command)
            assert "\x1b[" in shown, command
            lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
            assert max(map(len, lines)) <= width, command
        assert lines[1].split()[:2] == [str(made.id), "runnable"]
        assert re.search(r" tenant:9+… ", lines[1])
        assert ("AGE" in lines[0]) == (width == 160)
    green = "\x1b[32m"
    assert green in ask("workers")
    monkeypatch.setenv("NO_COLOR", "1")
    assert green not in ask("workers")


def test_top_looks_once_in_a_pipe(ask: Callable[..., str], conn: Connection) -> None:
    enqueue(conn, "M")
    shown = ask("top")
    assert "depth 1" in shown
    assert re.search(r"stuck\n.*1 +no_worker +default", shown, re.DOTALL)


# doctor and uninstall.


def test_doctor_tells_what_is_wrong_by_its_exit_code(
    ask: Callable[..., str], conn: Connection
) -> None:
    found = {one["topic"]: one for one in objects(ask("doctor", "--json"))}
    assert (
        found["listen"]["status"] == found["pooler"]["status"] == found["clock"]["status"] == "ok"
    )
    assert found["workers"]["status"] == "warning"
    enqueue(conn, "M", queue="nobody")
    told = ask("doctor", code=3)
    assert re.search(r"stuck +problem +1 instance: no_worker, nobody", told)
    assert "-> gd_why(1), or gendurable-py show 1, says what to do." in told


def test_uninstall_removes_what_install_made_and_nothing_else(
    invoke: Invoke, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENDURABLE_DSN", empty_dsn)

    def objects_there(conn: Connection) -> set[str]:
        rows = conn.execute(
            "select 'n ' || nspname from pg_namespace"
            " union select 'p ' || oid::regprocedure::text from pg_proc"
            " union select 'c ' || oid::regclass::text from pg_class where relnamespace <> 99"
            "   and relnamespace::regnamespace::text not like 'pg_toast%'"
            " union select 't ' || oid::regtype::text from pg_type"
            " union select 's ' || stxname from pg_statistic_ext"
        ).fetchall()
        return {row[0] for row in rows}

    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        before = objects_there(conn)
        assert "no schema gendurable" in invoke("uninstall", "--yes")[2]
        assert invoke("install")[0] == 0
        conn.execute("select gd_enqueue('M')")
        conn.execute("select gd_maintain()")
        assert "Add --yes" in invoke("uninstall")[2]
        conn.execute("create view mine as select id from gd_instances")
        code, _, err = invoke("uninstall", "--yes")
        assert code == 1
        assert err.startswith("error: something else depends on the schema: view ")
        conn.execute("drop view mine")
        conn.execute("create function gd_mine() returns int language sql as 'select 1'")
        code, out, _ = invoke("uninstall", "--yes")
        assert (code, out.split(" from ")[0]) == (0, "removed")
        conn.execute("drop function gd_mine()")
        assert objects_there(conn) == before
        assert invoke("install")[0] == 0


def test_uninstall_drops_the_roles_that_nothing_else_uses() -> None:
    with own_cluster() as admin, psycopg.connect(admin, autocommit=True) as conn:

        def roles() -> list[str]:
            query = "select rolname from pg_roles where rolname like 'gd\\_%' order by 1"
            return [row[0] for row in conn.execute(query).fetchall()]

        one, two = create_database(admin, "one"), create_database(admin, "two")
        install(one)
        install(two)
        conn.execute("create role someone")
        assert remove(one) == ["gd_admin", "gd_worker", "gd_client"]
        conn.execute("grant gd_client to someone")
        assert remove(two) == ["gd_client"]
        assert roles() == ["gd_client"]
        install(one)
        conn.execute("drop role someone")
        assert remove(one) == []
        assert roles() == []


def test_doctor_tells_what_only_the_client_sees() -> None:
    now = datetime.now(UTC)
    first = Finding("schema", "ok", "Version 0.0.9.", None, now, 17)
    later = now + timedelta(seconds=90)
    found = {one.topic: one for one in doctor._own(first, 18, later, later, heard=False)}
    assert {one.status for one in found.values()} == {"warning"}
    assert "differs by 1m 30s" in found["clock"].detail
    assert "--pooler" in str(found["pooler"].remedy)
    assert "polling" in str(found["listen"].remedy)
    first = Finding("schema", "ok", f"Version {package_version()}.", None, now, 17)
    found = {one.topic: one for one in doctor._own(first, 17, now, now, heard=True)}
    assert {(one.status, one.remedy) for one in found.values()} == {("ok", None)}


def test_a_command_starts_within_a_second_of_cpu() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "gendurable", "version"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5


# What goes wrong.


def test_what_looks_needs_gd_client_alone(
    ask: Callable[..., str], conn: Connection, reader: str
) -> None:
    made = enqueue(conn, "M", concurrency_key="k").id
    for command in READING:
        ask(*command.split(), "--dsn", reader, code=3 if command == "doctor" else 0)
    assert "runnable" in ask("show", str(made), "--dsn", reader)


def test_what_a_role_may_not_do_is_one_sentence(
    ask: Callable[..., str], conn: Connection, reader: str
) -> None:
    made = enqueue(conn, "M").id
    for command in (["cancel", str(made)], ["pause", "q"], ["limit", "queue", "q", "1"]):
        said = ask(*command, "--dsn", reader, code=1)
        assert "Grant it the role gd_admin" in said
    assert "owner" in ask("uninstall", "--yes", "--dsn", reader, code=1)


# They serve, need no database, or make the schema.
OTHERS = {"run", "maintain", "web", "exporter", "version", "install", "move-partitions"}
CALLS = [*READING, "status 1"] + [
    re.split(r" \|+ ", example)[0]
    for words in LEAVES
    if words[0] not in OTHERS
    for example in re.findall(r"gendurable-py (.*)", LEAVES[words].epilog)
]


def test_a_database_that_is_down_or_refuses_or_is_empty_is_one_sentence(
    invoke: Invoke, empty_dsn: str, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENDURABLE_DSN", "host=127.0.0.1 port=1 password=secret")
    nobody = make_conninfo(dsn, user="nobody", password="secret")
    for command in CALLS:
        words = [word for word in shlex.split(command) if word != "--watch"]
        if "--dsn" in words:
            continue
        for options, said in (
            ([], "error: cannot connect to host=127.0.0.1 port=1"),
            (["--dsn", nobody], "error: cannot connect to host="),
            (["--dsn", empty_dsn], "error: the database has no usable gendurable schema"),
        ):
            if words[0] in ("upgrade", "uninstall") and empty_dsn in options:
                continue
            code, out, err = invoke(*words, *options)
            assert (code, out) == (1, ""), command
            assert err.startswith(said), (command, err)
            assert "secret" not in err
            assert len(err.splitlines()) <= 3, err


def test_an_older_schema_is_one_sentence_that_names_the_upgrade(
    invoke: Invoke, dsn: str, conn: Connection
) -> None:
    conn.execute("alter function gd_why(bigint) rename to gd_whyever")
    made = enqueue(conn, "M").id
    code, out, err = invoke("show", str(made), "--dsn", dsn)
    assert (code, out) == (1, "")
    assert "function public.gd_why(...) does not exist" in err
    assert "gendurable-py upgrade" in err


@pytest.fixture
def reader(conn: Connection, dsn: str) -> Iterator[str]:
    """Connection string of a login that may only look, enqueue and signal."""
    name = f"gd_reader_{conn.info.backend_pid}"
    conn.execute(sql.SQL("create role {} login password 'secret'").format(sql.Identifier(name)))
    conn.execute(sql.SQL("grant gd_client to {}").format(sql.Identifier(name)))
    yield make_conninfo(dsn, user=name, password="secret")
    conn.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_a_reader_that_has_enough_and_ctrl_c_leave_no_traceback(dsn: str, conn: Connection) -> None:
    enqueue_many(conn, [Entry("M", {"text": "x" * 1000}) for _ in range(3000)])
    command = [sys.executable, "-m", "gendurable"]
    cut = subprocess.run(
        ["bash", "-c", '"$@" ps -n 3000 --json | head -1', "bash", *command],
        env=os.environ | {"GENDURABLE_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (cut.stdout.count("\n"), cut.stderr) == (1, "")
    watching = subprocess.Popen(
        [*command, "top", "--json", "--interval", "0.2"],
        env=os.environ | {"GENDURABLE_DSN": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["queues"][0]["depth"] == 3000
    watching.send_signal(2)
    _, err = watching.communicate(timeout=60)
    assert (watching.returncode, err) == (130, "")


def test_the_json_of_each_command_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs" / "command-line.md").read_text()
    rows = dict(re.findall(r"^\| `(.*?) --json` \| (.*?) \|$", text, re.MULTILINE))
    for command, struct in {
        "ps": Instance,
        "queues": look.Queue,
        "workers": look.WorkerState,
        "limits": look.Limit,
        "schedules": look.ScheduleState,
        "failures": look.FailureGroup,
        "failures --each": look.Failure,
        "stuck": look.StuckGroup,
        "stuck --each": look.Stuck,
        "enqueue": Enqueued,
    }.items():
        assert re.findall(r"`(\w+)`", rows[command]) == list(struct.__struct_fields__), command


def test_every_command_of_the_page_does_something(
    ask: Callable[..., str], conn: Connection
) -> None:
    conn.execute("select gd_register('w')")
    made = enqueue(conn, "Checkout").id
    claim = conn.execute("select id, fence from gd_pick(1, 'default', 1)").fetchone()
    conn.execute(
        "select gd_commit(1, jsonb_build_array(jsonb_build_object('id', %s::bigint,"
        " 'fence', %s::bigint, 'kind', 'stop', 'error', '{}'::jsonb)))",
        claim,
    )
    enqueue(conn, "Checkout", correlation_key="order:42", concurrency_key="customer")
    enqueue(conn, "Checkout", {"customer": 7})
    enqueue(conn, "Checkout", concurrency_key="customer:7")
    for line in commands("docs/command-line.md"):
        words = shlex.split(line)
        assert words[0] == "gendurable-py"
        assert ask(*words[1:]) != "", line
    again = status(conn, made)
    assert again is not None
    assert again.status == "runnable"


# What is typed.


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172800), ("1.5h", 5400),
     ("250ms", 0.25), ("1w", 604800), (" 1H ", 3600)],
)  # fmt: skip
def test_durations_are_read(typed: str, seconds: float) -> None:
    assert duration("--since", typed).total_seconds() == seconds


@pytest.mark.parametrize(
    "typed", ["", "soon", "-1h", "1h-", "h", "1y", "1 h", "1000y", "2000000w", "9" * 400, "²s"]
)
def test_what_is_no_duration_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="expected a duration"):
        duration("--since", typed)


def test_a_number_is_an_id_unless_said_otherwise() -> None:
    assert address("42") == 42
    assert address("42", by_key=True) == "42"
    assert address("042") == "042"
    assert address(str(2**63)) == str(2**63)


def test_durations_are_written_in_two_units() -> None:
    assert [span(s) for s in (0.25, 59, 60, 3661, 90061, 172800)] == [
        "0.2s", "59s", "1m", "1h 1m", "1d 1h", "2d",
    ]  # fmt: skip


def test_a_watch_says_why_it_sees_nothing_and_goes_on() -> None:
    def away(**_: object) -> look.Page:
        raise psycopg.OperationalError("server closed the connection")

    nowhere = partial(ps._find, "host=127.0.0.1 port=1", Filter(), most=5, looks=5, before=None)
    for look_at, said in ((nowhere, "cannot connect to host=127.0.0.1 port=1"), (away, "closed")):
        shown = ps._shown(look_at)
        assert isinstance(shown, Group)
        assert said in str(shown.renderables[1])
