"""States between their Python type and the JSON text that the database keeps."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import UNSET

from gendurable.errors import DefinitionError, StateError
from gendurable.unknown import UnknownFields, unknown_fields

__all__ = ["ANY_JSON", "MigratingCodec", "Reading", "StateCodec", "encode_json"]

S = TypeVar("S")

_encoder = msgspec.json.Encoder()
# A number is looked for in bytes at once; before it looks for bytes, Python makes an exception.
_U = ord("u")
# A double in MessagePack whose exponent says that it is infinite or no number.
_MAYBE_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")


def encode_json(value: Any) -> bytes:
    """Any JSON-like value, struct or dataclass as JSON.

    Raises:
        StateError: the value has no JSON form; of a number that is not finite it names the place.
    """
    raw = _encode(value)
    if _U in raw and b"null" in raw and (problem := _not_finite(value)) is not None:
        raise StateError(f"{type(value).__name__} cannot be stored as JSON: {problem}")
    return raw


class StateCodec(Generic[S]):
    """Encodes and decodes one state type: anything msgspec knows, ``Any`` included.

    Args:
        state_type: the type of the state.
        owner: the machine, for messages.
        strict_type: what a new state is checked against, where that may be less than what can be
            read: a subclass of the state type.

    Attributes:
        migrates: what is stored is of another version, and is to be stored anew.
    """

    migrates: ClassVar[bool] = False

    def __init__(self, state_type: Any, owner: str, *, strict_type: Any = UNSET) -> None:
        self.state_type = state_type
        self.owner = owner
        try:
            self._decoder = msgspec.json.Decoder(state_type)
            self._strict_decoder = (
                self._decoder if strict_type is UNSET else msgspec.json.Decoder(strict_type)
            )
        except Exception as exc:
            raise DefinitionError(
                f"{owner}: {state_type!r} cannot be a state: {exc}\n"
                "Use a msgspec.Struct, a dataclass, a TypedDict or a plain JSON type."
            ) from exc

    def decode(self, raw: bytes | str) -> S:
        """The state in its type.

        Raises:
            StateError: it does not fit; the message names the machine and the field.
        """
        return self._decode(self._decoder, raw)

    def encode(self, state: Any) -> bytes:
        """The state as JSON text, checked to be readable again as the state type.

        The check costs about as much as the encoding and turns a state that no later step could
        read into an error in the step that made it.

        Raises:
            StateError: the state has no JSON form or does not fit the state type.
        """
        raw = _encode(state)
        self._check(state, raw)
        return raw

    def read(self, raw: bytes | str) -> Reading[S]:
        """A stored state for one execution to read and to change.

        Raises:
            StateError: it does not fit.
        """
        state = self.decode(raw)
        stored = raw.encode() if isinstance(raw, str) else raw
        canonical = _encode(state)
        unknown = None
        if canonical != stored and self.state_type is not Any:
            unknown = unknown_fields(state, stored, canonical)
        return Reading(state, stored, canonical, unknown)

    def write(self, state: Any) -> Reading[S]:
        """A new state as the next step will read it.

        Raises:
            StateError: it has no JSON form or does not fit the state type.
        """
        raw = _encode(state)
        return Reading(self._check(state, raw), raw, None, None)

    def changed(self, reading: Reading[S]) -> Reading[S] | None:
        """The state as the next step will read it, unknown fields included; None if unchanged.

        Changes are found by comparing JSON texts, before and after, of the very same object. What
        its ``==`` makes equal is a change all the same, and what decoding adds to the stored text,
        such as defaults, is none.

        Raises:
            StateError: the changed state has no JSON form or does not fit the state type.
        """
        state, raw = reading.value, _encode(reading.value)
        canonical = reading.canonical
        if canonical is None and raw != reading.stored:
            canonical = _encode(self.decode(reading.stored))
        if raw == (canonical or reading.stored) and (
            b"null" not in raw or not self._hides_a_change(reading)
        ):
            return None
        fresh = self._check(state, raw)
        if reading.unknown is None:
            return Reading(fresh, raw, None, None)
        return self.read(reading.unknown.restore(state, raw))

    def _check(self, state: Any, raw: bytes) -> S:
        """What ``raw``, the JSON text of ``state``, is for the next step; raises StateError."""
        if _U in raw and b"null" in raw and (problem := _not_finite(state)) is not None:
            raise StateError(f"the state of {self.owner} cannot be stored as JSON: {problem}")
        return self._decode(self._strict_decoder, raw)

    def _decode(self, decoder: msgspec.json.Decoder[S], raw: bytes | str) -> S:
        try:
            return decoder.decode(raw)
        except msgspec.MsgspecError as exc:
            raise StateError(f"the state does not fit {self.owner}: {exc}") from exc

    def _hides_a_change(self, reading: Reading[S]) -> bool:
        """Whether a null became a number that is not finite: their texts are the same.

        A default that is no finite number is no change.
        """
        if (problem := _not_finite(reading.value)) is None:
            return False
        return problem != _not_finite(self.decode(reading.stored))


class MigratingCodec(StateCodec[S]):
    """Reads the states that another version of the machine has stored.

    Args:
        codec: that of the machine.
        migrate: makes a state of this version of one of the other, which it is given as plain
            JSON values.
    """

    migrates = True

    def __init__(self, codec: StateCodec[S], migrate: Callable[[Any], Any]) -> None:
        self._codec = codec
        self._migrate = migrate
        self.owner = codec.owner
        self.state_type = codec.state_type

    def decode(self, raw: bytes | str) -> S:
        """The migrated state."""
        return self.read(raw).value

    def encode(self, state: Any) -> bytes:
        """A state of this version as JSON text."""
        return self._codec.encode(state)

    def read(self, raw: bytes | str) -> Reading[S]:
        """The migrated state for one execution.

        Raises:
            StateError: what ``migrate`` answers does not fit.
        """
        migrated = self._migrate(ANY_JSON.decode(raw))
        return Reading(self._codec.write(migrated).value, b"", None, None)

    def write(self, state: Any) -> Reading[S]:
        """A new state as the next step will read it."""
        return self._codec.write(state)

    def changed(self, reading: Reading[S]) -> Reading[S]:
        """The migrated state, which is always another one than the stored."""
        return self._codec.write(reading.value)


class Reading(msgspec.Struct, Generic[S]):
    """A stored state as one execution sees it, and what tells later whether it was changed.

    Attributes:
        value: the state, for the step to read and to change.
        stored: the JSON text that the database has.
        canonical: the JSON text of ``value`` as it was read; None: what reading ``stored`` again
            gives, which few are asked for where this package has written it.
        unknown: the stored fields that the state type does not have, if there are any.
    """

    value: S
    stored: bytes
    canonical: bytes | None
    unknown: UnknownFields | None


ANY_JSON: StateCodec[Any] = StateCodec(Any, "any machine")
"""For what has no machine at hand."""


def _encode(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise StateError(f"{type(value).__name__} cannot be stored as JSON: {exc}") from exc


def _not_finite(value: Any) -> str | None:
    """Where a value has NaN or an infinity, which msgspec stores as null; None: nowhere.

    To be asked only where there is a null in the JSON text. Only a value whose MessagePack has a
    number of that kind, or what looks like one, is walked through.
    """
    try:
        if _MAYBE_NOT_FINITE.search(msgspec.msgpack.encode(value)) is None:
            return None
    except OverflowError:
        pass  # an integer that only JSON can hold: nothing is known
    waiting: list[tuple[str, Any]] = [("$", msgspec.to_builtins(value, enc_hook=_nothing))]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, float) and not math.isfinite(part):
            return f"{part} at `{path}` is not a finite number"
        if isinstance(part, dict):
            waiting += [(f"{path}.{key}", child) for key, child in part.items()]
        elif isinstance(part, (list, tuple)):
            waiting += [(f"{path}[{place}]", child) for place, child in enumerate(part)]
    return None


def _nothing(_: Any) -> None:
    """What is JSON text already has no number to look at."""
