"""A call means the same on every psycopg connection; what is none is refused by its name."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import gc
import inspect
import pickle
import pydoc
import typing
import warnings
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import rows, sql
from psycopg.adapt import Dumper, Loader
from psycopg.conninfo import make_conninfo
from psycopg.types.json import set_json_dumps, set_json_loads

import gendurable
from gendurable import (
    AccessError,
    Context,
    Done,
    Entry,
    GendurableError,
    InvalidArgumentError,
    Machine,
    Outcome,
    Schedule,
    SignalEntry,
    StateError,
    UsageError,
    cancel,
    cancel_many,
    drop_concurrency_limit,
    drop_rate_limit,
    enqueue,
    enqueue_many,
    history,
    next_occurrence,
    pause,
    pause_schedule,
    resume,
    resume_schedule,
    retry,
    retry_many,
    schedule,
    set_concurrency_limit,
    set_history,
    set_rate_limit,
    set_retention,
    signal,
    signal_many,
    status,
    step,
    unschedule,
    watch,
)
from gendurable.errors import role_for
from support import Connection
from test_privileges import ADMIN, CLIENT, WORKER, callable_by, login, role_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["login"]


# The same functions, for arguments that a type checker would refuse.
ANY: Any = gendurable


class Color(str, enum.Enum):  # noqa: UP042 (StrEnum would say its value by itself)
    RED = "red"


class WrongLoader(Loader):
    def load(self, data: Any) -> Any:
        return "wrong"


class WrongDumper(Dumper):
    def dump(self, obj: Any) -> bytes:
        return b"wrong"


def use_everything(conn: psycopg.Connection[Any]) -> None:
    """Every call, with answers of every kind."""
    key, uuid = "ключ", uuid4()
    first = enqueue(
        conn, "M", {"a": [1, "é", None]}, correlation_key=key, correlation_scope=["runnable"],
        priority=-3, weight=0.5, delay=timedelta(hours=1), fsm_version=2,
    )  # fmt: skip
    assert (type(first.id), first.duplicate) == (int, False)
    assert enqueue(conn, "M", correlation_key=key).duplicate is True
    second = enqueue(conn, "M", correlation_key=uuid)
    assert signal(conn, uuid, Color.RED, {"p": 1}, dedup_key=uuid) == "delivered"
    entries = [SignalEntry(uuid, "x", dedup_key=uuid), SignalEntry(first.id, "y", {"p": "é"})]
    assert signal_many(conn, entries) == ["duplicate", "delivered"]
    found = status(conn, first.id)
    assert found is not None
    assert (found.state, found.correlation_key, found.fsm_version) == (
        {"a": [1, "é", None]},
        key,
        2,
    )
    assert found.enqueued_at.tzinfo is not None
    by_key = status(conn, uuid)
    assert by_key is not None
    assert by_key.id == second.id
    assert cancel(conn, uuid, "warum nicht", cascade=True) == 1
    assert retry(conn, second.id, "other", {"x": 1}) == "retried"
    answers = enqueue_many(conn, [Entry("M"), Entry("M", correlation_key=key)])
    assert [answer.duplicate for answer in answers] == [False, True]
    many = enqueue_many(conn, [Entry("M"), Entry("M")])
    ids = [answer.id for answer in many]
    assert cancel_many(conn, [*ids, 0], "é") == ["cancelled", "cancelled", "no_target"]
    assert retry_many(conn, iter([0, *ids])) == ["no_target", "retried", "retried"]
    assert cancel_many(conn, []) == []
    for call in (pause, resume, drop_rate_limit, drop_concurrency_limit):
        call(conn, Color.RED)
    set_rate_limit(conn, "m", 1.5, 2)
    set_concurrency_limit(conn, "m", 3)
    set_retention(conn, 3600, failed=86400)
    weekly = Schedule("0 3 * * mon", name=key, timezone="Asia/Tokyo", state={"a": "é"})
    assert schedule(conn, "M", weekly) == next_occurrence(conn, weekly.cron, "Asia/Tokyo")
    assert pause_schedule(conn, key)
    assert resume_schedule(conn, key)
    assert unschedule(conn, key)
    set_history(conn, None, "errors")
    set_history(conn, "M", "steps")
    assert watch(conn, uuid) == "runnable"
    assert watch(conn, 0) is None
    told = history(conn, uuid)
    assert [(event.event, event.detail) for event in told] == [
        ("cancelled", {"reason": "warum nicht"}),
        ("revived", None),
    ]
    assert told[0].at.tzinfo is not None


@pytest.mark.parametrize(
    "options",
    [
        {"row_factory": rows.dict_row},
        {"row_factory": rows.namedtuple_row},
        {"row_factory": rows.class_row(dict)},
        {"row_factory": rows.scalar_row},
        {"cursor_factory": psycopg.ClientCursor},
        {"cursor_factory": psycopg.RawCursor},
        {"prepare_threshold": 0},
        {"prepare_threshold": None},
        {"client_encoding": "SQL_ASCII"},
        {"client_encoding": "SQL_ASCII", "cursor_factory": psycopg.ClientCursor},
        {"options": "-c datestyle=SQL,DMY -c intervalstyle=sql_standard -c timezone=Asia/Kolkata"},
        {"options": "-c search_path=pg_catalog -c extra_float_digits=-15"},
    ],
)
def test_any_connection_will_do(dsn: str, options: dict[str, Any]) -> None:
    with psycopg.connect(dsn, **options) as app:
        use_everything(app)
        app.rollback()
        with app.pipeline():
            use_everything(app)


def test_a_connection_with_its_own_server_cursors_and_adapters_will_do(dsn: str) -> None:
    with psycopg.connect(dsn) as app:
        for name in ("text", "jsonb", "json", "timestamptz", "int8", "int4", "bool"):
            app.adapters.register_loader(name, WrongLoader)
        for kind in (str, int, float, bool, list, dict, UUID, timedelta):
            app.adapters.register_dumper(kind, WrongDumper)
        set_json_loads(lambda _: "wrong", app)
        set_json_dumps(lambda _: "wrong", app)
        use_everything(app)
        assert app.execute("select 'x'::text").fetchone() == ("wrong",)


def test_an_async_connection_of_any_kind_will_do(dsn: str) -> None:
    async def use() -> None:
        async with await psycopg.AsyncConnection.connect(
            dsn, row_factory=rows.dict_row, cursor_factory=psycopg.AsyncClientCursor
        ) as app:
            app.adapters.register_loader("text", WrongLoader)
            created = await enqueue(app, "M", {"a": 1})
            async with app.pipeline():
                found = await status(app, created.id)
            assert found is not None
            assert found.state == {"a": 1}

    asyncio.run(use())


def test_a_call_that_is_not_awaited_is_named_by_pythons_warning(dsn: str) -> None:
    async def use() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as app:
            enqueue(app, "M")  # type: ignore[unused-coroutine]
            gc.collect()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(use())
    assert "coroutine 'enqueue' was never awaited" in [str(warning.message) for warning in caught]


def test_a_connection_that_cannot_be_used_says_so_itself(dsn: str) -> None:
    with psycopg.connect(dsn) as app:
        with contextlib.suppress(psycopg.Error):
            app.execute("select 1 / 0")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            status(app, 1)
    with pytest.raises(psycopg.OperationalError, match="closed"):
        status(app, 1)


def of_module(module: str, name: str) -> object:
    """An object as another library has it."""
    return type(name, (), {"__module__": module})()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (of_module("sqlalchemy.engine.base", "Engine"), "with engine.begin() as conn"),
        (of_module("sqlalchemy.orm.session", "sessionmaker"), "a Connection or a Session"),
        (of_module("psycopg_pool.pool", "ConnectionPool"), "with pool.connection() as conn"),
        (of_module("psycopg2.extensions", "connection"), "psycopg2 is another driver"),
        (of_module("asyncpg.pool", "Pool"), "async with pool.acquire() as conn"),
        (of_module("django.db.utils", "ConnectionHandler"), "django.db.connection"),
        ("postgresql:///shop", "psycopg.connect"),
        (None, "psycopg.connect"),
        (psycopg.Connection, "psycopg.connect"),
    ],
)
def test_what_is_no_connection_is_named_with_what_is(given: Any, said: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: enqueue(given, "M"),
        lambda: status(given, 1),
        lambda: enqueue_many(given, []),
        lambda: pause(given, "q"),
    ]
    for call in calls:
        with pytest.raises(
            UsageError, match="expected a connection of psycopg, SQLAlchemy, Django or asyncpg"
        ) as caught:
            call()
        assert said in str(caught.value)


def test_a_cursor_and_an_unawaited_connection_are_no_connections(conn: Connection) -> None:
    with pytest.raises(UsageError, match=r"cursor\.connection"):
        status(conn.cursor(), 1)  # type: ignore[call-overload]
    coroutine = psycopg.AsyncConnection.connect("host=nowhere")
    with pytest.raises(UsageError, match="Await"):
        status(coroutine, 1)  # type: ignore[call-overload]
    coroutine.close()


# Arguments


@pytest.mark.parametrize(
    "target", [True, None, 1.0, b"k", 10**20, -(10**20), [], object(), "a\0b", "\ud800"]
)
def test_a_target_is_a_key_or_an_id(conn: Connection, target: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: signal(conn, target, "x"),
        lambda: status(conn, target),
        lambda: cancel(conn, target),
        lambda: signal_many(conn, [SignalEntry(target, "x")]),
    ]
    if not isinstance(target, str):
        calls.append(lambda: retry(conn, target))
    for call in calls:
        with pytest.raises(UsageError, match="must be"):
            call()


def test_an_id_that_is_none_is_only_not_found(conn: Connection) -> None:
    for target in (0, -1, 2**63 - 1, -(2**63), "²", "007", "", "x" * 999):
        assert status(conn, target) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda conn: ANY.signal(conn, "k", 5),
        lambda conn: ANY.signal(conn, "k", "n", dedup_key=1.5),
        lambda conn: ANY.cancel(conn, "k", 5),
        lambda conn: ANY.cancel(conn, "k", cascade="no"),
        lambda conn: ANY.retry(conn, "1"),
        lambda conn: ANY.retry(conn, 1, 5),
        lambda conn: ANY.pause(conn, 5),
        lambda conn: ANY.resume(conn, b"q"),
        lambda conn: ANY.signal(conn, "k", None),
        lambda conn: ANY.pause(conn, None),
        lambda conn: ANY.enqueue(conn, None),
        lambda conn: ANY.enqueue(conn, "M", priority=10**12),
        lambda conn: ANY.enqueue(conn, "M", eligible_at=datetime(2100, 1, 1)),  # noqa: DTZ001
        lambda conn: ANY.set_rate_limit(conn, "m", float("nan"), 1),
        lambda conn: ANY.set_concurrency_limit(conn, "m", 10**12),
        lambda conn: ANY.set_rate_limit(conn, "m", "x", 1),
        lambda conn: ANY.set_rate_limit(conn, "m", 1, float("inf")),
        lambda conn: ANY.set_rate_limit(conn, "m", True, 1),
        lambda conn: ANY.set_rate_limit(conn, "m", 1, 1, burst="x"),
        lambda conn: ANY.set_concurrency_limit(conn, "m", 1.5),
        lambda conn: ANY.set_concurrency_limit(conn, "m", True),
        lambda conn: ANY.set_concurrency_limit(conn, "m", None),
        lambda conn: ANY.drop_rate_limit(conn, 5),
        lambda conn: ANY.set_retention(conn, "1 day"),
        lambda conn: ANY.schedule(conn, "M", "@daily"),
        lambda conn: ANY.schedule(conn, "M", ANY.Schedule(5)),
        lambda conn: ANY.schedule(conn, "M", ANY.Schedule("@daily", weight="x")),
        lambda conn: ANY.schedule(conn, 5, Schedule("@daily")),
        lambda conn: ANY.unschedule(conn, None),
        lambda conn: ANY.next_occurrence(conn, None),
        lambda conn: ANY.next_occurrence(conn, "@daily", after=5),
        lambda conn: ANY.set_history(conn, 5, "steps"),
        lambda conn: ANY.set_history(conn, None, 5),
        lambda conn: ANY.history(conn, None),
        lambda conn: ANY.watch(conn, None),
        lambda conn: ANY.cancel_many(conn, 5),
        lambda conn: ANY.cancel_many(conn, "15"),
        lambda conn: ANY.cancel_many(conn, [1, None]),
        lambda conn: ANY.cancel_many(conn, [1], 5),
        lambda conn: ANY.retry_many(conn, [True]),
        lambda conn: ANY.retry_many(conn, {1: 2}),
        lambda conn: ANY.set_retention(conn, 1, failed=float("nan")),
        lambda conn: ANY.enqueue(conn, Entry("M"), {"x": 1}),
        lambda conn: ANY.enqueue(conn, Entry("M"), delay=5),
        lambda conn: ANY.enqueue(conn, "M\ud800"),
        lambda conn: ANY.enqueue_many(conn, Entry("M")),
        lambda conn: ANY.enqueue_many(conn, ["M"]),
        lambda conn: ANY.enqueue_many(conn, "M"),
        lambda conn: ANY.enqueue_many(conn, None),
        lambda conn: ANY.enqueue_many(conn, {Entry("M"): 1}),
        lambda conn: ANY.signal_many(conn, [Entry("M")]),
        lambda conn: ANY.signal_many(conn, [("k", "n")]),
    ],
)
def test_an_argument_of_a_wrong_type_is_refused_before_anything_is_sent(
    dsn: str, call: Callable[[Any], Any]
) -> None:
    with psycopg.connect(dsn) as app:
        with pytest.raises(UsageError):
            call(app)
        assert app.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@pytest.mark.parametrize(
    "call",
    [
        lambda conn: ANY.enqueue(conn, "M", {"a": "\0"}),
        lambda conn: ANY.signal(conn, "k", "n", {"a": "\0"}),
        lambda conn: ANY.set_rate_limit(conn, "m", -1, 1),
        lambda conn: ANY.set_concurrency_limit(conn, "m", -1),
        lambda conn: ANY.set_retention(conn, -1),
        lambda conn: ANY.set_retention(conn, 2, failed=1),
        lambda conn: ANY.set_history(conn, "M", "all"),
        lambda conn: ANY.set_history(conn, "", "steps"),
        lambda conn: ANY.signal(conn, "k", ""),
    ],
)
def test_a_value_that_the_database_refuses_is_an_invalid_argument(
    conn: Connection, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        call(conn)
    assert isinstance(caught.value.__cause__, psycopg.Error)
    assert caught.value.sqlstate == caught.value.__cause__.sqlstate


def test_what_an_encoding_cannot_say_is_refused_clearly(dsn: str, conn: Connection) -> None:
    with psycopg.connect(dsn, client_encoding="LATIN1", autocommit=True) as app:
        with pytest.raises(UsageError, match="client_encoding"):
            enqueue(app, "M", {"a": "😀"})
        with pytest.raises(UsageError, match="client_encoding"):
            signal(app, "😀", "n")
        created = enqueue(conn, "M", {"a": "😀"})
        with pytest.raises(InvalidArgumentError, match="LATIN1"):
            status(app, created.id)
        with pytest.raises(StateError):
            enqueue(app, "M", {"a": "\ud800"})


def test_a_state_with_numbers_that_no_float_holds_can_be_looked_at(conn: Connection) -> None:
    row = conn.execute("select id from gd_enqueue('M', '{\"n\": 1e400}')").fetchone()
    assert row is not None
    found = status(conn, row[0])
    assert found is not None
    assert found.state == {"n": 10**400}


# Rights


def test_who_lacks_a_privilege_is_told_the_role(dsn: str, conn: Connection, login: str) -> None:
    with psycopg.connect(login, autocommit=True) as app:
        for call, role in (
            (lambda: enqueue(app, "M"), "gd_client"),
            (lambda: status(app, 1), "gd_client"),
            (lambda: cancel(app, 1), "gd_admin"),
            (lambda: pause(app, "q"), "gd_admin"),
        ):
            with pytest.raises(AccessError, match=f"Grant it the role {role}") as caught:
                call()
            assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)
    user = role_of(login)
    conn.execute(sql.SQL("grant gd_client to {}").format(user))
    with psycopg.connect(login, autocommit=True) as app:
        assert not enqueue(app, "M").duplicate
        conn.execute("revoke usage on schema public from public")
        with pytest.raises(AccessError, match="usage on the schema public"):
            enqueue(app, "M")


def test_the_role_that_is_named_may_call_it(conn: Connection) -> None:
    allowed = {role: callable_by(conn, role) for role in ("gd_client", "gd_worker", "gd_admin")}
    for function in CLIENT | WORKER | ADMIN:
        assert function in allowed[role_for(function)]
    assert {function for function in CLIENT if role_for(function) != "gd_client"} == set()
    assert {function for function in WORKER if role_for(function) == "gd_admin"} == set()


def test_a_read_only_server_is_a_clear_error(dsn: str) -> None:
    read_only = make_conninfo(dsn, options="-c default_transaction_read_only=on")
    with psycopg.connect(read_only, autocommit=True) as app:
        assert status(app, 1) is None
        with pytest.raises(AccessError, match="nothing can be written here") as caught:
            enqueue(app, "M")
        assert isinstance(caught.value.__cause__, psycopg.errors.ReadOnlySqlTransaction)


@pytest.mark.parametrize("schema", ["public", "gendurable"])
def test_a_database_without_one_of_the_schemas_is_a_clear_error(
    conn: Connection, schema: str
) -> None:
    conn.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
    for call in (lambda: enqueue(conn, "M"), lambda: status(conn, 1), lambda: pause(conn, "q")):
        with pytest.raises(GendurableError, match="no usable gendurable schema"):
            call()


# Documentation


def test_an_error_of_the_engine_survives_pickling(conn: Connection) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        signal(conn, "k", "")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.sqlstate, again.detail, str(again)) == (
        caught.value.sqlstate,
        caught.value.detail,
        str(caught.value),
    )


class Order(Machine[dict[str, Any]]):
    @step
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done()

    @step
    def ship(self, ctx: Context[dict[str, Any]]) -> Outcome:
        return Done()

    def no_step(self) -> None: ...


def test_a_step_may_be_given_as_its_method(conn: Connection) -> None:
    created = enqueue(conn, Order, step=Order.ship)
    assert conn.execute("select step from gd_instances").fetchall() == [("ship",)]
    cancel(conn, created.id)
    assert retry(conn, created.id, Order.start) == "retried"
    assert conn.execute("select step from gd_instances").fetchall() == [("start",)]
    for ref in (Order.no_step, print, 5, ""):
        with pytest.raises(GendurableError, match="step"):
            ANY.retry(conn, created.id, ref)


def test_the_types_of_everything_public_can_be_asked_for() -> None:
    for name in gendurable.__all__:
        value = getattr(gendurable, name)
        if not callable(value) or typing.get_origin(value) is not None:
            continue  # Outcome is a union, Join a Literal.
        if not typing.is_typeddict(value):  # which has the signature of a dict: none
            inspect.signature(value)
        typing.get_type_hints(value)
        if inspect.isfunction(value):
            inspect.signature(value, eval_str=True)
    assert pydoc.render_doc(gendurable)


def test_every_call_and_every_error_documents_itself() -> None:
    for module in (gendurable.client, gendurable.errors):
        for name in module.__all__:
            value = getattr(module, name)
            doc = inspect.getdoc(value) or ""
            parameters = inspect.signature(value).parameters
            assert doc, name
            if module is gendurable.client and not isinstance(value, type):
                missing = [parameter for parameter in parameters if parameter not in doc]
                assert missing in ([], ["conn"]), name
