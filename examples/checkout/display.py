"""How the demo shows what it does: live on a terminal, a line every two seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from checks import Check
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

__all__ = ["Display", "say", "summary"]

_EVERY = 2.0
_WRONG_SHOWN = 3

console = Console(highlight=False, soft_wrap=True)


def say(topic: str, text: str) -> None:
    """One line of what happens."""
    console.print(Text(f"{topic:<10}", "bold cyan"), Text(text), sep="")


class Display:
    """Progress of some counts towards their totals, while the context lasts.

    Args:
        totals: what is counted, and how many there will be.
    """

    def __init__(self, totals: Mapping[str, int]) -> None:
        self._totals = totals
        self._started = time.monotonic()
        self._next_line = self._started
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
        )
        self._bars = {name: self._progress.add_task(name, total=n) for name, n in totals.items()}
        self._live = Live(console=console, transient=True)

    def show(self, counts: Mapping[str, int], note: str) -> None:
        """Show how far it is, and a note about it."""
        if console.is_terminal:
            for name, bar in self._bars.items():
                self._progress.update(bar, completed=counts[name])
            self._live.update(Group(self._progress, Text(note, "dim")))
            return
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + _EVERY
            done = "  ".join(f"{name} {counts[name]}/{self._totals[name]}" for name in self._totals)
            say(f"{now - self._started:5.1f} s", f"{done}  {note}")

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()


def summary(checks: Iterable[Check]) -> None:
    """The table of all checks, and what is wrong."""
    table = Table(box=None, pad_edge=False)
    for name, justify in ("", "left"), ("check", "left"), ("expected", "right"), ("found", "right"):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for check in checks:
        mark = Text("✓", "green") if check.holds else Text("✗", "bold red")
        table.add_row(mark, check.about, check.expected, f"{check.found:,}")
        for wrong in check.wrong[:_WRONG_SHOWN]:
            table.add_row("", Text(f"  {wrong}", "red"))
        if len(check.wrong) > _WRONG_SHOWN:
            table.add_row("", Text(f"  and {len(check.wrong) - _WRONG_SHOWN} more", "red"))
    console.print()
    console.print(table)
    console.print()
