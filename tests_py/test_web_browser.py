"""The dashboard in headless Chromium: every page, every action, live, by keyboard, for everyone.

``make test-web`` runs it, and so does the workflow: it is too much for every run of all tests.

With PICTURES set to a directory each page is photographed there, light and dark, wide and narrow.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import Driver, chromium, needs_chromium
from database import create_database, drop_database, own_cluster
from gendurable import enqueue, get, set_queue_limit
from gendurable.install import install
from support import until
from web_world import NASTY, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver.remote.webelement import WebElement

Connection = psycopg.Connection[Any]

AXE = "axe-core@4.14.1"
DOCS = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SIZES = {"wide": (1360, 900), "narrow": (390, 844)}
IN_DOCS = ("overview-light-wide", "instance-dark-wide", "failures-light-narrow")

pytestmark = needs_chromium


@contextlib.contextmanager
def served(dsn: str, *options: str, port: int = 0) -> Iterator[str]:
    """The address of a dashboard that is a process of its own."""
    command = [sys.executable, "-m", "gendurable", "web", "--dsn", dsn, "--poll", "0.3"]
    with subprocess.Popen(
        [*command, "--port", str(port), *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://[^ ]*", process.stdout.readline())
        assert found is not None
        try:
            yield found[0]
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Driver]:
    """One browser for all tests."""
    with chromium() as driver:
        yield driver


class Shop:
    """A dashboard with actions on the shop, and a connection to its database."""

    def __init__(self, dsn: str, url: str, conn: Connection, ids: dict[str, int]) -> None:
        self.dsn, self.url, self.conn, self.ids = dsn, url, conn, ids

    def pages(self) -> dict[str, str]:
        """All of them."""
        return {
            "overview": self.url,
            "instances": f"{self.url}instances",
            "search": f"{self.url}instances?state=%7B%22order%22%3A30%7D",
            "instance": f"{self.url}instances/{self.ids['shipped']}",
            "parked": f"{self.url}instances/{self.ids['order']}",
            "failed": f"{self.url}instances/{self.ids['failed']}",
            "children": f"{self.url}instances/{self.ids['file']}",
            "odd": f"{self.url}instances/{self.ids['odd']}",
            "queues": f"{self.url}queues",
            "limits": f"{self.url}limits",
            "limit": f"{self.url}limit?kind=concurrency&name=customer",
            "schedules": f"{self.url}schedules",
            "failures": f"{self.url}failures",
            "nothing": f"{self.url}instances?machine=nobody",
            "missing": f"{self.url}instances/999999",
        }


@pytest.fixture(scope="module")
def shop(admin_dsn: str, template: str) -> Iterator[Shop]:
    """The shop; tests may change it."""
    # Its name is in the pictures.
    name = "shop" if os.environ.get("PICTURES") else f"{template}_browser"
    dsn = create_database(admin_dsn, name, template)
    with psycopg.connect(dsn, autocommit=True) as conn:
        ids = fill(dsn, conn)
        with served(dsn, "--actions", "--redact", "card") as url:
            yield Shop(dsn, url, conn, ids)
    drop_database(admin_dsn, name)


def one(driver: Driver, selector: str) -> WebElement:
    """The first element, once it is there."""
    return until(
        lambda: next(iter(driver.find_elements(By.CSS_SELECTOR, selector)), None), selector
    ) or pytest.fail(selector)


def body(driver: Driver) -> str:
    """What the page says."""
    return str(driver.execute_script("return document.body.innerText"))


def says(driver: Driver, text: str) -> None:
    """Wait until the page says it."""
    until(lambda: text in body(driver), f"{text!r} in {driver.current_url}", 20)


def is_live(driver: Driver) -> None:
    """Wait until the page is sent what is new."""
    until(lambda: driver.find_elements(By.CSS_SELECTOR, "#live-state.on"), "live", 20)


def look(driver: Driver, scheme: str, size: str) -> None:
    """Have the pages dark or light, wide or narrow."""
    width, height = SIZES[size]
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "narrow"},
    )


def photograph(driver: Driver, path: Path, size: str, most: int = 2600) -> None:
    """Keep the page as a picture."""
    width, height = SIZES[size]
    full = driver.execute_script("return document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(max(full, height), most), "scale": 1}
    made = driver.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(base64.b64decode(made["data"]))


def press(driver: Driver, selector: str, answer: bool = True) -> str:
    """Press a button, answer its question, and read what came of it."""
    driver.execute_script("document.querySelector('#flash').replaceChildren()")
    driver.execute_script("arguments[0].click()", one(driver, selector))
    with contextlib.suppress(Exception):
        question = driver.switch_to.alert
        if not answer:
            question.dismiss()
            return ""
        question.accept()
    until(lambda: driver.find_elements(By.CSS_SELECTOR, "#flash > p"), "what came of it", 20)
    return str(one(driver, "#flash > p span").text)


def test_each_page_works_for_everyone(shop: Shop, browser: Driver, tmp_path: Path) -> None:
    """Without an error or a request elsewhere, within the width, and by WCAG AA as axe sees it."""
    axe = _axe(tmp_path)
    pictures = os.environ.get("PICTURES")
    wrong: dict[str, list[str]] = {}
    for scheme in ("light", "dark"):
        for size in SIZES:
            look(browser, scheme, size)
            _noted(browser)
            for name, url in shop.pages().items():
                browser.get(url)
                if name != "missing":
                    is_live(browser)
                where = f"{name}-{scheme}-{size}"
                wide = browser.execute_script("return document.documentElement.scrollWidth")
                assert wide <= SIZES[size][0], where
                # Two of the four have all colours and both layouts.
                if axe is not None and (scheme == "dark") == (size == "narrow"):
                    wrong[where] = _violations(browser, axe)
                if pictures:
                    photograph(browser, Path(pictures) / f"{where}.png", size)
                if pictures and where in IN_DOCS:
                    photograph(browser, DOCS / f"{where}.png", size, 1400)
                asked = browser.execute_script(
                    "return performance.getEntriesByType('resource').map(each => each.name)"
                )
                assert [each for each in asked if not each.startswith(shop.url)] == []
            # A page that is not there is answered with 404, which the browser notes.
            assert [each for each in _noted(browser) if "404 (Not Found)" not in each] == []
    assert {where: found for where, found in wrong.items() if found} == {}
    assert "owned" not in browser.title
    look(browser, "light", "wide")


def test_pages_of_an_empty_database_say_what_to_do(
    dsn: str, browser: Driver, tmp_path: Path
) -> None:
    axe = _axe(tmp_path)
    look(browser, "light", "wide")
    with served(dsn) as url:
        for page, said in {
            "": "Start a worker",
            "instances": "There is no instance yet",
            "queues": "There is no queue yet",
            "limits": "No limit is set",
            "schedules": "There is no schedule",
            "failures": "Nothing failed",
        }.items():
            browser.get(url + page)
            is_live(browser)
            says(browser, said)
            assert axe is None or _violations(browser, axe) == []
            if pictures := os.environ.get("PICTURES"):
                photograph(browser, Path(pictures) / f"empty-{page or 'overview'}.png", "wide")


def test_every_action(shop: Shop, browser: Driver) -> None:  # noqa: PLR0915 (one after the other)
    conn, url = shop.conn, shop.url
    made = enqueue(conn, "Mail", {"n": 1}, queue="acts")

    browser.get(f"{url}instances/{made.id}")
    is_live(browser)
    browser.execute_script(
        "for (const each of document.querySelectorAll('details')) each.open = true"
    )
    one(browser, "input[name=name]").send_keys("go")
    one(browser, "textarea[name=payload]").send_keys('{"card": 1, "text": "now"}')
    assert press(browser, "form[hx-post='do/signal'] button") == "Delivered."
    says(browser, '"text":"now"')
    assert '"card":"•••"' in body(browser)
    press(browser, "form[hx-post='do/cancel'] button", answer=False)
    assert get(conn, made.id).status == "runnable"  # type: ignore[union-attr]
    one(browser, "input[name=reason]").send_keys("wrong")
    assert press(browser, "form[hx-post='do/cancel'] button") == "Cancelled."
    says(browser, "wrong")
    assert press(browser, "form[hx-post='do/retry'] button.main") == "Back from the archive."
    says(browser, "runnable")

    browser.get(f"{url}instances?queue=acts")
    is_live(browser)
    assert not one(browser, "button[data-needs-chosen]").is_enabled()
    one(browser, f"input[name=id][value='{made.id}']").click()
    assert press(browser, "button[data-needs-chosen]") == "1 cancelled."
    says(browser, "failed")

    browser.get(f"{url}failures?machine=Mail")
    is_live(browser)
    one(browser, f"input[name=id][value='{made.id}']").click()
    assert press(browser, "form[hx-post='do/retry-many'] button") == "1 retried."
    browser.get(f"{url}failures?machine=Part")
    is_live(browser)
    assert press(browser, "form[hx-post='do/retry-found'] button") == "2 retried."
    says(browser, "Nothing failed")

    browser.get(f"{url}queues")
    is_live(browser)
    row = "//tr[.//input[@value='acts']]"
    browser.execute_script(
        "arguments[0].setAttribute('id', 'paused')",
        browser.find_element(By.XPATH, f"{row}//form[@hx-post='do/pause']"),
    )
    assert press(browser, "#paused button").startswith("Queue acts is paused")
    until(lambda: browser.find_elements(By.XPATH, f"{row}//form[@hx-post='do/resume']"), "resume")
    field = browser.find_element(By.XPATH, f"{row}//input[@name='max_executing']")
    field.clear()
    field.send_keys("3", Keys.ENTER)
    says(browser, "at most 3 execute at once")

    browser.get(f"{url}limit?kind=concurrency&name=customer")
    is_live(browser)
    field = one(browser, "input[name=max_executing]")
    field.clear()
    field.send_keys("4", Keys.ENTER)
    says(browser, "Of each key of customer at most 4")
    browser.get(f"{url}limit?kind=rate&name=sms")
    is_live(browser)
    assert press(browser, "form[hx-post='do/drop-rate-limit'] button").startswith("The limit sms")

    browser.get(f"{url}schedules")
    is_live(browser)
    assert press(browser, "form[hx-post='do/pause-schedule'] button").endswith("is paused.")
    assert press(browser, "form[hx-post='do/resume-schedule'] button").endswith("goes on.")


def test_what_the_viewer_does_survives_an_update(shop: Shop, browser: Driver) -> None:
    """What is chosen, opened, typed or focused stays while the page changes around it."""
    browser.get(f"{shop.url}instances")
    is_live(browser)
    box = one(browser, "input[name=id]")
    chosen = box.get_attribute("value")
    box.click()
    made = enqueue(shop.conn, "Mail", {}, queue="new")
    one(browser, f"#i{made.id}")
    assert one(browser, f"input[name=id][value='{chosen}']").is_selected()
    assert browser.execute_script("return document.activeElement.value") == chosen
    says(browser, "Cancel the 1 chosen")

    browser.get(f"{shop.url}queues")
    is_live(browser)
    field = one(browser, "input[name=max_executing]")
    field.clear()
    field.send_keys("12")
    set_queue_limit(shop.conn, "import", 77)
    until(lambda: "77" in one(browser, "main table").text, "the update")
    assert field.get_attribute("value") == "12"

    browser.get(f"{shop.url}instances/{made.id}")
    is_live(browser)
    browser.execute_script("document.querySelector('details.action').open = true")
    one(browser, "input[name=name]").send_keys("typed")
    shop.conn.execute("select gd_signal(%s, 'other')", [made.id])
    until(lambda: "other" in body(browser), "the update")
    assert one(browser, "input[name=name]").get_attribute("value") == "typed"


def test_keys(shop: Shop, browser: Driver) -> None:
    browser.get(shop.url)
    is_live(browser)

    def keys(*pressed: str) -> None:
        webdriver.ActionChains(browser).send_keys(*pressed).perform()

    keys("g", "i")
    until(lambda: browser.current_url.endswith("/instances"), "the instances")
    is_live(browser)
    keys("j", "j")
    row = browser.execute_script("return document.activeElement.textContent")
    keys("k", "j", Keys.ENTER)
    until(lambda: browser.current_url.endswith(f"/instances/{row}"), "the second row")
    is_live(browser)
    keys("?")
    assert one(browser, "#help").get_attribute("open") is not None
    one(browser, "#shortcuts").click()
    keys(Keys.ESCAPE)
    here = browser.current_url
    keys("g", "q")
    one(browser, "#help-button").click()
    assert browser.current_url == here
    one(browser, "#shortcuts").click()
    browser.get(f"{shop.url}instances")
    is_live(browser)
    keys("/")
    assert browser.execute_script("return document.activeElement.form.className") == "filters"
    browser.get(f"{shop.url}instances")
    is_live(browser)
    keys(Keys.TAB)
    assert browser.execute_script("return document.activeElement.className") == "skip"
    keys(Keys.ENTER)
    assert browser.execute_script("return document.activeElement.id") == "main"


def test_markup_in_data_does_nothing(shop: Shop, browser: Driver) -> None:
    for url in (shop.url, f"{shop.url}instances", f"{shop.url}instances/{shop.ids['odd']}"):
        browser.get(url)
        is_live(browser)
        assert browser.title != "owned"
        assert (
            browser.execute_script(
                "return document.querySelectorAll('main script, main img').length"
            )
            == 0
        )
        assert NASTY in body(browser)


def test_ten_viewers_see_an_update_that_is_read_once(shop: Shop, browser: Driver) -> None:
    """Ten windows, one poll: the database is asked as often as for one."""

    def asked() -> int:
        row = shop.conn.execute(
            "select sum(xact_commit) from pg_stat_database where datname = current_database()"
        ).fetchone()
        assert row is not None
        return int(row[0])

    def read_in(seconds: float) -> int:
        began = asked()
        time.sleep(seconds)
        return asked() - began

    browser.get(f"{shop.url}queues")
    is_live(browser)
    alone = read_in(2)
    first = browser.current_window_handle
    streams = [
        subprocess.Popen(
            ["curl", "-sN", f"{shop.url}live/queues?"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(9)
    ]
    try:
        together = read_in(2)
        assert together < alone * 3 + 10
        enqueue(shop.conn, "Mail", {}, queue="seen-by-all")
        says(browser, "seen-by-all")
        for stream in streams:
            assert stream.stdout is not None
            assert any("seen-by-all" in line for line in stream.stdout)
    finally:
        for stream in streams:
            stream.kill()
            stream.communicate()
    browser.switch_to.window(first)


def test_the_database_goes_and_comes_back(browser: Driver) -> None:
    """What was there stays, with a word about it, and goes on by itself; a fresh page too."""
    with own_cluster() as admin:
        install(admin)
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute("create database other")
            enqueue(conn, "Mail", {}, queue="before")
        with served(admin) as url:
            browser.get(f"{url}queues")
            is_live(browser)
            _shut(admin, gone=True)
            says(browser, "goes on by itself")
            assert "before" in body(browser)
            browser.get(f"{url}queues")
            says(browser, "This cannot be shown now")
            _shut(admin, gone=False)
            is_live(browser)
            says(browser, "before")
            assert not one(browser, "#trouble").is_displayed()


def _shut(admin: str, *, gone: bool) -> None:
    """Let no connection in, and close those that there are; or let them in again."""
    with psycopg.connect(make_conninfo(admin, dbname="other"), autocommit=True) as conn:
        conn.execute(f"alter database postgres allow_connections {'false' if gone else 'true'}")
        if gone:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres'"
            )


def _noted(driver: Driver) -> list[str]:
    """What the browser has noted of its pages since it was asked last."""
    return [each["message"] for each in driver.get_log("browser")]  # type: ignore[no-untyped-call]


def _axe(directory: Path) -> str | None:
    """The checker, as npm has it; None where there is no npm."""
    if shutil.which("npm") is None:
        return None
    packed = subprocess.run(
        ["npm", "pack", "--silent", AXE], cwd=directory, capture_output=True, check=False, text=True
    )
    if packed.returncode:
        return None
    shutil.unpack_archive(directory / packed.stdout.strip(), directory)
    return (directory / "package" / "axe.min.js").read_text()


def _violations(driver: Driver, axe: str) -> list[str]:
    """What delays no other instance is not in the list."""
    # Not by a script element, which the page's policy forbids.
    driver.execute_script(axe)
    found = driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        ".then(found => done(JSON.stringify(found.violations)))"
    )
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]} {each['nodes'][0]['failureSummary'][:300]}"
        for each in json.loads(found)
    ]
