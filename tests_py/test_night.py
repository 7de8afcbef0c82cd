"""A night on call, with the commands alone: what does not move is found, and moves again."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import psycopg

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
    status,
    step,
)
from support import Connection, finished, running, until
from test_cli import invoke
from test_commands import ask

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ask", "invoke"]

QUEUES = dict.fromkeys(("default", "paused", "full"), 5)
BANK = {"up": True}


class Checkout(Machine[Any]):
    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        match ctx.state.get("how"):
            case "signal":
                return Await("paid", step=self.end)
            case "child":
                return ScheduleChildren([Entry(Checkout, rate_limit="mial:1")], step=self.end)
        return Done()

    @step
    def end(self, ctx: Context[Any]) -> Outcome:
        return Done()


@job(retry=RetryPolicy(max_attempts=1))
def pay(order: int) -> None:
    if not BANK["up"]:
        raise ConnectionError("the bank is down")


CAUSES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "queue_paused": ({}, {"queue": "paused"}),
    "queue_limit": ({}, {"queue": "full"}),
    "concurrency_key": ({}, {"concurrency_key": "customer:7"}),
    "awaiting_signal": ({"how": "signal"}, {}),
    "awaiting_children": ({"how": "child"}, {}),
    "unknown_rate_limit": ({}, {"rate_limit": "mail:7"}),
}


def test_six_causes_are_found_and_mended_by_what_show_says(
    ask: Callable[..., str], conn: Connection, dsn: str
) -> None:
    pause(conn, "paused")
    set_queue_limit(conn, "full", 0)
    set_concurrency_limit(conn, "customer", 0)
    for cause, (state, more) in CAUSES.items():
        enqueue(conn, Checkout, state, correlation_key=f"order:{cause}", **more)
    with running(dsn, [Checkout], queues=QUEUES):
        for cause in CAUSES:
            order = f"order:{cause}"
            shown = _told(ask, order, cause)
            words = ["show"]
            while words[0] == "show":
                command = re.findall(r"^ +\$ gendurable-py (.*)$", shown, re.MULTILINE)[0]
                words = [word.replace("N", "5", 1) for word in shlex.split(command)]
                shown = ask(*words)
            assert finished(conn, order).status == "done"


def _told(ask: Callable[..., str], order: str, cause: str) -> str:
    """What is shown of an order, once it says the cause."""

    def told() -> str | None:
        shown = ask("show", order)
        return shown if re.search(rf"^ +{cause}: ", shown, re.MULTILINE) else None

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


def test_one_customer_s_work_ends_and_the_others_goes_on(
    ask: Callable[..., str], conn: Connection, dsn: str
) -> None:
    enqueue_many(conn, [Entry(Checkout, {"customer": n % 2, "how": "signal"}) for n in range(6)])
    with running(dsn, [Checkout]):
        until(lambda: ask("ps", "--status", "awaiting_signal", "--json").count("\n") == 6)
        ask("cancel", "--state", '{"customer": 1}', "--reason", "left", "--yes")
    assert ask("ps", "--status", "awaiting_signal", "--json").count('"customer":0') == 3
    assert ask("ps", "--status", "failed", "--json").count('"reason":"left"') == 3
