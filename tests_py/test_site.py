"""The documentation site: it is built without a warning, and nothing in it leads nowhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from ast import literal_eval
from collections import defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
import typer.main
from selenium.webdriver.common.by import By

import gendurable
from browser import chromium, needs_chromium
from gendurable.cli import app
from support import until

ROOT = Path(__file__).resolve().parents[1]

# Modules that a framework imports, or that others of the package do.
DJANGO_S_OWN = {"admin", "apps", "database", "gendurable", "lent", "machines", "models"}

Connection = psycopg.Connection[Any]


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


def unrendered(html: str) -> list[str]:
    """Lists, tables and fences that a paragraph shows as text: code hosts are more lenient."""
    text = re.sub(r"<pre.*?</pre>", "", html, flags=re.DOTALL)
    paragraphs = re.findall(r"<(?:p|li|td)>(.*?)</(?:p|li|td)>", text, re.DOTALL)
    return [one for one in paragraphs if re.search(r"\n(?:[-*]|\d+\.) |\| *-{3}|```", one)]


def test_what_is_written_as_a_list_or_a_table_is_shown_as_one(site: Path) -> None:
    assert len(unrendered("<p>Of these:\n- one</p><li>two</li><p>| a |\n|---|</p>")) == 2
    pages = {path.name: unrendered(path.read_text()) for path in site.rglob("*.html")}
    assert {name: found for name, found in pages.items() if found} == {}


def test_a_link_that_shows_a_file_s_name_shows_the_title_of_its_page(site: Path) -> None:
    html = (site / "chaos.html").read_text() + (site / "operations.html").read_text()
    assert '<a href="many-databases.html">Many databases</a>' in (site / "errors.html").read_text()
    assert not re.search(r"<a [^>]*>[\w-]+\.md</a>", html)


def test_the_site_is_searched_by_sections_of_documents(site: Path) -> None:
    docs = json.loads((site / "search/search_index.json").read_text())["docs"]
    places = {entry["location"] for entry in docs}
    assert "children.html#what-is-certain" in places
    assert not any(place.startswith("repository/sql/") for place in places)


@needs_chromium
def test_the_search_finds_a_function_from_a_disk(site: Path) -> None:
    with chromium() as browser:
        browser.set_window_size(1360, 900)
        browser.get((site / "howto/agents.html").as_uri())
        field = until(lambda: browser.find_elements(By.CSS_SELECTOR, "input.md-search__input"))[0]
        until(field.is_displayed)
        field.send_keys("gd_heartbeat")
        links = until(lambda: browser.find_elements(By.CSS_SELECTOR, "a.md-search-result__link"))
        assert any("functions-workers.html" in str(link.get_attribute("href")) for link in links)
        assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_a_page_outside_the_nav_a_dead_link_and_a_dead_anchor_fail_the_build(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    for name in ("docs", "examples", "tools/site"):
        shutil.copytree(ROOT / name, source / name)
    # It is of the installed engine, whatever the documents say.
    shutil.rmtree(source / "tools/site/reference")
    (source / "tools/site/reference").symlink_to(ROOT / "tools/site/reference")
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


def sections(page: Path) -> dict[str, str]:
    """The HTML of a page by the anchors of its headings of the second and third order."""
    parts = re.split(r'<h[23] id="([^"]+)"', page.read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def functions(site: Path) -> dict[str, str]:
    pages = [site / f"reference/functions{part}.html" for part in ("", "-workers", "-operators")]
    return {name: html for page in pages for name, html in sections(page).items()}


def test_the_reference_has_every_function_with_its_arguments_columns_and_errors(
    functions: dict[str, str], conn: Connection
) -> None:
    rows = conn.execute(
        r"""select p.proname, coalesce(p.proargnames, '{}') || coalesce(
                array(select a.attname::text from pg_attribute as a
                      where a.attrelid = t.typrelid and a.attnum > 0), '{}')
            from pg_proc as p join pg_type as t on t.oid = p.prorettype
            where p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%'"""
    ).fetchall()
    assert len(rows) > 50
    for function, names in rows:
        for name in names:
            assert f"<td><code>{name}</code></td>" in functions[function], (function, name)
    for path in (ROOT / "sql/functions").glob("*/gd_*.sql"):
        header = path.read_text().partition("create function")[0]
        for code in re.findall(r"GD\d{3}", header.partition("Errors:")[2]):
            assert f"<code>{code}</code></a>" in functions[path.stem], (path.stem, code)


def test_the_reference_has_every_view_with_its_columns(site: Path, conn: Connection) -> None:
    views = sections(site / "reference/views.html")
    rows = conn.execute(
        r"""select table_name, column_name from information_schema.columns
            where table_schema = 'public' and table_name like 'gd\_%'"""
    ).fetchall()
    assert len(rows) > 80
    assert [row for row in rows if f"<td><code>{row[1]}</code></td>" not in views[row[0]]] == []


def test_the_reference_has_every_option_of_every_command(site: Path) -> None:
    shown = sections(site / "reference/commands.html")

    def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        if below := getattr(command, "commands", None):
            for word, part in below.items():
                yield from leaves(f"{name} {word}".strip(), part)
        else:
            yield name, command

    commands = dict(leaves("", typer.main.get_command(app)))
    assert len(commands) > 20
    for name, command in commands.items():
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert re.search(rf"<code>[^<]*{option}\b", shown[name.replace(" ", "-")]), option


