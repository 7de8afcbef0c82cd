"""Any exception is an ordinary failed step: it costs one instance, and says what is wrong."""

# ruff: noqa: N818, PLE0307, C901

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import Any

import psycopg
import pytest

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    Machine,
    Next,
    Outcome,
    Retry,
    RetryPolicy,
    Stop,
    cancel,
    enqueue,
    enqueue_many,
    job,
    protocol,
    step,
)
from gendurable.backoff import describe
from gendurable.keeper import Keeper
from gendurable.testing import drain
from support import Connection, finished, gate, running, statuses, until


class Unprintable(Exception):
    """It cannot be shown in any way."""

    def __str__(self) -> str:
        raise RuntimeError("no str")

    def __repr__(self) -> str:
        raise SystemExit("no repr")


class NotText(Exception):
    def __str__(self) -> str:
        return 42  # type: ignore[return-value]


class Odd(str):
    """Text with a length that raises."""

    __slots__ = ()

    def __len__(self) -> int:
        raise KeyboardInterrupt


class OddText(Exception):
    def __str__(self) -> str:
        return Odd("odd")


class Lying(Exception):
    """Its attributes raise, those that a traceback is made of included."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("__cause__", "__context__", "__notes__", "__traceback__", "args"):
            raise ValueError(name)
        return super().__getattribute__(name)


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise ValueError(name)
        return super().__getattribute__(name)


class Nameless(Exception, metaclass=Meta):
    """Its class does not tell its name."""


def chained(depth: int) -> Exception:
    exc: Exception = ValueError("the first")
    for n in range(depth):
        following = ValueError(n)
        following.__cause__ = exc
        exc = following
    return exc


EXCEPTIONS: dict[str, Any] = {
    "unprintable": Unprintable,
    "unprintable arguments": lambda: ValueError(Unprintable()),
    "no text": NotText,
    "odd text": OddText,
    "lying": Lying,
    "nameless": Nameless,
    "20 MB": lambda: ValueError("x" * 20_000_000),
    "20 MB of arguments": lambda: ValueError(["x" * 1000] * 20_000),
    "nul": lambda: ValueError("a\x00b"),
    "surrogate": lambda: ValueError("a\ud800b"),
    "markup": lambda: ValueError("[/red] [bold] %s %d {0}"),
    "group": lambda: ExceptionGroup("several", [Unprintable(), ValueError("\x00")]),
    "deep": lambda: chained(3_000),
    "exit": lambda: SystemExit(Unprintable()),
    "interrupt": KeyboardInterrupt,
    "cancelled": asyncio.CancelledError,
    "generator exit": GeneratorExit,
    "stop iteration": lambda: StopIteration(1),
    "memory": MemoryError,
    "database": lambda: psycopg.errors.UniqueViolation("duplicate key"),
    "connection": lambda: psycopg.OperationalError("the user's own database"),
    "base": BaseException,
}


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_no_exception_keeps_a_claim_or_its_neighbours(
    dsn: str, conn: Connection, colour: str
) -> None:
    """All of them at once, among healthy steps that land in the same moments."""

    @job(name="fail", retry=RetryPolicy(max_attempts=2, initial=0))
    def fail_sync(how: str) -> None:
        raise EXCEPTIONS[how]

    @job(name="fail", retry=RetryPolicy(max_attempts=2, initial=0))
    async def fail_async(how: str) -> None:
        raise EXCEPTIONS[how]

    @job()
    def fine_sync() -> str:
        return "fine"

    fail = fail_sync if colour == "sync" else fail_async
    entries = [entry for how in EXCEPTIONS for entry in (fail.entry(how), fine_sync.entry())]
    ids = dict(zip(EXCEPTIONS, enqueue_many(conn, entries)[::2], strict=True))
    with running(dsn, [fail, fine_sync], queues={"default": 50}, lease=3600):
        expected = {"failed": len(EXCEPTIONS), "done": len(EXCEPTIONS)}
        until(lambda: statuses(conn) == expected, f"{statuses(conn)}")
    for how, enqueued in ids.items():
        ended = finished(conn, enqueued.id)
        assert ended.attempt == 1, how
        assert ended.error["kind"] == "exception", how
        assert len(str(ended.error)) < 40_000, how
        assert ended.error["type"], how


@pytest.mark.parametrize("how", EXCEPTIONS)
def test_a_description_is_bounded_text(how: str) -> None:
    described = describe(EXCEPTIONS[how]())
    assert described["kind"] == "exception"
    for text in described.values():
        assert "\x00" not in text
        text.encode()
    assert len(json.dumps(described, ensure_ascii=False).encode()) <= 16_384


def test_a_description_is_bounded_in_bytes() -> None:
    def culprit() -> None:
        raise ValueError("\N{GRINNING FACE}" * 100_000)

    with pytest.raises(ValueError, match="\N{GRINNING FACE}") as caught:
        culprit()
    described = describe(caught.value)
    assert len(json.dumps(described, ensure_ascii=False).encode()) <= 16_384
    assert described["message"].startswith("\N{GRINNING FACE}" * 1000)


def test_a_description_keeps_where_it_happened_whatever_the_length_of_the_message() -> None:
    def culprit() -> None:
        raise ValueError("x" * 20_000_000)

    try:
        culprit()
    except ValueError as exc:
        described = describe(exc)
    assert "in culprit" in described["traceback"]
    assert described["message"].startswith("xxx")


class Hostile:
    """An answer that cannot be looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError


