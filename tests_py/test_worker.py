"""The worker: every outcome, both colours of steps, errors, and how it looks for work."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import time
from typing import Any

import msgspec
import psycopg
import pytest

from gendurable import (
    Await,
    Context,
    Done,
    Entry,
    InvalidOutcomeError,
    Machine,
    Next,
    NotInstalledError,
    Outcome,
    Retry,
    RetryPolicy,
    ScheduleChildren,
    StateError,
    Stop,
    UsageError,
    enqueue,
    enqueue_many,
    job,
    protocol,
    signal,
    step,
)
from gendurable.claims import Claim
from gendurable.holding import Holding
from gendurable.queues import Queue
from gendurable.session import Session
from support import Connection, finished, gate, running, statuses, until


class Order(msgspec.Struct):
    sku: str
    seen: list[str] = []


class Checkout(Machine[Order]):
    """Every outcome but children, in sync and async steps."""

    @step
    async def start(self, ctx: Context[Order]) -> Outcome:
        ctx.state.seen.append("start")
        return Next(self.reserve)

    @step
    def reserve(self, ctx: Context[Order]) -> Outcome:
        if ctx.attempt == 0:
            return Retry(error={"why": "again"})
        ctx.state.seen.append(f"reserve {ctx.attempt} {ctx.last_error['why']}")
        return Await(["paid", "void"], step=self.decide)

    @step
    async def decide(self, ctx: Context[Order]) -> Outcome:
        ctx.state.seen.append(f"decide {[s.name for s in ctx.awaited]}")
        if ctx.awaited[0].name == "void":
            return Stop({"kind": "void"})
        return Next("ship", ctx.state, delay=0.01)

    @step
    def ship(self, ctx: Context[Order]) -> Outcome:
        assert ctx.awaited == []
        return Done({"seen": ctx.state.seen})


def test_a_machine_goes_through_every_outcome(dsn: str, conn: Connection) -> None:
    with running(dsn, [Checkout]):
        paid = enqueue(conn, Checkout, Order("a"), correlation_key="order:1").id
        void = enqueue(conn, Checkout, Order("b"), correlation_key="order:2").id
        until(lambda: statuses(conn) == {"awaiting_signal": 2})
        assert signal(conn, "order:1", "paid", {"amount": 3}) == "delivered"
        assert signal(conn, void, "void") == "delivered"
        done, stopped = finished(conn, paid), finished(conn, void)
    assert done.status == "done"
    assert done.result == {"seen": ["start", "reserve 1 again", "decide ['paid']"]}
    assert (stopped.status, stopped.error) == ("failed", {"kind": "void"})


def test_a_chain_runs_ahead_in_one_claim(dsn: str, conn: Connection) -> None:
    fences: list[int] = []

    class Chain(Machine[int]):
        @step
        async def start(self, ctx: Context[int]) -> Outcome:
            fences.append(ctx.fence)
            return Next(self.start, ctx.state + 1) if ctx.state < 5 else Done(ctx.state)

    with running(dsn, [Chain]):
        instance = enqueue(conn, Chain, 0).id
        assert finished(conn, instance).result == 5
    # A second claim in between would have taken the time as its fence.
    assert fences == list(range(fences[0], fences[0] + 6))


def test_a_chain_sees_signals_that_arrive_while_it_runs(dsn: str, conn: Connection) -> None:
    with gate() as arrived:

        class Chain(Machine[Any]):
            @step
            def start(self, ctx: Context[Any]) -> Outcome:
                arrived.wait(60)
                return Next(self.after)

            @step
            def after(self, ctx: Context[Any]) -> Outcome:
                return Done([s.name for s in ctx.signals])

        with running(dsn, [Chain]):
            instance = enqueue(conn, Chain, {}).id
            until(lambda: statuses(conn) == {"executing": 1})
            signal(conn, instance, "hello")
            arrived.set()
            assert finished(conn, instance).result == ["hello"]


def test_a_parent_joins_its_children(dsn: str, conn: Connection) -> None:
    @job(retries=0)
    async def square(n: int) -> int:
        if n < 0:
            raise ValueError("negative")
        return n * n

    class Parent(Machine[list[int]]):
        @step
        async def start(self, ctx: Context[list[int]]) -> Outcome:
            return ScheduleChildren([square.entry(n) for n in ctx.state], step=self.join)

        @step
        def join(self, ctx: Context[list[int]]) -> Outcome:
            assert ctx.children is not None
            return Done([[c.ord, c.fsm, c.status, c.result] for c in ctx.children])

    with running(dsn, [Parent, square]):
        several = enqueue(conn, Parent, [3, -1, 4], queue="default").id
        none = enqueue(conn, Parent, []).id
        assert finished(conn, several).result == [
            [1, "square", "done", 9],
            [2, "square", "failed", None],
            [3, "square", "done", 16],
        ]
        assert finished(conn, none).result == []


def test_one_instance_of_a_concurrency_key_runs_at_a_time(dsn: str, conn: Connection) -> None:
    running_now, most = 0, 0

    @job()
    async def work() -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0.002)
        running_now -= 1

    enqueue_many(conn, [work.entry(concurrency_key="printer") for _ in range(20)])
    with running(dsn, [work]):
        until(lambda: statuses(conn) == {"done": 20})
    assert most == 1


def test_a_rate_limited_step_starts_when_its_tokens_are_due(dsn: str, conn: Connection) -> None:
    conn.execute("select gd_set_rate_limit('api', 1, '0.2 s', 1)")
    started: list[float] = []

    @job()
    async def work() -> None:
        started.append(time.monotonic())

    with running(dsn, [work], poll=3600):
        # Before the tokens are drawn; when the first step starts is up to the machine.
        before = time.monotonic()
        enqueue_many(conn, [work.entry(rate_limit="api") for _ in range(3)])
        until(lambda: statuses(conn) == {"done": 3})
    assert started[2] - before >= 0.35


def test_what_the_engine_warns_of_is_logged(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    class Lost(Machine[dict[str, Any]]):
        @step
        async def start(self, _: Context[dict[str, Any]]) -> Outcome:
            return Next(self.start, rate_limit="nobody")

    with running(dsn, [Lost]):
        enqueue(conn, Lost)
        until(lambda: "rate limit nobody" in caplog.text)
    assert "unknown rate limit" in caplog.text
    assert "gd_set_rate_limit" in caplog.text


def test_nobody_waits_for_the_slowest_step(dsn: str, conn: Connection) -> None:
    with gate() as opened:

        @job()
        def slow() -> None:
            opened.wait(60)

        @job()
        async def quick() -> None: ...

        with running(dsn, [slow, quick], queues={"default": 2}):
            slow.enqueue(conn)
            until(lambda: statuses(conn) == {"executing": 1})
            enqueue_many(conn, [quick.entry() for _ in range(50)])
            until(lambda: statuses(conn) == {"executing": 1, "done": 50})
            opened.set()
            until(lambda: statuses(conn) == {"done": 51})


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_no_more_steps_run_at_once_than_there_are_slots(
    dsn: str, conn: Connection, colour: str
) -> None:
    running_now, most = 0, 0
    lock = threading.Lock()

    # The first ones end together, so that it is not up to the machine whether they meet.
    full = threading.Event()

    def count(change: int) -> None:
        nonlocal running_now, most
        with lock:
            running_now += change
            most = max(most, running_now)
            if most == 3:
                full.set()

    @job(name="work")
    def work_sync() -> None:
        count(1)
        full.wait(60)
        time.sleep(0.002)
        count(-1)

    @job(name="work")
    async def work_async() -> None:
        count(1)
        await asyncio.to_thread(full.wait, 60)
        await asyncio.sleep(0.002)
        count(-1)

    work = work_sync if colour == "sync" else work_async
    enqueue_many(conn, [Entry(work) for _ in range(60)])
    with running(dsn, [work], queues={"default": 3}):
        until(lambda: statuses(conn) == {"done": 60})
    assert most == 3


def test_every_queue_has_its_own_slots(dsn: str, conn: Connection) -> None:
    with gate() as opened:

        @job()
        def blocked() -> None:
            opened.wait(60)

        @job(queue="other")
        def free() -> None: ...

        with running(dsn, [blocked, free], queues={"default": 1, "other": 1}):
            blocked.enqueue(conn)
            until(lambda: statuses(conn) == {"executing": 1})
            assert finished(conn, free.enqueue(conn).id).status == "done"
            opened.set()


def test_a_job_may_answer_with_an_outcome(dsn: str, conn: Connection) -> None:
    @job()
    async def answer(ctx: Context[Any], n: int) -> Any:
        if ctx.attempt < n:
            return Retry(error="again")
        return Stop("no more") if n else {"attempt": ctx.attempt}

    with running(dsn, [answer]):
        stopped = finished(conn, answer.enqueue(conn, n=2).id)
        done = finished(conn, answer.enqueue(conn, n=0).id)
    assert (stopped.status, stopped.error, stopped.attempt) == ("failed", "no more", 2)
    assert (done.status, done.result) == ("done", {"attempt": 0})


# Errors of steps.


class Shipped(Done, frozen=True):
    """An outcome of an application's own."""


