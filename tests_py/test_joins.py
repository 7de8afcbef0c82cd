"""Joins that end before the last child, as docs/children.md shows them."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    Machine,
    ScheduleChildren,
    Stop,
    enqueue,
    signal,
    step,
)
from support import finished, running, until
from test_docs import blocks

Connection = psycopg.Connection[Any]


class Carrier(Machine[dict[str, Any]]):
    """Answers when it is told to, or fails."""

    @step
    def start(self, _: Context[dict[str, Any]]) -> Await:
        return Await("answer", step=self.answered)

    @step
    def answered(self, ctx: Context[dict[str, Any]]) -> Done | Stop:
        price = ctx.awaited[0].payload
        return Stop({"kind": "away"}) if price == 0 else Done({**ctx.state, "price": price})


class Order(Machine[dict[str, Any]]):
    """Needs all of them."""

    @step
    def start(self, ctx: Context[dict[str, Any]]) -> ScheduleChildren:
        carriers = [Entry(Carrier, {"name": name}) for name in ctx.state["carriers"]]
        return ScheduleChildren(carriers, step=self.joined, join="first_failure")

    @step
    def joined(self, ctx: Context[dict[str, Any]]) -> Done:
        return Done([[one.status, (one.error or {}).get("kind")] for one in ctx.children or []])


def documented() -> Any:
    """The machine of docs/children.md."""
    names: dict[str, Any] = {
        "Any": Any, "Context": Context, "Done": Done, "Entry": Entry, "Machine": Machine,
        "ScheduleChildren": ScheduleChildren, "Stop": Stop, "step": step,
    }  # fmt: skip
    (source,) = blocks("docs/children.md", "python")
    exec(re.sub(r" -> Done \| Stop| -> ScheduleChildren", "", source), names)
    return names["Quote"]


def parked(conn: Connection, parent: int) -> list[int]:
    """Wait until the three children of a parent await their answer; their ids, in order."""
    query = (
        "select id from gendurable.instances"
        " where parent_id = %s and phase = 'awaiting_signal' order by ord"
    )
    until(lambda: len(conn.execute(query, (parent,)).fetchall()) == 3, "the children are parked")
    return [row[0] for row in conn.execute(query, (parent,)).fetchall()]


@pytest.mark.parametrize(("answers", "price"), [([0, 7], 7), ([0, 0, 0], None)])
def test_a_race_ends_with_the_first_that_is_done_or_when_all_have_failed(
    conn: Connection, dsn: str, answers: list[int], price: int | None
) -> None:
    quote = documented()
    with running(dsn, [quote, Carrier]):
        one = enqueue(conn, quote, {"carriers": ["a", "b", "c"]}).id
        children = parked(conn, one)
        for child, answer in zip(children, answers, strict=False):
            signal(conn, child, "answer", answer)
            finished(conn, child)
        end = finished(conn, one)
        if price is None:
            assert end.error == {"kind": "no_carrier"}
        else:
            assert end.result == {"name": "b", "price": price}
            assert finished(conn, children[2]).error == {
                "kind": "cancelled",
                "reason": "the join of its round is over",
            }


def test_all_or_nothing_ends_with_the_first_that_fails(conn: Connection, dsn: str) -> None:
    with running(dsn, [Order, Carrier]):
        one = enqueue(conn, Order, {"carriers": ["a", "b", "c"]}).id
        children = parked(conn, one)
        signal(conn, children[1], "answer", 5)
        finished(conn, children[1])
        signal(conn, children[0], "answer", 0)
        assert finished(conn, one).result == [
            ["failed", "away"],
            ["done", None],
            ["failed", "cancelled"],
        ]
