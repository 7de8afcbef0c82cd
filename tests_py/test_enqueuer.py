"""Enqueueing in the background: nothing that was taken is lost while the process lives."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from typing import Any

import psycopg
import pytest

from gendurable import (
    BufferFullError,
    Context,
    Done,
    Enqueuer,
    Entry,
    Machine,
    Outcome,
    StateError,
    UsageError,
    enqueuer,
    step,
)
from support import Connection, statuses, until


class Order(Machine[dict[str, int]]):
    @step
    def start(self, ctx: Context[dict[str, int]]) -> Outcome:
        return Done()


def test_what_is_taken_is_enqueued_soon_and_in_order(dsn: str, conn: Connection) -> None:
    with Enqueuer(dsn, batch=7) as background:
        for n in range(50):
            background.enqueue(Order, {"n": n}, priority=3)
        background.enqueue(Entry("Other", correlation_key="k"))
        until(lambda: statuses(conn) == {"runnable": 51})
        rows = conn.execute(
            "select (state -> 'n')::int from gd_instances where fsm = 'Order' order by id"
        ).fetchall()
        assert [row[0] for row in rows] == list(range(50))
        assert background.flush(60)
        state = {"n": 50}
        background.enqueue(Order, state)
        # What is enqueued is the state of that moment.
        state["n"] = 99
    row = conn.execute("select max((state -> 'n')::int) from gd_instances").fetchone()
    assert row == (50,)


def test_a_wrong_argument_is_refused_at_once(dsn: str) -> None:
    with Enqueuer(dsn) as background:
        with pytest.raises(StateError):
            background.enqueue(Order, {"n": "a"})
        with pytest.raises(UsageError, match="priority"):
            background.enqueue(Order, {}, priority="high")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="prority"):
            background.enqueue(Order, {}, prority=5)  # type: ignore[call-arg]
        with pytest.raises(UsageError, match="belong into the Entry"):
            background.enqueue(Entry("M"), {})
    with pytest.raises(UsageError, match="closed"):
        background.enqueue(Order, {})
    with pytest.raises(UsageError, match="at least 1"):
        Enqueuer(dsn, most=0)


def test_what_the_engine_refuses_costs_the_others_nothing(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with Enqueuer(dsn, linger=0.5) as background:
        background.enqueue("M")
        background.enqueue("M", queue="x" * 1001)
        background.enqueue("M")
    assert background.refused == 1
    assert statuses(conn) == {"runnable": 2}
    assert [r.levelno for r in caplog.records if "dropped" in r.message] == [logging.ERROR]


def test_a_full_buffer_holds_the_callers_up(dsn: str, conn: Connection) -> None:
    with psycopg.connect(dsn) as blocker:
        blocker.execute("lock table gendurable.instances in access exclusive mode")
        with Enqueuer(dsn, most=3, batch=2) as background:
            for _ in range(3):
                background.enqueue("M")
            with pytest.raises(BufferFullError, match="3 entries"):
                background.enqueue("M", timeout=0)
            assert background.flush(0.01) is False
            waiting = threading.Thread(target=background.enqueue, args=("M",))
            waiting.start()
            time.sleep(0.05)
            assert waiting.is_alive()
            blocker.rollback()
            waiting.join(60)
            assert not waiting.is_alive()
    assert statuses(conn) == {"runnable": 4}


def test_a_lost_connection_loses_nothing(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with Enqueuer(dsn) as background:
        background.enqueue("M", correlation_key="a")
        assert background.flush(60)
        until(lambda: background._conn is not None)
        assert background._conn is not None
        pid = background._conn.info.backend_pid
        conn.execute("select pg_terminate_backend(%s, 60000)", (pid,))
        background.enqueue("M", correlation_key="b")
        assert background.flush(60)
    assert statuses(conn) == {"runnable": 2}
    assert "the connection failed" in caplog.text


def test_what_cannot_be_enqueued_in_time_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enqueuer, "_AGAIN_WAIT", (0.01, 0.02))
    background = Enqueuer("host=/nowhere dbname=none")
    background.enqueue("M")
    assert background.close(0.1) == 1
    assert "1 entries were not enqueued" in caplog.text
    assert background._thread is not None
    background._thread.join(60)
    assert not background._thread.is_alive()


SCRIPT = """
import os, sys
from gendurable import Enqueuer
background = Enqueuer(sys.argv[1], linger=60)
background.enqueue("M")
if os.fork() == 0:
    background.enqueue("Child")
    background.flush()
    os._exit(0)
os.wait()
"""


def test_the_exit_of_a_process_flushes_and_a_fork_has_a_buffer_of_its_own(
    dsn: str, conn: Connection
) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, dsn], check=True, timeout=60, env=os.environ)
    rows: list[Any] = conn.execute("select fsm from gd_instances order by fsm").fetchall()
    assert rows == [("Child",), ("M",)]
