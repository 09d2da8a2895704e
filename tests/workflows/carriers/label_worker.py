"""A worker of labels in a process of its own, which may be killed at a point.

It is started by tests/forks with the database's `url`, the `carrier`'s address, the time `now`, and
`dies_at`: the number of the point at which the process kills itself, null: never. Points are
before, within and after each transaction, and before and after each call.
"""

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

from integrations.http_client import HttpLimits
from models.database.database import Database
from tests.forks.kill_points import KillPoint, MortalCarrier, MortalTransactions
from workflows.carriers.label_purchases import LabelPurchases
from workflows.reactions import REACTIONS

LIMITS = HttpLimits(answer=0.5, tries=1, all_tries=5.0)


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


def live(facts: dict[str, Any]) -> None:
    """Run the worker."""
    asyncio.run(run_worker(facts))
