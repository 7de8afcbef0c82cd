"""Files of the repository as pages of the site: which page a file is, and links between them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "repository/"

_FENCED = re.compile(r"^( *)(```+).*?^\1\2`*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()([^)#\s]+)((?:#[^)\s]*)?)(?=\))")
# A link that shows the name of a file.
_NAMED = re.compile(r"\[`?[\w./-]+\.md`?\]\(([^)#\s]+)\)")
_LANGUAGES = {
    ".json": "json",
    ".py": "python",
    ".service": "ini",
    ".sh": "sh",
    ".sql": "sql",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
}


def page_of(path: str) -> str:
    """The page on which a file or a directory of the repository is read."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return PREFIX + (path if path.endswith(".md") else f"{path}.md")


def path_of(page: str) -> str:
    """The file or directory that a page shows."""
    if not page.startswith(PREFIX):
        return f"docs/{page}"
    path = page.removeprefix(PREFIX)
    return path if (ROOT / path).exists() else path.removesuffix(".md")


def reachable(pages: Mapping[str, str]) -> dict[str, str]:
    """The pages outside docs/ that these lead to, by whatever many links, and their Markdown."""
    found: dict[str, str] = {}
    ahead = dict(pages)
    while ahead:
        page, text = ahead.popitem()
        if page.startswith(PREFIX):
            found[page] = text
        if page.startswith(PREFIX) and not path_of(page).endswith(".md"):
            continue
        for other in _linked(page, text):
            if other.startswith(PREFIX) and other not in found:
                ahead[other] = content(other)
    return found


def content(page: str) -> str:
    """The Markdown of a page outside docs/."""
    path = ROOT / path_of(page)
    if path.suffix == ".md":
        return path.read_text()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    blocks = [f"---\nsearch: {{exclude: true}}\n---\n\n# {path_of(page)}\n"]
    for file in files:
        if file != path:
            blocks.append(f"## {file.relative_to(path)}\n")
        language = _LANGUAGES.get(file.suffix, "text")
        blocks.append(f"`````{language}\n{file.read_text().rstrip()}\n`````\n")
    return "\n".join(blocks)


def with_links_to_pages(markdown: str, page: str) -> str:
    """The text of a page, its links to files made into links to their pages.

    A link that shows the name of the file shows the title of the page.
    """

    def title(match: re.Match[str]) -> str:
        target = _target(match[1], page)
        if target is None or not (ROOT / path_of(target)).is_file():
            return match[0]
        heading = re.search(r"^# (.+)$", (ROOT / path_of(target)).read_text(), re.MULTILINE)
        return f"[{heading[1]}]({match[1]})" if heading else match[0]

    def link(match: re.Match[str]) -> str:
        target = _target(match[1], page)
        if target is None:
            return match[0]
        return posixpath.relpath(target, posixpath.dirname(page) or ".") + match[2]

    return "".join(
        text if fenced else _LINK.sub(link, _NAMED.sub(title, text))
        for fenced, text in _stretches(markdown)
    )


def _linked(page: str, text: str) -> list[str]:
    links = [m[1] for fenced, part in _stretches(text) if not fenced for m in _LINK.finditer(part)]
    return [target for link in links if (target := _target(link, page))]


def _target(link: str, page: str) -> str | None:
    """The page that a relative link leads to, unless it is none of a file that is there."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(path_of(page)), link))
    if ":" in link or path.startswith("..") or not (ROOT / path).exists():
        return None
    return page_of(path)


def _stretches(markdown: str) -> Iterator[tuple[bool, str]]:
    """The text between blocks of code, and these, which hold no links: (fenced, text)."""
    end = 0
    for block in _FENCED.finditer(markdown):
        yield False, markdown[end : block.start()]
        yield True, block[0]
        end = block.end()
    yield False, markdown[end:]
