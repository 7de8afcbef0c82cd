"""gendurable's schema."""

from __future__ import annotations

from gendurable.contrib.alembic import migrate, remove

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Install it; where an older version is installed, upgrade it."""
    migrate()


def downgrade() -> None:
    """Remove it, with all instances."""
    remove()
