"""Transactional steps: what they write and their outcome are committed together or not at all.

A, B are sessions. Each race and its guard; then what was seen where the guard was taken away:

- The step's transaction open, B: cancel or release; the step ends and is stale.
  `gd_commit` is the last statement of the transaction, and COMMIT follows only `committed` and
  `continued`. A COMMIT after `stale`: the writes stay (`lost_takes`).
- A: signal to the instance open, B: the step ends, is busy, rolled back and run again after a
  random pause without a place. The state of the run before is kept: a wrong result (`busy`).
- The backend is ended in the step; COMMIT is applied and its answer is lost. The next run has the
  same claim, so it is stale if the first one was committed. No next run: an attempt is counted;
  COMMIT after `stale`: written twice (`is_lost`, `lost_answer`).
- Two steps lock the same rows in opposite orders. The victim of the deadlock runs again.
  No next run: it fails (`deadlock`).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal as signals
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

from chaos.servers import Proxy
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
    Stop,
    UsageError,
    cancel,
    enqueue,
    enqueue_many,
    execution,
    job,
    signal,
    step,
    transactions,
)
from gendurable.holding import Holding
from gendurable.transactions import Lease, Transactions
from support import Connection, finished, gate, running, statuses, until, worker_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])
ONCE = RetryPolicy(max_attempts=1)
AT_ONCE = RetryPolicy(max_attempts=3, initial=0)


@pytest.fixture(autouse=True)
def table(conn: Connection) -> None:
    conn.execute("create table notes (id bigint, note text)")


def notes(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute("select note from notes order by ctid").fetchall()]


class Writer(Machine[Any]):
    """Writes a note in both ways; what a test wants beside that is a function of the class."""

    retry = AT_ONCE

    def then(self, ctx: Context[Any]) -> Outcome:
        return Done()

    async def then_async(self, ctx: Context[Any]) -> Outcome:
        return await asyncio.to_thread(self.then, ctx)

    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        return Next(self.sync if ctx.state["colour"] == "sync" else self.coloured)

    @step(transactional=True)
    def sync(self, ctx: Context[Any]) -> Outcome:
        write(ctx, f"{ctx.step} {ctx.attempt}")
        return self.then(ctx)

    @step(transactional=True)
    async def coloured(self, ctx: Context[Any]) -> Outcome:
        await write_async(ctx, f"{ctx.step} {ctx.attempt}")
        return await self.then_async(ctx)


def write(ctx: Context[Any], note: str) -> None:
    ctx.conn.execute("insert into notes values (%s, %s)", (ctx.id, note))


async def write_async(ctx: Context[Any], note: str) -> None:
    await ctx.conn.execute("insert into notes values (%s, %s)", (ctx.id, note))


def started(conn: Connection, machine: type[Machine[Any]], colour: str, **state: Any) -> int:
    first = "sync" if colour == "sync" else "coloured"
    return enqueue(conn, machine, {"colour": colour, **state}, step=first).id


@COLOURS
def test_what_a_step_writes_is_committed_with_its_outcome(
    dsn: str, conn: Connection, colour: str
) -> None:
    seen: list[Any] = []

    class Looks(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            kind = psycopg.Connection if colour == "sync" else psycopg.AsyncConnection
            assert isinstance(ctx.conn, kind)
            seen.append(notes(conn))
            return Done("written")

    with running(dsn, [Looks]):
        assert finished(conn, started(conn, Looks, colour)).result == "written"
    assert seen == [[]]
    assert len(notes(conn)) == 1


@COLOURS
@pytest.mark.parametrize(
    ("kind", "status"),
    [("retry", "runnable"), ("await", "awaiting_signal"), ("children", "awaiting_children")],
)
def test_each_outcome_can_be_that_of_a_transaction(
    dsn: str, conn: Connection, colour: str, kind: str, status: str
) -> None:
    class Answers(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            if kind == "retry":
                return Retry(3600, "later")
            if kind == "await":
                return Await("a", timeout=3600)
            return ScheduleChildren([Entry("Unknown")])

    with running(dsn, [Answers]):
        instance = started(conn, Answers, colour)
        until(lambda: notes(conn))
        assert conn.execute(
            "select status from gd_instances where id = %s", (instance,)
        ).fetchone() == (status,)


@COLOURS
def test_an_exception_takes_back_what_was_written(dsn: str, conn: Connection, colour: str) -> None:
    class Fails(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            if ctx.attempt < 2:
                raise OSError
            return Done()

    with running(dsn, [Fails]):
        assert finished(conn, started(conn, Fails, colour)).attempt == 2
    assert [note.split()[1] for note in notes(conn)] == ["2"]


@COLOURS
def test_a_chain_of_transactions_stays_with_its_worker(
    dsn: str, conn: Connection, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    committed = Holding.committed

    def note(self: Holding, claim: Any, answer: Any) -> None:
        answers.append(answer.result)
        committed(self, claim, answer)

    monkeypatch.setattr(Holding, "committed", note)

    class Chain(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            ctx.state["left"] -= 1
            here = self.sync if colour == "sync" else self.coloured
            return Next(here) if ctx.state["left"] else Done(ctx.state["left"])

    with running(dsn, [Chain], queues={"default": 1}) as worker:
        assert finished(conn, started(conn, Chain, colour, left=5)).result == 0
        until(lambda: worker._queues["default"].free == 1)  # A pick under way asks for the place.
    assert answers == ["continued"] * 4 + ["committed"]
    assert len(notes(conn)) == 5


@COLOURS
def test_a_claim_that_was_lost_takes_everything_back(
    dsn: str, conn: Connection, colour: str
) -> None:
    begun = threading.Event()
    with gate() as opened:

        class Waits(Writer):
            def then(self, ctx: Context[Any]) -> Outcome:
                begun.set()
                opened.wait(60)
                return Done()

        with running(dsn, [Waits]) as worker:
            instance = started(conn, Waits, colour)
            assert begun.wait(60)
            assert cancel(conn, instance) == 1
            opened.set()
            until(lambda: not worker.held())
    assert statuses(conn) == {"failed": 1}
    assert notes(conn) == []


@COLOURS
def test_a_busy_instance_lets_the_step_run_again(dsn: str, conn: Connection, colour: str) -> None:
    runs: list[int] = []

    class Counts(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            runs.append(ctx.attempt)
            ctx.state["runs"] = ctx.state.get("runs", 0) + 1
            return Done(ctx.state["runs"])

    @job()
    def other() -> None: ...

    begun = threading.Event()
    with gate() as opened:

        class Begins(Counts):
            def then(self, ctx: Context[Any]) -> Outcome:
                begun.set()
                opened.wait(60)
                return super().then(ctx)

        with running(dsn, [Begins, other], queues={"default": 1}):
            instance = started(conn, Begins, colour)
            assert begun.wait(60)
            with psycopg.connect(dsn) as client:
                signal(client, instance, "hello")
                opened.set()
                until(lambda: len(runs) > 2)
                # It has no place while it waits.
                assert finished(conn, other.enqueue(conn).id).status == "done"
                assert notes(conn) == []
            found = finished(conn, instance)
    # What an earlier run did to the state is forgotten, and none of them counts as an attempt.
    assert found.result == 1
    assert set(runs) == {0}
    assert len(notes(conn)) == 1


@COLOURS
def test_what_is_enqueued_and_signalled_there_happens_once(
    dsn: str, conn: Connection, colour: str
) -> None:
    target = enqueue(conn, "Other", delay=3600).id

    class Sends(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            enqueue(ctx.conn, "Created", delay=3600)
            signal(ctx.conn, target, "sent")
            return self.last(ctx)

        async def then_async(self, ctx: Context[Any]) -> Outcome:
            await enqueue(ctx.conn, "Created", delay=3600)
            await signal(ctx.conn, target, "sent")
            return self.last(ctx)

        def last(self, ctx: Context[Any]) -> Outcome:
            if ctx.attempt == 0:
                raise OSError
            return Done()

    with running(dsn, [Sends]):
        finished(conn, started(conn, Sends, colour))
    assert conn.execute("select count(*) from gd_instances where fsm = 'Created'").fetchone() == (
        1,
    )
    assert len(conn.execute("select * from gd_signals(%s)", (target,)).fetchall()) == 1


# Connections.


def own_pid(ctx: Context[Any]) -> int:
    return int(ctx.conn.info.backend_pid)


@COLOURS
def test_a_connection_that_is_lost_lets_the_step_run_again(
    dsn: str, conn: Connection, colour: str
) -> None:
    runs: list[int] = []

    class Loses(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            runs.append(ctx.attempt)
            if len(runs) == 1:
                conn.execute("select pg_terminate_backend(%s, 60000)", (own_pid(ctx),))
            return Done()

    with running(dsn, [Loses]):
        assert finished(conn, started(conn, Loses, colour)).status == "done"
    assert runs == [0, 0]
    assert len(notes(conn)) == 1


@COLOURS
def test_a_step_that_loses_its_connection_each_time_is_given_up(
    dsn: str, conn: Connection, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "_MOST_REPETITIONS", 2)
    runs: list[int] = []

    class Loses(Writer):
        retry = ONCE

        def then(self, ctx: Context[Any]) -> Outcome:
            runs.append(ctx.attempt)
            conn.execute("select pg_terminate_backend(%s, 60000)", (own_pid(ctx),))
            return Done()

    with running(dsn, [Loses]):
        found = finished(conn, started(conn, Loses, colour))
    assert found.status == "failed"
    assert found.error["type"].startswith("psycopg.")
    assert len(runs) == 3


def test_a_lost_answer_to_commit_is_no_second_execution(
    dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease_of = Transactions.lease
    lost: list[Lease] = []

    @contextmanager
    def losing(self: Transactions) -> Iterator[Lease]:
        with lease_of(self) as lease:
            yield lease
        if not lost:
            lost.append(lease)
            lease.broken = True
            raise psycopg.OperationalError("the answer is lost")

    monkeypatch.setattr(Transactions, "lease", losing)
    with running(dsn, [Writer]) as worker:
        assert finished(conn, started(conn, Writer, "sync")).status == "done"
        until(lambda: not worker.held())
    assert len(lost) == 1
    assert len(notes(conn)) == 1


@COLOURS
def test_a_connection_that_died_unused_is_replaced(dsn: str, conn: Connection, colour: str) -> None:
    pids: list[int] = []

    class Notes(Writer):
        retry = ONCE

        def then(self, ctx: Context[Any]) -> Outcome:
            pids.append(own_pid(ctx))
            return Done()

    with running(dsn, [Notes]) as worker:
        pool = worker._transactions
        for _ in range(2):
            finished(conn, started(conn, Notes, colour))
            until(lambda: pool._idle or pool._idle_async)
        conn.execute("select pg_terminate_backend(%s, 60000)", (pids[0],))
        assert finished(conn, started(conn, Notes, colour)).status == "done"
    assert pids[0] == pids[1] != pids[2]


@COLOURS
def test_without_a_connection_a_step_is_given_back(
    dsn: str, conn: Connection, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gendurable.holding._UNSTARTED_WAIT", 0.1)
    refused: list[str] = []
    method = "_connect" if colour == "sync" else "_connect_async"
    connect = getattr(Transactions, method)

    def refuse(self: Transactions) -> Any:
        if len(refused) < 3:
            refused.append("too many connections")
            raise psycopg.OperationalError("too many connections")
        return connect(self)

    monkeypatch.setattr(Transactions, method, refuse)
    with running(dsn, [Writer]):
        found = finished(conn, started(conn, Writer, colour))
    assert (found.status, found.attempt) == ("done", 0)
    assert len(refused) == 3


@COLOURS
def test_steps_beyond_the_connections_wait_for_one(
    dsn: str, conn: Connection, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "_MOST_CONNECTIONS", 3)
    pids: set[int] = set()

    class Sleeps(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            pids.add(own_pid(ctx))
            time.sleep(0.01)
            return Done()

    first = "sync" if colour == "sync" else "coloured"
    with running(dsn, [Sleeps], queues={"default": 20}):
        enqueue_many(conn, [Entry(Sleeps, {}, step=first) for _ in range(40)])
        until(lambda: statuses(conn) == {"done": 40})
    assert len(pids) <= 3
    assert len(notes(conn)) == 40


def test_what_a_step_sets_up_is_not_the_next_one_s(dsn: str, conn: Connection) -> None:
    rows: list[Any] = []

    class Dicts(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            rows.append(ctx.conn.execute("select 1 as one").fetchone())
            ctx.conn.row_factory = dict_row
            return Done()

    with running(dsn, [Dicts]) as worker:
        for _ in range(2):
            finished(conn, started(conn, Dicts, "sync"))
            until(lambda: worker._transactions._idle)
    assert rows == [(1,), (1,)]


@COLOURS
def test_a_worker_that_leaves_closes_its_connections(
    dsn: str, conn: Connection, colour: str
) -> None:
    pids: list[int] = []

    class Notes(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            pids.append(own_pid(ctx))
            return Done()

    with running(dsn, [Notes]):
        finished(conn, started(conn, Notes, colour))
    until(
        lambda: (
            conn.execute("select 1 from pg_stat_activity where pid = %s", (pids[0],)).fetchone()
            is None
        )
    )


# Mistakes.


def ends_it(ctx: Context[Any]) -> Outcome:
    ctx.conn.execute("commit")
    return Done()


def commits(ctx: Context[Any]) -> Outcome:
    ctx.conn.commit()
    return Done()


def catches(ctx: Context[Any]) -> Outcome:
    try:
        ctx.conn.execute("select 1 / 0")
    except psycopg.Error:
        return Done()
    return Stop()


def serializes(ctx: Context[Any]) -> Outcome:
    ctx.conn.execute("set transaction isolation level serializable")
    return Done()


def rolls_back(ctx: Context[Any]) -> Outcome:
    raise psycopg.Rollback


def answers_later(ctx: Context[Any]) -> Any:
    async def later() -> Outcome:
        return Done()

    return later()


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (ends_it, "OutcomeError: the step has ended the transaction of ctx.conn"),
        (commits, "ProgrammingError: Explicit commit() forbidden"),
        (catches, "OutcomeError: the transaction of ctx.conn has failed, and its error was caught"),
        (serializes, "IsolationError: "),
        (rolls_back, "OutcomeError: the step raised psycopg.Rollback"),
        (answers_later, "OutcomeError: step 'start' of mistake is transactional and answers with"),
    ],
)
def test_a_mistake_is_a_failed_step(
    dsn: str, conn: Connection, function: Callable[[Context[Any]], Any], said: str
) -> None:
    @job(transactional=True, retries=0, name="mistake")
    def mistake(ctx: Context[Any]) -> Any:
        return function(ctx)

    class Mistake(Machine[Any]):
        name = "mistake"
        retry = ONCE

        @step(transactional=True)
        def start(self, ctx: Context[Any]) -> Outcome:
            return function(ctx)  # type: ignore[no-any-return]

    with running(dsn, [Mistake]) as worker:
        found = finished(conn, enqueue(conn, "mistake").id)
        until(lambda: not worker.held())
    assert found.status == "failed"
    shown = f"{found.error['type'].rpartition('.')[2]}: {found.error['message']}"
    assert said in shown


def test_there_is_no_connection_outside_of_a_transactional_step(dsn: str, conn: Connection) -> None:
    kept: list[Context[Any]] = []

    class Plain(Machine[Any]):
        retry = ONCE

        @step(transactional=True)
        def start(self, ctx: Context[Any]) -> Outcome:
            kept.append(ctx)
            return Next(self.plain)

        @step
        def plain(self, ctx: Context[Any]) -> Outcome:
            ctx.conn.execute("select 1")
            return Done()

    with running(dsn, [Plain]):
        found = finished(conn, enqueue(conn, Plain).id)
    assert "mark it with @step(transactional=True)" in found.error["message"]
    with pytest.raises(UsageError, match=r"use ctx\.conn until it ends"):
        assert kept[0].conn


@COLOURS
def test_what_fails_at_commit_is_a_failed_step(dsn: str, conn: Connection, colour: str) -> None:
    conn.execute("create unique index on notes (id)")
    conn.execute("alter table notes add unique (note) deferrable initially deferred")
    conn.execute("insert into notes values (0, 'sync 0'), (-1, 'coloured 0')")
    with running(dsn, [Writer]):
        found = finished(conn, started(conn, Writer, colour))
    assert (found.status, found.attempt) == ("done", 1)
    assert len(notes(conn)) == 3


@COLOURS
def test_a_deadlock_between_two_steps_costs_neither_an_attempt(
    dsn: str, conn: Connection, colour: str
) -> None:
    conn.execute("insert into notes values (1, 'a'), (2, 'b')")
    barrier = threading.Barrier(2)
    first = set()

    class Crosses(Machine[Any]):
        retry = ONCE

        @step(transactional=True)
        def sync(self, ctx: Context[Any]) -> Outcome:
            for row in ctx.state["rows"]:
                ctx.conn.execute("update notes set note = note || 'x' where id = %s", (row,))
                self.meet(ctx)
            return Done(ctx.attempt)

        @step(transactional=True)
        async def coloured(self, ctx: Context[Any]) -> Outcome:
            for row in ctx.state["rows"]:
                await ctx.conn.execute("update notes set note = note || 'x' where id = %s", (row,))
                await asyncio.to_thread(self.meet, ctx)
            return Done(ctx.attempt)

        def meet(self, ctx: Context[Any]) -> None:
            if ctx.id not in first:
                first.add(ctx.id)
                barrier.wait(60)

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Stop()

    with running(dsn, [Crosses]):
        one = started(conn, Crosses, colour, rows=[1, 2])
        two = started(conn, Crosses, colour, rows=[2, 1])
        assert finished(conn, one).result == finished(conn, two).result == 0
    assert notes(conn) == ["axx", "bxx"] or sorted(notes(conn)) == ["axx", "bxx"]


# Time.


@COLOURS
def test_a_delay_counts_from_the_end_of_the_step(dsn: str, conn: Connection, colour: str) -> None:
    ended: list[datetime] = []

    class Slow(Writer):
        def then(self, ctx: Context[Any]) -> Outcome:
            time.sleep(0.5)
            ended.append(datetime.now(UTC))
            return Retry(100)

    with running(dsn, [Slow]):
        started(conn, Slow, colour)
        until(lambda: notes(conn))
    row = conn.execute("select eligible_at from gd_instances").fetchone()
    assert row is not None
    assert 99.9 < (row[0] - ended[0]).total_seconds() < 101


def test_only_a_delay_is_moved() -> None:
    entry = b'{"kind":"await","timeout_ms":1000,"state":{"delay_ms":5}}'
    assert json.loads(transactions._later(entry, 0.25)) == {
        "kind": "await",
        "timeout_ms": 1250,
        "state": {"delay_ms": 5},
    }
    # At once stays at once.
    assert transactions._later(b'{"delay_ms":0}', 5) == b'{"delay_ms":0}'


@COLOURS
def test_an_overdue_step_is_interrupted_in_its_query(
    dsn: str, conn: Connection, colour: str
) -> None:
    class Sleeps(Machine[Any]):
        retry = ONCE

        @step(transactional=True, timeout=0.1)
        def sync(self, ctx: Context[Any]) -> Outcome:
            ctx.conn.execute("select pg_sleep(60)")
            return Done()

        @step(transactional=True, timeout=0.1)
        async def coloured(self, ctx: Context[Any]) -> Outcome:
            await ctx.conn.execute("select pg_sleep(60)")
            return Done()

        @step
        def start(self, ctx: Context[Any]) -> Outcome:
            return Stop()

    with running(dsn, [Sleeps]) as worker:
        begun = time.monotonic()
        found = finished(conn, started(conn, Sleeps, colour))
        assert time.monotonic() - begun < execution._CLEAN_UP
        if colour == "sync":
            # The request to cancel might still be on its way.
            assert worker._transactions._idle == []
    assert found.error["type"] == "gendurable.errors.StepTimeoutError"


def test_a_cancelled_step_is_interrupted_in_its_query(dsn: str, conn: Connection) -> None:
    begun, ended = threading.Event(), threading.Event()

    @job(transactional=True)
    def work(ctx: Context[Any]) -> None:
        begun.set()
        try:
            ctx.conn.execute("select pg_sleep(60)")
        finally:
            ended.set()

    with running(dsn, [work], lease=1.5) as worker:
        instance = work.enqueue(conn).id
        assert begun.wait(60)
        cancel(conn, instance)
        assert ended.wait(30)
        until(lambda: not worker._runner.forsaken)


# The whole.

TRANSFERS = int(os.environ.get("GENDURABLE_TRANSFERS", "300"))
KILLS = max(3, TRANSFERS // 100)

BANK = """
from typing import Any
from gendurable import Context, Done, Machine, Next, Outcome, RetryPolicy, enqueue, job, step

