"""What a worker tells of itself, to those who listen."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from gendurable import (
    Await,
    Context,
    Done,
    Machine,
    Next,
    Outcome,
    Retry,
    RetryPolicy,
    Stop,
    UsageError,
    Worker,
    cancel,
    enqueue,
    events,
    job,
    step,
)
from gendurable.events import StepStarted, StepStopped, WorkerEvent
from support import finished, gate, running, statuses, until, worker_process

Connection = psycopg.Connection[Any]
E = TypeVar("E", bound=WorkerEvent)

SPAN: contextvars.ContextVar[str] = contextvars.ContextVar("span", default="none")


class Shop(Machine[dict[str, Any]]):
    """Every kind of outcome; each step says in which context it has run."""

    retry = RetryPolicy(max_attempts=2, initial=0)

    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Goes on."""
        return Next(self.middle, ctx.state | {"async": SPAN.get()})

    @step
    def middle(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Tries once more, then parks or ends."""
        if ctx.attempt == 0:
            return Retry(error="once more")
        found = ctx.state | {"sync": SPAN.get()}
        return Await(["paid"], step=self.end, state=found, timeout=0.01)

    @step
    def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
        """Ends."""
        return Done(ctx.state)


@job(retry=RetryPolicy(max_attempts=2, initial=0))
def breaks() -> None:
    """Fails whenever it runs."""
    raise ValueError("broken")


class Heard:
    """Collects events."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def __call__(self, event: WorkerEvent) -> None:
        self.all.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """Those of one type, in order."""
        return [event for event in list(self.all) if isinstance(event, kind)]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Everything that the workers of this process tell."""
    found = Heard()
    end = events.subscribe(found)
    yield found
    end()


def test_each_step_is_told_from_its_start_to_the_engine_s_answer(
    dsn: str, conn: Connection, heard: Heard
) -> None:
    found = enqueue(conn, Shop, {}, correlation_key="order:1")
    with running(dsn, [Shop], name="here"):
        finished(conn, found.id)
        until(lambda: len(heard.of(events.OutcomeAnswered)) == 4)
    started, stopped = heard.of(StepStarted), heard.of(StepStopped)
    assert [(one.execution.step, one.execution.attempt) for one in started] == [
        ("start", 0),
        ("middle", 0),
        ("middle", 1),
        ("end", 0),
    ]
    assert [one.kind for one in stopped] == ["next", "retry", "await", "done"]
    assert [one.error for one in stopped] == [None, "once more", None, None]
    assert [one.execution for one in stopped] == [one.execution for one in started]
    assert all(0 < one.seconds < 60 for one in stopped)
    answers = heard.of(events.OutcomeAnswered)
    assert [one.execution for one in answers] == [one.execution for one in started]
    assert {one.result for one in answers} <= {"committed", "continued"}
    assert {one.worker for one in heard.all} == {"here"}
    execution = started[0].execution
    assert (execution.id, execution.correlation_key) == (found.id, "order:1")


def test_a_step_that_raises_is_told_with_its_exception(
    dsn: str, conn: Connection, heard: Heard
) -> None:
    found = breaks.enqueue(conn)
    with running(dsn, [breaks]):
        finished(conn, found.id)
    stopped = heard.of(StepStopped)
    assert [(one.kind, str(one.error)) for one in stopped] == [
        ("retry", "broken"),
        ("stop", "broken"),
    ]
    assert all(isinstance(one.error, ValueError) for one in stopped)


def test_a_subscriber_gives_a_step_context_variables_sync_and_async(
    dsn: str, conn: Connection
) -> None:
    def enter(event: StepStarted) -> None:
        event.context.run(SPAN.set, f"{event.execution.step} {event.execution.attempt}")

    end = events.subscribe(enter, StepStarted)
    try:
        found = enqueue(conn, Shop, {})
        with running(dsn, [Shop]):
            assert finished(conn, found.id).result == {"async": "start 0", "sync": "middle 1"}
    finally:
        end()
    assert SPAN.get() == "none"


@pytest.mark.parametrize("raised", [ValueError, SystemExit, asyncio.CancelledError])
def test_a_subscriber_that_raises_hurts_no_step_and_no_other_subscriber(
    dsn: str,
    conn: Connection,
    heard: Heard,
    caplog: pytest.LogCaptureFixture,
    raised: type[BaseException],
) -> None:
    def fails(_: WorkerEvent) -> None:
        raise raised

    end = events.subscribe(fails)
    late = Heard()
    end_late = events.subscribe(late)
    try:
        found = enqueue(conn, Shop, {})
        with running(dsn, [Shop]):
            assert finished(conn, found.id).status == "done"
    finally:
        end()
        end_late()
    assert [one.kind for one in late.of(StepStopped)] == ["next", "retry", "await", "done"]
    assert len(heard.all) == len(late.all)
    assert "a subscriber failed at a StepStarted" in caplog.text


def test_what_is_heard_ends_with_the_subscription(dsn: str, conn: Connection) -> None:
    own, everywhere = Heard(), Heard()
    worker = Worker([Shop], dsn=dsn)
    end_own = worker.subscribe(own, StepStopped)
    end_everywhere = events.subscribe(everywhere, StepStopped)
    later = Worker([Shop], dsn=dsn)
    assert later._bus.heard.keys() == {StepStopped}
    end_own()
    end_everywhere()
    assert worker._bus.heard == later._bus.heard == {}
    assert Worker([Shop], dsn=dsn)._bus.heard == {}


def test_what_is_no_subscriber_is_refused(dsn: str) -> None:
    async def handler(_: WorkerEvent) -> None: ...

    worker = Worker([Shop], dsn=dsn)
    for wrong in (handler, None):
        with pytest.raises(UsageError, match="a subscriber is a plain function"):
            worker.subscribe(wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is no event"):
        events.subscribe(print, int)  # type: ignore[type-var]


def test_a_pick_is_told_with_what_it_was_asked_for_and_a_full_queue_once(
    dsn: str, conn: Connection, heard: Heard
) -> None:
    with gate() as opened:

        @job()
        def waits() -> None:
            opened.wait(60)

        for _ in range(5):
            waits.enqueue(conn)
        with running(dsn, [waits], queues={"default": 2}):
            until(lambda: heard.of(events.Saturated))
            picked = [one for one in heard.of(events.Picked) if one.count]
            assert [(one.queue, one.count, one.demand) for one in picked] == [("default", 2, 2)]
            opened.set()
            until(lambda: statuses(conn) == {"done": 5})
            until(lambda: heard.of(events.Relieved))
    assert [(one.queue, one.concurrency) for one in heard.of(events.Saturated)] == [("default", 2)]
    assert sum(one.outcomes for one in heard.of(events.TurnEnded)) == 5
    assert sum(one.picked for one in heard.of(events.TurnEnded)) == 5


def test_a_claim_that_is_taken_away_is_told_and_its_step_is_lost(
    dsn: str, conn: Connection, heard: Heard
) -> None:
    with gate() as opened:

        @job()
        def waits() -> None:
            opened.wait(60)

        found = waits.enqueue(conn)
        with running(dsn, [waits], lease=1.0):
            until(lambda: heard.of(StepStarted))
            cancel(conn, found.id)
            until(lambda: heard.of(events.ClaimLost))
            assert [one.kind for one in heard.of(StepStopped)] == ["lost"]
            opened.set()
    assert heard.of(events.ClaimLost)[0].execution == heard.of(StepStarted)[0].execution
    assert sum(one.lost for one in heard.of(events.HeartbeatAnswered)) == 1
    assert len(heard.of(StepStopped)) == 1


def test_a_step_that_takes_too_long_is_told_once_with_the_time_it_took(
    dsn: str, conn: Connection, heard: Heard
) -> None:
    class Slow(Machine[dict[str, Any]]):
        retry = RetryPolicy(max_attempts=1)

        @step(timeout=0.1)
        async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            await asyncio.sleep(60)
            return Done()

    found = enqueue(conn, Slow, {})
    with running(dsn, [Slow]):
        finished(conn, found.id)
    (stopped,) = heard.of(StepStopped)
    assert stopped.kind == "stop"
    assert type(stopped.error).__name__ == "StepTimeoutError"
    assert stopped.seconds >= 0.1


def test_a_transactional_step_is_told_as_any_other(
    dsn: str, conn: Connection, heard: Heard
) -> None:
    class Books(Machine[dict[str, Any]]):
        @step(transactional=True)
        def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            ctx.conn.execute("select 1")
            return Stop("no") if ctx.state else Done(SPAN.get())

    end = events.subscribe(lambda e: e.context.run(SPAN.set, "here"), StepStarted)
    good, bad = enqueue(conn, Books, {}), enqueue(conn, Books, {"a": 1})
    with running(dsn, [Books]):
        assert finished(conn, good.id).result == "here"
        finished(conn, bad.id)
    end()
    assert {(one.execution.id, one.kind, one.error) for one in heard.of(StepStopped)} == {
        (good.id, "done", None),
        (bad.id, "stop", "no"),
    }
    assert [one.result for one in heard.of(events.OutcomeAnswered)] == ["committed"] * 2


def test_a_stale_outcome_is_told(dsn: str, conn: Connection, heard: Heard) -> None:
    with gate() as opened:

        @job()
        def waits() -> None:
            opened.wait(60)

        found = waits.enqueue(conn)
        with running(dsn, [waits]):
            until(lambda: heard.of(StepStarted))
            cancel(conn, found.id)
            opened.set()
            until(lambda: heard.of(events.OutcomeAnswered))
    assert [one.result for one in heard.of(events.OutcomeAnswered)] == ["stale"]


def test_a_busy_outcome_is_told(dsn: str, conn: Connection, heard: Heard) -> None:
    found = enqueue(conn, Shop, {}, step="end", delay=3600)
    with psycopg.connect(dsn) as other, running(dsn, [Shop]):

        def hold(_: StepStarted) -> None:
            other.execute("select from gendurable.instances where id = %s for update", (found.id,))

        end = events.subscribe(hold, StepStarted)
        conn.execute("update gendurable.instances set phase = 'ready', eligible_at = now()")
        until(lambda: "busy" in {one.result for one in heard.of(events.OutcomeAnswered)})
        end()
        other.rollback()
        finished(conn, found.id)
    assert heard.of(events.OutcomeAnswered)[-1].result == "committed"


def test_the_worker_s_life_is_told(dsn: str, conn: Connection, heard: Heard) -> None:
    with gate() as opened:

        @job()
        def waits() -> None:
            opened.wait(60)

        waits.enqueue(conn)
        with running(dsn, [waits], lease=1.0, drain=9) as worker:
            until(lambda: heard.of(StepStarted))
            first = worker.id
            conn.execute("select gd_unregister(%s)", (first,))
            until(lambda: heard.of(events.RegistrationLost))
            opened.set()
            until(lambda: "committed" in [one.result for one in heard.of(events.OutcomeAnswered)])
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            until(lambda: heard.of(events.CallFailed))
            until(lambda: len(heard.of(events.Registered)) == 2)
    assert [(one.id, one.claims) for one in heard.of(events.RegistrationLost)] == [(first, 1)]
    assert heard.of(events.Registered)[0].id == first
    (drain,) = heard.of(events.DrainStarted)
    assert (drain.claims, drain.seconds) == (0, 9)
    (ended,) = heard.of(events.DrainEnded)
    assert ended.left == 0
    assert 0 <= ended.seconds < 9


def test_instances_that_this_worker_does_not_know_are_told(
    dsn: str, conn: Connection, heard: Heard
) -> None:
    with running(dsn, [Shop]) as worker:
        conn.execute("delete from gendurable.machines")
        conn.execute("update gendurable.workers set info = '{}', declares = false")
        enqueue(conn, "Other", {})
        until(lambda: heard.of(events.KindUnknown))
        assert worker.id is not None
    told = heard.of(events.KindUnknown)[0]
    assert (told.fsm, told.step, told.count) == ("Other", "start", 1)


def test_what_waits_for_a_limit_is_told_from_the_view(
    dsn: str, conn: Connection, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gendurable.keeper._LIMITS_EVERY", 0.1)
    conn.execute("select gd_set_concurrency_limit('shut', 0)")
    conn.execute("select gd_set_rate_limit('slow', 0, '1 s', 1)")
    for limit in ("shut", "shut:a"):
        enqueue(conn, Shop, {}, concurrency_key=limit)
    for _ in range(3):
        enqueue(conn, Shop, {}, rate_limit="slow")
    enqueue(conn, Shop, {}, rate_limit="nowhere")
    with running(dsn, [Shop]):
        until(lambda: any(one.waiting == 2 for one in heard.of(events.Throttled)))
    assert {(one.name, one.waiting) for one in heard.of(events.Contended)} == {("shut", 2)}
    assert heard.of(events.Throttled)[-1].name == "slow"
    assert {(one.name, one.waiting) for one in heard.of(events.UnknownLimit)} == {("nowhere", 1)}


def test_nobody_looks_at_the_limits_for_those_who_do_not_listen(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gendurable.keeper._LIMITS_EVERY", 0.01)

    async def look(*_: object) -> None:
        raise AssertionError("it was not asked for")

    monkeypatch.setattr("gendurable.protocol.waiting_for_limits", look)
    beats = Heard()
    with running(dsn, [Shop], lease=0.3) as worker:
        worker.subscribe(beats, events.HeartbeatAnswered, events.CallFailed)
        until(lambda: len(beats.all) > 2)
    assert beats.of(events.CallFailed) == []


def test_a_dead_worker_s_claims_are_told_as_reaped_and_then_as_reclaimed(
    dsn: str, conn: Connection, tmp_path: Path, heard: Heard
) -> None:
    module = tmp_path / "dies.py"
    module.write_text(
        "import threading\n"
        "from gendurable import job\n"
        "@job(name='waits')\n"
        "def waits() -> None:\n"
        "    threading.Event().wait(60)\n"
    )

    @job(name="waits")
    def waits() -> None: ...

    found = waits.enqueue(conn)
    with worker_process(dsn, module, tmp_path / "log", "--name", "dying") as process:
        until(lambda: statuses(conn) == {"executing": 1})
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with running(dsn, [waits], name="living"):
        finished(conn, found.id)
    assert sum(one.claims for one in heard.of(events.Reaped)) == 1
    (reclaimed,) = heard.of(events.Reclaimed)
    assert (reclaimed.execution.id, reclaimed.execution.attempt) == (found.id, 1)


def test_maintenance_is_told(dsn: str, conn: Connection, heard: Heard) -> None:
    with running(dsn, [Shop]):
        until(lambda: heard.of(events.Maintained))
    assert heard.of(events.Maintained)[0].seconds > 0


def test_a_subscriber_is_called_in_the_thread_of_the_event_loop(dsn: str, conn: Connection) -> None:
    threads: set[str] = set()
    end = events.subscribe(lambda _: threads.add(threading.current_thread().name))
    found = enqueue(conn, Shop, {})
    with running(dsn, [Shop]):
        finished(conn, found.id)
    end()
    assert threads == {"worker"}


def test_every_event_is_exported_and_described() -> None:
    kinds = [one for one in vars(events).values() if isinstance(one, type)]
    told: list[Callable[..., Any]] = [one for one in kinds if issubclass(one, WorkerEvent)]
    for kind in told:
        assert kind.__name__ in events.__all__
        assert kind.__doc__
        assert "__slots__" in vars(kind)
