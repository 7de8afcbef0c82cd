"""What a step is given: one claimed execution, with its state, signals and history."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET

from gendurable.codec import ANY_JSON, Reading, StateCodec, encode_json
from gendurable.errors import StateError, UsageError

__all__ = ["ChildResult", "Context", "Signal"]

logger = logging.getLogger("gendurable")

S = TypeVar("S")

_LARGEST_PROGRESS = 64 * 1024


class Signal(msgspec.Struct, frozen=True):
    """One message of the instance's inbox.

    Attributes:
        id: the engine's number of the signal.
        name: what it was sent as.
        sent_at: when it was stored.
        payload: its JSON value.
        omitted: the payload was left out (see ``Context``).
        seen: of an awaited one: an earlier step was handed it, before the latest ``Await``.
    """

    id: int
    name: str
    sent_at: datetime
    payload: Any = None
    omitted: bool = False
    seen: bool = False


class ChildResult(msgspec.Struct, frozen=True):
    """How one child of the round ended.

    Attributes:
        id: the child's instance id; of a duplicate that of the instance which has its key.
        ord: its place in the list of children, from 1.
        fsm: its machine.
        status: ``done`` or ``failed``; or ``duplicate``: its correlation key was occupied, so that
            it was not created. Then there is nothing else.
        result: what it returned, or None.
        error: why it failed, or None.
        state: its last state.
        omitted: result, error and state were left out (see ``Context``).
    """

    id: int
    ord: int
    fsm: str
    status: str
    result: Any = None
    error: Any = None
    state: Any = None
    omitted: bool = False


class _Numbered(msgspec.Struct):
    """The number of a signal alone: its payload may be nested too deeply, or out of range."""

    id: int


_ids = msgspec.json.Decoder(list[_Numbered])
_signals = msgspec.json.Decoder(list[Signal])
_children = msgspec.json.Decoder(list[ChildResult] | None)


class Context(msgspec.Struct, Generic[S]):
    """One execution of a step of one instance. The fields are the engine's ``job``, in its order.

    JSON columns arrive as text and are decoded when they are first asked for: most steps look at
    their state alone.

    A pick hands out at most some 64 MB. What an inbox or a list of children has beyond that the
    worker reads page by page before the step starts, on a connection of its own, up to 1 GB; what
    is still missing then is listed as ``omitted``, with its contents None.

    Attributes:
        id: the instance; together with ``step`` a good idempotency key for effects.
        fence: the claim's number; it grows with every claim and commit.
        fsm: the machine's name, ``fsm_version`` its version.
        step: the step that runs.
        attempt: 0 for the first execution of this step, plus 1 for each retry or crash.
        queue: the queue it was picked from.
        priority: smaller is more urgent.
        correlation_key: the business identity, or None.
        concurrency_key: the semaphore it holds a slot of, or None.
        parent_id: the instance that waits for this one, or None.
        enqueued_at: when the instance was created.
        lost: true as soon as this worker knows that the claim was taken from it: whatever the step
            returns will be dropped.
        overdue: the execution has taken longer than the step's ``timeout``.
    """

    id: int
    fence: int
    fsm: str
    fsm_version: int
    step: str
    state_json: str | bytes
    attempt: int
    queue: str
    priority: int
    correlation_key: str | None
    concurrency_key: str | None
    parent_id: int | None
    awaited_json: str
    signals_json: str
    children_json: str | None
    last_error_json: str | None
    enqueued_at: datetime
    codec: StateCodec[S] | None = None
    lost: bool = False
    overdue: bool = False
    _read: Reading[S] | None = None
    _conn: Any = None
    _after_commit: list[Callable[[], object]] = []
    _tell: Callable[[int, int, bytes], None] | None = None

    @property
    def conn(self) -> Any:
        """The psycopg connection of a step that is marked ``@step(transactional=True)``.

        A ``psycopg.AsyncConnection`` for an ``async def``, a ``psycopg.Connection`` otherwise. What
        the step writes there is committed together with its outcome, or not at all.

        Raises:
            UsageError: this is no such step, or it has ended.
        """
        if self._conn is None:
            raise UsageError(
                f"step {self.step!r} of {self.fsm} has no transaction: "
                "mark it with @step(transactional=True), and use ctx.conn until it ends"
            )
        return self._conn

    def after_commit(self, function: Callable[[], object]) -> None:
        """In a transactional step: call a function once what the step wrote is committed.

        It is called in the step's thread, or in the event loop, before the next step begins. What
        it raises is logged. If the worker dies between the commit and the call, it is not called:
        what has to happen is a step of its own.

        Raises:
            UsageError: this is no transactional step, or it has ended.
        """
        if self.conn is not None:
            self._after_commit.append(function)

    @property
    def lent(self) -> Any:
        """The connection of a transactional step (see ``conn``); None in any other step."""
        return self._conn

    def lend(self, conn: Any) -> None:
        """Let the step have a connection; None takes it back."""
        self._conn = conn
        if conn is not None:
            self._after_commit = []

    def committed(self) -> None:
        """What the step wrote is committed: call what has waited for that."""
        for function in self._after_commit:
            try:
                function()
            except Exception:
                logger.exception("after the commit of %s %d, step %s", self.fsm, self.id, self.step)
        self._after_commit = []

    @property
    def state(self) -> S:
        """The state as of the last commit, in the machine's state type.

        Raises:
            StateError: the stored state does not fit the type.
        """
        return self._reading().value

    @property
    def cancelled(self) -> bool:
        """Whether the step should end now: it is ``lost`` or ``overdue``.

        A worker hears with its next heartbeat, three times in a lease, that an instance was
        cancelled or is another's; at the end of its drain it gives up what still runs. A long step
        looks at this now and then; an async one gets a CancelledError where it waits, and may
        catch it to clean up.
        """
        return self.lost or self.overdue

    @property
    def awaited(self) -> list[Signal]:
        """The signals with the names that were awaited, by arrival; [] unless a park ended here.

        They accumulate: a step that awaits the same names again is handed the earlier ones as well,
        unless they were consumed (see ``Await``). ``newly_awaited`` has the others alone.
        """
        awaited = _signals.decode(self.awaited_json)
        if any(signal.omitted for signal in awaited):
            whole = {signal.id: signal for signal in self.signals}
            return [
                msgspec.structs.replace(whole.get(signal.id, signal), seen=signal.seen)
                for signal in awaited
            ]
        return awaited

    @property
    def newly_awaited(self) -> list[Signal]:
        """Those of ``awaited`` that no step was handed before the latest ``Await``.

        A redo of the step, after a retry or a crash, finds the same ones, and what has come since.
        """
        return [signal for signal in self.awaited if not signal.seen]

    @property
    def signals(self) -> list[Signal]:
        """The whole inbox as of the claim, by arrival."""
        return _signals.decode(self.signals_json)

    @property
    def children(self) -> list[ChildResult] | None:
        """The children of the round that this step joins, by ``ord``; None in any other step."""
        return None if self.children_json is None else _children.decode(self.children_json)

    @property
    def last_error(self) -> Any:
        """What the last attempt left: a retry's error or the reaper's note; None if none."""
        return None if self.last_error_json is None else msgspec.json.decode(self.last_error_json)

    @property
    def failures(self) -> int:
        """How many earlier executions of this step count against a limit of attempts.

        All of ``attempt`` but those that were lost with a worker which held other claims as well:
        any of them may have ended it.
        """
        excused = self.note().get("excused") if self.attempt else None
        return self.attempt - (max(0, min(excused, self.attempt)) if type(excused) is int else 0)

    def note(self) -> dict[str, Any]:
        """``last_error`` as far as it is an object; {} otherwise, and where it cannot be read."""
        if self.last_error_json is None:
            return {}
        # Any client may have stored it: nested too deeply, or with a number that is too large.
        with suppress(msgspec.MsgspecError, ValueError, RecursionError):
            error = self.last_error
            return error if isinstance(error, dict) else {}
        return {}

    def progress(self, value: Any) -> None:
        """Say how far the step is: ``gd_instances.progress`` shows it until the instance ends.

        The worker sends the latest value, once a second at most. It may be called as often as one
        likes, from any thread; after the claim was lost it does nothing.

        Args:
            value: any JSON value, up to 64 KB.

        Raises:
            StateError: it has no JSON form, or is larger.
        """
        encoded = encode_json(value)
        if len(encoded) > _LARGEST_PROGRESS:
            raise StateError(
                f"progress of {len(encoded):,} bytes; it may have {_LARGEST_PROGRESS:,}"
            )
        if self._tell is not None and not self.lost:
            self._tell(self.id, self.fence, encoded)

    def unknown_fields(self) -> list[str]:
        """The names of the stored state's fields that the state type does not have."""
        unknown = self._reading().unknown
        return [] if unknown is None else unknown.names

    def new_state(self, given: Any) -> Reading[S] | None:
        """The state to store, as the next step will read it; None where the stored one stays.

        Args:
            given: the state of the outcome. UNSET, or the very object of ``state``, leaves it to
                what the step changed in place; anything else replaces the stored state.

        Raises:
            StateError: the state has no JSON form or does not fit the state type.
        """
        codec = self.codec or ANY_JSON
        if self._read is not None and (given is UNSET or given is self._read.value):
            return codec.changed(self._read)
        if given is not UNSET:
            return codec.write(given)
        return codec.changed(self._reading()) if codec.migrates else None

    def read(self) -> None:
        """Read the stored state now; raises what ``state`` would raise."""
        self._reading()

    def forget_changes(self) -> None:
        """Make ``state`` the stored one again, whatever a failed step did to it."""
        self._read = None

    def consumed(self) -> list[int]:
        """The ids of the awaited signals that this execution was handed."""
        if self.awaited_json == "[]":
            return []
        return [signal.id for signal in _ids.decode(self.awaited_json)]

    def _reading(self) -> Reading[S]:
        if self._read is None:
            self._read = (self.codec or ANY_JSON).read(self.state_json)
        return self._read
