"""What mkdocs does not do by itself: a folder in the nav, the reference, pages from outside docs/.

The repository reads well without the site, so its documents link to files, wherever these stand.
Each file that is linked to becomes a page under repository/: Markdown as it is, anything else as
a block of code, a directory as the blocks of its files. The reference is made at each build
(reference/__init__.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import reference
import repository
from mkdocs.structure.files import File, InclusionLevel

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replaces each `folder/*` of the nav by the pages of that folder that it does not list."""
    docs, listed = Path(config.docs_dir), set(_leaves(config.nav))
    config.nav = _expanded(
        config.nav,
        lambda folder: [
            page
            for path in sorted((docs / folder).glob("*.md"))
            if (page := path.relative_to(docs).as_posix()) not in listed
        ],
    )
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the reference, and the pages that stand elsewhere in the repository."""
    listed = set(_leaves(config.nav))
    made = reference.pages()
    begin = made | {file.src_uri: file.content_string for file in files.documentation_pages()}
    begin |= {uri: repository.content(uri) for uri in listed if uri.startswith(repository.PREFIX)}
    for uri, content in sorted((made | repository.reachable(begin)).items()):
        page = File.generated(config, uri, content=content)
        if uri.startswith(repository.PREFIX) and uri not in listed:
            page.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(page)
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Leads links between files of the repository to their pages."""
    return repository.with_links_to_pages(markdown, page.file.src_uri)


def _expanded(nav: Any, pages: Callable[[str], list[str]]) -> Any:
    match nav:
        case str() if nav.endswith("/*"):
            return pages(nav.removesuffix("/*"))
        case str():
            return nav
        case dict():
            ((title, below),) = nav.items()
            return {title: _expanded(below, pages)}
    items = [_expanded(item, pages) for item in nav]
    flat = [one for item in items for one in (item if isinstance(item, list) else [item])]
    return [item for item in flat if not (isinstance(item, dict) and [] in item.values())]


def _leaves(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    below = nav.values() if isinstance(nav, dict) else nav
    return [leaf for item in below for leaf in _leaves(item)]
