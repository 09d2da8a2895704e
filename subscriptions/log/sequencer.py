"""The sequencer: assigns each event its position in the log, usually after its commit.

A transaction cannot assign positions itself. A counter would serialize all commits. With a
sequence, a reader could pass a number whose transaction is still open. So a transaction writes its
events to `event_pending`, and one process at a time numbers them in the order of their ids.

- A reader that has seen position p never meets a position ≤ p later: batches are numbered one after
  another under the lock of the lease's row, whose counter is the last position, and each batch
  becomes visible as a whole.
- If transaction B could see the changes of A, the events of A come first. A's ids were generated
  before A committed, and B's after that, since events are inserted last
  (workflows/transactions/outbox.py). A sequencer that sees B pending sees A, too.
- A long transaction delays no other: it is not pending until it commits.
- A process that holds the lease and has listeners numbers small transactions inside them, as their
  last step, unless another numbering is in progress. Then subscribers wait for one commit instead
  of two. The lock is the same, so batches still follow one after another.
- The lease only saves work. A process that lost it without notice (for example after a pause)
  detects that under the lock, in the transaction that would number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
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
LEASE_SECONDS = 2.5  # with POLL_SECONDS: a dead holder is replaced within 4 seconds
POLL_SECONDS = 1.0
BATCH_MAX = 1_000
# Numbering is a commit, too, and the next writers would wait for it: at most 200 batches a second,
# and 40 in a process without listeners. After a quiet period a commit is numbered at once.
PAUSE_SECONDS = 0.005
PAUSE_WITHOUT_LISTENERS_SECONDS = 0.025
# After this many numbered events the dead rows are removed, which each scan of pending events has
# to skip: 0.5 ms for 60,000 rows.
SWEEP_EVENTS = 20_000
# Largest number of events that are numbered inside a transaction: its own, and older pending ones.
WITHIN_MAX = 100


class _Role(Enum):
    """Role of this process."""

    HOLDER = "holder"
    STANDBY = "standby"


class Sequencer:
    """Numbers events while this process holds the lease; otherwise waits for the lease.

    `transactions` must not call `wake` after commit, or numbering would wake itself endlessly.
    `numbered` gets each batch, with its events if `has_listeners` is true. `forward` is called if
    this process committed events and another process has to number them.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        holder: str,
        numbered: Callable[[Numbered], None],
        forward: Callable[[], None],
        has_listeners: Callable[[], bool] = lambda: False,
    ) -> None:
        self._transactions = transactions
        self._holder = holder
        self._lease = ProcessLease(transactions, LEASE, holder)
        self._numbered = numbered
        self._forward = forward
        self._has_listeners = has_listeners
        self._role = _Role.STANDBY
        self._renew_at = self._check_lease_at = self._paused_until = 0.0
        self._has_work = asyncio.Event()
        self._has_work.set()  # poll at once, and take a free lease
        self._has_local_commits = False
        self._unswept = 0  # events numbered since the last sweep
        self._is_stopping = False

    @property
    def is_holder(self) -> bool:
        """True if this process numbered last, as far as it knows."""
        return self._role is _Role.HOLDER

    def wake(self) -> None:
        """Call after each commit of this process."""
        self._has_local_commits = True
        self._has_work.set()

    def notify(self) -> None:
        """Call when another process reports a commit."""
        if self.is_holder:
            self._has_work.set()

    def numbers_within(
        self, events: int
    ) -> Callable[[Session], Awaitable[Callable[[], None] | None]] | None:
        """The work that numbers events inside a transaction that has `events` of them.

        None: call `wake` after the commit instead. It saves the second commit between a transaction
        and its subscribers.
        """
        if not self.is_holder or not self._has_listeners() or not 0 < events <= WITHIN_MAX:
            return None
        return self._number_within

    async def _number_within(self, session: Session) -> Callable[[], None] | None:
        """Number events as the last step of a transaction.

        Returns a function to call after the commit, or None: then call `wake`. Raises Contention if
        numbering failed and the database is available: the transaction may succeed without it.
        """
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
            self._publish(batch)
        except Exception:  # the commit stands, even if a listener fails
            logger.exception("sequencer.publish_failed")

    async def run(self) -> None:
        """Number until `stop`; polls every second while the database is unavailable."""
        is_last = False
        while not is_last:
            has_work = await self._wait_for_work()
            is_last = self._is_stopping  # before polling: a stop during the poll needs another
            try:
                await self._poll(has_work)
                await self._sweep()
            except Exception as error:  # without a sequencer no stream of any process advances
                self._role = _Role.STANDBY
                logger.warning("sequencer.failed", error=repr(error), exc_info=unforeseen(error))
                await asyncio.sleep(POLL_SECONDS / 2)
        await self._release()

    def stop(self) -> None:
        """Make `run` number pending events, release the lease and end."""
        self._is_stopping = True
        self._has_work.set()

    async def _wait_for_work(self) -> bool:
        """Wait for work, at most POLL_SECONDS; true if there is some."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._has_work.wait()
        except TimeoutError:
            return False
        pause = self._paused_until - time.monotonic()
        if pause > 0 and not self._is_stopping:
            await asyncio.sleep(pause)
        self._has_work.clear()
        return True

    async def _poll(self, has_work: bool) -> None:
        is_local, self._has_local_commits = self._has_local_commits, False
        if self.is_holder:
            if has_work or self._must_renew() or await self._has_pending():
                await self._number_all()
            if self.is_holder:
                return
        if is_local:
            self._forward()
        if time.monotonic() >= self._check_lease_at:
            self._check_lease_at = time.monotonic() + POLL_SECONDS
            if await self._lease.is_free():
                await self._number_all()

    async def _sweep(self) -> None:
        if self._unswept < SWEEP_EVENTS:
            return
        self._unswept = 0
        try:
            async with self._transactions.database.reading() as session:
                await event_log.vacuum_pending(session)
        except DatabaseError as error:  # sweeping only saves work
            logger.warning("sequencer.sweep_failed", error=repr(error))

    def _must_renew(self) -> bool:
        return time.monotonic() >= self._renew_at

    async def _has_pending(self) -> bool:
        async with self._transactions.database.reading() as session:
            return await event_log.has_pending(session)

    async def _number_all(self) -> None:
        while True:
            batch = await self._transactions.run_briefly(self._number, self._publish)
            if batch is None:
                self._lost_lease()
                return
            if not self.is_holder:
                logger.info("sequencer.took_over", position=batch.position)
            self._role = _Role.HOLDER
            now = time.monotonic()
            self._renew_at = now + LEASE_SECONDS / 3
            if batch.count:
                self._paused_until = now + (
                    PAUSE_SECONDS if self._has_listeners() else PAUSE_WITHOUT_LISTENERS_SECONDS
                )
            if batch.is_all:
                return

    async def _number(
        self, session: Session, limit: int = BATCH_MAX, *, waiting: bool = True
    ) -> Numbered | None:
        """Number one batch and extend the lease; None if another process holds the lease."""
        now = self._transactions.clock()
        until = now + timedelta(seconds=LEASE_SECONDS)
        return await event_log.number_pending(
            session,
            LEASE,
            self._holder,
            now,
            until,
            limit,
            with_events=self._has_listeners(),
            waiting=waiting,
        )

    def _publish(self, batch: Numbered | None) -> None:
        if batch is not None and batch.count:
            self._unswept += batch.count
            self._numbered(batch)

    def _lost_lease(self) -> None:
        if self.is_holder:
            logger.info("sequencer.lost_lease")
        self._role = _Role.STANDBY

    async def _release(self) -> None:
        if not self.is_holder:
            return
        self._role = _Role.STANDBY
        await self._lease.release()
