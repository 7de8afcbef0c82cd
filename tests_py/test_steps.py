"""What ``@step(...)`` says of one step: time limits, retries, and being told to end."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from gendurable import (
    Context,
    DefinitionError,
    Done,
    Machine,
    Next,
    Outcome,
    OutcomeError,
    Retry,
    RetryPolicy,
    StepTimeoutError,
    Stop,
    cancel,
    enqueue,
    execution,
    job,
    step,
)
from gendurable.failures import check_retry
from gendurable.machine import define
from gendurable.testing import drain
from support import Connection, finished, gate, running, statuses, until
from test_outcomes import context

NEVER = RetryPolicy(max_attempts=1)
AT_ONCE = RetryPolicy(max_attempts=3, initial=0)


@pytest.fixture
def short_clean_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_CLEAN_UP", 0.2)


# Options.


def test_a_step_has_its_own_limit_and_policy() -> None:
    class Shop(Machine[Any]):
        @step(timeout=timedelta(minutes=2), retry=NEVER)
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done()

        @step()
        async def other(self, ctx: Context[Any]) -> Outcome:
            return Done()

    definition = define(Shop)
    assert definition.steps["start"].timeout == 120.0
    assert definition.steps["other"].timeout is None
    assert definition.policy("start") is NEVER
    assert definition.policy("other") is Shop.retry


def test_options_are_inherited_like_the_mark_and_replaced_by_another_mark() -> None:
    class Base(Machine[Any]):
        @step(timeout=5)
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done()

        @step(timeout=5)
        def other(self, ctx: Context[Any]) -> Outcome:
            return Done()

    class Derived(Base):
        def start(self, ctx: Context[Any]) -> Outcome:
            return Stop()

        @step(timeout=6)
        def other(self, ctx: Context[Any]) -> Outcome:
            return Stop()

    steps = define(Derived).steps
    assert (steps["start"].timeout, steps["other"].timeout) == (5.0, 6.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": 0}, "timeout must be more than 0 seconds, not 0"),
        ({"timeout": -1}, "timeout must be more than 0 seconds, not -1"),
        ({"timeout": "5"}, "timeout must be a finite number of seconds or a timedelta, not '5'"),
        ({"timeout": float("inf")}, "timeout must be a finite number of seconds"),
        ({"retry": 3}, "retry must be a RetryPolicy, not 3"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=f"@step: {said}"):
        step(**options)
    with pytest.raises(DefinitionError, match=f"@job: {said}"):
        job(**options)


@pytest.mark.parametrize(
    "settings", [{"max_explicit": 0}, {"non_retryable": "ValueError"}, {"non_retryable": (int,)}]
)
def test_a_policy_s_new_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        RetryPolicy(**settings)


# Retries.


def test_an_exception_that_no_retry_mends_stops_at_once() -> None:
    policy = RetryPolicy(non_retryable=(LookupError, ValueError))
    assert isinstance(policy.outcome(0, KeyError("k")), Stop)
    assert isinstance(policy.outcome(0, OSError("k")), Retry)
    # A task group raises a group.
    group = ExceptionGroup("some", [OSError(), ExceptionGroup("more", [ValueError()])])
    assert isinstance(policy.outcome(0, group), Stop)
    assert isinstance(policy.outcome(0, ExceptionGroup("some", [OSError()])), Retry)
    assert isinstance(RetryPolicy().outcome(0, ExceptionGroup("some", [OSError()])), Retry)
    assert isinstance(RetryPolicy(non_retryable=OSError).outcome(0, OSError()), Stop)


class Flaky(Machine[Any]):
    """The step's own policy, through the default error handler and through an overridden one."""

    retry = RetryPolicy(max_attempts=1)

    @step(retry=AT_ONCE)
    def start(self, ctx: Context[Any]) -> Outcome:
        if ctx.attempt < 2:
            raise OSError(ctx.attempt)
        return Next(self.second)

    @step
    def second(self, ctx: Context[Any]) -> Outcome:
        raise OSError("no second attempt")


class Handled(Flaky):
    async def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
        answer = super().on_error(ctx, exc)
        assert isinstance(answer, Retry | Stop)
        return answer


