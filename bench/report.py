"""Writes RESULTS.md from the files that suite.py and over_time.py leave: tables, and plots of the latter.

python bench/report.py bench/results --report bench/RESULTS.md
"""

# ruff: noqa: E501, RUF001  A sentence of the report is a line, and it multiplies with a cross.

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workloads import WORKLOADS, Figure, Workload

__all__ = ["Comparison", "Results", "Spread", "compare", "report", "write_report"]

OURS = "gendurable"
COSTS = ["database µs", "worker µs", "WAL bytes"]
VARIANTS = {
    "plain": "nothing else",
    "snapshot": "a snapshot held",
    "xid": "an idle transaction that has written",
    "enqueued": "an idle transaction that has enqueued",
    "readers": "four overlapping readers of a minute",
}
MODES = {
    "offered": "Steady load",
    "saturate": "Saturated: more than it can do is always ready",
    "burst": "A burst of ten times the load for a minute",
    "backlog": "A backlog that is drained",
}

Record = dict[str, Any]


# Arithmetic ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the greatest of some runs."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))


@dataclass(frozen=True)
class Comparison:
    """How one engine did in one figure, over all its runs.

    Attributes:
        times: how many times better this project was in the same turn; 2 is twice as fast, or half
            as late. None for this project itself, and where no turn has both.
        costs: of one unit of work, medians.
        n: how many it was given in each run.
    """

    peer: str
    values: Spread
    times: Spread | None
    costs: dict[str, float]
    n: int


def times_better(figure: Figure, ours: float, theirs: float) -> float:
    better, worse = (ours, theirs) if figure.more else (theirs, ours)
    return better / worse if worse else math.inf


def compare(runs: Iterable[Record], name: str, figure: Figure) -> list[Comparison]:
    """One figure of all engines, the best first. Turns are compared one by one, then the ratios."""
    by_peer: dict[str, dict[int, Record]] = {}
    for run in runs:
        by_peer.setdefault(run["peer"], {})[run["run"]] = run
    ours = by_peer.get(OURS, {})
    found = []
    for peer, turns in by_peer.items():
        ratios = [
            times_better(figure, ours[turn]["figures"][name], run["figures"][name])
            for turn, run in turns.items()
            if peer != OURS and turn in ours
        ]
        costs = {
            cost: statistics.median(run["costs"][cost] for run in turns.values())
            for cost in COSTS
            if all(cost in run["costs"] for run in turns.values())
        }
        n = next(iter(turns.values()))["n"]
        values = Spread.of([run["figures"][name] for run in turns.values()])
        found.append(Comparison(peer, values, Spread.of(ratios) if ratios else None, costs, n))
    return sorted(found, key=lambda c: c.values.median, reverse=figure.more)


@dataclass
class Results:
    """What the files say."""

    head: Record = field(default_factory=dict)
    peers: list[Record] = field(default_factory=list)
    runs: list[Record] = field(default_factory=list)
    failures: list[Record] = field(default_factory=list)
    plans: list[Record] = field(default_factory=list)

    @classmethod
    def read(cls, directory: Path) -> Results:
        results = cls()
        for record in _lines(directory / "suite.jsonl"):
            if "machine" in record:
                results.head = record
            elif "failed" in record:
                results.failures.append(record)
            elif "workload" in record:
                results.runs.append(record)
            else:
                results.peers.append(record)
        results.plans = list(_lines(directory / "over_time.jsonl"))
        return results

    def groups(self) -> Iterable[tuple[str, int, list[Record]]]:
        """The runs of each workload and number of processes, in the order of the suite."""
        keys = {(run["workload"], run["processes"]) for run in self.runs}
        order = list(WORKLOADS)
        for workload, processes in sorted(keys, key=lambda key: (order.index(key[0]), key[1])):
            runs = [
                r for r in self.runs if (r["workload"], r["processes"]) == (workload, processes)
            ]
            yield workload, processes, runs

    def bounds(self) -> set[str]:
        """What is no peer, but the server's own limit."""
        return {peer["peer"] for peer in self.peers if peer.get("bound")}


def _lines(path: Path) -> list[Record]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


# Markdown -----------------------------------------------------------------------------------------


def number(value: float, digits: int = 0) -> str:
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    aligned = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, aligned, *rows])


