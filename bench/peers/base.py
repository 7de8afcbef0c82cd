"""What the suite asks of an engine, and what the processes of a run share.

To add one: a subclass of `Peer` in a file of its own, and its name in `peers/__init__.py`.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import multiprocessing
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from typing import Any, ClassVar, NamedTuple

from metering import BUCKETS, bucket

__all__ = ["KEYS", "Marks", "Peer", "Post", "Producer", "Receipt", "running"]

KEYS = 10_000
PAY_WITHIN = 5.0  # seconds; who pays, pays sooner
PARCELS = 3

spawning = multiprocessing.get_context("spawn")


class Marks:
    """What the workers of one run have begun, in memory that the processes share.

    Every job carries one number, and its worker marks it. What a mark notes depends on `kind`:

    - `count`: that one more has begun, and when the first one did.
    - `start`: also when this one, number 0 to n - 1, has begun.
    - `span`: also how long ago the moment is that the number names, in a histogram.
    """

    def __init__(self, workers: int, kind: str = "count", numbers: int = 0) -> None:
        self.kind = kind
        self.counts = RawArray(ctypes.c_uint64, workers)
        self.firsts = RawArray(ctypes.c_double, workers)
        self.starts = RawArray(ctypes.c_double, numbers)
        self.spans = RawArray(ctypes.c_uint64, workers * BUCKETS)

    @property
    def begun(self) -> int:
        return int(sum(self.counts))

    @property
    def first(self) -> float:
        """When the first of all began."""
        return float(min(filter(None, self.firsts)))

    def histogram(self) -> list[int]:
        spans = list(self.spans)
        return [sum(spans[n::BUCKETS]) for n in range(BUCKETS)]

    def add(self, worker: int, count: int, first: float) -> None:
        """What a process that cannot reach this memory says: so many more, and when it began."""
        self.firsts[worker] = self.firsts[worker] or first
        self.counts[worker] += count

    def marker(self, worker: int) -> Callable[[float], None]:
        """The function that marks a job, for one worker."""
        clock, counts, starts, spans = time.time, self.counts, self.starts, self.spans
        base = worker * BUCKETS

        def count(_: float) -> None:
            if not counts[worker]:
                self.firsts[worker] = clock()
            counts[worker] += 1

        def start(number: float) -> None:
            starts[int(number)] = clock()
            count(number)

        def span(moment: float) -> None:
            spans[base + bucket(clock() - moment)] += 1
            count(moment)

        return {"count": count, "start": start, "span": span}[self.kind]


@dataclass(frozen=True)
class Post:
    """What a worker's process is told."""

    dsn: str
    workload: str
    number: int
    marks: Marks
    options: dict[str, Any]
    ready: Any = field(default_factory=lambda: spawning.Semaphore(0))
    go: Any = field(default_factory=spawning.Event)

    def mark(self) -> Callable[[float], None]:
        return self.marks.marker(self.number)

    def wait(self) -> None:
        """Say that everything is connected, and wait until the run begins."""
        self.ready.release()
        self.go.wait()


class Receipt(NamedTuple):
    """One job was enqueued."""

    handle: object
    at: float  # when its enqueue was known to be committed


class Producer(ABC):
    """An application's side: it enqueues and signals."""

    @abstractmethod
    def enqueue_many(self, kind: str, numbers: Sequence[float]) -> None:
        """The fastest documented way to enqueue many."""

    @abstractmethod
    def enqueue(self, kind: str, number: float) -> Receipt:
        """One job, in a transaction of its own."""

    def signal(self, kind: str, number: int) -> None:
        """Wakes the instance of this number."""
        raise NotImplementedError

    def signal_many(self, kind: str, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.signal(kind, number)


class Peer(ABC):
    """An engine at its best documented settings.

    Kinds of jobs: `noop` marks its number; `steps` does five durable steps; `wait` parks until it
    is signalled; `fan` starts fifty children and joins them; `order` is the checkout (see
    `workloads.py`); `keyed` is a `noop`, and its number a key: one at a time.

    Attributes:
        name: as reports show it.
        packages: distributions that it needs; their versions are reported.
        workloads: what it can do.
        slow: in which workloads it is given less to do.
        settings: options of its worker, by workload; "" is for all the others.
        notes: what a reader has to know of these settings.
        finished: SQL that counts the finished jobs, without children; `%(n)s`: how many there were.
        finished_one: SQL that says whether the job with this handle is finished.
        archive: SQL that adds so many finished ones.
        enqueue_one: SQL that enqueues one, for a transaction that then idles.
        bound: it is no peer, but what the server itself allows.
        parked: SQL that counts the instances that wait for a signal.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    workloads: ClassVar[frozenset[str]]
    slow: ClassVar[frozenset[str]] = frozenset()
    settings: ClassVar[dict[str, dict[str, Any]]] = {"": {}}
    notes: ClassVar[str] = ""
    schema: ClassVar[str] = "public"
    finished: ClassVar[str]
    finished_one: ClassVar[str] = ""
    parked: ClassVar[str] = ""
    archive: ClassVar[str] = ""
    enqueue_one: ClassVar[str] = ""
    bound: ClassVar[bool] = False

    def missing(self) -> str | None:
        """Why it cannot run here."""
        for package in self.packages:
            try:
                importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                return f"the Python package {package} is not installed"
        return None

    def versions(self) -> dict[str, str]:
        return {package: importlib.metadata.version(package) for package in self.packages}

    def options(self, workload: str) -> dict[str, Any]:
        return self.settings.get(workload, self.settings[""])

    @abstractmethod
    def install(self, dsn: str) -> None:
        """Creates the schema. Runs in a process of its own."""

    @abstractmethod
    def producer(self, dsn: str) -> contextlib.AbstractContextManager[Producer]:
        """The application's side, connected."""

    @abstractmethod
    def work(self, post: Post) -> None:
        """Runs jobs until the process is killed. Runs in a process of its own."""


def end_with_parent() -> None:
    """A process that has lost the one that started it has nothing to do."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run(target: Callable[..., None], args: tuple[Any, ...]) -> None:
    end_with_parent()
    target(*args)


@contextlib.contextmanager
def running(target: Callable[..., None], *args: Any) -> Iterator[BaseProcess]:
    """A process that is killed at the end of the context, and with this one."""
    process = spawning.Process(target=_run, args=(target, args))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
