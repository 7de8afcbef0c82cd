"""Steps that end their worker: what is blamed, what runs beside what, and when it is enough."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gendurable import (
    Context,
    Done,
    Entry,
    Machine,
    Outcome,
    Retry,
    RetryPolicy,
    cancel,
    enqueue,
    enqueue_many,
    job,
    retry,
    status,
    step,
)
from gendurable.failures import verdict
from gendurable.suspects import Suspects
from gendurable.turns import Turns
from support import Connection, finished, gate, running, statuses, until, worker_process
from test_outcomes import context

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = """
import asyncio, ctypes, os, pathlib, signal, sys, time
from gendurable import Context, Done, Machine, Next, Outcome, RetryPolicy, job, step

POLICY = RetryPolicy(max_attempts=3, initial=0.01)

def note(ctx):
    with open(os.environ["CRASH_LOG"], "a") as log:
        log.write(f"{ctx.fsm} {ctx.id} {ctx.attempt} {os.getpid()}\\n")

@job(retry=POLICY)
def exits(ctx: Context) -> None:
    note(ctx)
    time.sleep(0.05)  # its neighbours have begun
    os._exit(3)

@job(retry=POLICY)
async def exits_async(ctx: Context) -> None:
    note(ctx)
    os._exit(3)

@job(retry=POLICY)
def segfaults(ctx: Context) -> None:
    note(ctx)
    ctypes.string_at(0)

@job(retry=POLICY)
def killed(ctx: Context) -> None:
    note(ctx)
    os.kill(os.getpid(), signal.SIGKILL)

async def leave():
    await asyncio.sleep(0)
    sys.exit(3)

async def interrupt():
    raise KeyboardInterrupt

async def group(*parts):
    async with asyncio.TaskGroup() as tasks:
        for part in parts:
            tasks.create_task(part)

UNRULY = {
    "wait_for": lambda: asyncio.wait_for(leave(), 60),
    "gather": lambda: asyncio.gather(leave(), interrupt(), asyncio.sleep(0)),
    "group": lambda: group(leave(), asyncio.sleep(60)),
    "interrupt": lambda: asyncio.create_task(interrupt()),
}

@job(retry=RetryPolicy(max_attempts=1))
async def unruly(how: str) -> None:
    await UNRULY[how]()

@job()
async def stops_the_loop() -> str:
    asyncio.get_running_loop().stop()
    asyncio.get_running_loop().call_soon(sys.exit, 3)
    await asyncio.sleep(0.01)
    return "it went on"

@job(retry=RetryPolicy(max_attempts=1))
def neighbour(ctx: Context) -> int:
    note(ctx)
    time.sleep(0.3)
    return ctx.attempt
