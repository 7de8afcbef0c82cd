"""A queue's concurrency is a limit, whatever the engine answers and whatever the steps do."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import Counter
from contextvars import ContextVar
from typing import Any
from unittest.mock import Mock

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
    ScheduleChildren,
    Worker,
    cancel,
    enqueue,
    enqueue_many,
    job,
    protocol,
    signal,
    step,
)
from gendurable.claims import Claim
from gendurable.events import Bus
from gendurable.execution import Runner
from gendurable.queues import Queue
from gendurable.threads import Executor, StepThreads
from gendurable.transactions import Transactions
from support import Connection, finished, gate, running, statuses, until
from test_outcomes import context


class Meter:
    """How many calls of user code run at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


def test_a_commit_that_stays_busy_starts_no_replacements_twice(dsn: str, conn: Connection) -> None:
    """A client's transaction has signalled the running instance and stays open."""
    meter = Meter()
    begun = threading.Event()
    with gate() as opened:

        @job()
        def held() -> None:
            with meter:
                begun.set()
                opened.wait(60)

        @job()
        async def other() -> None:
            with meter:
                await asyncio.sleep(0.05)

        instance = held.enqueue(conn).id
        with running(dsn, [held, other], queues={"default": 1}):
            assert begun.wait(60)
            with psycopg.connect(dsn) as client:
                signal(client, instance, "hello")
                enqueue_many(conn, [Entry(other) for _ in range(20)])
                opened.set()
                # The others go on beside it: nothing of theirs is locked.
                until(lambda: statuses(conn).get("done", 0) >= 10)
                assert statuses(conn).get("executing", 0) <= 2
            until(lambda: statuses(conn) == {"done": 21})
    assert meter.most == 1


