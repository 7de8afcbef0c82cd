"""What a user does to instances: ``cancel`` and ``retry``, one or many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import psycopg
import typer

from gendurable.cli.command import Dsn, Json, Yes, command, connected
from gendurable.cli.output import Column, coloured, confirm, emit, progress, put, stdout, table
from gendurable.cli.reading import (
    ConcurrencyKey,
    Filter,
    Key,
    KeyOnly,
    Machine,
    QueueName,
    State,
    StepName,
    Targets,
    address,
    duration,
    given_value,
    walk,
)
from gendurable.cli.show import no_instance
from gendurable.client import cancel as cancel_one
from gendurable.client import cancel_many, retry_many, status
from gendurable.client import retry as retry_one
from gendurable.errors import UsageError
from gendurable.look import Failure, failures

__all__ = ["cancel", "retry"]

_BATCH = 500
_TRIES = 5
_LIVE = ["runnable", "executing", "awaiting_signal", "awaiting_children"]
_DONE_SO = {"cancelled", "retried"}
_MEANING = {
    "no_target": " (finished, or not there)",
    "not_failed": " (only what has failed is retried)",
    "key_taken": " (another instance has its correlation key)",
    "busy": " (another transaction has it locked: try again)",
}

_Kinds = Counter[tuple[str, str, str]]


@command(
    examples=[
        "cancel order:42 --reason 'wrong price'",
        "cancel 17 --cascade",
        """cancel --state '{"customer": 7}' --reason 'customer left'""",
        "cancel --concurrency-key customer:7 --reason 'customer left'",
        "cancel --key 'customer:7:*' --yes",
    ]
)
def cancel(
    targets: Targets = None,
    dsn: Dsn = None,
    reason: Annotated[
        str | None, typer.Option(help="For people; it stands in the error.", show_default=False)
    ] = None,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="All that descends from them, too.")
    ] = False,
    machine: Machine = None,
    queue: QueueName = None,
    step: StepName = None,
    key: Key = None,
    concurrency_key: ConcurrencyKey = None,
    state: State = None,
    older: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Enqueued before: 90s, 1h.", show_default=False),
    ] = None,
    by_key: KeyOnly = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Cancel instances: those named, or all that match.

    They are failed at once, executing or not. Only what lives matches; it is counted first, and
    done only if you say so, or with --yes.
    """
    wanted = Filter(machine, queue, step, _LIVE, key, concurrency_key, None, state, None, older)
    if targets and not wanted.is_empty:
        raise UsageError("name instances, or say which with --key, --state and the like: not both")
    if not targets and wanted.is_empty:
        raise UsageError("say which: ids, correlation keys, or --key, --state and the like")
    if targets:
        ids = _ids(dsn, targets, by_key=by_key)
    else:
        ids, kinds = _live(dsn, wanted)
        if not ids:
            raise UsageError("no live instance matches")
        _preview(kinds, as_json=as_json)
        confirm(f"Cancel these {len(ids):,} instances?", yes=yes)
    if cascade:
        results = _each(dsn, ids, lambda conn, one: _cancelled(conn, one, reason))
    else:
        results = _in_batches(dsn, ids, "cancelled", lambda c, some: cancel_many(c, some, reason))
    _report(results, as_json=as_json)


