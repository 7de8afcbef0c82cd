"""A table and two statements a batch, no engine: what the server itself allows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import psycopg

from peers.base import Peer, Post, Producer, Receipt

__all__ = ["Raw100", "Raw500"]

TABLE = """
    create table jobs (
        id bigint generated always as identity primary key,
        status smallint not null default 0,
        claimed_at timestamptz, done_at timestamptz, worker text, payload jsonb
    ) with (
        fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0
    );
    create index on jobs (id) where status = 0"""
PUT = """
    insert into jobs (payload)
    select jsonb_build_object('i', i) from unnest(%s::float8[]) as i returning id"""
CLAIM = """
    update jobs set status = 1, claimed_at = now(), worker = 'w'
    where id = any (array(select id from jobs where status = 0 order by id
                          for update skip locked limit %s))
    returning id, payload"""
DONE = "update jobs set status = 2, done_at = now() where id = any (%s)"


class Client(Producer):
    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def enqueue_many(self, kind: str, numbers: Sequence[float]) -> None:
        for first in range(0, len(numbers), 1000):
            self.conn.execute(PUT, [[float(n) for n in numbers[first : first + 1000]]])

    def enqueue(self, kind: str, number: float) -> Receipt:
        row = self.conn.execute(PUT, [[float(number)]]).fetchone()
        assert row is not None
        return Receipt(row[0], time.time())


class Raw(Peer):
    workloads = frozenset({"drain", "enqueue"})
    finished = "select count(*) from jobs where status = 2"
    finished_one = "select status = 2 from jobs where id = %s"

    enqueue_one = "insert into jobs (payload) values ('{\"i\": 0}')"
    archive = "insert into jobs (status, payload) select 2, '{}' from generate_series(1, %s)"
    bound = True

    def install(self, dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute(TABLE)

    @contextlib.contextmanager
    def producer(self, dsn: str) -> Iterator[Producer]:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.prepare_threshold = 0
            yield Client(conn)

    def work(self, post: Post) -> None:
        mark = post.mark()
        with psycopg.connect(post.dsn, autocommit=True) as conn:
            conn.prepare_threshold = 0
            conn.execute("set enable_seqscan = off")  # a plan of the empty table is kept
            post.wait()
            while True:
                rows = conn.execute(CLAIM, [post.options["batch"]]).fetchall()
                for _, payload in rows:
                    mark(payload["i"])
                if rows:
                    conn.execute(DONE, [[row[0] for row in rows]])
                else:
                    time.sleep(0.002)


class Raw100(Raw):
    name = "raw-100"
    settings: ClassVar[dict[str, dict[str, Any]]] = {"": {"batch": 100}}
    notes = "no engine, the server's own limit: claim 100 rows of a bare table, complete them"


class Raw500(Raw):
    name = "raw-500"
    workloads = frozenset({"drain"})
    settings: ClassVar[dict[str, dict[str, Any]]] = {"": {"batch": 500}}
    notes = "the same with 500"