class HostilePolicy(RetryPolicy):
    def outcome(self, attempt: int, exc: BaseException) -> Any:
        match str(exc):
            case "raise":
                raise KeyError(attempt)
            case "exit":
                raise SystemExit
            case "unencodable":
                return Stop(object())
            case "no outcome":
                return Hostile()
            case "refused":
                return Retry(1e300)
            case "refused twice":
                return Next("start", delay=1e15)
        return None


@pytest.mark.parametrize(
    "how", ["raise", "exit", "unencodable", "no outcome", "refused", "refused twice", "none"]
)
def test_a_policy_that_fails_is_replaced_by_the_default(
    dsn: str, conn: Connection, how: str
) -> None:
    class Policed(Machine[Any]):
        retry = HostilePolicy()

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            if ctx.attempt:
                return Done("again")
            raise ValueError(how)

    with running(dsn, [Policed]):
        ended = finished(conn, enqueue(conn, Policed, {}).id)
    # The default runs it again; what the engine refuses of a policy ends it.
    assert ended.status == ("failed" if how.startswith("refused") else "done")


@pytest.mark.parametrize("how", ["raise", "exit", "unencodable", "no outcome", "nothing", "nul"])
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_handler_that_fails_leaves_it_to_the_policy(
    dsn: str, conn: Connection, how: str, colour: str
) -> None:
    def answer() -> Any:
        match how:
            case "raise":
                raise Unprintable
            case "exit":
                raise SystemExit(3)
            case "unencodable":
                return Done({"a": object()})
            case "no outcome":
                return Hostile()
            case "nul":
                return Stop("\x00")
        return None

    class Base(Machine[Any]):
        retry = RetryPolicy(max_attempts=2, initial=0)

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            raise ValueError("the step's own")

    class Handled(Base):
        name = "Handled"

        def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            return answer()  # type: ignore[no-any-return]

    class HandledAsync(Base):
        name = "Handled"

        async def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            return answer()  # type: ignore[no-any-return]

    machine = Handled if colour == "sync" else HandledAsync
    with running(dsn, [machine]):
        ended = finished(conn, enqueue(conn, machine, {}).id)
    assert ended.status == "failed"
    assert ended.attempt == 1
    if how != "nul":
        assert "the step's own" in ended.error["traceback"], "both are told"


ANSWERS: dict[str, Any] = {
    "object": lambda: Done(object()),
    "function": lambda: Done(lambda: None),
    "cycle": lambda: Done(cycle()),
    "nul": lambda: Done("\x00"),
    "surrogate": lambda: Done("\ud800"),
    "deep": lambda: Done(nested(100_000)),
    "deep for the database": lambda: Done(nested(900)),
    "keys": lambda: Done({(1, 2): 3}),
    "error": lambda: Stop(object()),
    "state": lambda: Next("start", state=object()),
    "nothing": lambda: None,
    "hostile": Hostile,
    "unknown step": lambda: Next("nowhere"),
    "huge number": lambda: Done(10**5000),
}


def cycle() -> list[Any]:
    one: list[Any] = []
    one.append(one)
    return one


def nested(depth: int) -> list[Any]:
    one: list[Any] = []
    for _ in range(depth):
        one = [one]
    return one


