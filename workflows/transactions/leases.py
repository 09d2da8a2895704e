"""Leases: a lease lets one process at a time do a job."""

from __future__ import annotations

from datetime import timedelta

import structlog

import models.queries.events.leases as lease_queries
from models.database.errors import unforeseen
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

JOBS_LEASE = "jobs"  # of the process that runs the jobs (workflows/scheduler.py)


class ProcessLease:
    """A lease as one process sees it. It expires unless the holder renews it in time."""

    def __init__(self, transactions: Transactions, name: str, holder: str) -> None:
        self._transactions = transactions
        self._name = name
        self._holder = holder

    async def take(self, seconds: float) -> bool:
        """Take or renew the lease for `seconds`; False if another process holds it."""

        async def work(tx: Transaction) -> bool:
            row = await lease_queries.lock_lease(tx.session, self._name)
            if row is None:
                await lease_queries.make_lease(tx.session, self._name, tx.now)
                row = await lease_queries.lock_lease(tx.session, self._name)
                assert row is not None
            if row["holder"] != self._holder and row["lease_until_at"] > tx.now:
                return False
            until = tx.now + timedelta(seconds=seconds)
            await lease_queries.hold_lease(
                tx.session, self._name, self._holder, until, row["counter"]
            )
            return True

        return await self._transactions.run(work)

    async def is_free(self) -> bool:
        """True if no process holds the lease. Inserts the lease's row if it is missing."""
        async with self._transactions.database.reading() as session:
            row = await lease_queries.lease(session, self._name)
        if row is None:
            await self._transactions.run(
                lambda tx: lease_queries.make_lease(tx.session, self._name, tx.now)
            )
            return True
        return row["lease_until_at"] <= self._transactions.clock()

    async def release(self) -> None:
        """End the lease, so that the next process need not wait. A failure is only logged."""
        try:
            await self._transactions.run(
                lambda tx: lease_queries.release_lease(tx.session, self._name, self._holder, tx.now)
            )
        except Exception as error:
            logger.warning(
                "lease.release_failed",
                lease=self._name,
                error=repr(error),
                exc_info=unforeseen(error),
            )