def test_two_workers_that_fan_out_under_one_parent_stay_within_their_limits(
    dsn: str, conn: Connection
) -> None:
    meter = Meter()

    @job()
    async def child() -> None:
        with meter:
            await asyncio.sleep(0.001)

    class Parent(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return ScheduleChildren([child.entry() for _ in range(400)], step=self.join)

        @step
        def join(self, ctx: Context[Any]) -> Outcome:
            return Done(len(ctx.children or []))

    with (
        running(dsn, [Parent, child], queues={"default": 10}),
        running(dsn, [Parent, child], queues={"default": 10}),
    ):
        assert finished(conn, enqueue(conn, Parent, {}).id).result == 400
    assert meter.most <= 20


@pytest.mark.parametrize("seed", range(4))
def test_never_more_steps_run_than_there_are_places(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whatever the engine answers, and however the steps end."""
    meter, chance = Meter(), random.Random(seed)
    concurrency = chance.choice((1, 2, 5))

    class Walk(Machine[int]):
        """Goes through the answers of its script, one at each step."""

        retry = RetryPolicy(max_attempts=None, initial=0)

        @step
        async def start(self, ctx: Context[int]) -> Outcome:
            with meter:
                await asyncio.sleep(chance.choice((0, 0, 0.002)))
            return self.answer(ctx.state + 1)

        @step
        def elsewhere(self, ctx: Context[int]) -> Outcome:
            with meter:
                time.sleep(chance.choice((0, 0, 0.002)))
            return self.answer(ctx.state + 1)

        def answer(self, n: int) -> Outcome:
            if n > 6:
                return Done()
            if chance.random() < 0.15:
                raise ValueError("sometimes")
            return chance.choice(
                (
                    Retry(state=n),
                    Await(["never"], step=self.start, state=n, timeout=0.001),
                    Done(object()),
                    Next(self.start, n),
                    Next(self.elsewhere, n),
                    Next(self.elsewhere, n),
                )
            )

        def on_error(self, ctx: Context[int], exc: Exception) -> Outcome:
            with meter:
                time.sleep(chance.choice((0, 0, 0.002)))
            return Next(self.start, ctx.state + 1)

    monkeypatch.setattr("gendurable.holding._UNSTORABLE_WAIT", 0.01)
    monkeypatch.setattr(protocol, "turn", meddled(chance))
    enqueue_many(conn, [Entry(Walk, 0) for _ in range(40)])
    with running(dsn, [Walk], queues={"default": concurrency}, lease=3600):
        until(lambda: not {"runnable", "executing", "awaiting_signal"} & statuses(conn).keys())
    assert meter.most == concurrency


def meddled(chance: random.Random) -> Any:
    """Turns in which some outcomes are kept from the engine and answered as it might answer."""
    real = protocol.turn

    async def turn(
        conn: protocol.Connection, worker: int, entries: list[bytes], *args: Any, **more: Any
    ) -> protocol.Turn:
        fates = [chance.choice(("", "", "", "", "busy", "busy", "invalid")) for _ in entries]
        if chance.random() < 0.02:
            raise psycopg.OperationalError("cut off before")
        sent = [entry for entry, fate in zip(entries, fates, strict=True) if not fate]
        answered = await real(conn, worker, sent, *args, **more)
        if chance.random() < 0.02:
            raise psycopg.OperationalError("cut off after")
        answers = iter(answered.answers)
        spliced = [
            protocol.CommitResult(0, 0, fate, "meddled", None, None) if fate else next(answers)
            for fate in fates
        ]
        return answered._replace(answers=spliced)

    return turn


# What hangs.


@pytest.mark.parametrize("colour", ["sync", "to_thread", "stubborn"])
def test_a_step_that_was_taken_away_keeps_its_place_until_it_ends(
    dsn: str,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    colour: str,
) -> None:
    """Nothing is claimed that could not start, so another worker gets it."""
    monkeypatch.setattr("gendurable.hung._WATCH", 0.1)
    began: Counter[int] = Counter()
    with gate() as opened:

        @job(name="hang")
        def hang_sync(ctx: Context[Any]) -> None:
            began[ctx.id] += 1
            opened.wait(60)

        @job(name="hang")
        async def hang_to_thread(ctx: Context[Any]) -> None:
            began[ctx.id] += 1
            await asyncio.to_thread(opened.wait, 60)

        @job(name="hang")
        async def hang_stubborn(ctx: Context[Any]) -> None:
            began[ctx.id] += 1
            while not opened.is_set():
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    continue

        hangs: dict[str, Machine[Any]] = {
            "sync": hang_sync,
            "to_thread": hang_to_thread,
            "stubborn": hang_stubborn,
        }
        hang = hangs[colour]
        by: list[str] = []

        @job()
        def quick() -> None:
            by.append(threading.current_thread().name)

        ids = [row.id for row in enqueue_many(conn, [Entry(hang) for _ in range(2)])]
        with running(dsn, [hang, quick], queues={"default": 2}, lease=0.6) as worker:
            until(lambda: len(began) == 2)
            for instance in ids:
                assert cancel(conn, instance) == 1
            until(lambda: not worker.held())
            enqueue_many(conn, [Entry(quick) for _ in range(10)])
            until(lambda: caplog.text.count("still runs, at ") >= 2)
            assert statuses(conn) == {"failed": 2, "runnable": 10}
            with running(dsn, [hang, quick], queues={"default": 2}):
                until(lambda: statuses(conn) == {"failed": 2, "done": 10})
            opened.set()
            # With the end of what hung the places are back.
            enqueue_many(conn, [Entry(quick) for _ in range(10)])
            until(lambda: statuses(conn) == {"failed": 2, "done": 20})
    assert "it keeps one of the 2 places of queue default (0 are free)" in caplog.text
    assert caplog.text.count("test_places.py") >= 2 or colour == "to_thread"


def test_threads_that_hang_keep_no_other_step_from_asyncio_to_thread(
    dsn: str, conn: Connection
) -> None:
    """asyncio's own executor has a handful of threads for everything."""
    begun = Counter[str]()
    with gate() as opened:

        @job()
        async def hang() -> None:
            begun["hang"] += 1
            await asyncio.to_thread(opened.wait, 60)

        @job()
        async def quick() -> str:
            return await asyncio.to_thread(lambda: "done")

        with running(dsn, [hang, quick], queues={"default": 60}):
            enqueue_many(conn, [Entry(hang) for _ in range(50)])
            until(lambda: begun["hang"] == 50)
            assert finished(conn, quick.enqueue(conn).id).result == "done"
            opened.set()
            until(lambda: statuses(conn) == {"done": 51})


def test_a_step_for_which_no_thread_can_be_started_is_given_back(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, refused = threading.Thread.start, Counter[str]()

    def start(thread: threading.Thread) -> None:
        if thread.name == "gendurable-step" and refused["threads"] < 3:
            refused["threads"] += 1
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr("gendurable.holding._UNSTARTED_WAIT", 0.05)
    monkeypatch.setattr(threading.Thread, "start", start)

    @job()
    def work(ctx: Context[Any]) -> int:
        return ctx.attempt

    with running(dsn, [work]):
        assert finished(conn, work.enqueue(conn).id).result == 0
    assert refused["threads"] == 3
    assert "no thread can be started: 1 steps are given back" in caplog.text


def test_without_threads_async_steps_run_on_behind_a_backlog_of_sync_ones(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "gendurable-step":
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)

    @job()
    def sync() -> None: ...

    @job()
    async def quick() -> None: ...

    enqueue_many(conn, [Entry(sync)] * 50 + [Entry(quick)] * 20)
    with running(dsn, [sync, quick]):
        until(lambda: statuses(conn).get("done") == 20)


def test_calls_that_no_thread_takes_do_not_wait_behind_those_that_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_back: list[Any] = []
    threads = StepThreads(10, given_back.extend)
    begun = threading.Event()
    with gate() as opened:

        def hang() -> None:
            begun.set()
            opened.wait(60)

        threads.submit(hang)
        assert begun.wait(60)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        calls = [lambda: None, lambda: None]
        for call in calls:
            threads.submit(call)
    assert given_back == calls
    threads.close()


def test_the_executor_says_when_it_has_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Executor()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        executor.submit(str).result(60)
    executor.shutdown()


def refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_an_error_handler_without_a_thread_leaves_the_decision_to_the_policy(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    real = threading.Thread.start
    blocked = threading.Event()

    def start(thread: threading.Thread) -> None:
        if thread.name == "gendurable-step" and blocked.is_set():
            blocked.clear()
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)

    class Handled(Machine[Any]):
        @step
        async def start(self, ctx: Context[Any]) -> Outcome:
            blocked.set()
            return Done(object())

        def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            raise AssertionError

    with running(dsn, [Handled]):
        ended = finished(conn, enqueue(conn, Handled, {}).id)
    assert (ended.status, ended.error["type"]) == ("failed", "gendurable.errors.StateError")


def test_an_executor_without_a_thread_tells_all_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one of them has been cancelled meanwhile."""
    executor = Executor()
    begun = threading.Event()
    with gate() as opened:

        def hang() -> None:
            begun.set()
            opened.wait(60)

        monkeypatch.setattr(executor._steps, "_limit", 1)
        executor.submit(hang)
        assert begun.wait(60)
        waiting = [executor.submit(str) for _ in range(3)]
        assert waiting[0].cancel()
        monkeypatch.setattr(executor._steps, "_limit", 2)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        for future in (*waiting[1:], executor.submit(str)):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                future.result(60)


# What is lost before it begins, or between its parts.


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_step_that_is_lost_before_it_begins_gives_its_place_back(colour: str) -> None:
    begun: list[str] = []

    @job(name="work")
    def work_sync() -> None:
        begun.append("sync")

    @job(name="work")
    async def work_async() -> None:
        begun.append("async")

    async def lose() -> None:
        ended = asyncio.Event()
        holder = Mock(ended=ended.set)
        transactions = Transactions("", pooler=False, worker=lambda: None)
        runner = Runner(1, holder, transactions=transactions, bus=Bus())
        queue = Queue("default", 1, 1.0)
        definition = (work_sync if colour == "sync" else work_async).definition()
        claim = Claim(definition, context(fsm="work", state_json="{}"), queue)
        runner.open()
        runner.start(claim)
        runner.cancel(claim)
        await asyncio.wait_for(ended.wait(), 60)
        assert queue.free == 1
        assert not runner.forsaken
        runner.close()

    asyncio.run(lose())
    assert colour == "sync" or not begun


def test_a_step_that_is_lost_before_its_async_part_begins_gives_its_place_back(
    dsn: str, conn: Connection
) -> None:
    """A decorator that does not look async takes its time, and its claim is lost meanwhile."""
    begun = threading.Event()
    with gate() as opened:

        def slow(function: Any) -> Any:
            def call(*args: Any) -> Any:
                begun.set()
                opened.wait(60)
                return function(*args)

            return call

        class Decorated(Machine[Any]):
            @step
            @slow
            async def start(self, ctx: Context[Any]) -> Outcome:
                raise AssertionError

        @job()
        def quick() -> None: ...

        with running(dsn, [Decorated, quick], queues={"default": 1}, lease=0.6) as worker:
            instance = enqueue(conn, Decorated, {}).id
            assert begun.wait(60)
            assert cancel(conn, instance) == 1
            until(lambda: not worker.held())
            opened.set()
            assert finished(conn, quick.enqueue(conn).id).status == "done"


def test_what_was_released_runs_once_though_the_answer_was_lost(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release is not said again: by then the same instance may run here."""
    real_start, real_release, refused = threading.Thread.start, protocol.release, Counter[str]()

    def start(thread: threading.Thread) -> None:
        if thread.name == "gendurable-step" and not refused["threads"]:
            refused["threads"] += 1
            raise RuntimeError("can't start new thread")
        real_start(thread)

    async def release(*args: Any) -> None:
        await real_release(*args)
        if not refused["releases"]:
            refused["releases"] += 1
            raise psycopg.OperationalError("cut off after")

    monkeypatch.setattr("gendurable.holding._UNSTARTED_WAIT", 0.0)
    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(protocol, "release", release)
    begun = Counter[int]()
    with gate() as opened:

        @job()
        def work(ctx: Context[Any]) -> None:
            begun[ctx.id] += 1
            opened.wait(60)

        @job()
        async def quick() -> None: ...

        instance = work.enqueue(conn).id
        with running(dsn, [work, quick], queues={"default": 3}):
            until(lambda: begun[instance])
            for _ in range(2):
                finished(conn, quick.enqueue(conn).id)
            opened.set()
            finished(conn, instance)
    assert refused == {"threads": 1, "releases": 1}
    assert begun[instance] == 1


def test_a_task_factory_of_the_application_need_not_know_contexts(
    dsn: str, conn: Connection
) -> None:
    @job()
    async def work() -> str:
        return "done"

    instance = work.enqueue(conn).id
    worker = Worker([work], dsn=dsn)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro: asyncio.Task(coro, loop=loop))
        await worker.run()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert finished(conn, instance).result == "done"
    finally:
        worker.stop()
        thread.join(60)


def test_the_whereabouts_of_a_step_are_told_whatever_it_awaits() -> None:
    class Odd:
        def __await__(self) -> Any:
            return self

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> None: ...

        def close(self) -> None: ...

        def __getattr__(self, name: str) -> Any:
            raise ValueError(name)

    @job()
    async def work() -> None:
        await Odd()

    async def look() -> str:
        claim = Claim(work.definition(), context(fsm="work"), Queue("default", 1, 1.0))
        function = claim.definition.steps["start"].function
        claim.task = asyncio.ensure_future(function(claim.ctx))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        try:
            return claim.whereabouts()
        finally:
            claim.task.cancel()

    assert "test_places.py" in asyncio.run(look())


# What a step leaves behind in the thread or task that ran it.

who: ContextVar[str] = ContextVar("who", default="none")


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_context_variables_of_a_step_end_with_it(dsn: str, conn: Connection, colour: str) -> None:
    """Those that the application sets before the worker runs are seen by every step."""
    application: ContextVar[str] = ContextVar("application")

    def look(mine: str) -> dict[str, str]:
        seen = {"before": who.get(), "application": application.get("none")}
        who.set(mine)
        return seen

    @job(name="work")
    def work_sync(mine: str) -> dict[str, str]:
        return look(mine)

    @job(name="work")
    async def work_async(mine: str) -> dict[str, str]:
        return look(mine)

    class Chain(Machine[Any]):
        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            look("the chain's first step")
            return Next(self.after)

        @step
        async def after(self, ctx: Context[Any]) -> Outcome:
            seen = look("the chain's second step")
            raise ValueError(seen["before"])

        def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            return Done([str(exc), look("the handler")["before"]])

    work = work_sync if colour == "sync" else work_async
    application.set("set")
    with running(dsn, [work, Chain], queues={"default": 1}):
        ids = [work.enqueue(conn, f"instance {n}").id for n in range(5)]
        ids.insert(2, enqueue(conn, Chain, {}).id)
        results = [finished(conn, instance).result for instance in ids]
    assert results.pop(2) == ["none", "none"]
    assert results == [{"before": "none", "application": "set"}] * 5
