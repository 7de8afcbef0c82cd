"""Pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["linked", "prose", "table"]

# A name of the engine: a schema's, a function's, anything with an underscore in it.
_NAME = re.compile(r"(?<![\w`.])(?:gendurable\.\w+|_?[a-z]+(?:_[a-z]+)+)(?![\w`(])")
_BAR = re.compile(r"\|(?![^`]*`[^`]*(?:`[^`]*`[^`]*)*$)")  # not in code
_ITEM = re.compile(r"[a-z_]+(?:, [a-z_]+)*: +\S")
_CODE = re.compile(r"\bGD\d{3}\b")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a cell's bars are escaped."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [[_BAR.sub(r"\|", cell).replace("\n", " ") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def linked(text: str, errors: str = "../errors.md") -> str:
    """Names of the engine as code, error codes as links."""
    text = "".join(
        part if at % 2 else _NAME.sub(r"`\g<0>`", part)
        for at, part in enumerate(re.split(r"(`[^`]*`|\[[^]]*\]\([^)]*\))", text))
    )
    return _CODE.sub(rf"[`\g<0>`]({errors})", text)


def prose(lines: list[str]) -> str:
    """A comment of a source file as paragraphs; what is indented stays as it is set.

    A line that begins with a word and a colon begins an item of a list. What is said of a race
    (`a x b: …`, to the end of the paragraph) is for those who change the function.
    """
    lines = re.sub(r"(?m)^[\w ]+ x [\w ]+: (?:.*\n?)+?(?=\n|\Z)", "", "\n".join(lines)).split("\n")
    blocks: list[tuple[str, list[str]]] = []
    for line in [*lines, ""]:
        last = blocks[-1][0] if blocks else ""
        if not line.strip():
            kind = ""
        elif line.startswith("    ") and last != "item":
            kind = "set"
        elif _ITEM.match(line) and not (last == "text" and blocks[-1][1][-1][-1] not in ".:"):
            kind = "item"
        elif last in ("text", "item"):
            blocks[-1][1].append(line.strip())
            continue
        else:
            kind = "text"
        if kind == last == "set":
            blocks[-1][1].append(line)
        else:
            blocks.append((kind, [line if kind == "set" else line.strip()]))
    return _joined(blocks)


def _joined(blocks: list[tuple[str, list[str]]]) -> str:
    parts = []
    for at, (kind, lines) in enumerate(blocks):
        match kind:
            case "text":
                parts.append(linked(" ".join(lines)) + "\n\n")
            case "set":
                parts.append("```text\n" + "".join(f"{line[4:]}\n" for line in lines) + "```\n\n")
            case "item":
                name, said = re.split(r": +", " ".join(lines), maxsplit=1)
                names = ", ".join(f"`{one}`" for one in name.split(", "))
                end = "\n" if at + 1 < len(blocks) and blocks[at + 1][0] == "item" else "\n\n"
                parts.append(f"- {names}: {linked(said)}{end}")
    return "".join(parts).strip()
