"""The API of the shop."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from gendurable import enqueue, signal, status
from orders.machines import Checkout, Purchase
from orders.models import Order


@csrf_exempt
@require_POST
@transaction.atomic
def place(request: HttpRequest) -> Any:
    """The order and its checkout are committed together; on_commit is not needed."""
    order = Order.objects.create(**json.loads(request.body))
    enqueue(connection, Checkout, Purchase(order.pk), correlation_key=f"order:{order.pk}")
    return JsonResponse({"id": order.pk}, status=201)


@csrf_exempt
@require_POST
def pay(request: HttpRequest, order_id: int, payment_id: str) -> Any:
    """The bank calls this, perhaps twice for one payment."""
    said = signal(connection, f"order:{order_id}", "paid", dedup_key=payment_id)
    return JsonResponse({"payment": said}, status=404 if said == "no_target" else 202)


def look(request: HttpRequest, order_id: int) -> Any:
    """Where an order is."""
    found = status(connection, f"order:{order_id}")
    if found is None:
        return JsonResponse({}, status=404)
    return JsonResponse({"status": found.status, "step": found.step, "result": found.result})
