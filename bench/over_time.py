"""Whether the engine stays as fast as it starts: one load for minutes, with or without a disturbance.

Every ten seconds one line: instances/s, the time from enqueue to start, database CPU per instance,
sizes and dead rows. One worker process of 500 slots runs a machine of one step that does nothing; a
process of its own enqueues with gd_enqueue_many.

    python bench/over_time.py                                       10,000/s for ten minutes
    python bench/over_time.py --mode saturate --variant snapshot --seconds 180
    python bench/over_time.py --mode backlog --backlog 1000000
    python bench/over_time.py --mode burst --rate 2000 --seconds 240
    python bench/over_time.py --finished 10000000                   an archive of ten million
    python bench/over_time.py --engine raw --mode saturate          a bare table, claim and complete

Modes: `offered` enqueues `--rate` a second whatever happens, and the time to start counts from the
moment that the plan names; `saturate` keeps `--ready` waiting; `burst` offers ten times the rate for
a minute (or a quarter of the run) after a quarter of it; `backlog` enqueues `--backlog` and then
starts the worker.

Variants, from the beginning on: `snapshot` holds a REPEATABLE READ snapshot; `xid` is a transaction
that has written to a table of its own and idles; `enqueued` is one that has enqueued and idles;
`readers` are four that each hold a snapshot for a minute, one every 15 s.
"""

# ruff: noqa: E501  SQL and help texts are read best in one piece.

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import math
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

import psycopg
from common import create_database, drop_database, durable_server, install, one
from metering import BUCKETS, observe, percentile, server_cpu

import gendurable as gd

BATCH = 1000
TICK = 0.01
READER = 60.0
BURST = 10
MODES = ["offered", "saturate", "burst", "backlog"]
VARIANTS = ["plain", "snapshot", "xid", "enqueued", "readers"]

spawning = multiprocessing.get_context("spawn")


# What the processes share -------------------------------------------------------------------------


class Board:
    """Counts that processes share: what was sent, and of each worker what it started, and how soon."""

    def __init__(self, workers: int) -> None:
        self.produced = RawArray(ctypes.c_uint64, 1)
        self.started = [RawArray(ctypes.c_uint64, BUCKETS) for _ in range(workers)]

    @property
    def sent(self) -> int:
        return int(self.produced[0])

    def histogram(self) -> list[int]:
        return [sum(counts) for counts in zip(*(bytes_of(a) for a in self.started), strict=True)]

    @property
    def done(self) -> int:
        return sum(map(sum, map(bytes_of, self.started)))


def bytes_of(array: Any) -> memoryview:
    return memoryview(array).cast("B").cast("Q")