class Transfer(Machine[Any]):
    retry = RetryPolicy(max_attempts=None, maximum=0.01)  # it is not to blame

    @step(transactional=True)
    def start(self, ctx: Context[Any]) -> Outcome:
        move(ctx.conn, "a", -ctx.state["amount"])
        move(ctx.conn, "b", ctx.state["amount"])
        ctx.conn.execute("insert into ledger values (%s)", (ctx.id,))
        return Next(self.tell)

    @step(transactional=True)
    async def tell(self, ctx: Context[Any]) -> Outcome:
        await enqueue(ctx.conn, receipt.entry(of=ctx.id))
        return Done()

def move(conn, account, amount):
    conn.execute("update accounts set balance = balance + %s where name = %s", (amount, account))

@job()
def receipt(of: int) -> int:
    return of
"""


def test_transfers_happen_once_whatever_is_killed(
    dsn: str, conn: Connection, tmp_path: Path
) -> None:
    """Two workers, one of them killed every second for a while."""
    module, log = tmp_path / "bank.py", tmp_path / "log"
    module.write_text(BANK)
    conn.execute("create table accounts (name text primary key, balance bigint)")
    conn.execute("insert into accounts values ('a', 1000000), ('b', 0)")
    conn.execute("create table ledger (transfer bigint)")
    amounts = [1 + number % 7 for number in range(TRANSFERS)]
    at_work = 0

    def worker() -> Any:
        return worker_process(dsn, module, log, "--queue", "default=8", "--lease", "3600")

    def done() -> bool:
        return statuses(conn) == {"done": 2 * TRANSFERS}

    with ExitStack() as stack:
        processes = [stack.enter_context(worker()) for _ in range(2)]
        until(lambda: conn.execute("select count(*) = 2 from gd_workers").fetchone() == (True,))
        for part in (amounts[at : at + 100] for at in range(0, TRANSFERS, 100)):
            enqueue_many(conn, [Entry("Transfer", {"amount": amount}) for amount in part])
        for kill in range(KILLS):
            time.sleep(1)
            at_work += not done()
            os.kill(processes[kill % 2].pid, signals.SIGKILL)
            processes[kill % 2].wait(60)
            processes[kill % 2] = stack.enter_context(worker())
        until(done, "every transfer is done", 60 + TRANSFERS / 20)
    assert at_work > 0
    balances = dict(conn.execute("select name, balance from accounts").fetchall())
    assert balances == {"a": 1000000 - sum(amounts), "b": sum(amounts)}
    assert conn.execute("select count(*), count(distinct transfer) from ledger").fetchone() == (
        TRANSFERS,
        TRANSFERS,
    )
    receipts = conn.execute(
        "select count(*), count(distinct result) from gd_instances where fsm = 'receipt'"
    ).fetchone()
    assert receipts == (TRANSFERS, TRANSFERS)


HEARD: list[Any] = []


class Announces(Machine[Any]):
    """Says something after its commit, and counts what is committed by then."""

    retry = RetryPolicy(max_attempts=1)

    @step(transactional=True)
    def start(self, ctx: Context[Any]) -> Outcome:
        ctx.conn.execute("insert into announced values (1)")
        ctx.after_commit(lambda: HEARD.append(("sync", self._count(ctx))))
        ctx.after_commit(lambda: 1 / 0)
        ctx.after_commit(lambda: HEARD.append("behind one that fails"))
        if ctx.state["fails"]:
            raise ValueError
        return Next(self.again)

    @step(transactional=True)
    async def again(self, ctx: Context[Any]) -> Outcome:
        await ctx.conn.execute("insert into announced values (1)")
        ctx.after_commit(lambda: HEARD.append(("async", self._count(ctx))))
        return Next(self.plain)

    @step
    def plain(self, ctx: Context[Any]) -> Outcome:
        with pytest.raises(UsageError, match="has no transaction"):
            ctx.after_commit(HEARD.clear)
        return Done()

    def _count(self, ctx: Context[Any]) -> Any:
        with psycopg.connect(ctx.state["dsn"]) as conn:
            return (conn.execute("select count(*) from announced").fetchone() or (0,))[0]


def test_what_waits_for_the_commit_is_called_once_it_is_there_and_before_the_next_step(
    conn: Connection, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    HEARD.clear()
    conn.execute("create table announced (one int)")
    failing = enqueue(conn, Announces, {"dsn": dsn, "fails": True}).id
    with running(dsn, [Announces]):
        assert finished(conn, failing).status == "failed"
        assert HEARD == []
        going = enqueue(conn, Announces, {"dsn": dsn, "fails": False}).id
        assert finished(conn, going).status == "done"
    assert HEARD == [("sync", 1), "behind one that fails", ("async", 2)]
    assert "after the commit of Announces" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_connection_that_dies_in_silence_before_its_transaction_begins_is_cut(
    dsn: str, tmp_path: Path
) -> None:
    selected: list[Any] = []

    def select() -> None:
        with pool.lease() as lease:
            selected.append(lease.conn.execute("select 1").fetchone())

    with closing(Proxy(dsn, tmp_path / "proxy")) as proxy:
        pool = Transactions(proxy.dsn, pooler=False, worker=lambda: None)
        select()
        proxy.kill_silently()
        thread = threading.Thread(target=select, daemon=True)
        thread.start()
        until(lambda: not pool._idle, "it begins on what was idle")
        pool.cut()
        thread.join(20)
        asyncio.run(pool.close())
    assert selected == [(1,), (1,)]


def test_an_async_connection_that_dies_in_silence_before_its_transaction_begins_is_cut(
    dsn: str, tmp_path: Path
) -> None:
    async def select(pool: Transactions) -> Any:
        async with pool.lease_async() as lease:
            return await (await lease.conn.execute("select 1")).fetchone()

    async def both() -> list[Any]:
        pool = Transactions(proxy.dsn, pooler=False, worker=lambda: None)
        first = await select(pool)
        proxy.kill_silently()
        task = asyncio.create_task(select(pool))
        await asyncio.to_thread(until, lambda: not pool._idle_async)
        pool.cut()
        second = await asyncio.wait_for(task, 20)
        await pool.close()
        return [first, second]

    with closing(Proxy(dsn, tmp_path / "proxy")) as proxy:
        assert asyncio.run(both()) == [(1,), (1,)]
