"""What an instance can be started of, as far as enqueueing has to know it."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from gendurable.arguments import integer, text
from gendurable.codec import StateCodec
from gendurable.errors import UsageError
from gendurable.steps import Steps

__all__ = ["Startable", "identity_of", "steps_of"]

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


def identity_of(startable: Startable[Any] | type[Startable[Any]]) -> tuple[str, int, str | None]:
    """Under which name and version a machine or a job is enqueued, and in which queue.

    It is checked: a version that is no number, for example, would match that of no instance.

    Raises:
        UsageError: an attribute has a wrong type.
    """
    name: Any = startable.name
    version, queue = startable.version, startable.queue
    try:
        return (
            text("name", name),
            integer("version", version),
            None if queue is None else text("queue", queue),
        )
    except UsageError as exc:
        cls = startable if isinstance(startable, type) else type(startable)
        # A job is known by its name alone.
        whose = name if isinstance(name, str) and name.isprintable() else cls.__name__
        raise UsageError(f"{whose}: {exc}") from exc
