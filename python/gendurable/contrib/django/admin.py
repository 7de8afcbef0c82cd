"""Instances in the admin: search, one with all around it, retry and cancel."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from msgspec import to_builtins

from gendurable import client, look
from gendurable.contrib.django.database import alias, connection
from gendurable.contrib.django.models import Instance

__all__ = ["InstanceAdmin"]

_PAGE = 100
_FIELDS = [field.name for field in Instance._meta.fields]  # noqa: SLF001 (Django documents it)


class _Chosen(admin.SimpleListFilter):
    """A filter that ``gd_find`` applies, and not the queryset."""

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset


class _Status(_Chosen):
    title = parameter_name = "status"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(status, status) for status in Instance.STATUSES]


class _Queue(_Chosen):
    title = parameter_name = "queue"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(one.queue, one.queue) for one in look.queues(connection())]


class _Machine(_Chosen):
    title, parameter_name = "machine", "fsm"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        names = {name for group in look.workers(connection()) for name in _machines_of(group)}
        return [(name, name) for name in sorted(names)]


class _Found(ChangeList):
    """A page of what ``gd_find`` finds: it counts nothing, and looks at a bounded number."""

    before: str | None = None
    next_before: int | None = None

    def get_filters_params(self, params: Any = None) -> Any:
        """The page is no filter."""
        found = super().get_filters_params(params)
        before = found.pop("before", None)
        self.before = before[-1] if isinstance(before, list) else before
        return found

    def get_results(self, request: Any) -> None:
        """Ask ``gd_find``."""
        chosen = {one.parameter_name: one.value() for one in self.filter_specs}
        before = self.before if (self.before or "").isdigit() else None
        page = look.search(
            connection(),
            status=chosen.get("status"),
            queue=chosen.get("queue"),
            machine=chosen.get("fsm"),
            key_prefix=self.query or None,
            before=int(before) if before else None,
            most=_PAGE,
        )
        self.result_list = [_row(one) for one in page.instances]
        self.next_before = page.before
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = False
        self.show_admin_actions = bool(self.result_list)
        self.can_show_all = self.multi_page = False
        self.paginator = self.model_admin.get_paginator(request, self.result_list, _PAGE)

    def older(self) -> str | None:
        """The link to the page of older ones."""
        if self.next_before is None:
            return None
        return str(self.get_query_string({"before": self.next_before}))


@admin.register(Instance)
class InstanceAdmin(admin.ModelAdmin):
    """Looks with ``view_instance``, retries and cancels with ``change_instance``."""

    list_display = (
        "id",
        "status",
        "fsm",
        "step",
        "queue",
        "correlation_key",
        "attempt",
        "updated_at",
    )
    list_filter = (_Status, _Machine, _Queue)
    search_fields = ("correlation_key",)
    search_help_text = "The beginning of a correlation key."
    sortable_by = ()
    actions = ("retry_instances", "cancel_instances")
    list_per_page = _PAGE
    readonly_fields = _FIELDS

    def get_queryset(self, request: Any) -> Any:
        """For those that are named by their ids."""
        return Instance.objects.using(alias())

    def get_changelist(self, request: Any, **_: Any) -> Any:
        """The list that does not count."""
        return _Found

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        """Applications enqueue."""
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """Retention forgets."""
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        """Nobody edits a row: see ``has_operate_permission``."""
        return False

    def has_operate_permission(self, request: Any) -> bool:
        """Who may change instances retries and cancels them."""
        return bool(request.user.has_perm("gendurable.change_instance"))

    @admin.action(description="Retry the selected", permissions=["operate"])
    def retry_instances(self, request: Any, queryset: Any) -> None:
        """Bring failed ones back to the step that failed."""
        self._tell(request, queryset, "retry", client.retry_many)

    @admin.action(description="Cancel the selected", permissions=["operate"])
    def cancel_instances(self, request: Any, queryset: Any) -> None:
        """Make live ones failed."""
        reason = f"by {request.user.get_username()} in the admin"
        self._tell(
            request, queryset, "cancel", lambda conn, ids: client.cancel_many(conn, ids, reason)
        )

    def _tell(self, request: Any, queryset: Any, verb: str, act: Any) -> None:
        instances = list(queryset)
        answers = act(connection(), [one.id for one in instances])
        for one, answer in zip(instances, answers, strict=True):
            self.log_change(request, one, f"{verb}: {answer}")
        counted = ", ".join(f"{answers.count(a)} {a}" for a in sorted(set(answers)))
        done = any(answer in ("retried", "cancelled") for answer in answers)
        self.message_user(
            request, f"{verb}: {counted}", messages.SUCCESS if done else messages.WARNING
        )

    def change_view(
        self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """One instance with why it does not run, its history, its inbox and its children."""
        detail = look.detail(connection(), int(object_id)) if object_id.isdigit() else None
        context = {
            "detail": detail,
            "operates": self.has_operate_permission(request),
            "title": "Instance",
        }
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))


def _row(found: Any) -> Instance:
    values = to_builtins(found, builtin_types=(type(found.enqueued_at),))
    return Instance(**{name: values.get(name) for name in _FIELDS})


def _machines_of(worker: look.WorkerState) -> list[str]:
    """What a worker has declared."""
    declared = worker.info.get("machines") or []
    return [one["fsm"] for one in declared if isinstance(one, dict) and "fsm" in one]
