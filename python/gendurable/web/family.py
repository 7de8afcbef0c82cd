"""The descendants of an instance as a tree, and how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gendurable.look import Node

__all__ = ["Branch", "tally", "tree"]

_ENDED = ("done", "failed")


@dataclass(slots=True)
class Branch:
    """An instance and those below it."""

    node: Node
    below: list[Branch] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """How many of its own children are finished."""
        return sum(each.node.status in _ENDED for each in self.below)


def tree(nodes: Sequence[Node]) -> list[Branch]:
    """The children of the first node, each with its own; parents come before children."""
    branches = {node.id: Branch(node) for node in nodes}
    for node in nodes[1:]:
        above = branches.get(node.parent_id) if node.parent_id is not None else None
        if above is not None:
            above.below.append(branches[node.id])
    return branches[nodes[0].id].below if nodes else []


def tally(nodes: Sequence[Node]) -> Mapping[str, int]:
    """How many of those below the first node there are in each status."""
    return Counter(node.status for node in nodes[1:])
