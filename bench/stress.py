"""Randomised stress of the engine with many real sessions, checked by the database itself.

Workers, clients, administrators, maintenance and a killer act at random on a database whose
triggers keep books (stress.sql). The invariants are looked at all the time; at the end everything
has to drain without the help of any sweep, and the books have to balance.

    python bench/stress.py --seconds 600 --seed 7

Every session draws from its own generator, seeded by the seed and its name, so that a run repeats
its decisions as far as real concurrency lets it.
"""

# Decisions by dice are many branches, and SQL is read best in one piece.
# ruff: noqa: C901, E501, PLR0911, PLR0912

from __future__ import annotations

import argparse
import collections
import contextlib
import random
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from common import engine_database, one
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stress", "main"]

QUEUES = ["north", "south", "west", "narrow"]
LIMITED = "west"  # its limit changes; that of "narrow" is always 3
MACHINES = ["Stress", "Stress", "Told", "Mute"]  # history: as it comes, every step, none
VERSIONS = [1, 2]
STEPS = ["start", "more", "on", "woken", "join"]
NAMES = ["go", "stop", "more"]
SCOPES: list[list[str] | None] = [
    None,
    None,
    ["runnable", "executing"],
    ["executing"],
    ["runnable", "awaiting_signal", "done"],
    ["failed", "awaiting_children"],
    [],
]
FAST = "fast"  # rate names: one that is generous, one that is scarce, one that comes and goes
SCARCE = "scarce"
FICKLE = "fickle"
BACKLOG = 1500  # clients wait while there is more than this
LOST_CONNECTION = ("57P01", "57P02", "57P03", "08000", "08003", "08006")
GONE_WORKER = "GD010"

Row = tuple[Any, ...]


class Reconnected(Exception):  # noqa: N818  an event, not an error
    """The session was killed and has a new connection; what it was doing is unknown."""


