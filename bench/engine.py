"""What the engine costs: database CPU, WAL and rows a second, without a worker around it.

Plain connections call gd_enqueue, gd_enqueue_many, gd_pick, gd_commit and gd_signal; a raw
claim-and-complete loop and bare inserts on a table of their own run beside them in the same run.
Machines are noisy, so what counts are the ratios: workloads take turns, and medians are printed.

    python bench/engine.py                                  everything
    python bench/engine.py --connections 1 --batches 100 --profile keyed
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
from common import Meter, engine_database, one
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

KEYS = 10_000
KINDS = [f"F{n}" for n in range(10)]
CHAIN = 90  # steps run ahead in one claim: less than the budget of 99

RAW_CLAIM = """
    with c as (
        update jobs as j set status = 1, claimed_at = now(), worker = 'w'
        from (select id from jobs where status = 0 order by id for update skip locked limit %s) as s
        where j.id = s.id returning j.id)
    select array_agg(id) from c"""
RAW_DONE = "update jobs set status = 2, done_at = now() where id = any (%s)"
RAW_TABLE = """
    create table jobs (id bigint primary key, status smallint not null default 0,
                       claimed_at timestamptz, done_at timestamptz, worker text, payload jsonb);
    create index on jobs (id) where status = 0;
    insert into jobs (id, payload) select g, '{"k": 1}' from generate_series(1, %s) as g;"""
PICK = "select id, fence, state from gd_pick(%s, 'default', %s)"
COMMIT = "select id, fence, result from gd_commit(%s, %s::jsonb)"
PROFILE = """
    select calls, round(total_exec_time::numeric, 1), round(rows::numeric / greatest(calls, 1), 1),
           regexp_replace(query, '\\s+', ' ', 'g')
    from pg_stat_statements as s join pg_database as d on d.oid = s.dbid
    where d.datname = current_database() and query not like '%pg_stat_statements%'
    order by total_exec_time desc limit 25"""

Connection = psycopg.Connection
Row = tuple[Any, ...]


class Setting(NamedTuple):
    connections: int
    batch: int
    rows: int


class Result(NamedTuple):
    units: int
    rate: float
    cpu: float
    wal: float


class Workload(NamedTuple):
    prepare: Callable[[Connection, Setting], None]
    loop: Callable[[Connection, Setting, int], int]  # the number of units that it did
    worker: bool = True
    machines: list[str] | None = None  # what the worker declares; None: it can run everything


def enqueue(conn: Connection, n: int, entry: Callable[[int], dict[str, object]]) -> None:
    for first in range(0, n, 1000):
        entries = [entry(i) for i in range(first, min(n, first + 1000))]
        conn.execute("select count(*) from gd_enqueue_many(%s)", [json.dumps(entries)])


def plain(i: int) -> dict[str, object]:
    return {"fsm": "F", "state": {"k": i}}


def prepare_raw(conn: Connection, s: Setting) -> None:
    conn.execute(RAW_TABLE.replace("%s", str(s.rows)).encode())


def prepare_empty(conn: Connection, s: Setting) -> None:
    prepare_raw(conn, s._replace(rows=0))


def prepare_plain(conn: Connection, s: Setting) -> None:
    enqueue(conn, s.rows, plain)


def prepare_keyed(conn: Connection, s: Setting) -> None:
    enqueue(conn, s.rows, lambda i: plain(i) | {"concurrency_key": f"key:{i % KEYS}"})


def prepare_kinds(conn: Connection, s: Setting) -> None:
    enqueue(conn, s.rows, lambda i: plain(i) | {"fsm": KINDS[i % len(KINDS)]})


def prepare_rated(conn: Connection, s: Setting) -> None:
    conn.execute("select gd_set_rate_limit('mail', 1e9, '1 s')")
    enqueue(conn, s.rows, lambda i: plain(i) | {"rate_limit": "mail"})


def prepare_noted(conn: Connection, s: Setting) -> None:
    conn.execute("select gd_set_history(null, 'steps')")
    conn.execute("select count(*) from gd_maintain()")
    prepare_ahead(conn, s)


def prepare_unnoted(conn: Connection, s: Setting) -> None:
    conn.execute("select gd_set_history(null, 'none')")
    prepare_plain(conn, s)


def prepare_ahead(conn: Connection, s: Setting) -> None:
    enqueue(conn, max(s.rows, s.batch * s.connections), plain)


def prepare_nothing(conn: Connection, s: Setting) -> None:
    pass


def prepare_parked(conn: Connection, s: Setting) -> None:
    prepare_plain(conn, s._replace(rows=s.rows // 4))
    worker = one(conn, "select gd_register('parker', lease => '1 hour')")
    while rows := conn.execute(PICK, [worker, 1000]).fetchall():
        outcomes = [{"id": r[0], "fence": r[1], "kind": "await", "names": ["go"]} for r in rows]
        conn.execute(COMMIT, [worker, json.dumps(outcomes)])


def loop_raw(conn: Connection, s: Setting, worker: int) -> int:
    done = 0
    while ids := one(conn, RAW_CLAIM, [s.batch]):
        conn.execute(RAW_DONE, [ids])
        done += len(ids)
    return done


def commit(conn: Connection, worker: int, outcomes: list[dict[str, Any]]) -> list[Row]:
    """Commits, offering again what a pick of another session has locked for a moment."""
    answers: list[Row] = []
    while outcomes:
        rows = conn.execute(COMMIT, [worker, json.dumps(outcomes)]).fetchall()
        answers += [row for row in rows if row[2] != "busy"]
        outcomes = [o for o, row in zip(outcomes, rows, strict=True) if row[2] == "busy"]
    return answers


def loop_steps(conn: Connection, s: Setting, worker: int) -> int:
    done = empty = 0
    while empty < 5:
        rows = conn.execute(PICK, [worker, s.batch]).fetchall()
        if not rows:
            empty += 1
            time.sleep(0.002 * (s.connections > 1))
            continue
        outcomes = [{"id": r[0], "fence": r[1], "kind": "done", "result": {"ok": 1}} for r in rows]
        commit(conn, worker, outcomes)
        done += len(rows)
        empty = 0
    return done


def loop_ahead(conn: Connection, s: Setting, worker: int) -> int:
    rows = conn.execute(PICK, [worker, s.batch]).fetchall()
    for k in range(CHAIN):
        outcomes = [
            {
                "id": r[0],
                "fence": r[1],
                "kind": "next",
                "step": f"s{k}",
                "state": {"k": k},
                "continue": True,
            }
            for r in rows
        ]
        rows = commit(conn, worker, outcomes)
        assert all(row[2] == "continued" for row in rows)
    return CHAIN * len(rows)


def loop_enqueue(conn: Connection, s: Setting, worker: int) -> int:
    share = s.rows // s.connections
    for first in range(0, share, s.batch):
        entries = [plain(i) for i in range(first, min(share, first + s.batch))]
        conn.execute("select ord, id from gd_enqueue_many(%s)", [json.dumps(entries)]).fetchall()
    return share


def loop_insert(conn: Connection, s: Setting, worker: int) -> int:
    share = s.rows // 4 // s.connections
    insert = "insert into jobs (id, payload) values (%s, '{\"k\": 1}')"
    for i in range(share):
        conn.execute(insert, [worker * share + i])
    return share


def loop_enqueue_one(conn: Connection, s: Setting, worker: int) -> int:
    share = s.rows // 4 // s.connections
    for _ in range(share):
        conn.execute("select id, duplicate from gd_enqueue('bench', '{\"k\": 1}')").fetchall()
    return share


def loop_signal(conn: Connection, s: Setting, worker: int) -> int:
    share = s.rows // 4 // s.connections
    for i in range(share):
        conn.execute("select gd_signal(%s::bigint, 'go', '{\"a\": 1}')", [worker * share + i + 1])
    return share


def loop_signals(conn: Connection, s: Setting, worker: int) -> int:
    share = s.rows // 4 // s.connections
    for first in range(0, share, s.batch):
        entries = [
            {"id": worker * share + i + 1, "name": "go", "payload": {"a": 1}}
            for i in range(first, min(share, first + s.batch))
        ]
        conn.execute("select * from gd_signal_many(%s)", [json.dumps(entries)]).fetchall()
    return share


WORKLOADS = {
    "raw": Workload(prepare_raw, loop_raw, worker=False),
    "plain": Workload(prepare_plain, loop_steps),
    "ten kinds": Workload(prepare_kinds, loop_steps, machines=KINDS),
    "keyed": Workload(prepare_keyed, loop_steps),
    "rated": Workload(prepare_rated, loop_steps),
    "ahead": Workload(prepare_ahead, loop_ahead),
    "unnoted": Workload(prepare_unnoted, loop_steps),
    "noted": Workload(prepare_noted, loop_steps),
    "noted ahead": Workload(prepare_noted, loop_ahead),
    "insert": Workload(prepare_empty, loop_insert, worker=False),
    "enqueue one": Workload(prepare_nothing, loop_enqueue_one, worker=False),
    "enqueue": Workload(prepare_nothing, loop_enqueue, worker=False),
    "signal": Workload(prepare_parked, loop_signal, worker=False),
    "signals": Workload(prepare_parked, loop_signals, worker=False),
}


def run(admin: str, template: str, name: str, s: Setting, *, profile: bool = False) -> Result:
    """One workload on a fresh copy of the database with the engine."""
    copy = sql.Identifier(f"{template}_run")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database if exists {} with (force)").format(copy))
        create = sql.SQL("create database {} template {}")
        conn.execute(create.format(copy, sql.Identifier(template)))
    dsn = make_conninfo(admin, dbname=f"{template}_run")
    with contextlib.ExitStack() as stack:
        control = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        WORKLOADS[name].prepare(control, s)
        control.execute("vacuum analyze")
        control.execute("checkpoint")
        conns = [
            stack.enter_context(psycopg.connect(dsn, autocommit=True)) for _ in range(s.connections)
        ]
        if profile:
            control.execute("create extension if not exists pg_stat_statements")
            control.execute("select pg_stat_statements_reset()")
            for conn in conns:
                conn.execute("set pg_stat_statements.track = 'all'")
        result = measure(control, conns, WORKLOADS[name], s)
        if profile:
            for row in control.execute(PROFILE.encode()).fetchall():
                print(f"{row[0]:8d} calls {row[1]:9} ms {row[2]:8} rows  {row[3][:150]}")
    return result


def register(conn: Connection, machines: list[str] | None) -> Any:
    declared = None if machines is None else [{"fsm": f, "version": 1} for f in machines]
    info = json.dumps({"machines": declared})
    return one(conn, "select gd_register('bench', lease => '1 hour', info => %s)", [info])


def measure(control: Connection, conns: list[Connection], work: Workload, s: Setting) -> Result:
    workers = list(range(s.connections))
    for n, conn in enumerate(conns):
        conn.prepare_threshold = 0
        if work.worker:
            workers[n] = register(conn, work.machines)
    done = [0] * s.connections

    def turn(n: int) -> None:
        done[n] = work.loop(conns[n], s, workers[n])

    threads = [threading.Thread(target=turn, args=[n]) for n in range(s.connections)]
    meter = Meter(control, [conn.info.backend_pid for conn in conns])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meter.stop()
    units = sum(done)
    return Result(units, units / meter.wall, meter.cpu * 1e6 / units, meter.wal / units)


def median(results: list[Result]) -> Result:
    return Result(*(statistics.median(column) for column in zip(*results, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dsn", help="a server; default: a throwaway one")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--connections", default="1,2,4")
    parser.add_argument("--batches", default="10,100,500")
    parser.add_argument("--only", default=",".join(WORKLOADS))
    parser.add_argument("--profile", help="run this workload once and print its statements")
    args = parser.parse_args()

    with engine_database("gendurable_engine", args.dsn) as dsn:
        template = str(conninfo_to_dict(dsn)["dbname"])
        admin = make_conninfo(dsn, dbname="postgres")
        try:
            for connections in map(int, args.connections.split(",")):
                for batch in map(int, args.batches.split(",")):
                    setting = Setting(connections, batch, args.rows)
                    if args.profile:
                        print(run(admin, template, args.profile, setting, profile=True))
                        continue
                    compare(admin, template, args.only.split(","), setting, args.runs)
        finally:
            with psycopg.connect(admin, autocommit=True) as conn:
                name = sql.Identifier(f"{template}_run")
                conn.execute(sql.SQL("drop database if exists {} with (force)").format(name))


def compare(admin: str, template: str, names: list[str], setting: Setting, runs: int) -> None:
    results: defaultdict[str, list[Result]] = defaultdict(list)
    for _ in range(runs):
        for name in names:
            results[name].append(run(admin, template, name, setting))
    print(f"\n{setting.connections} connections, batch {setting.batch}, {setting.rows} rows")
    print("              rows/s  of raw   CPU µs  of plain   WAL B")
    raw = median(results["raw"]).rate if "raw" in results else float("nan")
    cpu = median(results["plain"]).cpu if "plain" in results else float("nan")
    for name in names:
        r = median(results[name])
        print(
            f"{name:11s} {r.rate:8.0f} {r.rate / raw:7.2f} {r.cpu:8.1f} {r.cpu / cpu:9.2f}"
            f" {r.wal:7.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
