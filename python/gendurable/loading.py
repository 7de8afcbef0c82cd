"""Finding machines and jobs by ``MODULE[:OBJECT]``."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import pkgutil
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from gendurable.errors import DefinitionError, UsageError
from gendurable.hooks import Lifespan, Middleware
from gendurable.job import Job
from gendurable.machine import Machine, is_abstract
from gendurable.text import printable, safe_repr, safe_str

__all__ = ["Application", "load", "load_application", "named"]

K = TypeVar("K")

AnyMachine: TypeAlias = Machine[Any] | type[Machine[Any]]

# Where the code of others lives: a line of the user's own says more.
_IMPORTING = ("<frozen", str(Path(importlib.__file__).parent), str(Path(__file__).parent))
_FOREIGN = (*_IMPORTING, *sysconfig.get_paths().values())


class _OwnError(UsageError):
    """What this module says itself; the user's code may raise a UsageError too."""


class Application(NamedTuple):
    """What a module has for a worker."""

    machines: list[Machine[Any]]
    lifespans: list[Lifespan]
    middleware: list[Middleware]


def load(target: str) -> list[Machine[Any]]:
    """The machines and jobs that ``MODULE[:OBJECT]`` names, ready to run.

    Args:
        target: a dotted module, or the path of a .py file or of a package's folder, both seen from
            the current folder; after the colon a machine, a job, or a list of them. Without it,
            all that the module has. A file inside a package is imported as a part of it. A module
            that is there already is not imported again, whatever it is called here.

    Returns:
        Objects; a class is made one.

    Raises:
        UsageError: there is no such module, it cannot be imported, or there is nothing in it.
        DefinitionError: a machine in it cannot work.
    """
    return load_application(target).machines


def load_application(target: str) -> Application:
    """What ``load`` finds, and the lifespans and middleware of its module, in their order there."""
    name, object_name = _split(target)
    module = _import(name)
    if object_name is None:
        machines = _all_of(module, name)
    else:
        machines = _listed(_object(module, name, object_name), target)
    return Application(
        [_ready(machine, name) for machine in machines],
        _kept(module, Lifespan),
        _kept(module, Middleware),
    )


def named(name: str) -> Machine[Any]:
    """The machine or job that a dotted ``MODULE:OBJECT`` names, ready to run.

    Raises:
        UsageError: there is no such module or object, it cannot be imported, or is no machine.
        DefinitionError: it cannot work.
    """
    module_name, _, object_name = name.partition(":")
    module = _import_dotted(module_name)
    found: Any = module
    for part in object_name.split("."):
        if found is not module and issubclass(type(found), ModuleType):
            raise UsageError(f"{_shown(name)} leads to another module")
        found = _object(found, module_name, part)
    if not _is_machine(found):
        raise _no_machine(found, name)
    return _ready(found, module_name)


def _split(target: str) -> tuple[str, str | None]:
    if Path(target).name and os.path.exists(target):  # noqa: PTH110 (it answers for any string)
        return target, None  # A path may have a colon in it.
    name, colon, object_name = target.rpartition(":")
    if not colon:
        name, object_name = target, ""
    if not name or (colon and not object_name):
        raise UsageError(
            f"{safe_repr(target)} is not MODULE or MODULE:OBJECT\n"
            "Give a dotted module name or a path to a .py file, for example shop.py:Checkout."
        )
    return name, object_name if colon else None


# Modules.


def _import(name: str) -> ModuleType:
    if name.endswith(".py") or os.sep in name or name in (os.curdir, os.pardir):
        return _import_file(name, _file(name))
    if os.path.isfile(name):  # noqa: PTH113 (it answers for any string)
        raise UsageError(f"{_shown(name)} is not a .py file")
    return _import_dotted(name)


def _file(name: str) -> Path:
    """The .py file that a path leads to, links followed."""
    if os.path.isdir(name):  # noqa: PTH112 (it answers for any string)
        inside = Path(os.path.realpath(name)) / "__init__.py"
        if inside.is_file():
            return inside
        raise UsageError(f"{_shown(name)} is a folder without __init__.py\nName a .py file in it.")
    if not os.path.isfile(name):  # noqa: PTH113 (it answers for any string)
        guess = f"{name}.py"
        hint = f"\nThere is {_shown(guess)}." if os.path.isfile(guess) else ""  # noqa: PTH113
        raise UsageError(f"there is no file {_shown(name)}{hint}")
    path = Path(os.path.realpath(name))
    if path.suffix != ".py":
        raise UsageError(f"{_shown(name)} is not a .py file")
    return path