class Stress:
    """One run: what the sessions share."""

    def __init__(
        self, dsn: str, seed: int, *, workers: int = 5, clients: int = 4, idlers: int = 3
    ) -> None:
        self.dsn = dsn
        self.seed = seed
        self.workers = workers
        self.clients = clients
        self.idlers = idlers
        self.draining = threading.Event()
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.violations: list[str] = []
        self.operations: collections.Counter[str] = collections.Counter()
        self.errors: collections.Counter[str] = collections.Counter()
        self.claimed: set[tuple[int, int]] = set()
        self.accepted: set[tuple[int, int]] = set()
        self.promised: list[int] = []
        self.failed: collections.deque[int] = collections.deque(maxlen=200)
        self.known: collections.deque[int] = collections.deque(maxlen=500)
        self.pids: dict[str, int] = {}
        self.watched: dict[int, float] = {}  # which has to be told of, and since when
        self.measured = [0, 0]  # steps that were reported; and those that may have been
        self.backlog = 0

    def violation(self, text: str) -> None:
        """Reports at once; the same invariant at most ten times."""
        head = text.split(":", 1)[0]
        with self.lock:
            self.operations["violation: " + head] += 1
            if self.operations["violation: " + head] <= 10:
                self.violations.append(text)
                print(f"VIOLATION (seed {self.seed}) {text}", flush=True)

    def run(self, seconds: float, patience: float = 60) -> bool:
        """Whether every invariant held."""
        sql = (Path(__file__).parent / "stress.sql").read_text()
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            conn.execute(sql.encode())
            conn.execute("select gd_set_concurrency_limit('pool', 2)")
            conn.execute("select gd_set_rate_limit('fast', 500, '1 s', 50)")
            conn.execute("select gd_set_rate_limit('scarce', 20, '1 s', 5)")
            conn.execute("select gd_set_queue_limit('narrow', 3)")
            conn.execute("select gd_set_history('Told', 'steps'), gd_set_history('Mute', 'none')")
            for schedule in SCHEDULES:
                conn.execute(SCHEDULE.encode(), schedule)
        roles: list[tuple[str, Callable[[Session], None]]] = [
            *((f"worker-{n}", work) for n in range(self.workers)),
            *((f"client-{n}", ask) for n in range(self.clients)),
            *((f"idler-{n}", idle) for n in range(self.idlers)),
            ("mover", move),
            ("admin", administer),
            *((f"keeper-{n}", keep) for n in range(2)),
            ("killer", kill),
            ("watcher", watch),
            ("lookout", look_out),
        ]
        threads = [
            threading.Thread(target=self._session, args=role, name=role[0], daemon=True)
            for role in roles
        ]
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 30))
            print(f"  {seconds - left:5.0f} s  {self.summary()}", flush=True)
        self._drain(patience)
        until = time.monotonic() + 10
        while self.watched and time.monotonic() < until:
            time.sleep(0.05)
        self.stopped.set()
        for thread in threads:
            thread.join(30)
            if thread.is_alive():
                self.violation(f"hangs: {thread.name}")
        if self.watched:
            self.violation(f"watched, and not told of: {list(self.watched)[:20]}")
        self._account()
        return not self.violations

    def summary(self) -> str:
        done = self.operations
        return (
            f"{sum(n for name, n in done.items() if not name.startswith('violation'))} operations, "
            f"{done['picked']} claims, {done['enqueued']} enqueued, {self.backlog} live, "
            f"{len(self.violations)} violations"
        )

    def _session(self, name: str, role: Callable[[Session], None]) -> None:
        session = Session(self, name)
        try:
            while not self.stopped.is_set():
                try:
                    role(session)
                except Reconnected:
                    continue
        except Exception as error:
            self.violation(f"{name} failed: {error!r}")
            raise
        finally:
            session.close()

    def _drain(self, patience: float) -> None:
        """Nothing new, every limit open, everything that is parked woken: all has to finish."""
        self.draining.set()
        until = time.monotonic() + patience
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            self._end_schedules(conn)
            conn.execute("select gd_set_queue_limit(%s, null)", [LIMITED])
            least = sys.maxsize
            while (n := one(conn, "select count(*) from gendurable.instances")) > 0:
                if n < least:  # however slow the machine is
                    least, until = n, time.monotonic() + patience
                if time.monotonic() > until:
                    self._stranded(conn, n)
                    return
                for queue in QUEUES:
                    conn.execute("select gd_resume(%s)", [queue])
                for name in (FAST, SCARCE, FICKLE):
                    known = one(
                        conn,
                        "select count(*) from gendurable.rate_limits where name = %s and allowed = 1e5",
                        [name],
                    )
                    if not known:
                        conn.execute("select gd_set_rate_limit(%s, 1e5, '1 s', 1e6)", [name])
                conn.execute(
                    "select gd_set_concurrency_limit('pool', 4) where not exists (select from"
                    " gendurable.concurrency_limits where name = 'pool' and max_executing = 4)"
                )
                # Not awaits[1] of a park that another session wakes: the signal is stored either way.
                conn.execute(
                    "select gd_signal(i.id, i.awaits[1]) from gendurable.instances as i"
                    " where i.phase = 'awaiting_signal'"
                )
                time.sleep(0.1)
        self.operations["drained"] += 1

    def _end_schedules(self, conn: psycopg.Connection) -> None:
        """Each has fired as often as it says; the steady one is up to date."""
        with conn.transaction():
            for name, *_ in SCHEDULES:
                conn.execute("select gd_pause_schedule(%s)", [name])
            rows = conn.execute(
                "select s.name, s.fired, s.skipped, s.next_at < now() - interval '30 s',"
                " (select count(*) from stress.fired as f where f.schedule = s.name)"
                " from gd_schedules as s"
            ).fetchall()
            for name, fired, skipped, late, created in rows:
                self.operations[f"schedule {name} fired"] = fired
                self.operations[f"schedule {name} skipped"] = skipped
                if fired != created and name != FICKLE:  # that one is dropped now and then
                    self.violation(f"a schedule miscounts: {name}: {fired}, created {created}")
                if late and name == "steady":
                    self.violation(f"a schedule is late: {name}")
                conn.execute("select gd_unschedule(%s)", [name])

    def _stranded(self, conn: psycopg.Connection, n: int) -> None:
        left = conn.execute(
            "select phase, concurrency_key, rate_limit, queue, count(*), min(id), min(eligible_at) - now()"
            " from gendurable.instances group by 1, 2, 3, 4 order by 5 desc limit 12"
        ).fetchall()
        bells = conn.execute(
            "select kind::text, key, count(*), null from gendurable.doorbells group by 1, 2 union all"
            " select 'bucket', key, 1, due_at::text from gendurable.buckets where due_at is not null"
        ).fetchall()
        self.violation(f"stranded: {n} instances do not drain: {left}; doorbells {bells}")
        swept = conn.execute("select * from gd_maintain()").fetchall()
        time.sleep(5)
        after = one(conn, "select count(*) from gendurable.instances")
        print(f"  after gd_maintain {swept}: {after} left", flush=True)

    def _account(self) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            report(self, conn, "select invariant, id, detail from stress.look()")
            report(self, conn, "select invariant, id, detail from stress.account()")
            lost = conn.execute(
                "select p.id from unnest(%s::bigint[]) as p (id) where not exists"
                " (select from stress.log as l where l.id = p.id and l.event = 'born')",
                [self.promised],
            ).fetchall()
            if lost:
                self.violation(f"answered but not stored: {lost[:20]}")
            reported = one(conn, "select coalesce(sum(count), 0) from gd_throughput")
            if not self.measured[0] <= reported <= sum(self.measured):
                self.violation(f"reported steps: {reported}, of {self.measured}")
            log, joins, finished = conn.execute(
                "select count(*), count(*) filter (where phase_from = 'awaiting_children' and phase_to in ('ready', 'held')),"
                " count(*) filter (where event = 'archived') from stress.log"
            ).fetchone() or (0, 0, 0)
            deadlocks = one(
                conn, "select deadlocks from pg_stat_database where datname = current_database()"
            )
        self.operations.update({"moves": log, "joins": joins, "finished": finished})
        if deadlocks:
            self.violation(f"deadlocks: {deadlocks}")


