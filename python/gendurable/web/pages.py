"""The pages: where each is, what it shows, and what is read for it.

A topic is a page with its query: what is read once for all of its viewers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import msgspec

from gendurable import client, look
from gendurable.database import Connection
from gendurable.errors import UsageError
from gendurable.web import family, gantt, rates

__all__ = [
    "PAGES",
    "REMEDIES",
    "SPANS",
    "STATUSES",
    "Missing",
    "Names",
    "Page",
    "Query",
    "answers",
    "is_cancelled",
    "names",
    "of_topic",
    "raw",
    "searched",
]

LIVE = ("runnable", "executing", "awaiting_signal", "awaiting_children")
STATUSES = (*LIVE, "done", "failed")
SPANS = {"15m": 900, "1h": 3_600, "6h": 21_600, "1d": 86_400, "7d": 604_800, "30d": 2_592_000}
_LARGEST = 2**63 - 1
_MOST_SHOWN = 50
_OLD = 60
"""Seconds after which a transaction is one to look at."""
_MOST_LOOKED_AT = 20_000
_MOST_STUCK = 1_000
_MOST_NODES = 200
MOST_FAILURES = 1_000


class Missing(UsageError):  # noqa: N818 (as the page says it)
    """There is nothing at this address."""


class Query(Mapping[str, str]):
    """What a page was asked for, in the order of its fields; what was left out is empty."""

    def __init__(self, fields: tuple[str, ...], given: Mapping[str, str]) -> None:
        self._values = {name: given.get(name, "").strip() for name in fields}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str) -> str | None:
        """The value of a field; None if it is empty."""
        return self._values[name] or None

    def id(self, name: str) -> int | None:
        """A field that is the id of an instance."""
        given = self._values[name]
        if not given:
            return None
        if not (given.isascii() and given.isdigit() and len(given) < 20 and int(given) <= _LARGEST):
            raise UsageError(f"{name}: {given[:40]} is no id of an instance")
        return int(given)

    def json(self, name: str) -> Any:
        """A field that is JSON; None if it is empty."""
        given = self._values[name]
        if not given:
            return None
        try:
            return msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError) as exc:
            raise UsageError(
                f'{name}: {given[:80]} is no JSON; for example {{"customer": 7}} ({exc})'
            ) from exc

    def span(self, name: str, default: str) -> timedelta:
        """A field that is one of the spans."""
        given = self._values[name] or default
        if given not in SPANS:
            raise UsageError(f"{name}: {given[:40]} is none of {', '.join(SPANS)}")
        return timedelta(seconds=SPANS[given])


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page.

    Attributes:
        name: of its route and its topic.
        title: its heading.
        path: of its route.
        template: of its live part.
        load: reads what the template shows.
        fields: the names of its query.
        filters: the template of its filters.
        menu: what the menu calls it.
        parent: the page under which it is in the menu.
    """

    name: str
    title: str
    path: str
    template: str
    load: Callable[[Connection, Query], Awaitable[dict[str, Any]]]
    fields: tuple[str, ...] = ()
    filters: str | None = None
    menu: str | None = None
    parent: str | None = None

    @property
    def menu_path(self) -> str:
        """Its address from the root."""
        return self.path.removeprefix("/")

    def query(self, path: Mapping[str, Any], given: str) -> Query:
        """What a request asks for."""
        values = dict(parse_qsl(given)) | {name: str(value) for name, value in path.items()}
        return Query(self.fields, values)

    def topic(self, path: Mapping[str, Any], given: str) -> str:
        """The name of what a request asks for, the same in all requests for it."""
        asked = {name: value for name, value in self.query(path, given).items() if value}
        return f"{self.name}?{urlencode(asked)}"


def of_topic(topic: str) -> tuple[Page, Query]:
    """The page and the query of a topic.

    Raises:
        UsageError: there is no such page.
    """
    name, _, given = topic.partition("?")
    page = PAGES.get(name)
    if page is None:
        raise Missing("There is no such page.")
    return page, page.query({}, given)


class Names(NamedTuple):
    """What to offer in filters."""

    machines: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


