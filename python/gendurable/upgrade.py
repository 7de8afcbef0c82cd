"""Upgrading an installed schema to the one that ships with this package.

The rules are those of ``sql/upgrade.sql``, which psql and sqitch run as well. This module adds
patience with locks, and sentences.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from gendurable.database import connect_sync, conninfo, log_warning, to_primary
from gendurable.drivers import SyncHandle, ask, run_script, said_by
from gendurable.errors import InstallError
from gendurable.install import own_version, packaged, refuse_router, schema_sql
from gendurable.schema import release

__all__ = ["Upgrade", "upgrade", "upgrade_on"]

_STEP = re.compile(r"^\\ir upgrades/(\d+\.\d+\.\d+)\.sql$", re.MULTILINE)

# A lock that is waited for holds up every call that comes after it.
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 4.0
_PAUSE = 1.0

_HOLDERS = """
    select a.pid,
           coalesce(nullif(a.application_name, ''), a.backend_type) as name,
           coalesce(a.state, a.backend_type) as state,
           extract(epoch from clock_timestamp() - min(a.xact_start))::int as seconds
      from pg_catalog.pg_locks as l
      join pg_catalog.pg_class as c on c.oid = l.relation
      join pg_catalog.pg_stat_activity as a on a.pid = l.pid
     where c.relnamespace = to_regnamespace('gendurable') and l.granted
       and a.pid <> pg_backend_pid() and a.datname = current_database()
     group by a.pid, a.application_name, a.backend_type, a.state
     order by seconds desc nulls last
     limit 3
"""

_LIMIT = """
    select pg_catalog.set_config('lock_timeout', %(lock)s::text, true),
           pg_catalog.set_config('statement_timeout', %(statement)s::text, true)
"""
_FROM = "select current_setting('gendurable.upgraded_from')"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade does, or has done.

    Attributes:
        installed: the version that it found.
        target: the version of this package.
        steps: for each release between them what it changes in the tables, in a line.
        holders: the sessions that hold locks which it will have to wait for, in a line each;
            only if asked.
    """

    installed: str
    target: str
    steps: tuple[str, ...]
    holders: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.installed != self.target


def upgrade(
    dsn: str | None = None, *, dry_run: bool = False, wait: float = 60, longest: float = 300
) -> Upgrade:
    """Upgrade the schema in one transaction, or find it up to date and change nothing.

    The engine stands still while the transaction runs: calls wait, and go on with the new schema.
    The transaction begins with the lock of the instances. Each attempt to get it takes half a
    second at first and 4 s at most, so that calls do not wait longer for one that cannot be had.

    Args:
        dsn: of the owner of the schema, or a member of that role.
        dry_run: only look: what would be done, and whether it could.
        wait: seconds, for how long it tries to get its locks.
        longest: seconds that one of its statements may take, the making of an index for example.

    Raises:
        UsageError: the database cannot be reached, or is a standby.
        InstallError: it cannot be done. The message says why; nothing was changed.
    """
    info = to_primary(conninfo(dsn))
    with _connected(info) as conn:
        plan = _plan(conn, with_holders=dry_run)
        conn.rollback()
    if dry_run or not plan.needed:
        return plan

    def attempt(script: str, patience: float) -> None:
        with _connected(info) as conn:
            _apply(conn, script, patience, longest)

    def holders() -> tuple[str, ...]:
        with _connected(info) as conn:
            return _holders(conn)

    _apply_in_time(plan, wait, attempt, holders)
    return plan


def upgrade_on(conn: SyncHandle, *, wait: float = 60, longest: float = 300) -> Upgrade:
    """Do what ``upgrade`` does in the transaction of a connection, of whichever library.

    The engine stands still until that transaction ends.

    Raises:
        InstallError: see ``upgrade``.
        UsageError: the connection is in no transaction.
    """
    plan = _plan(conn, with_holders=False)
    if not plan.needed:
        return plan

    def attempt(script: str, patience: float) -> None:
        run_script(conn, "savepoint gendurable_upgrade")
        try:
            _apply(conn, script, patience, longest)
        except _LockRefusedError:
            run_script(conn, "rollback to savepoint gendurable_upgrade")
            raise
        run_script(conn, "release savepoint gendurable_upgrade")

    _apply_in_time(plan, wait, attempt, lambda: _holders(conn))
    return plan


