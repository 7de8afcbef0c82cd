"""Installing the schema that ships with this package, without psql and without sqitch.

With upgrade.py the one module besides LISTEN that speaks SQL which is not a call of the engine: it
runs before there is one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg

from gendurable.database import connect_sync, conninfo, log_warning, to_primary
from gendurable.drivers import SyncHandle, ask, run_script, said_by
from gendurable.errors import InstallError
from gendurable.schema import release

__all__ = [
    "LOCK",
    "install",
    "install_on",
    "install_router",
    "lock_installation",
    "own_version",
    "packaged",
    "refuse_router",
    "schema_sql",
]

_INCLUDE = re.compile(r"^\\ir\s+(\S+)[ \t]*$", re.MULTILINE)
_CREATED = re.compile(
    r"^create\s+(?:or\s+replace\s+)?(function|table|view|type)\s+((?:gendurable|public)\.\w+)",
    re.MULTILINE,
)

_OPEN = """
    select p.oid::regprocedure::text from pg_catalog.pg_proc as p
     where p.pronamespace = 'public'::regnamespace and p.proname ^@ 'gd_' and p.prosecdef
       and pg_catalog.has_function_privilege('public', p.oid, 'execute')
     order by 1
"""

# Any constant will do as long as every installer uses the same.
LOCK = 0x67656E6475726162

_ROUTER = """
    select 1 from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where n.nspname = 'gendurable' and c.relname = 'places'
"""

_PRESENT = """
    select 'schema ' || n.nspname from pg_catalog.pg_namespace as n where n.nspname = 'gendurable'
    union all
    select 'function ' || n.nspname || '.' || p.proname
      from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
     where n.nspname = 'gendurable' or n.nspname = 'public' and p.proname ^@ 'gd_'
    union all
    select case when c.relkind in ('r', 'p') then 'table ' when c.relkind = 'c' then 'type '
                else 'view ' end || n.nspname || '.' || c.relname
      from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'c', 'v', 'm')
       and (n.nspname = 'gendurable' or n.nspname = 'public' and c.relname ^@ 'gd_')
    union all
    select 'type ' || n.nspname || '.' || t.typname
      from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
     where t.typtype = 'e' and n.nspname = 'gendurable'