async def names(conn: Connection) -> Names:
    """The machines that ran in the last hour, and the queues that workers serve."""
    spent = await look.throughput(conn)
    served = {queue for worker in await look.workers(conn) for queue in worker.queues}
    return Names(tuple(sorted({row.fsm for row in spent})), tuple(sorted(served)))


async def answers(conn: Connection) -> None:
    """Fail if the engine does not answer."""
    await client.status(conn, 0)


async def raw(conn: Connection, number: int) -> dict[str, Any]:
    """What the JSON columns of an instance have."""
    found = await client.get(conn, number)
    if found is None:
        raise Missing(_FORGOTTEN)
    return {name: getattr(found, name) for name in ("id", "state", "result", "error", "progress")}


def is_cancelled(failure: look.Failure) -> bool:
    """Whether it was ended on purpose: such are failed, and retried only where they are chosen."""
    return isinstance(failure.error, dict) and failure.error.get("kind") == "cancelled"


async def failed(
    conn: Connection, span: timedelta, machine: str | None, step: str | None
) -> list[look.Failure]:
    """The newest failures, as many as a page speaks of."""
    return await look.failures(conn, since=span, machine=machine, step=step, most=MOST_FAILURES)


async def _overview(conn: Connection, _: Query) -> dict[str, Any]:
    now = datetime.now(UTC)
    spent = await look.throughput(conn)
    queues = await look.queues(conn)
    ages = [queue.oldest_ready_age for queue in queues if queue.oldest_ready_age is not None]
    return {
        "queues": queues,
        "workers": await look.workers(conn),
        "stuck": await look.stuck_groups(conn, _MOST_STUCK),
        "old": [each for each in await look.horizon(conn) if (each.seconds or 0) >= _OLD],
        "machines": rates.by_machine(spent),
        "chart": rates.chart(spent, now),
        "totals": rates.totals(spent, now),
        "oldest": max(ages, default=None),
        "since": _since(now),
    }


async def searched(
    conn: Connection,
    query: Query,
    status: str | list[str] | None,
    before: int | None,
    most: int = _MOST_SHOWN,
) -> look.Page:
    """A page of the search that a query asks for.

    Args:
        conn: the connection.
        query: of the page of instances.
        status: takes the place of the query's.
        before: where the page begins.
        most: how many at most.
    """
    given = query.text("key")
    exact = given if given is not None and not given.endswith("*") else None
    since = query.text("since") and datetime.now(UTC) - query.span("since", "1h")
    return await look.search(
        conn,
        status=status,
        machine=query.text("machine"),
        queue=query.text("queue"),
        step=query.text("step"),
        correlation_key=exact,
        key_prefix=None if given is None or exact else given.removesuffix("*"),
        concurrency_key=query.text("concurrency_key"),
        state=query.json("state"),
        since=since or None,
        before=before,
        most=most,
        looks=_MOST_LOOKED_AT,
    )


async def _instances(conn: Connection, query: Query) -> dict[str, Any]:
    found = await searched(conn, query, query.text("status"), query.id("before"))
    return {"found": found, "filtered": any(v for k, v in query.items() if k != "before")}


async def _instance(conn: Connection, query: Query) -> dict[str, Any]:
    number = query.id("id")
    found = None if number is None else await look.detail(conn, number)
    if found is None:
        raise Missing(_FORGOTTEN)
    it = found.instance
    now = datetime.now(UTC).replace(microsecond=0)
    nodes = await look.tree(conn, it.id, _MOST_NODES) if found.children else []
    holders = [] if it.worker_id is None else await look.workers(conn)
    return {
        "it": it,
        "why": found.why,
        "events": found.history,
        "gantt": gantt.draw(it, found.history, now),
        "later": it.eligible_at if it.eligible_at and it.eligible_at > now else None,
        "inbox": found.inbox,
        "children": found.children,
        "tree": family.tree(nodes),
        "tally": family.tally(nodes),
        "waits_for": next((n for n in nodes if n.parent_id == it.id and not n.finished_at), None),
        "cut": len(nodes) >= _MOST_NODES,
        "worker": next((w for w in holders if w.id == it.worker_id), None),
    }


