"""Runs transactions: each takes a list of requests and gives an outcome for each, in one commit.

A workflow that takes a lock class out of order (workflows/transactions/lock_order.py) is a
programming error. It fails at once, in every test, so that no deadlock reaches production.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import workflows.transactions.idempotency as idempotency
from domain.errors import DomainError, IdempotencyInProgress
from domain.events.payloads import EventPayload
from domain.terms import DEFAULT_TERMS, Terms
from models.database.database import Database
from models.database.locked_reads import Interrupted
from models.database.sessions import Contention, Session, UniqueConflict
from workflows.transactions.actions import Action, KeyClaim, Reactions
from workflows.transactions.group_commit import CROWD_MIN, CommitQueue
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.outcomes import Outcome, Request, RequestAbandoned
from workflows.transactions.transaction import Transaction, new_secret

ATTEMPTS_MAX = 6
BACKOFF_SECONDS = 0.004
REACTIONS_MAX = 10_000
ABANDON_SECONDS = 1.0

CommandT = TypeVar("CommandT")
CommandResult = TypeVar("CommandResult")

# Work at the end of a transaction that has so many events, or None. The work may return a function,
# which is called after the commit instead of `committed`.
LastWork = Callable[[Session], Awaitable[Callable[[], None] | None]]
BeforeCommit = Callable[[int], LastWork | None]


class Transactions:
    """Performs actions on a database. Callers may be cancelled; a started transaction still ends.

    A single command whose client has left before its transaction started is not performed.

    `committed` is called after each commit, unless the work of `before_commit` returned another
    function. `before_commit` is not used when a transaction is retried, so that Contention in it
    fails nothing else.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        reactions: Reactions,
        terms: Terms = DEFAULT_TERMS,
        new_secret: Callable[[], str] = new_secret,
        committed: Callable[[], None] = lambda: None,
        before_commit: BeforeCommit = lambda events: None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.terms = terms
        self._new_id = new_id
        self._new_secret = new_secret
        self._reactions = reactions
        self._committed = committed
        self._before_commit = before_commit
        self._running: set[asyncio.Task[Any]] = set()
        self._groups: dict[str, CommitQueue[Any]] = {}

    async def perform(self, doing: Action[CommandT], request: Request[CommandT]) -> Outcome:
        """Perform one command. An action that takes batches shares a transaction with queued ones.

        Raises DatabaseUnavailable (OutcomeUnknown if the answer to COMMIT was lost), Contention if
        all attempts lost, and QueueFull.
        """
        try:
            idempotency.check_key(request, request.caller.role in doing.requires_key_of)
        except DomainError as error:
            return Outcome.refused(error)
        if request.unread:
            # The key must not find an earlier command that had the values of the stand-ins.
            request = replace(request, key=None)
        if not doing.takes_batches:
            return await self._alone(doing, request)
        group = self._groups.get(doing.name)
        if group is None:
            group = self._groups[doing.name] = CommitQueue(
                # The queue's task is not cancelled with a caller, so it needs no task of its own.
                lambda requests, writing: self._attempt(
                    lambda tx: _batch(tx, doing, requests, waits=False), writing
                ),
                lambda each: self._alone(doing, each),
                crowd_min=CROWD_MIN if self.database.engine == "postgres" else None,
            )
        return await group.submit(request)

    async def perform_all(
        self, doing: Action[CommandT], requests: Sequence[Request[CommandT]]
    ) -> list[Outcome]:
        """Perform several commands concurrently, each with an outcome of its own."""
        return await asyncio.gather(*(self.perform(doing, request) for request in requests))

    async def _alone(self, doing: Action[CommandT], request: Request[CommandT]) -> Outcome:
        async def work(tx: Transaction) -> list[Outcome | None]:
            # Requests wait here for a connection. Work that nobody waits for delays the others.
            if request.has_left is not None and request.has_left():
                raise RequestAbandoned
            return await _batch(tx, doing, [request], waits=True)

        try:
            outcomes = await self.run(work)
        except idempotency.KeyInUse:
            return Outcome.refused(IdempotencyInProgress())
        assert outcomes[0] is not None  # alone, a request waits for its key
        return outcomes[0]

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[CommandResult]],
        writing: Callable[[], None] = lambda: None,
    ) -> CommandResult:
        """Run `work` in a transaction; retry it, at most ATTEMPTS_MAX times, if it lost a conflict.

        `writing` is called once per attempt, before the last statements are sent. The transaction
        runs in a task of its own: it ends, and commits, even if the caller is cancelled.
        """
        return await self._shielded(self._attempt(work, writing))

    async def _attempt(
        self, work: Callable[[Transaction], Awaitable[CommandResult]], writing: Callable[[], None]
    ) -> CommandResult:
        return await self._attempts(
            lambda attempt: self._once(work, writing, is_first=attempt == 0)
        )

    async def run_briefly(
        self,
        work: Callable[[Session], Awaitable[CommandResult]],
        done: Callable[[CommandResult], None],
    ) -> CommandResult:
        """Run the one statement of `work`, which is a transaction by itself. Retries as `run` does.

        `done` gets the result right after the commit. There is no outbox, and `committed` is not
        called: it is for maintenance that records no events.
        """

        async def once(_: int) -> CommandResult:
            results: list[CommandResult] = []
            async with self.database.brief_writer(lambda: done(results[0])) as session:
                results.append(await work(session))
            return results[0]

        return await self._shielded(self._attempts(once))

    async def _shielded(self, work: Coroutine[Any, Any, CommandResult]) -> CommandResult:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait until all queued requests and all running transactions have ended."""
        for group in self._groups.values():
            await group.drain()
        while self._running:
            await asyncio.wait(set(self._running))

    async def abandon(self) -> None:
        """Cancel all running transactions. They are rolled back; no caller got an outcome."""
        running = self._running.union(*(group.tasks for group in self._groups.values()))
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=ABANDON_SECONDS)

    @staticmethod
    async def _attempts(once: Callable[[int], Awaitable[CommandResult]]) -> CommandResult:
        for attempt in range(ATTEMPTS_MAX):
            try:
                return await once(attempt)
            except (Contention, UniqueConflict):
                # The next attempt sees the unique key that another transaction wrote, and refuses.
                if attempt == ATTEMPTS_MAX - 1:
                    raise
            await asyncio.sleep(BACKOFF_SECONDS * 2**attempt * (0.5 + random.random()))
        raise AssertionError("unreachable")

    async def _once(
        self,
        work: Callable[[Transaction], Awaitable[CommandResult]],
        writing: Callable[[], None],
        *,
        is_first: bool,
    ) -> CommandResult:
        committed = self._committed
        async with self.database.writer(lambda: committed()) as session:
            tx = Transaction(session, self.clock(), self._new_id, self.terms, self._new_secret)
            result = await work(tx)
            await self._finish(tx)
            writing()
            number = self._before_commit(len(tx.outbox.events)) if is_first else None
            if number is None:
                await tx.flush_and_commit()
            else:
                await tx.flush()
                committed = await number(session) or committed
        return result

    async def _finish(self, tx: Transaction) -> None:
        """Run the reactions to events, then add journal entries, events and audit rows."""
        seen = 0
        while seen < len(tx.outbox.events) or tx.stock.has_followers:
            if seen > REACTIONS_MAX:
                raise RuntimeError("the reactions of a transaction do not end")
            events = tx.outbox.events[seen:]
            seen += len(events)
            await self._react_to_all(tx, events)
            for event in events:
                for react in self._reactions.after_event.get(type(event.payload), ()):
                    await react(tx, event)
            if item_ids := tx.stock.take_entered():
                for serve in self._reactions.after_available:
                    await serve(tx, item_ids)
            if levels := tx.stock.take_reshelved():
                for follow in self._reactions.after_reshelved:
                    await follow(tx, levels)
            if settled := tx.stock.take_settled():
                for clear in self._reactions.after_settled:
                    await clear(tx, settled)
        if tx.journal.has_pending:
            await tx.flush()
            await tx.journal.add_rows()
        await tx.stock.settle_bins()  # its movements are covered by the audit rows
        tx.stock.record_changes()
        tx.outbox.add_rows()

    async def _react_to_all(
        self, tx: Transaction, events: Sequence[PendingEvent[EventPayload]]
    ) -> None:
        """Run the reactions that take all events of a type at once."""
        for payload, reactions in self._reactions.after_events.items():
            found = [event for event in events if type(event.payload) is payload]
            if found:
                for react in reactions:
                    await react(tx, found)


async def _performed(
    tx: Transaction, doing: Action[CommandT], requests: Sequence[Request[CommandT]]
) -> list[Outcome]:
    """Perform the requests; the faults of arguments that could not be read come first."""
    outcomes = await doing.run(tx, requests)
    return [
        outcome.with_unread(request.unread) if request.unread else outcome
        for request, outcome in zip(requests, outcomes, strict=True)
    ]


async def _batch(
    tx: Transaction,
    doing: Action[CommandT],
    requests: Sequence[Request[CommandT]],
    *,
    waits: bool,
) -> list[Outcome | None]:
    """Claim the keys, perform new requests, store each outcome; None: the key is in use."""
    claims = idempotency.read_claims(doing.name, requests)
    if doing.claim is KeyClaim.WITH_LOCK and idempotency.expect_new(tx.unit, claims):
        try:
            expected = await _performed(tx, doing, requests)
        except Interrupted:
            pass  # one of the keys is in use, or its request was performed before
        else:
            if tx.unit.take_guards():
                raise RuntimeError(f"{doing.name} has not claimed its keys")
            idempotency.settle(tx.unit, doing.name, claims, requests, expected)
            return [*expected]
    await idempotency.claim(tx.unit, claims, waits=waits)
    outcomes: list[Outcome | None] = [claims.answered.get(i) for i in range(len(requests))]
    fresh = [index for index in range(len(requests)) if claims.is_fresh(index)]
    if fresh:
        done = await _performed(tx, doing, [requests[i] for i in fresh])
        for index, outcome in zip(fresh, done, strict=True):
            outcomes[index] = outcome
    idempotency.settle(tx.unit, doing.name, claims, requests, outcomes)
    for index, holder in claims.followers.items():
        outcomes[index] = claims.following(index, outcomes[holder])
    return outcomes
