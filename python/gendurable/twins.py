"""The names under which the workers of this process are known."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from gendurable.database import describe_dsn
from gendurable.errors import UsageError
from gendurable.process import GENERATION

__all__ = ["sole_name"]

_names: set[tuple[str, str, int]] = set()
_lock = threading.Lock()


@contextmanager
def sole_name(conninfo: str, name: str | None) -> Iterator[str]:
    """The name under which a worker of this process works in a database, and no other one does.

    Args:
        conninfo: the database.
        name: what it is to be called; None for the host's name, with a number where it is taken.

    Raises:
        UsageError: another worker is called that.
    """
    host = socket.gethostname()
    names = [name] if name is not None else (f"{host}-{n}" if n > 1 else host for n in count(1))
    # In a forked child none of them runs.
    generation = GENERATION[0]
    with _lock:
        free = (one for one in names if (conninfo, one, generation) not in _names)
        chosen = next(free, None)
        if chosen is None:
            raise UsageError(
                f"a worker named {name!r} runs in this process already, at "
                f"{describe_dsn(conninfo)}\nGive each of them a name of its own."
            )
        key = (conninfo, chosen, generation)
        _names.add(key)
    try:
        yield chosen
    finally:
        with _lock:
            _names.discard(key)
