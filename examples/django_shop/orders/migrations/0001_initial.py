"""The tables of the shop."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates them."""

    initial = True
    dependencies = ()
    operations = [
        migrations.CreateModel(
            name="Product",
            fields=[
                ("sku", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("stock", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False,
                                           verbose_name="ID")),
                ("quantity", models.PositiveIntegerField()),
                ("status", models.CharField(default="new", max_length=20)),
                ("details", models.JSONField(default=dict)),
                ("shipped_at", models.DateTimeField(null=True)),
                ("product", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT,
                                              to="orders.product")),
            ],
        ),
    ]  # fmt: skip
