"""The settings of a worker, checked before it does anything with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from gendurable.errors import UsageError
from gendurable.hooks import Lifespan, Middleware
from gendurable.text import safe_repr

__all__ = ["WorkerSettings", "check_pace", "check_queues", "check_settings"]

_LONGEST = 365 * 24 * 3600.0
_MOST_AT_ONCE = 10_000
# A worker does something each third of its lease, and at each poll: less would keep it busy.
_SHORTEST = 0.01


class WorkerSettings(TypedDict, total=False):
    """The settings of a ``Worker``, for ``run_worker``."""

    dsn: str | None
    listen_dsn: str | None
    queues: Mapping[str, int] | None
    name: str | None
    lease: float
    heartbeat: float | None
    drain: float
    poll: float
    prefetch: int
    min_demand: int
    maintenance: float | None
    pooler: bool
    lifespans: Sequence[Lifespan]
    middleware: Sequence[Middleware]
    resolve: Sequence[str]


def check_settings(
    *,
    queues: Mapping[str, int],
    lease: float,
    drain: float,
    poll: float,
    name: str | None = None,
    heartbeat: float | None = None,
    prefetch: int = 0,
    min_demand: int = 1,
    maintenance: float | None = None,
) -> None:
    """Refuse settings that no worker of some queues can work with.

    Args:
        queues: how many executions at once, by queue.
        lease: seconds.
        drain: seconds.
        poll: seconds.
        name: the worker's name; None for the default.
        heartbeat: seconds; None for a third of the lease.
        prefetch: how many claims wait for a place.
        min_demand: how much room a pick is worth.
        maintenance: seconds; None: there is none.

    Raises:
        UsageError: the first setting that is out of range, by its name.
    """
    check_pace(
        lease=lease, drain=drain, poll=poll, name=name, heartbeat=heartbeat, prefetch=prefetch,
        min_demand=min_demand, maintenance=maintenance,
    )  # fmt: skip
    check_queues(queues)


def check_pace(
    *,
    lease: float,
    drain: float,
    poll: float,
    name: str | None,
    heartbeat: float | None,
    prefetch: int,
    min_demand: int,
    maintenance: float | None,
) -> None:
    """Refuse the settings of a worker that have nothing to do with its queues.

    Raises:
        UsageError: the first one that is out of range, by its name.
    """
    _check_seconds("lease", lease, least=_SHORTEST)
    _check_seconds("poll", poll, least=_SHORTEST)
    _check_seconds("drain", drain, least=0)
    if heartbeat is not None:
        _check_seconds("heartbeat", heartbeat, least=_SHORTEST)
        if heartbeat > lease / 2:
            raise UsageError(
                f"heartbeat is {heartbeat:g}: expected at most half of the lease ({lease:g} s), "
                "so that one that is late costs no claims"
            )
    if maintenance is not None:
        _check_seconds("maintenance", maintenance, least=_SHORTEST)
    _check_count("prefetch", prefetch, least=0)
    _check_count("min_demand", min_demand, least=1)
    if name is not None:
        _check_text("the worker's name", name)


def _check_count(setting: str, value: Any, *, least: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= _MOST_AT_ONCE:
        raise UsageError(
            f"{setting} is {safe_repr(value, 40)}: expected a whole number "
            f"from {least} to {_MOST_AT_ONCE:,}"
        )


def _check_seconds(setting: str, value: Any, *, least: float) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value <= _LONGEST:
        raise UsageError(
            f"{setting} is {safe_repr(value, 40)}: expected a number of seconds, "
            f"{least} to {_LONGEST:,.0f} (a year)"
        )


def check_queues(queues: Any) -> None:
    """Refuse what is no number of executions for each of some queues.

    Raises:
        UsageError: the first queue that is wrong, by its name.
    """
    if not isinstance(queues, Mapping) or not queues:
        raise UsageError(
            f"queues is {safe_repr(queues, 40)}: expected how many executions at once by queue, "
            "for example {'default': 10}"
        )
    for queue, concurrency in queues.items():
        _check_text("the name of a queue", queue)
        whole = isinstance(concurrency, int) and not isinstance(concurrency, bool)
        if not whole or not 1 <= concurrency <= _MOST_AT_ONCE:
            raise UsageError(
                f"queue {safe_repr(queue, 40)}: its concurrency is {safe_repr(concurrency, 40)}, "
                f"expected a whole number from 1 to {_MOST_AT_ONCE:,}"
            )
    total = sum(queues.values())
    if total > _MOST_AT_ONCE:
        raise UsageError(
            f"all queues together have a concurrency of {total:,}, "
            f"more than the {_MOST_AT_ONCE:,} that one worker takes\n"
            "Start further workers for the rest."
        )


def _check_text(what: str, value: Any) -> None:
    """Refuse what PostgreSQL cannot store as text; how long it may be is the engine's to say."""
    problem = None
    if not isinstance(value, str):
        problem = "expected a string"
    elif not value:
        problem = "it is empty"
    elif "\0" in value:
        problem = "it has a NUL character"
    elif any("\ud800" <= letter <= "\udfff" for letter in value):
        problem = "it is not valid Unicode"
    if problem is not None:
        raise UsageError(f"{what} is {safe_repr(value, 40)}: {problem}")
