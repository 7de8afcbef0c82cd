"""A shop in Flask: its application factory.

flask --app flask_shop worker
"""

from __future__ import annotations

import os

from flask import Flask

from flask_shop import commands, database, orders

__all__ = ["create_app"]


def create_app(dsn: str | None = None) -> Flask:
    """An application on a database; GENDURABLE_DSN by default."""
    app = Flask(__name__)
    app.config["DSN"] = dsn or os.environ.get("GENDURABLE_DSN", "postgresql:///shop")
    app.teardown_appcontext(database.close)
    app.register_blueprint(orders.blueprint)
    app.cli.add_command(commands.migrate)
    app.cli.add_command(commands.worker)
    return app