class Session:
    """A named session with its own generator, which survives being killed."""

    def __init__(self, stress: Stress, name: str) -> None:
        self.stress = stress
        self.name = name
        self.random = random.Random(f"{stress.seed} {name}")
        self.conn: psycopg.Connection | None = None
        self.worker: int | None = None
        self.held: dict[int, dict[str, Any]] = {}
        self.machines: list[dict[str, Any]] | None = None  # that it declares
        self.ears: psycopg.Connection | None = None

    def can_run(self, fsm: str, version: int, step: str) -> bool:
        """Whether its worker declares that step."""
        return self.machines is None or any(
            (m["fsm"], m["version"]) == (fsm, version) and step in m.get("steps", [step])
            for m in self.machines
        )

    def connect(self) -> psycopg.Connection:
        if self.conn is None or self.conn.closed:
            self.conn = psycopg.connect(
                self.stress.dsn,
                autocommit=True,
                application_name=f"stress {self.name}",
                options="-c client_min_messages=error",
            )
            self.stress.pids[self.name] = self.conn.info.backend_pid
        return self.conn

    def close(self) -> None:
        self.stress.pids.pop(self.name, None)
        for conn in (self.conn, self.ears):
            if conn is not None:
                conn.close()

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def call(self, query: str, args: list[Any] | None = None) -> list[Row]:
        """Rows; Reconnected if the session was killed; GD010 is for the caller; else a violation."""
        self.stress.operations[self.name.split("-", maxsplit=1)[0]] += 1
        try:
            return self.connect().execute(query.encode(), args).fetchall()
        except psycopg.Error as error:
            if error.sqlstate == GONE_WORKER:
                raise
            if self.conn is not None and (self.conn.closed or error.sqlstate in LOST_CONNECTION):
                with contextlib.suppress(psycopg.Error):
                    self.conn.close()
                raise Reconnected from error
            self.stress.errors[f"{error.sqlstate}"] += 1
            detail = f"{error.diag.message_detail} {error.diag.context}"
            self.stress.violation(
                f"error {error.sqlstate} in {query[:60]}: {error}: {detail[:1500]}"
            )
            with contextlib.suppress(psycopg.Error):
                if self.conn is not None:
                    self.conn.rollback()
            raise Reconnected from error


# ---------------------------------------------------------------------------------------- workers


def work(session: Session) -> None:
    """Picks, runs, commits; dies, forgets answers, gives back, says everything twice."""
    stress = session.stress
    draining = stress.draining.is_set()
    if session.worker is None or (not draining and session.chance(0.01)):
        name = session.name if session.chance(0.5) else "twin"
        lease = session.random.choice(["300 ms", "1 s", "3 s"])
        session.held.clear()
        machines = None if draining else _machines(session)
        info = {} if machines is None else {"machines": machines}
        session.worker = session.call(
            "select gd_register(%s, %s, %s, %s)",
            [name, QUEUES, "2 s" if draining else lease, Jsonb(info)],
        )[0][0]
        session.machines = machines
    try:
        _turn(session, draining=draining)
    except psycopg.Error as error:
        if error.sqlstate != GONE_WORKER:
            raise
        session.worker = None


def _machines(session: Session) -> list[dict[str, Any]] | None:
    """What it declares. Two workers take everything, or what none declares would pile up."""
    roll = session.random
    if session.name in {"worker-0", "worker-1"} or session.chance(0.4):
        return None
    machines = []
    for fsm in sorted(set(MACHINES)):
        for version in VERSIONS:
            if roll.random() < 0.6:
                machine: dict[str, Any] = {"fsm": fsm, "version": version}
                if roll.random() < 0.5:
                    machine["steps"] = roll.sample(STEPS, 3)
                machines.append(machine)
    return machines


def _turn(session: Session, *, draining: bool) -> None:
    stress, worker, held = session.stress, session.worker, session.held
    if session.chance(0.2):
        lost = session.call("select lost from gd_heartbeat(%s, %s)", [worker, list(held)])
        for (claim,) in lost:
            held.pop(claim, None)
    if not draining and session.chance(0.005):
        session.call("select gd_unregister(%s)", [worker])
        session.worker = None
        return

    if held and session.chance(0.1):
        _report(session)

    queue, slots = session.random.choice(QUEUES), session.random.choice([1, 2, 4, 8, 12, 40])
    rows = session.call(
        "select id, fence, step, state, awaited, children, fsm, fsm_version, attempt, priority"
        " from gd_pick(%s, %s, %s)",
        [worker, queue, slots],
    )
    with stress.lock:
        stress.operations["picked"] += len(rows)
        for row in rows:
            if (row[0], row[1]) in stress.claimed:
                stress.violations.append(f"a claim was handed out twice: {row[:2]}")
            stress.claimed.add((row[0], row[1]))
    if not draining and session.chance(0.03):
        return  # the answer never arrived
    for row in rows:
        _check_children(session, row)
        if not session.can_run(row[6], row[7], row[2]):
            stress.violation(f"a claim that its worker cannot run: {row}: {session.machines}")
        held[row[0]] = {
            "fsm": row[6],
            "version": row[7],
            "id": row[0],
            "fence": row[1],
            "step": row[2],
            "state": row[3],
            "awaited": [s["id"] for s in row[4]],
            "joined": row[5] is not None,
        }
    if not draining and rows and session.chance(0.05):
        ids = [row[0] for row in rows]
        session.call(
            "select gd_release(%s, %s, %s)", [worker, ids, session.random.choice([None, "50 ms"])]
        )
        for claim in ids:
            held.pop(claim, None)
    if not held:
        time.sleep(0.005)
        return
    _commit(session, draining=draining)


