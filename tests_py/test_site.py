"""The documentation site: it is built without a warning, and nothing in it leads nowhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", target],
        cwd=source,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done = build(ROOT, target)
    assert done.returncode == 0, done.stderr
    return target


class Page(HTMLParser):
    """What a page has and names: anchors, links, and what a browser loads with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") != "canonical":
            self.loaded.append(values["href"])
        elif "src" in values:
            self.loaded.append(values["src"])


def test_every_link_of_the_site_leads_to_a_page_and_to_an_anchor_of_it(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 30
    dead = defaultdict(list)
    for path, page in pages.items():
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchors = pages[target].anchors if target in pages else set()
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in anchors):
                dead[link].append(path.relative_to(site).as_posix())
    assert dict(dead) == {}


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = {url for path in site.rglob("*.html") for url in Page(path).loaded}
    assert len(loaded) > 5
    assert [url for url in loaded if urlsplit(url).netloc] == []
    styles = [path.read_text() for path in site.rglob("*.css")]
    assert [u for css in styles for u in re.findall(r"url\([\"']?(?:https?:)?//[^)]*", css)] == []
    assert not any("mermaid" in path.read_text() for path in site.glob("*.html"))


def test_the_site_is_searched_by_sections_of_documents(site: Path) -> None:
    docs = json.loads((site / "search/search_index.json").read_text())["docs"]
    places = {entry["location"] for entry in docs}
    assert "children.html#what-is-certain" in places
    assert not any(place.startswith("repository/sql/") for place in places)


def test_a_page_outside_the_nav_a_dead_link_and_a_dead_anchor_fail_the_build(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    for name in ("docs", "tools/site", "examples"):
        shutil.copytree(ROOT / name, source / name)
    for file in [*ROOT.glob("*.md"), ROOT / "mkdocs.yml"]:
        shutil.copy(file, source)
    (source / "docs/forgotten.md").write_text("# Forgotten\n")
    with (source / "docs/steps.md").open("a") as page:
        page.write("\n[a](../nothing.py) [b](signals.md#nothing)\n")
    done = build(source, tmp_path / "site")
    assert done.returncode != 0
    warnings = re.findall(r"WARNING - .*|  - .*", done.stderr)
    assert any("forgotten.md" in line for line in warnings)
    for link in ("../nothing.py", "signals.md#nothing"):
        assert link in done.stderr
