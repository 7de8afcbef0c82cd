"""Instances as a model that is read only: what the admin shows."""

from __future__ import annotations

from django.db import models

__all__ = ["Instance"]


class Instance(models.Model):
    """A row of the view ``gd_instances``, live or finished."""

    STATUSES = (
        "runnable", "executing", "awaiting_signal", "awaiting_children", "done", "failed",
    )  # fmt: skip

    id = models.BigIntegerField(primary_key=True)
    status = models.TextField()
    fsm = models.TextField("machine")
    fsm_version = models.IntegerField("version")
    step = models.TextField()
    queue = models.TextField()
    priority = models.IntegerField()
    attempt = models.IntegerField()
    correlation_key = models.TextField(null=True)
    concurrency_key = models.TextField(null=True)
    rate_limit = models.TextField(null=True)
    parent_id = models.BigIntegerField("parent", null=True)
    state = models.JSONField()
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)
    await_deadline = models.DateTimeField(null=True)
    children_pending = models.IntegerField()
    enqueued_at = models.DateTimeField()
    eligible_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    progress = models.JSONField(null=True)

    class Meta:
        """Its table is a view of the engine's."""

        managed = False
        db_table = "gd_instances"
        ordering = ("-id",)
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        """Its machine, and what it is known by."""
        return f"{self.fsm} {self.correlation_key or self.id}"
