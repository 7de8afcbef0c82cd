"""Faults under load, the short form of `make chaos`: nothing is lost, nothing is finished twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import chaos

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[chaos.Server]:
    """One server for all faults but those that leave none behind."""
    with chaos.cluster() as found:
        yield found


@pytest.mark.parametrize(
    "fault",
    [
        "kill -9", "SIGSTOP beyond the lease", "server crash", "connections cut",
        "connections die silently", "pgbouncer killed", "failover",
    ],
)  # fmt: skip
def test_a_fault_loses_nothing_and_finishes_nothing_twice(server: chaos.Server, fault: str) -> None:
    try:
        (found,) = chaos.measure(fault, server=server, rate=20)
    except chaos.Skipped as exc:
        pytest.skip(str(exc))
    assert found.enqueued > 0
    assert (found.lost, found.twice) == (0, 0)
    # On a machine that is busy with other things, what is started again takes its time.
    assert found.seconds <= chaos.RECOVERED + found.start


def test_transfers_happen_exactly_once_though_workers_are_killed(server: chaos.Server) -> None:
    moved = chaos.transfers(400, every=0.7, server=server)
    assert moved.kills > 0
    assert moved.balances == moved.expected