"""


@contextlib.contextmanager
def supervised(dsn: str, tmp_path: Path, *options: str) -> Iterator[list[int]]:
    """A worker process that is started anew whenever it dies; its exit codes so far."""
    module, log = tmp_path / "crash.py", tmp_path / "worker.log"
    module.write_text(MODULE)
    os.environ["CRASH_LOG"] = str(tmp_path / "log")
    (tmp_path / "log").touch()
    codes: list[int] = []
    over = threading.Event()
    current: list[subprocess.Popen[bytes]] = []

    def supervise() -> None:
        while not over.is_set():
            with worker_process(dsn, module, log, "--lease", "3600", *options) as process:
                current[:] = [process]
                code = process.wait()
            if not over.is_set():
                codes.append(code)

    thread = threading.Thread(target=supervise)
    thread.start()
    try:
        yield codes
    finally:
        over.set()
        until(lambda: current)
        current[0].terminate()
        thread.join(60)


def executions(tmp_path: Path) -> Counter[str]:
    """How often each job began."""
    return Counter(line.split()[0] for line in (tmp_path / "log").read_text().splitlines())


@pytest.mark.parametrize("how", ["exits", "exits_async", "segfaults", "killed"])
def test_a_step_that_ends_its_worker_is_run_as_often_as_its_policy_says(
    dsn: str, conn: Connection, tmp_path: Path, how: str
) -> None:
    instance = enqueue(conn, how, {}).id
    with supervised(dsn, tmp_path) as codes:
        ended = finished(conn, instance)
    assert executions(tmp_path) == {how: 3}
    assert len(codes) == 3
    assert (ended.status, ended.error["kind"], ended.error["attempts"]) == ("failed", "crashed", 3)
    assert ended.error["last_error"]["kind"] == "lost"
    assert ended.error["last_error"]["held"] == 1


def test_the_neighbours_of_a_culprit_finish_and_carry_no_blame(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    neighbours = [row.id for row in enqueue_many(conn, [Entry("neighbour", {})] * 5)]
    culprit = enqueue(conn, "exits", {}).id
    neighbours += [row.id for row in enqueue_many(conn, [Entry("neighbour", {})] * 5)]
    with supervised(dsn, tmp_path, "--queue", "default=11") as codes:
        ended = finished(conn, culprit)
        until(lambda: statuses(conn) == {"failed": 1, "done": 10})
    assert ended.error["kind"] == "crashed"
    # Once with the others, and as often alone as the policy says.
    assert executions(tmp_path)["exits"] == 4
    assert len(codes) == 4
    # They have one attempt, and were given another all the same.
    results = [status(conn, one) for one in neighbours]
    assert [one.result for one in results if one] == [1] * 10
    assert executions(tmp_path)["neighbour"] == 20


def test_a_step_that_blocks_the_event_loop_beyond_the_lease_is_given_up(
    dsn: str, conn: Connection
) -> None:
    begun: list[int] = []
    over = threading.Event()

    @job(retry=RetryPolicy(max_attempts=2, initial=0))
    async def blocks(ctx: Context[Any]) -> None:
        begun.append(ctx.attempt)
        over.wait(60)

    instance = blocks.enqueue(conn).id
    with contextlib.ExitStack() as stack:
        workers = []
        for name in "abc":
            worker = stack.enter_context(running(dsn, [blocks], lease=0.5, name=name))
            workers.append(worker)
        stack.callback(over.set)
        ended = finished(conn, instance)
    assert begun == [0, 1]
    assert (ended.status, ended.error["kind"]) == ("failed", "crashed")


def test_what_a_step_does_to_the_event_loop_ends_no_worker(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    """asyncio lets SystemExit and KeyboardInterrupt of any task out of the loop."""
    with supervised(dsn, tmp_path) as codes:
        assert finished(conn, enqueue(conn, "stops_the_loop", {}).id).result == "it went on"
        for how in ("wait_for", "gather", "group", "interrupt"):
            ended = finished(conn, enqueue(conn, "unruly", {"how": how}).id)
            assert (ended.status, ended.error["kind"]) == ("failed", "exception"), how
        assert finished(conn, enqueue(conn, "neighbour", {}).id).result == 0
        assert codes == []


# The rules, one by one.


def lost(attempt: int, held: int, **changes: Any) -> Context[Any]:
    note = {"kind": "lost", "held": held, "excused": 0, **changes}
    return context(attempt=attempt, last_error_json=msgspec.json.encode(note).decode())


def test_only_losses_while_held_alone_count() -> None:
    assert lost(3, 1).failures == 3
    assert lost(3, 11, excused=2).failures == 1
    assert lost(3, 11, excused=7).failures == 0, "never below zero"
    assert lost(3, 1, excused="many").failures == 3
    assert lost(3, 1, excused=True).failures == 3
    assert context(attempt=3, last_error_json='["mine"]').failures == 3
    assert context(attempt=0).failures == 0


def test_the_verdict_is_about_losses_and_within_the_policy() -> None:
    definition = policed(RetryPolicy(max_attempts=3)).definition()
    assert verdict(definition, lost(2, 1)) is None
    assert verdict(definition, lost(3, 1)) is not None
    assert verdict(definition, lost(3, 11, excused=1)) is None
    assert verdict(definition, context(attempt=9, last_error_json='{"kind": "exception"}')) is None
    assert verdict(policed(RetryPolicy(max_attempts=None)).definition(), lost(99, 1)) is None


def policed(policy: RetryPolicy) -> Machine[Any]:
    class Policed(Machine[Any]):
        retry = policy

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Done()

    return Policed()


def test_suspects_run_in_a_tenth_of_the_company_in_which_they_were_lost() -> None:
    suspects = Suspects()
    assert suspects.may_start(context(id=1), 5)
    assert not suspects.may_start(lost(1, 11), 1)
    assert suspects.may_start(lost(1, 11), 0)
    assert not suspects.may_start(context(id=2), 1), "nor does anything join one that is alone"
    suspects.ended(7)
    assert suspects.may_start(context(id=2), 0)
    many = Suspects()
    assert many.may_start(lost(1, 500), 49)
    assert not many.may_start(lost(1, 500), 50)


def test_a_worker_makes_room_for_a_suspect_and_goes_on_if_there_comes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("gendurable.suspects.monotonic", lambda: now)
    suspects = Suspects()
    assert suspects.room(5)[0] > 1000
    assert not suspects.may_start(lost(1, 5), 5)
    assert suspects.room(5) == (0, "shop")
    assert suspects.room(0) == (1, "shop")
    assert suspects.changes_at() == now + 10
    now += 11  # something here runs for long
    assert suspects.room(5)[0] > 1000
    assert not suspects.may_start(lost(1, 5), 5)
    assert suspects.delay(5) == 5.0, "meanwhile it is left to others"
    now += 60
    assert suspects.may_start(lost(1, 5), 5), "before it never runs it runs in company"
    assert suspects.room(6)[0] == 0, "which then does not grow"
    now += 3600
    assert suspects.room(6)[0] > 1000, "but for as long as it may take to end a worker"


def test_room_is_not_given_up_while_a_suspect_runs_that_allows_no_company(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor is there a moment to wake up at before that one has ended or its time is over."""
    now = 1000.0
    monkeypatch.setattr("gendurable.suspects.monotonic", lambda: now)
    suspects = Suspects()
    assert not suspects.may_start(lost(1, 5), 5)
    assert suspects.may_start(lost(1, 5), 0)
    until_it_is_over = now + 120
    for seconds in (0, 11, 60):
        now = 1000.0 + seconds
        assert suspects.room(1)[0] == 0
        assert suspects.changes_at() == until_it_is_over
    now = until_it_is_over
    assert suspects.room(1)[0] > 1000
    assert suspects.changes_at() > now


