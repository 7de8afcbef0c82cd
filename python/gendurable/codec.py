"""States between their Python type and the JSON text that the database keeps."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from gendurable.errors import DefinitionError, StateError

__all__ = ["StateCodec", "encode_json"]

S = TypeVar("S")

_encoder = msgspec.json.Encoder()


def encode_json(value: Any) -> bytes:
    """Any JSON-like value, struct or dataclass as JSON.

    Raises:
        StateError: the value has no JSON form.
    """
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise StateError(f"{type(value).__name__} cannot be stored as JSON: {exc}") from exc


class StateCodec(Generic[S]):
    """Encodes and decodes one state type: anything msgspec knows, ``Any`` included."""

    def __init__(self, state_type: Any, owner: str) -> None:
        self.state_type = state_type
        self._owner = owner
        try:
            self._decoder = msgspec.json.Decoder(state_type)
        except (TypeError, NameError) as exc:
            raise DefinitionError(
                f"{owner}: {state_type!r} cannot be a state: {exc}\n"
                "Use a msgspec.Struct, a dataclass, a TypedDict or a plain JSON type."
            ) from exc

    def decode(self, raw: bytes | str) -> S:
        """The state in its type.

        Raises:
            StateError: it does not fit; the message names the machine and the field.
        """
        try:
            state: S = self._decoder.decode(raw)
        except msgspec.MsgspecError as exc:
            raise StateError(f"the state does not fit {self._owner}: {exc}") from exc
        return state

    def encode(self, state: Any) -> bytes:
        """The state as JSON text, checked to be readable again as the state type.

        The check costs about as much as the encoding and turns a state that no later step could
        read into an error in the step that made it.

        Raises:
            StateError: the state has no JSON form or does not fit the state type.
        """
        raw = encode_json(state)
        self.decode(raw)
        return raw
