"""From values to HTML: the templates, and how numbers, moments and JSON are shown in them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from gendurable.text import printable, storable

__all__ = ["HIDDEN", "STATIC", "asset_version", "environment", "hidden_key", "redacted"]

HIDDEN = "•••"
"""What stands where a value is hidden."""
STATIC = Path(__file__).parent / "static"

_TEMPLATES = Path(__file__).parent / "templates"
_SAID = ("type", "kind", "message", "reason", "traceback")
_MOST_LINES = 400
_LONGEST_TEXT = 2_000
_STATUS = {
    "runnable": ("●", "waits"),
    "executing": ("▶", "runs"),
    "awaiting_signal": ("◇", "parked"),
    "awaiting_children": ("◆", "parked"),
    "done": ("✓", "good"),
    "failed": ("✕", "bad"),
}
_NOTHING = Markup()
_UNKNOWN = ("○", "waits")
_LONGEST_TRACE = 16_000
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def environment(hidden: Collection[str] = ()) -> Environment:
    """The templates, which escape everything, with the filters that they use.

    Args:
        hidden: keys, in lower case, of which no value is shown.
    """
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "count": _count,
        "duration": _duration,
        "event": lambda value: _event(redacted(value, hidden)),
        "error": lambda value, most=160: _error(redacted(value, hidden), most),
        "json": lambda value: _json(redacted(value, hidden)),
        "line": lambda value, most=120: _line(redacted(value, hidden), most),
        "lines": _sentences,
        "moment": _moment,
        "plain": lambda value: "" if value is None else f"{value:g}",
        "query": _query,
        "rate": _rate,
        "short": _short,
        "status": _status,
        "status_kind": lambda value: _STATUS.get(value, _UNKNOWN)[1],
        "text": _text,
        "words": lambda value: _text(value).replace("_", " "),
    }
    return made


def _is_hidden(key: str, keys: Collection[str]) -> bool:
    """Whether the value of a key is hidden; ``keys`` are in lower case."""
    return key.lower() in keys


def redacted(value: Any, keys: Collection[str]) -> Any:
    """A JSON value without what is hidden, at whatever depth."""
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _is_hidden(key, keys) else redacted(each, keys)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [redacted(each, keys) for each in value]
    return value


def hidden_key(value: Any, keys: Collection[str]) -> str | None:
    """A key in a JSON value of which the values are hidden; None if there is none."""
    inner: Collection[Any] = ()
    if isinstance(value, Mapping):
        found = next((key for key in value if _is_hidden(key, keys)), None)
        if found is not None:
            return str(found)
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    return next(filter(None, (hidden_key(each, keys) for each in inner)), None)


def asset_version() -> str:
    """Changes with the static files, so that a browser may keep them for ever."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _text(value: object) -> str:
    """Text that is data of users: nothing in it turns the direction or hides."""
    return printable(storable(str(value)))


def _short(value: object, most: int = 60) -> str:
    text = _text(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _line(value: Any, most: int = 120) -> str:
    """A JSON value on one line, cut."""
    return "" if value is None else _short(msgspec.json.encode(value).decode(), most)


def _count(value: float | None) -> str:
    if value is None:
        return "\N{EN DASH}"
    if not float(value).is_integer():
        return f"{value:,.1f}"
    return f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _rate(value: float | None) -> str:
    """A number of things in a minute."""
    if not value:
        return "0"
    return f"{value:.1f}" if value < 10 else _count(round(value))


def _duration(value: float | timedelta | None) -> str:
    if value is None:
        return "\N{EN DASH}"
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if 0 < seconds < 0.001:
        return "< 1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for unit, length in _UNITS:
        if seconds >= length * 2 or unit == "min":
            return (
                f"{seconds / length:.1f} {unit}"
                if seconds < length * 10
                else (f"{seconds / length:.0f} {unit}")
            )
    raise AssertionError


def _sentences(value: object) -> str:
    """Text of several lines."""
    return "\n".join(map(_text, str(value).split("\n")))


def _error(value: Any, most: int) -> Markup:
    """An error: what kind, what it says, and behind a click where it was raised."""
    if not isinstance(value, dict) or not ("message" in value or "kind" in value):
        return escape(_line(value, most))
    kind = value.get("type") or value.get("kind")
    said = value.get("message") or value.get("reason")
    rest = {k: v for k, v in value.items() if k not in _SAID}
    parts = [
        Markup("<strong>{}</strong>").format(_short(kind, most)) if kind else None,
        escape(_short(said, most)) if said is not None else None,
        Markup('<span class="soft json">{}</span>').format(_line(rest, most)) if rest else None,
    ]
    trace = value.get("traceback")
    shown = Markup(" ").join(part for part in parts if part is not None)
    if trace is None:
        return shown
    return Markup(
        '{}<details><summary>traceback</summary><pre class="trace" tabindex="0">{}</pre></details>'
    ).format(shown, _sentences(str(trace)[-_LONGEST_TRACE:]))


def _event(detail: Any) -> Markup | str:
    """What the timeline tells of an event: an error, or what the event is for."""
    match detail:
        case None:
            return ""
        case {"names": list(names), **rest} if not rest:
            return _short(", ".join(map(str, names)), 160)
        case {"to": str(step), **rest} if not rest:
            return f"to {_short(step, 160)}"
        case {"children": int(number), **rest} if not rest:
            return f"{_count(number)} children"
    return _error(detail, 160)


def _moment(
    value: datetime | str | None,
    absent: str = "\N{EN DASH}",
    as_: str = "distance",
) -> Markup:
    """A moment: absolute in the text and the title; the script makes the text relative.

    Args:
        value: the moment.
        absent: what stands where there is none.
        as_: ``distance``, such as *2 min ago*; or ``age``, such as *2 min*.
    """
    if value is None:
        return Markup('<span class="none">{}</span>').format(absent)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return Markup("<span>{}</span>").format(_text(value))
    at = value.astimezone(UTC)
    shown = at.strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}" title="{} UTC" data-as="{}">{} UTC</time>').format(
        at.isoformat(timespec="milliseconds"), at.isoformat(" ", "milliseconds")[:23], as_, shown
    )


