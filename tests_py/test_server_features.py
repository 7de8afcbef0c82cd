"""What a server may be used for beside the engine: logical replication, two-phase commit."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from database import create_database, own_cluster
from gendurable import (
    cancel,
    cancel_many,
    enqueue,
    job,
    retry,
    retry_many,
    set_concurrency_limit,
    set_history,
    signal,
    watch,
)
from gendurable.install import install
from support import Connection, finished, running, statuses, until

if TYPE_CHECKING:
    from collections.abc import Iterator


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The maintenance database of a server that can replicate and prepare transactions."""
    with own_cluster(wal_level="logical", max_prepared_transactions="10") as dsn:
        yield dsn


@pytest.fixture
def there(cluster: str) -> str:
    """A database on it with the engine."""
    dsn = create_database(cluster, f"engine_{next(_numbers)}")
    install(dsn)
    return dsn


def connected(dsn: str) -> Connection:
    return psycopg.connect(dsn, autocommit=True)


def one(conn: Connection, query: str, *parameters: object) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def do_everything(conn: Connection) -> None:
    """A little of all that updates or deletes rows."""
    machines = '{"machines": [{"fsm": "M", "version": 1}]}'
    worker = one(conn, "select gd_register('w', info => %s)", machines)
    other = one(conn, "select gd_register('stays', info => %s)", machines)

    def step(kind: str, **more: Any) -> list[int]:
        picked = conn.execute("select id, fence from gd_pick(%s, 'default', 9)", (worker,))
        outcomes = [{"id": i, "fence": f, "kind": kind} | more for i, f in picked.fetchall()]
        assert outcomes, f"there is something to {kind}"
        answers = conn.execute(
            "select result from gd_commit(%s, %s)", (worker, json.dumps(outcomes))
        )
        assert {row[0] for row in answers} == {"committed"}
        return [outcome["id"] for outcome in outcomes]

    conn.execute("select gd_set_rate_limit('r', 100, '1 s')")
    entry = {"fsm": "M", "concurrency_key": "k", "rate_limit": "r", "correlation_key": "c"}
    conn.execute("select gd_enqueue_many(%s)", (json.dumps([entry, {"fsm": "N"}] * 2),))
    conn.execute("select gd_enqueue('M', concurrency_key => 'k')")
    step("await", names=["go"])
    conn.execute("select gd_signal('c', 'go', dedup_key => 'd')")
    step("next", step="s")
    failed = step("stop")
    for each in (worker, other, other):
        conn.execute("select * from gd_heartbeat(%s, '{}')", (each,))
    for _ in range(2):
        conn.execute("select * from gd_maintain()")
    for target in failed:
        assert one(conn, "select gd_retry(%s)", target) == "retried"
    step("stop")
    conn.execute("select gd_cancel(id) from gd_instances where status <> 'failed'")
    conn.execute("select gd_pause('q'), gd_resume('q'), gd_drop_rate_limit('r')")
    conn.execute("select gd_set_concurrency_limit('k', 2), gd_drop_concurrency_limit('k')")
    conn.execute("select gd_set_retention('1 hour', '2 hours'), gd_unregister(%s)", (worker,))


@pytest.mark.parametrize("through_root", ["true", "false"])
def test_a_publication_of_all_tables_stops_nothing(there: str, through_root: str) -> None:
    with connected(there) as conn:
        conn.execute(
            "create publication p for all tables"
            f" with (publish_via_partition_root = {through_root})"
        )
        do_everything(conn)
        assert one(conn, "select gd_gc('0')") > 0


EVERYTHING = """
    select jsonb_build_object(
        'archive', (select jsonb_agg(to_jsonb(a) order by a.id) from gendurable.archive as a),
        'instances', (select jsonb_agg(to_jsonb(i) order by i.id) from gendurable.instances as i),
        'doorbells', (select jsonb_agg(to_jsonb(d) order by d.key) from gendurable.doorbells as d),
        'keys', (select jsonb_agg(to_jsonb(k)) from gendurable.correlation_keys as k),
        'workers', (select jsonb_agg(to_jsonb(w) order by w.id) from gendurable.workers as w),
        'leases', (select jsonb_agg(to_jsonb(l) order by l.worker_id) from gendurable.leases as l),
        'machines', (select jsonb_agg(to_jsonb(m) order by m.fsm) from gendurable.machines as m),
        'versions', (select jsonb_agg(to_jsonb(v) order by v.fsm) from gendurable.versions as v),
        'retention', (select to_jsonb(r) from gendurable.retention as r))"""

