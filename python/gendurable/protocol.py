"""The worker's side of the engine's interface: every ``gd_*`` call that a worker makes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeAlias

import msgspec
import psycopg

from gendurable.context import Context
from gendurable.database import Connection, is_usable
from gendurable.errors import WorkerGoneError, engine_errors
from gendurable.pages import Query

__all__ = [
    "COMMIT",
    "PICK",
    "CommitResult",
    "Connection",
    "Turn",
    "commit_one",
    "declare",
    "declare_schedules",
    "heartbeat",
    "is_registered",
    "machines",
    "maintain",
    "other_workers",
    "page",
    "reap",
    "register",
    "release",
    "schema_version",
    "turn",
    "unregister",
    "waiting_for_limits",
]

# The columns of the engine's job are the fields that a context cannot be made without. JSON comes
# as text, whatever the format in which the rows travel.
_JOB = ", ".join(
    f"{field.name.removesuffix('_json')}::text" if field.name.endswith("_json") else field.name
    for field in msgspec.structs.fields(Context)
    if field.required
)

COMMIT = (
    "select id, fence, result, detail, signals::text, children::text"
    " from public.gd_commit(%s, %s::jsonb)"
)
PICK = f"select {_JOB} from public.gd_pick(%s, %s, %s)"  # noqa: S608 (nothing from outside)
# A claim need not be durable: this transaction does not wait until its WAL is flushed. A pick makes
# it durable again where that has to be, so the setting goes before the first one: which therefore
# refers to it.
_QUICK_PICK = PICK.replace(
    "public.gd_pick(%s, %s, %s)",
    "pg_catalog.set_config('synchronous_commit', 'off', true) as quick"
    " cross join lateral public.gd_pick(%s, %s, case quick when 'off' then %s::int end)",
)
_REPORT = "select public.gd_report(%s, %s::jsonb)"
# The distance is computed by the database, so that no two clocks have to agree.
_NEXT_DUE = "select extract(epoch from public.gd_next_due(%s) - clock_timestamp())::float8"

Cursor: TypeAlias = psycopg.AsyncCursor[Any]

# The least role that may do all of it, the first call included, which others may do as well.
_ROLE = "gd_worker"

_BEGIN = "begin isolation level read committed, read write, not deferrable"


class CommitResult(msgspec.Struct, frozen=True, gc=False):
    """The engine's answer to one outcome: a row of ``gd_commit``; JSON columns as text."""

    id: int
    fence: int
    result: str
    detail: str | None
    signals: str | None
    children: str | None


class Turn(NamedTuple):
    """What one turn brought.

    Attributes:
        answers: one for each entry, in order.
        picked: the claimed executions by queue.
        due: for each queue that was asked about, seconds until waiting work becomes due, or None.
        failed: the queues of which the pick failed, and why.
    """

    answers: list[CommitResult]
    picked: dict[str, list[Context[Any]]]
    due: dict[str, float | None]
    failed: dict[str, Exception]


async def turn(
    conn: Connection,
    worker: int,
    entries: Sequence[bytes],
    wanted: Mapping[str, int],
    idle: Sequence[str],
    *,
    report: bytes | None = None,
) -> Turn:
    """Commit what has finished and pick new work, in one round trip.

    Where that fails after the commit, the picks are made again, each for itself: one that fails
    takes neither the answers to the outcomes nor the other picks with it.

    Args:
        conn: an idle connection in autocommit mode.
        worker: the worker's id.
        entries: outcomes as JSON objects.
        wanted: how many executions to pick from each queue.
        idle: the queues of which the next due time is wanted too.
        report: what to report before all that, while the claims that are committed are held.

    Raises:
        WorkerGoneError: register anew.
        psycopg.Error: nothing is known of what was applied; send the same entries again. Or there
            are no entries, and every pick failed.
    """
    # In binary no value's text depends on a setting of the session.
    with engine_errors(_ROLE):
        commit: Cursor | None = None
        picks: dict[str, Cursor] = {}
        dues: dict[str, Cursor] = {}
        try:
            async with _round_trip(conn):
                if report is not None:
                    async with _transaction(conn, explicit=True):
                        await conn.execute(_REPORT, (worker, report.decode()))
                # What is committed is visible and durable, and its locks are gone, before the picks
                # begin, and a pick that fails takes nothing back.
                if entries:
                    outcomes = _array(entries)
                    async with _transaction(conn, explicit=bool(wanted)):
                        commit = await conn.execute(COMMIT, (worker, outcomes), binary=True)
                if wanted:
                    async with _transaction(conn):
                        for queue, count in wanted.items():
                            query = PICK if picks else _QUICK_PICK
                            picks[queue] = await _pick(conn, query, worker, queue, count)
                        for queue in idle:
                            dues[queue] = await conn.execute(_NEXT_DUE, (queue,), binary=True)
        except psycopg.Error:
            if not (wanted and is_usable(conn) and (commit is None or commit.pgresult)):
                raise
            return await _picks_one_by_one(conn, worker, await _answers(commit), wanted)
        picked = {
            queue: [Context(*row) for row in await cursor.fetchall()]
            for queue, cursor in picks.items()
        }
        due = {queue: (await cursor.fetchall())[0][0] for queue, cursor in dues.items()}
        return Turn(await _answers(commit), picked, due, {})


