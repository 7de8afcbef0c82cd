"""What a customer has ordered, and what is in stock."""

from __future__ import annotations

from django.db import models


class Product(models.Model):
    """What is sold."""

    sku = models.CharField(max_length=20, primary_key=True)
    stock = models.PositiveIntegerField()

    def __str__(self) -> str:
        return str(self.sku)


class Order(models.Model):
    """An order."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField()
    status = models.CharField(max_length=20, default="new")
    details = models.JSONField(default=dict)
    shipped_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"order {self.pk}"
