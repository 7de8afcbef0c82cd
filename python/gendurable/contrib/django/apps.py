"""The app."""

from __future__ import annotations

from django.apps import AppConfig

from gendurable import hooks
from gendurable.contrib.django.steps import connections_of_steps

__all__ = ["GendurableConfig"]


class GendurableConfig(AppConfig):
    """gendurable in a project of Django."""

    name = "gendurable.contrib.django"
    label = "gendurable"
    verbose_name = "gendurable"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """From now on the steps of every worker of this process have Django's connections."""
        if connections_of_steps not in hooks.EVERYWHERE:
            hooks.EVERYWHERE.append(connections_of_steps)
