"""The dashboard over HTTP: what its pages say, who may look, what may be done."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import html
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from typer.testing import CliRunner

from database import own_cluster
from gendurable import (
    Entry,
    UsageError,
    enqueue,
    enqueue_many,
    get,
    schedule,
    set_concurrency_limit,
    signals,
)
from gendurable.cli import app as cli
from gendurable.install import install
from gendurable.schedules import Schedule
from gendurable.web import app
from gendurable.web.access import BasicAuth, HeaderAuth, is_loopback, parse_auth
from gendurable.web.hub import Hub, News
from gendurable.web.server import serve
from support import until
from web_world import NASTY, fill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

Connection = psycopg.Connection[Any]

PAGES = ("/", "/instances", "/queues", "/limits", "/schedules", "/failures")
ROOT = Path(__file__).resolve().parents[1]
LOCAL = "http://localhost"


@contextlib.contextmanager
def browsing(dsn: str, **settings: Any) -> Iterator[TestClient]:
    """A client of a dashboard."""
    with TestClient(app(dsn, **settings), base_url=LOCAL) as client:
        yield client


def token_of(client: TestClient) -> str:
    """What a page gives its forms."""
    found = re.search(r'X-CSRF-Token": "([0-9a-f]{64})"', client.get("/queues").text)
    assert found is not None
    return found[1]


def do(client: TestClient, action: str, **fields: Any) -> tuple[int, str]:
    """Send a form as the page does; the answer as text."""
    answer = client.post(f"/do/{action}", data=fields, headers={"X-CSRF-Token": token_of(client)})
    said = re.search(r"<span>(.*?)</span>", answer.text, re.DOTALL)
    assert said is not None, answer.text
    return answer.status_code, said[1]


@pytest.fixture(scope="module")
def shop(admin_dsn: str, template: str) -> Iterator[tuple[str, dict[str, int]]]:
    """A database with the shop, which no test changes, and the ids of what is in it."""
    from database import create_database, drop_database  # noqa: PLC0415

    dsn = create_database(admin_dsn, f"{template}_shop", template)
    with psycopg.connect(dsn, autocommit=True) as conn:
        ids = fill(dsn, conn)
    yield dsn, ids
    drop_database(admin_dsn, f"{template}_shop")


class TestPages:
    """What they say."""

    def test_each_page_of_an_empty_database_says_what_to_do(self, dsn: str) -> None:
        with browsing(dsn) as client:
            for path, said in {
                "/": "No worker is registered",
                "/instances": "There is no instance yet",
                "/queues": "There is no queue yet",
                "/limits": "No limit is set",
                "/schedules": "There is no schedule",
                "/failures": "Nothing failed",
            }.items():
                page = client.get(path)
                assert page.status_code == 200, page.text
                assert said in page.text, path

    def test_each_page_shows_the_shop(self, shop: tuple[str, dict[str, int]]) -> None:
        dsn, ids = shop
        expected = {
            "/": ("queue paused", "no worker", "Checkout", "Steps a minute"),
            "/instances": ("awaiting signal", "failed", "Older"),
            "/queues": ("import", "paused"),
            "/limits": ("customer", "at most 1 of a key", "sms"),
            "/limit?kind=concurrency&name=customer": ("customer:7", "8"),
            "/limit?kind=rate&name=sms": ("sms", "12"),
            "/schedules": ("nightly", "0 3 * * *", "Europe/Berlin"),
            "/failures": ("LookupError", "no stock of gone", "line 17 has 3 columns"),
            f"/instances/{ids['order']}": ("order:30", "paid", "Ada Lovelace", "note"),
            f"/instances/{ids['shipped']}": ("shipped", "P-0", "runs"),
            f"/instances/{ids['failed']}": ("LookupError", "traceback", "order:8"),
            f"/instances/{ids['file']}": (
                "Children",
                "Part",
                "1 failed",
                "6 children",
                "is not finished",
            ),
        }
        with browsing(dsn) as client:
            for path, texts in expected.items():
                page = client.get(path).text
                for text in texts:
                    assert text in page, (path, text)

    def test_a_transaction_that_is_old_is_on_the_overview(
        self, dsn: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gendurable.web.pages._OLD", 0)
        with browsing(dsn) as client, psycopg.connect(dsn, application_name="<i>me</i>") as old:
            assert "Old transactions" not in client.get("/").text
            old.execute("select pg_current_xact_id()")
            page = client.get("/").text
            assert "Old transactions" in page
            assert "&lt;i&gt;me&lt;/i&gt;" in page
            assert f"pg_terminate_backend({old.info.backend_pid})" in page

    def test_the_chart_begins_and_ends_with_whole_minutes(
        self, shop: tuple[str, dict[str, int]]
    ) -> None:
        dsn, _ = shop
        with browsing(dsn) as client:
            drawn = re.search(r'data-chart="([^"]*)"', client.get("/").text)
        assert drawn is not None
        chart = json.loads(html.unescape(drawn[1]))
        (done,) = [each["values"] for each in chart["series"] if each["name"] == "done"]
        assert len(done) == len(chart["minutes"]) == 59
        assert done[0] > 50
        assert done[-1] > 50

    def test_data_is_never_markup(self, shop: tuple[str, dict[str, int]]) -> None:
        dsn, ids = shop
        own = re.compile(r'<script src="static/[^"]*" defer></script>')
        with browsing(dsn, actions=True) as client:
            for path in (*PAGES, f"/instances/{ids['odd']}", f"/instances/{ids['order']}"):
                page = own.sub("", client.get(path).text)
                assert "<script" not in page, path
                assert "<img" not in page, path
                assert "<b>" not in page, path
                assert "<i>" not in page, path
            odd = client.get(f"/instances/{ids['odd']}").text
            assert "&lt;script&gt;document.title" in odd
            for query in ("machine", "key", "state", "before", "status"):
                assert "<script>" not in own.sub(
                    "", client.get("/instances", params={query: NASTY}).text
                )

    def test_filters_find_and_what_is_no_filter_is_told(
        self, shop: tuple[str, dict[str, int]]
    ) -> None:
        dsn, ids = shop
        with browsing(dsn) as client:

            def found(**query: str) -> set[int]:
                text = client.get("/instances", params=query).text
                return {int(each) for each in re.findall(r'data-row href="instances/(\d+)"', text)}

            assert found(key="order:30") == {ids["order"]}
            assert len(found(key="order:3*")) == 11
            assert found(state='{"order": 30}') == {ids["order"]}
            assert ids["failed"] in found(status="failed")
            assert len(found(machine="Import", queue="import")) == 5
            assert len(found(concurrency_key="customer:7")) == 8
            assert found(machine="Nobody") == set()
            first = client.get("/instances").text
            older = re.search(r'rel="next" href="(instances\?before=\d+)"', first)
            assert older is not None
            assert "Newest" in client.get(f"/{older[1]}").text
            for query, said in {
                "state={": "is no JSON",
                "status=odd": "odd",
                "before=x": "is no id of an instance",
                "since=5y": "is none of 15m",
            }.items():
                page = client.get(f"/instances?{query}")
                assert (page.status_code, said in page.text) == (400, True), page.text

    def test_what_is_not_there_is_a_page(self, dsn: str) -> None:
        with browsing(dsn) as client:
            for path in ("/instances/42", "/nothing", "/limit?kind=rate&name=none", "/instances/x"):
                page = client.get(path)
                assert page.status_code == 404
                assert "There is no such" in page.text
                assert "Overview" in page.text
            assert client.get(f"/instances/{2**63}").status_code == 400

    def test_it_asks_nobody_else(self, shop: tuple[str, dict[str, int]]) -> None:
        dsn, ids = shop
        with browsing(dsn, actions=True) as client:
            for path in (*PAGES, f"/instances/{ids['file']}"):
                assert (
                    re.findall(r'(?:src|href|action)="(?:https?:)?//', client.get(path).text) == []
                )
            for name in ("app.css", "vendor/uPlot.min.css"):
                assert "url(" not in client.get(f"/static/{name}").text

    def test_values_of_hidden_keys_are_nowhere(self, shop: tuple[str, dict[str, int]]) -> None:
        dsn, ids = shop
        with browsing(dsn, redact=["CARD", "amount"]) as client:
            for path in (f"/instances/{ids['order']}", f"/instances/{ids['order']}/raw.json"):
                page = client.get(path).text
                assert "4111" not in page
                assert "•••" in page
                assert "Ada Lovelace" in page
            # A search would tell them one guess after the other.
            guess = client.get(
                "/instances", params={"state": '{"customer": {"card": "4111 1111"}}'}
            )
            assert guess.status_code == 400
            assert "card is hidden" in guess.text
        with browsing(dsn) as client:
            assert "4111" in client.get(f"/instances/{ids['order']}").text


class TestAccess:
    """Who may look, and from where."""

    def test_basic(self, dsn: str) -> None:
        with browsing(dsn, auth=BasicAuth({"ada": "s3cret:x"})) as client:
            for path in (*PAGES, "/live/overview", "/static/app.css", "/metrics", "/healthz"):
                assert client.get(path).status_code == 401, path
            assert client.get("/", auth=("ada", "wrong")).status_code == 401
            assert client.get("/", auth=("eve", "s3cret:x")).status_code == 401
            assert client.get("/", auth=("", "")).status_code == 401
            for broken in ("Basic !", "Basic", f"Basic {base64.b64encode(b'ada').decode()}"):
                assert client.get("/", headers={"authorization": broken}).status_code == 401
            page = client.get("/", auth=("ada", "s3cret:x"))
            assert page.status_code == 200
            assert "ada" in page.text

    def test_a_header_is_believed_from_a_proxy_only(self, dsn: str) -> None:
        auth = HeaderAuth("X-User", ("10.0.0.0/8", "::1/128"))
        made = app(dsn, auth=auth)
        for address, header, status in (
            ("10.1.2.3", {"X-User": "ada"}, 200),
            ("10.1.2.3", {}, 403),
            ("10.1.2.3", {"X-User": " "}, 403),
            ("::ffff:10.1.2.3", {"X-User": "ada"}, 200),
            ("192.0.2.1", {"X-User": "ada"}, 403),
        ):
            with TestClient(made, base_url=LOCAL, client=(address, 1)) as client:
                assert client.get("/queues", headers=header).status_code == status, address
        twice = [("X-User", "ada"), ("X-User", "eve")]
        with TestClient(made, base_url=LOCAL, client=("10.1.2.3", 1)) as client:
            assert client.get("/queues", headers=twice).status_code == 403

    def test_what_auth_is_given_as(self, tmp_path: Path) -> None:
        users = tmp_path / "users"
        users.write_text("ada:secret\n\neve:a:b\n")
        assert parse_auth(f"basic:{users}", {}) == BasicAuth({"ada": "secret", "eve": "a:b"})
        assert parse_auth("basic", {"GENDURABLE_WEB_USERS": "ada:x"}) == BasicAuth({"ada": "x"})
        assert parse_auth("header:X-U", {}, ["10.0.0.1"]) == HeaderAuth("X-U", ("10.0.0.1",))
        assert "secret" not in repr(BasicAuth({"ada": "secret"}))
        for given, environment, proxies in (
            ("basic", {}, []),
            ("basic", {"GENDURABLE_WEB_USERS": "ada"}, []),
            ("basic", {"GENDURABLE_WEB_USERS": "ada:"}, []),
            (f"basic:{tmp_path / 'none'}", {}, []),
            ("header:", {}, []),
            ("token", {}, []),
            ("header:X-U", {}, ["everywhere"]),
        ):
            with pytest.raises(UsageError):
                parse_auth(given, environment, proxies)

    def test_only_loopback_is_loopback(self) -> None:
        assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost")))
        assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "")))

    def test_another_name_is_not_answered(self, dsn: str) -> None:
        with browsing(dsn, hosts=["localhost", "::1"]) as client:
            assert client.get("/queues").status_code == 200
            assert client.get("/queues", headers={"host": "[::1]:8080"}).status_code == 200
            for host in ("evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example:80"):
                assert client.get("/queues", headers={"host": host}).status_code == 421
                assert client.get("/live/queues", headers={"host": host}).status_code == 421

    def test_every_answer_says_what_a_browser_may_do(self, dsn: str) -> None:
        with browsing(dsn) as client:
            for path in ("/", "/nothing", "/static/app.js", "/healthz"):
                headers = client.get(path).headers
                policy = headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert headers["x-content-type-options"] == "nosniff"
            client.cookies.clear()
            assert "set-cookie" not in client.get("/static/app.js").headers
            page = client.get("/")
            assert page.headers["cache-control"] == "no-store"
            assert "HttpOnly; SameSite=Strict" in page.headers["set-cookie"]
            assert "set-cookie" not in client.get("/").headers
            assert "immutable" in client.get("/static/app.js").headers["cache-control"]
            assert " style=" not in page.text
            assert not re.search(r" on\w+=", page.text)

    def test_a_login_that_may_only_look_is_enough(self, dsn: str, conn: Connection) -> None:
        role = f"looker_{conn.info.dbname}"
        conn.execute(f"create role {role} login in role gd_client")
        made = enqueue(conn, "Mail", {"to": "a"})
        try:
            with browsing(make_conninfo(dsn, user=role), actions=True) as client:
                for path in (*PAGES, f"/instances/{made.id}"):
                    page = client.get(path)
                    assert page.status_code == 200, page.text
                status, said = do(client, "pause", queue="default")
                assert (status, "gd_admin" in said) == (409, True), said
        finally:
            conn.execute(f"drop role {role}")


class TestActions:
    """What may be done."""

    def test_nothing_unless_asked_for(self, dsn: str, conn: Connection) -> None:
        made = enqueue(conn, "Mail", {})
        with browsing(dsn) as client:
            assert "read-only" in client.get("/").text
            assert "hx-post" not in client.get(f"/instances/{made.id}").text
            assert do(client, "cancel", id=made.id)[0] == 403
        found = get(conn, made.id)
        assert found is not None
        assert found.status == "runnable"

    def test_only_from_its_own_pages(self, dsn: str, conn: Connection) -> None:
        made = enqueue(conn, "Mail", {})
        with browsing(dsn, actions=True) as client, browsing(dsn, actions=True) as other:
            mine, others = token_of(client), token_of(other)
            for headers in (
                {},
                {"X-CSRF-Token": ""},
                {"X-CSRF-Token": others},
                {"X-CSRF-Token": "é" * 64},
                {"X-CSRF-Token": mine, "Sec-Fetch-Site": "cross-site"},
                {"X-CSRF-Token": mine, "Sec-Fetch-Site": "same-site"},
            ):
                encoded = {name.encode(): value.encode() for name, value in headers.items()}
                answer = client.post("/do/cancel", data={"id": made.id}, headers=encoded)
                assert answer.status_code == 403, headers
            assert client.get("/do/cancel", params={"id": made.id}).status_code in (404, 405)
            # A form of another page can send fields, and no headers.
            answer = client.post("/do/cancel", data={"id": made.id, "csrf": mine})
            assert answer.status_code == 403
            client.cookies.clear()
            answer = client.post("/do/cancel", data={"id": made.id}, headers={"X-CSRF-Token": mine})
            assert answer.status_code == 403
        found = get(conn, made.id)
        assert found is not None
        assert found.status == "runnable"

    def test_instances(self, dsn: str, conn: Connection) -> None:
        one, two, three = (enqueue(conn, "Mail", {"n": n}) for n in range(3))
        with browsing(dsn, actions=True, auth=BasicAuth({"ada": "x"})) as client:
            client.auth = ("ada", "x")
            assert do(client, "signal", id=one.id, name="go", payload='{"a": 1}') == (
                200,
                "Delivered.",
            )
            assert [(s.name, s.payload) for s in signals(conn, one.id)] == [("go", {"a": 1})]
            assert do(client, "signal", id=one.id, name="go", payload="{")[0] == 409
            assert do(client, "cancel", id=one.id, reason="wrong")[1] == "Cancelled."
            found = get(conn, one.id)
            assert found is not None
            assert found.error == {"kind": "cancelled", "reason": "wrong (ada)"}
            assert do(client, "cancel", id=one.id)[1].startswith("Nothing was cancelled")
            assert do(client, "retry", id=one.id)[1] == "Back from the archive."
            assert do(client, "retry", id=one.id)[1] == "It has not failed."
            assert do(client, "cancel-many", id=[two.id, three.id])[1] == "2 cancelled."
            assert do(client, "retry-many", id=[two.id, 10**9])[1] == (
                "1 retried, 1 not there any more."
            )
            assert do(client, "retry-many")[0] == 409
            for bad in ("x", "0", "-1", str(2**63), ""):
                assert do(client, "cancel", id=bad)[0] == 409, bad
            assert do(client, "nonsense")[0] == 409

    def test_all_the_work_of_one_customer(self, dsn: str, conn: Connection) -> None:
        conn.execute(
            "select gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'Mail', "
            "'state', jsonb_build_object('customer', n % 2, 'card', n))) "
            "from generate_series(1, 1300) as n))"
        )
        with browsing(dsn, actions=True, redact=["card"]) as client:
            page = client.get("/instances", params={"state": '{"customer": 1}'}).text
            assert "Cancel all that are like this" in page
            assert "Cancel all that" not in client.get("/instances").text
            for refused in (
                {},
                {"status": "runnable"},
                {"machine": "Mail", "status": "done"},
                {"state": '{"card": 3}'},
                {"state": "{"},
            ):
                assert do(client, "cancel-found", **refused)[0] == 409, refused
            assert do(client, "cancel-found", state='{"customer": 1}', reason="gone") == (
                200,
                "650 cancelled.",
            )
            assert do(client, "cancel-found", state='{"customer": 1}')[1] == "Nothing to cancel."
        left = conn.execute(
            "select state -> 'customer', status, count(*) from gd_instances group by 1, 2"
        ).fetchall()
        assert sorted(left) == [(0, "runnable", 650), (1, "failed", 650)]

    def test_all_failures_of_one_machine(self, dsn: str, conn: Connection) -> None:
        enqueue_many(conn, [Entry("Mail")] * 600 + [Entry("Other")] * 10)
        conn.execute(
            """select gd_commit(w, (select jsonb_agg(jsonb_build_object(
                   'id', p.id, 'fence', p.fence, 'kind', 'stop', 'error', '{"type": "E"}'::jsonb))
                   from gd_pick(w, 'default', 1000) as p))
               from gd_register('w') as w"""
        )
        # Ended on purpose: not meant by a retry of all that failed.
        (cancelled,) = enqueue_many(conn, [Entry("Mail")])
        conn.execute("select gd_cancel(%s)", [cancelled.id])
        with browsing(dsn, actions=True) as client:
            page = client.get("/failures?machine=Mail").text
            assert "Retry all 600" in page
            assert "not those that were cancelled" in page
            assert do(client, "retry-found", machine="Mail", since="1h", step="") == (
                200,
                "600 retried.",
            )
            assert do(client, "retry-found", machine="Mail", since="1h", step="")[1].startswith(
                "Nothing is failed"
            )
            assert do(client, "retry-found", machine="Mail", since="ever", step="")[0] == 409
        failed = conn.execute(
            "select fsm, count(*) from gd_instances where status = 'failed' group by fsm"
        ).fetchall()
        assert sorted(failed) == [("Mail", 1), ("Other", 10)]

    def test_queues_limits_schedules(self, dsn: str, conn: Connection) -> None:
        enqueue(conn, "Mail", {})
        set_concurrency_limit(conn, "c", 3)
        schedule(conn, "Mail", Schedule("@daily", name="daily"))

        def one(query: str) -> Any:
            row = conn.execute(query).fetchone()
            return None if row is None else row[0]

        with browsing(dsn, actions=True) as client:
            assert do(client, "pause", queue="default")[0] == 200
            assert one("select paused from gd_queues") is True
            assert do(client, "resume", queue="default")[0] == 200
            assert one("select paused from gd_queues") is False
            assert do(client, "queue-limit", queue="default", max_executing="7")[0] == 200
            assert one("select max_executing from gd_queues") == 7
            assert do(client, "queue-limit", queue="default", max_executing="")[0] == 200
            assert one("select max_executing from gd_queues") is None
            for bad in ("-1", "1.5", "x", "99999999999"):
                assert do(client, "queue-limit", queue="default", max_executing=bad)[0] == 409
            assert do(client, "concurrency-limit", name="c", max_executing="9")[0] == 200
            assert one("select max_executing from gd_limits where name = 'c'") == 9
            assert do(client, "drop-concurrency-limit", name="c")[0] == 200
            assert one("select max_executing from gd_limits where name = 'c'") is None
            assert do(client, "rate-limit", name="r", allowed="5", period="60")[0] == 200
            assert one("select allowed from gd_limits where name = 'r'") == 5
            assert do(client, "rate-limit", name="r", allowed="5", period="60", burst="9")[0] == 200
            assert one("select burst from gd_limits where name = 'r'") == 9
            assert 'name="burst" value="9"' in client.get("/limits").text
            assert do(client, "rate-limit", name="r", allowed="nan", period="60")[0] == 409
            assert do(client, "drop-rate-limit", name="r")[0] == 200
            assert one("select count(*) from gd_limits where name = 'r'") == 0
            assert do(client, "pause-schedule", name="daily")[0] == 200
            assert one("select paused from gd_schedules") is True
            assert do(client, "resume-schedule", name="daily")[0] == 200
            assert one("select paused from gd_schedules") is False

    def test_a_form_has_a_size(self, dsn: str) -> None:
        with browsing(dsn, actions=True) as client:
            headers = {"X-CSRF-Token": token_of(client)}
            assert (
                client.post("/do/cancel", content=b"x" * 2_000_000, headers=headers).status_code
                == 409
            )
            assert (
                client.post("/do/cancel", content=b"a&" * 20_000, headers=headers).status_code
                == 409
            )
            assert client.post("/do/cancel", content=b"\xff", headers=headers).status_code == 409

    def test_reading_cannot_write(self, dsn: str, conn: Connection) -> None:
        """Whatever a page came to call, its connection would not let it."""
        with browsing(dsn) as client:
            dashboard = client.app.state.dashboard  # type: ignore[attr-defined]

            async def pause() -> None:
                await dashboard.store.read(lambda c: c.execute("select public.gd_pause('default')"))

            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                asyncio.run(pause())


class TestPlaces:
    """Where it is: mounted, or behind a proxy."""

    def test_mounted(self, dsn: str) -> None:
        inner = app(dsn)

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with inner.router.lifespan_context(inner):
                yield

        outer = Starlette(
            routes=[Mount("/ops/jobs", inner)],
            lifespan=lifespan,
        )
        with TestClient(outer, base_url=LOCAL) as client:
            page = client.get("/ops/jobs/queues")
            assert page.status_code == 200
            assert '<base href="/ops/jobs/">' in page.text
            assert "Path=/ops/jobs" in page.headers["set-cookie"]
            assert client.get("/ops/jobs/static/app.css").status_code == 200

    @pytest.mark.parametrize("strips", [True, False])
    def test_behind_a_proxy(self, dsn: str, strips: bool) -> None:
        with browsing(dsn, prefix="/jobs") as client:
            path = "/queues" if strips else "/jobs/queues"
            page = client.get(path)
            assert page.status_code == 200
            assert '<base href="/jobs/">' in page.text
            assert client.get(path.replace("queues", "static/app.css")).status_code == 200
            assert client.get(path.replace("queues", "")).status_code == 200

    def test_a_prefix_is_a_path(self, dsn: str) -> None:
        for bad in ("jobs", "/jobs/", "/jobs?x"):
            with pytest.raises(UsageError):
                app(dsn, prefix=bad)
        with pytest.raises(UsageError):
            app(dsn, poll=0)


class TestTrouble:
    """When the database is away."""

    def test_a_page_says_so_and_comes_back(self) -> None:
        with own_cluster() as admin:
            install(admin)
            with browsing(admin) as client:
                assert client.get("/queues").status_code == 200
                with psycopg.connect(admin, autocommit=True) as conn:
                    conn.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where pid <> pg_backend_pid() and datname = current_database()"
                    )
                # A connection that was lost is no trouble yet.
                assert client.get("/queues").status_code == 200
            gone = make_conninfo(admin, port="1")
            with browsing(gone) as client:
                for path in PAGES:
                    page = client.get(path)
                    assert page.status_code == 503
                    assert "cannot be reached" in page.text
                    assert "data-live" in page.text
                assert client.get("/healthz").status_code == 503

    def test_an_attempt_to_connect_is_not_repeated_by_everyone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = 0

        async def away(*_: object, **__: object) -> None:
            nonlocal attempts
            attempts += 1
            raise psycopg.OperationalError("away")

        monkeypatch.setattr("gendurable.web.store.connect", away)
        with browsing("") as client:
            for path in PAGES:
                assert "cannot be reached: away" in client.get(path).text
        assert attempts <= 2

    def test_one_value_that_cannot_be_shown_hides_no_other(
        self, dsn: str, conn: Connection
    ) -> None:
        deep = f"{'[' * 3000}{']' * 3000}"
        made = conn.execute(
            "select id from gd_enqueue('Deep', jsonb_build_object('deep', %s::jsonb))", [deep]
        ).fetchone()
        assert made is not None
        conn.execute("select gd_signal(%s, 's', %s::jsonb)", [made[0], deep])
        with browsing(dsn) as client:
            assert "Deep" in client.get("/instances").text
            page = client.get(f"/instances/{made[0]}")
            assert "nested too deeply" in page.text
            conn.execute("select gd_cancel(%s)", [made[0]])
            assert client.get("/failures").status_code == 200

    def test_without_the_engine_it_says_how_to_install(self, empty_dsn: str) -> None:
        with browsing(empty_dsn) as client:
            page = client.get("/")
            assert page.status_code == 503
            assert "gendurable-py install" in page.text


class TestHub:
    """One poll for all."""

    def test_ten_viewers_cost_what_one_costs(self) -> None:
        reads: list[str] = []

        async def read(topic: str) -> str:
            reads.append(topic)
            return f"{topic} {len(reads) // 5}"

        async def run() -> None:
            hub = Hub(read, str, 0.02)
            seen: list[list[News]] = [[] for _ in range(10)]

            async def view(place: int) -> None:
                async for news in hub.follow("overview"):
                    seen[place].append(news)
                    if len(seen[place]) == 4:
                        return

            await asyncio.gather(*(view(place) for place in range(10)))
            assert all(each == seen[0] for each in seen)
            assert len(reads) <= 25
            # While no page is open, nothing is read.
            await asyncio.sleep(0.05)
            done = len(reads)
            await asyncio.sleep(0.1)
            assert len(reads) == done
            assert hub.viewers == 0

        asyncio.run(run())

    def test_trouble_is_told_and_passes(self) -> None:
        answers: list[Any] = ["one", OSError("away"), OSError("away"), "one", "two"]

        async def read(_: str) -> str:
            answer = answers.pop(0) if answers else "two"
            if isinstance(answer, Exception):
                raise answer
            return str(answer)

        async def run() -> list[News]:
            seen: list[News] = []
            async for news in Hub(read, str, 0.01).follow("t"):
                seen.append(news)
                if news.text == "two":
                    break
            return seen

        assert asyncio.run(run()) == [
            News("page", "one"),
            News("trouble", "away"),
            News("page", "one"),
            News("page", "two"),
        ]

    def test_a_slow_viewer_gets_the_latest(self) -> None:
        number = 0

        async def read(_: str) -> str:
            nonlocal number
            number += 1
            return str(number)

        async def run() -> None:
            hub = Hub(read, str, 0.005)
            news = hub.follow("t")
            first = await anext(news)
            await asyncio.sleep(0.2)
            second = await anext(news)
            assert int(second.text) - int(first.text) > 3
            await news.aclose()

        asyncio.run(run())

    def test_it_stays_within_half_of_the_time(self) -> None:
        async def read(_: str) -> str:
            await asyncio.sleep(0.05)
            return "x"

        async def run() -> None:
            hub = Hub(read, str, 0.001)
            viewers = [hub.follow("t") for _ in range(4)]
            for each in viewers:
                await anext(each)
            began = hub.reads
            await asyncio.sleep(0.5)
            assert hub.reads - began <= 6

        asyncio.run(run())

    def test_closed_it_sends_everyone_away(self) -> None:
        async def read(_: str) -> str:
            return "x"

        async def run() -> None:
            hub = Hub(read, str, 10)

            async def view() -> int:
                seen = 0
                async for _ in hub.follow("t"):
                    seen += 1
                    if hub.viewers == 3:
                        hub.close()
                return seen

            assert await asyncio.gather(*(view() for _ in range(3))) == [1, 1, 1]

        asyncio.run(run())


def test_the_command(dsn: str) -> None:
    """It says where it is, answers, and ends in order while someone looks."""
    command = [sys.executable, "-m", "gendurable", "web", "--dsn", dsn, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert url is not None, said
        assert "read-only" in said
        with (
            psycopg.connect(dsn, autocommit=True) as conn,
            _stream(f"{url[0]}live/queues") as lines,
        ):
            until(lambda: "There is no queue yet" in "".join(lines), "the first page")
            enqueue(conn, "Mail", {}, queue="fresh")
            until(lambda: "fresh" in "".join(lines), "a live update")
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@contextlib.contextmanager
def _stream(url: str) -> Iterator[list[str]]:
    """The lines of a stream, as they come."""
    with subprocess.Popen(["curl", "-sN", url], stdout=subprocess.PIPE, text=True) as process:
        lines: list[str] = []
        import threading  # noqa: PLC0415

        def read() -> None:
            assert process.stdout is not None
            lines.extend(iter(process.stdout.readline, ""))

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield lines
        finally:
            process.terminate()
            thread.join(10)


def test_the_document_s_application_and_options(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/dashboard.md tells a reader to write works, and its options exist."""
    text = (ROOT / "docs" / "dashboard.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]
    made: dict[str, Any] = {}
    exec(code.replace("postgresql:///shop", dsn), made)
    with TestClient(made["application"], base_url=LOCAL, client=("127.0.0.1", 1)) as client:
        assert client.get("/jobs/queues").status_code == 403
        assert client.get("/jobs/queues", headers={"X-Forwarded-User": "a"}).status_code == 200
    monkeypatch.setenv("COLUMNS", "200")
    known = CliRunner().invoke(cli, ["web", "--help"]).output
    options = set(re.findall(r"(?<=[` ])--[a-z-]+", text))
    assert len(options) > 6
    assert options - set(re.findall(r"--[a-z-]+", known)) == set()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("gendurable.web.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UsageError, match=r"pip install 'gendurable\[web\]'"):
        app()
    said = CliRunner().invoke(cli, ["web"])
    assert said.exit_code == 1


def test_metrics(dsn: str, conn: Connection) -> None:
    enqueue(conn, "Mail", {}, queue="q")
    with browsing(dsn) as client:
        page = client.get("/metrics")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/plain")
        assert "gendurable_up 1.0" in page.text
        assert 'queue="q"' in page.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": "0.0.0.0"}, "--auth basic"),
        ({"host": "::"}, "--auth basic"),
        ({"auth": "basic"}, "GENDURABLE_WEB_USERS"),
        ({"auth": "secret"}, "expected basic"),
        ({"prefix": "jobs"}, "begins with a slash"),
        ({"host": "192.0.2.1", "auth": "header:X-U"}, "nothing can listen"),
    ],
)
def test_what_cannot_be_served_is_told(options: dict[str, str], said: str) -> None:
    """Before anything listens."""
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "actions": False,
        "auth": None,
        "trust_proxy": (),
        "allow_host": (),
        "redact": (),
        "prefix": "",
        "poll": 1,
        "pooler": False,
        "say": pytest.fail,
    }
    with pytest.raises(UsageError, match=said):
        serve("", **settings | options)