async def page(conn: Connection, query: Query) -> list[tuple[Any, ...]]:
    """The rows of one page of a list (see ``pages``)."""
    return await _call(conn, *query)


async def _pick(conn: Connection, query: str, worker: int, queue: str, count: int) -> Cursor:
    return await conn.execute(query, (worker, queue, count), binary=True)


async def _answers(commit: Cursor | None) -> list[CommitResult]:
    return [CommitResult(*row) for row in await commit.fetchall()] if commit else []


async def _picks_one_by_one(
    conn: Connection, worker: int, answers: list[CommitResult], wanted: Mapping[str, int]
) -> Turn:
    picked: dict[str, list[Context[Any]]] = {}
    failed: dict[str, Exception] = {}
    for queue, count in wanted.items():
        try:
            with engine_errors(_ROLE):
                async with _round_trip(conn), _transaction(conn):
                    cursor = await _pick(conn, _QUICK_PICK, worker, queue, count)
                picked[queue] = [Context(*row) for row in await cursor.fetchall()]
        except WorkerGoneError:
            raise
        except Exception as exc:
            if not is_usable(conn):
                raise
            failed[queue] = exc
    if not answers and not picked:
        raise next(iter(failed.values()))
    return Turn(answers, picked, {}, failed)


async def commit_one(conn: Connection, worker: int, entry: bytes) -> CommitResult:
    """Commit a single outcome.

    Where the database cannot store a character of it, its error is told in ASCII: that an
    instance has failed can be noted in a database of any encoding.
    """
    try:
        rows = await _call(conn, COMMIT, (worker, _array([entry])))
    except psycopg.errors.UntranslatableCharacter:
        rows = await _call(conn, COMMIT, (worker, _array([_error_in_ascii(entry)])))
    return CommitResult(*rows[0])


async def register(
    conn: Connection, name: str, queues: Sequence[str], lease: float, info: Mapping[str, Any]
) -> int:
    """Register a worker; ``lease`` in seconds. Answers its id."""
    return int(
        await _value(
            conn,
            "select public.gd_register(%s, %s, make_interval(secs => %s), %s::jsonb)",
            (name, list(queues), lease, msgspec.json.encode(info).decode()),
        )
    )


