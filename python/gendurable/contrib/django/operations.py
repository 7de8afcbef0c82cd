"""The operations of the migrations."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation

from gendurable import migrating
from gendurable.contrib.django.database import alias

__all__ = ["InstallSchema", "UpgradeSchema"]


class UpgradeSchema(Operation):
    """Bring the schema to the version of the package, in the transaction of the migration.

    Args:
        version: of the release that the migration belongs to, for people.
    """

    reversible = True
    reduces_to_sql = False

    def __init__(self, version: str) -> None:
        self.version = version

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: no model comes of it."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Install what is not there, upgrade what is older, leave what is up to date."""
        if _is_here(schema_editor):
            migrating.migrate(schema_editor.connection)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Nothing: an older schema is not made of a newer one."""

    def describe(self) -> str:
        """What ``migrate --plan`` shows."""
        return f"gendurable's schema becomes that of the package, {self.version} or newer"


class InstallSchema(UpgradeSchema):
    """The same; backwards it removes the schema with all that is in it."""

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Remove it."""
        if _is_here(schema_editor):
            migrating.remove(schema_editor.connection)


def _is_here(schema_editor: Any) -> bool:
    """Whether this database is the engine's, and not merely asked for SQL (``sqlmigrate``)."""
    if schema_editor.collect_sql:
        schema_editor.collected_sql.append("-- gendurable's schema: see gendurable-py upgrade")
        return False
    return bool(schema_editor.connection.alias == alias())