def test_what_may_not_start_is_offered_again_at_once_only_if_nothing_is_picked_until_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("gendurable.suspects.monotonic", lambda: now)
    suspects = Suspects()
    assert suspects.may_start(lost(1, 100), 5)
    assert not suspects.may_start(lost(1, 5), 6)
    assert (suspects.room(6)[0], suspects.delay(6)) == (0, None)
    now += 130  # the one that runs allows company by now, and there was no room for the other
    assert suspects.room(6)[0] > 0
    another = context(id=8, attempt=1, last_error_json=lost(1, 5).last_error_json)
    assert not suspects.may_start(another, 6)
    assert suspects.room(6)[0] > 0
    assert suspects.delay(6) == 5.0


def test_a_worker_that_waits_for_a_suspect_is_idle(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room was made for two; the first one runs for longer than the other one has patience."""
    monkeypatch.setattr("gendurable.suspects._PATIENCE", 0.1)
    looks, real = [0], Turns._next_turn

    def counted(turns: Turns) -> float:
        looks[0] += 1
        return real(turns)

    monkeypatch.setattr(Turns, "_next_turn", counted)
    begun = {"other": threading.Event(), "suspect": threading.Event()}
    with gate() as other_over, gate() as suspect_over:

        @job()
        def other() -> None:
            begun["other"].set()
            other_over.wait(60)

        @job()
        def suspect() -> None:
            begun["suspect"].set()
            suspect_over.wait(60)

        other.enqueue(conn)
        with running(dsn, [other, suspect], queues={"default": 5}) as worker:
            assert begun["other"].wait(60)
            enqueue_many(conn, [suspect.entry(delay=0.3)] * 2)
            conn.execute(
                "update gendurable.instances set attempt = 1,"
                """ last_error = '{"kind": "lost", "held": 5, "excused": 1}'"""
                " where fsm = 'suspect'"
            )
            until(lambda: worker._holding.suspects.making_room)
            other_over.set()
            assert begun["suspect"].wait(60)
            time.sleep(0.2)  # for longer than the patience
            before = looks[0]
            time.sleep(0.5)
            assert looks[0] - before < 50
            suspect_over.set()
            until(lambda: statuses(conn) == {"done": 3})


NOTES = {
    "a number without end": '{"kind": "lost", "held": 1, "n": 1e5000}',
    "a number beyond a double": f'{{"kind": "lost", "held": 1, "n": 1{"0" * 400}.5}}',
    "deeper than a parser goes": "[" * 2000 + "]" * 2000,
    "an array": '["lost"]',
    "no numbers": '{"kind": "lost", "held": {}, "excused": [], "at": 7}',
    "negative": '{"kind": "lost", "held": -5, "excused": -7}',
}


@pytest.mark.parametrize("note", NOTES.values(), ids=NOTES)
def test_a_note_that_cannot_be_read_keeps_nothing_from_running(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture, note: str
) -> None:
    """Any client may have stored it."""

    @job(retry=RetryPolicy(max_attempts=5, initial=0))
    def work(ctx: Context[Any]) -> None:
        if ctx.attempt == 1:
            raise ValueError("a failure is looked at too")

    work.enqueue(conn)
    conn.execute("update gendurable.instances set attempt = 1, last_error = %s", (note,))
    with running(dsn, [work], queues={"default": 1}):
        until(lambda: statuses(conn) == {"done": 1})
    assert "a turn" not in caplog.text


class Unlimited:
    """A policy of an application's own, as far as it is asked after a crash."""

    def delay(self, attempt: int) -> float:
        return float("inf")

    def outcome(self, attempt: int, exc: BaseException) -> Retry:
        return Retry()


class Wordy(Unlimited):
    max_attempts = "many"


class Raising(Unlimited):
    @property
    def max_attempts(self) -> int:
        raise ValueError("how should I know")


ENDLESS = RetryPolicy(initial=1e13, maximum=float("inf"))


@pytest.mark.parametrize("policy", [Unlimited(), Wordy(), Raising(), ENDLESS])
def test_a_policy_that_says_nonsense_after_a_crash_stops_nothing_else(
    dsn: str, conn: Connection, caplog: pytest.LogCaptureFixture, policy: Any
) -> None:
    @job(retry=policy)
    def lost_one() -> None: ...

    @job()
    def other() -> None: ...

    instance = lost_one.enqueue(conn).id
    conn.execute(
        "update gendurable.instances set attempt = 1, last_error = jsonb_build_object("
        "'kind', 'lost', 'held', 1, 'excused', 0, 'at', now())"
    )
    with running(dsn, [lost_one, other], queues={"default": 1}):
        until(lambda: conn.execute(
            "select from gd_instances where id = %s and eligible_at > now() + '300 days'",
            (instance,),
        ).rowcount)  # fmt: skip
        assert finished(conn, other.enqueue(conn).id).status == "done"
    assert "a turn" not in caplog.text


def test_a_worker_that_finds_no_suspect_stops_making_room() -> None:
    suspects = Suspects()
    assert not suspects.may_start(lost(1, 5), 5)
    assert suspects.making_room
    suspects.none_left()
    assert not suspects.making_room


def test_execution_after_a_crash_backs_off() -> None:
    suspects, policy = Suspects(), RetryPolicy(initial=10, jitter=0)
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    assert 8 < suspects.rest(lost(1, 1, at=at), policy) <= 10
    assert suspects.rest(lost(1, 1, at=at), policy) == 0, "once, should clocks differ"
    assert 18 < suspects.rest(lost(2, 1, at=at), policy) <= 20
    assert Suspects().rest(lost(1, 1, at="2020-01-01T00:00:00+00:00"), policy) == 0, "it is over"
    assert Suspects().rest(lost(1, 11, at=at, excused=1), policy) == 0, "not blamed, not held back"
    assert Suspects().rest(lost(1, 1, at="yesterday"), policy) == 0


def test_losses_that_are_excused_stay_so_after_an_exception(dsn: str, conn: Connection) -> None:
    """The exception's own description takes the place of the note; the count goes with it."""
    runs: list[int] = []

    @job(retry=RetryPolicy(max_attempts=2, initial=0))
    def fails(ctx: Context[Any]) -> None:
        runs.append(ctx.attempt)
        raise ValueError("again")

    instance = fails.enqueue(conn).id
    conn.execute(
        "update gendurable.instances set attempt = 3,"
        """ last_error = '{"kind": "lost", "held": 7, "excused": 3}'"""
    )
    with running(dsn, [fails]):
        ended = finished(conn, instance)
    assert ended.status == "failed"
    assert runs == [3, 4]


def test_what_gave_up_after_crashes_is_revived_alone(dsn: str, conn: Connection) -> None:
    ran = threading.Event()

    @job(retry=RetryPolicy(max_attempts=1))
    async def work() -> None:
        await asyncio.sleep(0)
        ran.set()

    instance = work.enqueue(conn).id
    conn.execute(
        """update gendurable.instances set attempt = 1,"""
        """ last_error = '{"kind": "lost", "held": 1, "excused": 0}'"""
    )
    with running(dsn, [work]):
        assert finished(conn, instance).error["kind"] == "crashed"
        assert not ran.is_set(), "it was judged before it ran"
        assert retry(conn, instance) == "retried"
        until(ran.is_set)
        assert finished(conn, instance).status == "done"


def test_suspects_do_not_keep_other_work_from_running(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that runs for hours fills one place; the lost ones and all others run beside it."""
    monkeypatch.setattr("gendurable.suspects._PATIENCE", 0.2)
    over, begun = threading.Event(), threading.Event()

    @job()
    def long() -> None:
        begun.set()
        over.wait(60)

    @job()
    async def quick() -> None: ...

    @job()
    def again(ctx: Context[Any]) -> Any:
        return Retry() if ctx.attempt < 3 else None

    with running(dsn, [long, quick, again], queues={"default": 5}) as worker:
        worker._holding.suspects._first_met = Old()
        kept = long.enqueue(conn).id
        assert begun.wait(60)
        ids = [row.id for row in enqueue_many(conn, [quick.entry(delay=0.2)] * 10)]
        conn.execute(
            "update gendurable.instances set attempt = 1,"
            """ last_error = '{"kind": "lost", "held": 5, "excused": 1}' where fsm = 'quick'"""
        )
        others = [row.id for row in enqueue_many(conn, [again.entry()] * 10)]
        for instance in (*ids, *others):
            assert finished(conn, instance).status == "done"
        assert status(conn, kept).status == "executing"  # type: ignore[union-attr]
        over.set()
        assert cancel(conn, 0) == 0


class Old(dict[Any, float]):
    """Every suspect was met an hour ago."""

    def get(self, *_: Any) -> float:
        return time.monotonic() - 3600
