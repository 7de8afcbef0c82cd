"""Machines found by their names: an fsm such as ``myapp.orders:Checkout`` names its code."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol

from gendurable import protocol
from gendurable.database import log_failure
from gendurable.errors import EngineError, GendurableError, UsageError, WorkerGoneError
from gendurable.loading import named
from gendurable.machine import Definition
from gendurable.text import safe_repr

__all__ = ["Learner", "Resolver", "check_prefixes"]

logger = logging.getLogger("gendurable")

_PREFIX = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\.?")
_NAME = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):[^\W\d]\w*(\.[^\W\d]\w*)*")
_AGAIN = (10.0, 600.0)
_MOST_FAILED = 10_000


class Learner(Protocol):
    """What a resolver needs of the worker."""

    @property
    def id(self) -> int | None:
        """Its current registration."""

    @property
    def queues(self) -> list[str]:
        """The queues that it serves."""

    def runs(self, fsm: str) -> bool:
        """Whether it knows a machine of that name."""

    def learn(self, definition: Definition) -> list[dict[str, Any]]:
        """Run a machine too; answers what is to be declared of it."""

    def work_arrived(self, queue: str) -> None:
        """There may be something to pick."""


class Resolver:
    """Teaches a worker the machines that are met in its queues, for as long as ``run`` runs.

    The worker declares what it was taught, so that it is handed those machines and no others. What
    cannot be imported here stays where it is, for other workers.

    Args:
        worker: the worker that is given the machines.
        prefixes: which modules may be imported.
        connect: opens a connection.
        poll: seconds between two looks.
    """

    def __init__(
        self,
        worker: Learner,
        prefixes: Sequence[str],
        connect: Callable[[], Awaitable[protocol.Connection]],
        *,
        poll: float,
    ) -> None:
        check_prefixes(prefixes)
        self._worker = worker
        self._prefixes = prefixes
        self._connect = connect
        self._poll = poll
        self._undeclared: list[dict[str, Any]] = []
        # When a name that was in vain is tried again, and how long that took last time.
        self._failed: dict[str, tuple[float, float]] = {}

    async def run(self) -> None:
        """Look for new machines until cancelled."""
        while True:
            try:
                async with await self._connect() as conn:
                    while True:
                        await self._look(conn)
                        await asyncio.sleep(self._poll)
            except Exception as exc:  # noqa: BLE001 (a bug here must not cost the worker)
                log_failure("a look for new machines", exc)
            await asyncio.sleep(self._poll)

    async def _look(self, conn: protocol.Connection) -> None:
        for fsm in await protocol.machines(conn, self._worker.queues):
            if self._worker.runs(fsm) or not self._is_due(fsm):
                continue
            # In a thread: an import may take long, and heartbeats do not wait.
            definition = await asyncio.to_thread(self._found, fsm)
            if definition is not None:
                self._undeclared += self._worker.learn(definition)
                logger.info("machine %s was found, and is run here", fsm)
                await self._schedule(conn, definition)
        await self._declare(conn)

    def _is_due(self, fsm: str) -> bool:
        if not _is_allowed(fsm, self._prefixes):
            return False
        at, _ = self._failed.get(fsm, (0.0, 0.0))
        return monotonic() >= at

    def _found(self, fsm: str) -> Definition | None:
        try:
            definition = named(fsm).definition()
        except GendurableError as exc:
            shortest, longest = _AGAIN
            wait = min(longest, max(shortest, 2 * self._failed.get(fsm, (0.0, 0.0))[1]))
            if len(self._failed) >= _MOST_FAILED:
                self._failed.clear()
            self._failed[fsm] = monotonic() + wait, wait
            logger.error(  # noqa: TRY400 (the message says where it failed)
                "machine %s cannot be run here, it is left to other workers and tried again in "
                "%.0f s: %s", fsm, wait, exc,
            )  # fmt: skip
            return None
        self._failed.pop(fsm, None)
        schedules = tuple({**each, "fsm": fsm} for each in definition.schedules)
        return dataclasses.replace(definition, name=fsm, schedules=schedules)

    async def _declare(self, conn: protocol.Connection) -> None:
        """Have the engine hand out what was learnt. A registration later on says it as well."""
        worker = self._worker.id
        if not self._undeclared:
            return
        if worker is not None:
            with suppress(WorkerGoneError):
                await protocol.declare(conn, worker, self._undeclared)
        self._undeclared = []
        for queue in self._worker.queues:
            self._worker.work_arrived(queue)

    async def _schedule(self, conn: protocol.Connection, definition: Definition) -> None:
        if not definition.schedules:
            return
        try:
            await protocol.declare_schedules(conn, definition.schedules)
        except EngineError as exc:
            logger.error("a schedule of %s cannot be declared: %s", definition.name, exc)  # noqa: TRY400


def check_prefixes(prefixes: object) -> None:
    """Refuse what is no list of modules.

    Raises:
        UsageError: names the first that is none.
    """
    if isinstance(prefixes, str) or not isinstance(prefixes, Iterable):
        raise UsageError(f"resolve is {safe_repr(prefixes, 40)}: expected a list of prefixes")
    for prefix in prefixes:
        if not isinstance(prefix, str) or _PREFIX.fullmatch(prefix) is None:
            raise UsageError(
                f"resolve is {safe_repr(prefix, 40)}: expected a module and all below it, such as "
                "myapp, or all below a package, such as myapp."
            )


def _is_allowed(fsm: str, prefixes: Iterable[str]) -> bool:
    name = _NAME.fullmatch(fsm)
    if name is None:
        return False
    module = name["module"]
    return any(
        module.startswith(prefix if prefix.endswith(".") else prefix + ".") or module == prefix
        for prefix in prefixes
    )
