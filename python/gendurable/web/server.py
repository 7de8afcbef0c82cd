"""The dashboard as a process of its own: where it listens, who is let in, how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from gendurable.errors import UsageError
from gendurable.web.access import LOOPBACK_NAMES, is_loopback, parse_auth
from gendurable.web.application import build

__all__ = ["serve"]


def serve(
    dsn: str | None,
    *,
    host: str,
    port: int,
    actions: bool,
    auth: str | None,
    trust_proxy: Iterable[str],
    allow_host: Iterable[str],
    redact: Iterable[str],
    prefix: str,
    poll: float,
    pooler: bool,
    say: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        dsn: as in ``gendurable.web.app``.
        host: the address to listen at.
        port: 0 is any that is free.
        actions: as in ``gendurable.web.app``.
        auth: who is let in, as ``parse_auth`` has it; None lets all in, on this machine only.
        trust_proxy: networks of the proxies whose header is believed.
        allow_host: names under which it may be asked for besides this machine's own; without
            ``auth`` no other is answered.
        redact: as in ``gendurable.web.app``.
        prefix: as in ``gendurable.web.app``.
        poll: as in ``gendurable.web.app``.
        pooler: as in ``gendurable.web.app``.
        say: told the address, once it listens.

    Raises:
        UsageError: an argument is malformed, the address cannot be had, or is open to others.
    """
    if auth is None and not is_loopback(host):
        raise UsageError(
            f"--host {host} is open to other machines, and every user there could look\n"
            "Add --auth basic or --auth header:NAME, or listen at 127.0.0.1."
        )
    names = None if auth else LOOPBACK_NAMES | {host.strip("[]"), *allow_host}
    app = build(
        dsn,
        actions=actions,
        auth=None if auth is None else parse_auth(auth, os.environ, trust_proxy),
        redact=redact,
        prefix=prefix,
        hosts=names,
        poll=poll,
        pooler=pooler,
    )
    with _listen(host.strip("[]"), port) as listener:
        shown = f"[{host.strip('[]')}]" if ":" in host else host
        say(f"http://{shown}:{listener.getsockname()[1]}{prefix}/")
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            # --auth judges the user: the address is that of the connection.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            lifespan="on",
        )
        asyncio.run(_Server(config, app).serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """Ends the streams first, which would not end by themselves, and then with code 0."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear SIGTERM and SIGINT, without ending by them."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what runs."""
        self._app.state.dashboard.hub.close()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as exc:
        raise UsageError(
            f"nothing can listen at {host}, port {port}: {exc}\nChoose another --port."
        ) from exc
