"""The pages: where each is, what it shows, and what is read for it.

A topic is a page with its query: what is read once for all who look at it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from gendurable import client, look
from gendurable.database import Connection
from gendurable.errors import UsageError

__all__ = ["PAGES", "Missing", "Page", "Query", "answers", "of_topic", "raw"]

STATUSES = (
    "runnable",
    "executing",
    "awaiting_signal",
    "awaiting_children",
    "done",
    "failed",
)
SPANS = {"15m": 900, "1h": 3_600, "6h": 21_600, "1d": 86_400, "7d": 604_800, "30d": 2_592_000}
_LARGEST = 2**63 - 1
_HOUR = timedelta(hours=1)


class Missing(UsageError):
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
        """The name of what a request asks for, the same for all who ask for it."""
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
