"""Django's connections in steps: fresh ones, and in transactional steps that of the step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from asgiref.sync import SyncToAsync
from django.db import connections, transaction

from gendurable.context import Context
from gendurable.contrib.django.database import alias
from gendurable.contrib.lent import Lent
from gendurable.hooks import middleware

__all__ = ["connections_of_steps"]


@middleware
def connections_of_steps(ctx: Context[Any]) -> Iterator[None]:
    """What Django does around a request: connections that are too old or lost are closed."""
    close = _close_old_of_async if _is_async() else _close_old
    close()
    try:
        if isinstance(ctx.lent, psycopg.Connection):
            with _orm_in(ctx, ctx.lent):
                yield
        else:
            yield
    finally:
        close()


def _is_async() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _close_old() -> None:
    """As Django's ``close_old_connections``, but for those of a test that are in a transaction.

    One that is kept is tried before it is used again: a step that failed would cost an attempt.
    """
    for one in connections.all(initialized_only=True):
        if not one.in_atomic_block:
            one.close_if_unusable_or_obsolete()
            one.health_check_enabled = True


def _close_old_of_async() -> None:
    """The same where the ORM's async calls run: in a thread, one after the other."""
    SyncToAsync.single_thread_executor.submit(_close_old)


@contextmanager
def _orm_in(ctx: Context[Any], conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Let the ORM work in the step's transaction, as within an ``atomic`` block."""
    name = alias()
    usual = connections[name]
    borrowed = type(usual)(usual.settings_dict, name)
    parameters = borrowed.get_connection_params()
    borrowed.connection = Lent(conn, parameters.get("context"), parameters["cursor_factory"])
    borrowed.autocommit, borrowed.in_atomic_block = False, True
    conn.execute(
        "select pg_catalog.set_config('TimeZone', %s::text, true)", (borrowed.timezone_name,)
    )
    connections[name] = borrowed
    try:
        yield
        if borrowed.needs_rollback:
            raise transaction.TransactionManagementError(
                "a block of atomic(savepoint=False) has failed, and its error was caught"
            )
    finally:
        connections[name] = usual
    for _, function, robust in borrowed.run_on_commit:
        if usual.connection is conn:  # A test that drains in its own transaction.
            usual.on_commit(function, robust)
        else:
            ctx.after_commit(partial(_closing, function))


def _closing(function: Callable[[], object]) -> None:
    """It has a connection of its own, if it asks for one: the step's is given back by then."""
    try:
        function()
    finally:
        _close_old()