@pytest.mark.parametrize("machine", [Flaky, Handled])
def test_a_step_s_own_policy_decides_about_it_alone(
    dsn: str, conn: Connection, machine: type[Flaky]
) -> None:
    enqueue(conn, machine)
    ran = drain(conn, [machine])
    assert [(one.step, one.attempt) for one in ran] == [
        ("start", 0),
        ("start", 1),
        ("start", 2),
        ("second", 0),
    ]
    with running(dsn, [machine]):
        found = finished(conn, enqueue(conn, machine).id)
    assert (found.status, found.step, found.attempt) == ("failed", "second", 0)


def test_an_explicit_retry_has_a_cap() -> None:
    class Poll(Machine[Any]):
        @step(retry=RetryPolicy(max_explicit=3))
        def start(self, ctx: Context[Any]) -> Outcome:
            return Retry(0, "not yet")

    definition = define(Poll)
    retry = Retry(0, "not yet")
    check_retry(definition, context(fsm="Poll", attempt=1), retry)
    with pytest.raises(OutcomeError, match=r"3 executions.*max_explicit=3: 'not yet'"):
        check_retry(definition, context(fsm="Poll", attempt=2), retry)


def test_beyond_the_cap_the_instance_fails_or_its_handler_decides(
    dsn: str, conn: Connection
) -> None:
    runs: list[int] = []

    class Poll(Machine[Any]):
        retry = RetryPolicy(max_explicit=3)

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            runs.append(ctx.attempt)
            return Retry(0, "not yet")

    class Handles(Poll):
        def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            assert isinstance(exc, OutcomeError)
            return Done("gave it up")

    with running(dsn, [Poll, Handles]):
        found = finished(conn, enqueue(conn, Poll).id)
        assert finished(conn, enqueue(conn, Handles).id).result == "gave it up"
    assert found.status == "failed"
    assert "max_explicit=3: 'not yet'" in found.error["message"]
    assert runs == [0, 1, 2] * 2


# Time limits.


class Slow(Machine[Any]):
    retry = NEVER

    @step(timeout=0.05)
    async def start(self, ctx: Context[Any]) -> Outcome:
        await asyncio.sleep(60)
        return Done()


def test_an_async_step_that_is_overdue_fails(dsn: str, conn: Connection) -> None:
    with running(dsn, [Slow]):
        found = finished(conn, enqueue(conn, Slow).id)
    assert found.status == "failed"
    assert found.error["type"] == "gendurable.errors.StepTimeoutError"
    assert found.error["message"] == "step 'start' of Slow has not ended in 0.05 s"
    # Where it stood.
    assert "await asyncio.sleep(60)" in found.error["traceback"]


def test_what_an_overdue_step_answers_in_time_counts(dsn: str, conn: Connection) -> None:
    class Cleans(Machine[Any]):
        @step(timeout=0.05)
        async def start(self, ctx: Context[Any]) -> Outcome:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                assert ctx.cancelled
                await asyncio.sleep(0.1)
                return Next(self.looks)
            return Stop()

        @step(timeout=0.05)
        def looks(self, ctx: Context[Any]) -> Outcome:
            # A new execution has its own time.
            assert not ctx.cancelled
            until(lambda: ctx.cancelled)
            return Done("ended when told to")

    with running(dsn, [Cleans]):
        assert finished(conn, enqueue(conn, Cleans).id).result == "ended when told to"


@pytest.mark.usefixtures("short_clean_up")
@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("handled", [False, True])
def test_a_step_that_does_not_end_fails_and_keeps_its_place(
    dsn: str, conn: Connection, colour: str, handled: bool
) -> None:
    runs: list[str] = []
    with gate() as opened:

        class Hangs(Machine[Any]):
            retry = NEVER

            @step(timeout=0.05)
            def start(self, ctx: Context[Any]) -> Outcome:
                ctx.state["changed"] = True
                runs.append("start")
                opened.wait(60)
                runs.append("end")
                return Done("too late")

        class HangsAsync(Hangs):
            @step(timeout=0.05)
            async def start(self, ctx: Context[Any]) -> Outcome:  # type: ignore[override]
                ctx.state["changed"] = True
                runs.append("start")
                while not opened.is_set():
                    try:
                        await asyncio.sleep(0.01)
                    except asyncio.CancelledError:
                        continue
                runs.append("end")
                return Done("too late")

        base = Hangs if colour == "sync" else HangsAsync
        kept: dict[str, Any] = {"name": "Hangs"}
        if handled:

            def on_error(self: Any, ctx: Context[Any], exc: Exception) -> Outcome:
                assert isinstance(exc, StepTimeoutError)
                assert not ctx.cancelled
                assert "changed" not in ctx.state
                return Stop(f"handled: {exc}")

            kept["on_error"] = on_error
        machine: type[Machine[Any]] = type("Hangs", (base,), kept)

        @job()
        def other() -> str:
            return "ran"

        with running(dsn, [machine, other], queues={"default": 2}):
            found = finished(conn, enqueue(conn, machine, {}).id)
            assert found.status == "failed"
            said = found.error if handled else found.error["message"]
            assert "has not ended in 0.05 s; 0.2 s after that it still runs, at " in said
            assert said.endswith("in start")
            assert found.state == {}
            # One place is left.
            assert finished(conn, other.enqueue(conn).id).result == "ran"
            first, second = other.enqueue(conn).id, other.enqueue(conn).id
            assert finished(conn, first).result == finished(conn, second).result == "ran"
            assert runs == ["start"]
            opened.set()
            until(lambda: runs == ["start", "end"])
    assert statuses(conn) == {"failed": 1, "done": 3}


