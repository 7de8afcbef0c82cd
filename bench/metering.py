"""Numbers that processes share, histograms of seconds, and the CPU of a server and its children."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["BUCKETS", "bucket", "nearest", "parent_of", "percentile", "server_cpu"]

LEAST = 1e-5  # seconds
GROWTH = 1.05  # so a percentile is right within 5 %
BUCKETS = 400  # up to 50 minutes

_SCALE = 1 / math.log(GROWTH)
_TICK = os.sysconf("SC_CLK_TCK")


def bucket(seconds: float) -> int:
    """Which bucket of a histogram a duration belongs to."""
    return 0 if seconds <= LEAST else min(BUCKETS - 1, int(math.log(seconds / LEAST) * _SCALE))


def percentile(histogram: Sequence[int], percent: float) -> float:
    """Seconds (the geometric middle of the bucket) that so many percent do not exceed, or nan."""
    wanted = sum(histogram) * percent / 100
    seen = 0
    for n, count in enumerate(histogram):
        seen += count
        if count and seen >= wanted:
            return LEAST * math.pow(GROWTH, n + 0.5)
    return math.nan


def nearest(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def parent_of(pid: int) -> int:
    """The process that started this one; a backend's is the postmaster."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def server_cpu(postmaster: int) -> float:
    """Seconds of CPU of a server so far: its own, of its children, and of those that have ended."""
    total = 0.0
    for pid, parent, own, ended in _processes():
        if pid == postmaster:
            total += own + ended
        elif parent == postmaster:
            total += own
    return total


def _processes() -> Iterable[tuple[int, int, float, float]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended meanwhile
            continue
        own = int(fields[11]) + int(fields[12])
        ended = int(fields[13]) + int(fields[14])
        yield int(entry.name), int(fields[1]), own / _TICK, ended / _TICK
