"""Log records as JSON: one object a line, with names that stay (docs/telemetry.md)."""

from __future__ import annotations

import contextvars
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

from gendurable.claims import Claim
from gendurable.events import Execution, StepStarted, subscribe
from gendurable.text import printable, redacted, safe_repr, safe_str, storable, type_name

__all__ = ["JsonFormatter", "json_line", "note_executions"]

# What every record has; the rest was given by `extra=`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_running: contextvars.ContextVar[Execution | None] = contextvars.ContextVar(
    "gendurable_execution", default=None
)


class JsonFormatter(logging.Formatter):
    """A record as one JSON object on one line, whatever stands in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record; it never raises."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 (its arguments do not fit)
            message = safe_str(record.msg)
        fields = _head(record.created, record.levelname, record.name, message)
        if (execution := _execution_of(record)) is not None:
            fields |= {
                "instance": execution.id,
                "fsm": execution.fsm,
                "fsm_version": execution.fsm_version,
                "step": execution.step,
                "attempt": execution.attempt,
                "queue": execution.queue,
                "correlation_key": execution.correlation_key,
            }
        fields |= _span()
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if extra:
            fields["extra"] = {storable(name): _plain(value) for name, value in extra.items()}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = _exception(record.exc_info[1])
        if record.stack_info:
            fields["stack"] = _text(record.stack_info)
        return _line(fields)


def json_line(level: str, message: str) -> str:
    """A message that is no log record, in the same form."""
    return _line(_head(datetime.now(UTC).timestamp(), level, "gendurable", message))


def note_executions() -> None:
    """Have each line that a step logs, or that a library does for it, name the execution."""
    subscribe(_note, StepStarted)


def _note(event: StepStarted) -> None:
    event.context.run(_running.set, event.execution)


def _execution_of(record: logging.LogRecord) -> Execution | None:
    """What a message is about, or on whose behalf it is logged."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    for argument in arguments:
        if isinstance(argument, Claim):
            return argument.described()
    return _running.get()


def _span() -> dict[str, str]:
    """The current span, where OpenTelemetry is in use at all."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}


def _head(created: float, level: str, logger: str, message: str) -> dict[str, Any]:
    return {
        "time": datetime.fromtimestamp(created, UTC).isoformat(timespec="microseconds"),
        "level": level,
        "logger": storable(logger),
        "pid": os.getpid(),
        "message": _text(message),
    }


def _exception(exc: BaseException) -> dict[str, str]:
    try:
        lines = "".join(traceback.format_exception(exc))
    except Exception as failure:  # noqa: BLE001 (it is the user's code)
        lines = f"<no traceback: {type_name(failure)}>"
    return {
        "type": type_name(exc),
        "message": _text(safe_str(exc)),
        "traceback": _text(lines),
    }


def _text(text: str) -> str:
    return redacted(storable(text))


def _plain(value: Any) -> Any:
    """A value that has a JSON form; what has none is told by its repr."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return _text(value if type(value) is str else safe_repr(value))


def _line(fields: dict[str, Any]) -> str:
    # What no terminal should see stands in strings alone, where its escape means the same.
    return printable(msgspec.json.encode(fields).decode())
