"""Which methods of a class are steps, and which step a reference such as ``self.ship`` means."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar

import msgspec

from gendurable.errors import DefinitionError, UsageError
from gendurable.text import safe_repr, type_name

__all__ = ["StepOptions", "StepRef", "Steps", "is_step", "mark_step"]

F = TypeVar("F", bound=Callable[..., Any])

StepRef: TypeAlias = str | Callable[..., Any]
"""A step by name, or as the method itself (``self.ship``, ``Order.ship``)."""

_MARK = "_gendurable_step"
_SHOWN = 200


class StepOptions(msgspec.Struct, frozen=True):
    """What ``@step(...)`` says of a step.

    Attributes:
        timeout: seconds that one execution may take; None for no limit.
        retry: the policy for this step; None for that of the machine.
        transactional: it is handed a connection, whose transaction its outcome is part of.
    """

    timeout: float | None = None
    retry: Any = None
    transactional: bool = False


def mark_step(function: F, options: StepOptions) -> F:
    """Note on a function that it is a step, and which options it has.

    Raises:
        DefinitionError: it cannot be noted, so it is no function.
    """
    try:
        setattr(function, _MARK, options)
    except (AttributeError, TypeError) as exc:
        raise DefinitionError(
            f"@step belongs directly on a plain method, not on a {type_name(function)}"
        ) from exc
    return function


def is_step(attribute: object) -> bool:
    """Whether an attribute of a class is marked, itself or below a descriptor around it."""
    return _options_of(attribute) is not None


def _options_of(attribute: object) -> StepOptions | None:
    inner: object = None
    match attribute:
        case staticmethod() | classmethod():
            inner = attribute.__func__
        case property():
            inner = attribute.fget
        case functools.partialmethod() | functools.cached_property():
            inner = attribute.func
    for marked in (attribute, inner):
        # Asked by type: a mock has every attribute.
        if isinstance(options := getattr(marked, _MARK, None), StepOptions):
            return options
    return None


class Steps:
    """The steps of one class, its bases and its mixins.

    A name is a step if any class in the line marked it: a subclass that overrides a step need not
    mark it again. Its options are those of the nearest mark.

    Attributes:
        names: in alphabetical order.
        options: what its mark says, by name.
        abstract: those that have no body here.
    """

    def __init__(self, cls: type) -> None:
        self._cls = cls
        found = {
            name: [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
            for base in cls.__mro__
            for name, attribute in vars(base).items()
            if is_step(attribute)
        }
        self.names = sorted(found)
        self._effective = {name: found[name][0] for name in self.names}
        marks = ((name, _options_of(one)) for name in self.names for one in reversed(found[name]))
        self.options = {name: options for name, options in marks if options is not None}
        self.abstract = [
            name
            for name, attribute in self._effective.items()
            if getattr(attribute, "__isabstractmethod__", False)
        ]
        self._by_function: dict[Any, str] = {}
        # The name of the function decides between two names of one function, and the function
        # itself wins over one that is wrapped by another step.
        for name in sorted(self.names, key=lambda name: not _is_named(found[name][0], name)):
            for attribute in found[name]:
                self._learn(attribute, name)
        for name in self.names:
            for attribute in found[name]:
                for inner in _wrapped(attribute):
                    self._learn(inner, name)

    def check(self, reserved: frozenset[str]) -> None:
        """Refuse what cannot be called as ``(self, ctx)``.

        Raises:
            DefinitionError: names the class and the step.
        """
        for name, attribute in self._effective.items():
            where = f"{self._cls.__name__}.{name}"
            if name in reserved:
                raise DefinitionError(
                    f"{where}: the name is taken by Machine itself; rename the step"
                )
            _check_step(where, attribute)

    def name_of(self, ref: StepRef) -> str:
        """The name of the step that a reference means; a name is not looked up.

        Raises:
            UsageError: it is no method, none of this machine, or no step.
        """
        if isinstance(ref, str):
            return ref
        owner = getattr(ref, "__self__", None)
        try:
            name = self._by_function.get(getattr(ref, "__func__", ref))
            if name is not None and type(owner) is self._cls:
                return name
        except Exception:  # noqa: BLE001 (not hashable, so no function)
            name = None
        if name is None or not self._is_kin(owner):
            raise UsageError(self._why_not(ref, owner))
        return name

    def __str__(self) -> str:
        return ", ".join(self.names) or "no steps"

    def _learn(self, attribute: Any, name: str) -> None:
        try:
            self._by_function.setdefault(attribute, name)
        except TypeError:  # not hashable: refused by ``check``
            return

    def _is_kin(self, owner: object) -> bool:
        """Whether a method that is bound to ``owner`` may stand for one of this class."""
        if owner is None:
            return True
        cls = owner if isinstance(owner, type) else type(owner)
        return cls is self._cls or issubclass(self._cls, cls) or issubclass(cls, self._cls)

    def _why_not(self, ref: object, owner: object) -> str:
        machine = f"machine {getattr(self._cls, 'name', self._cls.__name__)}"
        function = getattr(ref, "__func__", ref)
        name = getattr(function, "__qualname__", None)
        if not isinstance(name, str) or isinstance(ref, type):
            return (
                f"{safe_repr(ref, _SHOWN)} is neither a step's name nor a step method "
                f"of {machine}, which has {self}"
            )
        if isinstance(ref, functools.partial) or "<lambda>" in name:
            return f"{name} is no step of {machine}, which has {self}; name the step method itself"
        if inspect.ismethod(ref):
            cls = owner if isinstance(owner, type) else type(owner)
            name = f"{cls.__name__}.{name.rpartition('.')[2]}"
        else:
            name = name.rpartition("<locals>.")[2]
        if is_step(function):
            return f"{name} is a step of another machine, not of {machine}, which has {self}"
        own = (attribute for base in self._cls.__mro__ for attribute in vars(base).values())
        if any(function is attribute for attribute in own):
            return f"{name} is no step of {machine}; mark it with @step"
        return f"{name} is no step of {machine}, which has {self}"


def _is_named(attribute: Any, name: str) -> bool:
    return getattr(attribute, "__name__", None) == name


def _wrapped(attribute: Any) -> Iterator[Any]:
    """The functions below the decorators of a function."""
    seen: list[Any] = [attribute]
    while (inner := getattr(seen[-1], "__wrapped__", None)) is not None:
        if any(inner is known for known in seen):
            return
        seen.append(inner)
        yield inner


def _check_step(where: str, attribute: Any) -> None:
    # What a function is for a class: it can be called, and an object binds it. Whether an object
    # binds a partial depends on the version of Python.
    is_method = callable(attribute) and hasattr(attribute, "__get__")
    if not is_method or isinstance(attribute, (staticmethod, classmethod, type, functools.partial)):
        found = type(attribute).__name__
        raise DefinitionError(
            f"{where} is a step, and @step belongs directly on a plain method; "
            f"it is {'None' if attribute is None else f'a {found}'}"
        )
    if inspect.isgeneratorfunction(attribute) or inspect.isasyncgenfunction(attribute):
        raise DefinitionError(f"{where}: a step returns one outcome, it cannot yield")
    try:
        inspect.signature(attribute).bind(None, None)
    except TypeError as exc:
        raise DefinitionError(f"{where}: a step takes (self, ctx): {exc}") from exc
    except ValueError:
        return  # A compiled function that does not say what it takes.
