"""A small HTTP server for machines: metrics and probes, in a thread of its own."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, NamedTuple, Self

from gendurable import health
from gendurable.errors import UsageError
from gendurable.text import safe_repr

__all__ = ["Endpoint", "Page", "next_port", "probes"]

logger = logging.getLogger("gendurable")

_SILENCE = 10.0
_TEXT = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """What is answered to a request."""

    body: bytes
    content_type: str = _TEXT
    status: int = 200


Pages = Mapping[str, Callable[[], Page]]


class Endpoint:
    """Answers GET and HEAD for a few paths until it is closed.

    Args:
        address: ``HOST:PORT``; ``:PORT`` for all interfaces, ``[::1]:PORT`` for IPv6. Port 0 is any
            free one.
        pages: what makes the answer, by path. It is called in a thread of the request's own.

    Attributes:
        port: where it listens.

    Raises:
        UsageError: the address is malformed, or cannot be had.
    """

    def __init__(self, address: str, pages: Pages) -> None:
        host, port = _parsed(address)
        try:
            family, _, _, _, where = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._server = _server(family, where, pages)
        except OSError as exc:
            raise UsageError(
                f"cannot listen on {address}: {exc.strerror or exc}\n"
                "Choose another port, or end what has it."
            ) from exc
        self.port = int(self._server.server_address[1])
        thread = threading.Thread(
            target=self._server.serve_forever, name="gendurable-endpoint", daemon=True
        )
        thread.start()
        logger.info("%s at http://%s:%d", ", ".join(pages), host or "*", self.port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def probes() -> Pages:
    """``/healthz`` and ``/readyz`` of the workers of this process."""
    return {
        "/healthz": lambda: _verdict(health.not_live()),
        "/readyz": lambda: _verdict(health.not_ready()),
    }


def _verdict(problems: list[str]) -> Page:
    if not problems:
        return Page(b"ok\n")
    return Page(("\n".join(problems) + "\n").encode(), status=503)


def _server(family: int, where: object, pages: Pages) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"pages": pages})
    cls = type("Server", (_Server,), {"address_family": family})
    made: ThreadingHTTPServer = cls(where, handler)
    return made


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # One that another process has is refused, not shared.
    allow_reuse_port = False

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that goes away is no error."""
        logger.debug("a request from %s failed: %r", client_address, sys.exc_info()[1])


class _Handler(BaseHTTPRequestHandler):
    pages: ClassVar[Pages] = {}
    timeout = _SILENCE
    server_version = "gendurable"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer."""
        body = self._answer()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        """Answer without the contents."""
        self._answer()

    def _answer(self) -> bytes:
        page = self._page(self.path.partition("?")[0])
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        return page.body

    def _page(self, path: str) -> Page:
        make = self.pages.get(path)
        if make is None:
            return Page(("\n".join(self.pages) + "\n").encode(), status=404)
        try:
            return make()
        except Exception:
            logger.exception("%s cannot be answered", path)
            return Page(b"it failed; the log says why\n", status=500)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Probes come every few seconds."""
        logger.debug(format, *args)


def next_port(address: str, further: int) -> str:
    """The address of another process: so many ports further, or any free one again.

    Raises:
        UsageError: the address is malformed, or there is no such port.
    """
    _, port = _parsed(address)
    return f"{address.rpartition(':')[0]}:{port + further if port else 0}"


def _parsed(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if (
        not colon
        or not port.isascii()
        or not port.isdecimal()
        or int(port) > 65535
        or not _is_host(host)
    ):
        raise UsageError(
            f"{safe_repr(address, 100)} is no address: expected HOST:PORT, "
            "for example 127.0.0.1:9400"
        )
    return host.strip("[]"), int(port)


def _is_host(host: str) -> bool:
    return ":" not in host or (host.startswith("[") and host.endswith("]"))
