"""When a failed step runs again, and when it is given up."""

from __future__ import annotations

import random
import traceback
from collections import deque
from dataclasses import dataclass
from typing import Any

from gendurable.outcomes import Retry, Stop
from gendurable.text import safe_str, storable, type_name

__all__ = ["RetryPolicy", "describe"]

# In bytes, of UTF-8: 16 KB with the type and the names of the fields.
_MESSAGE_BYTES = 6_000
_TRACEBACK_BYTES = 8_000
_TRACEBACK_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter up to a number of attempts.

    Attributes:
        max_attempts: executions of one step in total, those that ended their worker included; None
            never gives up.
        initial: seconds before the first retry.
        factor: each further delay is this many times longer.
        maximum: seconds, the longest delay.
        jitter: share of the delay by which it varies at random in either direction, 0 to 1.
        non_retryable: exception types after which the step is not run again. An exception group is
            one of them if something in it is.
        max_explicit: executions of one step in total after which a ``Retry`` that the step or its
            error handler answers is not accepted any more; None for no limit.
    """

    max_attempts: int | None = 10
    initial: float = 1.0
    factor: float = 2.0
    maximum: float = 300.0
    jitter: float = 0.1
    non_retryable: type[BaseException] | tuple[type[BaseException], ...] = ()
    max_explicit: int | None = None

    def __post_init__(self) -> None:
        if self.max_attempts is not None and self.max_attempts < 1:
            raise ValueError("max_attempts must be at least 1, or None for no limit")
        if not (self.initial >= 0 and self.maximum >= 0 and self.factor >= 1):
            raise ValueError("initial and maximum must not be negative, factor must be at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter must be between 0 and 1")
        if self.max_explicit is not None and self.max_explicit < 1:
            raise ValueError("max_explicit must be at least 1, or None for no limit")
        types: Any = self.non_retryable
        types = types if isinstance(types, tuple) else (types,)
        if not all(isinstance(one, type) and issubclass(one, BaseException) for one in types):
            raise ValueError("non_retryable must be an exception type, or a tuple of them")

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the execution with this attempt number, which counts from 0."""
        try:
            delay = min(self.maximum, self.initial * self.factor**attempt)
        except OverflowError:
            delay = self.maximum
        return delay * (1 + self.jitter * random.uniform(-1, 1))  # noqa: S311 (no secret)

    def outcome(self, attempt: int, exc: BaseException) -> Retry | Stop:
        """Retry while attempts are left, then stop; both carry the exception as the error.

        Args:
            attempt: ``ctx.failures``, how many executions have failed before this one.
            exc: why this one failed.
        """
        error = describe(exc)
        is_last = self.max_attempts is not None and attempt + 1 >= self.max_attempts
        if is_last or _is_among(exc, self.non_retryable):
            return Stop(error)
        return Retry(self.delay(attempt), error)


def _is_among(exc: BaseException, types: Any) -> bool:
    if isinstance(exc, BaseExceptionGroup):
        return exc.subgroup(types) is not None if types else False
    return isinstance(exc, types)


def describe(exc: BaseException) -> dict[str, Any]:
    """An exception as the JSON error that the engine stores. Never raises.

    Returns:
        ``{"kind": "exception", "type", "message", "traceback"}``, all text, 16 KB at most; a long
        message keeps its beginning, a long traceback its end.
    """
    return {
        "kind": "exception",
        "type": _type_of(exc),
        "message": _beginning(safe_str(exc, _MESSAGE_BYTES - 100), _MESSAGE_BYTES),
        "traceback": _traceback(exc),
    }


def _type_of(exc: BaseException) -> str:
    try:
        kind = type(exc)
        module, name = safe_str(kind.__module__, 200), safe_str(kind.__qualname__, 200)
    except BaseException:  # noqa: BLE001 (a metaclass may refuse to tell)
        return type_name(exc)
    return f"{module}.{name}".removeprefix("builtins.")


def _traceback(exc: BaseException) -> str:
    chunks: deque[str] = deque()
    length = 0
    try:
        for chunk in traceback.TracebackException.from_exception(exc).format():
            # The message is one chunk, and may be of any size.
            chunks.append(chunk[:_TRACEBACK_CHUNK])
            length += len(chunks[-1])
            while length > _TRACEBACK_BYTES and len(chunks) > 1:
                length -= len(chunks.popleft())
    except BaseException as failure:  # noqa: BLE001 (the exception's own attributes may raise)
        chunks.append(f"<traceback that cannot be shown: {type_name(failure)}>")
    return storable("".join(chunks)).encode()[-_TRACEBACK_BYTES:].decode(errors="ignore")


def _beginning(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
