"""What an instance can be started of, as far as enqueueing has to know it."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from gendurable.codec import StateCodec
from gendurable.steps import Steps

__all__ = ["Startable"]

S = TypeVar("S")


class Startable(Generic[S]):
    """The base of machines and jobs: a name, a version, a queue, and the type of the state.

    It stands below ``Entry`` so that what is enqueued and what runs it need not import one another.
    """

    name: str
    version: int = 1
    queue: str | None = None
    codec: StateCodec[S]
    steps: ClassVar[Steps] = Steps(object)
