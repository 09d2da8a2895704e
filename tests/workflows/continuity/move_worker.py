"""The job of playbooks in a process of its own, which kills itself at a chosen point.

    python -m tests.workflows.continuity.move_worker JSON    url, now, dies_at

It passes a point before, inside (everything done, not committed) and after each transaction. At
the point with the number `dies_at` it kills itself by SIGKILL; null: it works to the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

import workflows.continuity.moves as moves
from models.database.database import Database
from workflows.reactions import REACTIONS
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

T = TypeVar("T")


class Mortal(Transactions):
    """Transactions with points before, inside and after each, at which the process may die."""

    dies_at: int | None = None

    def point(self) -> None:
        if self.dies_at is None:
            return
        if self.dies_at == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.dies_at -= 1

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        writing: Callable[[], None] = lambda: None,
    ) -> T:
        async def mortal(tx: Transaction) -> T:
            result = await work(tx)
            await tx.flush()
            self.point()
            return result

        self.point()
        result = await super().run(mortal, writing)
        self.point()
        return result


async def main(url: str, now: str, dies_at: int | None) -> None:
    database = Database(url)
    await database.open()
    instant = datetime.fromisoformat(now)
    transactions = Mortal(database, clock=lambda: instant, new_id=uuid4, reactions=REACTIONS)
    transactions.dies_at = dies_at
    # Small steps, so that a run takes several.
    setattr(moves, "UNITS_MAX", 1)  # noqa: B010
    setattr(moves, "PARCELS_MAX", 2)  # noqa: B010
    while await moves.Moves(transactions).work():
        pass
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
