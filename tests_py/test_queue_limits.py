"""The limit of a queue under load: six sessions that pick and commit, beside keys and rates."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from typing import Any

import psycopg

from support import Connection

LIMIT = 7
SESSIONS = 6
SECONDS = float(os.environ.get("GENDURABLE_TEST_SECONDS", "4"))


class Session(threading.Thread):
    """One worker: it picks, lets some time go by and commits, until it is told to end."""

    def __init__(self, dsn: str, number: int, end: threading.Event) -> None:
        super().__init__()
        self.dsn, self.end, self.errors = dsn, end, list[Exception]()
        self.random = random.Random(number)
        self.done = 0

    def run(self) -> None:
        try:
            with psycopg.connect(self.dsn, autocommit=True) as conn:
                self._work(conn)
        except psycopg.Error as exc:
            self.errors.append(exc)

    def _work(self, conn: Connection) -> None:
        row = conn.execute("select gd_register('w', '{limited}')").fetchone()
        assert row is not None
        held: list[tuple[int, int]] = []
        while not self.end.is_set():
            picked = "select id, fence from gd_pick(%s, 'limited', %s)"
            held += conn.execute(picked, (row[0], self.random.randint(1, 9))).fetchall()
            time.sleep(self.random.random() / 200)
            self.random.shuffle(held)
            some, held = held[:4], held[4:]
            outcomes = [self._outcome() | {"id": i, "fence": fence} for i, fence in some]
            commit = "select id, fence, result from gd_commit(%s, %s::jsonb)"
            for i, fence, result in conn.execute(commit, (row[0], json.dumps(outcomes))):
                assert result in ("committed", "continued", "busy"), result
                if result != "committed":
                    held.append((i, fence))
                self.done += result == "committed"
            if self.random.random() < 0.02:
                ids = [i for i, _ in held]
                conn.execute("select gd_release(%s, %s::bigint[])", (row[0], ids))
                held = []

    def _outcome(self) -> dict[str, Any]:
        return self.random.choice(
            [
                {"kind": "done"},
                {"kind": "done"},
                {"kind": "retry"},
                {"kind": "next", "step": "two"},
                {"kind": "next", "step": "two", "continue": True},
            ]
        )


def test_never_more_than_the_limit_execute_and_all_places_are_used(
    dsn: str, conn: Connection
) -> None:
    conn.execute("select gd_set_concurrency_limit('k', 2), gd_set_rate_limit('r', 500, '1 s')")
    conn.execute("select gd_set_queue_limit('limited', %s)", (LIMIT,))
    entries = [{}, {}, {"concurrency_key": "k:1"}, {"concurrency_key": "k:2"}, {"rate_limit": "r"}]
    conn.execute(
        "select count(*) from gd_enqueue_many(%s::jsonb)",
        (json.dumps([{"fsm": "m", "queue": "limited"} | one for one in entries * 3000]),),
    )
    end = threading.Event()
    sessions = [Session(dsn, number, end) for number in range(SESSIONS)]
    for session in sessions:
        session.start()
    executing = "select count(*) from gendurable.instances where phase = 'executing'"
    seen = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and all(session.is_alive() for session in sessions):
        seen += [row[0] for row in conn.execute(executing)]
    end.set()
    for session in sessions:
        session.join()
    # No deadlock, no pick that was aborted.
    assert [error for session in sessions for error in session.errors] == []
    assert max(seen) == LIMIT
    # What has become of all those claims, no place is lost.
    left = next(row[0] for row in conn.execute(executing))
    pick = "select count(*) from gd_register('last', '{limited}') as w, gd_pick(w, 'limited', 100)"
    assert [row[0] for row in conn.execute(pick)] == [LIMIT - left]
    assert sum(session.done for session in sessions) > 50
