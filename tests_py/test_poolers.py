"""Workers behind a real transaction pooler: pgbouncer."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo

import chaos
from gendurable import enqueue
from support import finished, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[chaos.Server]:
    """One server for all of them."""
    with chaos.cluster() as found:
        yield found


@pytest.fixture
def world(server: chaos.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[chaos.World]:
    """A database that workers reach through pgbouncer."""
    folder = short_folder(tmp_path_factory)
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(chaos.behind_pgbouncer(server, folder))
        except chaos.Skipped as exc:
            pytest.skip(str(exc))
        stack.callback(found.close)
        yield found


def short_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that the owner of the server may enter."""
    folder = factory.mktemp("p")
    for parent in (folder, *folder.parents):
        if parent.owner() != "root" or parent.stat().st_mode & 0o001:
            continue
        parent.chmod(0o755)
    return folder


def test_work_is_found_at_once_past_the_pooler(world: chaos.World) -> None:
    world.options += ["--poll", "60"]
    world.start_worker()
    with chaos.connect(world.dsn) as conn:
        listening = (
            "select from pg_stat_activity where datname = current_database()"
            " and (query like 'listen%' or query like '%gd_workers%')"
        )
        until(lambda: conn.execute("select from gd_workers").rowcount == 1)
        until(lambda: conn.execute(listening).rowcount > 0)
        # The look that found nothing is over when the engine knows the worker as asleep.
        asleep = "select from gendurable.leases where idle_queues <> '{}'"
        until(lambda: conn.execute(asleep).rowcount == 1)
        for number in range(5):
            began = time.monotonic()
            assert finished(conn, enqueue(conn, "Numbered", number).id).status == "done"
            assert time.monotonic() - began < 30, "not by polling"


def test_prepared_statements_that_collide_are_told_with_the_remedy(world: chaos.World) -> None:
    world.options.clear()
    log = world.folder / "log"
    for _ in range(2):
        world.start_worker()
    with chaos.connect(world.dsn) as conn:
        for number in range(1_000):
            enqueue(conn, "Numbered", number)
            if "prepared statements collide" in log.read_text():
                break
            time.sleep(0.02)
        until(lambda: "prepared statements collide" in log.read_text())
    assert "--pooler" in log.read_text()


def test_a_direct_way_that_is_lost_leaves_polling(world: chaos.World) -> None:
    nowhere = make_conninfo(world.dsn, port=1)
    world.options[-1] = nowhere
    world.start_worker()
    with chaos.connect(world.dsn) as conn:
        for number in range(3):
            assert finished(conn, enqueue(conn, "Numbered", number).id).status == "done"
    assert "the connection failed during listening" in (world.folder / "log").read_text()