def ratio(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"**{number(spread.median, 2)}×** ({number(spread.least, 2)}–{number(spread.most, 2)})"


def title(workload: str, processes: int) -> str:
    many = f", {processes} processes" if processes > 1 else ""
    return WORKLOADS[workload].title + many


def better_peers(results: Results) -> list[str]:
    """A line for each figure in which a peer is better, by the median of the ratios."""
    found = []
    for name, processes, runs in results.groups():
        for key, figure in WORKLOADS[name].figures.items():
            rows = {row.peer: row for row in compare(runs, key, figure)}
            if OURS not in rows:
                continue
            ours = number(rows[OURS].values.median, figure.digits)
            found += [
                f"- {title(name, processes)}, {key}: {peer} {number(row.values.median, figure.digits)} {figure.unit},"
                f" {OURS} {ours}: {ratio(row.times)}."
                for peer, row in rows.items()
                if row.times and row.times.median < 1 and peer not in results.bounds()
            ]
    return found


def section(name: str, processes: int, runs: list[Record]) -> str:
    """The tables of one workload, one for each of its figures."""
    workload: Workload = WORKLOADS[name]
    parts = [f"### {title(name, processes)}", workload.about]
    for key, figure in workload.figures.items():
        rows = compare(runs, key, figure)
        costs = [cost for cost in COSTS if any(cost in row.costs for row in rows)]
        if key != next(iter(workload.figures)):
            costs = []  # they are the same
        head = [
            f"{key}, {figure.unit}",
            f"{OURS} is better by",
            "median",
            "min",
            "max",
            "n",
            *costs,
        ]
        parts.append(
            table(
                head,
                [
                    [
                        row.peer,
                        ratio(row.times),
                        *(
                            number(value, figure.digits)
                            for value in (row.values.median, row.values.least, row.values.most)
                        ),
                        number(row.n),
                        *(number(row.costs.get(cost, math.nan)) for cost in costs),
                    ]
                    for row in rows
                ],
            )
        )
    return "\n\n".join(parts)


def over_time(plans: list[Record], plots: dict[str, str]) -> str:
    """The first minute beside the last, for every load and disturbance."""
    parts = ["## Over time", OVER_TIME]
    for mode, heading in MODES.items():
        chosen = by_plan(plans, mode)
        if not chosen:
            continue
        parts.append(f"### {heading}")
        head = ["", "runs", *(name for name, _, _ in COLUMNS)]
        rows = [
            [label(runs[0]["plan"]), str(len(runs)), *(column(runs, *c[1:]) for c in COLUMNS)]
            for runs in chosen
        ]
        parts.append(table(head, rows))
        if mode in plots:
            parts.append(f"![{heading}]({plots[mode]})")
    return "\n\n".join(parts)


def by_plan(plans: list[Record], mode: str) -> list[list[Record]]:
    """The runs of each plan of a mode, in the order in which they came."""
    found: dict[str, list[Record]] = {}
    for record in plans:
        if record["plan"]["mode"] == mode:
            found.setdefault(json.dumps(record["plan"], sort_keys=True), []).append(record)
    return list(found.values())


def label(plan: Record) -> str:
    words = [plan["engine"], VARIANTS[plan["variant"]]]
    if plan["finished"]:
        words.append(f"{plan['finished']:,} finished before")
    if plan["mode"] in {"offered", "burst"}:
        words.append(f"{plan['rate']:,.0f}/s")
    if plan["mode"] == "backlog":
        words.append(f"{plan['backlog']:,}")
    return ", ".join(words)


def cpu(record: Record) -> float:
    """Of the server, for one instance, over the whole run."""
    busy = [s for s in record["samples"] if s["rate"]]
    done = sum(s["rate"] for s in busy)
    return sum(s["rate"] * s["database_us"] for s in busy) / done if done else math.nan


def size(record: Record) -> float:
    last = record["samples"][-1]
    return float(last["heap_mb"] + last["index_mb"])


COLUMNS: list[tuple[str, int, Callable[[Record], float]]] = [
    ("seconds", 0, lambda r: r["samples"][-1]["at"]),
    ("all /s", 0, lambda r: r["summary"]["rate"]),
    ("rate kept", 2, lambda r: r["summary"]["rate_ratio"]),
    ("first /s", 0, lambda r: r["summary"]["first_rate"]),
    ("last /s", 0, lambda r: r["summary"]["last_rate"]),
    ("p99 grew", 2, lambda r: r["summary"]["p99_ratio"]),
    ("first ms", 1, lambda r: r["summary"]["first_p99_ms"]),
    ("last ms", 1, lambda r: r["summary"]["last_p99_ms"]),
    ("database µs", 1, cpu),
    ("dead rows", 0, lambda r: r["samples"][-1]["dead_rows"]),
    ("MB", 0, size),
]


def column(runs: list[Record], digits: int, value: Callable[[Record], float]) -> str:
    return number(statistics.median(map(value, runs)), digits)


METHOD = """\
Every run has a fresh copy of a prepared database (schema, backlog, `vacuum analyze`, checkpoint) on a server that keeps what it
acknowledges, and worker processes of its own, which connect and then wait for the beginning.
Engines take turns, and each turn begins with another one.
A ratio compares two engines within one turn; its median and its range over all turns are shown.
`database µs` is the CPU time of the whole server for one unit of work (backends, WAL writer, autovacuum), `worker µs` that of the worker
processes, `WAL bytes` the whole server's.
A job counts as finished when the database says so.
A machine that is shared moves absolute numbers by a fifth or more; the ratios move less."""


OVER_TIME = """\
One worker process, a producer of its own, one server.
The first minute of a run stands beside its last one: finished instances a second, and the 99th percentile of the time from enqueue to start.
`database µs` is that of the whole server for one instance, over the whole run.
Dead rows and megabytes are those at the end, of all tables but the archive.
Where a plan ran more than once, its row shows medians and the plot its first run."""


def report(results: Results, plots: dict[str, str]) -> str:
    """The whole of RESULTS.md."""
    head = results.head
    parts = [
        "# Results",
        "`bench/report.py` writes this file from what `make bench-full` measured (`make bench`: a quick run)."
        if head.get("full")
        else "`bench/report.py` writes this file; it shows a quick run.",
    ]
    if results.runs:
        worse = better_peers(results) or ["Nowhere in this run."]
        parts += ["## Where a peer is better", "\n".join(worse)]
    if head:
        parts += ["## How it was measured", METHOD, machine(results)]
    if results.failures:
        lines = [
            f"- {title(f['workload'], f['processes'])}: {f['peer']}: {f['failed']}"
            for f in results.failures
        ]
        parts += ["What failed:", "\n".join(lines)]
    if results.runs:
        parts.append("## Side by side")
        parts += [section(*group) for group in results.groups()]
    if results.plans:
        parts.append(over_time(results.plans, plots))
    return "\n\n".join(parts) + "\n"


def machine(results: Results) -> str:
    head = results.head
    facts = {"date": head["date"], "turns": str(head["runs"]), **head["machine"]}
    settings = ", ".join(f"`{k} = {v}`" for k, v in head["settings"].items() if v)
    if settings:
        facts["server settings"] = settings
    parts = [table(["", ""], [[k, v] for k, v in facts.items()])]
    rows = []
    for peer in results.peers:
        versions = ", ".join(f"{k} {v}" for k, v in peer.get("versions", {}).items())
        rows.append([peer["peer"], versions, peer.get("notes") or f"skipped: {peer['skipped']}"])
    parts.append(table(["engine", "versions", "settings"], rows).replace("---:", "---"))
    return "\n\n".join(parts)


# Plots --------------------------------------------------------------------------------------------


def draw(plans: list[Record], directory: Path) -> dict[str, Path]:
    """A picture for each kind of load: rate, p99 and dead rows over time. None without matplotlib."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  only who draws needs it
        from matplotlib import pyplot as plt  # noqa: PLC0415
    except ImportError:
        print("no plots: the Python package matplotlib is not installed")
        return {}
    mpl.use("agg")
    pictures = {}
    for mode, heading in MODES.items():
        chosen = [runs[0] for runs in by_plan(plans, mode)]
        if not any(len(record["samples"]) > 1 for record in chosen):
            continue
        figure, axes = plt.subplots(3, 1, figsize=(9, 10), sharex=True)
        for record in chosen:
            at = [s["at"] for s in record["samples"]]
            for axis, key in zip(axes, ("rate", "p99_ms", "dead_rows"), strict=True):
                axis.plot(at, [s[key] for s in record["samples"]], label=label(record["plan"]))
        for axis, name in zip(
            axes, ("finished/s", "enqueue → start, p99, ms", "dead rows"), strict=True
        ):
            axis.set_ylabel(name)
            axis.set_ylim(bottom=0)
            axis.grid(alpha=0.3)
        axes[1].set_ylim(auto=True)
        axes[1].set_yscale("log")
        axes[2].set_xlabel("seconds")
        axes[0].set_title(heading)
        axes[0].legend(fontsize=7)
        figure.tight_layout()
        pictures[mode] = directory / f"over-time-{mode}.png"
        figure.savefig(pictures[mode], dpi=110)
        plt.close(figure)
    return pictures


def write_report(directory: Path, target: Path | None = None) -> Path:
    """Reads the results of a directory, draws beside them, and writes the report."""
    target = target or directory / "RESULTS.md"
    results = Results.read(directory)
    pictures = draw(results.plans, directory)
    links = {mode: os.path.relpath(path, target.parent) for mode, path in pictures.items()}
    target.write_text(report(results, links))
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "results", type=Path, help="the directory of suite.jsonl and over_time.jsonl"
    )
    parser.add_argument(
        "--report", type=Path, help="the file to write; default: RESULTS.md beside them"
    )
    args = parser.parse_args()
    print(write_report(args.results, args.report))


if __name__ == "__main__":
    main()