def _report(session: Session) -> None:
    """Progress of what it holds, and of claims that it does not; steps, some of them."""
    stress = session.stress
    progress = []
    for claim, c in session.held.items():
        fence = c["fence"] - session.chance(0.2)
        progress.append({"id": claim, "fence": fence, "progress": {"id": claim, "fence": fence}})
    if stress.known:
        other = session.random.choice(stress.known)
        progress.append({"id": other, "fence": 1, "progress": {"id": other, "fence": 1}})
    count = session.random.randint(0, 5)
    steps = [{"queue": "north", "fsm": "Stress", "step": "on", "kind": "next", "count": count, "seconds": 0.1 * count, "slowest": 0.1}]  # fmt: skip
    try:
        session.call(
            "select gd_report(%s, %s)",
            [session.worker, Jsonb({"progress": progress, "steps": steps})],
        )
    except Reconnected:
        stress.measured[1] += count
        raise
    with stress.lock:
        stress.measured[0] += count


CHILDREN_BORN = """
    select coalesce(array_agg(l.id order by l.id) filter (where l.seq > b.seq), '{}'), coalesce(array_agg(l.id), '{}')
    from gendurable.instances as i
    cross join lateral (select max(x.seq) as seq from stress.log as x where x.id = i.id and x.event = 'born') as b
    left join stress.log as l on l.parent = i.id and l.round = i.round and l.event = 'born' and l.fence = 0
    where i.id = %s and i.fence = %s and i.joined
    group by i.id"""


def _check_children(session: Session, row: Row) -> None:
    """The children that a join hands over are those of its round, all of them, in order.

    An instance that failed in the step of a join, and was revived, is handed the children of its former life
    again, of which retention may have forgotten some.
    """
    children = row[5]
    if children is None:
        return
    ids = [child["id"] for child in children if child["status"] != "duplicate"]
    for mine, ever in session.call(CHILDREN_BORN, [row[0], row[1]]):
        if ids != mine and (mine or not set(ids) <= set(ever)):
            session.stress.violation(f"a join with other children: {row[0]}: {ids}, not {mine}")
    session.stress.operations["joins handed over"] += 1


def _commit(session: Session, *, draining: bool) -> None:
    stress, held = session.stress, session.held
    outcomes = [
        _outcome(session, claim, draining) for claim in held.values() if session.chance(0.85)
    ]
    if not outcomes:
        return
    session.random.shuffle(outcomes)
    for _ in range(2 if session.chance(0.05) else 1):
        answers = session.call(
            "select id, fence, result, detail from gd_commit(%s, %s)",
            [session.worker, Jsonb(outcomes)],
        )
        if not draining and session.chance(0.03):
            continue  # the answer never arrived: the outcome is offered again some time
        for outcome, (claim, fence, result, detail) in zip(outcomes, answers, strict=True):
            key = (outcome["id"], outcome["fence"])
            stress.operations[f"{outcome['kind']} {result}"] += 1
            if claim != outcome["id"]:
                stress.violation(f"answers out of order: {claim} for {outcome}")
            if result in {"committed", "continued"}:
                with stress.lock:
                    if key in stress.accepted:
                        stress.violations.append(f"an outcome was accepted twice: {key}")
                    stress.accepted.add(key)
            if result == "continued":
                version = outcome.get("fsm_version", held[claim]["version"])
                if not session.can_run(held[claim]["fsm"], version, outcome["step"]):
                    stress.violation(f"it runs ahead to a step that it cannot run: {outcome}")
                held[claim] |= {
                    "version": version,
                    "fence": fence,
                    "step": outcome["step"],
                    "state": outcome["state"],
                    "awaited": [],
                    "joined": False,
                }
            elif result == "invalid":
                if outcome.get("children") != [{"fsn": "typo"}]:
                    stress.violation(f"invalid: {detail}: {outcome}")
            elif result != "busy":
                if result == "stale" and held.get(claim, {}).get("fence") != outcome["fence"]:
                    continue  # the second time: the first has been continued
                held.pop(claim, None)
                if outcome["kind"] == "stop":
                    stress.failed.append(claim)


