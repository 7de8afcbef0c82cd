"""The page of the views."""

from __future__ import annotations

from reference.catalog import Engine
from reference.markdown import linked, table

__all__ = ["page"]


def page(engine: Engine) -> str:
    """Each view with its columns."""
    intro = (
        "A member of the role `gd_client` may read them.\n"
        "`gd_queues`, `gd_limits` and `gd_stuck` cost a bounded amount of work, so that a "
        "dashboard may read them every second.\n"
    )
    parts = [f"# Views\n\n{intro}"]
    for view in engine.views:
        rows = [(f"`{one.name}`", f"`{one.type}`", linked(one.comment)) for one in view.columns]
        parts.append(
            f"## {view.name} {{ #{view.name} }}\n\n{linked(view.comment)}\n\n"
            + table(("column", "type", "meaning"), rows)
        )
    return "\n".join(parts)
