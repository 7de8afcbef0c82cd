"""``show``: one instance, and all around it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.console import Console, Group
from rich.syntax import Syntax
from rich.text import Text
from rich.tree import Tree

from gendurable.cli.command import Dsn, Json, command, connected
from gendurable.cli.output import Column, ago, coloured, emit, put, span, stamp, stdout, table
from gendurable.cli.reading import KeyOnly, Target, address
from gendurable.client import Event, Instance
from gendurable.context import Signal
from gendurable.database import conninfo, describe_dsn
from gendurable.errors import UsageError
from gendurable.look import Cause, Detail, Node, detail, tree
from gendurable.text import printable, safe_str

__all__ = ["no_instance", "show"]

_LONGEST_LINES = 60
_LONGEST = 4000

_INBOX: list[Column[Signal]] = [
    Column("ID", lambda s: str(s.id), right=True),
    Column("NAME", lambda s: s.name, long=True),
    Column("SENT", lambda s: s.sent_at, right=True),
    Column("PAYLOAD", lambda s: msgspec.json.encode(s.payload).decode(), long=True),
]


@command(examples=["show 42", "show order:42", "show --by-key 42", "show order:42 --json"])
def show(target: Target, dsn: Dsn = None, by_key: KeyOnly = False, as_json: Json = False) -> None:
    """Show one instance, and why it does not run.

    What to do about it comes first; then its state, result, error, inbox, children and timeline.
    """
    wanted = address(target, by_key=by_key)
    with connected(dsn) as conn:
        found = detail(conn, wanted)
        if found is None:
            raise no_instance(dsn, target, wanted)
        nodes = tree(conn, found.instance.id)
    if as_json:
        emit(msgspec.structs.asdict(found) | {"tree": nodes})
        return
    console = stdout()
    for title, body in _sections(found, nodes, console):
        console.print(Text(title, style="bold"))
        put(console, body, indent=2)


def no_instance(
    dsn: str | None, target: str, wanted: int | str, *, living: bool = False
) -> UsageError:
    """The error for an id or a key that nothing is known of, or nothing that lives."""
    shown = safe_str(target, 300) or "''"
    hint = f", or add --by-key if {target} is a correlation key" if isinstance(wanted, int) else ""
    return UsageError(
        f"there is no {'live ' if living else ''}instance {shown} "
        f"at {describe_dsn(conninfo(dsn))}\n"
        f"It may be finished{'' if living else ' and forgotten'}{hint}."
    )


def _sections(found: Detail, nodes: list[Node], console: Console) -> Iterable[tuple[str, Any]]:
    """What there is to tell, in the order in which it matters at night."""
    instance = found.instance
    yield f"{printable(instance.fsm)} {instance.id}", _facts(instance)
    if found.why:
        yield "why it does not run", Group(*(_cause(cause, instance) for cause in found.why))
    if instance.progress is not None:
        yield "progress", _json(instance.progress, console)
    yield "state", _json(instance.state, console)
    if instance.result is not None:
        yield "result", _json(instance.result, console)
    if instance.error is not None:
        yield "error", _error(instance.error, console)
    if found.inbox:
        yield "inbox", table(found.inbox, _INBOX, indent=2)
    if len(nodes) > 1:
        yield "children", _family(nodes)
    if found.history:
        yield "timeline", table(found.history, _timeline(instance), indent=2)
        yield from _past_errors(found, console)


def _facts(instance: Instance) -> Text:
    shown = Text()
    shown.append_text(coloured(instance.status))
    facts = [
        f"at step {instance.step} (version {instance.fsm_version}, try {instance.attempt + 1})",
        f"queue {instance.queue}, priority {instance.priority}",
        instance.correlation_key and f"key {instance.correlation_key}",
        instance.concurrency_key and f"concurrency key {instance.concurrency_key}",
        instance.rate_limit and f"rate limit {instance.rate_limit}",
        instance.parent_id and f"child of {instance.parent_id}",
        f"enqueued {stamp(instance.enqueued_at)} ({ago(instance.enqueued_at)} ago)",
        f"changed {stamp(instance.updated_at)} ({ago(instance.updated_at)} ago)",
    ]
    shown.append(" " + "\n".join(printable(fact) for fact in facts if fact))
    return shown


def _cause(cause: Cause, instance: Instance) -> Text:
    shown = Text.assemble(coloured(cause.reason), ": ", printable(cause.detail))
    if cause.remedy:
        shown.append(f"\n  -> {printable(cause.remedy)}", style="bold")
    if command := _command(cause, instance):
        shown.append(f"\n  $ gendurable-py {printable(command)}", style="bold")
    return shown


def _command(cause: Cause, instance: Instance) -> str | None:
    """The command of this program that mends it; None: it takes something else."""
    match cause.reason:
        case "queue_paused":
            words = ["resume", instance.queue]
        case "queue_limit":
            words = ["limit", "queue", instance.queue, "N"]
        case "unknown_rate_limit" | "weight_above_burst" | "rate_limit":
            words = ["limit", "rate", _policy(instance.rate_limit), "N/1m"]
        case "concurrency_key":
            words = ["limit", "concurrency", _policy(instance.concurrency_key), "N"]
        case "awaiting_signal":
            words = ["signal", str(instance.id), *(instance.awaits or [])[:1]]
        case "awaiting_children" if first := re.search(r"gd_why\(([0-9]+)\)", cause.remedy or ""):
            words = ["show", first[1]]
        case "executing":
            words = ["cancel", str(instance.id)]
        case "failed":
            words = ["retry", str(instance.id)]
        case _:
            return None
    return shlex.join(words)


def _policy(key: str | None) -> str:
    """The name of a limit in a key."""
    return (key or "").partition(":")[0]


def _json(value: Any, console: Console) -> Any:
    """JSON over several lines on a terminal, cut where it is very long; whole in a pipe."""
    if not console.is_terminal:
        return Text(printable(msgspec.json.encode(value).decode()))
    pretty = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    lines = [printable(line) for line in pretty.split("\n")]
    text = "\n".join(lines[:_LONGEST_LINES])[:_LONGEST]
    if len(lines) > _LONGEST_LINES or len(text) == _LONGEST:
        text += f"\n... ({len(pretty):,} characters; in a pipe all of them)"
    return Syntax(text, "json", theme="ansi_dark", background_color="default", word_wrap=True)


def _error(error: Any, console: Console) -> Any:
    """An error: its traceback line by line, the rest as JSON."""
    if not isinstance(error, dict) or not isinstance(error.get("traceback"), str):
        return _json(error, console)
    rest = {name: value for name, value in error.items() if name != "traceback"}
    lines = [printable(line) for line in error["traceback"].rstrip().split("\n")]
    return Group(_json(rest, console), Text("\n".join(lines[-_LONGEST_LINES:])))


def _family(nodes: list[Node]) -> Tree:
    root, *rest = nodes
    branches = {root.id: Tree(_node(root), guide_style="dim")}
    for node in rest:
        if node.parent_id in branches:
            branches[node.id] = branches[node.parent_id].add(_node(node))
    return branches[root.id]


def _node(node: Node) -> Text:
    shown = Text(f"{node.id} {printable(node.fsm)} ")
    shown.append_text(coloured(node.status))
    shown.append(f" at {printable(node.step)}, changed {ago(node.updated_at)} ago", style="dim")
    return shown


def _timeline(instance: Instance) -> list[Column[Event]]:
    return [
        Column("AT", lambda e: stamp(e.at)),
        Column("AFTER", lambda e: span((e.at - instance.enqueued_at).total_seconds()), right=True,
               extra=True),
        Column("EVENT", lambda e: Text(e.event, style="red" if e.event == "stop" else "")),
        Column("STEP", lambda e: e.step, long=True),
        Column("TRY", lambda e: e.attempt + 1, right=True, extra=True),
        Column("TOOK", lambda e: None if e.started_at is None
               else span((e.at - e.started_at).total_seconds()), right=True),
        Column("WORKER", lambda e: e.worker, long=True, extra=True),
        Column("DETAIL", lambda e: _brief(e.detail), long=True),
    ]  # fmt: skip


def _brief(value: Any) -> str | None:
    """A detail of the timeline on one line, without the traceback."""
    if value is None:
        return None
    if isinstance(value, dict) and "message" in value:
        return f"{value.get('type') or value.get('kind')}: {value['message']}"
    return msgspec.json.encode(value).decode()


def _past_errors(found: Detail, console: Console) -> Iterable[tuple[str, Any]]:
    """The latest error of the timeline that is not the one it stands with."""
    for event in reversed(found.history):
        if isinstance(event.detail, dict) and "traceback" in event.detail:
            if event.detail != found.instance.error:
                title = f"error of step {printable(event.step)}, {stamp(event.at)}"
                yield title, _error(event.detail, console)
            return