def _outcome(session: Session, claim: dict[str, Any], draining: bool) -> dict[str, Any]:
    """What the step decides."""
    roll = session.random
    state = {**claim["state"], "n": claim["state"].get("n", 0) + 1}
    outcome: dict[str, Any] = {"id": claim["id"], "fence": claim["fence"], "state": state}
    depth = state.get("depth", 0)
    consumed = [s for s in claim["awaited"] if roll.random() < 0.7]
    if roll.random() < 0.1:
        outcome["fsm_version"] = roll.choice(VERSIONS)
    if draining or state["n"] > 12:
        return outcome | {"kind": "done", "result": {"n": state["n"]}}
    kind = roll.choices(
        ["ahead", "next", "retry", "await", "schedule_children", "done", "stop", "typo"],
        [30, 20, 8, 15, 10, 12, 5, 1],
    )[0]
    if kind == "ahead":
        return outcome | {"kind": "next", "step": "more", "continue": True, "consumed": consumed}
    if kind == "next":
        outcome |= {
            "kind": "next",
            "step": "on",
            "continue": roll.random() < 0.5,
            "consumed": consumed,
        }
        if roll.random() < 0.3:
            outcome["delay_ms"] = roll.choice([0, 10, 200])
        if roll.random() < 0.3:
            outcome["concurrency_key"] = roll.choice([None, *_keys(roll, 3)])
        if roll.random() < 0.3:
            outcome |= {"rate_limit": _rate(roll), "weight": roll.choice([0, 0.5, 1, 3])}
        if roll.random() < 0.3:
            outcome["priority"] = roll.randint(-2, 2)
        return outcome
    if kind == "retry":
        return outcome | {
            "kind": "retry",
            "delay_ms": roll.choice([0, 0, 20, 300]),
            "error": {"e": 1},
        }
    if kind == "await":
        timeout = roll.choice([1, 50, 500, 5000, None])
        return outcome | {
            "kind": "await",
            "names": roll.sample(NAMES, roll.randint(1, 2)),
            "step": "woken",
            **({} if timeout is None else {"timeout_ms": timeout}),
        }
    if kind == "typo":
        return outcome | {
            "kind": "schedule_children",
            "children": [{"fsn": "typo"}],
            "consumed": consumed,
        }
    if kind == "schedule_children" and depth < 3 and session.stress.backlog < BACKLOG:
        children = [
            {k: v for k, v in _entry(roll, depth + 1).items() if roll.random() < 0.9 or k == "fsm"}
            for _ in range(roll.choice([0, 1, 2, 3, 6]))
        ]
        if roll.random() < 0.3:  # which one pick may take together
            children = [{"fsm": child["fsm"], "fsm_version": 1} for child in children]
        return outcome | {
            "kind": "schedule_children",
            "step": "join",
            "children": children,
            "join": roll.choice(["all", "all", "first_failure", "any"]),
            "consumed": consumed,
        }
    if kind == "stop":
        return outcome | {"kind": "stop", "error": {"why": "chance"}}
    return outcome | {"kind": "done", "result": {}}


# ---------------------------------------------------------------------------------------- clients


def _keys(roll: random.Random, n: int = 1) -> list[str]:
    return [
        roll.choice([f"solo:{roll.randint(0, 9)}", f"pool:{roll.randint(0, 3)}", "lone"])
        for _ in range(n)
    ]


def _rate(roll: random.Random) -> str:
    return roll.choice(
        [FAST, FAST, f"{SCARCE}:{roll.randint(0, 3)}", f"{FICKLE}:{roll.randint(0, 1)}"]
    )


def _correlation(roll: random.Random) -> str:
    return f"order-{roll.randint(0, 60)}"


def _entry(roll: random.Random, depth: int = 0) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "fsm": roll.choice(MACHINES),
        "state": {"depth": depth},
        "queue": roll.choice(QUEUES),
        "priority": roll.randint(-2, 2),
    }
    if roll.random() < 0.7:
        entry["fsm_version"] = roll.choice(VERSIONS)
    if roll.random() < 0.4:
        entry["concurrency_key"] = _keys(roll)[0]
    if roll.random() < 0.3:
        entry |= {"rate_limit": _rate(roll), "weight": roll.choice([0, 0.5, 1, 1, 3])}
    if roll.random() < 0.4:
        entry["correlation_key"] = _correlation(roll)
        if (scope := roll.choice(SCOPES)) is not None:
            entry["correlation_scope"] = scope
    if roll.random() < 0.2:
        entry["delay"] = roll.choice(["-1 s", "10 ms", "300 ms", "1 s"])
    return entry


def ask(session: Session) -> None:
    """Enqueues, signals, cancels, retries: alone, or in transactions that are long or roll back."""
    stress, roll = session.stress, session.random
    if stress.draining.is_set():
        time.sleep(0.1)
        return
    if stress.backlog > BACKLOG:
        time.sleep(0.02)
        if roll.random() < 0.5:
            _wake(session)
        else:
            _disturb(
                session, roll.choice(["signal", "signals", "cancel", "cancels", "retry", "retries"])
            )
        return
    time.sleep(roll.random() * 0.004)
    if roll.random() < 0.7:
        stress.promised += _ask_once(session)
        return

    # Rows that others want are locked by the last call only, so that clients cannot deadlock among themselves.
    conn = session.connect()
    promised: list[int] = []
    try:
        conn.execute("begin")
        for _ in range(roll.randint(1, 3)):
            entry = {k: v for k, v in _entry(roll).items() if not k.startswith("correlation")}
            rows = session.call("select id from gd_enqueue_many(%s)", [Jsonb([entry] * 2)])
            promised += [row[0] for row in rows]
        promised += _ask_once(session)
        if roll.random() < 0.3:
            time.sleep(roll.random() * 0.3)
        if roll.random() < 0.2:
            conn.execute("rollback")
        else:
            conn.execute("commit")
            stress.promised += promised
    except psycopg.Error as error:
        conn.close()
        raise Reconnected from error


