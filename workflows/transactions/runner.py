"""Opens every transaction: a list of requests in, an outcome for each, and one commit.

The one order of locks is kept here (workflows/transactions/lock_order.py): a workflow that would
take a class out of order is a programming error and fails at once, in every test, instead of
deadlocking one night.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from tortoise.models import Model

import workflows.transactions.idempotency as idempotency
from domain.access.callers import Caller, Role
from domain.errors import DomainError, IdempotencyInProgress
from domain.terms import DEFAULT_TERMS, Terms
from models.database.database import Database
from models.database.sessions import Contention, Session, UniqueConflict
from workflows.transactions.group_commit import CROWD_MIN, CommitQueue
from workflows.transactions.item_costs import LockedCosts
from workflows.transactions.journal import Journal
from workflows.transactions.lock_order import LockOrder
from workflows.transactions.outbox import Outbox, PendingEvent
from workflows.transactions.outcomes import Outcome, Refused, Request
from workflows.transactions.stock_levels import LockedStock

ATTEMPTS_MAX = 6
BACKOFF_SECONDS = 0.004
REACTIONS_MAX = 10_000
ABANDON_SECONDS = 1.0

CommandT = TypeVar("CommandT")
CommandResult = TypeVar("CommandResult")


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


class Transaction(LockOrder):
    """A session inside a transaction, and what the transaction has yet to write.

    `id` stands in its movements, entries, events and audit rows: it says which cover which.

    Rows given to `add` are inserted together by `flush`, which also writes the stock levels that
    `book` and the item costs that `costs` changed; `journal` holds the entries to be booked and
    `outbox` the events and audit rows: both are written just before commit.
    """

    def __init__(
        self,
        session: Session,
        now: datetime,
        new_id: Callable[[], UUID],
        terms: Terms = DEFAULT_TERMS,
        new_secret: Callable[[], str] = new_secret,
    ) -> None:
        super().__init__()
        self.session = session
        self.now = now
        self.new_id = new_id
        self.id = new_id()
        self.terms = terms
        self.new_secret = new_secret
        self.stock = LockedStock()
        self.costs = LockedCosts()
        self.journal = Journal()
        self.outbox = Outbox()
        self._rows: dict[type[Model], list[Mapping[str, Any]]] = {}

    def add(self, model: type[Model], row: Mapping[str, Any]) -> None:
        """Insert `row` with the next flush; rows of a model all name the same columns."""
        self._rows.setdefault(model, []).append(row)

    async def flush(self) -> None:
        """Write what was added and changed so far; the database checks it here."""
        rows, self._rows = self._rows, {}
        changes = (self.stock.take_moves(self.now), self.costs.take_changes())
        await self.session.write(rows, changes)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A savepoint: a domain error inside leaves no trace of what was done inside."""
        await self.flush()
        stock, outbox, locked = self.stock.mark(), self.outbox.mark(), self._locked
        costs, journal = self.costs.mark(), self.journal.mark()
        await self.session.execute("SAVEPOINT action")
        try:
            yield
            await self.flush()
        except (DomainError, Refused):
            self._rows = {}
            self.stock.restore(stock)
            self.costs.restore(costs)
            self.journal.restore(journal)
            self.outbox.restore(outbox)
            self._locked = locked
            await self.session.execute("ROLLBACK TO SAVEPOINT action")
            await self.session.execute("RELEASE SAVEPOINT action")
            raise
        await self.session.execute("RELEASE SAVEPOINT action")


Run = Callable[[Transaction, Sequence[Request[CommandT]]], Awaitable[list[Outcome]]]


@dataclass(frozen=True, slots=True)
class Reactions:
    """What follows from facts, before commit: by event type, and when units became AVAILABLE."""

    after_event: Mapping[str, Sequence[Callable[[Transaction, PendingEvent], Awaitable[None]]]]
    after_available: Sequence[Callable[[Transaction, frozenset[int]], Awaitable[object]]] = ()


@dataclass(frozen=True, slots=True)
class Action(Generic[CommandT]):
    """A business action by its GraphQL name, and the workflow that carries it out.

    `takes_batches`: it takes each class of locks for all its commands before the next. One that
    does not gets a transaction per command, or the second would lock out of order.
    """

    name: str
    run: Run[CommandT]
    takes_batches: bool = False
    requires_key_of: frozenset[Role] = frozenset({Role.PARTNER})


def action(name: str) -> Callable[[Run[CommandT]], Action[CommandT]]:
    """Make a workflow over lists of requests an action."""
    return lambda run: Action(name, run, takes_batches=True)


def one_by_one(
    name: str,
) -> Callable[
    [Callable[[Transaction, CommandT, Caller], Awaitable[Mapping[str, Any] | Outcome]]],
    Action[CommandT],
]:
    """Make a workflow over a single command an action: each request under a savepoint of its own.

    The workflow returns the references of its outcome, or raises a domain error.
    """

    def wrap(
        perform: Callable[[Transaction, CommandT, Caller], Awaitable[Mapping[str, Any] | Outcome]],
    ) -> Action[CommandT]:
        async def run(tx: Transaction, requests: Sequence[Request[CommandT]]) -> list[Outcome]:
            outcomes = []
            for request in requests:
                try:
                    async with tx.savepoint():
                        refs = await perform(tx, request.command, request.caller)
                except DomainError as error:
                    outcomes.append(Outcome.refused(error))
                except Refused as refused:
                    outcomes.append(Outcome.refused(*refused.errors, refs=refused.refs))
                else:
                    outcomes.append(_outcome(refs))
            return outcomes

        return Action(name, run)

    return wrap


