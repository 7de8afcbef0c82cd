"""gendurable 0.1.0: the schema, and the model that the admin shows."""

from __future__ import annotations

from django.db import migrations, models

from gendurable.contrib.django.operations import InstallSchema


class Migration(migrations.Migration):
    """Installs it."""

    initial = True
    dependencies = ()
    operations = (
        InstallSchema("0.1.0"),
        migrations.CreateModel(
            name="Instance",
            fields=(
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("status", models.TextField()),
                ("fsm", models.TextField(verbose_name="machine")),
                ("fsm_version", models.IntegerField(verbose_name="version")),
                ("step", models.TextField()),
                ("queue", models.TextField()),
                ("priority", models.IntegerField()),
                ("attempt", models.IntegerField()),
                ("correlation_key", models.TextField(null=True)),
                ("concurrency_key", models.TextField(null=True)),
                ("rate_limit", models.TextField(null=True)),
                ("parent_id", models.BigIntegerField(null=True, verbose_name="parent")),
                ("state", models.JSONField()),
                ("result", models.JSONField(null=True)),
                ("error", models.JSONField(null=True)),
                ("await_deadline", models.DateTimeField(null=True)),
                ("children_pending", models.IntegerField()),
                ("enqueued_at", models.DateTimeField()),
                ("eligible_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("progress", models.JSONField(null=True)),
            ),
            options={
                "db_table": "gd_instances",
                "ordering": ("-id",),
                "managed": False,
                "default_permissions": ("view", "change"),
            },
        ),
    )
