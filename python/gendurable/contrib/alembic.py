"""For Alembic: migrations that install and upgrade the schema, and a filter for autogenerate."""

from __future__ import annotations

from alembic import context, op

from gendurable import migrating
from gendurable.errors import UsageError

__all__ = ["include_name", "migrate", "remove"]


def migrate() -> None:
    """In ``upgrade()``: install the schema, or upgrade it to the version of the package.

    It is part of the migration's transaction, and does nothing where the schema is up to date.

    Raises:
        InstallError: it cannot be done.
        UsageError: there is no database (``--sql``), or no transaction.
    """
    _check_online()
    migrating.migrate(op.get_bind())


def remove() -> None:
    """In ``downgrade()`` of the migration that installed it: remove the schema and what is in it.

    Raises:
        InstallError: something else depends on it, or uses it right now.
        UsageError: there is no database (``--sql``), or no transaction.
    """
    _check_online()
    migrating.remove(op.get_bind())


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    """For ``context.configure(include_schemas=True)``: leave the engine's schema alone.

    The engine's tables are all in the schema ``gendurable``. Without ``include_schemas`` Alembic
    does not see them.
    """
    return not (type_ == "schema" and name == "gendurable")


def _check_online() -> None:
    if context.is_offline_mode():
        raise UsageError(
            "what the schema needs depends on the database, so there is no script of it (--sql)\n"
            "Install it first: gendurable-py install, or psql -1 -f sql/install.sql"
        )