def _import_file(shown: str, path: Path) -> ModuleType:
    """Import a file under the name that other modules import it by, if it has one."""
    if (loaded := _loaded(path)) is not None:
        return loaded
    folder, parts = _place(path)
    _make_importable(folder)
    with _told(shown):
        if _leads_to(parts, path, folder):
            return importlib.import_module(".".join(parts))
        # Its name is another module's, or cannot be one: queue.py, worker.v2.py.
        alias = f"gendurable file {'/'.join(parts)}".replace(".", "_")
        spec = importlib.util.spec_from_file_location(alias, path)
        if spec is None or spec.loader is None:
            raise _OwnError(f"{_shown(shown)} is not a .py file")
        module = sys.modules[alias] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[alias]
            raise
        return module


def _place(path: Path) -> tuple[str, list[str]]:
    """The folder from which a file is imported, and the parts of its name there."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return str(folder), parts


def _leads_to(parts: list[str], path: Path, folder: str) -> bool:
    """Whether the import of a name would give this file."""
    if any("." in part for part in parts):
        return False
    # The outermost is enough: where it is this file's package, all within it is.
    outermost = path if len(parts) == 1 else Path(folder, parts[0], "__init__.py")
    try:
        spec = importlib.util.find_spec(parts[0])
    except ValueError:  # It is there already, and has been made by hand.
        return False
    return spec is not None and spec.origin is not None and _same(spec.origin, outermost)


def _loaded(path: Path) -> ModuleType | None:
    for module in list(sys.modules.values()):
        # Not getattr and isinstance: what is in there may be lazy, and raise.
        if issubclass(type(module), ModuleType):
            file = vars(module).get("__file__")
            if isinstance(file, str) and Path(file).name == path.name and _same(file, path):
                return module
    return None


def _same(file: str, path: Path) -> bool:
    return os.path.realpath(file) == str(path)


def _import_dotted(name: str) -> ModuleType:
    try:
        folder = os.getcwd()  # noqa: PTH109 (sys.path holds strings)
    except OSError as exc:
        raise UsageError(f"the current folder cannot be read: {exc.strerror}") from exc
    _make_importable(folder)
    here = _file_here(name)
    missing = _OwnError(
        f"there is no module {_shown(name)} (looked in {_shown(folder)} and the Python path)\n"
        "Give a dotted module name or a path to a .py file."
        + (f" There is {_shown(here)}." if here else "")
    )
    if not all(part.isidentifier() for part in name.split(".")) or name == "__main__":
        raise missing
    with _told(name):
        try:
            spec = importlib.util.find_spec(name)
            if spec is None:
                raise missing
            loaded = spec.origin and _loaded(Path(os.path.realpath(spec.origin)))
            return loaded or importlib.import_module(name)
        except ModuleNotFoundError as exc:
            if exc.name is not None and (name + ".").startswith(exc.name + "."):
                raise missing from exc
            raise


def _file_here(name: str) -> str | None:
    """The path, from the current folder, that a dotted name looks like."""
    path = name.replace(".", os.sep)
    for candidate in (f"{path}.py", f"{name}.py", os.path.join(path, "__init__.py")):  # noqa: PTH118
        if os.path.isfile(candidate):  # noqa: PTH113 (it answers for any string)
            return candidate
    return None


def _make_importable(folder: str) -> None:
    """Put a folder on the path, behind the standard library, whose modules it must not replace.

    A file named queue.py or json.py beside the user's would otherwise be what the standard library
    itself imports by that name.
    """
    if folder in sys.path:
        return
    packages = ("site-packages", "dist-packages")
    places = [n for n, entry in enumerate(sys.path) if Path(entry).name in packages]
    sys.path.insert(min(places, default=len(sys.path)), folder)


@contextmanager
def _told(shown: str) -> Iterator[None]:
    """Turn whatever the user's code raises while it is imported into one message."""
    try:
        yield
    except (_OwnError, KeyboardInterrupt):
        raise
    except BaseException as exc:  # an import may even call sys.exit
        hint = ""
        if "no known parent package" in safe_str(exc):
            hint = "\nIts folder is no package: add an __init__.py, or give the dotted name."
        message = f"importing {_shown(shown)} failed{_where(exc)}: {_error(exc)}{hint}"
        raise UsageError(message) from exc


def _where(exc: BaseException) -> str:
    """The last line of the user's own code that an exception went through, else the very last."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return f" at {_shown(exc.filename)}:{exc.lineno or 1}"
    places = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(exc.__traceback__)
    ]
    own = [place for place in places if not place[0].startswith(_FOREIGN)]
    own = own or [place for place in places if not place[0].startswith(_IMPORTING)]
    return f" at {_shown(own[-1][0])}:{own[-1][1]}" if own else ""


def _error(exc: BaseException) -> str:
    """An exception in one line."""
    said = exc.msg if isinstance(exc, SyntaxError) else safe_str(exc)
    text = " ".join(safe_str(said, 500).split())
    return printable(f"{type(exc).__name__}: {text}" if text else type(exc).__name__)


# What is in them.


def _object(module: Any, name: str, object_name: str) -> Any:
    found: Any = module
    for part in object_name.split("."):
        with _told_of(f"{name}:{object_name}"):
            try:
                found = getattr(found, part)
            except AttributeError as exc:
                known = ", ".join(_names(module)) or "none"
                raise _OwnError(
                    f"{_shown(name)} has no {_shown(object_name)}\n"
                    f"Machines and jobs in it: {_shown(known)}"
                ) from exc
    return found


@contextmanager
def _told_of(what: str) -> Iterator[None]:
    """Turn whatever the user's code raises while it is looked at into one message."""
    try:
        yield
    except (_OwnError, DefinitionError, KeyboardInterrupt):
        raise
    except BaseException as exc:
        raise UsageError(f"{_shown(what)} cannot be used{_where(exc)}: {_error(exc)}") from exc