def _apply_in_time(
    plan: Upgrade,
    wait: float,
    attempt: Callable[[str, float], None],
    holders: Callable[[], tuple[str, ...]],
) -> None:
    """Attempt it again and again, as long as a lock cannot be had.

    Args:
        plan: what is done.
        wait: seconds.
        attempt: takes the script, and the seconds that one lock may be waited for.
        holders: says who has locks.
    """
    script, until, patience = schema_sql("upgrade.sql"), time.monotonic() + wait, _FIRST_WAIT
    while True:
        try:
            attempt(script, patience)
        except _LockRefusedError as exc:
            held = holders()
            if time.monotonic() + _PAUSE + patience > until:
                raise InstallError(
                    f"no moment was free for the upgrade within {wait:g} s; nothing was changed\n"
                    f"{_blame(plan.target, held)}"
                ) from exc
            time.sleep(_PAUSE)
            patience = min(patience * 2, _LONGEST_WAIT)
        else:
            return


@contextmanager
def _connected(info: str) -> Iterator[psycopg.Connection[Any]]:
    with connect_sync(info) as conn:
        conn.add_notice_handler(log_warning)
        yield conn


def _plan(conn: SyncHandle, *, with_holders: bool) -> Upgrade:
    """What is to be done; it asks the script itself whether it can be."""
    refuse_router(conn)
    try:
        with _refusals():
            run_script(conn, (packaged() / "upgrades/check.sql").read_text(encoding="utf-8"))
    except _LockRefusedError as exc:
        raise InstallError(
            "another installation or upgrade is at work in this database\n"
            "Try again when it has ended."
        ) from exc
    ((installed,),) = ask(conn, _FROM)
    holders = _holders(conn) if with_holders else ()
    return Upgrade(installed, own_version(schema_sql()), tuple(_steps(installed)), holders)


def _apply(conn: SyncHandle, script: str, patience: float, longest: float) -> None:
    limits = {"lock": f"{patience * 1000:.0f}", "statement": f"{longest * 1000:.0f}"}
    ask(conn, _LIMIT, limits)
    with _refusals():
        run_script(conn, script)


class _LockRefusedError(Exception):
    """The server said that a lock could not be had in time."""


@contextmanager
def _refusals() -> Iterator[None]:
    """What the script and the server refuse as an InstallError."""
    try:
        yield
    except Exception as exc:
        said = said_by(exc)
        match said.sqlstate if said else None:
            case "55P03" | "40P01":
                raise _LockRefusedError from exc
            case "57014" if said:
                raise InstallError(
                    f"it took longer than it may: {said.message}; nothing was changed\n"
                    "Give it longer (--longest), at a time when the engine may stand still for so "
                    "long."
                ) from exc
            case "GD020" if said:
                raise InstallError(
                    f"the schema cannot be upgraded: {said.detail}\n{said.hint}"
                ) from exc
        raise


def _holders(conn: SyncHandle) -> tuple[str, ...]:
    return tuple(
        f"process {pid} ({name}, {state}"
        + (f", in a transaction for {seconds} s)" if seconds is not None else ")")
        for pid, name, state, seconds in ask(conn, _HOLDERS)
    )


def _blame(target: str, holders: tuple[str, ...]) -> str:
    if not holders:
        return f"Try again: gendurable-py upgrade (to {target})."
    return (
        f"Locks of the engine's tables are held by {', '.join(holders)}\n"
        "End those transactions, or try again with a longer --wait."
    )


def _steps(installed: str) -> Iterator[str]:
    """The first line of each file that changes tables of the installed version."""
    manifest = (packaged() / "upgrade.sql").read_text(encoding="utf-8")
    for version in _STEP.findall(manifest):
        if release(version) > release(installed):
            text = (packaged() / f"upgrades/{version}.sql").read_text(encoding="utf-8")
            yield text.partition("\n")[0].removeprefix("-- ")
