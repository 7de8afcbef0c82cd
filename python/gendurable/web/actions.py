"""What may be done: one function an action, which says what came of it.

The calls are those of ``gendurable.client``; what the engine refuses is a sentence.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

import msgspec

from gendurable import client, look
from gendurable.database import Connection
from gendurable.errors import UsageError
from gendurable.web.pages import LIVE, PAGES, SPANS, Query, failed, is_cancelled, searched
from gendurable.web.store import Write

__all__ = ["ACTIONS", "Action", "Form"]

_LARGEST = 2**63 - 1
_LONGEST = 30
"""Seconds that one action goes on looking for instances."""
_AT_ONCE = 500
"""How many of a batch are done in one call: each is locked until the end of the transaction."""


class Form:
    """The fields of a form.

    Args:
        fields: names and values, in order; a name may come again.
    """

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def get(self, name: str, default: str = "") -> str:
        """The value of a field."""
        return self._fields.get(name, [default])[-1]

    def needed(self, name: str) -> str:
        """The value of a field that has to be there."""
        value = self.get(name)
        if not value:
            raise UsageError(f"{name} is missing")
        return value

    def ids(self) -> list[int]:
        """The instances that were chosen."""
        found = [_id(each) for each in self._fields.get("id", [])]
        if not found:
            raise UsageError("choose at least one instance first")
        return found

    def number(self, name: str) -> float:
        """A field that is a number."""
        try:
            return float(self.needed(name))
        except ValueError:
            raise UsageError(f"{name} is no number: {self.get(name)}") from None

    def whole(self, name: str) -> int:
        """A field that is a whole number."""
        value = self.needed(name)
        if not value.isascii() or not value.isdigit() or len(value) > 10:
            raise UsageError(f"{name} is no whole number of at least 0: {value}")
        return int(value)

    def json(self, name: str) -> Any:
        """A field that is JSON; nothing is nothing."""
        value = self.get(name).strip()
        if not value:
            return None
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError) as exc:
            raise UsageError(f"{name} is no JSON: {exc}") from exc


Action: TypeAlias = Callable[[Write, Form, str | None], Awaitable[str]]


async def _cancel(write: Write, form: Form, user: str | None) -> str:
    number = await write(
        lambda conn: client.cancel(
            conn, _id(form.needed("id")), _reason(form, user), cascade=form.get("cascade") == "on"
        )
    )
    if not number:
        return "Nothing was cancelled: it is finished, or there is no such instance."
    return "Cancelled." if number == 1 else f"Cancelled, with {number - 1} below it."


async def _retry(write: Write, form: Form, _: str | None) -> str:
    step = form.get("step").strip() or None
    state = form.json("state") if form.get("state").strip() else None
    return _RETRIED[
        await write(lambda conn: client.retry(conn, _id(form.needed("id")), step, state))
    ]


async def _signal(write: Write, form: Form, _: str | None) -> str:
    sent = await write(
        lambda conn: client.signal(
            conn, _id(form.needed("id")), form.needed("name"), form.json("payload")
        )
    )
    return {
        "delivered": "Delivered.",
        "no_target": "Not delivered: it is finished, or there is no such instance.",
    }[sent]


async def _cancel_many(write: Write, form: Form, user: str | None) -> str:
    reason = _reason(form, user)
    return await _many(write, form.ids(), lambda conn, ids: client.cancel_many(conn, ids, reason))


async def _cancel_found(write: Write, form: Form, user: str | None) -> str:
    """Cancel what is live of a search, the newest first, as far as half a minute goes."""
    page = PAGES["instances"]
    query = Query(page.fields, {name: form.get(name) for name in page.fields})
    if not any(value for name, value in query.items() if name not in ("status", "before")):
        raise UsageError("say which: a status alone is not enough to cancel everything in it")
    asked = query.text("status")
    if asked is not None and asked not in LIVE:
        raise UsageError("what is finished cannot be cancelled")
    statuses, reason = list(LIVE) if asked is None else [asked], _reason(form, user)
    became: Counter[str] = Counter()
    before: int | None = None
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        found = await write(partial(_page, query, statuses, before))
        ids = [each.id for each in found.instances]
        became.update(await write(partial(_cancel_these, ids, reason)))
        before = found.before
        if before is None:
            return f"{summary(became) or 'Nothing to cancel'}."
    return f"{summary(became) or 'Nothing cancelled'}. There may be more: do it again."


async def _page(
    query: Query, statuses: list[str], before: int | None, conn: Connection
) -> look.Page:
    return await searched(conn, query, statuses, before, _AT_ONCE)


async def _cancel_these(ids: list[int], reason: str, conn: Connection) -> list[str]:
    return await client.cancel_many(conn, ids, reason) if ids else []


async def _retry_many(write: Write, form: Form, _: str | None) -> str:
    return await _many(write, form.ids(), client.retry_many)


async def _retry_found(write: Write, form: Form, _: str | None) -> str:
    """Retry what the page of failures spoke of: read again, because there may be others now."""
    given = form.get("since")
    if given not in SPANS:
        raise UsageError(f"since: {given[:40]} is none of {', '.join(SPANS)}")
    span, machine, step = timedelta(seconds=SPANS[given]), form.get("machine"), form.get("step")
    found = await write(lambda conn: failed(conn, span, machine or None, step or None))
    found = [each for each in found if not is_cancelled(each)]
    if not found:
        return "Nothing is failed any more."
    return await _many(write, [each.id for each in found], client.retry_many)


async def _pause(write: Write, form: Form, _: str | None) -> str:
    await write(lambda conn: client.pause(conn, form.needed("queue")))
    return f"Queue {form.get('queue')} is paused. What runs finishes."


async def _resume(write: Write, form: Form, _: str | None) -> str:
    await write(lambda conn: client.resume(conn, form.needed("queue")))
    return f"Queue {form.get('queue')} goes on."


async def _queue_limit(write: Write, form: Form, _: str | None) -> str:
    queue = form.needed("queue")
    if not form.get("max_executing").strip():
        await write(lambda conn: client.set_queue_limit(conn, queue, None))
        return f"Queue {queue} has no limit."
    most = form.whole("max_executing")
    await write(lambda conn: client.set_queue_limit(conn, queue, most))
    return f"Of queue {queue} at most {most} execute at once."


async def _concurrency_limit(write: Write, form: Form, _: str | None) -> str:
    name, most = form.needed("name"), form.whole("max_executing")
    await write(lambda conn: client.set_concurrency_limit(conn, name, most))
    return f"Of each key of {name} at most {most} execute at once."


async def _drop_concurrency_limit(write: Write, form: Form, _: str | None) -> str:
    await write(lambda conn: client.drop_concurrency_limit(conn, form.needed("name")))
    return f"The limit of {form.get('name')} is gone: one at a time for each key."


async def _rate_limit(write: Write, form: Form, _: str | None) -> str:
    name = form.needed("name")
    burst = form.number("burst") if form.get("burst").strip() else None
    allowed, period = form.number("allowed"), form.number("period")
    await write(lambda conn: client.set_rate_limit(conn, name, allowed, period, burst))
    return f"{name} allows {allowed:g} in {period:g} s."


async def _drop_rate_limit(write: Write, form: Form, _: str | None) -> str:
    await write(lambda conn: client.drop_rate_limit(conn, form.needed("name")))
    return f"The limit {form.get('name')} is gone. What names it waits until it is set again."


async def _pause_schedule(write: Write, form: Form, _: str | None) -> str:
    found = await write(lambda conn: client.pause_schedule(conn, form.needed("name")))
    return f"Schedule {form.get('name')} is paused." if found else "There is no such schedule."


async def _resume_schedule(write: Write, form: Form, _: str | None) -> str:
    found = await write(lambda conn: client.resume_schedule(conn, form.needed("name")))
    return f"Schedule {form.get('name')} goes on." if found else "There is no such schedule."


async def _many(
    write: Write, ids: list[int], call: Callable[[Connection, list[int]], Awaitable[list[str]]]
) -> str:
    became: Counter[str] = Counter()
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        became.update(await write(partial(_call, call, some)))
    return f"{summary(became)}."


async def _call(
    call: Callable[[Connection, list[int]], Awaitable[list[str]]], ids: list[int], conn: Connection
) -> list[str]:
    return await call(conn, ids)


def summary(became: Mapping[str, int]) -> str:
    """What became of many: ``12 retried, 1 busy (try those again)``."""
    return ", ".join(f"{number} {_MANY.get(what, what)}" for what, number in became.items())


def _reason(form: Form, user: str | None) -> str:
    given = form.get("reason").strip() or "cancelled in the dashboard"
    return f"{given} ({user})" if user else given


def _id(given: str) -> int:
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:20]) <= _LARGEST:
        raise UsageError(f"{given[:40]} is no id of an instance")
    return int(given)


_RETRIED = {
    "retried": "Back from the archive.",
    "no_target": "There is no such instance, or it is forgotten.",
    "not_failed": "It has not failed.",
    "key_taken": "Not retried: another instance has its correlation key now.",
}
_MANY = {
    "no_target": "not there any more",
    "not_failed": "not failed",
    "key_taken": "whose key another instance has now",
    "busy": "busy (try those again)",
}

ACTIONS: Mapping[str, Action] = {
    "cancel": _cancel,
    "cancel-found": _cancel_found,
    "cancel-many": _cancel_many,
    "concurrency-limit": _concurrency_limit,
    "drop-concurrency-limit": _drop_concurrency_limit,
    "drop-rate-limit": _drop_rate_limit,
    "pause": _pause,
    "pause-schedule": _pause_schedule,
    "queue-limit": _queue_limit,
    "rate-limit": _rate_limit,
    "resume": _resume,
    "resume-schedule": _resume_schedule,
    "retry": _retry,
    "retry-found": _retry_found,
    "retry-many": _retry_many,
    "signal": _signal,
}
