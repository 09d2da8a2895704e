"""Sweep in a process of its own, which kills itself by SIGKILL at a chosen point.

It is started by tests/forks with the database's `url`, the time `now`, and `dies_at`. The points
are before, inside (everything done, not committed) and after each transaction.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

import workflows.exceptions.sweep as exception_sweep
from models.database.database import Database
from tests.forks.kill_points import KillPoint, MortalTransactions
from tests.workflows.exceptions.sweeps import sweep
from workflows.reactions import REACTIONS

PAGE = 3  # subjects in a step, so that a sweep has several transactions


async def run_worker(facts: dict[str, Any]) -> None:
    """Sweep until killed."""
    now = datetime.fromisoformat(facts["now"])
    database = Database(facts["url"])
    await database.open()
    transactions = MortalTransactions(
        database, clock=lambda: now, new_id=uuid4, reactions=REACTIONS
    )
    transactions.kill_point = KillPoint(facts["dies_at"])
    exception_sweep.STEP_MAX = PAGE
    await sweep(transactions)


def live(facts: dict[str, Any]) -> None:
    """Run the worker."""
    asyncio.run(run_worker(facts))
