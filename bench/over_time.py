"""Whether the engine stays as fast as it starts: one load for minutes, with or without a disturbance.

Every ten seconds one line: instances/s, the time from enqueue to start, database CPU per instance,
sizes and dead rows. One worker process of 500 slots runs a machine of one step that does nothing; a
process of its own enqueues with gd_enqueue_many.

    python bench/over_time.py                                       10,000/s for ten minutes
    python bench/over_time.py --mode saturate --variant snapshot --seconds 180
    python bench/over_time.py --mode backlog --backlog 1000000
    python bench/over_time.py --mode burst --rate 2000 --seconds 240
    python bench/over_time.py --finished 10000000                   an archive of ten million
    python bench/over_time.py --all --out bench/results/over_time.jsonl
    python bench/over_time.py --engine raw-500 --mode saturate      a bare table, claim and complete

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
import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
from common import durable_server
from metering import parent_of, percentile, server_cpu
from peers import PEERS, Peer
from peers.base import Marks, running
from stage import Crew, Stage

BATCH = 1000
TICK = 0.01
READER = 60.0
BURST = 10
MODES = ["offered", "saturate", "burst", "backlog"]
OTHERS = ["raw-500", "graphile-worker", "pgqueuer"]
VARIANTS = ["plain", "snapshot", "xid", "enqueued", "readers"]


# Load ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """One run, as the command line says it."""

    engine: str = "gendurable"
    mode: str = "offered"
    variant: str = "plain"
    seconds: float = 600.0
    rate: float = 10_000
    ready: int = 5_000
    backlog: int = 1_000_000
    finished: int = 0
    workers: int = 1
    interval: float = 10.0

    def offered(self, elapsed: float) -> float:
        """How many instances a second are to be enqueued at this moment."""
        quarter = self.seconds / 4
        bursting = self.mode == "burst" and quarter <= elapsed < quarter + min(60.0, quarter)
        return self.rate * (BURST if bursting else 1)


def produce(peer: Peer, dsn: str, marks: Marks, sent: Marks, plan: Plan) -> None:
    """The process that enqueues. Every instance carries the moment from which its wait counts."""
    with peer.producer(dsn) as producer:
        start = time.time()

        def send(n: int, at: float) -> None:
            producer.enqueue_many("noop", [at] * n)
            sent.add(0, n, at)

        while plan.mode == "saturate":
            if sent.begun - marks.begun < plan.ready:
                send(BATCH, time.time())
            else:
                time.sleep(0.002)
        while plan.mode == "backlog" and sent.begun < plan.backlog:
            send(min(BATCH, plan.backlog - sent.begun), time.time())
        tick = owed = 0.0
        while plan.mode in {"offered", "burst"}:
            tick += TICK
            owed += plan.offered(tick) * TICK
            if (ahead := start + tick - time.time()) > 0:
                time.sleep(ahead)
            if owed >= 1:
                send(int(owed), start + tick)
                owed -= int(owed)


# Disturbances -------------------------------------------------------------------------------------


@contextlib.contextmanager
def disturbed(peer: Peer, dsn: str, variant: str) -> Iterator[None]:
    """For as long as the context lasts, the transactions of a variant are open."""
    over = threading.Event()
    with contextlib.ExitStack() as stack:
        if variant == "snapshot":
            conn = stack.enter_context(abandoned(dsn))
            conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            conn.execute("select count(*) from pg_class")
        elif variant == "xid":
            stack.enter_context(abandoned(dsn)).execute("create table stranger ()")
        elif variant == "enqueued":
            stack.enter_context(abandoned(dsn)).execute(peer.enqueue_one)
        elif variant == "readers":
            for n in range(4):
                thread = threading.Thread(target=read, args=[dsn, over, n * READER / 4])
                stack.callback(thread.join)
                thread.start()
            stack.callback(over.set)  # before they are joined
        yield


@contextlib.contextmanager
def abandoned(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection whose transaction never ends by itself."""
    with psycopg.connect(dsn) as conn:
        try:
            yield conn
        finally:
            conn.rollback()


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

# All tables but the archive, which only grows.
TABLES = """
    select s.relname, pg_relation_size(s.relid), pg_indexes_size(s.relid), s.n_dead_tup,
           s.vacuum_count + s.autovacuum_count
    from pg_stat_user_tables as s
    where s.schemaname = %s
    and s.relid not in (select inhrelid from pg_inherits
                        where inhparent = to_regclass('gendurable.finished'))"""


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

    def __init__(self, conn: psycopg.Connection, schema: str, crew: Crew, sent: Marks) -> None:
        self.conn, self.schema, self.crew, self.produced = conn, schema, crew, sent
        self.postmaster = parent_of(conn.info.backend_pid)
        self.start = self.before = time.time()
        self.sent = sent.begun
        self.histogram = crew.marks.histogram()
        self.cpu = self._cpu()

    def _cpu(self) -> tuple[float, float]:
        workers = sum(server_cpu(process.pid or 0) for process in self.crew.processes)
        return server_cpu(self.postmaster), workers

    def sample(self) -> Sample:
        now, sent, cpu = time.time(), self.produced.begun, self._cpu()
        histogram = self.crew.marks.histogram()
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


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """The first minute beside the last one (or the first third beside the last), and all of it."""
    ends = samples[-1].at
    window = min(60.0, ends / 3)
    begins = [0.0, *(s.at for s in samples)]
    first = [s for s in samples if s.at <= window * 1.05] or samples[:1]
    last = [s for s in samples if s.at > ends - window * 0.95] or samples[-1:]
    rates = [sum(s.rate for s in part) / len(part) for part in (first, last)]
    p99 = [
        percentile([sum(n) for n in zip(*(s.histogram for s in part), strict=True)], 99) * 1e3
        for part in (first, last)
    ]
    return {
        "rate": sum(s.rate * (s.at - a) for s, a in zip(samples, begins, strict=False)) / ends,
        "window_s": window,
        "first_rate": rates[0],
        "last_rate": rates[1],
        "rate_ratio": rates[1] / rates[0] if rates[0] else math.nan,
        "first_p99_ms": p99[0],
        "last_p99_ms": p99[1],
        "p99_ratio": p99[1] / p99[0],
    }


