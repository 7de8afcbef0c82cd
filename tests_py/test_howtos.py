"""What the how-to pages tell a reader to write and to type, written and typed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from database import create_database, drop_database
from gendurable import enqueue
from gendurable.install import install
from support import finished, statuses, until, worker_process

ROOT = Path(__file__).resolve().parents[1]
HOWTO = ROOT / "docs/howto"

Connection = psycopg.Connection[Any]
Message = dict[str, Any]


class Blocks:
    """The fenced blocks of a page, taken one after the other."""

    def __init__(self, name: str) -> None:
        found = re.findall(
            r"^( *)```(\w+)\n(.*?)^\1```$",
            (HOWTO / f"{name}.md").read_text(),
            re.MULTILINE | re.DOTALL,
        )
        self._left: list[tuple[str, str]] = [(language, text) for _, language, text in found]

    def take(self, language: str) -> str:
        """The next block, which is one of this language."""
        found, text = self._left.pop(0)
        assert found == language, text
        return text

    def commands(self) -> list[str]:
        """The lines of the next block, one of a shell, without comments."""
        lines = self.take("sh").splitlines()
        return [shlex.join(words) for line in lines if (words := shlex.split(line, comments=True))]

    def left(self) -> list[tuple[str, str]]:
        return self._left


@contextlib.contextmanager
def page(name: str) -> Iterator[Blocks]:
    """The blocks of a page, all of which have to be taken."""
    blocks = Blocks(name)
    yield blocks
    assert blocks.left() == []


def test_every_howto_with_code_has_a_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    names = [path.stem for path in HOWTO.glob("*.md") if "```" in path.read_text()]
    assert "agents" in names
    ways = ('page("{}")', "howto/{}.md", '"{}.md":')
    assert [n for n in names if not any(way.format(n) in tests for way in ways)] == []


class Model(ThreadingHTTPServer):
    """A model behind HTTP: `answer` makes its next message of those it is sent."""

    def __init__(self, answer: Callable[[list[Message]], Message]) -> None:
        super().__init__(("127.0.0.1", 0), _Completions)
        self.answer = answer
        self.asked: list[list[Message]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1/chat/completions"


class _Completions(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert {tool["function"]["name"] for tool in request["tools"]} == {"find_order", "refund"}
        self.server.asked.append(request["messages"])
        message = {"role": "assistant"} | self.server.answer(request["messages"])
        body = json.dumps({"choices": [{"message": message}]}).encode()
        with contextlib.suppress(ConnectionError):  # the worker that asked was killed
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name in the base
        pass


def call(number: int, tool: str, **arguments: Any) -> Message:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {"id": f"call-{number}", "type": "function", "function": function}


def support(messages: list[Message]) -> Message:
    """Looks the order up, asks for a refund, and says what became of it."""
    last = messages[-1]
    if last["role"] == "user":
        return {"content": None, "tool_calls": [call(1, "find_order", order="A-1")]}
    if last["tool_call_id"] == "call-1":
        amount = json.loads(last["content"])["paid"] - 1490
        return {"content": None, "tool_calls": [call(2, "refund", order="A-1", amount=amount)]}
    return {"content": last["content"]}


@contextlib.contextmanager
def model(
    answer: Callable[[list[Message]], Message], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Model]:
    with Model(answer) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AGENT_MODEL_URL", served.url)
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()


AGENT = ROOT / "examples/agent/agent.py"
RUN = ("--queue", "agents=20", "--lease", "1")


def waiting(conn: Connection, query: str) -> list[tuple[Any, ...]]:
    return until(lambda: conn.execute(query).fetchall(), "an agent waits")


def refunds(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("select order_id, amount from refunds order by at").fetchall()


def test_an_agent_asks_waits_and_acts_once_while_its_workers_are_killed(
    dsn: str, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, release = threading.Event(), threading.Event()

    def slow(messages: list[Message]) -> Message:
        if len(messages) == 1:
            reached.set()
            assert release.wait(60)
        return support(messages)

    log = tmp_path / "log"
    with page("agents") as blocks, model(slow, monkeypatch) as served:
        source = AGENT.read_text()
        for _ in range(2):
            assert blocks.take("python") in source
        shop, run = blocks.commands()
        assert shop == "psql -f examples/agent/shop.sql shop"
        assert run == "gendurable-py run examples/agent/agent.py --queue agents=20"
        conn.execute((ROOT / "examples/agent/shop.sql").read_text())
        conn.execute(blocks.take("sql"))
        with worker_process(dsn, AGENT, log, *RUN):
            assert reached.wait(60)  # and the worker is killed while the model thinks
        release.set()
        query = blocks.take("sql")
        with worker_process(dsn, AGENT, log, *RUN):
            ((key, wanted, _, deadline),) = waiting(conn, query)
        assert (key, wanted) == (
            "ticket:7",
            {"id": "call-2", "tool": "refund", "arguments": {"order": "A-1", "amount": 500}},
        )
        assert deadline is not None
        assert refunds(conn) == []
        approve, reject = blocks.take("sql"), blocks.take("sql")
        assert conn.execute(approve).fetchone() == ("delivered",)
        assert conn.execute(reject).fetchone() == ("duplicate",)
        with worker_process(dsn, AGENT, log, *RUN):
            assert finished(conn, "ticket:7").result == {"answer": '{"refunded": 500}'}
        assert refunds(conn) == [("A-1", 500)]
        # The one that was lost with its worker was asked again, and no other.
        assert [len(messages) for messages in served.asked] == [1, 1, 3, 5]
        conn.execute(blocks.take("sql"))
        assert conn.execute("select status from gd_status('ticket:8')").fetchone() == ("runnable",)


def test_an_agent_is_told_of_a_refusal_and_each_call_needs_a_decision_of_its_own(
    dsn: str, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(messages: list[Message]) -> Message:
        if len(messages) == 1:
            calls = [call(n, "refund", order="A-1", amount=n) for n in (1, 2, 3)]
            return {"content": None, "tool_calls": calls}
        return {"content": " ".join(one["content"] for one in messages[2:])}

    query = (
        "select state -> 'calls' -> 0 ->> 'id' from gd_instances where 'approved' = any (awaits)"
    )

    def decide(name: str, about: str) -> None:
        payload = json.dumps({"call": about, "reason": "no"})
        conn.execute("select gd_signal('t', %s, %s)", (name, payload))

    conn.execute((ROOT / "examples/agent/shop.sql").read_text())
    with model(greedy, monkeypatch), worker_process(dsn, AGENT, tmp_path / "log", *RUN):
        state = {"messages": [{"role": "user", "content": "Pay me."}]}
        enqueue(conn, "Agent", state, queue="agents", correlation_key="t")
        assert waiting(conn, query) == [("call-1",)]
        decide("approved", "call-2")  # not the one that waits: it is asked for again in its turn
        decide("approved", "call-1")
        until(lambda: waiting(conn, query) == [("call-2",)], "the second call waits")
        assert refunds(conn) == [("A-1", 1)]
        decide("rejected", "call-2")
        until(lambda: waiting(conn, query) == [("call-3",)], "the third call waits")
        decide("approved", "call-3")
        result = finished(conn, "t").result
    assert result == {"answer": '{"refunded": 1} {"refused": "no"} {"refunded": 3}'}
    assert refunds(conn) == [("A-1", 1), ("A-1", 3)]


def test_an_agent_tells_its_model_what_a_tool_refused(
    dsn: str, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confused(messages: list[Message]) -> Message:
        if len(messages) == 1:
            calls = [
                call(1, "find_order", order="Z-9"),
                call(2, "find_order", colour="red"),
                call(3, "delete_everything"),
                call(4, "refund", order="A-1", amount=-5),
            ]
            return {"content": None, "tool_calls": calls}
        return {"content": "\n".join(one["content"] for one in messages[2:])}

    conn.execute((ROOT / "examples/agent/shop.sql").read_text())
    with model(confused, monkeypatch), worker_process(dsn, AGENT, tmp_path / "log", *RUN):
        state = {"messages": [{"role": "user", "content": "?"}]}
        enqueue(conn, "Agent", state, queue="agents", correlation_key="t")
        conn.execute("""select gd_signal('t', 'approved', '{"call": "call-4"}')""")
        answers = finished(conn, "t").result["answer"].splitlines()
    assert "there is no order Z-9" in answers[0]
    assert "colour" in answers[1]
    assert "there is no tool delete_everything" in answers[2]
    assert "refunds_amount_check" in answers[3]
    assert refunds(conn) == []


def shell(blocks: Blocks, dsn: str) -> list[str]:
    """Runs the commands of the next block that call gendurable-py; what they print."""
    printed = []
    for command in blocks.commands():
        program, *arguments = shlex.split(command)
        assert program == "gendurable-py"
        done = subprocess.run(
            [sys.executable, "-m", "gendurable", *arguments, "--dsn", dsn],
            check=True,
            capture_output=True,
            text=True,
        )
        printed.append(done.stdout)
    return printed


def session(conn: Connection) -> int:
    """The id of a worker of this test's own."""
    row = conn.execute("select gd_register('w', lease => '1 s')").fetchone()
    assert row is not None
    return int(row[0])


