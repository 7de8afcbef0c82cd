"""The pages of the functions: one for each role, and a list of all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from reference.catalog import ROOT, Argument, Column, Engine, Function
from reference.markdown import linked, prose, table

__all__ = ["pages"]

_PAGES = {
    "gd_client": (
        "reference/functions.md",
        "Functions for applications",
        "A member of the role `gd_client` may call these: they enqueue, signal and look.",
    ),
    "gd_worker": (
        "reference/functions-workers.md",
        "Functions for workers",
        """A member of the role `gd_worker` may call these, and those for
[applications](functions.md).
[Writing a worker](../worker-protocol.md) says how they play together.""",
    ),
    "gd_admin": (
        "reference/functions-operators.md",
        "Functions for operators",
        """A member of the role `gd_admin` may call these, those [for applications](functions.md)
and those [for workers](functions-workers.md).""",
    ),
}
# The rooms that hold public functions, in the order of a page.
_ROOMS = {
    "enqueue": "Creating instances",
    "signals": "Signals",
    "workers": "Being a worker",
    "pick": "Claims and children",
    "commit": "Outcomes",
    "reports": "Reports",
    "machines": "Machines and versions",
    "control": "Control",
    "limits": "Limits of keys",
    "queues": "Limits of queues",
    "schedules": "Schedules",
    "look": "Looking",
    "history": "History",
    "watch": "Watching",
    "ready": "Awaits that time out",
    "archive": "Maintenance and retention",
    "doctor": "Examining",
    "partitions": "Many databases",
    "base": "The schema",
}
_ALWAYS = """All of them join the transaction of the caller.
Arguments are passed by position or by name (`queue => 'mail'`); those with a default may be left
out.
Each raises `GD005` where a restored dump has lost its privileges; [Errors](../errors.md) has all
codes.
"""


class Words:
    """What arguments and columns mean, and which of these words were looked up."""

    def __init__(self, engine: Engine) -> None:
        self._words = tomllib.loads(Path(__file__).with_name("words.toml").read_text())
        self._used: set[tuple[str, str, str]] = set()
        self._shown = {
            column.name: column.comment
            for view in engine.views
            if view.name == "gd_instances"
            for column in view.columns
        }

    def of(self, kind: str, function: str, name: str) -> str:
        """The word of the function, else that of all, else that of gd_instances."""
        for place in (function, "all"):
            if name in self._words.get(place, {}).get(kind, {}):
                self._used.add((place, kind, name))
                return str(self._words[place][kind][name])
        if kind == "columns" and name in self._shown:
            return self._shown[name]
        raise LookupError(f"words.toml: no word for {function}, {kind}, {name}")

    def check_used(self) -> None:
        """Refuse words that nothing has asked for."""
        there = {
            (place, kind, name)
            for place, kinds in self._words.items()
            for kind, words in kinds.items()
            for name in words
        }
        if unused := there - self._used:
            raise LookupError(f"words.toml: nothing is called so: {sorted(unused)}")


def pages(engine: Engine) -> dict[str, str]:
    """The pages of the three roles, and the index of the reference."""
    words = Words(engine)
    sections: dict[str, dict[str, list[str]]] = {role: {} for role in _PAGES}
    index: dict[str, list[str]] = {}
    for path in sorted((ROOT / "sql/functions").glob("*/gd_*.sql")):
        signatures = engine.functions[path.stem]
        role, room = signatures[0].role, path.parent.name
        sections[role].setdefault(room, []).append(_section(path, signatures, words))
        page = Path(_PAGES[role][0]).name
        index[path.stem] = [
            f"[`{path.stem}`]({page}#{path.stem})",
            linked(signatures[0].comment),
            f"`{role}`",
        ]
    words.check_used()
    if missing := engine.functions.keys() - index.keys():
        raise LookupError(f"no file in sql/functions: {sorted(missing)}")
    found = {}
    for role, (uri, title, purpose) in _PAGES.items():
        parts = [f"# {title}\n\n{purpose}\n{_ALWAYS}"]
        parts += [
            f"## {_ROOMS[room]}\n\n" + "\n".join(sections[role][room])
            for room in sorted(sections[role], key=list(_ROOMS).index)
        ]
        found[uri] = "\n".join(parts)
    found["reference/index.md"] = _index(list(index.values()))
    return found


def _index(rows: list[list[str]]) -> str:
    return f"""# Reference

