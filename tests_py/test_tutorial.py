"""The tutorial, followed: an empty folder, every file written, every command typed, in order.

A fenced block is a part of it by its title. ``python title="shop.py"`` is a file. ``sh`` is typed
in the first terminal, ``sh title="second terminal"`` in the second, whose command runs on until the
next one. ``text`` is what the block before has printed, and ``text title="second terminal"`` is
looked for in what the second terminal prints; ``…`` stands for anything.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from support import until

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs/tutorial").glob("*.md"))
SECOND = "second terminal"
LOOKING = re.compile(r"gendurable-py (show|status|ps|workers|limits|stuck)\b")
PATIENCE = 600


class Block(NamedTuple):
    """A fenced block of a page."""

    place: str
    language: str
    title: str
    text: str


def blocks() -> list[Block]:
    """All fenced blocks of the tutorial, in the order in which a reader meets them."""
    fence = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
    found = []
    for page in PAGES:
        text = page.read_text()
        for one in fence.finditer(text):
            line = text.count("\n", 0, one.start()) + 1
            found.append(Block(f"{page.name}:{line}", one[1], one[2] or "", one[3]))
    return found


def pattern(expected: str) -> str:
    """What is expected as a regular expression: blanks at the end of a line do not matter."""
    lines = [re.escape(line).replace("…", ".*?") for line in expected.splitlines()]
    return r"[ ]*\n".join(lines)


class Reader:
    """A reader at two terminals in an empty folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._first = self._shell(folder / "first.log")
        self._second: subprocess.Popen[str] | None = None
        self._typed: list[str] = []
        self._printed: list[str] = []

    def _shell(self, log: Path) -> subprocess.Popen[str]:
        with log.open("w") as output:
            return subprocess.Popen(
                [*self._user, "bash", "-e"],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def write(self, name: str, text: str) -> None:
        """Save a file."""
        (self._folder / name).write_text(text)

    def type(self, text: str) -> None:
        """Type lines into the first terminal, each when the prompt is back."""
        self._typed = text.splitlines()
        self._printed = [self._ask(line) for line in self._typed]

    def _ask(self, line: str) -> str:
        log = self._folder / "first.log"
        before = len(log.read_text())
        prompt = f"prompt {before}\n"
        assert self._first.stdin is not None
        self._first.stdin.write(f"{line}\necho {prompt}")
        self._first.stdin.flush()
        until(lambda: self._first.poll() or log.read_text().endswith(prompt), line, PATIENCE)
        printed = log.read_text()[before:]
        assert self._first.poll() is None, f"{line}\n{printed}"
        return printed.removesuffix(prompt)

    def sees(self, expected: str) -> None:
        """Compare what the lines have printed; a command that only looks may look again."""
        whole = re.compile(rf"\s*{pattern(expected)}\s*", re.DOTALL)
        end = time.monotonic() + 30
        while not whole.fullmatch("".join(self._printed)):
            looks = LOOKING.match(self._typed[-1]) and time.monotonic() < end
            assert looks, f"expected\n{expected}\ngot\n{''.join(self._printed)}"
            self._printed[-1] = self._ask(self._typed[-1])

    def start(self, text: str) -> None:
        """Press Ctrl-C in the second terminal, and type there."""
        self.leave()
        self._second = self._shell(self._folder / "second.log")
        assert self._second.stdin is not None
        self._second.stdin.write(text)
        self._second.stdin.close()

    def hears(self, expected: str) -> None:
        """Wait for lines in the second terminal, in this order, with others between them."""
        wanted = re.compile(".*?".join(pattern(line) for line in expected.splitlines()), re.DOTALL)
        log = self._folder / "second.log"
        try:
            until(lambda: wanted.search(log.read_text()))
        except AssertionError:
            raise AssertionError(f"expected\n{expected}\ngot\n{log.read_text()}") from None

    def leave(self) -> None:
        """Press Ctrl-C in the second terminal, and wait for its prompt."""
        if self._second is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._second.pid, signal.SIGINT)
            self._second.wait(60)

    def close(self) -> None:
        """Close both terminals, and stop the server if it still runs."""
        self.leave()
        with suppress(ProcessLookupError):
            os.killpg(self._first.pid, signal.SIGKILL)
        self._first.wait()
        pid = self._folder / "data/postmaster.pid"
        if pid.exists():
            os.kill(int(pid.read_text().split()[0]), signal.SIGQUIT)
            until(lambda: not pid.exists())


@pytest.fixture
def reader() -> Iterator[Reader]:
    """With the wheel of this tree where pip looks, and a folder that the reader owns."""
    folder = Path(tempfile.mkdtemp(prefix="gd-tutorial.", dir="/tmp"))
    wheels = folder / "wheels"
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", wheels, ROOT / "python"],
        check=True,
        capture_output=True,
    )
    home = folder / "shop"
    home.mkdir()
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "COVERAGE", "GENDURABLE", "PG", "VIRTUAL_ENV"))
    }
    links = f"{os.environ.get('PIP_FIND_LINKS', '')} {wheels}".strip()
    # What is printed to a terminal is seen line by line.
    own = {"HOME": str(home), "PIP_FIND_LINKS": links, "COLUMNS": "160", "PYTHONUNBUFFERED": "1"}
    one = Reader(home, kept | own)
    try:
        yield one
    finally:
        one.close()
        shutil.rmtree(folder)


def test_a_reader_of_the_tutorial_gets_what_it_promises(reader: Reader) -> None:
    known = {"python", "sh", "text"}
    read = blocks()
    assert len(PAGES) == 6
    assert {one.language for one in read} == known
    for one in read:
        second = one.title == SECOND
        try:
            if one.title and not second:
                reader.write(one.title, one.text)
            elif one.language == "sh":
                (reader.start if second else reader.type)(one.text)
            elif one.language == "text":
                (reader.hears if second else reader.sees)(one.text)
            else:
                pytest.fail("python without a name of its file")
        except AssertionError as exc:
            raise AssertionError(f"{one.place}: {exc}") from exc
