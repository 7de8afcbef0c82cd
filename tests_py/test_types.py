"""What type checkers say of code that uses the package: nothing where it is right, each typo."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Each line with the comment is one mistake, and nothing else is.
CODE = """
from __future__ import annotations

import msgspec
import psycopg
from gendurable import (
    Await, Context, Done, Enqueuer, Entry, Machine, Next, Outcome, Retry, RetryPolicy, Schedule,
    ScheduleChildren, SignalEntry, Stop, Worker, cancel, enqueue, enqueue_many, events, find, get,
    job, retry, run_worker, schedule, set_rate_limit, signal, status, step, wait,
)


class Order(msgspec.Struct):
    sku: str
    quantity: int = 1


class Shop(Machine[Order]):
    retry = RetryPolicy(max_attempts=3, initial=1)
    bad_retry = RetryPolicy(max_attempt=3)  # wrong

    @step(timeout=30)
    async def start(self, ctx: Context[Order]) -> Outcome:
        if ctx.state.quantity > 1:
            return Next(self.ship, ctx.state, delay=60)
        if ctx.state.quantty > 1:  # wrong
            return Next(self.shipp)  # wrong
        return Await(["paid"], step=self.ship, timeout=60)

    @step(timout=30)  # wrong
    def ship(self, ctx: Context[Order]) -> Outcome:
        if ctx.attempt:
            return Retry(error="again", delay=3)
        if ctx.atempt:  # wrong
            return Retry(eror="again")  # wrong
        return ScheduleChildren([Entry("Leaf")], step=self.join)

    @step
    def join(self, ctx: Context[Order]) -> Outcome:
        if ctx.children:
            return Done(resut=1)  # wrong
        return Stop("no") if ctx.children is None else Done(1)

    @step
    def wrong(self, ctx: Context[Order]) -> Outcome:
        return Await(["paid"], timeot=60)  # wrong


@job(retry=RetryPolicy(max_attempts=2), queue="mail")
def mail(to: str, urgent: bool = False) -> None: ...


@job(retri=3)  # wrong
def wrong(to: str) -> None: ...


def sync(conn: psycopg.Connection) -> None:
    created = enqueue(conn, Shop, Order("a"), correlation_key="order:1", delay=3)
    print(created.id + 1, created.duplicate)
    enqueue(conn, Shop, queu="mail")  # wrong
    enqueue(conn, Shop, priority="high")  # wrong
    print(created.idd)  # wrong
    enqueue_many(conn, [Entry(Shop, Order("a"), queue="mail"), mail.entry("a", urgent=True)])
    enqueue_many(conn, [Shop])  # wrong
    Entry(Shop, correlaton_key="order:1")  # wrong
    mail.enqueue(conn, "ada@example.com", urgent=True)
    mail.options(delay=60, rate_limit="mail").enqueue(conn, "ada@example.com")
    mail.options(dely=60)  # wrong
    signal(conn, "order:1", "paid", {"amount": 3}, dedup_key="p:1")
    signal(conn, "order:1", "paid", dedupkey="p:1")  # wrong
    SignalEntry("order:1", "paid", playload={})  # wrong
    found = wait(conn, created.id, timeout=30, until="awaiting_signal")
    if found is not None:
        print(found.result)
    print(found.result)  # wrong
    wait(conn, created.id, timout=30)  # wrong
    wait(conn, 1.5)  # wrong
    now = status(conn, "order:1")
    assert now is not None
    print(now.stat)  # wrong
    one = get(conn, "order:1")
    assert one is not None
    print(one.awaits, one.concurrency_key, one.progress, one.children_pending)
    print(one.await_)  # wrong
    print([each.worker_id for each in find(conn, machine=Shop, status=["failed"], most=10)])
    find(conn, statuss="failed")  # wrong
    cancel(conn, created.id, cascade=True)
    cancel(conn, created.id, cascde=True)  # wrong
    retry(conn, created.id, step=Shop.ship)
    set_rate_limit(conn, "mail", 10, 1)
    set_rate_limit(conn, "mail", 10, perod=1)  # wrong
    schedule(conn, Shop, Schedule("nightly", "@daily"))
    schedule(conn, Shop, Schedule("nightly", "@daily", overlp="skip"))  # wrong
    with Enqueuer(most=10) as background:
        background.enqueue(Shop, Order("a"), delay=3)
        background.enqueue(Shop, Order("a"), dely=3)  # wrong


async def with_await(conn: psycopg.AsyncConnection) -> None:
    created = await enqueue(conn, Shop, Order("a"))
    print(created.id)
    enqueue(conn, Shop)  # wrong
    print(enqueue(conn, Shop).id)  # wrong
    signal(conn, created.id, "paid")  # wrong
    wait(conn, created.id)  # wrong
    found = await wait(conn, created.id)
    print(found.result if found else None)
    mail.enqueue(conn, "ada@example.com")  # wrong
    await mail.enqueue(conn, "ada@example.com")


def slow(event: events.StepStopped) -> None:
    print(event.seconds, event.execution.fsm)
    print(event.second)  # wrong


def work() -> None:
    worker = Worker([Shop, mail], queues={"default": 3}, lease=60)
    worker.subscribe(slow, events.StepStopped)
    worker.subscribe(slow, events.Picked)  # wrong
    events.subscribe(print)
    run_worker([Shop], queues={"default": 3}, drain=30)
    run_worker([Shop], leese=30)  # wrong
    Worker([Shop], quueues={"default": 3})  # wrong
"""

WRONG = {number for number, line in enumerate(CODE.splitlines(), 1) if line.endswith("# wrong")}


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The code as a file of a user's."""
    path = tmp_path / "shop.py"
    path.write_text(CODE)
    return path


def test_mypy_strict_names_each_typo_and_nothing_else(module: Path) -> None:
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "mypy",
                "--strict",
                "--no-error-summary",
                "--hide-error-context",
            ),
            *("--config-file", "", "--cache-dir", str(ROOT / ".mypy_cache"), str(module)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = {int(number) for number in re.findall(r"^.*?:(\d+): error:", done.stdout, re.MULTILINE)}
    assert found == WRONG, _difference(found) + done.stdout + done.stderr


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
def test_pyright_strict_names_each_typo_and_nothing_else(module: Path) -> None:
    config = {"include": ["."], "typeCheckingMode": "strict", "reportUnusedFunction": "none"}
    (module.parent / "pyrightconfig.json").write_text(json.dumps(config))
    found = {each["range"]["start"]["line"] + 1 for each in _pyright(module.parent)}
    assert found == WRONG, _difference(found)


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
def test_pyright_strict_finds_nothing_in_the_examples() -> None:
    assert _pyright(ROOT / "examples") == []


def _pyright(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pyright", "--outputjson"),
            *("--pythonpath", sys.executable, "--project", str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        said = json.loads(done.stdout)
    except ValueError:
        pytest.skip(f"pyright does not run here: {done.stderr[:200]}")
    found = said["generalDiagnostics"]
    assert isinstance(found, list)
    return [each for each in found if each["severity"] == "error"]


def _difference(found: set[int]) -> str:
    lines = CODE.splitlines()
    return "".join(
        f"{what} {number}: {lines[number - 1]}\n"
        for what, numbers in (("missed", WRONG - found), ("in vain", found - WRONG))
        for number in sorted(numbers)
    )
