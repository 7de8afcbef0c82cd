"""The ASGI application: routes, the stream, errors as pages."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
import psycopg
from markupsafe import Markup
from psycopg.conninfo import conninfo_to_dict
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from gendurable.database import Connection, conninfo, describe_dsn, is_loss, one_line
from gendurable.errors import (
    AccessError,
    GendurableError,
    InvalidArgumentError,
    UsageError,
    engine_errors,
)
from gendurable.text import safe_str, type_name
from gendurable.web.access import Auth, Guard, csrf_token, is_forged
from gendurable.web.actions import ACTIONS, Form
from gendurable.web.hub import Hub, News
from gendurable.web.pages import (
    PAGES,
    REMEDIES,
    SPANS,
    STATUSES,
    Missing,
    Names,
    Page,
    answers,
    names,
    of_topic,
    raw,
)
from gendurable.web.rates import KINDS
from gendurable.web.render import STATIC, asset_version, environment, hidden_key, redacted
from gendurable.web.store import Store

__all__ = ["Dashboard", "build"]

T = TypeVar("T")

logger = logging.getLogger("gendurable")

_LONGEST_FORM = 1_000_000
_MOST_FIELDS = 10_000


def build(
    dsn: str | None,
    *,
    actions: bool,
    auth: Auth | None,
    redact: Iterable[str],
    prefix: str,
    hosts: Iterable[str] | None,
    poll: float,
    pooler: bool,
) -> Starlette:
    """As ``gendurable.web.app``.

    Raises:
        UsageError: an argument is malformed.
    """
    if prefix and (not prefix.startswith("/") or prefix.endswith("/") or "?" in prefix):
        raise UsageError(f"the prefix {prefix!r} begins with a slash and ends without, as /jobs")
    if not 0.1 <= poll <= 3600:
        raise UsageError("poll is between 0.1 and 3600 seconds")
    store = Store(conninfo(dsn), pooler=pooler)
    dashboard = Dashboard(
        store, actions=actions, redact=frozenset(key.lower() for key in redact), poll=poll
    )
    middleware = [
        Middleware(
            Guard, auth=auth, hosts=None if hosts is None else frozenset(h.lower() for h in hosts)
        )
    ]
    if prefix:
        middleware.insert(0, Middleware(_Prefix, prefix=prefix))
    made = Starlette(routes=dashboard.routes(), middleware=middleware, lifespan=dashboard.lifespan)
    made.state.dashboard = dashboard
    return made


class Dashboard:
    """The pages on one database.

    Args:
        store: the database.
        actions: whether anything may be done.
        redact: keys, in lower case, of which the values are hidden.
        poll: seconds between two looks.
    """

    def __init__(self, store: Store, *, actions: bool, redact: frozenset[str], poll: float) -> None:
        self.store = store
        self.hub = Hub(self._content, explain, poll)
        self._actions = actions
        self._redact = redact
        self._templates = environment(redact)
        self._templates.globals |= {
            "actions": actions,
            "statuses": STATUSES,
            "spans": list(SPANS),
            "kinds": KINDS,
            "remedies": REMEDIES,
        }
        self._version = asset_version()
        self._where = _name_of(store.info)
        self._names, self._names_until = Names(), 0.0
        self._collector: Any = None

    def routes(self) -> list[Route | Mount]:
        """All of them."""
        pages = [
            Route(page.path, self._page(page), name=page.name)
            for page in PAGES.values()
            if page.path
        ]
        return [
            *pages,
            Route("/instances/{id:int}/raw.json", self._raw, name="raw"),
            Route("/live/{topic:path}", self._live, name="live"),
            Route("/do/{action}", self._do, methods=["POST"], name="do"),
            Route("/healthz", self._health, name="health"),
            Route("/metrics", self._metrics, name="metrics"),
            Mount("/static", _Static(directory=STATIC), name="static"),
            Route("/{rest:path}", self._lost, name="lost"),
        ]

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Close what was opened, where the server tells when it ends."""
        yield
        self.hub.close()
        if self._collector is not None:
            self._collector.close()
        await self.store.close()

    def _page(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            topic = page.topic(request.path_params, request.url.query)
            try:
                content, status = await self._content(topic), 200
            except Exception as exc:  # noqa: BLE001 (a page says what was wrong)
                content, status = self._trouble(exc)
            return await self._whole(request, page, topic, content, status)

        return show

    async def _content(self, topic: str) -> str:
        """The live part of a page, the same for all viewers."""
        page, query = of_topic(topic)
        if "state" in query:
            self._refuse_hidden(query.json("state"))
        found = await self._read(lambda conn: page.load(conn, query))
        return self._render(page.template, query=query, **found)

    def _refuse_hidden(self, state: Any) -> None:
        """A search would tell what is hidden, one guess after the other."""
        if key := hidden_key(state, self._redact):
            raise UsageError(f"state: {key} is hidden, and cannot be searched for")

    async def _read(self, load: Callable[[Connection], Awaitable[T]]) -> T:
        async def run(conn: Connection) -> T:
            with engine_errors():
                return await load(conn)

        return await self.store.read(run)

    async def _whole(
        self, request: Request, page: Page, topic: str, content: str, status: int
    ) -> Response:
        return HTMLResponse(
            self._render(
                "layout.html",
                page=page,
                pages=PAGES,
                query=page.query(request.path_params, request.url.query),
                content=Markup(content),  # noqa: S704 (rendered by a template)
                # What is not there, or was asked wrongly, stays so.
                topic=topic if status in (200, 503) else "",
                root=f"{request.scope.get('root_path', '')}/",
                here=f"{request.url.path}{request.url.query and '?'}{request.url.query}",
                token=csrf_token(request),
                user=request.scope["state"].get("user"),
                where=self._where,
                version=self._version,
                now=datetime.now(UTC),
                choices=await self._choices(page) if status == 200 else self._names,
            ),
            status,
        )

    def _render(self, template: str, **context: Any) -> str:
        made = self._templates.get_template(template)
        return made.render(**context)

    def _trouble(self, exc: Exception) -> tuple[str, int]:
        wrong = isinstance(exc, UsageError | InvalidArgumentError)
        status = 503
        if wrong and not isinstance(exc, AccessError):
            status = 404 if isinstance(exc, Missing) else 400
        return self._render("trouble.html", status=status, text=explain(exc)), status

    async def _live(self, request: Request) -> Response:
        """What is looked at, as server-sent events."""
        topic = f"{request.path_params['topic']}?{request.url.query}"
        try:
            of_topic(topic)
        except UsageError as exc:
            return PlainTextResponse(f"{exc}\n", 404)
        if self.hub.is_full:
            return PlainTextResponse("Too many look at this dashboard.\n", 503)

        async def events() -> AsyncIterator[str]:
            yield "retry: 2000\n\n"
            async with aclosing(self.hub.follow(topic)) as followed:
                async for news in followed:
                    yield _event(news)

        return StreamingResponse(
            events(),
            media_type="text/event-stream",
            # Proxies that collect what they pass on would keep it for ever.
            headers={"x-accel-buffering": "no"},
        )

    async def _do(self, request: Request) -> Response:
        """Do something, and say what came of it."""
        user = request.scope["state"].get("user")
        try:
            form = await _form(request)
            # In a header: no page of elsewhere can set one without being asked whether it may.
            token = request.headers.get("x-csrf-token", "")
            if not self._actions:
                said, status = "This dashboard only looks: start it with --actions.", 403
            elif is_forged(request, token):
                said, status = "This did not come from a page of this dashboard. Reload it.", 403
            else:
                name = request.path_params["action"]
                said, status = await self._act(name, form, user), 200
        except Exception as exc:  # noqa: BLE001 (the page says what was wrong)
            said, status = explain(exc), 409 if isinstance(exc, GendurableError) else 503
        return HTMLResponse(self._render("said.html", said=said, status=status), status)

    async def _act(self, name: str, form: Form, user: str | None) -> str:
        act = ACTIONS.get(name)
        if act is None:
            raise UsageError(f"there is no action {name!r}")
        if name == "cancel-found":
            self._refuse_hidden(form.json("state"))

        with engine_errors():
            async with self.store.writing() as write:
                said = await act(write, form, user)
        logger.info(
            "dashboard: %s by %s: %s", name, safe_str(user or "unknown", 100), safe_str(said, 300)
        )
        self.hub.nudge()
        return said

    async def _raw(self, request: Request) -> Response:
        """The JSON of an instance, whole but for what is hidden."""
        try:
            found = await self._read(lambda conn: raw(conn, request.path_params["id"]))
        except Exception as exc:  # noqa: BLE001 (the answer says what was wrong)
            text, status = self._trouble(exc)
            return HTMLResponse(text, status)
        shown = msgspec.json.format(msgspec.json.encode(redacted(found, self._redact)), indent=2)
        return Response(shown, media_type="application/json")

    async def _choices(self, page: Page) -> Names:
        """What to offer in the filters; it need not be the newest."""
        if page.filters is None:
            return Names()
        now = asyncio.get_running_loop().time()
        if now > self._names_until:
            with suppress(Exception):
                self._names = await self._read(names)
                self._names_until = now + 30
        return self._names

    async def _health(self, _: Request) -> Response:
        """Whether the database answers."""
        try:
            await self._read(answers)
        except Exception as exc:  # noqa: BLE001 (the answer says what was wrong)
            return PlainTextResponse(f"{explain(exc)}\n", 503)
        return PlainTextResponse("ok\n")

    async def _metrics(self, _: Request) -> Response:
        """What ``gendurable-py exporter`` serves."""
        try:
            exporter = importlib.import_module("gendurable.exporter")
        except ImportError:
            return PlainTextResponse(
                "The metrics need the extra prometheus: pip install 'gendurable[prometheus]'\n", 501
            )
        if self._collector is None:
            self._collector = exporter.EngineCollector(self.store.info)
        page = await asyncio.to_thread(exporter.pages(self._collector)["/metrics"])
        return Response(page.body, page.status, media_type=page.content_type)

    async def _lost(self, request: Request) -> Response:
        content, status = self._trouble(Missing("There is no such page."))
        return await self._whole(request, PAGES["lost"], "", content, status)


class _Static(StaticFiles):
    """Files that a browser may keep: their address changes when they do."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One of them."""
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = "public, max-age=31536000, immutable"
        return answer


class _Prefix:
    """Tells the application under which path it is, whether or not a proxy takes that away."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            path = scope["path"]
            if path != self._prefix and not path.startswith(f"{self._prefix}/"):
                path = self._prefix + path
            scope = {**scope, "path": path, "root_path": self._prefix + scope.get("root_path", "")}
        await self._app(scope, receive, send)


def explain(exc: Exception) -> str:
    """An error as what to tell a person; what is no one's fault is logged."""
    if isinstance(exc, GendurableError):
        return str(exc)
    if isinstance(exc, RecursionError):
        return "A value is nested too deeply to be shown."
    if isinstance(exc, psycopg.errors.QueryCanceled):
        return "The database did not answer within five seconds. Ask for less, or later."
    if is_loss(exc):
        return f"The database cannot be reached: {one_line(exc)}"
    if isinstance(exc, psycopg.Error):
        return f"The database says: {one_line(exc)}"
    logger.error("the dashboard failed unexpectedly", exc_info=exc)
    return f"The dashboard has failed: {type_name(exc)}. Its log has the rest."


async def _form(request: Request) -> Form:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            raise UsageError("this is more than a form of this dashboard sends")
    try:
        return Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as exc:
        raise UsageError("this is no form of this dashboard") from exc


def _event(news: News) -> str:
    if news.event == "same":
        return ": still here\n\n"
    lines = "".join(f"data: {line}\n" for line in news.text.splitlines())
    return f"event: {news.event}\n{lines or 'data:'}\n"


def _name_of(info: str) -> str:
    return str(conninfo_to_dict(info).get("dbname") or describe_dsn(info))
