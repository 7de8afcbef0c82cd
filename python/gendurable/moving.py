"""Moving virtual partitions from one database to another, while all others go on.

What moves is in one of the two at any moment: first it leaves for a table of the source, then the
target takes it over and notes that, and then the source forgets it. So a move that was interrupted
goes on where it was when it is started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import psycopg

from gendurable.database import connect_sync, conninfo, to_primary
from gendurable.errors import UsageError, engine_errors

__all__ = ["Moved", "move_partitions"]

_PAUSE = 0.05
_LOCK_TIMEOUT = "5s"


class Moved(NamedTuple):
    """What became of one partition: how many rows moved, and how long it was stopped."""

    partition: int
    rows: int
    seconds: float


def move_partitions(
    partitions: Collection[int],
    source: str,
    target: str,
    router: str,
    *,
    placed: str | None = None,
    wait: float = 60,
    tell: Callable[[Moved], None] | None = None,
) -> list[Moved]:
    """Move partitions one after the other; calls about the one that moves are refused (GD030).

    Args:
        partitions: numbers from 0 to 63.
        source: the database that holds them, as its owner.
        target: the database that is to hold them, as its owner.
        router: the router, as its owner.
        placed: what the router is to connect to the target with; ``target`` by default.
        wait: seconds that transactions get to end which were open when a partition left.
        tell: is called after each partition.

    Raises:
        UsageError: a database cannot be reached; or a transaction that may leave something behind
            does not end. Start the move again: it goes on.
        InvalidArgumentError: the source does not have the partition, or the target cannot have it.
    """
    moved = []
    for partition in partitions:
        started = time.monotonic()
        rows = _move(partition, source, target, router, started + wait)
        _call(router, "select public.gd_place_partitions(%s, %s, %s)",
              partition, partition, placed or target)  # fmt: skip
        _call(source, "select gendurable._end_departure(%s)", partition)
        moved.append(Moved(partition, rows, time.monotonic() - started))
        if tell is not None:
            tell(moved[-1])
    return moved


def _move(partition: int, source: str, target: str, router: str, until: float) -> int:
    """Move all of a partition; answers how many rows it had."""
    ((there,),) = _call(target, "select gendurable._holds_partition(%s)", partition)
    if there:
        # A move that was interrupted at its end.
        return 0
    ((destination,),) = _call(target, "select gendurable._expect_partition(%s)", partition)
    _call(source, "select gendurable._begin_departure(%s, %s)", partition, destination)
    _call(router, "select public.gd_stop_partitions(%s, %s)", partition, partition)
    # What an interrupted move has left on its way comes first.
    rows, calls, bound, ended = _take_over(partition, source, target), 0, 0, False
    while not ended:
        found = _patiently(
            source,
            "select departed, xid::text, oldest::text from gendurable._depart(%s)",
            partition,
        )
        if found:
            ((departed, xid, oldest),) = found
            rows += _take_over(partition, source, target)
            calls += 1
            if calls == 2:
                bound = int(xid)
            ended = departed == 0 and calls > 1 and int(oldest) >= bound
        if not ended:
            _pause(partition, until)
    while not _patiently(target, "select gendurable._hold_partition(%s)", partition):
        _pause(partition, until)
    return rows


def _pause(partition: int, until: float) -> None:
    if time.monotonic() > until:
        raise UsageError(
            f"partition {partition} has not left: a transaction that was open when the move "
            "began is open still\nEnd it, and start the move again: it goes on."
        )
    time.sleep(_PAUSE)


def _patiently(dsn: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """A call that waits for locks; without an answer where it has waited for long."""
    try:
        return _call(dsn, query, *parameters)
    except psycopg.errors.LockNotAvailable:
        return []


def _take_over(partition: int, source: str, target: str) -> int:
    rows = 0
    while found := _call(
        source, "select move, first, last, entries::text from gendurable._moved(%s)", partition
    ):
        ((move, first, last, entries),) = found
        _call(target, "select gendurable._arrive(%s, %s, %s::jsonb)", move, first, entries)
        _call(source, "select gendurable._forget_moved(%s, %s)", move, last)
        rows += 1 + last - first
    return rows


def _call(dsn: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """One call, which is a transaction of its own."""
    with engine_errors(), connect_sync(to_primary(conninfo(dsn))) as conn:
        conn.execute("select pg_catalog.set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
        return conn.execute(query, parameters).fetchall()