# One run ------------------------------------------------------------------------------------------


def measure(stage: Stage, plan: Plan) -> list[Sample]:
    """Prints a line for each interval."""
    peer = PEERS[plan.engine]()
    marks, sent = Marks(plan.workers, "span"), Marks(1)
    samples: list[Sample] = []
    with contextlib.ExitStack() as stack:
        dsn, conn = stack.enter_context(stage.database(peer))
        if plan.finished:
            conn.execute(peer.archive, [plan.finished])
            conn.execute("vacuum analyze")
        if plan.mode == "backlog":
            with running(produce, peer, dsn, marks, sent, plan) as producer:
                producer.join()
            conn.execute("vacuum analyze")
        conn.execute("checkpoint")
        stack.enter_context(disturbed(peer, dsn, plan.variant))
        crew = stack.enter_context(stage.crew(peer, dsn, "drain", plan.workers, marks))
        if plan.mode != "backlog":
            stack.enter_context(running(produce, peer, dsn, marks, sent, plan))
            crew.until(lambda: sent.begun > 0)
        watch = Watch(conn, peer.schema, crew, sent)
        crew.go()
        print(watch.HEAD, flush=True)

        def drained() -> bool:
            return plan.mode == "backlog" and marks.begun >= sent.begun

        while time.time() < watch.start + plan.seconds - 0.5 and not drained():
            tick = watch.before + plan.interval
            crew.until(lambda: drained() or time.time() >= tick, every=0.02)  # noqa: B023
            samples.append(watch.sample())
            print(line(samples[-1]), flush=True)
    return samples


def run(stage: Stage, plan: Plan, out: Path | None) -> None:
    """One plan: prints, and appends its result to a file."""
    print(f"# {plan.engine}, {plan.mode}, {plan.variant}", flush=True)
    samples = measure(stage, plan)
    ends = summary(samples)
    print(
        "# {rate:.0f}/s; first {window_s:.0f} s {first_rate:.0f}/s, last {last_rate:.0f}/s: {rate_ratio:.2f};"
        " p99 {first_p99_ms:.1f} ms, {last_p99_ms:.1f} ms: {p99_ratio:.2f}".format(**ends),
        flush=True,
    )
    if out is not None:
        shown = [asdict(s) for s in samples]
        for sample in shown:
            del sample["histogram"]
        for sample in shown[:-1]:
            del sample["tables"]
        record = {"plan": asdict(plan), "summary": ends, "samples": shown}
        with out.open("a") as file:
            file.write(json.dumps(record) + "\n")


def every_plan(seconds: float, backlog: int) -> list[Plan]:
    """What `make bench-full` runs: every load and disturbance, and what others make of the hardest."""
    plans = [
        Plan(mode=mode, variant=variant, seconds=seconds)
        for mode in ("offered", "saturate")
        for variant in VARIANTS
    ]
    plans += [
        Plan(engine=engine, mode="saturate", variant=variant, seconds=seconds)
        for engine in OTHERS
        if PEERS[engine]().missing() is None
        for variant in ("plain", "snapshot")
    ]
    plans += [
        Plan(mode="backlog", variant=variant, seconds=seconds, backlog=backlog)
        for variant in ("plain", "snapshot")
    ]
    plans.append(Plan(mode="burst", rate=2_000, seconds=min(seconds, 240.0)))
    plans.append(Plan(finished=10 * backlog, seconds=min(seconds, 180.0)))
    return plans


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    able = [name for name, peer in PEERS.items() if "drain" in peer.workloads]
    add = parser.add_argument
    add("--all", action="store_true", help="every load and disturbance that the report shows")
    add("--runs", type=int, default=1, help="of each plan")
    add(
        "--dsn",
        help="a server of this machine; default: a throwaway one that keeps what it acknowledges",
    )
    add("--engine", choices=able, default=Plan.engine)
    add("--mode", choices=MODES, default=Plan.mode)
    add("--variant", choices=VARIANTS, default=Plan.variant)
    add("--seconds", type=float, default=Plan.seconds)
    add("--rate", type=float, default=Plan.rate, help="offered and burst: instances a second")
    add("--ready", type=int, default=Plan.ready, help="saturate: how many wait all the time")
    add("--backlog", type=int, default=Plan.backlog)
    add("--finished", type=int, default=Plan.finished, help="how many have finished before")
    add("--workers", type=int, default=Plan.workers)
    add("--interval", type=float, default=Plan.interval, help="seconds between two lines")
    add("--out", type=Path, help="append the result to this file, as one line of JSON")
    return parser


def main() -> None:
    args = vars(parser().parse_args())
    dsn, out = args.pop("dsn"), args.pop("out")
    runs, everything = args.pop("runs"), args.pop("all")
    plans = every_plan(args["seconds"], args["backlog"]) if everything else [Plan(**args)]
    with durable_server(dsn) as admin, Stage(admin) as stage:
        for plan in plans * runs:
            run(stage, plan, out)
            stage.forget()


if __name__ == "__main__":
    main()
