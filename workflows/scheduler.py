"""Runs jobs periodically, in the one process that holds the lease for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import uuid4

import structlog

from models.database.errors import unforeseen
from workflows.transactions.leases import JOBS_LEASE, ProcessLease
from workflows.transactions.runner import Transactions

logger = structlog.get_logger(__name__)

LEASE_SECONDS = 6.0
RENEW_SECONDS = 2.0
RUNS_MAX = 50  # in a row, while a job finds more to do

ContextT = TypeVar("ContextT")


@dataclass(frozen=True, slots=True)
class Job(Generic[ContextT]):
    """A bounded step, run every `seconds`. It returns how many objects it processed; 0: none."""

    name: str
    seconds: float
    step: Callable[[ContextT], Awaitable[int]]


class Scheduler(Generic[ContextT]):
    """Runs the jobs of this process while it holds the lease."""

    def __init__(
        self, transactions: Transactions, jobs: Sequence[Job[ContextT]], context: ContextT
    ) -> None:
        self._jobs = jobs
        self._context = context
        self._lease = ProcessLease(transactions, JOBS_LEASE, holder=str(uuid4()))
        self._held_until = 0.0

    async def run(self) -> None:
        """Hold the lease and run the jobs until cancelled, then release the lease."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_lease())
                for job in self._jobs:
                    tasks.create_task(self._repeat(job))
        finally:
            await self._lease.release()

    @property
    def _holds_lease(self) -> bool:
        return asyncio.get_running_loop().time() < self._held_until

    async def _keep_lease(self) -> None:
        while True:
            asked_at = asyncio.get_running_loop().time()
            try:
                if await self._lease.take(LEASE_SECONDS):
                    self._held_until = asked_at + LEASE_SECONDS
            except Exception as error:  # keep trying: without the lease this process runs no jobs
                logger.warning("jobs.lease_failed", error=repr(error), exc_info=unforeseen(error))
            await asyncio.sleep(RENEW_SECONDS)

    async def _repeat(self, job: Job[ContextT]) -> None:
        while True:
            await asyncio.sleep(job.seconds)
            await self._run(job)

    async def _run(self, job: Job[ContextT]) -> None:
        """Run a job until nothing is left or the lease ends, at most RUNS_MAX times.

        A failure ends the run.
        """
        try:
            for _ in range(RUNS_MAX):
                if not self._holds_lease or not await job.step(self._context):
                    return
        except Exception as error:  # a failed job must not stop the others
            logger.warning(
                "jobs.failed", job=job.name, error=repr(error), exc_info=unforeseen(error)
            )
