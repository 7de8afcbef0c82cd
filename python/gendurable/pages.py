"""What a pick has listed without its contents, read page by page before the step starts.

A step has no connection, and an async one must not wait for a database, so its lists are complete
when it starts. How the queries are run is up to the caller: this module only says which.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias

import msgspec

from gendurable.context import Context

__all__ = ["Query", "is_incomplete", "missing_pages"]

Query: TypeAlias = tuple[str, tuple[int, int, int]]
"""A query of one page and its parameters. A row is the place of an element and its JSON texts."""

_MARK = '"omitted": true'
_LARGE_PAGE = 8 * 1024 * 1024
_LONGEST_PAGE = 1_000
_MOST_LOADED = 1024 * 1024 * 1024


class _List(NamedTuple):
    """Where the elements of a list are read, by which field, and what they then have."""

    query: str
    place: str
    fields: tuple[str, ...]


_SIGNALS = _List(
    "select signal_id, payload::text from public.gd_signals(%s, %s, %s)", "id", ("payload",)
)
_CHILDREN = _List(
    "select ord, result::text, error::text, state::text from public.gd_children(%s, %s, %s)",
    "ord",
    ("result", "error", "state"),
)

_Element: TypeAlias = dict[str, Any]
_elements = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def is_incomplete(ctx: Context[Any]) -> bool:
    """Whether a list of the context may have elements without their contents."""
    return _MARK in ctx.signals_json or (
        ctx.children_json is not None and _MARK in ctx.children_json
    )


def missing_pages(ctx: Context[Any]) -> Generator[Query, list[tuple[Any, ...]], None]:
    """Complete the lists of a context: yields queries and wants the rows of each.

    Elements beyond the first gigabyte stay as they are: ``omitted``.
    """
    room = _MOST_LOADED
    if _MARK in ctx.signals_json:
        ctx.signals_json, room = yield from _complete(ctx.id, ctx.signals_json, _SIGNALS, room)
    if ctx.children_json is not None and _MARK in ctx.children_json:
        ctx.children_json, _ = yield from _complete(ctx.id, ctx.children_json, _CHILDREN, room)


def _complete(
    instance: int, listed: str, kind: _List, room: int
) -> Generator[Query, list[tuple[Any, ...]], tuple[str, int]]:
    """The list with what was missing, and the room that is left."""
    elements: list[_Element] = list(_elements.decode(listed))
    missing = {
        int(bytes(element[kind.place])): element for element in elements if "omitted" in element
    }
    after, most = min(missing, default=1) - 1, 1
    while missing and room > 0:
        rows = yield kind.query, (instance, after, most)
        if not rows:
            break
        size = 0
        for place, *texts in rows:
            # What has arrived since the pick is not for this step.
            if (element := missing.pop(place, None)) is not None:
                del element["omitted"]
                for field, text in zip(kind.fields, texts, strict=True):
                    element[field] = msgspec.Raw(b"null" if text is None else text.encode())
            size += sum(len(text) for text in texts if text is not None)
        room -= size
        after = rows[-1][0]
        # Nothing is known of the sizes: the pages grow as long as they are small.
        most = min(2 * most, _LONGEST_PAGE) if size < _LARGE_PAGE else max(1, most // 2)
    return msgspec.json.encode(elements).decode(), room
