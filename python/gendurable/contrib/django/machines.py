"""All machines, jobs, lifespans and middleware in the modules ``machines`` of the installed apps.

It is what ``manage.py gendurable run`` runs.
"""

from __future__ import annotations

import sys

from django.apps import apps
from django.utils.module_loading import autodiscover_modules

from gendurable.hooks import Lifespan, Middleware
from gendurable.loading import load
from gendurable.machine import Machine

__all__ = ["installed"]


def installed() -> list[Machine[object]]:
    """The machines and jobs of the installed apps, ready to run."""
    return load(__name__)


def _collect() -> None:
    autodiscover_modules("machines")
    for app in apps.get_app_configs():
        module = sys.modules.get(f"{app.name}.machines")
        if module is None or module.__name__ == __name__:
            continue
        for name, value in vars(module).items():
            kinds = (Machine, Lifespan, Middleware)
            if issubclass(type(value), kinds) or (
                isinstance(value, type) and issubclass(value, Machine)
            ):
                globals()[f"{module.__name__}.{name}"] = value


_collect()
