"""Gives every event its position in the log, mostly after its transaction has committed.

Positions cannot be given by each transaction for itself: a counter would let them commit one after
the other only, and a sequence would let a reader pass a number whose transaction is still open.
So a transaction leaves its event in `event_pending`, and one process at a time numbers what is
there, in the order of the events' ids.

- No reader that has seen position p ever meets a position ≤ p later: batches are numbered one
  behind the other under the lock of the lease's row, whose counter is the last position, and each
  becomes visible whole.
- Where fact B could see fact A, A comes first: A's id was drawn before A committed and B's after
  it, since events are inserted last (workflows/transactions/outbox.py); and whoever sees B pending
  sees A.
- A long transaction delays nobody: it is not pending until it commits.
- Who holds the lease and is heard numbers its small transactions in themselves, as the last that
  is done in them, unless somebody numbers at that moment: readers wait for one commit, not for two.
  The lock is the same, so batches still follow one behind the other.
- The lease is a matter of thrift. A process that lost it without knowing (it slept) finds that out
  under the lock, in the very transaction in which it would number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from enum import Enum

import structlog

import models.queries.events.event_log as event_log
from models.database.errors import unforeseen
from models.database.sessions import Contention, DatabaseError, DatabaseUnavailable, Session
from models.queries.events.event_log import Numbered
from workflows.transactions.leases import ProcessLease
from workflows.transactions.runner import Transactions

logger = structlog.get_logger(__name__)

LEASE = "sequencer"
LEASE_SECONDS = 2.5  # with LOOK_SECONDS: a dead holder is replaced within 4 seconds
LOOK_SECONDS = 1.0
BATCH_MAX = 1_000
# At most 200 batches a second: numbering is a commit too, which the next writers would wait for.
# What is committed after a quiet moment is numbered at once.
REST_SECONDS = 0.005
# So many numbered events leave as many dead rows, which each look at what is pending passes over:
# half a millisecond behind 60,000.
SWEEP_EVENTS = 20_000
# Events of one transaction that are numbered in it, and of others that have waited since before.
WITHIN_MAX = 100


class _Standing(Enum):
    """Whether this process numbers."""

    HOLDER = "holder"
    BYSTANDER = "bystander"


class Sequencer:
    """Numbers events while this process holds the lease, and waits for the lease otherwise.

    `transactions` must not call `wake` after commit: numbering would wake itself for ever.
    `numbered` is told of each batch, with its events while `is_heard`. `forward` is called where
    this process committed something and another one has to number it.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        holder: str,
        numbered: Callable[[Numbered], None],
        forward: Callable[[], None],
        is_heard: Callable[[], bool] = lambda: False,
    ) -> None:
        self._transactions = transactions
        self._holder = holder
        self._lease = ProcessLease(transactions, LEASE, holder)
        self._numbered = numbered
        self._forward = forward
        self._is_heard = is_heard
        self._standing = _Standing.BYSTANDER
        self._renew_at = self._check_at = self._rested_at = 0.0
        self._news = asyncio.Event()
        self._news.set()  # look at once, and take a lease that nobody holds
        self._has_local_news = False
        self._unswept = 0  # events numbered since the last sweep
        self._is_stopping = False

    @property
    def is_holder(self) -> bool:
        """Whether this process numbered last, as far as it knows."""
        return self._standing is _Standing.HOLDER

    def wake(self) -> None:
        """Call after each commit of this process."""
        self._has_local_news = True
        self._news.set()

    def heard(self) -> None:
        """Call when another process says that it committed something."""
        if self.is_holder:
            self._news.set()

    async def number_within(self, session: Session, events: int) -> Callable[[], None] | None:
        """Number in a transaction that has so many events, as the last that is done in it.

        Gives what to call once it is committed; None: then call `wake`. For who is heard at once:
        between a commit and its readers there is no second one then. Raises Contention where it
        failed, unless the database is away: without this, the transaction may succeed.
        """
        if not self.is_holder or not self._is_heard() or events > WITHIN_MAX:
            return None
        try:
            batch = await self._number(session, WITHIN_MAX, waiting=False)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            logger.warning("sequencer.failed_within", error=repr(error))
            raise Contention("events could not be numbered") from error
        return None if batch is None else lambda: self._committed_within(batch)

    def _committed_within(self, batch: Numbered) -> None:
        self._renew_at = time.monotonic() + LEASE_SECONDS / 3
        if not batch.is_all:
            self.wake()
        try:
            self._tell(batch)
        except Exception:  # what was committed is done, whatever a listener makes of it
            logger.exception("sequencer.not_told")

    async def run(self) -> None:
        """Number until `stop`; a database that is away is asked again every second."""
        is_last = False
        while not is_last:
            is_news = await self._next_look()
            is_last = self._is_stopping  # not if that is said during the look: it may have passed
            try:
                await self._look(is_news)
                await self._sweep()
            except Exception as error:  # without a sequencer no stream of any process moves
                self._standing = _Standing.BYSTANDER
                logger.warning("sequencer.failed", error=repr(error), exc_info=unforeseen(error))
                await asyncio.sleep(LOOK_SECONDS / 2)
        await self._release()

    def stop(self) -> None:
        """Have `run` number what is pending, give the lease back and end."""
        self._is_stopping = True
        self._news.set()

    async def _next_look(self) -> bool:
        """Wait for news, a second at most; whether there are any."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return False
        rest = self._rested_at - time.monotonic()
        if rest > 0 and not self._is_stopping:
            await asyncio.sleep(rest)
        self._news.clear()
        return True

    async def _look(self, is_news: bool) -> None:
        is_local, self._has_local_news = self._has_local_news, False
        if self.is_holder:
            if is_news or self._must_renew() or await self._has_pending():
                await self._number_all()
            if self.is_holder:
                return
        if is_local:
            self._forward()
        if time.monotonic() >= self._check_at:
            self._check_at = time.monotonic() + LOOK_SECONDS
            if await self._lease.is_free():
                await self._number_all()

    async def _sweep(self) -> None:
        if self._unswept < SWEEP_EVENTS:
            return
        self._unswept = 0
        try:
            async with self._transactions.database.reading() as session:
                await event_log.vacuum_pending(session)
        except DatabaseError as error:  # it is thrift: numbering goes on without it
            logger.warning("sequencer.not_swept", error=repr(error))

    def _must_renew(self) -> bool:
        return time.monotonic() >= self._renew_at

    async def _has_pending(self) -> bool:
        async with self._transactions.database.reading() as session:
            return await event_log.has_pending(session)

    async def _number_all(self) -> None:
        while True:
            batch = await self._transactions.run_briefly(self._number, self._tell)
            if batch is None:
                self._lose()
                return
            if not self.is_holder:
                logger.info("sequencer.took_over", position=batch.position)
            self._standing = _Standing.HOLDER
            now = time.monotonic()
            self._renew_at = now + LEASE_SECONDS / 3
            if batch.count:
                self._rested_at = now + REST_SECONDS
            if batch.is_all:
                return

    async def _number(
        self, session: Session, limit: int = BATCH_MAX, *, waiting: bool = True
    ) -> Numbered | None:
        """Number one batch and extend the lease; None where another process holds it."""
        now = self._transactions.clock()
        until = now + timedelta(seconds=LEASE_SECONDS)
        return await event_log.number_pending(
            session,
            LEASE,
            self._holder,
            now,
            until,
            limit,
            with_events=self._is_heard(),
            waiting=waiting,
        )

    def _tell(self, batch: Numbered | None) -> None:
        if batch is not None and batch.count:
            self._unswept += batch.count
            self._numbered(batch)

    def _lose(self) -> None:
        if self.is_holder:
            logger.info("sequencer.lost_lease")
        self._standing = _Standing.BYSTANDER

    async def _release(self) -> None:
        if not self.is_holder:
            return
        self._standing = _Standing.BYSTANDER
        await self._lease.release()