Made of the catalog, the sources and the docstrings of this version.

- Functions: [for applications](functions.md), [for workers](functions-workers.md),
  [for operators](functions-operators.md), [of a router](router.md)
- [Views](views.md), [statuses and outcomes](statuses.md), [error codes](../errors.md),
  [settings](settings.md)
- Python: [gendurable](python.md), [looking](python-look.md), [testing](python-testing.md),
  [events](python-events.md), [errors](python-errors.md), [frameworks](python-frameworks.md),
  [the rest](python-more.md)
- [Commands](commands.md), [events, metrics and traces](../telemetry.md),
  [the protocol of workers](../worker-protocol.md)

## All functions

{table(("function", "what it does", "role"), rows)}"""


def _section(path: Path, signatures: list[Function], words: Words) -> str:
    first = signatures[0]
    header = _header(path)
    parts = [
        f"### {first.name} {{ #{first.name} }}",
        *(linked(one.comment) for one in signatures),
        "```sql\n" + "\n".join(_signature(one) for one in signatures) + "\n```",
        prose(header["purpose"]),
    ]
    if first.arguments:
        rows = [_argument(one, signatures, words) for one in first.arguments]
        parts.append(table(("argument", "type", "default", "meaning"), rows))
    parts.append(_answer(first, words))
    parts += [
        f"**{name}.** {linked(_sentence(' '.join(header[name])))}"
        for name in ("Locks", "Errors")
        if name in header
    ]
    source = path.relative_to(ROOT).as_posix()
    parts.append(f"Source: [{source}](../../{source})")
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _signature(function: Function) -> str:
    def written(one: Argument) -> str:
        default = "" if one.default is None else f" default {one.default}"
        variadic = "variadic " if function.variadic else ""
        return f"{variadic}{one.name} {one.type}{default}"

    arguments = [written(one) for one in function.arguments]
    line = f"{function.name}({', '.join(arguments)}) returns {function.returns}"
    if len(line) <= 100:
        return line
    listed = ",\n".join(f"    {one}" for one in arguments)
    return f"{function.name}(\n{listed}\n) returns {function.returns}"


def _argument(argument: Argument, signatures: list[Function], words: Words) -> list[str]:
    types = dict.fromkeys(
        one.type for each in signatures for one in each.arguments if one.name == argument.name
    )
    default = "" if argument.default is None else f"`{argument.default}`"
    said = words.of("arguments", signatures[0].name, argument.name)
    return [f"`{argument.name}`", " or ".join(f"`{one}`" for one in types), default, linked(said)]


def _answer(function: Function, words: Words) -> str:
    if not function.columns:
        if function.returns == "void":
            return "Answers nothing."
        said = words.of("answers", function.name, "value")
        return f"Answers `{function.returns}`: {linked(said)}"

    def row(column: Column) -> list[str]:
        said = words.of("columns", function.name, column.name)
        return [f"`{column.name}`", f"`{column.type}`", linked(said)]

    return table(("column of the answer", "type", "meaning"), map(row, function.columns))


def _header(path: Path) -> dict[str, list[str]]:
    """The fields of the comment at the head of a file: the purpose has no name there."""
    fields: dict[str, list[str]] = {"purpose": []}
    current = fields["purpose"]
    for line in path.read_text().splitlines():
        if not line.startswith("--"):
            break
        text = line[3:]
        if match := re.match(r"(Locks|Writes|Plan|Errors): +(.*)", text):
            current = fields.setdefault(match[1], [])
            text = match[2]
            # Short fields share a line.
            for sentence in re.split(r"(?<=\.) +(?=(?:Writes|Plan|Errors): )", text):
                if inner := re.match(r"(Writes|Plan|Errors): +(.*)", sentence):
                    current = fields.setdefault(inner[1], [])
                    current.append(inner[2])
                else:
                    current.append(sentence)
            continue
        current.append(text if current is fields["purpose"] else text.strip())
    return fields


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
