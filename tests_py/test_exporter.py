"""Metrics of the whole engine."""

from __future__ import annotations

import signal
import subprocess
import sys
from time import monotonic
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gendurable import Context, Done, Machine, Outcome, Stop, enqueue, look, step
from gendurable.cli import main
from gendurable.exporter import EngineCollector, measure, pages
from gendurable.metrics import ENGINE_METRICS
from support import running, statuses, until
from test_metrics import free_port, get, value

Connection = psycopg.Connection[Any]


class Shop(Machine[dict[str, Any]]):
    """One step."""

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Ends."""
        return Stop("no") if ctx.state.get("bad") else Done()


def measured(conn: Connection) -> dict[tuple[str, ...], float]:
    """What is measured, by name and labels."""
    return {(metric.name, *labels): value for metric, labels, value in measure(conn)}


def test_what_is_measured_is_what_there_is(dsn: str, conn: Connection) -> None:
    with running(dsn, [Shop], name="w", lease=600) as worker:
        for bad in (True, True, False):
            enqueue(conn, Shop, {"bad": bad})
        until(lambda: statuses(conn) == {"done": 1, "failed": 2})
        found = measured(conn)
        assert found["gendurable.worker.alive", "w", str(worker.id)] == 1
        assert found["gendurable.queue.workers", "default"] == 1
        lease_end = found["gendurable.worker.lease_end", "w", str(worker.id)]
        row = conn.execute("select extract(epoch from now())::float8").fetchone()
        assert row is not None
        assert 0 < lease_end - row[0] <= 600
    conn.execute("select gd_pause('closed'), gd_set_queue_limit('small', 7)")
    conn.execute("select gd_set_concurrency_limit('shut', 0), gd_set_rate_limit('mail', 5, '1 s')")
    conn.execute("select gd_schedule('nightly', '@daily', 'Shop')")
    enqueue(conn, Shop, {}, queue="closed")
    enqueue(conn, Shop, {}, queue="closed", delay=3600)
    for _ in range(3):
        enqueue(conn, Shop, {}, concurrency_key="shut:a")
    with psycopg.connect(dsn) as holder:
        holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        holder.execute("select count(*) from gd_instances")
        found = measured(conn)
    assert found["gendurable.queue.instances", "closed", "ready"] == 1
    assert found["gendurable.queue.instances", "closed", "scheduled"] == 1
    assert found["gendurable.queue.paused", "closed"] == 1
    assert found["gendurable.queue.limit", "small"] == 7
    assert found["gendurable.limit.waiting", "concurrency", "shut"] == 3
    assert found["gendurable.limit.capacity", "concurrency", "shut"] == 0
    assert found["gendurable.limit.capacity", "rate", "mail"] == 5
    assert found["gendurable.stuck", "queue_paused", "closed"] == 1
    assert found["gendurable.failures.recent", "Shop"] == 2
    assert found["gendurable.schedule.next", "nightly"] > 1_700_000_000
    assert found["gendurable.horizon.age", "session"] >= 0
    assert 0 < found["gendurable.look.duration",] < 60
    known = {metric.name: metric for metric in ENGINE_METRICS}
    assert all(len(key) - 1 == len(known[key[0]].labels) for key in found)


def test_the_throughput_is_that_of_the_last_full_minute(conn: Connection) -> None:
    conn.execute(
        "insert into gendurable.throughput"
        " (minute, queue, fsm, step, kind, count, seconds, slowest)"
        " select date_trunc('minute', now()) - ago * interval '1 minute', 'q', 'Shop', s, 'done',"
        " 10 * (ago + 1), 1.5, 0.5 + ago"
        " from generate_series(0, 2) as ago, unnest('{a,b}'::text[]) as s"
    )
    # It may have begun since.
    found = until(
        lambda: [m for m in measured(conn).items() if m[0][0] == "gendurable.throughput.steps"]
    )
    assert found in (
        [(("gendurable.throughput.steps", "Shop", "done"), 40.0)],
        [(("gendurable.throughput.steps", "Shop", "done"), 20.0)],
    )


def test_an_exporter_serves_what_prometheus_reads(dsn: str, conn: Connection) -> None:
    enqueue(conn, Shop, {})
    port = free_port()
    at = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "gendurable", "exporter"),
            *("--dsn", dsn, "--listen", f"127.0.0.1:{port}"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert f"/metrics, /healthz, /readyz at {at}" in process.stderr.readline()
        status, text = get(at + "/metrics")
        assert status == 200
        families = {family.name: family for family in text_string_to_metric_families(text)}
        assert value(text, "gendurable_up") == 1
        assert value(text, "gendurable_queue_instances", queue="default", state="ready") == 1
        described = {one.prometheus_name.removesuffix("_total"): one for one in ENGINE_METRICS}
        for name, family in families.items():
            assert family.documentation == described[name].help
            assert family.type == described[name].kind
        assert get(at + "/readyz") == get(at + "/healthz") == (200, "ok\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert "Traceback" not in process.stderr.read()


def test_while_the_database_is_away_that_is_what_is_told(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gendurable.exporter._OLDEST_ANSWER", 0.0)
    collector = EngineCollector(dsn)
    served = pages(collector)
    assert served["/readyz"]().status == 200
    conn.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    assert [(metric.name, value) for metric, _, value in collector.samples()] == [
        ("gendurable.up", 0.0)
    ]
    assert served["/readyz"]().status == 200, "it connects again"
    conn.execute("drop view public.gd_schedules")
    assert b"gendurable_up 0.0" in served["/metrics"]().body
    page = served["/readyz"]()
    assert page.status == 503
    assert b"gd_schedules" in page.body
    collector.close()


def test_however_many_ask_it_looks_once_a_second(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Connection] = []
    real = look.queues

    def noted(conn: Connection) -> list[look.Queue]:
        looks.append(conn)
        return real(conn)

    monkeypatch.setattr(look, "queues", noted)
    collector = EngineCollector(dsn)
    served = pages(collector)
    assert looks == []
    began = monotonic()
    for _ in range(20):
        assert b"gendurable_up 1.0" in served["/metrics"]().body
    collector.close()
    assert len(looks) <= 1 + monotonic() - began


def test_a_client_s_role_is_enough(dsn: str, conn: Connection) -> None:
    name = f"gd_exporter_{conn.info.backend_pid}"
    conn.execute(f"create role {name} login password 'secret' in role gd_client")
    try:
        with psycopg.connect(dsn, autocommit=True) as reader:
            reader.execute(f"set role {name}")
            assert ("gendurable.look.duration",) in measured(reader)
    finally:
        conn.execute(f"drop role {name}")


def test_what_is_much_is_estimated(dsn: str, conn: Connection) -> None:
    conn.execute(
        "select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'M'))"
        " from generate_series(1, 2500)))"
    )
    collector = EngineCollector(dsn)
    try:
        found = {(metric.name, *labels): value for metric, labels, value in collector.samples()}
        assert found["gendurable.queue.instances", "default", "ready"] >= 2000
        settings = conn.execute("select current_setting('gendurable.most_counted', true)")
        assert settings.fetchone() in ((None,), ("",)), "nothing is left behind"
        assert collector._conn is not None
        assert collector._conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    finally:
        collector.close()


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("gendurable.prometheus", "gendurable.exporter"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("gendurable.prometheus", raising=False)
    monkeypatch.setattr(sys, "argv", ["gendurable-py", "exporter"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "pip install 'gendurable[prometheus]'" in capsys.readouterr().err