def _ask_once(session: Session) -> list[int]:
    stress, roll = session.stress, session.random
    kind = roll.choices(
        ["many", "one", "signal", "signals", "cancel", "cancels", "retry", "retries", "look"],
        [25, 20, 15, 15, 5, 3, 8, 4, 5],
    )[0]
    if kind == "many":
        entries = [_entry(roll) for _ in range(roll.randint(1, 8))]
        rows = session.call("select id, duplicate from gd_enqueue_many(%s)", [Jsonb(entries)])
        ids = [row[0] for row in rows if not row[1]]
    elif kind == "one":
        entry = _entry(roll)
        entry["state"] = Jsonb(entry["state"])
        named = ", ".join(f"{name} => %s" for name in entry)
        rows = session.call(f"select id, duplicate from gd_enqueue({named})", list(entry.values()))
        ids = [row[0] for row in rows if not row[1]]
    else:
        _disturb(session, kind)
        return []
    stress.operations["enqueued"] += len(ids)
    stress.known.extend(ids)
    return ids


def _wake(session: Session) -> None:
    """Signals some that are parked, or what is parked for good would fill the place of all others."""
    parked = session.call(
        "select id, awaits[1] from gendurable.instances where phase = 'awaiting_signal' offset %s limit 5",
        [session.random.randrange(BACKLOG)],
    )
    entries = [{"id": claim, "name": name} for claim, name in parked]
    for row in session.call("select result from gd_signal_many(%s)", [Jsonb(entries)]):
        session.stress.operations[f"signal {row[0]}"] += 1


def _disturb(session: Session, kind: str) -> None:
    stress, roll = session.stress, session.random
    some = roll.choice(stress.known) if stress.known else 1
    dedup = roll.choice([None, None, "a", "b", "c"])
    if kind == "signal":
        target = roll.choice([some, _correlation(roll)])
        cast = "bigint" if isinstance(target, int) else "text"
        result = session.call(
            f"select gd_signal(%s::{cast}, %s, dedup_key => %s)",
            [target, roll.choice(NAMES), dedup],
        )
        stress.operations[f"signal {result[0][0]}"] += 1
    elif kind == "signals":
        entries: list[dict[str, Any]] = [
            {"target": _correlation(roll), "name": roll.choice(NAMES), "dedup_key": dedup}
            for _ in range(roll.randint(1, 5))
        ]
        entries.append({"id": some, "name": roll.choice(NAMES)})
        roll.shuffle(entries)
        for _, result in session.call(
            "select ord, result from gd_signal_many(%s)", [Jsonb(entries)]
        ):
            stress.operations[f"signal {result}"] += 1
    elif kind == "cancel":
        cascade = roll.random() < 0.5
        target = roll.choice([some, some, _correlation(roll)])
        cast = "bigint" if isinstance(target, int) else "text"
        n = session.call(f"select gd_cancel(%s::{cast}, 'chance', %s)", [target, cascade])[0][0]
        stress.operations["cancelled"] += n
        if n and isinstance(target, int):
            stress.failed.append(target)
    elif kind == "retry" and stress.failed:
        target = roll.choice(stress.failed)
        step = roll.choice([None, "start"])
        result = session.call("select gd_retry(%s, %s)", [target, step])
        stress.operations[f"gd_retry {result[0][0]}"] += 1
    elif kind == "cancels":
        ids = [*roll.choices(stress.known or [1], k=4), 0]
        rows = session.call("select id, result from gd_cancel_many(%s, 'chance')", [ids])
        _check_results(stress, "gd_cancel_many", ids, rows, {"cancelled", "no_target", "busy"})
        stress.failed += [claim for claim, result in rows if result == "cancelled"]
    elif kind == "retries":
        ids = [*roll.choices(stress.failed or [1], k=4), 0]
        rows = session.call("select id, result from gd_retry_many(%s)", [ids])
        results = {"retried", "no_target", "not_failed", "key_taken", "busy"}
        _check_results(stress, "gd_retry_many", ids, rows, results)
    else:
        for call in ("gd_status", "gd_history", "gd_signals", "gd_children"):
            session.call(f"select * from {call}(%s::bigint)", [some])


def _check_results(
    stress: Stress, call: str, ids: list[int], rows: list[Row], results: set[str]
) -> None:
    """One answer for each id, in order."""
    if [row[0] for row in rows] != ids or not {row[1] for row in rows} <= results:
        stress.violation(f"{call} answers: {rows} for {ids}")
    for _, result in rows:
        stress.operations[f"{call} {result}"] += 1