"""


def install(
    dsn: str | None = None,
    *,
    repair_privileges: bool = False,
    partitions: Collection[int] | None = None,
) -> bool:
    """Install the schema in one transaction, or find it complete and change nothing.

    Concurrent installs wait for one another; the later ones find the schema complete.

    Args:
        dsn: of a role that may create in the database; GENDURABLE_DSN or PG* by default.
        repair_privileges: grant and revoke anew what a dump without privileges has lost.
        partitions: the virtual partitions, of 64, that this database is to hold as one of many; a
            schema that is there already keeps those that it has.

    Returns:
        True if it was installed now, False if it was there.

    Raises:
        UsageError: the database cannot be reached, or is a standby.
        AccessError: there is a schema, and the role may not ask for its version.
        InstallError: what is there is incomplete, another application's, of another version, or
            open to every role; or the role may not create a schema. The message says which; nothing
            was changed.
    """
    with connect_sync(to_primary(conninfo(dsn))) as conn:
        conn.add_notice_handler(log_warning)
        return install_on(conn, repair_privileges=repair_privileges, partitions=partitions)


def install_on(
    conn: SyncHandle,
    *,
    repair_privileges: bool = False,
    partitions: Collection[int] | None = None,
) -> bool:
    """Do what ``install`` does in the transaction of a connection, of whichever library.

    Raises:
        InstallError: see ``install``.
    """
    lock_installation(conn)
    refuse_router(conn)
    complete = _is_complete(conn)
    with _refusals():
        if not complete:
            run_script(conn, schema_sql())
            if partitions is not None:
                held = [str(one) for one in partitions]
                ask(conn, "select gendurable._set_partitions(%(held)s::int[])", {"held": held})
        elif repair_privileges:
            run_script(conn, (packaged() / "grants.sql").read_text(encoding="utf-8"))
    _refuse_open(conn)
    return not complete


def lock_installation(conn: SyncHandle) -> None:
    """Wait for whatever else installs or removes a schema here; it waits for this transaction."""
    ask(conn, "select pg_advisory_xact_lock(%(lock)s::bigint)", {"lock": str(LOCK)})


@contextmanager
def _refusals() -> Iterator[None]:
    """What the server refuses, and the user can put right, as an InstallError."""
    try:
        yield
    except Exception as exc:
        said = said_by(exc)
        match said.sqlstate if said else None:
            case "42501":
                told = (
                    "this role may not install here",
                    "Use its owner, or grant it CREATE on the database and on schema public.",
                )
            case "3F000":
                told = (
                    "what applications call belongs into schema public",
                    "Create it first: create schema public",
                )
            case _:
                raise
        raise InstallError(f"{told[0]}: {said.message if said else exc}\n{told[1]}") from exc


def install_router(dsn: str | None = None) -> bool:
    """Install a router, or make the calls of one that is there those of this version.

    What a router knows of the databases stays.

    Args:
        dsn: of a superuser; GENDURABLE_DSN or PG* by default.

    Returns:
        True if it was installed now, False if it was there.

    Raises:
        UsageError: the database cannot be reached, or is a standby.
        InstallError: PL/Proxy is not there, the role may not install it, or the database holds
            something else. Nothing was changed.
    """
    with connect_sync(to_primary(conninfo(dsn))) as conn:
        lock_installation(conn)
        conn.execute("set local client_min_messages = warning")
        there = _is_router(conn)
        if not there and (present := {row[0] for row in ask(conn, _PRESENT)}):
            raise InstallError(
                f"a router needs a database of its own, and this one holds {_listed(present)}\n"
                "Create another one, and install the router there."
            )
        try:
            conn.execute(schema_sql("router/upgrade.sql" if there else "router/install.sql"))
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as exc:
            raise InstallError(
                f"a router needs PL/Proxy: {exc.diag.message_primary}\n"
                "Debian has it as postgresql-15-plproxy, for each version of PostgreSQL."
            ) from exc
        except psycopg.errors.InsufficientPrivilege as exc:
            raise InstallError(
                f"this role may not install a router: {exc.diag.message_primary}\n"
                "Do it as a superuser."
            ) from exc
    return not there


def refuse_router(conn: SyncHandle) -> None:
    """Refuse a router: it has no schema to install, upgrade or remove.

    Raises:
        InstallError: the database is one.
    """
    if _is_router(conn):
        raise InstallError(
            "this database is a router: it holds no instance, only the calls to other databases\n"
            "Connect to one of these. The router itself: gendurable-py install --router"
        )


def _is_router(conn: SyncHandle) -> bool:
    return bool(ask(conn, _ROUTER))


def schema_sql(manifest: str = "install.sql") -> str:
    """The whole schema as one script, or what another manifest of it includes."""
    *folders, name = manifest.split("/")
    folder = packaged().joinpath(*folders) if folders else packaged()
    return "".join(_expand(folder / name, folder))


def packaged() -> Traversable:
    """The folder of the schema in this package."""
    return files("gendurable") / "sql"


def _expand(file: Traversable, folder: Traversable) -> Iterator[str]:
    r"""The file with each ``\ir`` line replaced by the file it names, seen from its folder."""
    text = file.read_text(encoding="utf-8")
    end = 0
    for include in _INCLUDE.finditer(text):
        yield text[end : include.start()]
        *subfolders, name = include[1].split("/")
        inner = folder.joinpath(*subfolders) if subfolders else folder
        yield from _expand(inner / name, inner)
        end = include.end()
    yield text[end:]


def _is_complete(conn: SyncHandle) -> bool:
    """Whether the schema of this version is there; False if there is nothing at all.

    Raises:
        InstallError: there is something else.
    """
    script = schema_sql()
    expected = {"schema gendurable"} | {" ".join(found) for found in _CREATED.findall(script)}
    present = {row[0] for row in ask(conn, _PRESENT)}
    if not present:
        return False
    if "function public.gd_version" in present:
        _check_version(conn, script)
    missing, known, foreign = expected - present, expected & present, present - expected
    if not missing:
        return True
    if known <= {"schema gendurable"}:
        raise InstallError(
            "what is in the way of the schema is not gendurable's: "
            f"{_listed(foreign or known)}\n"
            "Install into another database, or rename or drop those objects first."
        )
    raise InstallError(
        f"the schema is incomplete, {len(missing)} of {len(expected)} objects are missing: "
        f"{_listed(missing)}\n"
        "Restore it from a backup. If it holds nothing you need: drop schema gendurable cascade, "
        "drop the gd_* functions and views, and install again."
    )


def _refuse_open(conn: SyncHandle) -> None:
    if found := {row[0] for row in ask(conn, _OPEN)}:
        raise InstallError(
            f"every role may call the engine, so it is closed: {_listed(found)}\n"
            "It was restored without privileges. As the owner of its functions run: "
            "gendurable-py install --repair-privileges"
        )


def _check_version(conn: SyncHandle, script: str) -> None:
    ((installed,),) = ask(conn, "select public.gd_version()")
    own = own_version(script)
    if installed == own:
        return
    if release(installed) < release(own):
        raise InstallError(
            f"the database has the older schema version {installed}, this package has {own}\n"
            "Upgrade it: gendurable-py upgrade (with sqitch: sqitch deploy)."
        )
    raise InstallError(
        f"the database has schema version {installed}, newer than this package's {own}\n"
        "Upgrade the package: pip install --upgrade gendurable"
    )


def own_version(script: str) -> str:
    """The version that a script of the schema installs."""
    body = script[script.index("function public.gd_version") :]
    found = re.search(r"'(\d[^']*)'", body)
    assert found is not None  # noqa: S101 (the packaged schema says its version)
    return found[1]


def _listed(objects: set[str]) -> str:
    names = sorted(objects)
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