def end(conn: Connection, worker: int, kind: str, queue: str = "default") -> None:
    """Picks one instance, and ends it."""
    claim = conn.execute("select id, fence from gd_pick(%s, %s, 1)", (worker, queue)).fetchone()
    assert claim is not None
    outcome = {"id": claim[0], "fence": claim[1], "kind": kind}
    row = conn.execute(
        "select result from gd_commit(%s, %s)", (worker, json.dumps([outcome]))
    ).fetchone()
    assert row == ("committed",)


def statements(block: str) -> list[str]:
    return [part for part in re.sub(r" *--[^\n]*", "", block).split(";") if part.strip()]


def test_a_backfill_goes_through_all_rows_once_and_can_be_stopped(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    conn.execute("create table orders (id bigint primary key, indexed_at timestamptz)")
    conn.execute("insert into orders select generate_series(1, 25)")
    with page("backfills") as blocks:
        conn.execute(blocks.take("sql"))
        assert conn.execute("select max_executing from gd_queues").fetchall() == [(20,)]
        assert blocks.commands() == ["gendurable-py run reindex.py --queue backfill=20"]
        enqueue_all = blocks.take("sql")
        assert conn.execute(enqueue_all).fetchone() == (25,)
        assert conn.execute(enqueue_all).fetchone() == (0,)
        conn.execute("select gd_cancel(id) from gd_instances")

        source = blocks.take("python")
        assert "PORTION = 10_000" in source
        assert "delay=10" in source
        module = tmp_path / "reindex.py"
        module.write_text(
            source.replace("PORTION = 10_000", "PORTION = 10").replace("delay=10", "delay=0.01")
        )
        conn.execute(blocks.take("sql"))
        with worker_process(dsn, module, tmp_path / "log", "--queue", "backfill=20"):
            assert finished(conn, "backfill:2026-11").result == {"enqueued": 25}
            until(
                lambda: (
                    conn.execute(
                        "select count(*) from orders where indexed_at is not null"
                    ).fetchone()
                    == (25,)
                )
            )
        enqueued, _, pause, resume, slower = statements(blocks.take("sql"))
        assert conn.execute(enqueued).fetchone() == ("25",)
        conn.execute(pause)
        assert conn.execute("select paused, max_executing from gd_queues").fetchall() == [
            (True, 20)
        ]
        conn.execute(resume)
        conn.execute(slower)
        assert conn.execute("select paused, max_executing from gd_queues").fetchall() == [
            (False, 5)
        ]
        enqueue(conn, "reindex", {"order": 0}, queue="backfill")
        end(conn, session(conn), "stop", "backfill")
        failures, retried = shell(blocks, dsn)
        assert "reindex" in failures
        assert "1" in retried
        assert conn.execute(
            "select count(*) from gd_instances where status = 'runnable'"
        ).fetchone() == (1,)
        conn.execute("update orders set indexed_at = null")
        conn.execute(enqueue_all)
        shell(blocks, dsn)
        assert conn.execute(
            "select count(*) from gd_instances where error ->> 'reason' like 'not needed%'"
        ).fetchone() == (26,)


def test_tenants_share_see_their_own_and_leave(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with page("tenants") as blocks:
        conn.execute(blocks.take("sql"))
        conn.execute(blocks.take("sql"))
        rows = conn.execute(
            "select name, max_executing, allowed from gd_limits order by kind, name"
        ).fetchall()
        assert rows == [("tenant", 5, None), ("tenant-large", 50, None), ("mail", None, 100.0)]
        for number in range(6):
            enqueue(conn, "M", concurrency_key="tenant:9", correlation_key=f"tenant-9/{number}")
        conn.execute("select * from gd_pick(gd_register('w'), 'default', 9)")
        lines = conn.execute(blocks.take("sql")).fetchall()
        assert ("tenant:9", 5.0, 1) in lines
        listed, limits = shell(blocks, dsn)
        assert "tenant-7/order:1" in listed
        assert "tenant-8" not in listed
        assert "tenant" in limits
        with conn.transaction(force_rollback=True):  # roles are the cluster's
            conn.execute(blocks.take("sql"))
            conn.execute('set session authorization "tenant-7"')
            mine = conn.execute("select correlation_key from my_work").fetchall()
            assert mine == [("tenant-7/order:1",)]
            assert conn.execute("select cancel_mine('tenant-8/order:1')").fetchone() == (0,)
            assert conn.execute("select cancel_mine('tenant-7/order:1')").fetchone() == (1,)
            for refused in ("select * from gd_instances", "select gd_cancel('tenant-7/order:1')"):
                with (
                    pytest.raises(psycopg.errors.InsufficientPrivilege),
                    conn.transaction(),
                ):
                    conn.execute(refused)
        conn.execute("reset session authorization")
        shell(blocks, dsn)
        assert conn.execute(
            "select correlation_key from gd_instances where status = 'failed'"
        ).fetchall() == [("tenant-7/order:1",)]


def test_each_role_may_what_the_page_of_rights_says(conn: Connection) -> None:
    def may(role: str, statement: str) -> bool:
        try:
            with conn.transaction(force_rollback=True):
                conn.execute(f"set local session authorization {role}")
                conn.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    with page("security") as blocks, conn.transaction(force_rollback=True):
        conn.execute(blocks.take("sql"))
        assert "gendurable_owner" in blocks.take("sql")  # the next test
        conn.execute(blocks.take("sql"))
        enqueues, claims = "select gd_enqueue('M')", "select gd_register('w')"
        pauses, reads = "select gd_pause('q')", "select * from gendurable.instances"
        writes = "insert into invoices values (1, 2)"
        trials = (enqueues, claims, pauses, writes, reads)
        assert {role: [may(role, one) for one in trials] for role in (
            "shop_app", "shop_worker", "ada"
        )} == {
            "shop_app": [True, False, False, False, False],
            "shop_worker": [True, True, False, True, False],
            "ada": [True, True, True, False, False],
        }  # fmt: skip


def test_an_owner_with_the_rights_of_the_page_installs(empty_dsn: str) -> None:
    with page("security") as blocks, psycopg.connect(empty_dsn, autocommit=True) as conn:
        blocks.take("sql")
        create = blocks.take("sql").replace("database shop", f"database {conn.info.dbname}")
        blocks.left().clear()
        conn.execute(create)
        conn.execute("alter role gendurable_owner password 'secret'")
        try:
            install(make_conninfo(empty_dsn, user="gendurable_owner", password="secret"))
            row = conn.execute(
                "select has_function_privilege('gd_client', 'gd_enqueue_many(jsonb)', 'execute')"
            ).fetchone()
            assert row == (True,)
        finally:
            conn.execute("drop owned by gendurable_owner cascade")
            conn.execute("drop role gendurable_owner")


@pytest.mark.skipif(shutil.which("pg_restore") is None, reason="needs pg_dump and pg_restore")
def test_a_restored_dump_goes_on_where_it_was(
    dsn: str, conn: Connection, admin_dsn: str, tmp_path: Path
) -> None:
    mail = {"to": "a", "subject": "b"}
    worker = session(conn)
    done = enqueue(conn, "send_mail", mail)
    end(conn, worker, "done")
    enqueue(conn, "send_mail", mail, correlation_key="running")
    conn.execute("select * from gd_pick(%s, 'default', 1)", (worker,))
    enqueue(conn, "send_mail", mail, correlation_key="waiting")
    module = tmp_path / "jobs.py"
    with page("migrating") as blocks:
        module.write_text(blocks.take("python").replace('queue="mail"', 'queue="default"'))
        blocks.left().clear()
    name = f"restored_{os.getpid()}"
    with page("backup") as blocks:
        dump, create, restore = blocks.commands()
        file = str(tmp_path / "shop.dump")
        run = partial(subprocess.run, check=True, capture_output=True)
        run([*shlex.split(dump.replace("shop.dump", file))[:-1], "--dbname", dsn])
        assert create == "createdb shop_restored"
        restored = create_database(admin_dsn, name)
        try:
            words = shlex.split(restore)
            assert (words[2], words[3]) == ("--dbname=shop_restored", "shop.dump")
            run([*words[:2], "--dbname", restored, file])
            with psycopg.connect(restored, autocommit=True) as there:
                pause, doctor, executing = statements(blocks.take("sql"))
                there.execute(pause)
                assert there.execute("select queue, paused from gd_queues").fetchall() == [
                    ("default", True)
                ]
                assert not any(row[0] == "access" for row in there.execute(doctor).fetchall())
                assert [row[3] for row in there.execute(executing).fetchall()] == ["running"]
                there.execute(blocks.take("sql"))
                with worker_process(restored, module, tmp_path / "log", "--lease", "1"):
                    for key in ("running", "waiting"):
                        assert finished(there, key).status == "done"
                before = there.execute("select status from gd_status(%s::bigint)", (done.id,))
                assert before.fetchone() == ("done",)
        finally:
            drop_database(admin_dsn, name)


def test_the_queries_of_sizing_run(conn: Connection) -> None:
    conn.execute("select gd_enqueue('M')")
    with page("sizing") as blocks:
        sizes = conn.execute(blocks.take("sql")).fetchall()
        assert len(sizes) == 5
        for _ in range(3):
            for statement in statements(blocks.take("sql")):
                conn.execute(statement)
    kept = conn.execute("select r.* from gendurable.retention as r").fetchone()
    assert kept == (True, timedelta(hours=6), timedelta(days=14))


def test_jobs_of_other_systems_are_moved_and_run(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    conn.execute(
        """create table procrastinate_jobs (
               id bigserial primary key, queue_name varchar(128) not null,
               task_name varchar(128) not null, priority int not null default 0, lock text,
               queueing_lock text, args jsonb not null default '{}',
               status text not null default 'todo', scheduled_at timestamptz,
               attempts int not null default 0);
           create table oban_jobs (
               id bigserial primary key, state text not null default 'available',
               queue text not null default 'default', worker text not null,
               args jsonb not null default '{}', attempt int not null default 0,
               max_attempts int not null default 20, priority int not null default 0,
               scheduled_at timestamptz not null default now());"""
    )
    mail = json.dumps({"to": "ada@example.com", "subject": "s"})
    conn.execute(
        """insert into procrastinate_jobs (queue_name, task_name, priority, lock, args, status,
                                           scheduled_at)
           values ('mail', 'shop.send_mail', 5, 'ada', %(mail)s, 'todo', null),
                  ('mail', 'shop.send_mail', 0, null, %(mail)s, 'todo', now() + interval '1 day'),
                  ('mail', 'shop.send_mail', 0, null, %(mail)s, 'doing', null),
                  ('mail', 'shop.other', 0, null, '{}', 'todo', null)""",
        {"mail": mail},
    )
    conn.execute(
        """insert into oban_jobs (queue, worker, args, state, priority)
           values ('mail', 'Shop.SendMail', %(mail)s, 'available', 3),
                  ('mail', 'Shop.SendMail', %(mail)s, 'executing', 0)""",
        {"mail": mail},
    )
    with page("migrating") as blocks:
        (tmp_path / "jobs.py").write_text(blocks.take("python"))
        source = blocks.take("python").replace("postgresql:///shop", dsn)
        subprocess.run([sys.executable, "-c", source], cwd=tmp_path, check=True)
        assert conn.execute(blocks.take("sql")).fetchone() == (2,)
        assert conn.execute(blocks.take("sql")).fetchone() == (1,)
    assert conn.execute(
        """select correlation_key, priority, concurrency_key, eligible_at > now()
           from gd_instances where correlation_key is not null order by 1"""
    ).fetchall() == [
        ("oban:1", 3, None, False),
        ("procrastinate:1", -5, "lock:ada", False),
        ("procrastinate:2", 0, None, True),
    ]
    assert conn.execute("select count(*) from procrastinate_jobs").fetchone() == (2,)
    assert conn.execute("select state from oban_jobs").fetchall() == [("executing",)]
    with worker_process(dsn, tmp_path / "jobs.py", tmp_path / "log"):
        for key in ("oban:1", "procrastinate:1"):
            assert finished(conn, key).result == json.loads(mail)
        until(lambda: statuses(conn) == {"done": 3, "runnable": 1})