@pytest.mark.usefixtures("short_clean_up")
def test_a_handler_of_a_hung_step_waits_for_a_place(dsn: str, conn: Connection) -> None:
    handled = threading.Event()
    with gate() as opened:

        class Hangs(Machine[Any]):
            @step(timeout=0.05)
            def start(self, ctx: Context[Any]) -> Outcome:
                opened.wait(60)
                return Done()

            def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
                handled.set()
                return Done("handled")

        with running(dsn, [Hangs], queues={"default": 1}) as worker:
            instance = enqueue(conn, Hangs).id
            until(lambda: worker._runner.forsaken)
            assert not handled.wait(0.3)
            opened.set()
            assert finished(conn, instance).result == "handled"


def test_a_step_that_ends_in_time_leaves_no_timer(dsn: str, conn: Connection) -> None:
    @job(timeout=0.3)
    def quick(ctx: Context[Any]) -> str:
        return "done"

    async def later() -> str:
        await asyncio.sleep(0.01)
        return "done"

    @job(timeout=0.3, name="wrapped")
    def wrapped() -> Any:
        return later()

    with running(dsn, [quick, wrapped]) as worker:
        loop = worker._loop
        assert loop is not None
        for one in (quick, wrapped):
            assert finished(conn, one.enqueue(conn).id).result == "done"
        # A cancelled timer has no callback.
        timers = [one for one in loop._scheduled if "_overdue" in repr(one._callback)]  # type: ignore[attr-defined]
        assert timers == []


def test_a_sync_step_s_awaitable_is_within_the_limit(dsn: str, conn: Connection) -> None:
    async def later() -> None:
        await asyncio.sleep(60)

    @job(timeout=0.05, retries=0)
    def wrapped() -> Any:
        return later()

    with running(dsn, [wrapped]):
        found = finished(conn, wrapped.enqueue(conn).id)
    assert found.error["type"] == "gendurable.errors.StepTimeoutError"


# Being told to end.


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_cancelled_step_is_told_and_has_time_to_clean_up(
    dsn: str, conn: Connection, colour: str
) -> None:
    begun, cleaned = threading.Event(), threading.Event()

    @job(name="work")
    def work_sync(ctx: Context[Any]) -> None:
        begun.set()
        until(lambda: ctx.cancelled)
        cleaned.set()

    @job(name="work")
    async def work_async(ctx: Context[Any]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.cancelled
            await asyncio.sleep(0.2)
            cleaned.set()

    work = work_sync if colour == "sync" else work_async
    with running(dsn, [work], lease=1.5) as worker:
        instance = enqueue(conn, work, {}).id
        assert begun.wait(60)
        assert cancel(conn, instance) == 1
        assert cleaned.wait(60)
        until(lambda: not worker._runner.forsaken)
    assert statuses(conn) == {"failed": 1}


def test_what_cleans_up_at_the_end_of_the_drain_ends_before_others_may_start(
    dsn: str, conn: Connection
) -> None:
    begun, held = threading.Event(), []

    @job()
    async def work(ctx: Context[Any]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)
            held.append(await asyncio.to_thread(lambda: statuses(conn)))

    with running(dsn, [work], drain=0.0):
        work.enqueue(conn)
        assert begun.wait(60)
        started = time.monotonic()
    assert held == [{"executing": 1}]
    assert time.monotonic() - started < 5
    assert statuses(conn) == {"runnable": 1}
