"""What the documents tell a reader to type, typed: SQL, the first machine, the commands."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from gendurable import enqueue, events, get
from gendurable.machine import define
from gendurable.metrics import ENGINE_METRICS, WORKER_METRICS
from gendurable.process import package_version
from gendurable.testing import advance, drain
from support import finished, worker_process

ROOT = Path(__file__).resolve().parents[1]

Connection = psycopg.Connection[Any]


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of one language in a document, in order."""
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def shop(directory: Path, document: str = "README.md") -> Path:
    """A document's first machine as a module."""
    module = directory / "shop.py"
    module.write_text(blocks(document, "python")[0])
    return module


def commands(document: str) -> list[str]:
    """The shell commands of a document, without their comments."""
    lines = "".join(blocks(document, "sh")).splitlines()
    return [shlex.join(words) for line in lines if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("document", ["README.md", "docs/index.md"])
def test_the_first_machine_of_a_front_page_and_its_sql_do_what_it_says(
    dsn: str, conn: Connection, tmp_path: Path, document: str
) -> None:
    warnings: list[str | None] = []
    conn.add_notice_handler(lambda notice: warnings.append(notice.sqlstate))
    module = shop(tmp_path, document)
    first, *others = blocks(document, "sql")
    statements = [part for part in first.split(";") if part.strip()]
    assert len(statements) == 3
    with worker_process(dsn, module, tmp_path / "log", "--queue", "default=20"):
        conn.execute(statements[0])
        assert conn.execute(statements[1]).fetchone() == ("delivered",)
        assert finished(conn, "order:42").result == {"status": "shipped", "quantity": 2}
        assert conn.execute(statements[2]).fetchone() == (
            "done",
            "ship",
            {"status": "shipped", "quantity": 2},
        )
    for block in others:
        conn.execute(block)
    assert warnings == []


def test_the_readme_s_python_calls_do_what_it_says(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    shop(tmp_path)
    _, source = blocks("README.md", "python")
    assert source.count("postgresql:///shop") == 1
    done = subprocess.run(
        [sys.executable, "-c", source.replace("postgresql:///shop", dsn)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert re.match(r"Status\(id=\d+, status='runnable', fsm='Checkout'.*B-2", done.stdout)
    assert conn.execute(
        "select rate_limit, concurrency_key, error ->> 'reason' from gd_instances"
    ).fetchall() == [("mail", "customer:7", "changed their mind")]
    assert conn.execute(
        "select name, allowed, period from gd_limits where kind = 'rate'"
    ).fetchall() == [("mail", 10.0, timedelta(seconds=1))]


def test_the_client_page_s_code_runs(
    dsn: str, conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks("docs/client.md", "python")):
        module = tmp_path / f"client_{number}.py"
        module.write_text(block)
        names |= runpy.run_path(str(module))
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn))
    with Session(engine) as session:
        placed = get(conn, names["place"](session, "A-1"))
    engine.dispose()
    assert placed is not None
    assert placed.correlation_key == "order:A-1"
    assert names["entry"].arguments()["rate_limit"] == "mail"
    assert names["serve_result"](conn, "no such order") is None
    names["serve"](dsn)
    assert conn.execute("select count(*) from gd_instances where fsm = 'Visit'").fetchone() == (
        1000,
    )


def test_the_testing_page_s_tests_pass(
    admin_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(tmp_path)
    monkeypatch.setenv("GENDURABLE_TEST_DSN", admin_dsn)
    plain, conftest, drained, worker = blocks("docs/testing.md", "python")
    (tmp_path / "conftest.py").write_text(conftest)
    for name, block in (("plain", plain), ("drained", drained), ("worker", worker)):
        (tmp_path / f"test_{name}.py").write_text(block)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "5 passed" in done.stdout, done.stdout


def test_the_workers_page_s_code_runs(dsn: str, conn: Connection, tmp_path: Path) -> None:
    shop(tmp_path)
    together, hooks = blocks("docs/workers.md", "python")
    (tmp_path / "together.py").write_text(together)
    command = [sys.executable, "-c", "import together; assert len(together.workers) == 2"]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=60)
    (tmp_path / "prices.py").write_text(hooks)
    with worker_process(dsn, tmp_path / "prices.py", tmp_path / "log"):
        assert finished(conn, enqueue(conn, "price", {"sku": "A-1"}).id).result == 995


def test_the_deploys_page_s_machine_takes_over(tmp_path: Path) -> None:
    module = tmp_path / "checkout2.py"
    module.write_text(blocks("docs/deploys.md", "python")[0])
    namespace = runpy.run_path(str(module))
    definition = define(namespace["Checkout"])
    assert definition.keys == [("Checkout", 2), ("Checkout", 1)]
    reading = definition.codec_for(1).read('{"sku": "a", "quantity": 2}')
    assert reading.value == namespace["Order"]([namespace["Item"]("a", 2)])


def test_the_steps_page_s_machine_does_what_it_says(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    module = tmp_path / "payment.py"
    module.write_text(blocks("docs/steps.md", "python")[0])
    with worker_process(dsn, module, tmp_path / "log"):
        conn.execute("select gd_enqueue('Payment', '{\"amount\": 20}', correlation_key => 'a')")
        conn.execute("select gd_enqueue('Payment', '{\"amount\": 2000}', correlation_key => 'b')")
        assert finished(conn, "a").result == {"booked": 20}
        assert finished(conn, "b").error["type"] == "payment.Declined"


def test_the_steps_page_s_transfer_does_what_it_says(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    module = tmp_path / "transfer.py"
    module.write_text(blocks("docs/steps.md", "python")[1])
    conn.execute("create table accounts (name text, balance int)")
    conn.execute("insert into accounts values ('a', 10), ('b', 0)")
    state = json.dumps({"from": "a", "to": "b", "amount": 4})
    with worker_process(dsn, module, tmp_path / "log"):
        conn.execute("select gd_enqueue('Transfer', %s, correlation_key => 't')", (state,))
        assert finished(conn, "t").status == "done"
    rows = conn.execute("select name, balance from accounts order by name").fetchall()
    assert rows == [("a", 6), ("b", 4)]
    assert conn.execute("select count(*) from gd_instances where fsm = 'Receipt'").fetchone() == (
        1,
    )


def test_a_payout_whose_answer_is_lost_asks_the_bank_twice_with_one_key(
    conn: Connection, tmp_path: Path
) -> None:
    module = tmp_path / "payout.py"
    module.write_text(blocks("docs/explanation/guarantee.md", "python")[0])
    keys: list[str] = []

    class Bank:
        def transfer(self, amount: int, *, key: str) -> str:
            keys.append(key)
            if len(keys) == 1:
                raise ConnectionError("the answer is lost")
            return f"transfer of {amount}"

    payout = runpy.run_path(str(module))["Payout"](Bank())
    created = enqueue(conn, payout, {"amount": 5})
    drain(conn, [payout])
    advance(conn, minutes=1)
    drain(conn, [payout])
    assert keys == [f"payout:{created.id}:start"] * 2
    assert finished(conn, created.id).result == "transfer of 5"


def test_the_telemetry_page_lists_every_event_with_its_fields(tmp_path: Path) -> None:
    page = (ROOT / "docs/telemetry.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.+) \|$", page, re.MULTILINE)
    told = {name: re.findall(r"`(\w+)`", said) for name, said in rows if hasattr(events, name)}
    assert told == {
        kind.__name__: [one.name for one in fields(kind) if one.name != "worker"]
        for kind in vars(events).values()
        if isinstance(kind, type)
        and issubclass(kind, events.WorkerEvent)
        and kind is not events.WorkerEvent
    }
    module = tmp_path / "slow.py"
    module.write_text(blocks("docs/telemetry.md", "python")[0])
    runpy.run_path(str(module))["stop_listening"]()


def test_the_telemetry_page_lists_every_metric_with_its_labels() -> None:
    page = (ROOT / "docs/telemetry.md").read_text()
    rows = re.findall(
        r"^\| `(gendurable_\w+)` \| `(.+)` \| (\w+) \| (.*) \| (.+) \|$", page, re.MULTILINE
    )
    assert [
        (name, dotted, kind, re.findall(r"`(\w+)`", labels), said)
        for name, dotted, kind, labels, said in rows
    ] == [
        (one.prometheus_name, one.name, one.kind, list(one.labels), one.help)
        for one in WORKER_METRICS
    ]


def test_the_telemetry_page_lists_every_metric_of_the_engine() -> None:
    page = (ROOT / "docs/telemetry.md").read_text().partition("## Metrics of the whole engine")[2]
    rows = re.findall(r"^\| `(gendurable_\w+)` \| (\w+) \| (.*) \| (.+) \|$", page, re.MULTILINE)
    assert [
        (name, kind, re.findall(r"`(\w+)`", labels), said) for name, kind, labels, said in rows
    ] == [(one.prometheus_name, one.kind, list(one.labels), one.help) for one in ENGINE_METRICS]


def test_the_telemetry_page_s_tracing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    exec(blocks("docs/telemetry.md", "python")[1], namespace)
    namespace["stop_tracing"]()
    assert re.fullmatch(r"[0-9a-f]{32}\n", capsys.readouterr().out)


def test_the_protocol_s_loop_runs_as_it_is_written(conn: Connection) -> None:
    conn.execute("select gd_enqueue('M'), gd_enqueue('M')")
    loop, report = blocks("docs/worker-protocol.md", "sql")
    results = [
        conn.execute(part).fetchall()
        for part in re.sub(r"--[^\n]*", "", loop).split(";")
        if part.strip()
    ]
    registered, picked, committed, beaten, unregistered = results
    assert registered == [(1,)]
    assert len(picked) == 2
    assert committed[0][2] == "stale"  # it is the answer to an instance that is not there
    assert sorted(beaten) == [(7,), (8,)]
    assert unregistered == [(2,)]
    conn.execute(report)
    assert conn.execute("select count, step from gd_throughput").fetchall() == [(12, "ship")]


def test_the_protocol_s_outcomes_are_accepted(conn: Connection) -> None:
    row = conn.execute("select gd_register('w')").fetchone()
    assert row is not None
    (lines,) = blocks("docs/worker-protocol.md", "jsonc")
    for line in lines.splitlines():
        outcome = json.loads(line)
        conn.execute("select gd_enqueue('M')")
        claim = conn.execute("select id, fence from gd_pick(%s, 'default', 1)", row).fetchone()
        assert claim is not None
        outcome |= {"id": claim[0], "fence": claim[1]}
        answers = conn.execute(
            "select result, detail from gd_commit(%s, %s)", (row[0], json.dumps([outcome]))
        ).fetchall()
        assert answers[0][0] in ("committed", "continued"), (line, answers)
        conn.execute("select gd_cancel(%s::bigint, cascade => true)", (claim[0],))


def test_the_protocol_s_declaration_is_accepted(conn: Connection) -> None:
    (info,) = blocks("docs/worker-protocol.md", "json")
    conn.execute("select gd_register('w', info => %s)", (info,))
    machines = conn.execute("select fsm, version, steps from gendurable.machines order by fsm")
    assert machines.fetchall() == [("Order", 2, ["start", "ship"]), ("Refund", 1, None)]


def test_every_command_of_the_readme_is_known_here() -> None:
    """Those of the two commands and of the installation are run by the build and by other tests."""
    assert commands("README.md") == [
        "make demo",
        "make test",
        "python3 -m venv .venv '&&' .venv/bin/pip install './python[binary]'",
        "export GENDURABLE_DSN=postgresql:///shop",
        ".venv/bin/gendurable-py install",
        ".venv/bin/gendurable-py run shop.py --queue default=20",
        "sqitch deploy --verify db:pg:shop",
        "psql -1 -v ON_ERROR_STOP=1 -f sql/install.sql shop",
        "gendurable-py install --dsn postgresql:///shop",
    ]


def test_the_commands_of_an_upgrade_are_those_that_test_upgrade_runs() -> None:
    assert commands("docs/releases.md") == [
        "pip install --upgrade gendurable",
        "gendurable-py upgrade --dry-run",
        "gendurable-py upgrade",
        "sqitch deploy --verify db:pg:shop",
        "psql -1 -v ON_ERROR_STOP=1 -f sql/upgrade.sql shop",
    ]


def test_the_readme_s_psql_command_installs(empty_dsn: str) -> None:
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("no psql here; the schema's equality is tested where there is one")
    command = "psql -1 -v ON_ERROR_STOP=1 -f sql/install.sql shop"
    assert command in commands("README.md")
    subprocess.run(
        [psql, *shlex.split(command)[1:-1], "-q", empty_dsn],
        cwd=ROOT,
        check=True,
        env=os.environ | {"PGOPTIONS": "-c client_min_messages=warning"},
    )
    with psycopg.connect(empty_dsn) as conn:
        assert conn.execute("select gd_version()").fetchone() == (package_version(),)


def test_the_readme_s_gendurable_py_command_installs(empty_dsn: str) -> None:
    fields = conninfo_to_dict(empty_dsn)
    command = "gendurable-py install --dsn postgresql:///shop"
    assert command in commands("README.md")
    script = Path(sys.executable).with_name("gendurable-py")
    done = subprocess.run(
        [script, "install", "--dsn", empty_dsn], check=True, capture_output=True, text=True
    )
    assert f"dbname={fields['dbname']}" in done.stdout


def test_every_code_in_the_table_of_errors_is_one_that_the_engine_raises() -> None:
    table = (ROOT / "docs/errors.md").read_text()
    listed = set(re.findall(r"^\| `(GD\d{3})`", table, re.MULTILINE))
    source = "".join(path.read_text() for path in (ROOT / "sql").rglob("*.sql"))
    raised = set(re.findall(r"'(GD\d{3})'", source))
    assert raised - listed == {"GD000"}  # how a turn lets go of its keys; it never leaves
    assert listed <= raised
