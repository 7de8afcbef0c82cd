"""A worker's registration, and the connection on which it takes its turns."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from gendurable import protocol
from gendurable.database import (
    Backend,
    answering,
    connect,
    conninfo,
    describe_dsn,
    end_backends,
    is_usable,
    log_failure,
    one_line,
    patience,
    refusal,
)
from gendurable.errors import DefinitionError, EngineError
from gendurable.events import Bus, Registered
from gendurable.process import describe_process
from gendurable.schema import check_usable
from gendurable.transactions import Transactions

__all__ = ["Session"]

logger = logging.getLogger("gendurable")

_RECONNECT_WAIT = (0.05, 5.0)
_FAREWELL = 5.0


class Session:
    """Connects and registers, again and again if it has to.

    Args:
        dsn: connection string; GENDURABLE_DSN or the PG* variables by default.
        name: the worker's name.
        queues: which queues it will pick from.
        lease: seconds.
        pooler: do without prepared statements and without settings of the session.
        bus: where registrations are told; None: nowhere.
        machines: what the worker declares that it can run, said at each registration; None:
            everything.

    Attributes:
        worker: the id of the current registration, None while there is none.
        name: under which name it registers.
        conninfo: where.
        in_doubt: an answer of the database may have been lost on its way.
    """

    def __init__(
        self,
        dsn: str | None,
        *,
        name: str,
        queues: Sequence[str],
        lease: float,
        pooler: bool,
        machines: Sequence[Mapping[str, Any]] | None = None,
        bus: Bus | None = None,
    ) -> None:
        self.worker: int | None = None
        self.in_doubt = False
        self.conninfo = conninfo(dsn)
        self.name = name
        self._queues = queues
        self._lease = lease
        self._pooler = pooler
        self._bus = bus or Bus()
        self._machines = machines
        self._conn: protocol.Connection | None = None
        self._second: protocol.Connection | None = None
        self._given_up: list[Backend] = []
        self._failures = 0
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether ``open`` has nothing to do."""
        return self._conn is not None and self.worker is not None

    @property
    def patience(self) -> float:
        """Seconds after which a call that is not answered is taken for lost."""
        return patience(self._lease)

    def transactions(self) -> Transactions:
        """Where transactional steps get their connections."""
        return Transactions(
            self.conninfo,
            pooler=self._pooler,
            worker=lambda: self.worker,
            lease=self.patience,
        )

    async def connect(self, *, listens: bool = False) -> protocol.Connection:
        """A further connection, of the caller's own; to hear notifications on, if it listens."""
        return await connect(self.conninfo, pooler=self._pooler, listens=listens)

    async def start(self) -> None:
        """Connect and register for the first time: what is wrong now is for the user to know.

        Raises:
            UsageError: the database cannot be reached, or refuses.
            AccessError: the role may not work here, or the server is read-only.
            NotInstalledError: the schema is missing or too old.
        """
        await self.reach()
        try:
            await self.open()
        except psycopg.Error as exc:
            raise refusal(self.conninfo, exc) from exc

    async def reach(self) -> None:
        """See whether the database can be worked on, without registering.

        Raises:
            UsageError: the database cannot be reached, or refuses.
            NotInstalledError: the schema is missing or too old.
        """
        if self._conn is not None:
            return
        try:
            self._conn = await self.connect()
            check_usable(await protocol.schema_version(self._conn))
        except psycopg.Error as exc:
            raise refusal(self.conninfo, exc) from exc

    async def declare(self, schedules: Sequence[Mapping[str, Any]]) -> None:
        """Declare the schedules of the machines, once; a connection that is lost is made anew.

        Raises:
            DefinitionError: the engine refuses one.
            UsageError: the database cannot be reached, or refuses.
            AccessError: the role may not declare them.
        """
        if not schedules:
            return
        try:
            conn, _ = await self.open()
            declared = await protocol.declare_schedules(conn, schedules)
        except EngineError as exc:
            raise DefinitionError(f"a schedule cannot be declared: {exc}") from exc
        except psycopg.Error as exc:
            raise refusal(self.conninfo, exc) from exc
        for name, result in declared.items():
            if result == "older":
                logger.info("schedule %s was declared by a newer version, which stays", name)
            elif result not in ("unchanged", "elsewhere"):
                logger.info("schedule %s %s", name, result)

    async def open(self) -> tuple[protocol.Connection, int]:
        """The connection and the worker's id, made anew where one of them is lost."""
        if self._conn is None:
            self._conn = await self.connect()
        if self._given_up:
            with suppress(psycopg.Error), answering(self._conn, self.patience):
                await end_backends(self._conn, self._given_up)
            if is_usable(self._conn):
                self._given_up.clear()
        if self.worker is None:
            info = describe_process() | {"machines": self._machines}
            with answering(self._conn, self.patience):
                self.worker = await protocol.register(
                    self._conn, self.name, self._queues, self._lease, info
                )
            where, queues = describe_dsn(self.conninfo), ", ".join(self._queues) or "none"
            logger.info("worker %d (%s) at %s, queues %s", self.worker, self.name, where, queues)
            if Registered in self._bus.heard:
                self._bus.tell(Registered(worker=self.name, id=self.worker))
        return self._conn, self.worker

    async def second(self) -> protocol.Connection:
        """A connection for turns beside those on the first one."""
        if self._second is not None and not is_usable(self._second):
            await self._give_up(self._second)
            self._second = None
        if self._second is None:
            self._second = await self.connect()
        return self._second

    def succeeded(self) -> None:
        """A turn went well: the next failure is the first one again."""
        self._failures = 0

    async def failed(self, exc: Exception) -> None:
        """Forget the connection and wait a little, longer with each failure in a row."""
        log_failure("a turn", exc)
        self.in_doubt = True
        lost = [conn for conn in (self._conn, self._second) if conn is not None]
        self._conn = self._second = None
        for conn in lost:
            await self._give_up(conn)
        shortest, longest = _RECONNECT_WAIT
        wait = min(longest, shortest * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 (no secret)

    async def _give_up(self, conn: protocol.Connection) -> None:
        if conn.backend is not None:
            self._given_up.append(conn.backend)
        with suppress(psycopg.Error, OSError):
            await conn.close()

    async def close(self) -> None:
        """Give everything back, if the database can be reached right now; else the lease ends."""
        if self._closed:
            return
        self._closed = True
        if self._second is not None:
            # Before the farewell: a turn that was cut off there must not pick after it.
            with suppress(psycopg.Error, OSError):
                await self._second.close()
        try:
            async with asyncio.timeout(_FAREWELL):
                if self.worker is not None:
                    await protocol.unregister(await self._able_to_speak(), self.worker)
        except Exception as exc:  # noqa: BLE001 (it leaves in any case)
            logger.warning("no goodbye to the database, the lease will run out: %s", one_line(exc))
        finally:
            if self._conn is not None:
                await self._conn.close()

    async def _able_to_speak(self) -> protocol.Connection:
        """The connection, or a new one if it was lost or a turn was cut off in the middle.

        In a pipeline nothing is committed before its end, and the end is never sent here.
        """
        conn = self._conn
        if conn and (conn.info.transaction_status or conn.info.pipeline_status):
            await conn.close()
            conn = None
        self._conn = conn or await self.connect()
        return self._conn
