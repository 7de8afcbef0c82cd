"""The dashboard: what happens, in a browser. Needs the extra ``web``.

``gendurable-py web`` serves it; ``app`` makes an ASGI application of it, to be mounted in one of
your own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gendurable.errors import UsageError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from gendurable.web.access import Auth

__all__ = ["app"]


def app(
    dsn: str | None = None,
    *,
    actions: bool = False,
    auth: Auth | None = None,
    redact: Iterable[str] = (),
    prefix: str = "",
    hosts: Iterable[str] | None = None,
    poll: float = 1,
    pooler: bool = False,
) -> Starlette:
    """The dashboard as an ASGI application.

    It connects when a page is looked at, on at most five connections. Mounted in an application,
    that application says who may look, or ``auth`` does.

    Args:
        dsn: where the database is; GENDURABLE_DSN or the PG* variables by default. A login of the
            role ``gd_client`` is enough to look.
        actions: also cancel, retry, signal, pause, resume and set limits; the login then needs
            ``gd_admin``.
        auth: ``gendurable.web.access.BasicAuth`` or ``HeaderAuth``; None lets every request in.
        redact: keys of which the values are hidden, wherever they stand in a state, a result, an
            error or a payload; upper and lower case are the same.
        prefix: the path under which a proxy serves it, for example ``/gendurable``, whether or not
            the proxy takes it away. Of a mounted application Starlette knows it.
        hosts: the names under which it may be asked for; None means any.
        poll: seconds between two looks at the database, while a page is open.
        pooler: the DSN leads through a transaction pooler.

    Raises:
        UsageError: the extra is not installed, or an argument is malformed.
    """
    try:
        from gendurable.web.application import build  # noqa: PLC0415
    except ImportError as exc:
        if exc.name is None or exc.name.partition(".")[0] not in (
            "starlette",
            "jinja2",
            "markupsafe",
        ):
            raise
        raise UsageError(
            f"the dashboard needs the extra web: {exc.name} is not installed\n"
            "Install it with: pip install 'gendurable[web]'"
        ) from exc
    return build(
        dsn,
        actions=actions,
        auth=auth,
        redact=redact,
        prefix=prefix,
        hosts=hosts,
        poll=poll,
        pooler=pooler,
    )
