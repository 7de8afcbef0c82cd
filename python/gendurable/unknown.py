"""Fields of a stored state that its type does not know: a newer version of the code added them.

While a new version is rolled out, workers of the old one change states that the new one wrote. The
old code never sees the new fields; here they are noted when a state is read, and put back when it
is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

__all__ = ["UnknownFields", "unknown_fields"]

Key: TypeAlias = str | int
"""A name in an object, a place in an array."""

# Only names matter where two texts are compared, so no number is read.
_names = msgspec.json.Decoder(float_hook=bool)
# What is put back is put back to the last digit.
_exact = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def unknown_fields(state: Any, stored: bytes, canonical: bytes) -> UnknownFields | None:
    """The fields of a stored state that got lost in decoding it; None if there are none.

    Args:
        state: what it was decoded to.
        stored: the JSON text that the database has.
        canonical: the JSON text of ``state``.
    """
    ours, theirs = _names.decode(canonical), _names.decode(stored)
    if ours == theirs or _covers(ours, theirs):
        return None
    found = UnknownFields(state, _exact.decode(stored))
    return found if found.any else None


class UnknownFields:
    """The unknown fields of one decoded state, at every depth.

    They belong to the very object that was decoded, wherever the step moves it. An object that the
    step put in the place of another one of the same type, such as the changed copy of a frozen
    struct, takes its fields over.

    Attributes:
        any: whether there are any, at any depth.
        names: of the unknown fields of the state itself.
    """

    __slots__ = ("_nodes", "_root", "any", "names")

    def __init__(self, state: Any, stored: Any) -> None:
        self._root = _Node(state)
        self._nodes: dict[int, _Node] = {}
        self.any = False
        waiting: list[tuple[_Node, Any]] = [(self._root, stored)]
        while waiting:
            node, part = waiting.pop()
            known = _members(node.value)
            if known is None:
                continue
            self._nodes[id(node.value)] = node
            node.size = len(known)
            for key, value in _parts(part).items():
                if key not in known:
                    node.unknown[key] = value
                    self.any = True
                elif isinstance(value, (dict, list)):
                    node.children[key] = child = _Node(known[key])
                    waiting.append((child, value))
        self.names = [str(key) for key in self._root.unknown]

    def restore(self, state: Any, encoded: bytes) -> bytes:
        """Put the unknown fields back into the JSON text of the changed state."""
        whole = _exact.decode(encoded)
        waiting: list[tuple[Any, Any, _Node | None]] = [(state, whole, self._root)]
        while waiting:
            value, part, standing = waiting.pop()
            known = _members(value)
            if known is None:
                continue
            node = self._nodes.get(id(value)) or _successor(standing, value)
            if node is not None:
                _put_back(node.unknown, part)
            here = {id(child) for child in known.values()}
            parts = _parts(part)
            for key, child in known.items():
                if isinstance(parts.get(key), (dict, list)):
                    before = node.child_at(key, len(known), here) if node is not None else None
                    waiting.append((child, parts[key], before))
        return _encoder.encode(whole)


class _Node:
    """One object of a decoded state. It keeps the object alive, so that its id stays its own."""

    __slots__ = ("children", "size", "unknown", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.unknown: dict[Key, Any] = {}
        self.children: dict[Key, _Node] = {}
        self.size = 0

    def child_at(self, key: Key, size: int, here: set[int]) -> _Node | None:
        """What stood at a place, unless it moved or the array changed its length."""
        child = self.children.get(key)
        moved = child is not None and id(child.value) in here
        return None if moved or (isinstance(key, int) and size != self.size) else child


def _successor(standing: _Node | None, value: Any) -> _Node | None:
    """The node of the object whose place ``value`` took, if they are of one type."""
    return standing if standing is not None and type(standing.value) is type(value) else None


def _members(value: Any) -> Mapping[Key, Any] | None:
    """What a value holds by its JSON name or place; None for what holds nothing by name or place.

    Sets have no places: what their elements do not know is lost.
    """
    if isinstance(value, msgspec.Struct):
        return _fields_of_struct(value)
    if isinstance(value, dict):
        return {_json_name(key): child for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return dict(enumerate(value))
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    if hasattr(value, "__attrs_attrs__"):
        return {f.name: getattr(value, f.name, None) for f in value.__attrs_attrs__}
    return None


def _fields_of_struct(value: msgspec.Struct) -> Mapping[Key, Any]:
    config = value.__struct_config__
    names: tuple[Key, ...] = value.__struct_encode_fields__
    children = [getattr(value, name, None) for name in value.__struct_fields__]
    if config.tag is not None:
        names, children = (config.tag_field or "", *names), [config.tag, *children]
    if config.array_like:
        return dict(enumerate(children))
    return dict(zip(names, children, strict=True))


def _json_name(key: Any) -> str:
    return key if isinstance(key, str) else msgspec.json.encode(key).decode().strip('"')


def _parts(part: Any) -> Mapping[Key, Any]:
    if isinstance(part, dict):
        return part
    return dict(enumerate(part)) if isinstance(part, list) else {}


def _put_back(unknown: Mapping[Key, Any], part: Any) -> None:
    for key, value in unknown.items():
        if isinstance(part, dict):
            part.setdefault(key, value)
        elif key == len(part):
            part.append(value)


def _covers(canonical: Any, stored: Any) -> bool:
    """Whether everything that is stored, by name and place, is in the canonical form as well."""
    waiting: list[tuple[Any, Any]] = (
        [(canonical, stored)] if isinstance(stored, (dict, list)) else []
    )
    while waiting:
        ours, theirs = waiting.pop()
        if type(ours) is not type(theirs):
            return False
        if isinstance(theirs, dict):
            if not ours.keys() >= theirs.keys():
                return False
            pairs = [(ours[key], value) for key, value in theirs.items()]
        elif len(ours) == len(theirs):
            pairs = list(zip(ours, theirs, strict=True))
        else:
            return False
        waiting += [
            (mine, other)
            for mine, other in pairs
            if isinstance(other, (dict, list)) and mine != other
        ]
    return True