@command(
    examples=[
        "retry order:42",
        "retry 17 --step ship",
        "retry --failed --machine Checkout --since 1h",
        "retry --failed --since 2h --error TimeoutError --yes",
    ]
)
def retry(
    targets: Targets = None,
    dsn: Dsn = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="All that have failed and match, not some ids.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="With --failed: how long ago at most.", show_default=False
        ),
    ] = None,
    machine: Machine = None,
    queue: QueueName = None,
    error: Annotated[
        str | None,
        typer.Option(help="With --failed: with this type of error.", show_default=False),
    ] = None,
    step: Annotated[
        str | None,
        typer.Option(
            "--step",
            help="With --failed: that failed at this step. Else: go on there instead.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="Of instances that are named: go on with this state instead.",
            show_default=False,
        ),
    ] = None,
    by_key: KeyOnly = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Retry failed instances: those named, or all that match.

    They go on with the step that failed. What matches is counted first, and done only if you say
    so, or with --yes. Cancelled ones are failed too, but not meant by --failed, unless by --error
    cancelled.
    """
    if targets and failed:
        raise UsageError("name instances, or say which with --failed --since 1h: not both")
    if not targets and not failed:
        raise UsageError("say which: ids, correlation keys, or --failed --since 1h")
    if targets and (since, machine, queue, error) != (None, None, None, None):
        raise UsageError("--since, --machine, --queue and --error are for --failed")
    if failed:
        if since is None:
            raise UsageError("--failed wants --since, how long ago at most, such as --since 1h")
        if state is not None:
            raise UsageError("--state is for instances that are named")
        found = _failed(dsn, since, machine, queue, step, error)
        if not found:
            raise UsageError(f"nothing that matches has failed in the last {since}")
        _preview(Counter((f.fsm, f.step, _kind(f)) for f in found), as_json=as_json)
        confirm(f"Retry these {len(found):,} instances?", yes=yes)
        ids = [one.id for one in found]
    else:
        ids = _ids(dsn, targets or [], by_key=by_key)
    if (step is not None and not failed) or state is not None:
        value = given_value("--state", state)
        results = _each(dsn, ids, lambda conn, one: retry_one(conn, one, step, value))
    else:
        results = _in_batches(dsn, ids, "retried", retry_many)
    _report(results, as_json=as_json)


def _ids(dsn: str | None, targets: Sequence[str], *, by_key: bool) -> list[int]:
    """The ids of what a user has named, each once."""
    found: dict[int, None] = {}
    with connected(dsn) as conn:
        for target in targets:
            wanted = address(target, by_key=by_key)
            if isinstance(wanted, str):
                instance = status(conn, wanted)
                if instance is None:
                    raise no_instance(dsn, target, wanted)
                wanted = instance.id
            found[wanted] = None
    return list(found)


def _live(dsn: str | None, wanted: Filter) -> tuple[list[int], _Kinds]:
    """All live instances that match, and of which kinds they are."""
    ids: list[int] = []
    kinds: _Kinds = Counter()
    with connected(dsn) as conn, progress("found") as moved:
        for page in walk(conn, wanted):
            ids += [one.id for one in page]
            kinds.update((one.fsm, one.step, one.status) for one in page)
            moved(len(page))
    return ids, kinds


def _failed(
    dsn: str | None,
    since: str,
    machine: str | None,
    queue: str | None,
    step: str | None,
    error: str | None,
) -> list[Failure]:
    """All that has failed and matches; what was cancelled only if it is asked for."""
    ago = duration("--since", since)
    found: list[Failure] = []
    last: Failure | None = None
    with connected(dsn) as conn, progress("found") as moved:
        while True:
            page = failures(conn, since=ago, machine=machine, most=_BATCH, before=last)
            matching = [
                one
                for one in page
                if queue in (None, one.queue)
                and step in (None, one.step)
                and (_kind(one) != "cancelled" if error is None else _kind(one) == error)
            ]
            found += matching
            moved(len(matching))
            if len(page) < _BATCH:
                return found
            last = page[-1]


def _kind(failure: Failure) -> str:
    error = failure.error
    kind = (error.get("type") or error.get("kind")) if isinstance(error, dict) else None
    return str(kind or "-")


def _preview(kinds: _Kinds, *, as_json: bool) -> None:
    """What would be changed, by machine, step and status or error."""
    if as_json:
        return
    columns: list[Column[tuple[tuple[str, str, str], int]]] = [
        Column("COUNT", lambda k: k[1], right=True),
        Column("MACHINE", lambda k: k[0][0], long=True),
        Column("STEP", lambda k: k[0][1], long=True),
        Column("", lambda k: coloured(k[0][2])),
    ]
    put(stdout(), table(kinds.most_common(), columns))


def _in_batches(
    dsn: str | None,
    ids: Sequence[int],
    what: str,
    change: Callable[[psycopg.Connection[Any], list[int]], list[str]],
) -> dict[int, str]:
    """Change instances, some in each transaction; those that are busy a few times more."""
    results: dict[int, str] = {}
    left = list(ids)
    with progress(what, len(left)) as moved:
        for tries in range(_TRIES):
            if tries:
                time.sleep(0.2)
            for start in range(0, len(left), _BATCH):
                some = left[start : start + _BATCH]
                with connected(dsn) as conn:
                    answers = change(conn, some)
                results.update(zip(some, answers, strict=True))
                moved(sum(answer != "busy" for answer in answers))
            left = [one for one in left if results[one] == "busy"]
            if not left:
                break
    return results


def _each(
    dsn: str | None, ids: Sequence[int], change: Callable[[psycopg.Connection[Any], int], str]
) -> dict[int, str]:
    """Change instances, each in a transaction of its own."""
    results = {}
    with progress("changed", len(ids)) as moved:
        for one in ids:
            with connected(dsn) as conn:
                results[one] = change(conn, one)
            moved(1)
    return results


def _cancelled(conn: psycopg.Connection[Any], instance: int, reason: str | None) -> str:
    return "cancelled" if cancel_one(conn, instance, reason, cascade=True) else "no_target"


def _report(results: dict[int, str], *, as_json: bool) -> None:
    """Say what became of each, or of all together; not all of them is an error."""
    counts = Counter(results.values())
    if as_json:
        for one, result in results.items():
            emit({"id": one, "result": result})
    elif len(results) == 1:
        ((one, result),) = results.items()
        typer.echo(f"{one}: {result}{_MEANING.get(result, '')}")
    else:
        told = (f"{count:,} {word}{_MEANING.get(word, '')}" for word, count in counts.most_common())
        typer.echo(", ".join(told))
    if not set(counts) <= _DONE_SO:
        raise typer.Exit(1)
