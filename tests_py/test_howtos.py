"""What the how-to pages tell a reader to write and to type, written and typed."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gendurable import enqueue
from support import finished, until, worker_process

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


def test_every_howto_with_code_has_a_test_here() -> None:
    source = Path(__file__).read_text()
    names = [path.stem for path in HOWTO.glob("*.md") if "```" in path.read_text()]
    assert "agents" in names
    assert [name for name in names if f'page("{name}")' not in source] == []


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