async def _queues(conn: Connection, _: Query) -> dict[str, Any]:
    return {"queues": await look.queues(conn), "since": _since(datetime.now(UTC))}


async def _limits(conn: Connection, _: Query) -> dict[str, Any]:
    return {"limits": await look.limits(conn)}


async def _limit(conn: Connection, query: Query) -> dict[str, Any]:
    kind, name = query["kind"], query["name"]
    found = [x for x in await look.limits(conn) if (x.kind, x.name) == (kind, name)]
    if not found:
        raise Missing("There is no such limit, and nothing names it.")
    return {"limit": found[0], "lines": await look.lines(conn, kind, name)}


async def _schedules(conn: Connection, _: Query) -> dict[str, Any]:
    return {"schedules": await look.schedules(conn)}


async def _failures(conn: Connection, query: Query) -> dict[str, Any]:
    span = query.span("since", "1h")
    machine, step = query.text("machine"), query.text("step")
    found = await failed(conn, span, machine, step)
    return {
        "groups": []
        if not found
        else await look.failure_groups(
            conn, since=span, machine=machine, step=step, looks=MOST_FAILURES
        ),
        "rows": found[:_MOST_SHOWN],
        "number": len(found),
        "retried": sum(not is_cancelled(each) for each in found),
        "more": len(found) == MOST_FAILURES,
        "span": query["since"] or "1h",
    }


def _since(now: datetime) -> Callable[[float | None], datetime | None]:
    """From an age to a moment, in whole seconds, which stays the same from poll to poll."""

    def since(age: float | None) -> datetime | None:
        return None if age is None else (now - timedelta(seconds=age)).replace(microsecond=0)

    return since


REMEDIES: Mapping[str, str] = {
    "queue_paused": "Resume the queue.",
    "no_worker": "Start a worker for this queue.",
    "no_machine": "Start a worker that has this machine, version and step.",
    "queue_limit": "Raise the queue's limit, or wait for what executes.",
    "concurrency_key": "Wait for what executes under this key, or raise its limit.",
    "unknown_rate_limit": "Set this rate limit.",
    "weight_above_burst": "Raise the burst, or enqueue with a smaller weight.",
}


async def _lost(_: Connection, __: Query) -> dict[str, Any]:
    raise Missing("There is no such page.")


_FORGOTTEN = "There is no such instance. It may be finished and forgotten."

PAGES: Mapping[str, Page] = {
    page.name: page
    for page in (
        Page(
            name="overview",
            title="Overview",
            path="/",
            template="overview.html",
            load=_overview,
            menu="Overview",
        ),
        Page(
            name="instances",
            title="Instances",
            path="/instances",
            template="instances.html",
            load=_instances,
            fields=(
                "status",
                "machine",
                "queue",
                "step",
                "key",
                "concurrency_key",
                "state",
                "since",
                "before",
            ),
            filters="instances_filters.html",
            menu="Instances",
        ),
        Page(
            name="instance",
            title="Instance",
            path="/instances/{id:int}",
            template="instance.html",
            load=_instance,
            fields=("id",),
            parent="instances",
        ),
        Page(
            name="queues",
            title="Queues",
            path="/queues",
            template="queues.html",
            load=_queues,
            menu="Queues",
        ),
        Page(
            name="limits",
            title="Limits",
            path="/limits",
            template="limits.html",
            load=_limits,
            menu="Limits",
        ),
        Page(
            name="limit",
            title="Limit",
            path="/limit",
            template="limit.html",
            load=_limit,
            fields=("kind", "name"),
            parent="limits",
        ),
        Page(
            name="schedules",
            title="Schedules",
            path="/schedules",
            template="schedules.html",
            load=_schedules,
            menu="Schedules",
        ),
        Page(
            name="failures",
            title="Failures",
            path="/failures",
            template="failures.html",
            load=_failures,
            fields=("machine", "step", "since"),
            filters="failures_filters.html",
            menu="Failures",
        ),
        # What stands where there is none.
        Page(name="lost", title="Not found", path="", template="trouble.html", load=_lost),
    )
}
