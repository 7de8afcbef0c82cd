"""Alembic's environment."""

from __future__ import annotations

from alembic import context
from fastapi_shop.database import URL_, Base, sync_engine

from gendurable.contrib.alembic import include_name

if context.is_offline_mode():
    context.configure(url=URL_, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with sync_engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_schemas=True,
            include_name=include_name,
        )
        with context.begin_transaction():
            context.run_migrations()
