"""In which of Django's databases the engine is, and how others than Django connect to it."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from gendurable.errors import UsageError

__all__ = ["alias", "connection", "dsn"]


def alias() -> str:
    """Its name in ``DATABASES``."""
    return str(getattr(settings, "GENDURABLE_DATABASE", "default"))


def connection() -> Any:
    """Django's connection to it, of this thread."""
    return connections[alias()]


def dsn() -> str:
    """The connection string that says the same as ``DATABASES``.

    Raises:
        UsageError: the database is none of PostgreSQL.
    """
    own = connection()
    if own.vendor != "postgresql":
        raise UsageError(f"DATABASES[{own.alias!r}] is a database of {own.vendor}, not PostgreSQL")
    given = own.get_connection_params()
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    fields = {name: str(value) for name, value in given.items() if name in known and value}
    if role := own.settings_dict["OPTIONS"].get("assume_role"):
        quoted = re.sub(r"([\\ ])", r"\\\1", role)
        fields["options"] = f"{fields.get('options', '')} -c role={quoted}".lstrip()
    return make_conninfo(**fields)
