"""Steps that were taken away and do not end: their places are gone with them, so they are named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from time import monotonic

from gendurable.claims import Claim

__all__ = ["name_hung"]

logger = logging.getLogger("gendurable")

_WATCH = 5.0
_HUNG_AGAIN = 60.0


async def name_hung(forsaken: Collection[Claim]) -> None:
    """Warn of each claim that was lost and whose code runs on, until cancelled.

    Args:
        forsaken: those claims, as they are at each moment.
    """
    told: dict[Claim, float] = {}
    while True:
        await asyncio.sleep(_WATCH)
        now = monotonic()
        told = {claim: at for claim, at in told.items() if claim in forsaken}
        for claim in [one for one in forsaken if now - one.forsaken_at >= _WATCH]:
            if now - told.get(claim, float("-inf")) < _HUNG_AGAIN:
                continue
            told[claim] = now
            queue = claim.queue
            logger.warning(
                "%s was taken away %.0f s ago and still runs, at %s: it keeps one of the %d "
                "places of queue %s (%d are free)",
                claim, now - claim.forsaken_at, claim.whereabouts(), queue.concurrency,
                queue.name, max(0, queue.free),
            )  # fmt: skip