class OnTo(Next, frozen=True):
    """Another one."""


class Chained(Machine[Any]):
    @step
    def start(self, _: Context[Any]) -> Outcome:
        return OnTo(self.ship)

    @step
    async def ship(self, _: Context[Any]) -> Outcome:
        return Shipped({"by": "air"})


def test_an_outcome_may_be_of_a_subclass(dsn: str, conn: Connection) -> None:
    with running(dsn, [Chained]):
        created = enqueue(conn, Chained, None)
        assert finished(conn, created.id).result == {"by": "air"}


def claims_alive() -> int:
    return sum(type(each) is Claim for each in gc.get_objects())


class Garbage(Machine[int]):
    retry = RetryPolicy(initial=0)

    @step
    def start(self, ctx: Context[int]) -> Outcome:
        if ctx.state == 0 and ctx.attempt == 0:
            raise ValueError("once more")
        return Next(self.then)

    @step
    async def then(self, _: Context[int]) -> Outcome:
        await asyncio.sleep(0)
        return Done()


def test_what_has_ended_leaves_nothing_to_the_collector_of_cycles(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A claim in a cycle with its task lived until the collector came, which took a third of a
    worker's time."""
    # A record that is kept for the report refers to its claim.
    caplog.set_level(logging.CRITICAL, "gendurable")
    gc.collect()
    before = claims_alive()
    gc.disable()
    try:
        with running(dsn, [Garbage]):
            many = [enqueue(conn, Garbage, number % 2).id for number in range(20)]
            for each in many:
                assert finished(conn, each).status == "done"
        assert claims_alive() == before
    finally:
        gc.enable()


def test_an_exception_is_retried_with_backoff_and_then_stops(dsn: str, conn: Connection) -> None:
    started: list[float] = []

    @job(retry=RetryPolicy(max_attempts=3, initial=0.05, factor=4, jitter=0))
    def failing() -> None:
        started.append(time.monotonic())
        raise ValueError("bad \x00 luck")

    with running(dsn, [failing]):
        ended = finished(conn, failing.enqueue(conn).id)
    assert (ended.status, ended.attempt) == ("failed", 2)
    assert ended.error["kind"] == "exception"
    assert ended.error["type"] == "ValueError"
    assert ended.error["message"] == "bad \N{REPLACEMENT CHARACTER} luck"
    assert "in failing" in ended.error["traceback"]
    assert started[1] - started[0] >= 0.05
    assert started[2] - started[1] >= 0.2


def test_a_retried_step_finds_the_error_of_the_last_attempt(dsn: str, conn: Connection) -> None:
    @job(retry=RetryPolicy(initial=0))
    def once(ctx: Context[Any]) -> Any:
        if ctx.attempt == 0:
            raise KeyError("first")
        return ctx.last_error["type"]

    with running(dsn, [once]):
        assert finished(conn, once.enqueue(conn).id).result == "KeyError"


class Custom(Machine[dict[str, Any]]):
    """A step that fails in the way its state says, and a handler that reports it."""

    @step
    async def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        match ctx.state["how"]:
            case "raise":
                ctx.state["how"] = "changed"
                raise ValueError("raised")
            case "none":
                return None  # type: ignore[return-value]
            case "typo":
                return Next("strat")
            case "invalid":
                return Next(self.start, delay=1e12)
            case "nul":
                return Done("\x00")
            case "unencodable":
                return Done(object())
            case "exit":
                sys.exit("leaving")
            case "cancel":
                raise asyncio.CancelledError
        raise AssertionError

    async def on_error(self, ctx: Context[dict[str, Any]], exc: Exception) -> Outcome:
        return Done({"type": type(exc).__name__, "message": str(exc), "state": ctx.state})


class CustomInThreads(Custom):
    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:  # type: ignore[override]
        coroutine = super().start(ctx)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            returned: Outcome = stop.value
            return returned
        raise AssertionError

    def on_error(self, ctx: Context[dict[str, Any]], exc: Exception) -> Outcome:  # type: ignore[override]
        return Done({"type": type(exc).__name__, "message": str(exc), "state": ctx.state})


@pytest.mark.parametrize("machine", [Custom, CustomInThreads])
@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("raise", "ValueError", "raised"),
        ("none", "OutcomeError", "returned nothing"),
        ("typo", "OutcomeError", "did you mean 'start'"),
        ("invalid", "InvalidOutcomeError", "delay_ms is out of range"),
        ("nul", "InvalidOutcomeError", "unsupported Unicode escape sequence"),
        ("unencodable", "StateError", "cannot be stored as JSON"),
        ("exit", "OutcomeError", "SystemExit"),
        ("cancel", "OutcomeError", "CancelledError"),
    ],
)
def test_the_machines_own_handler_decides_what_follows_a_failed_step(
    dsn: str, conn: Connection, *, machine: type[Custom], how: str, kind: str, message: str
) -> None:
    with running(dsn, [machine]):
        ended = finished(conn, enqueue(conn, machine, {"how": how}).id)
    assert ended.status == "done"
    assert ended.result["type"] == kind
    assert message in ended.result["message"]
    assert ended.result["state"] == {"how": how}


