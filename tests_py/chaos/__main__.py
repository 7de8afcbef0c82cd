"""The whole suite, and its table."""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import chaos
from chaos import FAULTS, RATE, RECOVERED, Measured, Skipped, cluster, measure, transfers

HEADER = (
    "| fault | repetitions | enqueued | lost | finished twice "
    "| seconds to recover: median, longest |\n|---|---|---|---|---|---|\n"
)


def row(fault: str, found: list[Measured]) -> str:
    seconds = [one.seconds for one in found]
    shown = f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"
    lost, twice = sum(one.lost for one in found), sum(one.twice for one in found)
    enqueued = sum(one.enqueued for one in found)
    return f"| {fault} | {len(found)} | {enqueued:,} | {lost} | {twice} | {shown} |"


def main() -> int:
    """Run the suite; the exit code says whether all was well."""
    parser = argparse.ArgumentParser(description=chaos.__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--only", action="append", choices=list(FAULTS))
    parser.add_argument("--transfers", type=int, default=10_000)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    rows, well = [], True
    with cluster() as server:
        for fault in options.only or FAULTS:
            try:
                found = measure(
                    fault, server=server, rate=options.rate, repetitions=options.repetitions
                )
            except Skipped as exc:
                rows.append(f"| {fault} | skipped: {exc} | | | | |")
            else:
                rows.append(row(fault, found))
                well &= all(
                    not one.lost and not one.twice and one.seconds <= RECOVERED for one in found
                )
            print(rows[-1], flush=True)
        if options.transfers:
            moved = transfers(options.transfers, server=server)
            well &= moved.balances == moved.expected
            said = (
                f"{options.transfers:,} transfers, {moved.kills} workers killed in "
                f"{moved.seconds:.0f} s.\n"
                f"The balances are {moved.balances[0]:,} and {moved.balances[1]:,}, "
                f"expected {moved.expected[0]:,} and {moved.expected[1]:,}."
            )
            print(said)
    if options.report:
        text = options.report.read_text()
        head, _, rest = text.partition("<!-- table -->\n")
        _, _, tail = rest.partition("<!-- end -->\n")
        table = HEADER + "\n".join(rows) + "\n\n" + (said + "\n" if options.transfers else "")
        options.report.write_text(f"{head}<!-- table -->\n{table}<!-- end -->\n{tail}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
