"""Enqueueing in the background, for code that must not wait for the database."""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any, Self, Unpack

import psycopg

from gendurable.arguments import Duration, seconds
from gendurable.calls import call
from gendurable.client import ENQUEUE_MANY
from gendurable.codec import encode_json
from gendurable.database import conninfo, log_failure, to_primary
from gendurable.entry import EnqueueOptions, Entry, Target
from gendurable.errors import BufferFullError, InvalidArgumentError, UsageError
from gendurable.process import GENERATION

__all__ = ["Enqueuer"]

logger = logging.getLogger("gendurable")

_MOST_BYTES = 16 * 1024 * 1024
_AGAIN_WAIT = (0.05, 5.0)
_AT_EXIT = 10.0


class Enqueuer:
    """Takes what is to be enqueued at once, and enqueues it soon, in batches, in a thread.

    It is no part of any transaction of the caller's: what was taken is enqueued whatever becomes of
    the caller, and is lost with the process if that is killed. While the database cannot be reached
    it is kept, and tried again; an answer that gets lost on its way may so create an instance
    twice, unless that has a correlation key. What the engine refuses is logged and dropped.

    It may be used from any thread, and after a fork. The thread starts with the first entry.

    Args:
        dsn: connection string; GENDURABLE_DSN or the PG* variables by default.
        most: entries that may wait. With more than that ``enqueue`` waits for room.
        batch: entries in one call of the engine.
        linger: seconds or a timedelta to wait for more before a batch that is not full is sent.

    Attributes:
        refused: how many entries the engine has refused.

    Raises:
        UsageError: a setting is out of range, or the connection string is malformed.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        most: int = 10_000,
        batch: int = 500,
        linger: Duration = 0.02,
    ) -> None:
        if most < 1 or batch < 1:
            raise UsageError("most and batch have to be at least 1")
        self.refused = 0
        self._conninfo = to_primary(conninfo(dsn))
        self._most = most
        self._batch = batch
        self._linger = seconds(linger, "linger")
        self._closed = False
        self._reset()
        atexit.register(self.close, _AT_EXIT)

    def enqueue(
        self,
        target: Target | Entry,
        state: Any = None,
        *,
        timeout: Duration | None = None,
        **options: Unpack[EnqueueOptions],
    ) -> None:
        """Take one instance to be enqueued.

        Args:
            target: a machine, its name, or a ready ``Entry`` (then nothing else is given).
            state: the initial state, as it is now.
            timeout: how long to wait for room, in seconds or as a timedelta; None for ever, 0 not
                at all.
            options: as in ``Entry``.

        Raises:
            BufferFullError: there was no room in time.
            StateError: the state does not fit the machine.
            UsageError: an argument has a wrong type, or this is closed.
        """
        if not isinstance(target, Entry):
            entry = Entry(target, state, **options)
        elif options or state is not None:
            raise UsageError("an Entry is enqueued as it is: options belong into the Entry")
        else:
            entry = target
        encoded = encode_json(entry.arguments())
        limit = None if timeout is None else seconds(timeout, "timeout")
        if self._generation != GENERATION[0]:
            self._reset()  # The parent has what waited, and the thread.
        with self._changed:
            self._start()
            if not self._changed.wait_for(lambda: self._closed or self._has_room(), limit):
                raise BufferFullError(f"{self._most:,} entries wait to be enqueued")
            if self._closed:
                raise UsageError("this Enqueuer is closed")
            self._waiting.append(encoded)
            self._changed.notify_all()

    def flush(self, timeout: Duration | None = None) -> bool:
        """Wait until everything that was taken is enqueued, or refused.

        Args:
            timeout: how long at most, in seconds or as a timedelta.

        Returns:
            Whether it is.
        """
        limit = None if timeout is None else seconds(timeout, "timeout")
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._left(), limit)
            finally:
                self._hurried -= 1

    def close(self, timeout: Duration | None = None) -> int:
        """Take nothing more, and wait until everything is enqueued; done at the process's exit too.

        Args:
            timeout: how long at most, in seconds or as a timedelta; ten seconds at the exit.

        Returns:
            How many entries were lost.
        """
        if self._generation != GENERATION[0]:
            return 0
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.flush(timeout)
        with self._changed:
            lost = self._left()
            self._waiting.clear()
            self._given_up = True
            self._changed.notify_all()
        atexit.unregister(self.close)
        if lost:
            logger.error("%d entries were not enqueued: the time is over", lost)
        return lost

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _reset(self) -> None:
        self._generation = GENERATION[0]
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._sending = 0
        self._hurried = 0
        self._given_up = False
        self._thread: threading.Thread | None = None
        self._conn: psycopg.Connection[Any] | None = None

    def _has_room(self) -> bool:
        return self._left() < self._most

    def _left(self) -> int:
        return len(self._waiting) + self._sending

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="gendurable-enqueuer", daemon=True
            )
            self._thread.start()

    # In the thread.

    def _work(self) -> None:
        while batch := self._next():
            self._send(batch)
            with self._changed:
                self._sending = 0
                self._changed.notify_all()
        if self._conn is not None:
            self._conn.close()

    def _next(self) -> list[bytes]:
        """Wait for a batch; [] when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(
                lambda: self._closed or self._hurried or len(self._waiting) >= self._batch,
                self._linger,
            )
            batch: list[bytes] = []
            size = 0
            while self._waiting and len(batch) < self._batch:
                size += len(self._waiting[0])
                if batch and size > _MOST_BYTES:
                    break
                batch.append(self._waiting.popleft())
            self._sending = len(batch)
            return batch

    def _send(self, batch: list[bytes]) -> None:
        shortest, longest = _AGAIN_WAIT
        wait = shortest
        while not self._given_up:
            try:
                self._try(batch)
            except InvalidArgumentError as exc:
                if len(batch) == 1:
                    self.refused += 1
                    logger.error("an entry is dropped, the engine refuses it: %s", exc)  # noqa: TRY400
                else:
                    # All or none: the others are enqueued one by one.
                    for one in batch:
                        self._send([one])
                return
            except Exception as exc:  # noqa: BLE001 (whatever it is, the entries are kept)
                log_failure("to enqueue what waits", exc)
                self._disconnect()
                until = monotonic() + wait
                with self._changed:
                    self._changed.wait_for(lambda: self._given_up, until - monotonic())
                wait = min(longest, 2 * wait)
            else:
                return

    def _try(self, batch: list[bytes]) -> None:
        if self._conn is None:
            self._conn = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        call(self._conn, ENQUEUE_MANY, {"entries": (b"[%b]" % b",".join(batch)).decode()}, len)

    def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(psycopg.Error):
                conn.close()
