"""What is measured of a worker, where it is read, and whether it lives and works."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from gendurable import (
    Context,
    Done,
    Machine,
    Next,
    Outcome,
    Stop,
    UsageError,
    cancel,
    enqueue,
    health,
    job,
    step,
)
from gendurable.endpoint import Endpoint, Page
from gendurable.metrics import WORKER_METRICS, WorkerMetrics
from gendurable.prometheus import PrometheusSink
from support import finished, gate, running, statuses, until, worker_process

Connection = psycopg.Connection[Any]

MODULE = """
import asyncio, time
from pathlib import Path
from gendurable import job

@job()
async def quick() -> None:
    pass

@job()
async def blocks(until: str) -> None:
    while not Path(until).exists():
        time.sleep(0.01)

@job()
def waits(until: str) -> None:
    while not Path(until).exists():
        time.sleep(0.01)
"""


class Shop(Machine[dict[str, Any]]):
    """Two steps."""

    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Goes on."""
        return Next(self.end)

    @step
    def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Ends."""
        return Stop("no") if ctx.state.get("bad") else Done()


def get(url: str) -> tuple[int, str]:
    """The status and the body of what is there."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read().decode()


def free_port() -> int:
    """A port that is free just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def value(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    wanted = [f'{label}="{each}"' for label, each in labels.items()]
    samples = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return sum(float(n) for found, n in samples if all(one in found for one in wanted))


def test_the_values_are_those_of_what_has_happened(dsn: str, conn: Connection) -> None:
    registry = CollectorRegistry()
    end = WorkerMetrics(PrometheusSink(registry)).subscribe()
    of = registry.get_sample_value
    with gate() as opened:

        @job()
        def waits() -> None:
            opened.wait(60)

        for bad in (False, False, True):
            enqueue(conn, Shop, {"bad": bad})
        lost = waits.enqueue(conn).id
        with running(dsn, [Shop, waits], name="w", lease=1.0, queues={"default": 3}) as worker:
            until(lambda: of("gendurable_steps_running", {"worker": "w", "queue": "default"}) == 1)
            until(lambda: statuses(conn) == {"done": 2, "failed": 1, "executing": 1})
            cancel(conn, lost)
            until(lambda: of("gendurable_claims_lost_total", {"worker": "w"}) == 1)
            conn.execute("select gd_unregister(%s)", (worker.id,))
            until(lambda: of("gendurable_registrations_total", {"worker": "w"}) == 2)
            opened.set()
    end()
    steps = {"worker": "w", "queue": "default", "fsm": "Shop"}
    assert of("gendurable_steps_total", {**steps, "step": "start", "kind": "next"}) == 3
    assert of("gendurable_steps_total", {**steps, "step": "end", "kind": "done"}) == 2
    assert of("gendurable_steps_total", {**steps, "step": "end", "kind": "stop"}) == 1
    assert of("gendurable_step_duration_seconds_count", {**steps, "step": "end"}) == 3
    assert of("gendurable_steps_running", {"worker": "w", "queue": "default"}) == 0
    assert of("gendurable_leases_lost_total", {"worker": "w"}) == 1
    assert of("gendurable_picks_claims_total", {"worker": "w", "queue": "default"}) == 4
    assert of("gendurable_draining", {"worker": "w"}) == 1
    beat = of("gendurable_heartbeat_time_seconds", {"worker": "w"})
    assert beat is not None
    assert abs(beat - time.time()) < 60
    answered = [
        of("gendurable_outcomes_total", {"worker": "w", "result": result}) or 0
        for result in ("committed", "continued")
    ]
    assert sum(answered) == 6


def test_the_names_of_metrics_are_their_own() -> None:
    names = [metric.prometheus_name for metric in WORKER_METRICS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"gendurable_[a-z_]+", name) for name in names)


def test_a_worker_serves_its_metrics_and_says_whether_it_lives_and_works(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    module, log, end = tmp_path / "jobs.py", tmp_path / "log", tmp_path / "end"
    module.write_text(MODULE)
    port = free_port()
    at = f"http://127.0.0.1:{port}"
    with worker_process(
        dsn, module, log, "--metrics", f"127.0.0.1:{port}", "--name", "w"
    ) as process:
        until(lambda: f"http://127.0.0.1:{port}" in log.read_text())
        until(lambda: get(at + "/readyz") == (200, "ok\n"))
        assert get(at + "/healthz") == (200, "ok\n")
        finished(conn, enqueue(conn, "quick", {}).id)
        until(lambda: value(get(at + "/metrics")[1], "gendurable_steps_total", kind="done") == 1)
        text = get(at + "/metrics")[1]
        assert value(text, "gendurable_outcomes_total", worker="w", result="committed") == 1
        assert value(text, "process_cpu_seconds_total") > 0
        enqueue(conn, "waits", {"until": str(end)})
        until(lambda: statuses(conn).get("executing"))
        process.send_signal(signal.SIGTERM)
        until(lambda: get(at + "/readyz") == (503, "w: stopping\n"))
        assert get(at + "/healthz") == (200, "ok\n")
        end.touch()
        assert process.wait(60) == 0


def test_a_blocked_event_loop_is_not_healthy(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gendurable.health._LOOP_ANSWERS", 0.2)
    blocked, free = threading.Event(), threading.Event()

    @job()
    async def blocks() -> None:
        blocked.set()
        free.wait(60)

    blocks.enqueue(conn)
    with running(dsn, [blocks]):
        assert blocked.wait(60)
        try:
            assert health.not_live() == ["the event loop has not answered for 0.2 s"]
            assert health.not_ready() == ["the event loop has not answered for 0.2 s"]
        finally:
            free.set()
        until(lambda: health.not_live() == health.not_ready() == [])
    assert health.not_live() == []
    assert health.not_ready() == ["no worker runs"]


def test_a_worker_that_is_cut_off_is_not_ready_and_after_its_lease_not_healthy(
    dsn: str, conn: Connection
) -> None:
    name = conn.info.dbname
    with (
        running(dsn, [Shop], name="w", lease=0.6, drain=0) as worker,
        psycopg.connect(dsn, dbname="postgres", autocommit=True) as admin,
    ):
        until(lambda: health.not_ready() == [])
        conn.close()
        admin.execute(f'alter database "{name}" allow_connections false')
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )
        try:
            until(lambda: health.not_ready()[:1] == ["w: not connected, or not registered"])
            until(lambda: [w for w in health.not_live() if "no heartbeat was answered" in w])
            assert worker.health().not_ready
        finally:
            admin.execute(f'alter database "{name}" allow_connections true')
        until(lambda: health.not_live() == health.not_ready() == [])


def test_a_port_that_is_taken_is_told_before_anything_runs(dsn: str, tmp_path: Path) -> None:
    module = tmp_path / "jobs.py"
    module.write_text(MODULE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "gendurable", "run", str(module)),
                *("--dsn", dsn, "--metrics", address),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ,
        )
    assert done.returncode == 1
    assert f"error: cannot listen on {address}: Address already in use\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_it_is_told_what_to_install(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "gendurable.prometheus")
    with pytest.raises(UsageError, match=r"pip install 'gendurable\[prometheus\]'"):
        __import__("gendurable.prometheus")


@pytest.mark.parametrize("address", ["", "9400", "a:b", "::1:9400", "h:65536", "h:-1", "h:²"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        Endpoint(address, {})


@pytest.mark.parametrize(("address", "host"), [("127.0.0.1:0", "127.0.0.1"), (":0", "127.0.0.1")])
def test_an_endpoint_answers_what_it_has_and_nothing_else(address: str, host: str) -> None:
    def fails() -> Page:
        raise ValueError("no")

    pages = {"/a": lambda: Page(b'{"a": 1}', "application/json"), "/fails": fails}
    with Endpoint(address, pages) as endpoint:
        at = f"http://{host}:{endpoint.port}"
        assert json.loads(get(at + "/a?x=1")[1]) == {"a": 1}
        assert get(at + "/b") == (404, "/a\n/fails\n")
        assert get(at + "/fails") == (500, "it failed; the log says why\n")
        head = urllib.request.Request(at + "/a", method="HEAD")
        with urllib.request.urlopen(head, timeout=30) as answer:
            assert answer.headers["Content-Length"] == "8"
            assert answer.read() == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, endpoint.port), timeout=5)


def test_each_worker_of_a_process_has_to_be_ready(dsn: str, conn: Connection) -> None:
    with gate() as opened:

        @job()
        def waits() -> None:
            opened.wait(60)

        waits.enqueue(conn)
        with running(dsn, [Shop], name="a"), running(dsn, [waits], name="b") as other:
            until(lambda: statuses(conn) == {"executing": 1})
            until(lambda: health.not_ready() == [])
            other.stop()
            until(lambda: health.not_ready() == ["b: stopping"])
            assert health.not_live() == []
            opened.set()