@pytest.mark.parametrize("answer", ["raise", "nonsense", "invalid"])
def test_the_retry_policy_decides_where_the_handler_fails(
    dsn: str, conn: Connection, answer: str
) -> None:
    class Hopeless(Machine[Any]):
        retry = RetryPolicy(max_attempts=1)

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            raise ValueError("the step's")

        def on_error(self, ctx: Context[Any], exc: Exception) -> Outcome:
            if answer == "raise":
                raise RuntimeError("the handler's") from exc
            return Done("\x00") if answer == "invalid" else 42  # type: ignore[return-value]

    with running(dsn, [Hopeless]):
        ended = finished(conn, enqueue(conn, Hopeless).id)
    types = {"raise": "RuntimeError", "nonsense": "OutcomeError", "invalid": "InvalidOutcomeError"}
    assert ended.status == "failed"
    assert ended.error["type"].endswith(types[answer])


def test_a_state_that_does_not_fit_loses_nothing(dsn: str, conn: Connection) -> None:
    class Strict(Machine[Order]):
        @step
        def start(self, ctx: Context[Order]) -> Outcome:
            return Done(ctx.state.sku)

        def on_error(self, ctx: Context[Order], exc: Exception) -> Outcome:
            assert isinstance(exc, StateError)
            return Stop({"message": str(exc), "raw": ctx.state_json})

    with running(dsn, [Strict]):
        ended = finished(conn, enqueue(conn, "Strict", {"skuu": "a"}).id)
    assert "missing required field `sku`" in ended.error["message"]
    assert ended.state == {"skuu": "a"}


