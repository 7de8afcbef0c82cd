"""One poll for all viewers: each page that is open is read once a round.

A round reads the pages one after the other, on one connection at a time, and the pause after it is
at least as long as it took. So what the dashboard costs the database has a bound, and many viewers
of one page cost what one costs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["Hub", "News"]

logger = logging.getLogger("gendurable")

_MOST_VIEWERS = 1000
_SHARE = 1.0
"""The pause after a round, at least, as a multiple of the round."""


@dataclass(frozen=True, slots=True)
class News:
    """What a viewer is sent.

    Attributes:
        event: ``page``, the content as it is now; ``trouble``, why there is none; or ``same``.
        text: HTML, or a sentence.
    """

    event: str
    text: str


@dataclass(slots=True, eq=False)
class _Topic:
    latest: News | None = None
    viewers: set[asyncio.Queue[News | None]] = field(default_factory=set)


class Hub:
    """Polls the pages that are open, and tells their viewers what has changed.

    Args:
        read: the page of a topic as HTML.
        explain: an error as a sentence.
        interval: seconds from one round to the next.
    """

    def __init__(
        self,
        read: Callable[[str], Awaitable[str]],
        explain: Callable[[Exception], str],
        interval: float,
    ) -> None:
        self._read = read
        self._explain = explain
        self._interval = interval
        self._topics: dict[str, _Topic] = {}
        self._task: asyncio.Task[None] | None = None
        self._nudged = asyncio.Event()
        self.reads = 0
        """How many pages were read."""

    @property
    def viewers(self) -> int:
        """How many look."""
        return sum(len(topic.viewers) for topic in self._topics.values())

    @property
    def is_full(self) -> bool:
        """Whether no other viewer can be served."""
        return self.viewers >= _MOST_VIEWERS

    async def follow(self, topic: str, beat: float = 15) -> AsyncGenerator[News, None]:
        """What a page is now, and each time it changes; ``same`` after so many seconds without.

        Ends when the hub is closed.
        """
        # A viewer who is slow gets the latest only.
        inbox: asyncio.Queue[News | None] = asyncio.Queue(1)
        followed = self._topics.setdefault(topic, _Topic())
        followed.viewers.add(inbox)
        if followed.latest is not None:
            inbox.put_nowait(followed.latest)
        else:
            self.nudge()
        self._begin()
        try:
            while True:
                try:
                    news = await asyncio.wait_for(inbox.get(), beat)
                except TimeoutError:
                    news = News("same", "")
                if news is None:
                    return
                yield news
        finally:
            followed.viewers.discard(inbox)
            if not followed.viewers:
                self._topics.pop(topic, None)

    def nudge(self) -> None:
        """Begin the next round now: something was done."""
        self._nudged.set()

    def close(self) -> None:
        """Send every viewer away."""
        for topic in self._topics.values():
            for inbox in topic.viewers:
                _put(inbox, None)

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll(), name="gendurable-web-poll")

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        while self._topics:
            self._nudged.clear()
            began = loop.time()
            for name, topic in list(self._topics.items()):
                await self._look(name, topic)
            took = loop.time() - began
            await asyncio.sleep(took * _SHARE)
            rest = self._interval - took * (1 + _SHARE)
            if rest > 0:
                try:
                    await asyncio.wait_for(self._nudged.wait(), rest)
                except TimeoutError:
                    continue

    async def _look(self, name: str, topic: _Topic) -> None:
        try:
            self.reads += 1
            news = News("page", await self._read(name))
        except Exception as exc:  # noqa: BLE001 (the poll goes on, whatever a page has met)
            news = News("trouble", self._explain(exc))
        if news != topic.latest:
            topic.latest = news
            for inbox in topic.viewers:
                _put(inbox, news)


def _put(inbox: asyncio.Queue[News | None], news: News | None) -> None:
    if inbox.full():
        inbox.get_nowait()
    inbox.put_nowait(news)
