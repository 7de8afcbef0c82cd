"""What an instance can be started of, as far as enqueueing has to know it."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from gendurable.codec import StateCodec
from gendurable.steps import Steps

__all__ = ["Startable", "steps_of"]

S = TypeVar("S")


class Startable(Generic[S]):
    """The base of machines and jobs: a name, a version, a queue, and the type of the state.

    It stands below ``Entry`` so that what is enqueued and what runs it need not import one another.
    """

    name: str
    version: int = 1
    queue: str | None = None
    codec: StateCodec[S]

    # A name that no machine gives to something of its own.
    _gendurable_steps: ClassVar[Steps] = Steps(object)


def steps_of(startable: Startable[Any] | type[Startable[Any]]) -> Steps:
    """The steps of a machine; a job has none that could be referred to."""
    return startable._gendurable_steps  # noqa: SLF001