def _outcome(refs: Mapping[str, Any] | Outcome) -> Outcome:
    return refs if isinstance(refs, Outcome) else Outcome(refs=refs)


# The last that is done in a transaction with so many events. It gives what to call once that is
# committed, instead of `committed`, or None.
BeforeCommit = Callable[[Session, int], Awaitable[Callable[[], None] | None]]


class Transactions:
    """Carries out actions on a database. Safe to cancel: what has begun ends by itself.

    `committed` is called after each commit, unless `last` gave something else to call. `last` is
    left out when a transaction is tried again, so that Contention in it fails nothing else.
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
        last: BeforeCommit | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.terms = terms
        self._new_id = new_id
        self._new_secret = new_secret
        self._reactions = reactions
        self._committed = committed
        self._last = last
        self._running: set[asyncio.Task[Any]] = set()
        self._groups: dict[str, CommitQueue[Any]] = {}

    async def perform(self, doing: Action[CommandT], request: Request[CommandT]) -> Outcome:
        """Carry out one command; where the action takes batches, with others that wait.

        Raises DatabaseUnavailable (OutcomeUnknown where COMMIT lost its answer), Contention where
        all attempts lost, and QueueFull.
        """
        try:
            idempotency.check_key(request, request.caller.role in doing.requires_key_of)
        except DomainError as error:
            return Outcome.refused(error)
        if not doing.takes_batches:
            return await self._alone(doing, request)
        group = self._groups.get(doing.name)
        if group is None:
            group = self._groups[doing.name] = CommitQueue(
                lambda requests, writing: self.run(
                    lambda tx: _batch(tx, doing, requests, waits=False), writing
                ),
                lambda each: self._alone(doing, each),
                crowd_min=CROWD_MIN if self.database.engine == "postgres" else None,
            )
        return await group.submit(request)

    async def perform_all(
        self, doing: Action[CommandT], requests: Sequence[Request[CommandT]]
    ) -> list[Outcome]:
        """Carry out several commands at once, each with an outcome of its own."""
        return await asyncio.gather(*(self.perform(doing, request) for request in requests))

    async def _alone(self, doing: Action[CommandT], request: Request[CommandT]) -> Outcome:
        try:
            outcomes = await self.run(lambda tx: _batch(tx, doing, [request], waits=True))
        except idempotency.KeyInUse:
            return Outcome.refused(IdempotencyInProgress())
        assert outcomes[0] is not None  # alone, a request waits for its key
        return outcomes[0]

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[CommandResult]],
        writing: Callable[[], None] = lambda: None,
    ) -> CommandResult:
        """Run `work` in a transaction, again where it lost against another one, bounded.

        `writing` is called when all that is left is the database's to do, once per attempt. The
        transaction runs in a task of its own that nobody cancels: cancelling the caller leaves it
        to end, and what it did stands.
        """
        return await self._shielded(
            self._attempts(lambda attempt: self._once(work, writing, is_first=attempt == 0))
        )

    async def run_briefly(
        self,
        work: Callable[[Session], Awaitable[CommandResult]],
        done: Callable[[CommandResult], None],
    ) -> CommandResult:
        """Run the one statement of `work`, which is a transaction by itself; again as `run` does.

        `done` is told the result as soon as it is committed. For upkeep that records nothing:
        without outbox, and `committed` is not called.
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
        """Wait for the requests that are queued and the transactions that are under way."""
        for group in self._groups.values():
            await group.drain()
        while self._running:
            await asyncio.wait(set(self._running))

    async def abandon(self) -> None:
        """Cancel what is still under way: it is rolled back, and nobody was told otherwise."""
        running = set(self._running)
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
                # A unique key met in a race is visible to the next attempt, which then refuses.
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
            await tx.flush()
            if is_first and self._last is not None and tx.outbox.events:
                committed = await self._last(session, len(tx.outbox.events)) or committed
        return result

    async def _finish(self, tx: Transaction) -> None:
        """Run what follows from the facts, and add what is left to write."""
        seen = 0
        while seen < len(tx.outbox.events) or tx.stock.has_entered:
            if seen > REACTIONS_MAX:
                raise RuntimeError("the reactions of a transaction do not end")
            for event in tx.outbox.events[seen:]:
                seen += 1
                for react in self._reactions.after_event.get(event.type, ()):
                    await react(tx, event)
            if item_ids := tx.stock.take_entered():
                for serve in self._reactions.after_available:
                    await serve(tx, item_ids)
        if tx.journal.has_bookings:
            await tx.flush()
            await tx.journal.book(tx)
        tx.outbox.record_levels(tx.stock.changed(), tx.now)
        tx.outbox.add_rows(tx)


async def _batch(
    tx: Transaction,
    doing: Action[CommandT],
    requests: Sequence[Request[CommandT]],
    *,
    waits: bool,
) -> list[Outcome | None]:
    """Take the keys, carry out what is new, keep each outcome with its key; None: key in use."""
    claims = await idempotency.claim(tx, doing.name, requests, waits=waits)
    outcomes: list[Outcome | None] = [claims.answered.get(i) for i in range(len(requests))]
    fresh = [index for index in range(len(requests)) if claims.is_fresh(index)]
    if fresh:
        done = await doing.run(tx, [requests[i] for i in fresh])
        for index, outcome in zip(fresh, done, strict=True):
            outcomes[index] = outcome
    idempotency.settle(tx, doing.name, claims, requests, outcomes)
    for index, holder in claims.followers.items():
        outcomes[index] = claims.following(index, outcomes[holder])
    return outcomes
