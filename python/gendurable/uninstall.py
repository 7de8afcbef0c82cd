"""Removing what ``install`` made, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

from gendurable.database import connect_sync, conninfo, one_line, to_primary
from gendurable.errors import InstallError, NotInstalledError
from gendurable.install import LOCK, refuse_router, schema_sql

__all__ = ["uninstall"]

_ROLES = ("gd_admin", "gd_worker", "gd_client")

_THERE = "select 1 from pg_catalog.pg_namespace where nspname = 'gendurable'"

# What the schema's source creates by name; indexes and partitions go with their tables.
_CREATED = re.compile(
    r"^create\s+(?:or\s+replace\s+)?(?:unlogged\s+)?"
    r"(function|table|view|type|sequence|statistics)\s+((?:gendurable|public)\.\w+)",
    re.MULTILINE,
)

# Of the names those that are there, as the catalog writes them; of functions all of a name.
_FUNCTIONS = """
    select p.oid::regprocedure::text
      from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
     where n.nspname || '.' || p.proname = any (%(names)s)
"""
_RELATIONS = """
    select c.oid::regclass::text
      from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where n.nspname || '.' || c.relname = any (%(names)s) and not c.relispartition
"""
_TYPES = """
    select t.oid::regtype::text
      from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
     where n.nspname || '.' || t.typname = any (%(names)s)
"""
_STATISTICS = """
    select n.nspname || '.' || s.stxname
      from pg_catalog.pg_statistic_ext as s join pg_catalog.pg_namespace as n
        on n.oid = s.stxnamespace
     where n.nspname || '.' || s.stxname = any (%(names)s)
"""

# What depends on others before these.
_ORDER = (
    ("statistics", "gendurable.", _STATISTICS),
    ("view", "public.", _RELATIONS),
    ("function", "", _FUNCTIONS),
    ("view", "gendurable.", _RELATIONS),
    ("table", "", _RELATIONS),
    ("sequence", "", _RELATIONS),
    ("type", "", _TYPES),
)

_MEMBERS = """
    select count(*) from pg_catalog.pg_auth_members as m
      join pg_catalog.pg_roles as r on r.oid = m.roleid
      join pg_catalog.pg_roles as x on x.oid = m.member
     where r.rolname = %(role)s and x.rolname <> all (%(own)s)
"""


def uninstall(dsn: str | None = None) -> list[str]:
    """Remove the schema with all that is in it, in one transaction.

    Args:
        dsn: of the schema's owner; GENDURABLE_DSN or PG* by default.

    Returns:
        The roles that stay, because another database uses them or they have members.

    Raises:
        NotInstalledError: there is no schema.
        InstallError: something else depends on it, or uses it right now; nothing was removed.
        UsageError: the database cannot be reached.
    """
    with connect_sync(to_primary(conninfo(dsn))) as conn:
        conn.execute("select pg_advisory_xact_lock(%s::bigint)", (LOCK,))
        if conn.execute(_THERE).fetchone() is None:
            raise NotInstalledError("there is no schema gendurable in this database")
        refuse_router(conn)
        conn.execute("set local lock_timeout = '10s'")
        try:
            _drop_objects(conn)
        except psycopg.errors.DependentObjectsStillExist as exc:
            raise InstallError(
                f"something else depends on the schema: {_dependents(exc)}\n"
                "Drop or change it first. Nothing was removed."
            ) from exc
        except psycopg.errors.LockNotAvailable as exc:
            raise InstallError(
                "the schema is in use\n"
                "Stop the workers, and end the transactions that use it. Nothing was removed."
            ) from exc
        except psycopg.errors.InsufficientPrivilege as exc:
            raise InstallError(
                f"this role may not remove it: {one_line(exc)}\nUse the owner of the schema."
            ) from exc
        return [role for role in _ROLES if not _drop_role(conn, role)]


def _drop_objects(conn: psycopg.Connection[Any]) -> None:
    """Drop all that the installation has made, at last the schema.

    All of a kind in one statement, because some depend on others; none with CASCADE, so that what
    is not the installation's stops it.
    """
    created = set(_CREATED.findall(schema_sql()))
    for kind, schema, query in _ORDER:
        names = [name for own, name in created if own == kind and name.startswith(schema)]
        found = [row[0] for row in conn.execute(query, {"names": names}).fetchall()]
        if found:
            # The catalog has quoted what needs it.
            conn.execute(f"drop {kind} {', '.join(found)}".encode())
    conn.execute("drop schema gendurable")


def _dependents(exc: psycopg.Error) -> str:
    """What the server says depends, one after the other."""
    lines = (exc.diag.message_detail or one_line(exc)).splitlines()
    return "; ".join(re.sub(r" depends on .*", "", line) for line in lines[:5])


def _drop_role(conn: psycopg.Connection[Any], role: str) -> bool:
    """Drop a role of the cluster if nothing uses it any more; whether it is gone."""
    found = conn.execute(_MEMBERS, {"role": role, "own": list(_ROLES)}).fetchone()
    if found is not None and found[0]:
        return False
    try:
        with conn.transaction():
            conn.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege):
        return False
    return True
