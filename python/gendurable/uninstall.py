"""Removing what ``install`` made, and nothing else."""

from __future__ import annotations

import re

from gendurable.database import connect_sync, conninfo, to_primary
from gendurable.drivers import SyncHandle, ask, run_script, said_by
from gendurable.errors import InstallError, NotInstalledError, Said
from gendurable.install import lock_installation, refuse_router, schema_sql

__all__ = ["uninstall", "uninstall_on"]

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
     where n.nspname || '.' || p.proname = any (%(names)s::text[])
"""
_RELATIONS = """
    select c.oid::regclass::text
      from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where n.nspname || '.' || c.relname = any (%(names)s::text[]) and not c.relispartition
"""
_TYPES = """
    select t.oid::regtype::text
      from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
     where n.nspname || '.' || t.typname = any (%(names)s::text[])
"""
_STATISTICS = """
    select n.nspname || '.' || s.stxname
      from pg_catalog.pg_statistic_ext as s join pg_catalog.pg_namespace as n
        on n.oid = s.stxnamespace
     where n.nspname || '.' || s.stxname = any (%(names)s::text[])
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
     where r.rolname = %(role)s::text and x.rolname <> all (%(own)s::text[])
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
        return uninstall_on(conn)


def uninstall_on(conn: SyncHandle) -> list[str]:
    """Do what ``uninstall`` does in the transaction of a connection, of whichever library.

    Raises:
        NotInstalledError: see ``uninstall``.
        InstallError: see ``uninstall``.
    """
    lock_installation(conn)
    if not ask(conn, _THERE):
        raise NotInstalledError("there is no schema gendurable in this database")
    refuse_router(conn)
    run_script(conn, "set local lock_timeout = '10s'")
    try:
        _drop_objects(conn)
    except Exception as exc:
        if (refused := _refused(said_by(exc))) is None:
            raise
        raise refused from exc
    return [role for role in _ROLES if not _drop_role(conn, role)]


def _refused(said: Said | None) -> InstallError | None:
    """What stands in the way, if it is something that the user can put right."""
    if said is None:
        return None
    match said.sqlstate:
        case "2BP01":
            return InstallError(
                f"something else depends on the schema: {_dependents(said)}\n"
                "Drop or change it first. Nothing was removed."
            )
        case "55P03":
            return InstallError(
                "the schema is in use\n"
                "Stop the workers, and end the transactions that use it. Nothing was removed."
            )
        case "42501":
            return InstallError(
                f"this role may not remove it: {said.message}\nUse the owner of the schema."
            )
        case _:
            return None


def _drop_objects(conn: SyncHandle) -> None:
    """Drop all that the installation has made, at last the schema.

    All of a kind in one statement, because some depend on others; none with CASCADE, so that what
    is not the installation's stops it.
    """
    created = set(_CREATED.findall(schema_sql()))
    for kind, schema, query in _ORDER:
        names = [name for own, name in created if own == kind and name.startswith(schema)]
        found = [row[0] for row in ask(conn, query, {"names": names})]
        if found:
            # The catalog has quoted what needs it.
            run_script(conn, f"drop {kind} {', '.join(found)}")
    run_script(conn, "drop schema gendurable")


def _dependents(said: Said) -> str:
    """What the server says depends, one after the other."""
    lines = (said.detail or said.message).splitlines()
    return "; ".join(re.sub(r" depends on .*", "", line) for line in lines[:5])


def _drop_role(conn: SyncHandle, role: str) -> bool:
    """Drop a role of the cluster if nothing uses it any more; whether it is gone."""
    ((members,),) = ask(conn, _MEMBERS, {"role": role, "own": list(_ROLES)})
    if members:
        return False
    run_script(conn, "savepoint gendurable_role")
    try:
        run_script(conn, f"drop role if exists {role}")
    except Exception as exc:
        said = said_by(exc)
        if said is None or said.sqlstate not in ("2BP01", "42501"):
            raise
        run_script(conn, "rollback to savepoint gendurable_role")
        return False
    run_script(conn, "release savepoint gendurable_role")
    return True