def _listed(found: Any, target: str) -> list[AnyMachine]:
    """One machine, or each of a list, a generator or the like."""
    if _is_machine(found):
        return [found]
    machines: list[AnyMachine] = []
    with _told_of(target):
        if isinstance(found, (str, bytes, dict)) or not isinstance(found, Iterable):
            raise _no_machine(found, target)
        for machine in itertools.islice(found, 10_000):
            if not _is_machine(machine):
                raise _no_machine(machine, target)
            machines.append(machine)
    if not machines:
        raise UsageError(f"{_shown(target)} is empty: there is no machine and no job to run")
    return machines


def _no_machine(found: Any, target: str) -> _OwnError:
    hint = "Name a Machine class, an object of one, a @job function, or a list of them."
    if callable(found) and not isinstance(found, type):
        hint += "\nA function that makes one is not called: give its answer a name in the module."
    return _OwnError(
        f"{_shown(target)}: {printable(safe_repr(found, 200))} is neither a machine nor a job\n"
        f"{hint}"
    )


def _all_of(module: ModuleType, name: str) -> list[AnyMachine]:
    found = [value for value in vars(module).values() if _is_machine(value)]
    objects = [machine for machine in found if not isinstance(machine, type)]
    # An object was made of a class because the class alone cannot work, or should not.
    made_of = {type(machine) for machine in objects}
    classes = [machine for machine in found if isinstance(machine, type)]
    unique = {id(machine): machine for machine in classes if machine not in made_of}
    unique |= {id(machine): machine for machine in objects}
    if not unique:
        raise UsageError(
            f"there is no machine and no job in {_shown(name)}{_other_file(module, name)}\n"
            "Define a subclass of gendurable.Machine with @step methods, or a @job function."
            f"{_inner_modules(module)}"
        )
    return list(unique.values())


def _other_file(module: ModuleType, name: str) -> str:
    """A remark if a dotted name led elsewhere than to the file of that name here."""
    file = vars(module).get("__file__")
    if file is None and "__path__" in vars(module):
        return ", a folder without __init__.py"
    here = _file_here(name)
    if here is None or os.sep in name or (file and _same(file, Path(os.path.realpath(here)))):
        return ""
    return f", which is {file or 'built into Python'}; for the file here, say {_shown(here)}"


def _inner_modules(module: ModuleType) -> str:
    """A remark on what a package has inside."""
    inner = [found.name for found in pkgutil.iter_modules(vars(module).get("__path__", []))]
    if not inner:
        return ""
    names = ", ".join(f"{module.__name__}.{name}" for name in inner[:10])
    return f"\nModules in this package: {_shown(names)}"


def _kept(module: ModuleType, kind: type[K]) -> list[K]:
    """The objects of a kind that a module has, each once."""
    # Not isinstance: it asks the object for its class, and a lazy one may raise.
    found = [value for value in vars(module).values() if issubclass(type(value), kind)]
    return list({id(value): value for value in found}.values())


def _names(module: ModuleType) -> list[str]:
    return [name for name, value in vars(module).items() if _is_machine(value)]


def _is_machine(value: object) -> bool:
    # Not isinstance: it asks the object for its class, and a lazy one may raise.
    if issubclass(type(value), type):
        cls: Any = value
        return issubclass(cls, Machine) and not issubclass(cls, Job) and not is_abstract(cls)
    return issubclass(type(value), Machine)


def _ready(machine: AnyMachine, name: str) -> Machine[Any]:
    """An object that has been seen to work as a machine."""
    called = machine.__name__ if isinstance(machine, type) else machine.name
    with _told_of(f"{name}: machine {safe_str(called, 100)}"):
        if isinstance(machine, type):
            try:
                machine = machine()
            except TypeError as exc:
                raise DefinitionError(
                    f"machine {called} in {_shown(name)} cannot be made without arguments"
                    f"{_where(exc)}: {_error(exc)}\n"
                    "Make an object of it in the module: it is run in place of the class."
                ) from exc
        machine.definition()
    return machine


def _shown(text: str) -> str:
    return printable(safe_str(text, 300))
