"""The log as JSON: one object a line, whatever stands in it, and no secret."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gendurable import enqueue
from gendurable.json_log import JsonFormatter
from gendurable.text import redacted
from support import finished, worker_process

Connection = psycopg.Connection[Any]

MODULE = """
import logging
from gendurable import job, RetryPolicy
logging.basicConfig(format="mine: %(message)s")
logger = logging.getLogger("shop")

@job(retry=RetryPolicy(max_attempts=1))
def sync_fails(text: str) -> None:
    logger.warning("in a sync step", extra={"size": 3, "what": object})
    raise ValueError("postgresql://me:hush@host/db " + text)

@job()
async def logs() -> None:
    logger.warning("in an async step")
"""


class Rude:
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def formatted(*args: Any, **fields: Any) -> dict[str, Any]:
    """One record as a reader of the log gets it."""
    record = logging.LogRecord("shop", logging.ERROR, __file__, 1, *args)
    vars(record).update(fields)
    line = JsonFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def test_a_worker_s_log_is_one_object_a_line_with_the_execution_it_is_about(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    module, log = tmp_path / "shop.py", tmp_path / "log"
    module.write_text(MODULE)
    with worker_process(dsn, module, log, "--log-format", "json") as process:
        failing = enqueue(conn, "sync_fails", {"text": "a\nb\x1b[31m"}, correlation_key="order:1")
        logging_one = enqueue(conn, "logs", {})
        finished(conn, failing.id)
        finished(conn, logging_one.id)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "hush" not in log.read_text()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "logger", "pid", "message"} <= line.keys() for line in lines)
    (own,) = [line for line in lines if line["message"] == "in a sync step"]
    assert own["logger"] == "shop"
    assert (own["instance"], own["fsm"], own["correlation_key"]) == (
        failing.id,
        "sync_fails",
        "order:1",
    )
    assert own["extra"] == {"size": 3, "what": "<class 'object'>"}
    (other,) = [line for line in lines if line["message"] == "in an async step"]
    assert (other["instance"], other["step"], other["attempt"]) == (logging_one.id, "start", 0)
    (gave_up,) = [line for line in lines if "gave up" in line["message"]]
    assert (gave_up["level"], gave_up["instance"]) == ("ERROR", failing.id)
    assert "postgresql://me:***@host/db" in gave_up["message"]
    assert lines[-1]["message"] == "stopped"
    assert "instance" not in lines[-1]


def test_an_error_of_the_command_is_one_object_too(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(MODULE)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gendurable", "run", "shop.py", "--log-format", "json"),
            *("--dsn", "postgresql://me:hush@127.0.0.1:1/none"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    line = json.loads(done.stderr)
    assert line["level"] == "CRITICAL"
    assert "cannot connect" in line["message"]
    assert "hush" not in done.stderr


def fail() -> None:
    """Raise what quotes a secret."""
    raise ValueError("password=hush")


def test_an_exception_has_its_type_its_message_and_its_traceback() -> None:
    with pytest.raises(ValueError, match="hush") as raised:
        fail()
    found = formatted("failed", (), (ValueError, raised.value, raised.tb))
    assert found["exception"]["type"] == "ValueError"
    assert found["exception"]["message"] == "password=***"
    assert "raise ValueError" in found["exception"]["traceback"]
    assert "hush" not in json.dumps(found)


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ("%d", ("no number",)),
        ("%s", (Rude(),)),
        ("a\n\u2028\x1b\ud800\u202e", ()),
        ("%(a)s", ({"a": 1},)),
    ],
)
def test_any_record_has_a_line(message: str, args: tuple[Any, ...]) -> None:
    found = formatted(message, args, None, given=Rude(), nan=float("nan"), deep=[[[]]])
    assert found["message"]
    assert found["extra"]["deep"] == "[[[]]]"
    assert "RuntimeError" in found["extra"]["given"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("host=a password=hush user=b", "host=a password=*** user=b"),
        (r"password = 'hu\'sh' user=b", "password = *** user=b"),
        ("sslpassword=hush", "sslpassword=***"),
        ("{'password': 'hush', 'a': 1}", "{'password': ***, 'a': 1}"),
        ("at postgresql://me:hu:sh@host/db", "at postgresql://me:***@host/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("password authentication failed for user", "password authentication failed for user"),
        ("no password: try again", "no password: try again"),
        ("passport=7", "passport=7"),
    ],
)
def test_a_password_is_not_told(text: str, shown: str) -> None:
    assert redacted(text) == shown
