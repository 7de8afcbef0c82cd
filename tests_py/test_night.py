"""A night on call: what does not move is found by command and by page, and moves again."""

from __future__ import annotations

import re
import shlex
import threading
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    Machine,
    Outcome,
    RetryPolicy,
    ScheduleChildren,
    enqueue,
    enqueue_many,
    job,
    pause,
    set_concurrency_limit,
    set_queue_limit,
    set_rate_limit,
    status,
    step,
)
from support import Connection, finished, running, until
from test_cli import invoke
from test_commands import ask
from test_web import browsing

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ask", "invoke"]

QUEUES = dict.fromkeys(("default", "paused", "full"), 5)
BANK = {"up": True}
HELD = threading.Event()


class Checkout(Machine[Any]):
    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        match ctx.state.get("how"):
            case "signal":
                return Await("paid", step=self.end)
            case "child":
                return ScheduleChildren([Entry(Checkout, rate_limit="mial:1")], step=self.end)
            case "hold":
                HELD.wait(60)
        return Done()

    @step
    def end(self, ctx: Context[Any]) -> Outcome:
        return Done()


@job(retry=RetryPolicy(max_attempts=1))
def pay(order: int) -> None:
    if not BANK["up"]:
        raise ConnectionError("the bank is down")


# What keeps an order, how it came to that, and what `show` says of it.
MENDED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "paused": ({}, {"queue": "paused"}, "queue_paused: Queue paused is paused"),
    "full": ({}, {"queue": "full"}, "queue_limit: Queue full executes 0 of at most 0"),
    "stopped": ({}, {"concurrency_key": "stopped:7"}, "concurrency_key: Nothing may be executing"),
    "held": ({}, {"concurrency_key": "customer:7"}, "concurrency_key: As many as may"),
    "unknown": (
        {},
        {"rate_limit": "mail:7"},
        "unknown_rate_limit: No rate limit is set",
    ),
    "frozen": ({}, {"rate_limit": "frozen"}, "rate_limit: .* is never refilled"),
    "unpaid": ({"how": "signal"}, {}, "awaiting_signal: It waits for a signal named paid"),
    "parent": ({"how": "child"}, {}, "awaiting_children: It waits for 1 of its children"),
}
# Of these no command is the remedy.
TOLD: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "deserted": (Checkout, {"queue": "nobody"}, "no_worker: No live worker serves", "Start a"),
    "unknown code": ("Chekout", {}, "no_machine: .* declares Chekout", "Start a worker"),
    "early": (Checkout, {"delay": timedelta(hours=2)}, "scheduled: ", "Wait until then"),
}
STUCK = {"paused", "full", "stopped", "held", "unknown", "deserted", "unknown code"}


def test_each_cause_is_found_by_show_by_stuck_and_by_page_and_mended_by_what_show_says(
    ask: Callable[..., str], conn: Connection, dsn: str
) -> None:
    pause(conn, "paused")
    set_queue_limit(conn, "full", 0)
    set_concurrency_limit(conn, "stopped", 0)
    set_rate_limit(conn, "frozen", 0, period=60, burst=1)
    HELD.clear()
    with running(dsn, [Checkout], queues=QUEUES), browsing(dsn) as browser:
        holder = enqueue(conn, Checkout, {"how": "hold"}, concurrency_key="customer:7").id
        last_token = enqueue(conn, Checkout, rate_limit="frozen").id
        until(lambda: status(conn, holder).status == "executing")  # type: ignore[union-attr]
        assert finished(conn, last_token).status == "done"
        made = {
            name: enqueue(conn, Checkout, state, correlation_key=f"order:{name}", **more).id
            for name, (state, more, _) in MENDED.items()
        }
        for name, (machine, more, _, _) in TOLD.items():
            made[name] = enqueue(conn, machine, correlation_key=f"order:{name}", **more).id

        said = {name: said for name, (_, _, said) in MENDED.items()}
        said |= {name: said for name, (_, _, said, _) in TOLD.items()}
        shown = {name: _told(ask, f"order:{name}", said[name]) for name in made}
        assert f"customer:7: {holder} (Checkout" in shown["held"]
        for name, (_, _, _, remedy) in TOLD.items():
            assert re.search(rf"^ +-> {remedy}", shown[name], re.MULTILINE), shown[name]
        stuck, overview = ask("stuck", "--each"), ask("top")
        for name, number in made.items():
            reason, _, detail = said[name].partition(": ")
            page = unescape(browser.get(f"/instances/{number}").text)
            assert re.search(detail, page), name
            assert (name in STUCK) == bool(re.search(rf"(?m)^ *{number} +{reason} ", stuck)), name
            assert name not in STUCK or reason in overview

        for name in MENDED:
            text, words = shown[name], ["show"]
            while words[0] == "show":
                command = re.findall(r"^ +\$ gendurable-py (.*)$", text, re.MULTILINE)[0]
                words = [word.replace("N", "5", 1) for word in shlex.split(command)]
                text = ask(*words)
            assert finished(conn, f"order:{name}").status == "done"
        HELD.set()


