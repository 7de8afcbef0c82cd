"""Faults under load, with real servers and real processes: is anything lost or done twice?

    cd tests_py; python -m chaos [--repetitions N] [--only FAULT] [--report ../docs/chaos.md]

A feeder enqueues numbered instances at a steady rate, workers run them in two steps of which the
second notes the number within the transaction of its outcome, and a fault happens. What was
enqueued and is not done in the end is lost; a number that is noted twice was finished twice.
Recovered is when, after the fault has ended, the rate of completions is that of the feeder again.
"""

from __future__ import annotations

from chaos.faults import FAULTS, Skipped, behind_pgbouncer
from chaos.measuring import RATE, RECOVERED, Measured, measure
from chaos.servers import Server, cluster, connect
from chaos.transfers import Transferred, transfers
from chaos.world import World

__all__ = [
    "FAULTS",
    "RATE",
    "RECOVERED",
    "Measured",
    "Server",
    "Skipped",
    "Transferred",
    "World",
    "behind_pgbouncer",
    "cluster",
    "connect",
    "measure",
    "transfers",
]