OLD = """
    insert into gendurable.finished
        (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
         queue, state)
    select n, now(), '2020-01-01 12:00+00', 1, 0, 0, 1, n = 1000, 'm', 's', 'q', '{}'
    from generate_series(1000, 1003) as n"""


def test_a_subscriber_follows_through_new_partitions_and_what_moves(
    cluster: str, there: str
) -> None:
    copy = create_database(cluster, "subscriber")
    install(copy)
    with connected(there) as conn, connected(copy) as other:
        conn.execute("select gd_enqueue('first')")
        conn.execute("create publication p for all tables with (publish_via_partition_root = true)")
        conn.execute("select pg_create_logical_replication_slot('s', 'pgoutput')")
        query = "create subscription s connection '{}' publication p with (create_slot = false)"
        other.execute(query.format(there))
        try:
            followed(conn, other)
            do_everything(conn)
            followed(conn, other)
            # A partition that only the publisher has; what it holds moves when it is over.
            conn.execute(
                "create table gendurable.old (like gendurable.finished);"
                "alter table gendurable.finished attach partition gendurable.old"
                " for values from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00')"
            )
            conn.execute(OLD)
            followed(conn, other)
            conn.execute("select gd_set_retention('1 hour', '100 years')")
            conn.execute("select * from gd_maintain()")
            assert one(conn, "select count(*) from gendurable.kept") >= 1
            followed(conn, other)
            assert one(conn, "select gd_retry(1000)") == "retried"
            followed(conn, other)
        finally:
            other.execute("alter subscription s disable")
            other.execute("alter subscription s set (slot_name = none)")
            other.execute("drop subscription s")
            until(
                lambda: one(conn, "select not active from pg_replication_slots"),
                "the slot is free",
            )
            conn.execute("select pg_drop_replication_slot('s')")


def followed(conn: Connection, other: Connection) -> None:
    until(lambda: one(conn, EVERYTHING) == one(other, EVERYTHING), "the subscriber has it all")


def test_what_a_prepared_transaction_makes_runnable_is_found_by_polling(there: str) -> None:
    """PREPARE TRANSACTION refuses what has notified, and a worker that sleeps is notified."""

    @job()
    def work() -> str:
        return "ok"

    with connected(there) as conn, running(there, [work], poll=0.2):
        until(lambda: one(conn, "select bool_or(idle_queues <> '{}') from gendurable.leases"))
        conn.execute("begin")
        created = work.enqueue(conn)
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            conn.execute("prepare transaction 'refused'")
        conn.execute("rollback")
        conn.execute("begin")
        conn.execute("set local gendurable.notify = off")
        created = work.enqueue(conn)
        conn.execute("prepare transaction 'prepared'")
        assert statuses(conn) == {}
        conn.execute("commit prepared 'prepared'")
        assert finished(conn, created.id).result == "ok"
        work.enqueue(conn)
        until(lambda: statuses(conn) == {"done": 2})


def test_every_call_of_an_application_can_be_prepared(there: str) -> None:
    with connected(there) as conn:
        worker = one(conn, "select gd_register('w')")
        failed = enqueue(conn, "M")
        cancel(conn, failed.id)
        enqueue(conn, "M", correlation_key="c", concurrency_key="k", delay=3600)
        assert one(conn, "select count(*) from gd_pick(%s, 'default', 1)", worker) == 0
        assert one(conn, "select idle_queues from gendurable.leases") == ["default"]
        conn.execute("begin")
        conn.execute("set local gendurable.notify = off")
        enqueue(conn, "M", concurrency_key="k")
        signal(conn, "c", "go")
        set_concurrency_limit(conn, "k", 2)
        conn.execute("select gd_pause('q'), gd_resume('q'), gd_set_rate_limit('r', 1, '1 s')")
        assert retry(conn, failed.id) == "retried"
        watch(conn, "c")
        assert cancel_many(conn, [failed.id]) == ["cancelled"]
        assert retry_many(conn, [failed.id]) == ["retried"]
        cancel(conn, "c")
        set_history(conn, "M", "steps")
        conn.execute("prepare transaction 'all'")
        conn.execute("commit prepared 'all'")
        assert one(conn, "select count(*) from gd_pick(%s, 'default', 9)", worker) == 2