def _status(value: str) -> Markup:
    mark, kind = _STATUS.get(value, _UNKNOWN)
    return Markup(
        '<span class="status {}"><span class="mark" aria-hidden="true">{}</span>{}</span>'
    ).format(kind, mark, value.replace("_", " "))


def _query(values: Mapping[str, Any], **other: Any) -> str:
    """A query string of what is set."""
    pairs = [
        (name, each)
        for name, value in (dict(values) | other).items()
        for each in (value if isinstance(value, list) else [value])
        if each not in (None, "")
    ]
    return f"?{urlencode(pairs)}" if pairs else "?"


def _json(value: Any) -> Markup:
    """A JSON value as people read it, with an end to what is long."""
    lines: list[Markup] = []
    for line in _lines(value):
        if len(lines) == _MOST_LINES:
            lines.append(Markup('<span class="cut">… and more; the raw JSON has all of it</span>'))
            break
        lines.append(line)
    return Markup("\n").join(lines)


def _lines(
    value: Any, indent: str = "", head: Markup = _NOTHING, tail: str = ""
) -> Iterator[Markup]:
    """The lines of a value, one after the other, so that those which are not shown are not made."""
    start = escape(indent) + head
    if isinstance(value, dict) and value:
        yield start + "{"
        yield from _members(((_key(key), each) for key, each in value.items()), len(value), indent)
        yield escape(f"{indent}}}{tail}")
    elif isinstance(value, list) and value:
        if _is_flat(value):
            inner = Markup(", ").join(_scalar(each) for each in value)
            yield start + Markup("[") + inner + Markup("]") + tail
            return
        yield start + "["
        yield from _members(((Markup(), each) for each in value), len(value), indent)
        yield escape(f"{indent}]{tail}")
    else:
        yield start + _scalar(value) + tail


def _members(members: Iterator[tuple[Markup, Any]], number: int, indent: str) -> Iterator[Markup]:
    for place, (head, each) in enumerate(members, 1):
        yield from _lines(each, f"{indent}  ", head, "," if place < number else "")


def _is_flat(values: list[Any]) -> bool:
    return len(values) <= 20 and all(isinstance(each, int | float | None) for each in values)


def _key(key: str) -> Markup:
    return Markup('<span class="k">{}</span>: ').format(_quoted(key))


def _scalar(value: Any) -> Markup:
    if isinstance(value, str):
        kind = "hidden" if value == HIDDEN else "s"
        cut = "" if len(value) <= _LONGEST_TEXT else f"… ({len(value):,} characters)"
        return Markup('<span class="{}">{}</span>{}').format(
            kind, _quoted(value[:_LONGEST_TEXT]), cut
        )
    return Markup('<span class="n">{}</span>').format(_text(msgspec.json.encode(value).decode()))


def _quoted(text: str) -> Markup:
    return escape(_text(msgspec.json.encode(storable(text)).decode()))
