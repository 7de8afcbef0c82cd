"""This project and its peers, side by side in one run.

Every workload runs on each peer in turn, several times; each run has a fresh copy of a prepared
database and worker processes of its own. Results go to a file, one line of JSON each, from which
`report.py` writes RESULTS.md.

    python bench/suite.py                                    quick: under ten minutes
    python bench/suite.py --full --runs 5
    python bench/suite.py --workloads drain,steps --peers gendurable,absurd
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import psycopg
from common import DURABLE, durable_server, one
from ground import ground
from peers import PEERS, Peer
from report import write_report
from stage import Stage
from workloads import WORKLOADS, Figure, Outcome

HERE = Path(__file__).resolve().parent


def machine(admin: str) -> dict[str, str]:
    """What the figures were measured on."""
    with psycopg.connect(admin) as conn:
        postgresql = str(one(conn, "show server_version"))
    facts = {
        "cpu": f"{os.cpu_count()} x {_cpu_model()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "PostgreSQL": postgresql,
        "Python": platform.python_version(),
        "psycopg": importlib.metadata.version("psycopg"),
    }
    if shutil.which("node"):
        answer = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        facts["node"] = answer.stdout.strip().removeprefix("v")
    return facts


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def turns(
    names: list[str], peers: list[Peer], runs: int, *, full: bool
) -> Iterator[tuple[str, int, int, Peer]]:
    """(workload, processes, run, peer): peers alternate, and another one begins each time."""
    for name in names:
        able = [peer for peer in peers if name in peer.workloads]
        workload = WORKLOADS[name]
        for processes in workload.processes if full else workload.quick_processes:
            for run in range(runs):
                start = run % max(1, len(able))
                for peer in able[start:] + able[:start]:
                    yield name, processes, run, peer


def text(outcome: Outcome, figures: dict[str, Figure]) -> str:
    shown = [
        f"{k} {v:,.{figures[k].digits}f} {figures[k].unit}" for k, v in outcome.figures.items()
    ]
    costs = [f"{v:,.0f} {k}" for k, v in outcome.costs.items()]
    return "; ".join(filter(None, [", ".join(shown), ", ".join(costs)]))


def measure(
    stage: Stage,
    args: argparse.Namespace,
    peers: list[Peer],
    note: Callable[[dict[str, Any]], None],
) -> set[str]:
    """All runs; returns the names of the peers of which one failed."""
    broken: set[tuple[str, str]] = set()
    latest = ""
    for name, processes, run, peer in turns(args.workloads, peers, args.runs, full=args.full):
        if name != latest:
            stage.forget()  # the databases of the workload before
            latest = name
        if (name, peer.name) in broken:
            continue
        workload = WORKLOADS[name]
        size = workload.sizes.of(slow=name in peer.slow, full=args.full)
        n = max(1, round(size * args.scale))
        heading = f"{name:9s} x{processes} {peer.name:20s}"
        key = {"workload": name, "processes": processes, "peer": peer.name, "run": run, "n": n}
        begun = time.monotonic()
        try:
            outcome = workload.run(stage, peer, n, processes)
        except Exception as error:  # noqa: BLE001  one peer's failure is a line of the report
            print(f"{heading} failed: {error!r}", flush=True)
            note({**key, "failed": repr(error)})
            broken.add((name, peer.name))
            continue
        took = time.monotonic() - begun
        note({**key, "figures": outcome.figures, "costs": outcome.costs, "took": took})
        print(f"{heading} {text(outcome, workload.figures)}  ({took:.0f} s)", flush=True)
    return {peer for _, peer in broken}


def some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    """For an option: names that are known, separated by commas."""

    def names(text: str) -> list[str]:
        if unknown := set(text.split(",")) - set(known):
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))} is none of {', '.join(known)}"
            )
        return text.split(",")

    return names


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dsn",
        help="a server of this machine; default: a throwaway one that keeps what it acknowledges",
    )
    parser.add_argument("--full", action="store_true", help="larger, and with 4 processes")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times as much work in each run")
    parser.add_argument("--workloads", type=some_of(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--peers", type=some_of(PEERS), default=list(PEERS))
    parser.add_argument("--results", type=Path, default=HERE / "results" / "quick")
    parser.add_argument("--report", type=Path, help="default: RESULTS.md beside the results")
    return parser


def main() -> int:
    args = parser().parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context((args.results / "suite.jsonl").open("w"))

        def note(record: dict[str, Any]) -> None:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            file.flush()

        admin = stack.enter_context(durable_server(args.dsn))
        note(
            {
                "machine": machine(admin) | ground(admin),
                "settings": {} if args.dsn else DURABLE,
                "date": time.strftime("%Y-%m-%d"),
                "runs": args.runs,
                "full": args.full,
            }
        )
        peers = []
        for name in args.peers:
            peer = PEERS[name]()
            if why := peer.missing():
                print(f"{name} is skipped: {why}", flush=True)
                note({"peer": name, "skipped": why})
            else:
                facts = {"versions": peer.versions(), "notes": peer.notes, "bound": peer.bound}
                note({"peer": name, **facts})
                peers.append(peer)
        broken = measure(stack.enter_context(Stage(admin)), args, peers, note)
    print(f"Report: {write_report(args.results, args.report)}")
    return 1 if "gendurable" in broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
