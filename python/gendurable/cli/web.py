"""``web``: the dashboard."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from gendurable.cli.command import Dsn, command
from gendurable.database import conninfo, describe_dsn
from gendurable.errors import UsageError
from gendurable.log import log_to_stderr

__all__ = ["web"]

_EXTRA = ("starlette", "jinja2", "markupsafe", "uvicorn")


@command(
    examples=[
        "web",
        "web --actions --redact password --redact card",
        "web --host 0.0.0.0 --auth basic:/etc/gendurable/users",
        "web --auth header:X-Forwarded-User --prefix /jobs",
    ]
)
def web(
    dsn: Dsn = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 is any that is free.", min=0, max=65535)] = 8080,
    actions: Annotated[
        bool, typer.Option("--actions", help="Also cancel, retry, signal, pause and set limits.")
    ] = False,
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="basic|basic:FILE|header:NAME",
            help="Who may look: names and passwords, of GENDURABLE_WEB_USERS or of a file with a "
            "NAME:PASSWORD on each line; or a header that a proxy sets.",
            show_default=False,
        ),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Where the proxy of --auth header:NAME is; repeatable. [default: this machine]",
            show_default=False,
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Without --auth: a further name under which it may be asked for; repeatable.",
            show_default=False,
        ),
    ] = None,
    redact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Hide the values of this key in states, results, errors and payloads; repeatable.",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[
        str, typer.Option(metavar="PATH", help="The path under which a proxy serves it.")
    ] = "",
    poll: Annotated[float, typer.Option(help="Seconds between two looks at the database.")] = 1,
    pooler: Annotated[
        bool, typer.Option("--pooler", help="The DSN leads through a transaction pooler.")
    ] = False,
) -> None:
    """Serve the dashboard until SIGTERM or SIGINT.

    It only looks unless --actions is given, and a login of the role gd_client is enough for that.
    Without --auth it listens on this machine only.
    """
    log_to_stderr()
    try:
        server = importlib.import_module("gendurable.web.server")
    except ImportError as exc:
        if (exc.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise UsageError(
            f"the dashboard needs the extra web: {exc.name} is not installed\n"
            "Install it with: pip install 'gendurable[web]'"
        ) from exc
    where = describe_dsn(conninfo(dsn))
    what = "with actions" if actions else "read-only"
    server.serve(
        dsn,
        host=host,
        port=port,
        actions=actions,
        auth=auth,
        trust_proxy=trust_proxy or (),
        allow_host=allow_host or (),
        redact=redact or (),
        prefix=prefix,
        poll=poll,
        pooler=pooler,
        say=lambda url: typer.echo(f"dashboard of {where} at {url} ({what})"),
    )