def test_the_reference_has_every_public_name_of_the_package(site: Path) -> None:
    pages = [Page(page) for page in site.glob("reference/python*.html")]
    anchors = {anchor for page in pages for anchor in page.anchors}
    missing = [
        name
        for name in gendurable.__all__
        if not anchors & {f"gendurable.{name}", f"gendurable.{name}.{name}"}
        or isinstance(getattr(gendurable, name), ModuleType)
    ]
    assert missing == []
    assert {"gendurable.job.job", "gendurable.testing.drain", "gendurable.look.queues"} <= anchors
    # Every module of a framework that exports something but what Django itself looks for.
    contrib = ROOT / "python/gendurable/contrib"
    for path in contrib.rglob("*.py"):
        exports = re.search(r"^__all__ = (\[.*?\])", path.read_text(), re.MULTILINE | re.DOTALL)
        if exports is None or path.stem in DJANGO_S_OWN:
            continue
        module = ".".join(path.relative_to(ROOT / "python").with_suffix("").parts)
        listed = {f"{module}.{name}" for name in literal_eval(exports[1])}
        assert listed <= anchors, listed - anchors


def test_what_has_no_word_and_a_word_for_nothing_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools/site")
    catalog, functions = map(import_module, ("reference.catalog", "reference.functions"))
    words = functions.Words(catalog.Engine({}, []))
    assert words.of("arguments", "gd_enqueue", "queue") == "The queue."
    with pytest.raises(LookupError, match="no word for gd_enqueue, arguments, colour"):
        words.of("arguments", "gd_enqueue", "colour")
    with pytest.raises(LookupError, match="nothing is called so"):
        words.check_used()


def test_the_page_of_statuses_has_every_status_and_every_field_of_an_outcome() -> None:
    text = (ROOT / "docs/reference/statuses.md").read_text()
    statuses, _, rest = text.partition("## Outcomes")
    source = (ROOT / "sql/functions/base/_status.sql").read_text()
    live = set(re.findall(r"then '(\w+)'", source))
    assert set(re.findall(r"^\| `(\w+)`", statuses, re.MULTILINE)) == live | {"done", "failed"}
    source = (ROOT / "sql/functions/commit/_parse_outcomes.sql").read_text()
    (kinds,) = re.findall(r"o\.kind not in \((.*?)\)", source)
    (record,) = re.findall(r"jsonb_to_recordset\(p_outcomes\) as \((.*?)\)\n", source, re.DOTALL)
    fields = set(re.findall(r'"?(\w+)"? [a-z0-9\[\]]+(?:,|$)', record)) - {"id", "fence", "kind"}
    assert len(fields) > 12
    listed = set(re.findall(r"^\| `(\w+)`", rest, re.MULTILINE))
    assert listed == fields | set(re.findall(r"'(\w+)'", kinds))


def signatures(folder: str) -> dict[str, set[str]]:
    """The names of the arguments of each public function that the files of a folder create."""
    source = "".join(path.read_text() for path in sorted((ROOT / folder).rglob("*.sql")))
    found: dict[str, set[str]] = defaultdict(set)
    for function, arguments in re.findall(r"create function public\.(gd_\w+)\(([^)]*)\)", source):
        found[function] |= set(re.findall(r"(?:^|,)\s*(\w+) ", arguments))
    return found


def test_the_page_of_the_router_has_all_that_is_different_there(conn: Connection) -> None:
    text = (ROOT / "docs/reference/router.md").read_text()
    engine, router = signatures("sql/functions"), signatures("sql/router")
    more = {name: names - engine.get(name, set()) for name, names in router.items()}
    assert {name for name, names in more.items() if names} == {
        "gd_enqueue", "gd_place_partitions", "gd_stop_partitions"
    }  # fmt: skip
    for name, names in more.items():
        for word in (name, *names) if names else ():
            assert re.search(rf"`{word}\b", text) or f"### {word}\n" in text, word
    rows = conn.execute(
        r"""select p.proname, has_function_privilege('gd_worker', p.oid, 'execute')
                and not has_function_privilege('gd_client', p.oid, 'execute')
            from pg_proc as p
            where p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%'"""
    ).fetchall()
    workers = {name for name, of_workers in rows if of_workers}
    assert router.keys() >= {name for name, _ in rows} - workers - {"gd_here", "gd_next_due"}
    assert workers & router.keys() == {"gd_schedule"}
    views = (ROOT / "sql/router/views.sql").read_text()
    shown = re.findall(r"create view public\.(gd_\w+) as\n(.*?);", views, re.DOTALL)
    assert {name for name, body in shown if "as databases" in body} == {"gd_limits", "gd_queues"}


def test_the_page_of_settings_has_every_variable_and_every_setting() -> None:
    text = (ROOT / "docs/reference/settings.md").read_text()
    python = "".join(path.read_text() for path in (ROOT / "python/gendurable").rglob("*.py"))
    sql = "".join(path.read_text() for path in (ROOT / "sql/functions").rglob("*.sql"))
    variables = set(re.findall(r"\bGENDURABLE_[A-Z_]+\b", python))
    settings = set(re.findall(r"current_setting\('(gendurable\.\w+)'", sql))
    settings -= set(re.findall(r"set_config\('(gendurable\.\w+)'", sql))  # between functions
    setters = set(re.findall(r"create function public\.(gd_set_\w+)", sql))
    assert (len(variables), len(settings), len(setters)) >= (4, 2, 5)
    assert [name for name in variables | settings | setters if f"`{name}`" not in text] == []
