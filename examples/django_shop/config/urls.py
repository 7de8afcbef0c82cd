"""The pages."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from orders import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("orders", views.place),
    path("orders/<int:order_id>", views.look),
    path("orders/<int:order_id>/payments/<str:payment_id>", views.pay),
]
