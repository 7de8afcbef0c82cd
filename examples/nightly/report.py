"""A report of every night: what finished on the day before, by machine, as a file of JSON.

Run it beside the workers of the machines that it reports on, in the same database::

    gendurable-py run examples/nightly/report.py

The worker declares the schedule when it starts. The file is named after the day, so that a step
that runs twice writes it once.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import psycopg

from gendurable import Context, Done, Machine, Next, Outcome, Schedule, step

FOLDER = Path(os.environ.get("REPORTS", "reports"))


class Report(msgspec.Struct):
    """What the report is about: the day before `until`, and what was counted."""

    until: datetime
    counts: dict[str, dict[str, int]] = {}


class NightlyReport(Machine[Report]):
    """Counts first and writes then: what was counted is committed before it is written."""

    # A night without a worker is made up for, each with the day that it is about.
    schedules = (
        Schedule(
            "15 3 * * *", timezone="Europe/Berlin", stamp="until", missed="all", overlap="allow"
        ),
    )

    @step
    def start(self, ctx: Context[Report]) -> Outcome:
        """Count what finished."""
        until = ctx.state.until
        with psycopg.connect(os.environ.get("GENDURABLE_DSN", "")) as conn:
            rows = conn.execute(
                "select fsm, status, count(*) from gd_instances"
                " where finished_at >= %s and finished_at < %s group by fsm, status",
                (until - timedelta(days=1), until),
            ).fetchall()
        for fsm, status, count in rows:
            ctx.state.counts.setdefault(fsm, {})[status] = count
        return Next(self.write)

    @step
    def write(self, ctx: Context[Report]) -> Outcome:
        """Write it down, in one go."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{ctx.state.until:%Y-%m-%dT%H%M%S}.json"
        draft = path.with_suffix(".new")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(ctx.state)))
        draft.replace(path)
        return Done({"path": str(path)})
