"""Who may look: basic authentication, or a header that a proxy sets; and what a browser may send.

The guard stands before every route, the stream and the metrics included.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gendurable.errors import UsageError

__all__ = [
    "Auth",
    "BasicAuth",
    "Guard",
    "HeaderAuth",
    "csrf_token",
    "is_forged",
    "is_loopback",
    "parse_auth",
]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_COOKIE = "gendurable_web"
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """Names and passwords, for the browser's own dialogue.

    Attributes:
        users: the password of each name.
    """

    users: Mapping[str, str] = field(repr=False)

    def user(self, scope: Scope) -> str | None:
        """The name of the user who asks, or None."""
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        expected = self.users.get(name)
        # Compared whether or not the name is known, so that the time does not tell.
        same = hmac.compare_digest(_digest(password), _digest(expected or ""))
        return name if same and expected else None

    def refusal(self) -> Response:
        """The answer that makes a browser ask."""
        return PlainTextResponse(
            "Who are you? This dashboard asks for a name and a password.\n",
            401,
            {"www-authenticate": 'Basic realm="gendurable", charset="UTF-8"'},
        )


@dataclass(frozen=True, slots=True)
class HeaderAuth:
    """A header with the user's name, believed only if one of the proxies sent it.

    Attributes:
        header: for example ``X-Forwarded-User``.
        proxies: the networks of the proxies; the loopback addresses by default.
    """

    header: str
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")

    def __post_init__(self) -> None:
        """Check the networks, so that a wrong one is told at the start."""
        for proxy in self.proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise UsageError(
                    f"{proxy!r} is no address or network of a proxy, such as 10.0.0.0/8"
                ) from None

    def user(self, scope: Scope) -> str | None:
        """The name of the user who asks, or None."""
        given = Headers(scope=scope).getlist(self.header)
        if len(given) != 1 or not given[0].strip() or not self._is_proxy(scope):
            return None
        return given[0].strip()

    def refusal(self) -> Response:
        """The answer to what did not come through the proxy."""
        return PlainTextResponse(
            f"This dashboard is reached through its proxy, which sets {self.header}.\n", 403
        )

    def _is_proxy(self, scope: Scope) -> bool:
        client = scope.get("client")
        if client is None:
            return True  # A unix socket: who reaches it, its file's permissions say.
        try:
            address = ipaddress.ip_address(client[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in ipaddress.ip_network(p) for p in self.proxies)


Auth: TypeAlias = BasicAuth | HeaderAuth


def parse_auth(given: str, environment: Mapping[str, str], proxies: Iterable[str] = ()) -> Auth:
    """The ``--auth`` of the command line: ``basic``, ``basic:FILE`` or ``header:NAME``.

    Raises:
        UsageError: it is none of these, or names no user.
    """
    kind, _, rest = given.partition(":")
    if kind == "header" and rest:
        networks = tuple(proxies)
        return HeaderAuth(rest, networks) if networks else HeaderAuth(rest)
    if kind != "basic":
        raise UsageError(f"--auth {given}: expected basic, basic:FILE or header:NAME")
    if rest:
        try:
            lines = Path(rest).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as exc:
            raise UsageError(f"--auth {given}: the file cannot be read: {exc}") from exc
    else:
        lines = environment.get("GENDURABLE_WEB_USERS", "").split()
    users = {}
    for line in filter(None, map(str.strip, lines)):
        name, separator, password = line.partition(":")
        if not (name and separator and password):
            raise UsageError(f"--auth {given}: each line is NAME:PASSWORD, and one is not")
        users[name] = password
    if not users:
        where = rest or "the environment variable GENDURABLE_WEB_USERS"
        raise UsageError(f"--auth {given}: {where} has no NAME:PASSWORD")
    return BasicAuth(users)


def is_loopback(host: str) -> bool:
    """Whether what listens there is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def csrf_token(request: Request) -> str:
    """What a form of this viewer has to send back: known to pages that read it, not to others."""
    return hashlib.sha256(b"csrf:" + _session(request.scope).encode()).hexdigest()


def is_forged(request: Request, token: str) -> bool:
    """Whether a page of somewhere else may have sent this request."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    if _COOKIE not in request.cookies:
        return True
    return not hmac.compare_digest(token.encode(), csrf_token(request).encode())


class Guard:
    """Lets in who may look, and sends every answer with the headers that keep it to itself.

    Args:
        app: what it guards.
        auth: None lets every request in.
        hosts: the names under which it may be asked for; None means any. Without authentication a
            page of somewhere else could otherwise read this one, by a name of its own that it lets
            point here.
    """

    def __init__(self, app: ASGIApp, auth: Auth | None, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._auth = auth
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fresh = _begin_session(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                # With a page, not with what a proxy may keep for others.
                if fresh and headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", _cookie(scope))
            await send(message)

        refused = self._refusal(scope)
        await (refused or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        if self._hosts is not None and _host(scope) not in self._hosts:
            return PlainTextResponse(
                "This name is not one of this dashboard's. Start it with --allow-host NAME, "
                "or with --auth.\n",
                421,
            )
        if self._auth is None:
            return None
        user = self._auth.user(scope)
        if user is None:
            return self._auth.refusal()
        scope["state"]["user"] = user
        return None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _host(scope: Scope) -> str:
    host = Headers(scope=scope).get("host", "")
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _begin_session(scope: Scope) -> bool:
    """Give the viewer a secret number of its own; whether it is a new one."""
    scope.setdefault("state", {})
    known = Request(scope).cookies.get(_COOKIE, "")
    scope["state"]["session"] = known or secrets.token_urlsafe(24)
    return not known


def _session(scope: Scope) -> str:
    return str(scope["state"]["session"])


def _cookie(scope: Scope) -> str:
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    path = scope.get("root_path") or "/"
    return f"{_COOKIE}={_session(scope)}; Path={path}; HttpOnly; SameSite=Strict{secure}"