async def declare_schedules(
    conn: Connection, declarations: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Declare schedules; answers what became of each, by name (see ``gd_declare_schedules``)."""
    rows = await _call(
        conn,
        "select name, result from public.gd_declare_schedules(%s::jsonb)",
        (msgspec.json.encode(declarations).decode(),),
    )
    return dict(rows)


async def machines(conn: Connection, queues: Sequence[str]) -> list[str]:
    """The machines of which an instance ever waited in one of the queues."""
    rows = await _call(conn, "select public.gd_machines(%s)", (list(queues),))
    return [row[0] for row in rows]


async def declare(conn: Connection, worker: int, declared: Sequence[Mapping[str, Any]]) -> None:
    """Declare that the worker can run more machines.

    Raises:
        WorkerGoneError: register anew.
    """
    document = msgspec.json.encode(declared).decode()
    await _value(conn, "select public.gd_declare(%s, %s::jsonb)", (worker, document))


async def heartbeat(conn: Connection, worker: int, claims: Sequence[int]) -> set[int]:
    """Renew the lease; ``claims`` is everything the worker holds. Answers what it has lost.

    Raises:
        WorkerGoneError: register anew.
    """
    rows = await _call(
        conn, "select lost from public.gd_heartbeat(%s, %s::bigint[])", (worker, list(claims))
    )
    return {row[0] for row in rows}


async def release(
    conn: Connection, worker: int, ids: Sequence[int], delay: float | None = None
) -> None:
    """Give claims back that were not started, for others or for ``delay`` seconds later."""
    await _value(
        conn,
        "select public.gd_release(%s, %s::bigint[], make_interval(secs => %s))",
        (worker, list(ids), delay),
    )


async def unregister(conn: Connection, worker: int) -> None:
    """Give everything back and be forgotten."""
    await _value(conn, "select public.gd_unregister(%s)", (worker,))


async def reap(conn: Connection, worker: int | None = None) -> int:
    """Free the claims of a worker that is known to be dead, or of all whose lease is over.

    Answers how many there were.
    """
    return int(await _value(conn, "select public.gd_reap(%s)", (worker,)))


async def maintain(conn: Connection) -> tuple[dict[str, int], bool]:
    """Do a slice of the engine's housekeeping.

    Answers what was done, by task (zeros are left out), and whether some is left.
    """
    rows = await _call(conn, "select task, affected from public.gd_maintain()")
    done = {task: affected for task, affected in rows if affected}
    return done, done.pop("more", 0) > 0


async def other_workers(
    conn: Connection, worker: int, place: Mapping[str, Any]
) -> dict[int, dict[str, Any]]:
    """What the other registered workers of this place said of themselves, by id.

    Args:
        conn: an idle connection in autocommit mode.
        worker: the worker's own id.
        place: what they have to have said (see ``process.place``).
    """
    rows = await _call(
        conn,
        "select id, info::text from public.gd_workers where id <> %s and info @> %s::jsonb",
        (worker, msgspec.json.encode(place).decode()),
    )
    found = {}
    for other, info in rows:
        # Any client may register, and say what no parser goes down to.
        with suppress(msgspec.DecodeError, RecursionError, UnicodeError):
            found[other] = msgspec.json.decode(info, type=dict[str, Any])
    return found


async def is_registered(conn: Connection, worker: int | None) -> bool:
    """Whether this database knows the worker."""
    return bool(await _call(conn, "select from public.gd_workers where id = %s", (worker,)))


async def waiting_for_limits(conn: Connection) -> list[tuple[str, str, bool, int]]:
    """What instances wait for: rate or concurrency, its name, whether it is set, how many."""
    rows = await _call(
        conn,
        "select kind, name, kind = 'concurrency' or allowed is not null, waiting"
        " from public.gd_limits where waiting > 0 order by kind, name",
    )
    return [(kind, name, known, int(waiting)) for kind, name, known, waiting in rows]


async def schema_version(conn: Connection) -> str:
    """The version of the installed schema.

    Raises:
        NotInstalledError: there is none.
    """
    return str(await _value(conn, "select public.gd_version()", ()))


async def _value(conn: Connection, query: str, parameters: Sequence[Any]) -> Any:
    rows = await _call(conn, query, parameters)
    return rows[0][0] if rows else None


async def _call(
    conn: Connection, query: str, parameters: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """The rows of one call, which is a transaction of its own."""
    with engine_errors(_ROLE):
        if conn.local_settings is None:
            cursor = await conn.execute(query, parameters)
        else:
            async with _round_trip(conn), _transaction(conn):
                cursor = await conn.execute(query, parameters)
        return await cursor.fetchall()


@asynccontextmanager
async def _round_trip(conn: Connection) -> AsyncIterator[None]:
    """What is sent here travels together; a transaction that failed in the middle is ended."""
    try:
        async with conn.pipeline():
            yield
    except psycopg.Error:
        if not (conn.closed or is_usable(conn)):
            await conn.rollback()
        raise


@asynccontextmanager
async def _transaction(conn: Connection, *, explicit: bool = False) -> AsyncIterator[None]:
    """A transaction, said so where one has to be: where asked for, and where it needs settings."""
    if not explicit and conn.local_settings is None:
        yield
        return
    await conn.execute(_BEGIN)
    if conn.local_settings is not None:
        await conn.execute(conn.local_settings)
    yield
    await conn.execute("commit")


def _error_in_ascii(entry: bytes) -> bytes:
    """The outcome with each character of its error that is not ASCII as Python would escape it."""
    fields = msgspec.json.decode(entry, type=dict[str, msgspec.Raw])
    if "error" not in fields:
        return entry
    # Within JSON such characters stand in strings alone, where a backslash is written twice.
    text = bytes(fields["error"]).decode()
    told = (
        c if c.isascii() else "\\" + c.encode("ascii", "backslashreplace").decode() for c in text
    )
    return msgspec.json.encode(fields | {"error": msgspec.Raw("".join(told).encode())})


def _array(entries: Sequence[bytes]) -> str:
    return (b"[" + b",".join(entries) + b"]").decode()
