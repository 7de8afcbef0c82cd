"""The pages of the staff."""

from __future__ import annotations

from django.contrib import admin

from orders.models import Order, Product

admin.site.register([Order, Product])
