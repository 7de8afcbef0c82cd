"""For tests of a project: steps in the test's transaction, or a worker beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Unpack

import django.test

from gendurable import testing
from gendurable.calls import call
from gendurable.contrib.django.database import alias, connection, dsn
from gendurable.contrib.django.machines import installed
from gendurable.hosting import in_thread
from gendurable.machine import Machine
from gendurable.settings import WorkerSettings
from gendurable.testing import Ran
from gendurable.worker import Worker

__all__ = ["TransactionTestCase", "advance", "drain", "flush", "running"]

Machines = Iterable[Machine[Any] | type[Machine[Any]]]

_FLUSH = "select gendurable._flush()::text"


def drain(
    machines: Machines | None = None,
    *,
    queues: str | Iterable[str] = ("default",),
    limit: int = 1000,
) -> list[Ran]:
    """Run what is runnable in the transaction of a ``TestCase``; see ``gendurable.testing.drain``.

    Args:
        machines: what can be run; those of the installed apps by default.
        queues: where to look.
        limit: steps after which to give up.
    """
    machines = installed() if machines is None else machines
    ran: list[Ran] = testing.drain(connection(), machines, queues=queues, limit=limit)
    return ran


def advance(**by: float) -> None:
    """Let time go by in the transaction of a ``TestCase``; see ``gendurable.testing.advance``."""
    testing.advance(connection(), **by)


def flush() -> None:
    """Forget every instance, limit, schedule and setting: the schema is as it was installed."""
    call(connection(), _FLUSH, {}, lambda _: None, name="flush")


@contextmanager
def running(
    machines: Machines | None = None, **settings: Unpack[WorkerSettings]
) -> Iterator[Worker]:
    """A worker in a thread, for a ``TransactionTestCase``; at the end of the block it drains.

    Args:
        machines: what it runs; those of the installed apps by default.
        settings: of the ``Worker``.
    """
    machines = installed() if machines is None else machines
    given: WorkerSettings = {"dsn": dsn(), "drain": 5.0, **settings}
    options = connection().settings_dict
    age, options["CONN_MAX_AGE"] = options["CONN_MAX_AGE"], 0
    try:
        # Each step closes its connections, so that the database of the tests can be dropped.
        with in_thread(Worker(machines, **given)) as worker:
            yield worker
    finally:
        options["CONN_MAX_AGE"] = age


class TransactionTestCase(django.test.TransactionTestCase):
    """Django's, which after each test flushes the engine's tables as well as the project's."""

    def _fixture_teardown(self) -> None:
        super()._fixture_teardown()
        if alias() in self._databases_names(include_mirrors=False):
            flush()