def end_with_parent() -> None:
    """A process that has lost the one that started it has nothing to do."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# Engines ------------------------------------------------------------------------------------------


class Gendurable:
    """This project, as one uses it."""

    name = "gendurable"
    schema = "gendurable"
    workers = "select count(*) from gd_workers"
    fill = """
        insert into gendurable.finished
            (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state)
        select nextval('gendurable.instances_id_seq'), now(), now(), 2, 0, 0, 1, false, 'noop', 'start', 'default', '{}'
        from generate_series(1, %s)"""

    @staticmethod
    def install(dsn: str) -> None:
        install(dsn)

    @staticmethod
    def enqueue(conn: psycopg.Connection, n: int, at: float) -> None:
        gd.enqueue_many(conn, [gd.Entry("noop", {"at": at}) for _ in range(n)])

    @staticmethod
    def work(dsn: str, started: Any, slots: int) -> None:
        clock = time.time

        class Noop(gd.Machine[dict[str, float]]):
            name = "noop"

            @gd.step
            async def start(self, ctx: gd.Context[dict[str, float]]) -> gd.Outcome:
                observe(started, clock() - ctx.state["at"])
                return gd.Done()

        gd.run_worker([Noop], dsn=dsn, queues={"default": slots}, drain=0.1)


class Raw:
    """A table, two statements a batch, no engine: what a queue of one's own would do."""

    name = "raw"
    schema = "public"
    workers = "select count(*) from pg_stat_activity where application_name = 'raw worker'"
    fill = "insert into jobs (status, payload) select 2, '{}' from generate_series(1, %s)"
    table = """
        create table jobs (id bigint generated always as identity primary key, status smallint not null default 0,
                           claimed_at timestamptz, done_at timestamptz, worker text, payload jsonb) with (
            fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
            autovacuum_vacuum_cost_delay = 0);
        create index on jobs (id) where status = 0"""
    put = "insert into jobs (payload) select jsonb_build_object('at', %s::float8) from generate_series(1, %s)"
    claim = """
        update jobs as j set status = 1, claimed_at = now(), worker = 'w'
        from (select id from jobs where status = 0 order by id for update skip locked limit %s) as s
        where j.id = s.id returning j.id, j.payload"""
    complete = "update jobs set status = 2, done_at = now() where id = any (%s)"

    @classmethod
    def install(cls, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute(cls.table)

    @classmethod
    def enqueue(cls, conn: psycopg.Connection, n: int, at: float) -> None:
        conn.execute(cls.put, [at, n])

    @classmethod
    def work(cls, dsn: str, started: Any, slots: int) -> None:
        with psycopg.connect(dsn, autocommit=True, application_name="raw worker") as conn:
            conn.prepare_threshold = 0
            while True:
                rows = conn.execute(cls.claim, [slots]).fetchall()
                now = time.time()
                for _, payload in rows:
                    observe(started, now - payload["at"])
                if rows:
                    conn.execute(cls.complete, [[row[0] for row in rows]])
                else:
                    time.sleep(0.002)


ENGINES: dict[str, type[Gendurable | Raw]] = {"gendurable": Gendurable, "raw": Raw}


# Load ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """One run, as the command line says it."""

    engine: str
    mode: str
    variant: str
    seconds: float
    rate: float
    ready: int
    backlog: int
    finished: int
    workers: int
    slots: int
    interval: float

    def offered(self, elapsed: float) -> float:
        """How many instances a second are to be enqueued at this moment."""
        quarter = self.seconds / 4
        bursting = self.mode == "burst" and quarter <= elapsed < quarter + min(60.0, quarter)
        return self.rate * (BURST if bursting else 1)


def produce(dsn: str, board: Board, plan: Plan) -> None:
    """The process that enqueues."""
    end_with_parent()
    engine = ENGINES[plan.engine]
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.prepare_threshold = 0
        start = time.time()

        def send(n: int, at: float) -> None:
            engine.enqueue(conn, n, at)
            board.produced[0] += n

        while plan.mode == "saturate":
            if board.sent - board.done < plan.ready:
                send(BATCH, time.time())
            else:
                time.sleep(0.002)
        while plan.mode == "backlog" and board.sent < plan.backlog:
            send(min(BATCH, plan.backlog - board.sent), time.time())
        tick = owed = 0.0
        while plan.mode in {"offered", "burst"}:
            tick += TICK
            owed += plan.offered(tick) * TICK
            if (ahead := start + tick - time.time()) > 0:
                time.sleep(ahead)
            if owed >= 1:
                send(int(owed), start + tick)
                owed -= int(owed)


def work(dsn: str, board: Board, number: int, plan: Plan) -> None:
    """A worker's process."""
    end_with_parent()
    ENGINES[plan.engine].work(dsn, board.started[number], plan.slots)


@contextlib.contextmanager
def running(target: Any, *args: Any) -> Iterator[BaseProcess]:
    process = spawning.Process(target=target, args=args, daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


# Disturbances -------------------------------------------------------------------------------------


@contextlib.contextmanager
def disturbed(dsn: str, plan: Plan) -> Iterator[None]:
    """For as long as the context lasts, the transactions of a variant are open."""
    over = threading.Event()
    with contextlib.ExitStack() as stack:
        stack.callback(over.set)
        if plan.variant in {"snapshot", "xid", "enqueued"}:
            conn = stack.enter_context(psycopg.connect(dsn))
            stack.callback(conn.rollback)
            if plan.variant == "snapshot":
                conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                conn.execute("select count(*) from pg_class")
            elif plan.variant == "xid":
                conn.execute("create table stranger ()")
            else:
                ENGINES[plan.engine].enqueue(conn, 1, time.time())
        if plan.variant == "readers":
            for n in range(4):
                thread = threading.Thread(target=read, args=[dsn, over, n * READER / 4])
                stack.callback(thread.join)
                thread.start()
            stack.callback(over.set)  # before they are joined
        yield


def read(dsn: str, over: threading.Event, first: float) -> None:
    """One of the readers: a snapshot for a minute, then the next one at once."""
    with psycopg.connect(dsn) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        over.wait(first)
        while not over.is_set():
            conn.execute("select count(*) from pg_class")
            over.wait(READER)
            conn.rollback()


# What is seen -------------------------------------------------------------------------------------

TABLES = """
    select s.relname, pg_relation_size(s.relid), pg_indexes_size(s.relid), s.n_dead_tup,
           s.vacuum_count + s.autovacuum_count
    from pg_stat_user_tables as s join pg_class as c on c.oid = s.relid
    where s.schemaname = %s and not c.relispartition and c.relkind = 'r'"""


@dataclass
class Sample:
    """What one interval was like. Milliseconds, microseconds of CPU for each instance, megabytes."""

    at: float
    rate: float
    sent: float
    waiting: int
    p50_ms: float
    p99_ms: float
    database_us: float
    worker_us: float
    heap_mb: float
    index_mb: float
    dead_rows: int
    vacuums: int
    tables: dict[str, list[int]] = field(default_factory=dict)
    histogram: list[int] = field(default_factory=list)


class Watch:
    """Takes a sample at each call; each is about the time since the one before."""

    HEAD = (
        "      s  done/s  sent/s  waiting    p50 ms    p99 ms  db µs  worker µs  heap MB  index MB"
        "  dead rows  vacuums"
    )

    def __init__(
        self, conn: psycopg.Connection, schema: str, board: Board, pids: list[int]
    ) -> None:
        self.conn, self.schema, self.board, self.pids = conn, schema, board, pids
        self.postmaster = int(
            Path(f"/proc/{conn.info.backend_pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
        )
        self.start = self.before = time.time()
        self.sent = board.sent
        self.histogram = board.histogram()
        self.cpu = self._cpu()

    def _cpu(self) -> tuple[float, float]:
        return server_cpu(self.postmaster), sum(map(server_cpu, self.pids))

    def sample(self) -> Sample:
        now, sent, histogram, cpu = (
            time.time(),
            self.board.sent,
            self.board.histogram(),
            self._cpu(),
        )
        took = now - self.before
        new = [b - a for a, b in zip(self.histogram, histogram, strict=True)]
        done = sum(new)
        tables = {row[0]: list(row[1:]) for row in self.conn.execute(TABLES, [self.schema])}
        heap, index, dead, vacuums = (sum(column) for column in zip(*tables.values(), strict=True))
        sample = Sample(
            at=now - self.start,
            rate=done / took,
            sent=(sent - self.sent) / took,
            waiting=max(0, sent - sum(histogram)),
            p50_ms=percentile(new, 50) * 1e3,
            p99_ms=percentile(new, 99) * 1e3,
            database_us=(cpu[0] - self.cpu[0]) * 1e6 / done if done else math.nan,
            worker_us=(cpu[1] - self.cpu[1]) * 1e6 / done if done else math.nan,
            heap_mb=heap / 1e6,
            index_mb=index / 1e6,
            dead_rows=dead,
            vacuums=vacuums,
            tables=tables,
            histogram=new,
        )
        self.before, self.sent, self.histogram, self.cpu = now, sent, histogram, cpu
        return sample


def line(s: Sample) -> str:
    return (
        f"{s.at:7.0f} {s.rate:7.0f} {s.sent:7.0f} {s.waiting:8d} {s.p50_ms:9.1f} {s.p99_ms:9.1f}"
        f" {s.database_us:6.1f} {s.worker_us:10.1f} {s.heap_mb:8.1f} {s.index_mb:9.1f} {s.dead_rows:10d} {s.vacuums:8d}"
    )


def summary(samples: Sequence[Sample], seconds: float) -> dict[str, float]:
    """The first minute beside the last one (or the first third beside the last)."""
    window = min(60.0, seconds / 3)
    ends = samples[-1].at if samples else 0.0
    first = [s for s in samples if s.at <= window + 1] or list(samples[:1])
    last = [s for s in samples if s.at > ends - window + 1] or list(samples[-1:])
    rates = [sum(s.rate for s in part) / len(part) for part in (first, last)]
    p99 = [
        percentile([sum(n) for n in zip(*(s.histogram for s in part), strict=True)], 99) * 1e3
        for part in (first, last)
    ]
    return {
        "window_s": window,
        "first_rate": rates[0],
        "last_rate": rates[1],
        "rate_ratio": rates[1] / rates[0] if rates[0] else math.nan,
        "first_p99_ms": p99[0],
        "last_p99_ms": p99[1],
        "p99_ratio": p99[1] / p99[0],
    }


# One run ------------------------------------------------------------------------------------------


def measure(dsn: str, plan: Plan) -> list[Sample]:
    """Prints a line for each interval."""
    engine = ENGINES[plan.engine]
    board = Board(plan.workers)
    samples: list[Sample] = []
    with contextlib.ExitStack() as stack:
        conn = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        if plan.finished:
            conn.execute(engine.fill, [plan.finished])
            conn.execute("vacuum analyze")
        if plan.mode == "backlog":
            with running(produce, dsn, board, plan) as producer:
                producer.join()
            conn.execute("vacuum analyze")
        conn.execute("checkpoint")
        stack.enter_context(disturbed(dsn, plan))
        workers = [
            stack.enter_context(running(work, dsn, board, n, plan)) for n in range(plan.workers)
        ]
        while one(conn, engine.workers) < plan.workers:
            if not all(process.is_alive() for process in workers):
                raise SystemExit("a worker has ended")
            time.sleep(0.01)
        watch = Watch(conn, engine.schema, board, [process.pid or 0 for process in workers])
        if plan.mode != "backlog":
            stack.enter_context(running(produce, dsn, board, plan))
        print(watch.HEAD, flush=True)
        while time.time() < watch.start + plan.seconds - 0.5:
            tick = watch.before + plan.interval
            while time.time() < tick and not (plan.mode == "backlog" and board.done >= board.sent):
                time.sleep(min(0.05, max(0.0, tick - time.time())))
            samples.append(watch.sample())
            print(line(samples[-1]), flush=True)
            if not all(process.is_alive() for process in workers):
                raise SystemExit("a worker has ended")
            if plan.mode == "backlog" and board.done >= board.sent:
                break
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dsn", help="a server; default: a throwaway one that keeps what it acknowledges"
    )
    parser.add_argument("--engine", choices=list(ENGINES), default="gendurable")
    parser.add_argument("--mode", choices=MODES, default="offered")
    parser.add_argument("--variant", choices=VARIANTS, default="plain")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument(
        "--rate", type=float, default=10_000, help="offered and burst: instances a second"
    )
    parser.add_argument(
        "--ready", type=int, default=5_000, help="saturate: how many wait all the time"
    )
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--finished", type=int, default=0, help="how many have finished before")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--slots", type=int, default=500, help="of each worker")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between two lines")
    parser.add_argument(
        "--out", type=Path, help="append the result to this file, as one line of JSON"
    )
    args = vars(parser.parse_args())
    dsn, out = args.pop("dsn"), args.pop("out")
    plan = Plan(**args)
    with durable_server(dsn) as admin:
        name = f"over_time_{os.getpid()}"
        fresh = create_database(admin, name)
        try:
            ENGINES[plan.engine].install(fresh)
            print(f"# {plan.engine}, {plan.mode}, {plan.variant}", flush=True)
            samples = measure(fresh, plan)
            version = server_version(fresh)
        finally:
            drop_database(admin, name)
    ends = summary(samples, plan.seconds)
    print(
        "# first {window_s:.0f} s {first_rate:.0f}/s, last {last_rate:.0f}/s: {rate_ratio:.2f};"
        " p99 {first_p99_ms:.1f} ms, {last_p99_ms:.1f} ms: {p99_ratio:.2f}".format(**ends)
    )
    if out is not None:
        record = {
            "suite": "over_time",
            "postgresql": version,
            "plan": asdict(plan),
            "summary": ends,
        }
        record["samples"] = [
            {k: v for k, v in asdict(s).items() if k != "histogram"} for s in samples
        ]
        with out.open("a") as file:
            file.write(json.dumps(record) + "\n")


def server_version(dsn: str) -> str:
    with psycopg.connect(dsn) as conn:
        return str(one(conn, "show server_version"))


if __name__ == "__main__":
    main()
