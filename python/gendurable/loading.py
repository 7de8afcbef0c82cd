"""Finding machines and jobs by ``MODULE[:OBJECT]``."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from gendurable.errors import UsageError
from gendurable.job import Job
from gendurable.machine import Machine, is_abstract

__all__ = ["load"]

AnyMachine: TypeAlias = Machine[Any] | type[Machine[Any]]


def load(target: str) -> list[AnyMachine]:
    """The machines and jobs that ``MODULE[:OBJECT]`` names.

    Args:
        target: a dotted module or a path to a .py file, both seen from the current folder; after
            the colon a machine, a job, or a list of them. Without it, all that the module has.

    Raises:
        UsageError: there is no such module, it cannot be imported, or there is nothing in it.
    """
    module_name, _, object_name = target.partition(":")
    module = _import(module_name)
    if not object_name:
        return _all_of(module)
    found: Any = module
    for name in object_name.split("."):
        if not hasattr(found, name):
            known = ", ".join(_names(module)) or "none"
            raise UsageError(
                f"{module_name} has no {object_name}\nMachines and jobs in it: {known}"
            )
        found = getattr(found, name)
    machines = list(found) if isinstance(found, (list, tuple, set)) else [found]
    for machine in machines:
        if not _is_machine(machine):
            raise UsageError(
                f"{target}: {machine!r} is neither a machine nor a job\n"
                "Name a Machine class, an object of one, a @job function, or a list of them."
            )
    return machines


def _import(name: str) -> ModuleType:
    path = Path(name)
    if path.suffix == ".py":
        if not path.is_file():
            raise UsageError(f"there is no file {name}")
        folder, module_name = str(path.resolve().parent), path.stem
    else:
        folder, module_name = os.getcwd(), name  # noqa: PTH109 (sys.path holds strings)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (module_name + ".").startswith(exc.name + "."):
            raise UsageError(
                f"there is no module {module_name} (looked in {folder} and the Python path)\n"
                "Give a dotted module name or a path to a .py file."
            ) from exc
        raise UsageError(_broken(module_name, exc)) from exc
    except Exception as exc:
        raise UsageError(_broken(module_name, exc)) from exc


def _broken(module_name: str, exc: Exception) -> str:
    """Where and why the import of a module that exists failed."""
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith("<frozen")]
    where = f" at {own[-1].filename}:{own[-1].lineno}" if own else ""
    return f"importing {module_name} failed{where}: {type(exc).__name__}: {exc}"


def _all_of(module: ModuleType) -> list[AnyMachine]:
    found = [value for value in vars(module).values() if _is_machine(value)]
    objects = [machine for machine in found if not isinstance(machine, type)]
    # An object was made of a class because the class alone cannot work, or should not.
    made_of = {type(machine) for machine in objects}
    classes = [machine for machine in found if isinstance(machine, type)]
    unique = {id(machine): machine for machine in classes if machine not in made_of}
    unique |= {id(machine): machine for machine in objects}
    if not unique:
        raise UsageError(
            f"there is no machine and no job in {module.__name__}\n"
            "Define a subclass of gendurable.Machine with @step methods, or a @job function."
        )
    return list(unique.values())


def _names(module: ModuleType) -> list[str]:
    return [name for name, value in vars(module).items() if _is_machine(value)]


def _is_machine(value: object) -> bool:
    if isinstance(value, type):
        return issubclass(value, Machine) and not issubclass(value, Job) and not is_abstract(value)
    return isinstance(value, Machine)
