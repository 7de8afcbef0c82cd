"""Money that moves between two accounts while workers are killed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chaos.servers import cluster, connect, value, wait
from chaos.world import World

if TYPE_CHECKING:
    from chaos.servers import Server

__all__ = ["Transferred", "transfers"]

TRANSFERS = """
from gendurable import Context, Done, Machine, Outcome, RetryPolicy, step

class Transfer(Machine[int]):
    retry = RetryPolicy(max_attempts=None, initial=0.05, maximum=0.2)

    @step(transactional=True)
    def start(self, ctx: Context[int]) -> Outcome:
        ctx.conn.execute("update accounts set balance = balance - %s where id = 1", (ctx.state,))
        ctx.conn.execute("update accounts set balance = balance + %s where id = 2", (ctx.state,))
        return Done()
"""


class Transferred(NamedTuple):
    """What transfers came to: the balances, those that every transfer exactly once makes."""

    balances: tuple[int, int]
    expected: tuple[int, int]
    kills: int
    seconds: float


def transfers(count: int, *, every: float = 1.0, server: Server | None = None) -> Transferred:
    """Move money between two accounts so often, with two workers, one killed every so often."""
    with contextlib.ExitStack() as stack:
        found = server or stack.enter_context(cluster())
        folder = Path(tempfile.mkdtemp(prefix="chaos.", dir="/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        world = World(found, folder)
        stack.callback(world.close)
        (folder / "numbered.py").write_text(TRANSFERS)
        with connect(world.dsn) as conn:
            conn.execute("create table accounts (id int primary key, balance bigint not null)")
            conn.execute("insert into accounts values (1, 0), (2, 0)")
            conn.execute(
                "select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object("
                "'fsm', 'Transfer', 'state', n)) from generate_series(1, %s) as n))", (count,),
            )  # fmt: skip
            for _ in range(2):
                world.start_worker()
            done = "select count(*) from gd_instances where status = 'done'"
            began, kills = time.monotonic(), 0
            wait(lambda: value(conn, done) > 0)
            while value(conn, done) < count:
                if time.monotonic() - began > 600:
                    break
                time.sleep(every)
                # The older one, and not before the other one works: starting may take longer.
                names = [f"w{world.started}"]
                known = "select count(*) from gd_workers where name = any (%s)"
                if not value(conn, known, names):
                    continue
                world.kill(world.workers[0])
                world.start_worker()
                kills += 1
            seconds = time.monotonic() - began
            rows = conn.execute("select balance from accounts order by id").fetchall()
            total = count * (count + 1) // 2
            return Transferred((rows[0][0], rows[1][0]), (-total, total), kills, seconds)
