"""What a worker can run: its machines by name and version; and what is met beside them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from gendurable.context import Context
from gendurable.errors import DefinitionError
from gendurable.events import Bus, KindUnknown
from gendurable.hooks import Middleware, around_steps
from gendurable.machine import Definition, Machine, definitions_of

__all__ = ["Kind", "Repertoire"]

logger = logging.getLogger("gendurable")

_UNKNOWN_WAIT = (5.0, 60.0)
_MOST_UNKNOWN = 10_000

Kind: TypeAlias = tuple[str, int, str]
"""A machine's name and version and one of its steps."""


class Repertoire:
    """The machines of one worker. More may be learnt while it works.

    Args:
        machines: machines (classes or objects) and jobs.
        middleware: what is entered around each step.
        bus: where it is told what is unknown.

    Attributes:
        declared: what the worker declares at its registration that it can run.

    Raises:
        DefinitionError: a machine cannot work, or two have the same name and version.
        UsageError: there is something else among the machines.
    """

    def __init__(
        self,
        machines: Iterable[Machine[Any] | type[Machine[Any]]],
        middleware: Sequence[Middleware],
        bus: Bus,
    ) -> None:
        self._middleware = middleware
        self._bus = bus
        self._definitions = _by_name(machines, middleware)
        self.declared = [one.declaration(version) for (_, version), one in self._all()]
        self._waits: dict[Kind, float] = {}

    def __bool__(self) -> bool:
        """Whether there is a machine at all."""
        return bool(self._definitions)

    @property
    def queues(self) -> list[str]:
        """The queues that the machines name; where one names none, the engine's default."""
        queues: list[str] = []
        for _, definition in self._all():
            queues.append(definition.queue or "default")
            queues += [each["queue"] for each in definition.schedules if each.get("queue")]
        return list(dict.fromkeys(queues))

    @property
    def schedules(self) -> list[Mapping[str, Any]]:
        """The schedules that the machines declare."""
        return [each for _, definition in self._all() for each in definition.schedules]

    def runs(self, fsm: str) -> bool:
        """Whether there is a machine of that name, in any version."""
        return any(name == fsm for name, _ in self._definitions)

    def find(self, ctx: Context[Any]) -> Definition | None:
        """The machine of an execution; None: it, its version or its step is not known here."""
        definition = self._definitions.get((ctx.fsm, ctx.fsm_version))
        return definition if definition is not None and ctx.step in definition.steps else None

    def learn(self, definition: Definition) -> list[dict[str, Any]]:
        """Add a machine; answers what is to be declared of it."""
        framed = around_steps(definition, self._middleware)
        self._definitions |= dict.fromkeys(framed.keys, framed)
        declared = [framed.declaration(version) for _, version in framed.keys]
        # The session says all of it at the next registration.
        self.declared += declared
        return declared

    def unknown(self, kind: Kind, count: int) -> float:
        """Seconds until what is unknown here is handed out again; longer each time it is met.

        The engine hands nothing out that this worker has not declared. This is the floor under it.
        """
        fsm, version, step = kind
        if KindUnknown in self._bus.heard:
            self._bus.tell(
                KindUnknown(
                    worker=self._bus.worker, fsm=fsm, fsm_version=version, step=step, count=count
                )
            )
        shortest, longest = _UNKNOWN_WAIT
        if len(self._waits) >= _MOST_UNKNOWN:
            self._waits.clear()
        if kind not in self._waits:
            logger.warning(
                "no %s version %d with a step %r here (%s): left to a worker that has it",
                fsm, version, step,
                ", ".join(f"{name} v{version}" for name, version in self._definitions),
            )  # fmt: skip
        delay = self._waits.get(kind, shortest)
        self._waits[kind] = min(longest, 2 * delay)
        return delay

    def _all(self) -> Iterable[tuple[tuple[str, int], Definition]]:
        return self._definitions.items()


def _by_name(
    machines: Iterable[Machine[Any] | type[Machine[Any]]], middleware: Sequence[Middleware]
) -> dict[tuple[str, int], Definition]:
    definitions: dict[tuple[str, int], Definition] = {}
    owners: dict[str, str] = {}
    for found in definitions_of(machines):
        definition = around_steps(found, middleware)
        for key in definition.keys:
            if (other := definitions.get(key)) is not None:
                raise DefinitionError(_twice(key, definition, other))
            definitions[key] = definition
        for declared in definition.schedules:
            if owners.setdefault(declared["name"], definition.name) != definition.name:
                raise DefinitionError(
                    f"two machines have a schedule named {declared['name']!r}: "
                    f"{owners[declared['name']]} and {definition.name}"
                )
    return definitions


def _twice(key: tuple[str, int], *those: Definition) -> str:
    name, version = key
    takers = sorted({one.version for one in those if one.version != version})
    if not takers:
        return f"two machines are named {name} with version {version}"
    runs = " and ".join(f"version {taker}" for taker in takers)
    return f"{name} version {version} is taken over by {runs}, and another machine runs it too"
