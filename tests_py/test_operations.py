"""The files of examples/operations: they fit together, the metrics and the command line."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
import yaml

from gendurable.cli import app
from gendurable.hosting import _GRACE
from gendurable.metrics import ENGINE_METRICS, WORKER_METRICS
from support import finished, until
from test_docs import blocks, shop
from test_metrics import free_port, get

Connection = psycopg.Connection[Any]

FOLDER = Path(__file__).resolve().parents[1] / "examples/operations"

ALERTS = yaml.safe_load((FOLDER / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "grafana/dashboards/gendurable.json").read_text())


def workloads() -> Iterator[dict[str, Any]]:
    """The deployments."""
    for path in sorted((FOLDER / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document["kind"] == "Deployment":
                yield document


def container(workload: dict[str, Any]) -> dict[str, Any]:
    """Its only container."""
    (found,) = workload["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def units() -> Iterator[configparser.ConfigParser]:
    """The systemd units."""
    for path in sorted((FOLDER / "systemd").glob("*.service")):
        unit = configparser.ConfigParser(interpolation=None, strict=True)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(path.read_text())
        yield unit


def commands() -> list[list[str]]:
    """Every command line, without the command's own name."""
    found = [container(one)["args"] for one in workloads()]
    found += [shlex.split(unit["Service"]["ExecStart"]) for unit in units()]
    return [words[1:] for words in found]


def options(words: list[str]) -> dict[str, Any]:
    """What the command line understands; it refuses what it does not know."""
    group: Any = typer.main.get_command(app)
    command = group.commands[words[0]]
    with command.make_context(words[0], words[1:]) as context:
        found: dict[str, Any] = context.params
    return found


def expressions() -> list[str]:
    """Every query, of alerts and of the dashboard."""
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    variables = [
        one["query"]["query"]
        for one in DASHBOARD["templating"]["list"]
        if isinstance(one["query"], dict)
    ]
    return [*asked, *variables, *(rule["expr"] for rule in ALERTS)]


def test_every_query_asks_for_metrics_and_labels_that_there_are() -> None:
    known: dict[str, set[str]] = {}
    for metric in (*ENGINE_METRICS, *WORKER_METRICS):
        names = [metric.prometheus_name]
        if metric.kind == "histogram":
            names = [f"{names[0]}{suffix}" for suffix in ("_bucket", "_sum", "_count")]
        known |= {name: {*metric.labels, "le", "instance"} for name in names}
    assert len(expressions()) > 40
    for expression in expressions():
        for name, filters in re.findall(r"\b(gendurable_\w+)(?:\{(.*?)\})?", expression):
            assert name in known, expression
            assert set(re.findall(r"(\w+)[=!]", filters)) <= known[name], expression
        for labels in re.findall(r"\b(?:by|on) \((.*?)\)", expression):
            named = {label.strip() for label in labels.split(",")}
            assert named <= set().union(
                *(known[name] for name in re.findall(r"gendurable_\w+", expression))
            ), expression


