"""When a failed step runs again, and when it is given up."""

from __future__ import annotations

import random
import traceback
from dataclasses import dataclass
from typing import Any

from gendurable.outcomes import Retry, Stop

__all__ = ["RetryPolicy", "describe"]

_TRACEBACK_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter up to a number of attempts.

    Attributes:
        max_attempts: executions of one step in total, crashes included; None never gives up.
        initial: seconds before the first retry.
        factor: each further delay is this many times longer.
        maximum: seconds, the longest delay.
        jitter: share of the delay by which it varies at random in either direction, 0 to 1.
    """

    max_attempts: int | None = 10
    initial: float = 1.0
    factor: float = 2.0
    maximum: float = 300.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if self.max_attempts is not None and self.max_attempts < 1:
            raise ValueError("max_attempts must be at least 1, or None for no limit")
        if self.initial < 0 or self.maximum < 0 or self.factor < 1:
            raise ValueError("initial and maximum must not be negative, factor must be at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter must be between 0 and 1")

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the execution with this attempt number, which counts from 0."""
        try:
            delay = min(self.maximum, self.initial * self.factor**attempt)
        except OverflowError:
            delay = self.maximum
        return delay * (1 + self.jitter * random.uniform(-1, 1))  # noqa: S311 (no secret)

    def outcome(self, attempt: int, exc: BaseException) -> Retry | Stop:
        """Retry while attempts are left, then stop; both carry the exception as the error."""
        error = describe(exc)
        if self.max_attempts is not None and attempt + 1 >= self.max_attempts:
            return Stop(error)
        return Retry(self.delay(attempt), error)


def describe(exc: BaseException) -> dict[str, Any]:
    """An exception as the JSON error that the engine stores.

    Returns:
        ``{"kind": "exception", "type", "message", "traceback"}``, all text; a long traceback keeps
        its end.
    """
    text = "".join(traceback.format_exception(exc))
    return {
        "kind": "exception",
        "type": f"{type(exc).__module__}.{type(exc).__qualname__}".removeprefix("builtins."),
        "message": _storable(str(exc)),
        "traceback": _storable(text[-_TRACEBACK_CHARS:]),
    }


def _storable(text: str) -> str:
    """The text without what jsonb cannot hold: NUL and lone surrogates."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
