"""What an instance can be started of, as far as enqueueing has to know it."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from gendurable.arguments import integer, text
from gendurable.codec import StateCodec
from gendurable.errors import UsageError
from gendurable.steps import Steps

__all__ = ["Identity", "Startable", "identity_of", "steps_of"]

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


class Identity(NamedTuple):
    """Under which name and version something is enqueued, and where."""

    name: str
    version: int
    queue: str | None


def identity_of(startable: Startable[Any] | type[Startable[Any]]) -> Identity:
    """What a machine or a job says of itself, checked: what is no version would match none.

    Raises:
        UsageError: an attribute has a wrong type.
    """
    name, version, queue = startable.name, startable.version, startable.queue
    try:
        return Identity(
            text("name", name),
            integer("version", version),
            None if queue is None else text("queue", queue),
        )
    except UsageError as exc:
        cls = startable if isinstance(startable, type) else type(startable)
        # A job is known by its name alone.
        whose = name if isinstance(name, str) and name.isprintable() else cls.__name__
        raise UsageError(f"{whose}: {exc}") from exc
