"""Headless Chromium, for tests of what browsers show."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from selenium import webdriver

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Driver", "chromium", "needs_chromium"]

Driver = webdriver.Chrome

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")

needs_chromium = pytest.mark.skipif(
    "BROWSER" not in os.environ or CHROMIUM is None or CHROMEDRIVER is None,
    reason="`make test-web` runs these, in Chromium",
)


@contextlib.contextmanager
def chromium() -> Iterator[Driver]:
    """A browser, which logs what pages do wrong."""
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument("--disable-dev-shm-usage")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = CHROMIUM or ""
    driver = webdriver.Chrome(options, webdriver.ChromeService(CHROMEDRIVER or ""))
    try:
        yield driver
    finally:
        driver.quit()