def idle(session: Session) -> None:
    """Holds a snapshot, an id or what it has enqueued for seconds, and writes before it ends."""
    stress, roll = session.stress, session.random
    if stress.draining.is_set():
        time.sleep(0.1)
        return
    conn = session.connect()
    promised: list[int] = []

    def enqueue() -> list[int]:
        entry = {k: v for k, v in _entry(roll).items() if not k.startswith("correlation")}
        return [
            r[0] for r in session.call("select id from gd_enqueue_many(%s)", [Jsonb([entry] * 3)])
        ]

    def pause() -> None:
        stress.draining.wait(roll.random() * roll.choice([0.05, 0.05, 1, 1, 4, 40]))

    try:
        conn.execute(
            f"begin isolation level {roll.choice(['read committed', 'repeatable read'])}".encode()
        )
        session.call(roll.choice(["select 1", "select pg_current_xact_id()::text"]))
        pause()
        if roll.random() < 0.5:
            promised += enqueue()
            pause()
        if roll.random() < 0.3:
            conn.execute("savepoint s")
            enqueue()
            pause()
            conn.execute("rollback to s")
        promised += enqueue()
        pause()
        if roll.random() < 0.2:
            conn.execute("rollback")
        else:
            conn.execute("commit")
            stress.promised += promised
    except psycopg.Error as error:
        conn.close()
        raise Reconnected from error
    stress.operations["enqueued"] += len(promised)


# ------------------------------------------------------------- administration, maintenance, death


def move(session: Session) -> None:
    """Moves trails much more often than picks do, also in transactions that roll back."""
    roll = session.random
    time.sleep(roll.random() * 0.04)
    move_now = (
        "select gendurable._move_trails(array(select id from gendurable.instances"
        " where phase = 'executing' order by random() limit %s))"
    )
    conn = session.connect()
    try:
        conn.execute("begin")
        for _ in range(roll.choice([1, 1, 1, 2])):
            session.call(move_now, [roll.choice([1, 5, 50])])
            time.sleep(roll.random() * roll.choice([0, 0, 0.1]))
        conn.execute(roll.choice([b"commit", b"commit", b"commit", b"rollback"]))
    except psycopg.Error as error:
        conn.close()
        raise Reconnected from error


def administer(session: Session) -> None:
    """Changes limits, schedules and levels of history, pauses and resumes."""
    roll = session.random
    time.sleep(0.02 + roll.random() * 0.15)
    if session.stress.draining.is_set():
        return
    kind = roll.randint(0, 12)
    if kind <= 3 and roll.random() < 0.7:
        return  # a limit that changes all the time proves nothing
    if kind <= 2:
        session.call("select gd_set_concurrency_limit('pool', %s)", [roll.choice([0, 1, 2, 3, 4])])
    elif kind == 3:
        session.call("select gd_drop_concurrency_limit('pool')")
    elif kind == 4:
        session.call(
            "select gd_set_rate_limit('scarce', %s, %s, %s)",
            [roll.choice([0, 5, 20, 100]), roll.choice(["100 ms", "1 s"]), roll.choice([2, 5, 10])],
        )
    elif kind == 5:
        session.call("select gd_set_rate_limit('fickle', 100, '1 s', 10)")
    elif kind == 6:
        session.call("select gd_drop_rate_limit('fickle')")
    elif kind == 7:
        most = roll.choice([None, 0, 1, 4, 9])
        session.call("select gd_set_queue_limit(%s, %s)", [LIMITED, most])
        if most == 0:
            time.sleep(roll.random() * 0.1)
            session.call("select gd_set_queue_limit(%s, 5)", [LIMITED])
    elif kind == 8:
        session.call(
            "select gd_set_history('Stress', %s)", [roll.choice(["none", "errors", "steps"])]
        )
    elif kind <= 10:
        _reschedule(session)
    else:
        queue = roll.choice(QUEUES)
        session.call("select gd_pause(%s)", [queue])
        time.sleep(roll.random() * 0.1)
        session.call("select gd_resume(%s)", [queue])


SCHEDULE = """
    select gd_schedule(%s, %s, 'Stress', jsonb_build_object('schedule', %s::text), queue => %s,
                       overlap => %s, missed => %s, stamp => 'occurrence')"""
SCHEDULES = [  # the last one is replaced, paused and dropped all the time
    ("steady", "@every 1 second", "steady", "north", "allow", "all"),
    ("alone", "@every 1 second", "alone", "south", "skip", "one"),
    ("minutely", "* * * * *", "minutely", "narrow", "allow", "skip"),
    (FICKLE, "@every 1 second", FICKLE, "west", "allow", "all"),
]


def _reschedule(session: Session) -> None:
    roll = session.random
    kind = roll.choice(["replace", "replace", "pause", "resume", "resume", "drop"])
    if kind == "replace":
        cron = roll.choice(["@every 1 second", "@every 1.5 seconds", "* * * * *"])
        overlap, missed = roll.choice(["allow", "skip"]), roll.choice(["one", "skip", "all"])
        session.call(SCHEDULE, [FICKLE, cron, FICKLE, roll.choice(QUEUES), overlap, missed])
    else:
        call = {"pause": "gd_pause_schedule", "resume": "gd_resume_schedule"}
        session.call(f"select {call.get(kind, 'gd_unschedule')}(%s)", [FICKLE])


