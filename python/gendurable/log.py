"""What a worker says, where people see it: once for each thing, and never not at all."""

from __future__ import annotations

import atexit
import copy
import logging
import math
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, TextIO, TypeAlias

from gendurable.text import printable, redacted, safe_repr, safe_str

__all__ = ["log_to_stderr", "quieten"]

_WINDOW = 10.0
_FIRST = 5
_MOST_WINDOWS = 1000

_NUMBER = re.compile(r"[0-9]+")

_Key: TypeAlias = tuple[int, str, str | None]


def log_to_stderr(*, verbose: bool = False, formatter: logging.Formatter | None = None) -> None:
    """Make sure that the package's messages are seen, whatever was configured before.

    A configuration of the user's own is respected: its handlers get the messages, in its format,
    and a level that it gave the logger ``gendurable`` stays. Where none of its handlers takes
    INFO, the messages go to stderr. What would silence the logger altogether (``disabled``, as
    ``dictConfig`` and ``fileConfig`` leave it, and ``logging.disable``) is undone.

    Call it after the import of the user's module, which is when a user configures logging.

    Args:
        verbose: log more, also of others.
        formatter: of the messages; it is also given to what the user's own configuration writes to
            the console. None: plain text, and the user's configuration stays as it is.
    """
    handler = _Stderr(sys.stderr)
    handler.setFormatter(formatter or _Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    if not logging.root.handlers:
        logging.root.addHandler(handler)
        logging.root.setLevel(logging.INFO if verbose else logging.WARNING)
    if logging.root.manager.disable >= logging.INFO:
        logging.disable(logging.NOTSET)
    logger = logging.getLogger("gendurable")
    logger.disabled = False
    if verbose:
        logger.setLevel(logging.DEBUG)
    elif logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    psycopg = logging.getLogger("psycopg")
    if psycopg.level == logging.NOTSET:
        # It tells of every broken connection what this package tells in its own words.
        psycopg.setLevel(logging.ERROR)
    quieten(logger).unheard = handler
    if formatter is not None:
        for own in (*logging.root.handlers, *logger.handlers):
            if _is_console(own):
                own.setFormatter(formatter)


def quieten(logger: logging.Logger, *, window: float = _WINDOW) -> Quiet:
    """Make hundreds of equal lines of a logger one; do nothing more if that was done before.

    Within ``window`` seconds the first five equal records go through and the rest is counted:
    ``… (97 more like it in the last 10 s)``. From then on only the counts are told, until a window
    passes without another one. Equal are records of the same level and text; below ERROR also
    those that differ in nothing but the numbers before the first colon, as when hundreds of
    instances fail in the same way: ``mail 17, attempt 2: …``. A count is told with the next record
    after its window, whatever that is, or at exit.
    """
    for installed in logger.filters:
        if isinstance(installed, Quiet):
            return installed
    quiet = Quiet(logger, window)
    logger.filters.insert(0, quiet)
    logger.makeRecord = partial(_make_record, logger.makeRecord)  # type: ignore[method-assign]
    atexit.register(quiet.flush)
    os.register_at_fork(after_in_child=quiet.forget)
    return quiet


def _make_record(make: Callable[..., logging.LogRecord], *args: Any) -> logging.LogRecord:
    """A record, by the user's factory if that can: it may ask for a request where there is none."""
    try:
        return make(*args)
    except Exception:  # noqa: BLE001 (it is the user's code)
        name, level, path, line, message, values, exc_info, function, _, stack = args
        return logging.LogRecord(
            name, level, path, line, message, values, exc_info, function, stack
        )


class Quiet(logging.Filter):
    """Hands the records of one logger to its handlers itself, without the repetitions.

    A filter of the logger and not a handler, so that the user's handlers get what is left. It
    delivers by itself, and tells the logger not to, because a handler or another filter that raises
    would otherwise end the worker's turn, and because what no handler takes has to go somewhere.

    Attributes:
        unheard: takes what no handler would show: see ``_deliver``.
    """

    def __init__(self, logger: logging.Logger, window: float) -> None:
        super().__init__()
        self.unheard: logging.Handler | None = None
        self._logger = logger
        self._length = window
        self._lock = threading.Lock()
        # In the order in which they began.
        self._windows: dict[_Key, _Window] = {}
        self._failed: set[logging.Handler] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Deliver the record after the counts that are due, or count it."""
        if not self._wanted(record):
            return False
        now = monotonic()
        key = _key_of(record)
        with self._lock:
            records = self._due(now)
            window = self._windows.setdefault(key, _Window(now, _FIRST))
            if window.free > 0:
                window.free -= 1
                records.append(record)
            else:
                window.held_back += 1
                window.last = record
        for each in records:
            self._deliver(each)
        return False

    def flush(self) -> None:
        """Tell every count now."""
        with self._lock:
            records = self._due(math.inf)
        for record in records:
            self._deliver(record)

    def forget(self) -> None:
        """Begin anew, in a process that was forked: the lock may be held, by a thread not there."""
        self._lock = threading.Lock()
        self._windows = {}

    def _due(self, now: float) -> list[logging.LogRecord]:
        """The counts of the windows that are over, or too many to remember."""
        records: list[logging.LogRecord] = []
        while self._windows:
            key, window = next(iter(self._windows.items()))
            if now - window.start < self._length and len(self._windows) < _MOST_WINDOWS:
                break
            del self._windows[key]
            if window.last is not None:
                records.append(_count_of(window, window.last, now))
                if math.isfinite(now):
                    self._windows[key] = _Window(now, free=0)
        return records

    def _wanted(self, record: logging.LogRecord) -> bool:
        """What the user's own filters of the logger say."""
        others = logging.Filterer()
        others.filters = [each for each in self._logger.filters if each is not self]
        try:
            return bool(others.filter(record))
        except Exception:  # noqa: BLE001 (it is the user's code)
            return True

    def _deliver(self, record: logging.LogRecord) -> None:
        """Hand a record to every handler of the logger, and to ``unheard`` if none shows it.

        A handler that takes errors only, to send them elsewhere, does not show what the worker
        does: only one that takes INFO counts, or one that writes this very record to the console.
        """
        handlers = list(_handlers_of(self._logger))
        shown = [self._takes(handler, record) for handler in handlers]
        last = None if any(shown) else self.unheard or (None if handlers else logging.lastResort)
        if last is not None and record.levelno >= last.level:
            with suppress(Exception):  # Not even stderr need be what it was.
                last.handle(record)

    def _say(self, text: str) -> None:
        """Tell of a handler that cannot."""
        name = self._logger.name
        record = logging.LogRecord(name, logging.ERROR, __file__, 0, text, (), None)
        with suppress(Exception):
            (self.unheard or logging.lastResort or logging.NullHandler()).handle(record)

    def _takes(self, handler: logging.Handler, record: logging.LogRecord) -> bool:
        if record.levelno < handler.level or getattr(handler, "_closed", False):
            return False
        try:
            taken = bool(handler.handle(record))
        except Exception as exc:  # noqa: BLE001 (it is the user's code)
            if handler not in self._failed:
                self._failed.add(handler)
                text = f"the logging handler {safe_repr(handler)} failed: {safe_str(exc)}"
                self._say(text)
            return False
        return taken and (handler.level <= logging.INFO or _is_console(handler))


@dataclass(slots=True)
class _Window:
    """How much of one thing may still be said from ``start`` on, and how much was held back."""

    start: float
    free: int
    held_back: int = 0
    last: logging.LogRecord | None = None


def _key_of(record: logging.LogRecord) -> _Key:
    """What makes records equal."""
    text = _text_of(record)
    error = f"{record.exc_info[0]} {safe_str(record.exc_info[1])}" if record.exc_info else None
    if record.levelno >= logging.ERROR:
        return record.levelno, text, error
    about, colon, what = text.partition(":")
    return record.levelno, _NUMBER.sub("0", about) + colon + what, error


def _text_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 (its arguments do not fit: the handlers will say so)
        return safe_str(record.msg)


def _count_of(window: _Window, last: logging.LogRecord, now: float) -> logging.LogRecord:
    """A record that says how many were held back."""
    record = copy.copy(last)
    since = "" if math.isinf(now) else f" in the last {now - window.start:.0f} s"
    record.msg = f"{_text_of(last)} … ({window.held_back} more like it{since})"
    record.args = record.exc_info = record.exc_text = record.stack_info = None
    return record


def _handlers_of(logger: logging.Logger) -> Iterator[logging.Handler]:
    """The handlers that a record of the logger goes to."""
    above: logging.Logger | None = logger
    while above is not None:
        yield from above.handlers
        above = above.parent if above.propagate else None


def _is_console(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None)
    return stream is not None and stream in (
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__,
    )  # fmt: skip


class _Stderr(logging.StreamHandler[TextIO]):
    """One that says nothing where its stream was closed: there is no place to say that either."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        if not getattr(self.stream, "closed", False):
            super().emit(record)


class _Formatter(logging.Formatter):
    """One that lets no data of users reach the terminal as a control sequence."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; only its line ends are left as they are."""
        return "\n".join(map(printable, redacted(super().format(record)).split("\n")))
