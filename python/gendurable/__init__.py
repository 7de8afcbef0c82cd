"""Durable execution in PostgreSQL: machines, jobs, a worker, and calls for applications.

Write machines (``Machine``, ``step``) or jobs (``job``), enqueue them on your own psycopg
connection (``enqueue``, ``signal``, ``cancel`` and so on), and run them with
``gendurable-py run MODULE`` or ``run_worker``.
"""

from __future__ import annotations

from gendurable.backoff import RetryPolicy
from gendurable.client import (
    Enqueued,
    Event,
    Instance,
    SignalEntry,
    Status,
    cancel,
    cancel_many,
    children,
    drop_concurrency_limit,
    drop_rate_limit,
    enqueue,
    enqueue_many,
    find,
    get,
    history,
    next_occurrence,
    pause,
    pause_schedule,
    resume,
    resume_schedule,
    retry,
    retry_many,
    schedule,
    set_concurrency_limit,
    set_history,
    set_queue_limit,
    set_rate_limit,
    set_retention,
    signal,
    signal_many,
    signals,
    status,
    unschedule,
    watch,
)
from gendurable.context import ChildResult, Context, Signal
from gendurable.enqueuer import Enqueuer
from gendurable.entry import EnqueueOptions, Entry
from gendurable.errors import (
    AccessError,
    BufferFullError,
    DefinitionError,
    EngineError,
    GendurableError,
    InstallError,
    InvalidArgumentError,
    InvalidOutcomeError,
    IsolationError,
    NotInstalledError,
    OutcomeError,
    PrivilegesError,
    StateError,
    StepTimeoutError,
    UsageError,
    WaitTimeoutError,
    WorkerGoneError,
)
from gendurable.hooks import Lifespan, Middleware, lifespan, middleware
from gendurable.hosting import run_worker, run_workers
from gendurable.job import Job, job
from gendurable.machine import Machine, step
from gendurable.outcomes import Await, Done, Join, Next, Outcome, Retry, ScheduleChildren, Stop
from gendurable.process import package_version
from gendurable.schedules import Schedule
from gendurable.settings import WorkerSettings
from gendurable.waiting import wait
from gendurable.worker import Worker

__all__ = [
    "AccessError",
    "Await",
    "BufferFullError",
    "ChildResult",
    "Context",
    "DefinitionError",
    "Done",
    "EngineError",
    "EnqueueOptions",
    "Enqueued",
    "Enqueuer",
    "Entry",
    "Event",
    "GendurableError",
    "InstallError",
    "Instance",
    "InvalidArgumentError",
    "InvalidOutcomeError",
    "IsolationError",
    "Job",
    "Join",
    "Lifespan",
    "Machine",
    "Middleware",
    "Next",
    "NotInstalledError",
    "Outcome",
    "OutcomeError",
    "PrivilegesError",
    "Retry",
    "RetryPolicy",
    "Schedule",
    "ScheduleChildren",
    "Signal",
    "SignalEntry",
    "StateError",
    "Status",
    "StepTimeoutError",
    "Stop",
    "UsageError",
    "WaitTimeoutError",
    "Worker",
    "WorkerGoneError",
    "WorkerSettings",
    "cancel",
    "cancel_many",
    "children",
    "drop_concurrency_limit",
    "drop_rate_limit",
    "enqueue",
    "enqueue_many",
    "find",
    "get",
    "history",
    "job",
    "lifespan",
    "middleware",
    "next_occurrence",
    "pause",
    "pause_schedule",
    "resume",
    "resume_schedule",
    "retry",
    "retry_many",
    "run_worker",
    "run_workers",
    "schedule",
    "set_concurrency_limit",
    "set_history",
    "set_queue_limit",
    "set_rate_limit",
    "set_retention",
    "signal",
    "signal_many",
    "signals",
    "status",
    "step",
    "unschedule",
    "wait",
    "watch",
]

__version__ = package_version()
