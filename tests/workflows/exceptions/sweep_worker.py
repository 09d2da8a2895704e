"""Sweep in a process of its own, which kills itself by SIGKILL at a chosen point.

    python -m tests.workflows.exceptions.sweep_worker URL NOW POINT

The points are before, inside (everything done, not committed) and after each transaction.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from uuid import uuid4

import workflows.exceptions.sweep as exception_sweep
from models.database.database import Database
from tests.workflows.exceptions.sweeps import sweep
from tests.workflows.refunds.payout_worker import KillPoint, MortalTransactions
from workflows.reactions import REACTIONS

PAGE = 3  # subjects in a step, so that a sweep has several transactions


async def run(url: str, now: datetime, dies_at: int) -> None:
    """Sweep until killed."""
    database = Database(url)
    await database.open()
    transactions = MortalTransactions(
        database, clock=lambda: now, new_id=uuid4, reactions=REACTIONS
    )
    transactions.kill_point = KillPoint(dies_at)
    exception_sweep.STEP_MAX = PAGE
    await sweep(transactions)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])))
