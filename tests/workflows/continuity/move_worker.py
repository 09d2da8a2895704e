"""The job of playbooks in a process of its own, which kills itself at a chosen point.

It is started by tests/forks with the database's `url`, the time `now`, and `dies_at`: the number of
the point at which the process kills itself by SIGKILL; null: it works to the end. Points are
before, within (everything done, not committed) and after each transaction.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

import workflows.continuity.moves as moves
from models.database.database import Database
from tests.forks.kill_points import KillPoint, MortalTransactions
from workflows.reactions import REACTIONS


async def run_worker(facts: dict[str, Any]) -> None:
    """Do all that is due."""
    database = Database(facts["url"])
    await database.open()
    now = datetime.fromisoformat(facts["now"])
    transactions = MortalTransactions(
        database, clock=lambda: now, new_id=uuid4, reactions=REACTIONS
    )
    transactions.kill_point = KillPoint(facts["dies_at"])
    # Small steps, so that a run takes several.
    setattr(moves, "UNITS_MAX", 1)  # noqa: B010
    setattr(moves, "PARCELS_MAX", 2)  # noqa: B010
    while await moves.Moves(transactions).work():
        pass
    await database.close()


def live(facts: dict[str, Any]) -> None:
    """Run the worker."""
    asyncio.run(run_worker(facts))
