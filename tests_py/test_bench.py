"""The benchmark suite: its arithmetic, its report, and one tiny run of it."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from database import ROOT
from support import until

sys.path.insert(0, str(ROOT / "bench"))

import metering
import over_time
import report
import suite
from peers import PEERS, Peer
from peers.base import Marks
from peers.gendurable import Gendurable
from peers.node import relay
from workloads import WORKLOADS, Figure

RATE = Figure("jobs/s")
DELAY = Figure("ms", more=False)


# Arithmetic ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [2e-5, 0.0013, 0.25, 7.0, 1200.0])
def test_a_percentile_of_a_histogram_is_right_within_five_percent(seconds: float) -> None:
    histogram = [0] * metering.BUCKETS
    histogram[metering.bucket(seconds)] += 3
    for percent in (0.1, 50, 99, 100):
        assert metering.percentile(histogram, percent) == pytest.approx(seconds, rel=0.05)


def test_a_percentile_counts_what_is_not_above_it() -> None:
    histogram = [0] * metering.BUCKETS
    histogram[metering.bucket(0.001)] = 99
    histogram[metering.bucket(1.0)] = 1
    assert metering.percentile(histogram, 99) == pytest.approx(0.001, rel=0.05)
    assert metering.percentile(histogram, 99.1) == pytest.approx(1.0, rel=0.05)
    assert math.isnan(metering.percentile([0] * metering.BUCKETS, 50))


def test_durations_beyond_both_ends_are_counted_in_the_outermost_buckets() -> None:
    assert metering.bucket(-1.0) == metering.bucket(0.0) == 0
    assert metering.bucket(1e9) == metering.BUCKETS - 1


def test_the_nearest_rank_is_a_value_that_was_seen() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [metering.nearest(values, p) for p in (1, 20, 50, 99, 100)] == [1, 1, 3, 5, 5]


def test_the_cpu_of_a_server_is_its_own_and_that_of_its_children_alive_and_ended() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\n"
    before = metering.server_cpu(os.getpid())
    subprocess.run([sys.executable, "-c", burn], check=True)
    ended = metering.server_cpu(os.getpid())
    assert ended - before >= 0.25
    busy = subprocess.Popen(
        [sys.executable, "-c", burn + "print(flush=True)\ntime.sleep(60)"], stdout=subprocess.PIPE
    )
    try:
        assert busy.stdout is not None
        assert busy.stdout.readline()
        assert metering.server_cpu(os.getpid()) - ended >= 0.25
        assert metering.parent_of(busy.pid) == os.getpid()
    finally:
        busy.kill()
        busy.communicate()


def test_marks_note_how_many_began_when_the_first_and_how_late() -> None:
    marks = Marks(2, "span")
    first, second = marks.marker(0), marks.marker(1)
    before = time.time()
    second(before - 2.0)
    after = time.time()
    first(before - 2.0)
    first(before - 0.5)
    assert marks.begun == 3
    assert before <= marks.first <= after
    assert metering.percentile(marks.histogram(), 50) == pytest.approx(2.0, rel=0.06)
    assert metering.percentile(marks.histogram(), 10) == pytest.approx(0.5, rel=0.06)


def test_marks_of_a_process_on_node_arrive_as_those_of_a_python_one() -> None:
    marks = Marks(2, "start", 3)
    bucket = metering.bucket(1.0)
    relay(
        marks, 1, {"count": 2, "first": 10.0, "starts": [[0, 10.0], [2, 11.0]], "spans": {"0": 1}}
    )
    relay(marks, 1, {"count": 1, "first": 12.0, "starts": [[1, 12.0]], "spans": {str(bucket): 2}})
    assert (marks.begun, marks.first) == (3, 10.0)
    assert list(marks.starts) == [10.0, 12.0, 11.0]
    assert (marks.histogram()[0], marks.histogram()[bucket]) == (1, 2)


# Over time ----------------------------------------------------------------------------------------


def sample(at: float, rate: float, seconds: float) -> over_time.Sample:
    histogram = [0] * metering.BUCKETS
    histogram[metering.bucket(seconds)] = 100
    return over_time.Sample(at, rate, rate, 0, 1, 1, 1, 1, 1, 1, 0, 0, {}, histogram)


def test_the_summary_compares_the_first_minute_with_the_last() -> None:
    samples = [sample(10.0 * n, 1000 - n, 0.001 * n) for n in range(1, 61)]
    ends = over_time.summary(samples)
    assert ends["window_s"] == 60
    assert ends["first_rate"] == pytest.approx(1000 - 3.5)
    assert ends["last_rate"] == pytest.approx(1000 - 57.5)
    assert ends["rate_ratio"] == pytest.approx(942.5 / 996.5)
    assert ends["p99_ratio"] == pytest.approx(10, rel=0.06)


def test_the_summary_of_a_short_run_compares_its_thirds() -> None:
    samples = [sample(float(n), 10.0 if n <= 3 else 5.0, 0.001) for n in range(1, 10)]
    ends = over_time.summary(samples)
    assert ends["window_s"] == 3
    assert ends["first_rate"] == 10.0
    assert ends["last_rate"] == 5.0
    assert ends["rate"] == pytest.approx(60 / 9)


def test_a_burst_offers_ten_times_as_much_for_a_minute() -> None:
    plan = over_time.Plan(mode="burst", rate=100, seconds=400)
    offered = [plan.offered(at) for at in (0, 99, 100, 159, 160, 399)]
    assert offered == [100, 100, 1000, 1000, 100, 100]
    assert over_time.Plan(mode="offered", rate=100, seconds=400).offered(130) == 100


@pytest.mark.parametrize(
    ("variant", "holds"),
    [
        ("plain", None),
        ("snapshot", "backend_xmin"),
        ("xid", "backend_xid"),
        ("enqueued", "backend_xid"),
        ("readers", "backend_xmin"),
    ],
)
def test_a_disturbance_holds_what_it_says_and_leaves_it_at_the_end(
    dsn: str, conn: psycopg.Connection, variant: str, holds: str | None
) -> None:
    def held() -> list[str]:
        rows = conn.execute(
            """
            select case when backend_xid is null then 'backend_xmin' else 'backend_xid' end
            from pg_stat_activity
            where datname = current_database() and state = 'idle in transaction'
            and coalesce(backend_xid, backend_xmin) is not null"""
        )
        return [row[0] for row in rows]

    expected = [] if holds is None else [holds]
    with over_time.disturbed(Gendurable(), dsn, variant):
        until(lambda: held() == expected)
        assert conn.execute("select count(*) from gd_instances").fetchone() == (0,)
    until(lambda: held() == [])
    assert conn.execute("select count(*) from gd_instances").fetchone() == (0,)


# The report ---------------------------------------------------------------------------------------


def run(peer: str, turn: int, rate: float, **other: Any) -> dict[str, Any]:
    return {
        "workload": "drain",
        "processes": 1,
        "peer": peer,
        "run": turn,
        "n": 100,
        "figures": {"rate": rate},
        "costs": {"database µs": 10.0 + turn},
        **other,
    }


def test_ratios_are_of_one_turn_and_their_median_is_shown() -> None:
    runs = [
        *(run("gendurable", turn, rate) for turn, rate in enumerate([100, 300, 200])),
        *(run("other", turn, rate) for turn, rate in enumerate([50, 100, 400])),
    ]
    first, second = report.compare(runs, "rate", RATE)
    assert (first.peer, first.values, first.times) == (
        "gendurable",
        report.Spread(100, 200, 300),
        None,
    )
    assert second.values == report.Spread(50, 100, 400)
    assert second.times == report.Spread(0.5, 2.0, 3.0)
    assert second.costs == {"database µs": 11.0}
    runs[3] = run("other", 0, 200.0)  # now the medians are equal, and most ratios are not
    assert report.compare(runs, "rate", RATE)[1].times == report.Spread(0.5, 0.5, 3.0)


def test_of_a_delay_less_is_better() -> None:
    runs = [run("other", 0, 8.0), run("gendurable", 0, 2.0), run("early", 0, 1.0)]
    rows = report.compare(runs, "rate", DELAY)
    assert [row.peer for row in rows] == ["early", "gendurable", "other"]
    assert [row.times and row.times.median for row in rows] == [0.5, None, 4.0]


def test_a_peer_that_never_had_a_turn_with_this_project_has_no_ratio() -> None:
    runs = [run("gendurable", 0, 2.0), run("other", 1, 1.0)]
    assert [row.times for row in report.compare(runs, "rate", RATE)] == [None, None]


def results(directory: Path, records: list[dict[str, Any]]) -> report.Results:
    lines = [json.dumps(record) for record in records]
    (directory / "suite.jsonl").write_text("\n".join(lines))
    return report.Results.read(directory)


HEAD = {
    "machine": {"cpu": "2 x some"},
    "settings": {"fsync": "on"},
    "date": "2026-01-02",
    "runs": 1,
    "full": True,
}


def test_the_report_says_first_where_a_peer_is_better(tmp_path: Path) -> None:
    found = results(
        tmp_path,
        [
            HEAD,
            {"peer": "gendurable", "versions": {"gendurable": "1"}, "notes": "as it comes"},
            {"peer": "fast", "versions": {}, "notes": "tuned", "bound": False},
            {"peer": "bare", "versions": {}, "notes": "no engine", "bound": True},
            {"peer": "absent", "skipped": "it is not installed"},
            run("gendurable", 0, 1000.0),
            run("fast", 0, 2000.0),
            run("slow", 0, 800.0),
            run("bare", 0, 5000.0),
            {"workload": "steps", "processes": 1, "peer": "fast", "run": 0, "failed": "no steps"},
        ],
    )
    text = report.report(found, {})
    assert report.better_peers(found) == [
        "- Drain, rate: fast 2,000 jobs/s, gendurable 1,000: **0.50×** (0.50–0.50)."  # noqa: RUF001
    ]
    assert text.index("Where a peer is better") < text.index("fast 2,000") < text.index("2 x some")
    assert "| slow | **1.25×** (1.25–1.25) | 800 | 800 | 800 | 100 | 10 |" in text  # noqa: RUF001
    assert "| bare | **0.20×** (0.20–0.20) | 5,000 |" in text  # noqa: RUF001
    assert "skipped: it is not installed" in text
    assert "Durable steps: fast: no steps" in text
    assert "`fsync = on`" in text


def test_the_report_shows_what_time_did(tmp_path: Path) -> None:
    plan = over_time.Plan(mode="saturate", variant="snapshot", seconds=600)
    seen = [sample(10.0, 100.0, 0.001), sample(20.0, 50.0, 0.001)]
    record: dict[str, Any] = {
        "plan": vars(plan),
        "summary": over_time.summary(seen),
        "samples": [vars(s) for s in seen],
    }
    again = record | {"summary": record["summary"] | {"rate": 85.0}}
    other = record | {"plan": vars(over_time.Plan(mode="saturate", seconds=600))}
    lines = [json.dumps(r) for r in (record, other, again)]
    (tmp_path / "over_time.jsonl").write_text("\n".join(lines))
    text = report.report(report.Results.read(tmp_path), {"saturate": "rates.png"})
    assert "| gendurable, a snapshot held | 2 | 20 | 80 | 0.50 | 100 | 50 | 1.00 |" in text
    assert "| gendurable, nothing else | 1 | 20 | 75 | 0.50 |" in text
    assert "(rates.png)" in text


def test_peers_take_turns_and_another_one_begins_each_time() -> None:
    class One(Gendurable):
        name = "one"

    class Two(One):
        name = "two"
        workloads = frozenset({"drain"})

    peers: list[Peer] = [One(), Two()]
    order = [(t[0], t[1], t[2], t[3].name) for t in suite.turns(["drain"], peers, 2, full=False)]
    assert order[:4] == [
        ("drain", 1, 0, "one"),
        ("drain", 1, 0, "two"),
        ("drain", 1, 1, "two"),
        ("drain", 1, 1, "one"),
    ]
    assert {t[1] for t in suite.turns(["drain"], peers, 1, full=True)} == {1, 2, 4}
    assert [t[3].name for t in suite.turns(["steps"], peers, 1, full=False)] == ["one"]


def test_every_figure_of_every_workload_is_one_that_some_peer_can_show() -> None:
    for name in WORKLOADS:
        able = [peer for peer in PEERS.values() if name in peer.workloads]
        assert Gendurable in able
        for peer in able:
            assert peer.finished
            assert peer.finished_one or name != "latency"
            assert peer.parked or name != "signals"


# What documents tell to type ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "document", ["docs/performance.md", "bench/over_time.py", "bench/suite.py"]
)
def test_every_command_that_is_shown_is_one_that_the_programs_take(document: str) -> None:
    shown = re.findall(
        r"python bench/(over_time|suite)\.py *((?:--[a-z].*?)?)(?:`|  |\n)",
        (ROOT / document).read_text(),
    )
    assert shown
    for program, arguments in shown:
        parser = {"over_time": over_time, "suite": suite}[program].parser()
        parser.parse_args(shlex.split(arguments))


# One tiny run -------------------------------------------------------------------------------------


def test_a_tiny_run_measures_reports_and_leaves_nothing(admin_dsn: str, tmp_path: Path) -> None:
    command = [
        *(sys.executable, str(ROOT / "bench" / "suite.py"), "--dsn", admin_dsn, "--runs", "1"),
        *("--workloads", "steps,signals", "--scale", "0.01", "--results", str(tmp_path)),
        *("--peers", "gendurable,dbos"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = report.Results.read(tmp_path)
    seen = {r["workload"]: r for r in found.runs if r["peer"] == "gendurable"}
    assert set(seen) == {"steps", "signals"}
    for record in seen.values():
        assert record["figures"]["rate"] > 0
        assert record["costs"]["WAL bytes"] > 100
    assert "### Durable steps" in (tmp_path / "RESULTS.md").read_text()
    assert databases(admin_dsn) == []


def test_a_tiny_run_over_time_samples_what_it_offers(admin_dsn: str, tmp_path: Path) -> None:
    out = tmp_path / "over_time.jsonl"
    command = [
        *(sys.executable, str(ROOT / "bench" / "over_time.py"), "--dsn", admin_dsn),
        *("--seconds", "3", "--interval", "1", "--rate", "300", "--variant", "snapshot"),
        *("--out", str(out)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(out.read_text())
    samples = record["samples"]
    assert len(samples) == 3
    took = [b["at"] - a["at"] for a, b in zip([{"at": 0.0}, *samples], samples, strict=False)]
    sent, done = (
        sum(s[key] * t for s, t in zip(samples, took, strict=True)) for key in ("sent", "rate")
    )
    assert 0 < done <= sent + 100  # some were sent before the first sample began
    assert done + samples[-1]["waiting"] == pytest.approx(sent, abs=100)
    assert databases(admin_dsn) == []


def databases(admin: str) -> list[str]:
    with psycopg.connect(admin) as conn:
        rows = conn.execute("select datname from pg_database where datname like 'bench\\_%'")
        return [row[0] for row in rows]
