"""``manage.py gendurable``: the command line on Django's database."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from gendurable.cli import main
from gendurable.contrib.django.database import dsn

__all__ = ["Command"]


class Command(BaseCommand):
    """Passes what follows its name on to ``gendurable-py``."""

    help = "gendurable-py on the database of settings.DATABASES: manage.py gendurable run"
    requires_system_checks = ()

    def add_arguments(self, parser: Any) -> None:
        """Take everything as it is."""
        parser.add_argument("args", nargs=argparse.REMAINDER, help="what gendurable-py takes")

    def handle(self, *args: str, **_: Any) -> None:
        """Run the command."""
        os.environ["GENDURABLE_DSN"] = dsn()
        os.environ.setdefault("GENDURABLE_MACHINES", "gendurable.contrib.django.machines")
        before = sys.argv
        sys.argv = ["gendurable", *args]
        try:
            main()
        finally:
            sys.argv = before