def test_one_bad_outcome_does_not_spoil_the_batch(dsn: str, conn: Connection) -> None:
    """The database refuses the whole array for a NUL; the worker finds the one that has it."""
    started = threading.Barrier(5)

    @job(retry=RetryPolicy(max_attempts=1))
    def answer(n: int) -> Any:
        started.wait(60)
        return "\x00" if n == 2 else n

    ids = [row.id for row in enqueue_many(conn, [answer.entry(n) for n in range(5)])]
    with running(dsn, [answer]):
        ended = [finished(conn, instance) for instance in ids]
    assert [one.result for one in ended] == [0, 1, None, 3, 4]
    assert ended[2].error["type"].endswith("InvalidOutcomeError")


# Looking for work.


def test_a_notification_wakes_an_idle_worker(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    real = Holding.work_arrived

    def hear(self: Holding, queue: str) -> None:
        heard.append(queue)
        real(self, queue)

    monkeypatch.setattr(Holding, "work_arrived", hear)

    @job()
    def quick() -> None: ...

    with running(dsn, [quick], poll=3600) as worker:
        until(lambda: sleeps(conn))
        queue = worker._queues["default"]

        def has_been_idle_for_long() -> bool:
            queue._pause = 3600.0
            return queue.look_at > time.monotonic() + 1800

        # It looks once more; then nothing but a notification will wake it.
        until(has_been_idle_for_long)
        assert finished(conn, quick.enqueue(conn).id).status == "done"
    assert heard == ["default"]


def sleeps(conn: Connection) -> bool:
    """Whether the worker is known to be idle, and listens: it does so before its heartbeats."""
    query = "select from gendurable.leases where idle_queues <> '{}' and heartbeat_at is not null"
    return conn.execute(query).fetchone() is not None


def test_a_lonely_instance_costs_one_pick_and_one_commit(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[tuple[int, dict[str, int]]] = []
    real = protocol.turn

    async def turn(*args: Any, **options: Any) -> protocol.Turn:
        turns.append((len(args[2]), dict(args[3])))
        return await real(*args, **options)

    @job()
    async def quick() -> None: ...

    monkeypatch.setattr(protocol, "turn", turn)
    # However fast the next one comes, it is no commit that made it ready.
    monkeypatch.setattr("gendurable.queues._FOLLOWS_WITHIN", 0.0)
    with running(dsn, [quick], poll=3600) as worker:
        queue = worker._queues["default"]

        def sleeps_for_long() -> bool:
            queue._pause = 3600.0
            return queue.look_at > time.monotonic() + 1800

        until(lambda: sleeps(conn) and worker._keeper.listens)
        until(sleeps_for_long)
        finished(conn, quick.enqueue(conn).id)  # The first commit is still worth a look.
        until(lambda: not queue.follows)
        turns.clear()
        for _ in range(5):
            finished(conn, quick.enqueue(conn).id)
    looks = [one for one in turns if one[0] or one[1]]
    assert looks == [(0, {"default": 10}), (1, {})] * 5


def test_a_call_during_a_look_is_answered_by_another_look() -> None:
    queue = Queue("default", 2, 3600.0)

    def look(found: int, *, called: bool = False) -> None:
        queue.look(2)
        if called:
            queue.work_expected()
        queue.answered(2)
        queue.looked(found=found, wanted=2, due=None, commits=False)

    look(0)
    look(0)
    assert queue.settled
    assert queue.look_at > time.monotonic()
    look(1, called=True)
    assert queue.look_at == 0
    look(0)
    assert queue.look_at > time.monotonic()


def test_what_fell_due_after_a_look_does_not_wait_for_the_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gendurable.queues.monotonic", lambda: 100.0)
    queue = Queue("default", 2, 1.0)
    waits = []
    for _ in range(10):
        queue.looked(found=0, wanted=2, due=None, commits=False)
    for due in (None, 0.5, 0.0, -0.003):
        queue.looked(found=0, wanted=2, due=due, commits=False)
        waits.append(round(queue.look_at - 100, 3))
    assert waits == [1.0, 0.5, 0.005, 0.005]


def test_a_commit_is_worth_a_look_as_long_as_something_comes_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("gendurable.queues.monotonic", lambda: now)
    queue = Queue("default", 2, 3600.0)
    follows = []
    looks = ((1, True, 0.0), (0, True, 0.0), (1, False, 1.0), (1, False, 1e-3))
    for found, commits, later in looks:
        queue.committed()
        now += later
        queue.looked(found=found, wanted=2, due=None, commits=commits)
        follows.append(queue.follows)
    # What is found long after a commit came of something else.
    assert follows == [True, False, False, True]


def test_behind_a_pooler_polling_finds_the_work(dsn: str, conn: Connection) -> None:
    @job()
    def quick() -> None: ...

    with running(dsn, [quick], pooler=True, poll=0.05):
        until(lambda: conn.execute("select 1 from gd_workers").fetchone())
        assert finished(conn, quick.enqueue(conn).id).status == "done"


def test_an_await_times_out_on_time(dsn: str, conn: Connection) -> None:
    class Waiting(Machine[float]):
        @step
        def start(self, ctx: Context[float]) -> Outcome:
            return Await("never", step=self.after, state=time.time() + 0.3, timeout=0.3)

        @step
        def after(self, ctx: Context[float]) -> Outcome:
            assert ctx.awaited == []
            return Done(time.time() - ctx.state)

    with running(dsn, [Waiting], poll=3600):
        ids = [enqueue(conn, Waiting, 0.0).id for _ in range(5)]
        late = sorted(finished(conn, instance).result for instance in ids)
    # Polling would be an hour late, maintenance four seconds; the rest is up to the machine.
    assert 0 <= late[0] < 2, late


def test_delayed_work_starts_when_it_is_due(dsn: str, conn: Connection) -> None:
    @job()
    def now() -> float:
        return time.time()

    with running(dsn, [now], poll=3600):
        due = time.time() + 0.3
        assert finished(conn, now.enqueue(conn, delay=0.3).id).result >= due


# What a worker does not know.


def test_a_worker_declares_its_machines_each_time_that_it_registers(
    dsn: str, conn: Connection
) -> None:
    class Second(Machine[dict[str, Any]]):
        name = "Versioned"
        version = 2

        @step
        def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return Next(self.end)

        @step
        def end(self, ctx: Context[dict[str, Any]]) -> Outcome:
            return Done()

    @job()
    def single() -> None: ...

    def declared() -> list[tuple[Any, ...]]:
        return conn.execute(
            "select m.worker_id, w.declares, m.fsm, m.version, m.steps from gendurable.machines m"
            " join gendurable.workers w on w.id = m.worker_id order by m.fsm"
        ).fetchall()

    machines = [("Versioned", 2, ["end", "start"]), ("single", 1, ["start"])]
    with running(dsn, [Second, single]) as worker:
        until(lambda: len(declared()) == 2)
        first = worker.id
        assert [(*row[2:4], sorted(row[4])) for row in declared()] == machines
        assert all(row[0] == first and row[1] for row in declared())
        # By name alone the instance is of the version that this worker has.
        assert finished(conn, enqueue(conn, "Versioned").id).fsm_version == 2

        conn.execute("select gd_unregister(%s)", (first,))
        until(lambda: len(declared()) == 2)
        assert all(row[0] != first and row[1] for row in declared())
        assert [(*row[2:4], sorted(row[4])) for row in declared()] == machines
    assert declared() == []


def _declare_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that hands out what a worker has not declared is what it has a fallback for."""

    def undeclared(*args: Any, machines: object, **settings: Any) -> Session:
        assert machines
        return Session(*args, **settings)

    monkeypatch.setattr("gendurable.worker.Session", undeclared)


def test_what_nobody_here_knows_is_left_to_others(
    dsn: str,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _declare_nothing(monkeypatch)

    @job()
    def known() -> None: ...

    with running(dsn, [known]):
        machine = enqueue(conn, "Elsewhere", {"n": 1}).id
        version = enqueue(conn, "known", {}, fsm_version=2).id
        unknown_step = enqueue(conn, "known", {}, step="nope").id
        again = enqueue(conn, "Elsewhere", {"n": 2}).id
        ids = [machine, version, unknown_step, again]
        until(
            lambda: (
                conn.execute(
                    "select bool_and(eligible_at > now() and status = 'runnable' and attempt = 0)"
                    " from gd_instances where id = any (%s)",
                    (ids,),
                ).fetchone()
                == (True,)
            )
        )
        assert finished(conn, known.enqueue(conn).id).status == "done"
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert sum("no Elsewhere version 1 with a step 'start' here" in w for w in warnings) == 1
    assert sum("no known version 2" in w for w in warnings) == 1
    assert sum("no known version 1 with a step 'nope'" in w for w in warnings) == 1


def test_a_worker_that_knows_it_takes_what_another_left(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _declare_nothing(monkeypatch)

    @job()
    def known() -> None: ...

    @job()
    def elsewhere() -> None: ...

    with running(dsn, [known]):
        instance = elsewhere.enqueue(conn).id
        until(
            lambda: conn.execute("select 1 from gd_instances where eligible_at > now()").fetchone()
        )
    conn.execute("update gendurable.instances set eligible_at = now() where id = %s", (instance,))
    with running(dsn, [elsewhere]):
        assert finished(conn, instance).status == "done"


# Starting.


def test_a_database_without_the_engine_is_a_clear_error(empty_dsn: str) -> None:
    with (
        pytest.raises(NotInstalledError, match="gendurable-py install"),
        running(empty_dsn, [Checkout]),
    ):
        pass


def test_a_database_that_is_not_there_is_a_clear_error(dsn: str) -> None:
    wrong = psycopg.conninfo.make_conninfo(dsn, dbname="not_there")
    with pytest.raises(UsageError, match='"not_there" does not exist'), running(wrong, [Checkout]):
        pass


def test_an_older_schema_is_a_clear_error(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gendurable.schema.package_version", lambda: "0.10.0")
    with (
        pytest.raises(NotInstalledError, match=r"schema version 0\.1\.0, this package needs 0\.10"),
        running(dsn, [Checkout]),
    ):
        pass


def test_a_newer_schema_is_fine(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gendurable.schema.package_version", lambda: "0.0.9")
    with running(dsn, [Checkout]):
        pass


def test_an_invalid_outcome_error_is_the_engines_reason() -> None:
    assert str(InvalidOutcomeError("why")) == "why"