@pytest.mark.parametrize("how", ANSWERS)
def test_an_answer_that_cannot_be_stored_fails_once_and_repeats_no_effects(
    dsn: str, conn: Connection, how: str
) -> None:
    runs: list[int] = []

    class Answers(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            runs.append(ctx.attempt)
            answer: Outcome = ANSWERS[how]()
            return answer

    with running(dsn, [Answers]):
        ended = finished(conn, enqueue(conn, Answers, {}).id)
    if how == "deep for the database":
        assert ended.status in ("done", "failed")
    else:
        assert ended.status == "failed"
        assert ended.error["kind"] == "exception"
    assert runs == [0]


def test_a_handler_decides_about_an_answer_that_cannot_be_stored(
    dsn: str, conn: Connection
) -> None:
    class Handled(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done(object())

        def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            return Done("compensated")

    with running(dsn, [Handled]):
        assert finished(conn, enqueue(conn, Handled, {}).id).result == "compensated"


class OwnStopIteration(StopIteration): ...


@pytest.mark.parametrize("raised", [StopIteration, OwnStopIteration, SystemExit, KeyboardInterrupt])
def test_whatever_is_raised_in_to_thread_is_a_failed_step(
    dsn: str, conn: Connection, raised: type[BaseException]
) -> None:
    """asyncio cannot hand a StopIteration on: the step would wait for ever, or go on with None."""

    def fail() -> None:
        raise raised

    @job(retry=RetryPolicy(max_attempts=1))
    async def work() -> str:
        await asyncio.to_thread(fail)
        return "it went on"

    with running(dsn, [work]):
        ended = finished(conn, work.enqueue(conn).id)
    assert (ended.status, ended.error["kind"]) == ("failed", "exception")


def test_a_signal_that_no_parser_reads_fails_no_step_that_does_not_look_at_it(
    dsn: str, conn: Connection
) -> None:
    class Waits(Machine[Any]):
        @step
        async def start(self, ctx: Context[Any]) -> Outcome:
            return Await(["go"], step=self.go)

        @step
        async def go(self, ctx: Context[Any]) -> Outcome:
            return Next(self.end)

        @step
        async def end(self, ctx: Context[Any]) -> Outcome:
            return Done("fine")

    instance = enqueue(conn, Waits, {}).id
    conn.execute("select gd_signal(%s::bigint, 'go', '[1e5000]')", (instance,))
    with running(dsn, [Waits]):
        assert finished(conn, instance).result == "fine"


# The worker's own surroundings.


def test_an_unexpected_error_costs_a_turn_and_not_the_worker(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, failures = protocol.turn, [ValueError("a bug"), KeyError("another"), RuntimeError("x")]

    async def turn(*args: Any, **more: Any) -> protocol.Turn:
        if failures:
            raise failures.pop()
        return await real(*args, **more)

    @job()
    def work() -> None: ...

    monkeypatch.setattr(protocol, "turn", turn)
    with running(dsn, [work]):
        assert finished(conn, work.enqueue(conn).id).status == "done"
    assert not failures


@pytest.mark.parametrize("what", ["_heartbeat", "_maintain", "_hear"])
def test_an_unexpected_error_in_the_keeper_costs_no_worker(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    real, failed = getattr(Keeper, what), threading.Event()

    async def fail_once(self: Keeper, *args: Any) -> None:
        if not failed.is_set():
            failed.set()
            raise AttributeError("a bug")
        await real(self, *args)

    @job()
    def work() -> None: ...

    monkeypatch.setattr(Keeper, what, fail_once)
    with running(dsn, [work]):
        assert failed.wait(60)
        assert finished(conn, work.enqueue(conn).id).status == "done"


def test_an_outcome_that_the_driver_cannot_send_is_one_failed_step(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with it, those beside it are committed."""
    real_turn, real_one = protocol.turn, protocol.commit_one
    met = threading.Barrier(5)

    def choke(entries: list[bytes]) -> None:
        if any(b"poison" in entry for entry in entries):
            raise UnicodeEncodeError("ascii", "poison", 0, 1, "it cannot be sent")

    async def turn(
        conn: Any, worker: int, entries: list[bytes], *args: Any, **more: Any
    ) -> protocol.Turn:
        choke(entries)
        return await real_turn(conn, worker, entries, *args, **more)

    async def commit_one(conn: Any, worker: int, entry: bytes) -> protocol.CommitResult:
        choke([entry])
        return await real_one(conn, worker, entry)

    monkeypatch.setattr(protocol, "turn", turn)
    monkeypatch.setattr(protocol, "commit_one", commit_one)

    @job()
    def answer(n: int) -> str:
        met.wait(60)
        return "poison" if n == 2 else "fine"

    ids = [row.id for row in enqueue_many(conn, [answer.entry(n) for n in range(5)])]
    with running(dsn, [answer]):
        ended = [finished(conn, instance) for instance in ids]
    assert [one.status for one in ended] == ["done", "done", "failed", "done", "done"]
    assert "it cannot be sent" in ended[2].error["message"]


def test_an_instance_of_which_nothing_can_be_stored_is_left_for_later(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its place is free, and the claim is given back."""
    real_turn, real_one = protocol.turn, protocol.commit_one
    sick: set[int] = set()

    class Refused(psycopg.errors.InternalError_):
        sqlstate = "XX000"

    async def turn(
        conn: Any, worker: int, entries: list[bytes], *args: Any, **more: Any
    ) -> protocol.Turn:
        if any(f'"id":{one},'.encode() in entry for one in sick for entry in entries):
            raise Refused("invalid memory alloc request size 1073741824")
        return await real_turn(conn, worker, entries, *args, **more)

    async def commit_one(conn: Any, worker: int, entry: bytes) -> protocol.CommitResult:
        if any(f'"id":{one},'.encode() in entry for one in sick):
            raise Refused("invalid memory alloc request size 1073741824")
        return await real_one(conn, worker, entry)

    monkeypatch.setattr(protocol, "turn", turn)
    monkeypatch.setattr(protocol, "commit_one", commit_one)

    @job()
    def answer(ctx: Context[Any]) -> None: ...

    first = answer.enqueue(conn).id
    sick.add(first)
    with running(dsn, [answer], queues={"default": 1}):
        until(lambda: "no outcome of it can be stored" in caplog.text)
        assert finished(conn, answer.enqueue(conn).id).status == "done"
        until(lambda: statuses(conn) == {"runnable": 1, "done": 1})
        row = conn.execute(
            "select attempt, eligible_at > now() + '30 s' from gd_instances where id = %s", (first,)
        ).fetchone()
    assert row == (0, True)


# What is said of it.


def test_the_log_tells_what_becomes_of_a_failed_step(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    @job(retry=RetryPolicy(max_attempts=2, initial=0))
    def fail() -> None:
        raise ValueError("no\nway")

    @job()
    def stop() -> Stop:
        return Stop({"why": "rejected"})

    with running(dsn, [fail, stop]):
        finished(conn, fail.enqueue(conn).id)
        finished(conn, stop.enqueue(conn).id)
    said = {(record.levelname, record.getMessage().partition(" ")[2]) for record in caplog.records}
    assert (
        "WARNING",
        "1 step 'start', attempt 0: its step failed, it runs again: ValueError: no way",
    ) in said
    assert ("ERROR", "1 step 'start' gave up after 2 attempts: ValueError: no way") in said
    assert ("WARNING", "2 step 'start', attempt 0: stopped: {'why': 'rejected'}") in said


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_the_log_does_not_judge_a_step_that_was_taken_away(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture, colour: str
) -> None:
    caplog.set_level(logging.INFO)
    begun = threading.Event()
    with gate() as opened:

        @job(name="work", retry=RetryPolicy(max_attempts=1))
        def work_sync() -> None:
            begun.set()
            opened.wait(60)
            raise ValueError("too late")

        @job(name="work", retry=RetryPolicy(max_attempts=1))
        async def work_async() -> None:
            begun.set()
            await asyncio.sleep(3600)

        work: Machine[Any] = work_sync if colour == "sync" else work_async
        with running(dsn, [work], lease=0.6) as worker:
            instance = enqueue(conn, work).id
            assert begun.wait(60)
            assert cancel(conn, instance) == 1
            until(lambda: not worker.held())
            opened.set()
            until(lambda: "which was taken away, has ended" in caplog.text)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_test_drains_as_a_worker_would(conn: Connection) -> None:
    """A handler that fails leaves the decision to the policy there too."""

    class Handled(Machine[Any]):
        retry = RetryPolicy(max_attempts=1)

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            raise ValueError("the step's")

        def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            raise Unprintable

    runs: list[int] = []

    @job()
    def answer() -> object:
        runs.append(1)
        return object()

    with conn.transaction(force_rollback=True):
        enqueue_many(conn, [Entry(Handled, {}), answer.entry()])
        ran = drain(conn, [Handled, answer])
        assert [type(one.outcome) for one in ran] == [Stop, Stop]
        assert statuses(conn) == {"failed": 2}
    assert runs == [1]
