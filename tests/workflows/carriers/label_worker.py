"""A worker of labels in a process of its own, which may be killed at a point.

`python -m tests.workflows.carriers.label_worker FACTS`: JSON with the database's `url`, the
`carrier`'s address, the time `now`, and `dies_at`: the number of the point at which the process
kills itself, null: never. Points are before, within and after each transaction, and before and
after each call.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from integrations.carriers.carrier import LabelOrder, Purchase
from integrations.carriers.http import HttpCarrier
from integrations.http_client import HttpLimits
from models.database.database import Database
from workflows.carriers.label_purchases import LabelPurchases
from workflows.reactions import REACTIONS
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

LIMITS = HttpLimits(answer=0.5, tries=1, all_tries=5.0)
T = TypeVar("T")


class KillPoint:
    """Kills this process at the point with this number."""

    def __init__(self, dies_at: int | None) -> None:
        self._left = dies_at

    def point(self) -> None:
        """Pass one point."""
        if self._left is None:
            return
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


class MortalTransactions(Transactions):
    """Transactions with points before, inside and after each."""

    kill_point: KillPoint

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        writing: Callable[[], None] = lambda: None,
    ) -> T:
        async def mortal(tx: Transaction) -> T:
            result = await work(tx)
            await tx.flush()
            self.kill_point.point()
            return result

        self.kill_point.point()
        result = await super().run(mortal, writing)
        self.kill_point.point()
        return result


class MortalCarrier(HttpCarrier):
    """A carrier with points before and after each purchase."""

    kill_point: KillPoint

    async def buy(self, label: LabelOrder) -> Purchase:
        self.kill_point.point()
        answer = await super().buy(label)
        self.kill_point.point()
        return answer


async def run_worker(facts: dict[str, Any]) -> None:
    """Do what is due once."""
    now, kill_point = datetime.fromisoformat(facts["now"]), KillPoint(facts["dies_at"])
    database = Database(facts["url"])
    await database.open()
    transactions = MortalTransactions(
        database, clock=lambda: now, new_id=uuid4, reactions=REACTIONS
    )
    carrier = MortalCarrier(facts["carrier"], limits=LIMITS)
    transactions.kill_point = carrier.kill_point = kill_point
    await LabelPurchases(transactions, {"simulator": carrier}).work()
    await carrier.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(run_worker(json.loads(sys.argv[1])))
