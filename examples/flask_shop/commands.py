"""Commands of ``flask``: the schema, and a worker."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask import Flask
from flask.cli import ScriptInfo, with_appcontext

from flask_shop.checkout import Checkout
from flask_shop.database import TABLES, connection, dsn_of
from gendurable import Context, Middleware, middleware, run_worker
from gendurable.migrating import migrate as migrate_schema

__all__ = ["in_context_of", "migrate", "worker"]


def in_context_of(app: Flask) -> Middleware:
    """Each step has an application context of its own, as each request has."""

    @middleware
    def in_context(_: Context[object]) -> Iterator[None]:
        with app.app_context():
            yield

    return in_context


@click.command()
@with_appcontext
def migrate() -> None:
    """Install or upgrade gendurable and the shop's own tables, in one transaction."""
    with connection().transaction():
        version = migrate_schema(connection())
        connection().execute(TABLES)
    click.echo(f"gendurable {version}")


@click.command()
@click.option("--concurrency", default=10, help="How many steps at once.")
@click.pass_obj
def worker(info: ScriptInfo, concurrency: int) -> None:
    """Run a worker until SIGTERM or Ctrl-C."""
    app = info.load_app()
    run_worker(
        [Checkout],
        dsn=dsn_of(app),
        queues={"default": concurrency},
        middleware=[in_context_of(app)],
    )