LAPSED = "select count(*) from gd_workers where lease_until < now() + interval '1 s'"


def keep(session: Session) -> None:
    """Maintenance; while draining only what no offer may depend on."""
    roll = session.random
    time.sleep(roll.random() * 0.1)
    if session.stress.draining.is_set():
        session.call("select gd_reap(), gd_expire_awaits()")
        return
    kind = roll.randint(0, 9)
    if kind <= 4:
        lapsed = session.call(LAPSED)[0][0]
        done = session.call("select task, affected from gd_maintain()")
        lapsed += session.call(LAPSED)[0][0]
        for task, affected in done:
            session.stress.operations[f"maintain {task}"] += affected
            # What waits for others alone may go on when these cannot start any more.
            if task == "sweep" and affected and not lapsed:
                session.stress.violation(f"the sweep found stranded keys: {affected}")
    elif kind <= 6:
        session.call(
            "select gd_gc(%s, %s)",
            [roll.choice(["0 s", "500 ms", "5 s"]), roll.choice([1, 50, 10000])],
        )
    elif kind == 7:
        session.call("select gd_reap(id) from gd_workers where not alive limit 1")
    elif kind == 8:
        for view in ("gd_queues", "gd_limits", "gd_schedules", "gd_throughput", "gd_workers"):
            session.call(f"select * from {view}")
    else:
        session.call("select gd_reap(), gd_expire_awaits()")
        session.call("select * from gd_stuck limit 100")


def kill(session: Session) -> None:
    """Terminates the backend of another session."""
    time.sleep(0.1 + session.random.random() * 0.6)
    if session.stress.draining.is_set():
        return
    names = [n for n in sorted(session.stress.pids) if n not in {"killer", "watcher"}]
    if names and (pid := session.stress.pids.get(session.random.choice(names))):
        session.call("select pg_terminate_backend(%s)", [pid])
        session.stress.operations["killed"] += 1


def watch(session: Session) -> None:
    """Looks at the invariants all the time."""
    report(session.stress, session.connect(), "select invariant, id, detail from stress.look()")
    report(
        session.stress,
        session.connect(),
        "delete from stress.violations returning invariant, id, detail",
    )
    time.sleep(0.05)


def look_out(session: Session) -> None:
    """Watches instances, by ears that none kills: each watched one is told of in the end."""
    stress, roll = session.stress, session.random
    stress.backlog = session.call("select count(*) from gendurable.instances")[0][0]
    if session.ears is None:
        session.ears = psycopg.connect(stress.dsn, autocommit=True)
        session.ears.execute("listen gendurable_watch")
    for notice in session.ears.notifies(timeout=0.02):
        claim, status = notice.payload.split(":")
        stress.operations[f"told of {status}"] += 1
        if status not in {"done", "failed", "awaiting_signal", "awaiting_children"}:
            stress.violation(f"a notification of {notice.payload}")
        stress.watched.pop(int(claim), None)
    if stress.draining.is_set() or not stress.known or roll.random() < 0.5:
        return
    target = roll.choice(stress.known)
    status = session.call("select gd_watch(%s::bigint)", [target])[0][0]
    if status not in {None, "done", "failed"}:
        stress.watched[target] = time.monotonic()
        stress.operations["watched"] += 1


def report(stress: Stress, conn: psycopg.Connection, query: str) -> None:
    """Each row is a violation; what the books say about its instance goes with it."""
    for invariant, id_, detail in conn.execute(query.encode()).fetchall():
        # Where nothing but a key is at fault, the detail is the key.
        story = conn.execute(
            "select concat_ws(' ', to_char(at, 'MI:SS.US'), xid, id, event, phase_from, '->', phase_to,"
            " 'f', fence, 'w', worker, key, rate)"
            " from stress.log where id = %s"
            " or key = %s and seq > (select max(seq) - 5000 from stress.log)"
            " order by seq desc limit 16",
            [id_, detail],
        ).fetchall()
        told = "\n    ".join(str(line[0]) for line in reversed(story))
        stress.violation(f"{invariant}: {id_} {detail}\n    {told}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--workers", type=int, default=5)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument(
        "--idlers", type=int, default=3, help="clients whose transactions stay open"
    )
    parser.add_argument(
        "--dsn", help="a server on which databases may be created; default: a throwaway one"
    )
    args = parser.parse_args()
    print(f"seed {args.seed}, {args.seconds:.0f} s", flush=True)
    with engine_database("gendurable_stress", args.dsn) as dsn:
        stress = Stress(
            dsn, args.seed, workers=args.workers, clients=args.clients, idlers=args.idlers
        )
        held = stress.run(args.seconds)
    for name, n in sorted(stress.operations.items()):
        print(f"{n:10d}  {name}")
    print(f"{'all invariants held' if held else 'VIOLATED'}: seed {args.seed}, {stress.summary()}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
