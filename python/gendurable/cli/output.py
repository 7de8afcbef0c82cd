"""What commands print: tables for people, one JSON object a line for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from gendurable.errors import UsageError
from gendurable.text import printable

__all__ = [
    "Column",
    "ago",
    "coloured",
    "confirm",
    "emit",
    "progress",
    "put",
    "show_rows",
    "span",
    "stamp",
    "stdout",
    "table",
]

T = TypeVar("T")

_STYLES = {
    "executing": "green",
    "awaiting_signal": "yellow",
    "awaiting_children": "yellow",
    "done": "dim",
    "failed": "red",
    "ok": "green",
    "warning": "yellow",
    "problem": "red",
}
# A pipe takes a row as it is, on one line.
_UNLIMITED = 100_000
# What takes less seconds needs no bar.
_SOON = 0.5
# Between two columns; and what is left of a long one at least.
_GAP = 2
_SHORTEST = 14
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


class Column(NamedTuple, Generic[T]):
    """A column of a table.

    Attributes:
        title: above it.
        value: what stands in it.
        right: whether it stands on the right, as numbers do.
        long: whether it may be cut where a line is too long for the screen.
        extra: whether it is left out before what matters more is cut.
    """

    title: str
    value: Callable[[T], object]
    right: bool = False
    long: bool = False
    extra: bool = False


def stdout() -> Console:
    """Where results go: colours and the width of the screen only where there is one."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNLIMITED
    return console


def put(console: Console, shown: RenderableType, *, indent: int = 0) -> None:
    """Print something, its lines moved to the right, and no spaces behind them."""
    if console.is_terminal:
        console.width = max(20, console.width - indent)
    with console.capture() as captured:
        # A value in a pipe stays on its line, however long it is.
        console.print(shown, soft_wrap=not console.is_terminal)
    if console.is_terminal:
        console.width += indent
    for line in captured.get().splitlines():
        typer.echo(" " * indent + line.rstrip(), color=True)


def emit(value: Any) -> None:
    """Print a value as JSON, on one line."""
    typer.echo(msgspec.json.encode(value).decode())


def show_rows(
    items: Sequence[T], columns: Sequence[Column[T]], *, as_json: bool, empty: str
) -> None:
    """Print rows.

    Args:
        items: one a row.
        columns: of the table.
        as_json: print the items as JSON instead.
        empty: what to say where there is none.
    """
    if as_json:
        for item in items:
            emit(item)
    elif items:
        put(stdout(), table(items, columns))
    else:
        typer.echo(empty)


def table(items: Sequence[T], columns: Sequence[Column[T]], *, indent: int = 0) -> Table:
    """Rows below titles, without lines.

    Args:
        items: one a row.
        columns: what there is to show of each.
        indent: how much less than the width of the screen there is.
    """
    cells = [(column, [_cell(column.value(item)) for item in items]) for column in columns]
    shown = _fitting(cells, stdout().width - indent)
    found = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for column, _ in shown:
        # Where there is no room the long ones are cut first.
        found.add_column(
            Text(column.title, no_wrap=True, overflow="ellipsis"),
            justify="right" if column.right else "left",
            no_wrap=not column.long,
        )
    for row in zip(*(each for _, each in shown), strict=True):
        found.add_row(*row)
    return found


_Cells = tuple[Column[T], list[Text]]


def _fitting(cells: Sequence[_Cells[T]], width: int) -> list[_Cells[T]]:
    """Without as many of the extra columns, from the right, as there is no room for."""

    def needs(column: Column[T], each: list[Text]) -> int:
        most = max([len(column.title), *(cell.cell_len for cell in each)])
        return _GAP + (min(most, _SHORTEST) if column.long else most)

    shown = list(cells)
    extra = [one for one in cells if one[0].extra]
    while extra and sum(needs(*one) for one in shown) - _GAP > width:
        shown.remove(extra.pop())
    return shown


def _cell(value: object) -> Text:
    cell = _shown(value)
    cell.no_wrap, cell.overflow = True, "ellipsis"
    return cell


def _shown(value: object) -> Text:
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, Text):
        return value
    if isinstance(value, datetime):
        return Text(ago(value))
    if isinstance(value, float):
        return Text(f"{value:,.6g}")
    if isinstance(value, int):
        return Text(f"{value:,}")
    return Text(printable(str(value)))


def coloured(word: str) -> Text:
    """A status in its colour; the word alone says it as well."""
    return Text(printable(word), style=_STYLES.get(word, ""))


def ago(at: datetime) -> str:
    """How long ago, or in how long: ``3m``, ``in 2h``."""
    seconds = (datetime.now(UTC) - at).total_seconds()
    return span(seconds) if seconds >= 0 else f"in {span(-seconds)}"


def span(seconds: float) -> str:
    """A duration in its two largest units."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    rest, parts = int(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count:,}{unit}")
    if rest and len(parts) < 2:
        parts.append(f"{rest}s")
    return " ".join(parts[:2])


def stamp(at: datetime | None) -> str:
    """A moment by the clock of this machine, to the second; None as a dash."""
    return "-" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


@contextmanager
def progress(
    what: str, total: int | None = None, *, shown: bool = True
) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal if something takes long; yields what moves it on."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(
        *columns, console=console, transient=True, disable=not (shown and console.is_terminal)
    )
    task = bar.add_task(what, total=total)
    begun = time.monotonic()

    def move(count: int) -> None:
        bar.advance(task, count)
        if time.monotonic() - begun > _SOON:
            bar.start()

    try:
        yield move
    finally:
        bar.stop()


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if the user says so.

    Raises:
        UsageError: the user says no, or there is no terminal to ask at.
    """
    if yes:
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("nothing was done\nAdd --yes to do it without being asked.")
    try:
        agreed = typer.confirm(question)
    except typer.Abort as exc:
        raise KeyboardInterrupt from exc
    if not agreed:
        raise UsageError("nothing was done")
