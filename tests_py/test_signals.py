"""Awaiting the same name again, and children that were duplicates: what a step is handed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gendurable import (
    Await,
    ChildResult,
    Context,
    Done,
    Entry,
    Machine,
    Retry,
    ScheduleChildren,
    children,
    enqueue,
    signal,
    step,
)
from support import finished, running, until
from test_docs import blocks

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]


def documented() -> tuple[type[Machine[Any]], type[Machine[Any]]]:
    """The machines of docs/signals.md."""
    names: dict[str, Any] = {
        "Any": Any, "Await": Await, "Context": Context, "Done": Done, "Machine": Machine,
        "step": step,
    }  # fmt: skip
    for source in blocks("docs/signals.md", "python"):
        exec(re.sub(r" -> Await \| Done", "", source), names)
    return names["Poll"], names["Total"]


def parked(conn: Connection, target: int, parks: int) -> None:
    """Wait until an instance has awaited so often and sleeps."""
    until(
        lambda: (
            conn.execute(
                "select from gendurable.instances"
                " where id = %s and phase = 'awaiting_signal' and parks = %s",
                (target, parks),
            ).fetchone()
            is not None
        ),
        f"{target} is parked for the {parks}. time",
    )


def test_three_votes_count_three_where_they_accumulate(conn: Connection, dsn: str) -> None:
    poll, _ = documented()
    with running(dsn, [poll]):
        one = enqueue(conn, poll, {}).id
        for number, vote in enumerate(["yes", "no", "yes"], 1):
            parked(conn, one, number)
            signal(conn, one, "vote", vote)
        assert finished(conn, one).result == {"yes": 2, "votes": 3}


def test_a_sum_takes_each_amount_once_where_it_consumes(conn: Connection, dsn: str) -> None:
    _, total = documented()
    with running(dsn, [total]):
        one = enqueue(conn, total, 0).id
        for number, amount in enumerate([1, 10, 100], 1):
            parked(conn, one, number)
            signal(conn, one, "amount", amount)
        parked(conn, one, 4)
        signal(conn, one, "close")
        assert finished(conn, one).result == 111


class Teller(Machine[list[Any]]):
    """Notes what is new in each run; each run that finds something fails once."""

    @step
    def start(self, ctx: Context[list[Any]]) -> Await | Retry | Done:
        news = [one.payload for one in ctx.newly_awaited]
        noted = [*ctx.state, [ctx.attempt, news, len(ctx.awaited)]]
        if news and not ctx.attempt:
            return Retry(state=noted)
        return Await("n", state=noted) if len(ctx.awaited) < 2 else Done(noted)


def test_a_step_knows_which_of_the_awaited_are_new_and_so_does_its_redo(
    conn: Connection, dsn: str
) -> None:
    with running(dsn, [Teller]):
        one = enqueue(conn, Teller, []).id
        for number in (1, 2):
            parked(conn, one, number)
            signal(conn, one, "n", number)
        assert finished(conn, one).result == [
            [0, [], 0], [0, [1], 1], [1, [1], 1], [0, [2], 2], [1, [2], 2],
        ]  # fmt: skip


class Family(Machine[Any]):
    """A parent of which two children are duplicates."""

    @step
    def start(self, _: Context[Any]) -> ScheduleChildren:
        keys = ["taken", None, "new", "new"]
        return ScheduleChildren([Entry(Child, correlation_key=key) for key in keys], step=self.join)

    @step
    def join(self, ctx: Context[Any]) -> Done:
        return Done([[c.ord, c.id, c.fsm, c.status, c.result] for c in ctx.children or []])


class Child(Machine[Any]):
    """A child."""

    @step
    def start(self, _: Context[Any]) -> Done:
        return Done("made")


def test_a_join_lists_a_child_whose_key_was_occupied_with_the_occupant(
    conn: Connection, dsn: str
) -> None:
    occupant = enqueue(conn, "Elsewhere", queue="nobody's", correlation_key="taken").id
    with running(dsn, [Family, Child]):
        family = enqueue(conn, Family).id
        result = finished(conn, family).result
    listed = children(conn, family)
    assert [[c.ord, c.id, c.fsm, c.status, c.result] for c in listed] == result
    made = [child.id for child in listed]
    assert listed[0] == ChildResult(occupant, 1, "Child", "duplicate")
    assert [child.status for child in listed] == ["duplicate", "done", "done", "duplicate"]
    assert made[2] == made[3], "the second one of the batch was the duplicate of the first"
