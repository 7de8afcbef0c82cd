"""The schema in an application's migrations: installed, upgraded or removed in its transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from gendurable.calls import no_connection
from gendurable.drivers import SyncHandle, ask, driver_of, run_script, said_by
from gendurable.errors import GendurableError, UsageError, error_for
from gendurable.install import install_on
from gendurable.process import package_version
from gendurable.uninstall import uninstall_on
from gendurable.upgrade import upgrade_on

__all__ = ["migrate", "remove"]

# What the scripts set for the rest of the transaction, or rely on.
_SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "client_min_messages": "warning",
    "lock_timeout": "0",
    "statement_timeout": "0",
    "role": None,
}
_NOT_IN_TRANSACTION = "25P01"


def migrate(conn: SyncHandle, *, wait: float = 60, longest: float = 300) -> str:
    """Install the schema, or upgrade it to this package's version, in the caller's transaction.

    Where it is up to date nothing is changed. An upgrade takes the lock of the instances, as
    ``gendurable.upgrade.upgrade`` does: the calls of others wait until the transaction ends.

    Args:
        conn: a sync connection of psycopg, SQLAlchemy (whatever its driver) or Django, of a role
            that may install.
        wait: seconds, for how long an upgrade tries to get its locks.
        longest: seconds that one of its statements may take.

    Returns:
        The version of the schema.

    Raises:
        InstallError: it cannot be done. The transaction is as it was before, and may go on.
        AccessError: the role may not ask for the version of the schema that is there.
        UsageError: this is no such connection, or it is in no transaction.
    """
    with _in_transaction(conn):
        there = ask(conn, "select 1 where to_regprocedure('public.gd_version()') is not null")
        if there and ask(conn, "select public.gd_version()")[0][0] != package_version():
            upgrade_on(conn, wait=wait, longest=longest)
        else:
            install_on(conn)  # What is complete stays as it is.
    return package_version()


def remove(conn: SyncHandle) -> list[str]:
    """Remove the schema with all that is in it, in the caller's transaction.

    Args:
        conn: see ``migrate``.

    Returns:
        The roles that stay, because another database uses them or they have members.

    Raises:
        NotInstalledError: there is no schema.
        InstallError: something else depends on it, or uses it right now.
        UsageError: see ``migrate``.
    """
    with _in_transaction(conn):
        return uninstall_on(conn)


@contextmanager
def _in_transaction(conn: SyncHandle) -> Iterator[None]:
    """A part of the caller's transaction, which finds its settings as they were.

    Where it fails nothing of it is left, and the transaction may go on.
    """
    driver = driver_of(conn)
    if not isinstance(conn, psycopg.Connection) and (driver is None or driver.is_async):
        raise no_connection(conn, "a sync connection of psycopg, SQLAlchemy or Django")
    try:
        run_script(conn, "savepoint gendurable_migration")
    except Exception as exc:
        if (said := said_by(exc)) is None or said.sqlstate != _NOT_IN_TRANSACTION:
            raise
        raise UsageError(
            "a migration of the schema is all or nothing, and the connection is in no transaction\n"
            "Begin one first. In Django leave atomic = True, in Alembic no autocommit_block()."
        ) from exc
    read = ", ".join(f"pg_catalog.current_setting('{name}')" for name in _SETTINGS)
    (before,) = ask(conn, f"select {read}")
    _set(conn, {name: value for name, value in _SETTINGS.items() if value is not None})
    try:
        yield
    except Exception as exc:
        # A connection that is gone has no savepoint; what it raised says more.
        with suppress(Exception):
            run_script(conn, "rollback to savepoint gendurable_migration")
        said = None if isinstance(exc, GendurableError) else said_by(exc)
        if said is None or (error := error_for(said)) is None:
            raise
        raise error from exc
    _set(conn, dict(zip(_SETTINGS, before, strict=True)))
    run_script(conn, "release savepoint gendurable_migration")


def _set(conn: SyncHandle, settings: dict[str, str]) -> None:
    calls = ", ".join(f"pg_catalog.set_config('{k}', %({k})s::text, true)" for k in settings)
    ask(conn, f"select {calls}", settings)
