"""Runs jobs by the clock: each in one process at a time, which holds the lease of them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import uuid4

import structlog

import models.queries.events.leases as leases
from models.database.sessions import DatabaseError
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

logger = structlog.get_logger(__name__)

LEASE = "jobs"
LEASE_SECONDS = 6.0
RENEW_SECONDS = 2.0
RUNS_MAX = 50  # in a row, while a job finds more to do


ContextT = TypeVar("ContextT")


@dataclass(frozen=True, slots=True)
class Job(Generic[ContextT]):
    """A bounded step, every so many seconds; it returns how much it did, 0 when all is done."""

    name: str
    seconds: float
    step: Callable[[ContextT], Awaitable[int]]


class Scheduler(Generic[ContextT]):
    """The jobs of one process: they run while it holds the lease, and elsewhere otherwise."""

    def __init__(
        self, transactions: Transactions, jobs: Sequence[Job[ContextT]], context: ContextT
    ) -> None:
        self._transactions = transactions
        self._jobs = jobs
        self._context = context
        self._holder = str(uuid4())
        self._held_until = 0.0

    async def run(self) -> None:
        """Hold the lease and run the jobs until cancelled, then give the lease back."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_lease())
                for job in self._jobs:
                    tasks.create_task(self._repeat(job))
        finally:
            await self._release()

    async def _keep_lease(self) -> None:
        while True:
            asked_at = asyncio.get_running_loop().time()
            try:
                if await self._transactions.run(self._take):
                    self._held_until = asked_at + LEASE_SECONDS
            except Exception as error:  # without the lease no job of any process runs
                logger.warning("jobs.lease_failed", error=repr(error), exc_info=_unforeseen(error))
            await asyncio.sleep(RENEW_SECONDS)

    async def _take(self, tx: Transaction) -> bool:
        row = await leases.lock_lease(tx.session, LEASE)
        if row is None:
            await leases.make_lease(tx.session, LEASE, tx.now)
            row = await leases.lock_lease(tx.session, LEASE)
            assert row is not None
        if row["holder"] != self._holder and row["lease_until_at"] > tx.now:
            return False
        until = tx.now + timedelta(seconds=LEASE_SECONDS)
        await leases.hold_lease(tx.session, LEASE, self._holder, until, row["counter"])
        return True

    async def _repeat(self, job: Job[ContextT]) -> None:
        while True:
            await asyncio.sleep(job.seconds)
            if asyncio.get_running_loop().time() < self._held_until:
                await self._run(job)

    async def _run(self, job: Job[ContextT]) -> None:
        """Run a job until nothing is left or it was long enough; a failure waits for next time."""
        try:
            for _ in range(RUNS_MAX):
                if not await job.step(self._context):
                    return
        except Exception as error:  # one job must not end the others
            unforeseen = _unforeseen(error)
            logger.warning("jobs.failed", job=job.name, error=repr(error), exc_info=unforeseen)

    async def _release(self) -> None:
        async def release(tx: Transaction) -> None:
            await leases.release_lease(tx.session, LEASE, self._holder, tx.now)

        try:
            await self._transactions.run(release)
        except Exception as error:  # it lapses by itself
            logger.warning("jobs.release_failed", error=repr(error), exc_info=_unforeseen(error))


def _unforeseen(error: Exception) -> Exception | None:
    """An error whose place in the code has to be told, to whoever has to mend it."""
    return None if isinstance(error, DatabaseError | TimeoutError) else error
