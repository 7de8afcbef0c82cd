"""The reference, made of what the engine and the package say of themselves.

Functions and views come from the catalog of a database in which the engine was just installed, and
from the headers of the functions; commands from their parsers; Python from the docstrings. What the
catalog cannot say, the meaning of arguments and columns, stands in words.toml: each of them has
a word there, and each word there has one of them, or there is no reference.
"""

from __future__ import annotations

from reference import catalog, commands, functions, python, views

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """The Markdown of each page by its path below docs/."""
    engine = catalog.read()
    return {
        **functions.pages(engine),
        "reference/views.md": views.page(engine),
        "reference/commands.md": commands.page(),
        **python.pages(),
    }