def test_there_is_an_alert_for_each_of_the_night_s_questions() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert len(set(names)) == len(names)
    assert {
        "GendurableOldestReady",
        "GendurableStuck",
        "GendurableFailures",
        "GendurableLeaseLost",
        "GendurableHeldSnapshot",
    } <= set(names)
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "description"}
        for label in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
            assert label in rule["expr"] or label in ("worker", "queue", "fsm", "schedule"), label


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_what_is_provisioned_is_there() -> None:
    compose = yaml.safe_load((FOLDER / "compose.yml").read_text())
    for service in compose["services"].values():
        for volume in service["volumes"]:
            assert (FOLDER / volume.split(":")[0]).is_dir()
    provider = yaml.safe_load(
        (FOLDER / "grafana/provisioning/dashboards/gendurable.yml").read_text()
    )
    path = provider["providers"][0]["options"]["path"]
    mounted = compose["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{path}:ro" in mounted
    config = yaml.safe_load((FOLDER / "prometheus/prometheus.yml").read_text())
    assert [(FOLDER / "prometheus" / one).exists() for one in config["rule_files"]] == [True]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_each_command_line_is_understood(words: list[str]) -> None:
    options(words)


def test_a_worker_has_time_to_drain_and_one_maintains() -> None:
    by_command = {container(one)["args"][1]: one for one in workloads()}
    by_unit = {shlex.split(unit["Service"]["ExecStart"])[1]: unit for unit in units()}
    assert by_command.keys() == by_unit.keys() == {"run", "maintain", "exporter"}
    worker, maintainer = by_command["run"], by_command["maintain"]
    drain = options(container(worker)["args"][1:])["drain"]
    pod = worker["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > drain + _GRACE
    unit = by_unit["run"]["Service"]
    drain = options(shlex.split(unit["ExecStart"])[1:])["drain"]
    assert float(unit["TimeoutStopSec"]) > drain + _GRACE
    assert (maintainer["spec"]["replicas"], maintainer["spec"]["strategy"]["type"]) == (
        1,
        "Recreate",
    )
    for words in (container(worker)["args"], shlex.split(unit["ExecStart"])):
        assert "--no-maintenance" in words


def test_probes_ask_for_pages_that_there_are_at_the_port_that_is_served() -> None:
    for workload in workloads():
        one = container(workload)
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"] == labels
        probes = {name: probe for name, probe in one.items() if name.endswith("Probe")}
        assert {"readinessProbe", "livenessProbe"} <= probes.keys()
        ports = {port["name"]: port["containerPort"] for port in one["ports"]}
        assert any(f":{ports['metrics']}" in word for word in one["args"])
        for name, probe in probes.items():
            path = "/healthz" if name == "livenessProbe" else "/readyz"
            assert probe["httpGet"] == {"path": path, "port": "metrics"}


def test_the_worker_of_the_manifest_runs(dsn: str, conn: Connection, tmp_path: Path) -> None:
    (workload,) = [one for one in workloads() if container(one)["args"][1] == "run"]
    one, port = container(workload), free_port()
    served = {"$(POD_NAME)": "pod-1", ":9400": f"127.0.0.1:{port}"}
    words = list(one["args"])
    for given, instead in served.items():
        words = [word.replace(given, instead) for word in words]
    shop(tmp_path)
    log = (tmp_path / "log").open("wb")
    with subprocess.Popen(
        [sys.executable, "-m", "gendurable", *words[1:]],
        cwd=tmp_path,
        env=os.environ | {"GENDURABLE_DSN": dsn},
        stderr=log,
    ) as process:
        try:
            at = f"http://127.0.0.1:{port}"
            ready = at + one["startupProbe"]["httpGet"]["path"]
            until(lambda: process.poll() is not None or _answers(ready))
            assert get(at + one["livenessProbe"]["httpGet"]["path"])[0] == 200
            created, paid, *_ = blocks("README.md", "sql")[0].split(";")
            conn.execute(created)
            conn.execute(paid)
            assert finished(conn, "order:42").status == "done"
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            log.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert any("worker" in line["message"] and "pod-1" in line["message"] for line in lines)


def _answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False


UP = {"gendurable_up": "1x2000"}


def test_prometheus_accepts_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here; the rules' names and labels are tested in any case")
    done = subprocess.run(
        [promtool, "check", "config", str(FOLDER / "prometheus/prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


# What is measured minute by minute, in promtool's notation; then the alerts that fire at a minute.
FIRING: list[tuple[dict[str, str], int, set[str]]] = [
    ({"gendurable_up": "1x30"}, 20, set()),
    ({"gendurable_up": "1x5 0x25"}, 7, set()),
    ({"gendurable_up": "1x5 0x25"}, 20, {"GendurableDatabaseAway"}),
    ({}, 20, {"GendurableDatabaseAway"}),
    (
        {
            'gendurable_queue_oldest_ready_age_seconds{instance="e",queue="q"}': "400x30",
            'gendurable_queue_paused{instance="e",queue="q"}': "0x30",
        },
        20,
        {"GendurableOldestReady"},
    ),
    (
        {
            'gendurable_queue_oldest_ready_age_seconds{instance="e",queue="q"}': "400x30",
            'gendurable_queue_paused{instance="e",queue="q"}': "1x30",
        },
        20,
        set(),
    ),
    (
        {
            'gendurable_queue_instances{instance="e",queue="q",state="ready"}': "3x30",
            'gendurable_queue_workers{instance="e",queue="q"}': "0x30",
        },
        20,
        {"GendurableNoWorker"},
    ),
    ({'gendurable_stuck{queue="q",reason="unknown_rate_limit"}': "1x30"}, 20, {"GendurableStuck"}),
    ({'gendurable_stuck{queue="q",reason="queue_paused"}': "1x30"}, 20, set()),
    ({'gendurable_failures_recent{fsm="M"}': "0x5 50x25"}, 8, set()),
    ({'gendurable_failures_recent{fsm="M"}': "0x5 50x25"}, 20, {"GendurableFailures"}),
    ({"gendurable_leases_lost_total": "0x5 1x25"}, 10, {"GendurableLeaseLost"}),
    ({'gendurable_worker_alive{worker="w"}': "1x5 0x25"}, 10, {"GendurableLeaseLost"}),
    ({"gendurable_claims_reaped_total": "0x5 200x25"}, 8, {"GendurableReaped"}),
    ({'gendurable_horizon_age_seconds{kind="session"}': "4000x30"}, 20, {"GendurableHeldSnapshot"}),
    (
        {'gendurable_horizon_transactions{kind="slot"}': "20000000x30"},
        20,
        {"GendurableHeldSnapshot"},
    ),
    ({"gendurable_maintenance_duration_seconds_count": "7x60"}, 30, {"GendurableMaintenance"}),
    ({"gendurable_maintenance_duration_seconds_count": "0+9x60"}, 30, set()),
    ({'gendurable_queue_paused{queue="q"}': "1x800"}, 760, {"GendurablePausedTooLong"}),
    ({'gendurable_schedule_paused{schedule="s"}': "1x1500"}, 1480, {"GendurableSchedulePaused"}),
]


def test_each_alert_fires_when_it_should(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here; the rules' names and labels are tested in any case")
    assert set().union(*(names for _, _, names in FIRING)) == {rule["alert"] for rule in ALERTS}
    tests = []
    for series, minute, names in FIRING:
        # Without it the engine's database would count as away.
        given = series if {"gendurable_up"} & series.keys() or not series else series | UP
        tests.append(
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": given[one]} for one in given],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{minute}m",
                        "exp_samples": [
                            {"labels": f'{{alertname="{name}"}}', "value": 1} for name in names
                        ],
                    }
                ],
            }
        )
    rules = str(FOLDER / "prometheus/alerts.yml")
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": [rules], "tests": tests}))
    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "tests.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_kubernetes_accepts_the_manifests() -> None:
    validate = pytest.importorskip(
        "kubernetes_validate",
        reason="kubernetes-validate, which has every schema of Kubernetes, is not installed",
    )
    accepted = 0
    for path in (FOLDER / "kubernetes").glob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            validate.validate(document, validate.latest_version(), strict=True)
            accepted += 1
    assert accepted >= len(list(workloads()))


def test_the_units_of_one_machine_listen_at_different_ports() -> None:
    taken = []
    for unit in units():
        line = unit["Service"]["ExecStart"]
        for copy in range(1, 10) if "%i" in line else [0]:
            taken += re.findall(r"127\.0\.0\.1:[0-9]+", line.replace("%i", str(copy)))
    assert len(taken) == 11
    assert len(set(taken)) == len(taken), taken


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd here; the units' commands are tested in any case")
    for path in (FOLDER / "systemd").glob("*.service"):
        # The command is not there, and neither is the user; everything else is looked at.
        name = path.name.replace("@", "@1")
        text = re.sub(r"/srv/shop/\S+gendurable-py", sys.executable, path.read_text())
        (tmp_path / name).write_text(text.replace("User=gendurable", "User=root"))
        done = subprocess.run(
            [analyze, "verify", "--man=no", str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, name in done.stderr) == (0, False), done.stderr
