"""The pages of the package: which names stand where. mkdocstrings reads their docstrings."""

from __future__ import annotations

import ast
from pathlib import Path

from reference.catalog import ROOT

__all__ = ["MODULES", "pages", "public_names"]

# Beside gendurable itself: what applications, tests and tools import by the name of its module.
MODULES = {
    "python-look": ("Looking", ["gendurable.look"]),
    "python-testing": ("Testing", ["gendurable.testing", "gendurable.pytest_plugin"]),
    "python-events": ("Events", ["gendurable.events"]),
    "python-frameworks": (
        "Frameworks",
        [
            "gendurable.contrib.alembic",
            "gendurable.contrib.sqlalchemy",
            "gendurable.contrib.django.operations",
            "gendurable.contrib.django.steps",
            "gendurable.contrib.django.test",
        ],
    ),
    "python-more": (
        "Installing, exporting, hosting",
        [
            "gendurable.install",
            "gendurable.upgrade",
            "gendurable.uninstall",
            "gendurable.prometheus",
            "gendurable.otel",
            "gendurable.json_log",
            "gendurable.web",
        ],
    ),
}

_GROUPS = {
    "Machines and jobs": ["machine", "job", "schedules", "backoff"],
    "Outcomes": ["outcomes"],
    "What a step is handed": ["context"],
    "Calls": ["client", "entry", "enqueuer", "waiting"],
    "Workers": ["worker", "hosting", "settings", "hooks", "process"],
}
_ERRORS = {"Errors": ["errors"]}


def public_names(module: str) -> list[str]:
    """What a module exports, in its order. It is read, not imported: a framework may be missing."""
    for statement in ast.parse(_file(module).read_text()).body:
        match statement:
            case ast.Assign(targets=[ast.Name("__all__")], value=value):
                return list(ast.literal_eval(value))
    raise LookupError(f"{module} has no __all__")


def _file(module: str) -> Path:
    path = ROOT / "python" / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def pages() -> dict[str, str]:
    """The page of the package, and those of its modules."""
    found = {
        f"reference/{stem}.md": _page(title, [(module, _listed(module)) for module in modules])
        for stem, (title, modules) in MODULES.items()
    }
    left, groups = _grouped(dict.fromkeys(public_names("gendurable")), _GROUPS)
    intro = "All of it is imported from `gendurable`, and so are its [errors](python-errors.md).\n"
    found["reference/python.md"] = _page("The package gendurable", groups, intro)
    left, groups = _grouped(left, _ERRORS)
    intro = (
        "[Errors](../errors.md) says when they are raised. They are imported from `gendurable`.\n"
    )
    found["reference/python-errors.md"] = _page("Errors in Python", groups, intro)
    if left:
        raise LookupError(f"reference/python.py: in no group: {list(left)}")
    return found


def _grouped(
    names: dict[str, None], groups: dict[str, list[str]]
) -> tuple[dict[str, None], list[tuple[str, list[str]]]]:
    """The names that are in none of the groups, and the groups with theirs."""
    found = []
    for title, modules in groups.items():
        there = {name for module in modules for name in public_names(f"gendurable.{module}")}
        found.append((title, [_path(name) for name in names if name in there]))
        names = {name: None for name in names if name not in there}
    return names, found


def _path(name: str) -> str:
    """Where the package has it; `job` is also a module, in which it stands."""
    path = f"gendurable.{name}"
    return f"{path}.{name}" if _file(path).exists() else path


def _listed(module: str) -> list[str]:
    return [f"{module}.{name}" for name in public_names(module)]


def _page(title: str, groups: list[tuple[str, list[str]]], intro: str = "") -> str:
    parts = [f"# {title}\n\n{intro}"]
    for heading, names in groups:
        parts.append(f"## {heading}\n")
        parts += [f"::: {name}\n" for name in names]
    return "\n".join(parts)