def _told(ask: Callable[..., str], order: str, cause: str) -> str:
    """What is shown of an order, once its first cause is this one."""

    def told() -> str | None:
        shown = ask("show", order)
        return shown if re.search(rf"why it does not run\n +{cause}", shown) else None

    shown = until(told, f"{order} is told")
    assert shown is not None
    return shown


def test_a_row_that_an_idle_transaction_has_locked_is_told_with_the_process(
    ask: Callable[..., str], conn: Connection, dsn: str
) -> None:
    made = enqueue(conn, Checkout, correlation_key="order:42").id
    with psycopg.connect(dsn, application_name="a forgotten psql") as idle:
        idle.execute("select from gendurable.instances where id = %s for update", (made,))
        shown = ask("show", "order:42")
        assert re.search(
            rf"locked: The transaction of process {idle.info.backend_pid} \(.*, a forgotten psql\) "
            "has its row locked",
            shown,
        )
        # The same transaction holds the horizon, and doctor names it.
        told = ask("doctor", code=3)
        assert f"a forgotten psql (process {idle.info.backend_pid}), open since" in told


def test_the_hour_s_failures_of_one_machine_run_again(
    ask: Callable[..., str], conn: Connection, dsn: str
) -> None:
    BANK["up"] = False
    failed = [pay.enqueue(conn, n).id for n in range(5)]
    with running(dsn, [pay, Checkout]):
        for one in failed:
            assert finished(conn, one).status == "failed"
        assert re.search(r"5 +pay +start +ConnectionError .* the bank is down", ask("failures"))
        BANK["up"] = True
        ask("retry", "--failed", "--machine", "pay", "--since", "1h", "--yes")
        for one in failed:
            until(lambda one=one: status(conn, one).status == "done")  # type: ignore[misc, union-attr]


@pytest.mark.parametrize(
    "which",
    [
        ["--state", '{"customer": 1}'],
        ["--key", "customer:1:*"],
        ["--concurrency-key", "customer:1"],
    ],
    ids=lambda which: which[0],
)
def test_one_customer_s_work_ends_and_the_others_goes_on(
    ask: Callable[..., str], conn: Connection, dsn: str, which: list[str]
) -> None:
    set_concurrency_limit(conn, "customer", 5)
    enqueue_many(
        conn,
        [
            Entry(
                Checkout,
                {"customer": n % 2, "how": "signal"},
                correlation_key=f"customer:{n % 2}:order:{n}",
                concurrency_key=f"customer:{n % 2}",
            )
            for n in range(6)
        ],
    )
    with running(dsn, [Checkout]):
        until(lambda: ask("ps", "--status", "awaiting_signal", "--json").count("\n") == 6)
        ask("cancel", *which, "--reason", "left", "--yes")
    assert ask("ps", "--status", "awaiting_signal", "--json").count('"customer":0') == 3
    assert ask("ps", "--status", "failed", "--json").count('"reason":"left"') == 3
