"""Calls of user code: in the event loop or in a thread, within a transaction or without one."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutine
from typing import Any, NamedTuple, TypeAlias

import psycopg

from gendurable.claims import Claim, Failure
from gendurable.errors import OutcomeError
from gendurable.judge import Judge, in_time
from gendurable.outcomes import OUTCOMES
from gendurable.protocol import CommitResult
from gendurable.settle import Settled
from gendurable.threads import caller
from gendurable.transactions import (
    Again,
    AnyLease,
    AsyncLease,
    Committed,
    Lease,
    Transactions,
    Unavailable,
    last_words,
    why_again,
)

__all__ = ["NotStarted", "Result", "UserCode"]

_APPLIED = ("committed", "continued")


class NotStarted(NamedTuple):
    """A step could not begin, for a reason that has nothing to do with it."""

    reason: str


Result: TypeAlias = Settled | Failure | Committed | Again | NotStarted | Awaitable[Any]
"""What a call of user code comes to. An awaitable has yet to be awaited in the event loop."""


class UserCode:
    """Makes the calls, and hands on what each comes to.

    Args:
        judge: finds the outcomes.
        transactions: where transactional steps get their connections.
        land: called, in the event loop, with what an async call comes to.
        land_from_thread: the same for a sync call, in its thread.

    Attributes:
        context: the context variables that every call finds, unless its claim has its own.
    """

    def __init__(
        self,
        judge: Judge,
        transactions: Transactions,
        *,
        land: Callable[[Claim, Result | None], None],
        land_from_thread: Callable[[Claim, Result | None], None],
    ) -> None:
        self.context = contextvars.Context()
        self._judge = judge
        self._transactions = transactions
        self._land = land
        self._land_from_thread = land_from_thread

    async def run_async(self, claim: Claim, function: Callable[[Any], Any], argument: Any) -> None:
        """Call what is async."""
        if claim.ctx.lost:
            self._land(claim, None)
            return
        caller.set(claim)
        # Everything is caught: a step that calls sys.exit() or cancels itself has failed, no more.
        try:
            answer = await function(argument)
            while type(answer) not in OUTCOMES and isawaitable(answer):
                answer = await answer
        except BaseException as exc:  # noqa: BLE001
            result = self._judge.failed(claim, Failure(in_time(claim, exc), final=False))
        else:
            result = self._judge.answered(claim, answer)
        self._land(claim, result)

    def run_sync(self, claim: Claim, function: Callable[[Any], Any], argument: Any) -> None:
        """Call what is sync, in a thread of its own."""
        if claim.ctx.lost:
            self._land_from_thread(claim, None)
            return
        claim.thread = threading.get_ident()
        result: Result | None
        answered = False
        try:
            answer = (claim.context or self.context).copy().run(function, argument)
            answered = True
            if type(answer) not in OUTCOMES and isawaitable(answer):
                # A wrapper of an async function that does not look like one.
                result = answer
            else:
                result = self._judge.answered(claim, answer)
        except BaseException as exc:  # noqa: BLE001
            result = self._judge.failed(claim, Failure(exc, final=answered))
        claim.thread = None
        self._land_from_thread(claim, result)

    def transact(self, claim: Claim, function: Callable[[Any], Any], argument: Any) -> None:
        """Run a sync step and commit its outcome, in one transaction."""
        result: Result | None = None
        lease: Lease | None = None
        claim.thread = threading.get_ident()
        try:
            with self._transactions.lease() as lease:
                if not claim.ctx.lost:
                    self._lend(claim, lease)
                    answer = (claim.context or self.context).copy().run(function, argument)
                    result = self._answered_in_transaction(claim, answer)
                    if isinstance(result, Settled):
                        entry = self._last_words(claim, lease, result)
                        result = _told(result, lease.commit(self._transactions.worker(), entry))
                if not (isinstance(result, Committed) and result.answer.result in _APPLIED):
                    raise psycopg.Rollback  # noqa: TRY301 (it ends the block)
        except psycopg.Rollback:
            pass  # The connection was lost, and with it the transaction.
        except BaseException as exc:  # noqa: BLE001
            result = self._transaction_failed(claim, lease, exc)
        result = self._take_back(claim, result)
        if isinstance(result, Committed) and result.answer.result in _APPLIED:
            claim.ctx.committed()
        claim.thread = None
        self._land_from_thread(claim, result)

    async def transact_async(
        self, claim: Claim, function: Callable[[Any], Any], argument: Any
    ) -> None:
        """Run an async step and commit its outcome, in one transaction."""
        result: Result | None = None
        lease: AsyncLease | None = None
        caller.set(claim)
        try:
            async with self._transactions.lease_async() as lease:
                if not claim.ctx.lost:
                    self._lend(claim, lease)
                    answer = await function(argument)
                    while type(answer) not in OUTCOMES and isawaitable(answer):
                        answer = await answer
                    result = self._answered_in_transaction(claim, answer)
                    if isinstance(result, Settled):
                        entry = self._last_words(claim, lease, result)
                        answered = await lease.commit(self._transactions.worker(), entry)
                        result = _told(result, answered)
                if not (isinstance(result, Committed) and result.answer.result in _APPLIED):
                    raise psycopg.Rollback  # noqa: TRY301 (it ends the block)
        except psycopg.Rollback:
            pass  # The connection was lost, and with it the transaction.
        except BaseException as exc:  # noqa: BLE001
            result = self._transaction_failed(claim, lease, exc)
        result = self._take_back(claim, result)
        if isinstance(result, Committed) and result.answer.result in _APPLIED:
            claim.ctx.committed()
        self._land(claim, result)

    def _lend(self, claim: Claim, lease: AnyLease) -> None:
        claim.lease = lease
        claim.ctx.lend(lease.conn)

    def _take_back(self, claim: Claim, result: Result | None) -> Result | None:
        claim.lease = None
        claim.ctx.lend(None)
        if result is None and not claim.ctx.lost:
            raised = OutcomeError("the step raised psycopg.Rollback, which is no outcome")
            return self._judge.failed(claim, Failure(raised, final=False))
        return result

    def _answered_in_transaction(self, claim: Claim, answer: object) -> Settled | Failure | None:
        if type(answer) not in OUTCOMES and isawaitable(answer):
            if iscoroutine(answer):
                answer.close()
            answer = OutcomeError(
                f"step {claim.ctx.step!r} of {claim.ctx.fsm} is transactional and answers with an "
                "awaitable; make it, and each decorator around it, an async def"
            )
            return self._judge.failed(claim, Failure(answer, final=True))
        return self._judge.answered(claim, answer)

    def _last_words(self, claim: Claim, lease: AnyLease, settled: Settled) -> bytes:
        entry = last_words(lease, settled, stays=claim.stays)
        # From here on a heartbeat may miss the claim because of this very outcome.
        claim.settled = settled
        return entry

    def _transaction_failed(
        self, claim: Claim, lease: AnyLease | None, exc: BaseException
    ) -> Result | None:
        """What follows when a transaction was rolled back, or nothing is known of it."""
        claim.settled = None
        if isinstance(exc, Unavailable):
            return NotStarted(str(exc))
        if claim.ctx.lost:
            return None
        again = None if claim.ctx.overdue else why_again(lease, exc, claim.refusals)
        return again or self._judge.failed(claim, Failure(in_time(claim, exc), final=False))


def _told(settled: Settled, answer: CommitResult) -> Committed | Again:
    if answer.result == "busy":
        return Again("another transaction has the instance locked")
    return Committed(settled, answer)
