"""For tests of applications: run everything that is runnable, here and now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from inspect import isawaitable
from typing import Any

import msgspec
from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from gendurable.arguments import texts
from gendurable.calls import no_connection
from gendurable.context import Context
from gendurable.database import use_own_adapters
from gendurable.errors import InvalidOutcomeError, UsageError, engine_errors
from gendurable.failures import conclude, verdict
from gendurable.machine import Definition, Machine, UserFunction, definitions_of
from gendurable.outcomes import Outcome
from gendurable.pages import missing_pages
from gendurable.protocol import COMMIT, PICK
from gendurable.settle import Settled, settle

__all__ = ["Ran", "drain"]


class Ran(msgspec.Struct, frozen=True):
    """One step that ``drain`` ran.

    Attributes:
        id: the instance.
        fsm: its machine.
        step: the step.
        attempt: 0 for the first execution.
        outcome: what it answered, or what the error handling made of its exception.
    """

    id: int
    fsm: str
    step: str
    attempt: int
    outcome: Outcome


def drain(
    conn: Connection[Any],
    machines: Iterable[Machine[Any] | type[Machine[Any]]],
    *,
    queues: str | Iterable[str] = ("default",),
    limit: int = 1000,
) -> list[Ran]:
    """Run every runnable instance until none is left, inside the caller's transaction.

    A test can so enqueue, drain, look and roll back. What is delayed, retried later or parked stays
    where it is. No event loop may be running: async steps get one of their own.

    Args:
        conn: the caller's sync connection.
        machines: what can be run; meeting anything else is an error.
        queues: where to look, one or several.
        limit: steps after which to give up on an instance that goes round in circles.

    Raises:
        UsageError: an argument of a wrong type, an unknown machine or step, more than ``limit``
            steps, an async connection, or a running event loop.
        InvalidOutcomeError: the engine refused an outcome.
        IsolationError: the caller's transaction is not READ COMMITTED.
    """
    _check_surroundings(conn)
    definitions = {
        (definition.name, definition.version): definition for definition in definitions_of(machines)
    }
    ran: list[Ran] = []
    queues = texts("queues", queues)
    # A cursor of its own class: what the caller's connection makes of placeholders is unknown.
    with engine_errors(), Cursor(conn, row_factory=tuple_row) as cursor:
        use_own_adapters(cursor)
        declares = _register(cursor, (), definitions.values())
        worker = _register(cursor, queues)
        while picked := _pick(cursor, worker, queues):
            if len(ran) >= limit:
                raise UsageError(f"{limit} steps ran and there is still work")
            definition = _definition_of(picked, definitions)
            settled = _run(definition, picked)
            _commit(cursor, worker, settled)
            ran.append(Ran(picked.id, picked.fsm, picked.step, picked.attempt, settled.outcome))
        for each in (declares, worker):
            cursor.execute("select public.gd_unregister(%s)", (each,))
    return ran


def _register(
    cursor: Any, queues: Sequence[str], declared: Iterable[Definition] | None = None
) -> int:
    """Register a worker, of which none picks and declares: an unknown machine is to be met."""
    machines = None if declared is None else [each.declaration() for each in declared]
    query = "select public.gd_register('drain', %s::text[], info => %s::jsonb)"
    info = msgspec.json.encode({"machines": machines}).decode()
    return int(cursor.execute(query, (list(queues), info)).fetchall()[0][0])


def _check_surroundings(conn: object) -> None:
    if not isinstance(conn, Connection):
        raise no_connection(conn, "a sync psycopg connection")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        "drain runs async steps in an event loop of its own, and there is one running here\n"
        "In an async test: await asyncio.to_thread(drain, conn, machines)."
    )


def _pick(cursor: Any, worker: int, queues: Sequence[str]) -> Context[Any] | None:
    for queue in queues:
        # In binary no value's text depends on a setting of the session.
        rows = cursor.execute(PICK, (worker, queue, 1), binary=True).fetchall()
        if rows:
            ctx: Context[Any] = Context(*rows[0])
            _complete(cursor, ctx)
            return ctx
    return None


def _complete(cursor: Any, ctx: Context[Any]) -> None:
    pages = missing_pages(ctx)
    with suppress(StopIteration):
        query = next(pages)
        while True:
            query = pages.send(cursor.execute(*query).fetchall())


def _commit(cursor: Any, worker: int, settled: Settled) -> None:
    entries = f"[{settled.entry.decode()}]"
    answer = cursor.execute(COMMIT, (worker, entries)).fetchall()[0]
    if answer[2] != "committed":
        raise InvalidOutcomeError(f"{settled.entry.decode()}: {answer[2]}: {answer[3]}")


def _definition_of(ctx: Context[Any], definitions: dict[tuple[str, int], Definition]) -> Definition:
    definition = definitions.get((ctx.fsm, ctx.fsm_version))
    if definition is None or ctx.step not in definition.steps:
        raise UsageError(
            f"instance {ctx.id} is at {ctx.fsm} v{ctx.fsm_version} step {ctx.step!r}, "
            "which is none of the machines given"
        )
    return definition


def _run(definition: Definition, ctx: Context[Any]) -> Settled:
    ctx.codec = definition.codec
    if (settled := verdict(definition, ctx)) is not None:
        return settled
    answered = False
    try:
        outcome = _call(definition.steps[ctx.step], ctx)
        answered = True
        return settle(definition, ctx, outcome)
    except Exception as exc:  # noqa: BLE001 (that is what error handlers are for)
        if definition.on_error is None:
            return conclude(definition, ctx, exc, final=answered)
        ctx.forget_changes()
        try:
            return settle(definition, ctx, _call(definition.on_error, ctx, exc))
        except Exception as failure:  # noqa: BLE001 (a handler may fail like any code)
            return conclude(definition, ctx, failure, final=answered)


def _call(called: UserFunction, *args: Any) -> Any:
    answer: Any = called.function(*args)
    return asyncio.run(_awaited(answer)) if isawaitable(answer) else answer


async def _awaited(answer: Any) -> Any:
    while isawaitable(answer):
        answer = await answer
    return answer
