"""The demo's worker processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import msgspec
from shop import Connection

__all__ = ["WorkerProcess", "kill_mid_step", "worker_process"]

_MACHINE = Path(__file__).with_name("checkout.py")
_PATIENCE = 20.0


class WorkerProcess(msgspec.Struct):
    """One ``gendurable-py run``.

    Attributes:
        killed: how many steps it was in the middle of when it was killed; None: it was not.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    killed: int | None = None

    def number(self, conn: Connection) -> int | None:
        """Its id in the engine; None if it is not, or no longer, registered."""
        row = conn.execute(
            "select id from gd_workers where name = %s and info ->> 'pid' = %s",
            (self.name, str(self.process.pid)),
        ).fetchone()
        return None if row is None else int(row[0])

    def check(self) -> None:
        """Raise a RuntimeError if it ended though it was not told to."""
        if self.killed is None and self.process.poll() is not None:
            last = self.log.read_text()[-2000:]
            raise RuntimeError(f"{self.name} ended by itself, its last words:\n{last}")


@contextlib.contextmanager
def worker_process(name: str, queue: str, dsn: str, scratch: Path) -> Generator[WorkerProcess]:
    """A worker that runs ten steps of the checkout at once; it is stopped at the end."""
    log = scratch / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "gendurable", "run", _MACHINE,
                "--name", name, "--queue", f"{queue}=10", "--lease", "10",
            ],
            stdout=output,
            stderr=output,
            env={**os.environ, "GENDURABLE_DSN": dsn},
        )  # fmt: skip
    try:
        yield WorkerProcess(name, process, log)
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def kill_mid_step(conn: Connection, worker: WorkerProcess) -> bool:
    """Kill a worker if it is in the middle of the worst: sent a parcel, not yet said so.

    It is frozen while we look, so that what we see is what it dies with.
    """
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(0.1)  # what it had asked the database for is done by then
    claims = conn.execute(
        "select correlation_key, step from gd_instances where worker_id = %s",
        (worker.number(conn),),
    ).fetchall()
    shipping = [key.removeprefix("order:") for key, step in claims if step == "ship"]
    sent = conn.execute("select from shop.shipments where order_id = any (%s)", (shipping,))
    if sent.rowcount == 0:
        worker.process.send_signal(signal.SIGCONT)
        return False
    worker.process.kill()
    worker.process.wait()
    worker.killed = len(claims)
    return True
