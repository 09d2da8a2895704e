"""What happens without anybody asking: holds are swept, backorders served, old keys forgotten.

Each job is a bounded step that says whether there is more to do; who calls it when, and that
only one process does, is the caller's affair.
"""

from __future__ import annotations

from datetime import datetime

import models.queries.idempotency as idempotency_queries
import models.queries.orders.orders as order_queries
import models.queries.orders.reservations as reservation_queries
import workflows.exceptions.handling as exception_handling
import workflows.orders.backorders as backorders
import workflows.policies.activation as policy_activation
import workflows.reservations.expiry as reservation_expiry
import workflows.tasks.claims as tasks
import workflows.transactions.idempotency as idempotency
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

SWEPT_MAX = 200
ITEMS_MAX = 50
KEYS_MAX = 1_000
TASKS_MAX = 200
EXCEPTIONS_MAX = 100
POLICIES_MAX = 100


async def sweep_holds(transactions: Transactions) -> int:
    """Write down that holds are over and give their units back; how many there were."""

    async def work(tx: Transaction) -> int:
        over = await reservation_queries.any_holds_over(tx.session, tx.now, SWEPT_MAX)
        if not over:
            return 0
        lines = await reservation_queries.lines_of(tx.session, over)
        await tx.stock.lock({line["item_id"] for line in lines})
        return await reservation_expiry.take_back(tx, sorted(over))

    return await transactions.run(work)


class BackorderRounds:
    """Serves lines that transactions left waiting: so many items a step, round and round.

    An item that cannot be served, or that fails, delays the others by its place in the round.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._after = 0

    async def serve(self) -> int:
        """Serve the next items; how many lines something was allocated to."""
        async with self._transactions.database.reading() as session:
            item_ids = await order_queries.servable_items(session, self._after, ITEMS_MAX)
        self._after = item_ids[-1] if len(item_ids) == ITEMS_MAX else 0
        if not item_ids:
            return 0

        async def work(tx: Transaction) -> int:
            await tx.stock.lock(item_ids)
            return await backorders.serve(tx, frozenset(item_ids))

        return await self._transactions.run(work)


async def forget_keys(transactions: Transactions, now: datetime) -> int:
    """Forget idempotency keys that are older than they are kept; how many there were."""

    async def work(tx: Transaction) -> int:
        return await idempotency_queries.forget_keys(tx.session, now - idempotency.KEPT, KEYS_MAX)

    return await transactions.run(work)


async def free_lapsed_tasks(transactions: Transactions) -> int:
    """Write down that claims of tasks are over, so that whoever looks at a queue hears of it."""

    async def work(tx: Transaction) -> int:
        return await tasks.free_lapsed(tx, TASKS_MAX)

    return await transactions.run(work)


async def escalate_exceptions(transactions: Transactions) -> int:
    """Hand exceptions past their time to the next role; how many there were."""

    async def work(tx: Transaction) -> int:
        return await exception_handling.escalate(tx, EXCEPTIONS_MAX)

    return await transactions.run(work)


async def resume_exceptions(transactions: Transactions) -> int:
    """Let the clocks of exceptions that have waited long enough run again; how many."""

    async def work(tx: Transaction) -> int:
        return await exception_handling.resume(tx, EXCEPTIONS_MAX)

    return await transactions.run(work)


async def start_policies(transactions: Transactions) -> int:
    """Say which policies have come into force since they were published; how many."""

    async def work(tx: Transaction) -> int:
        return await policy_activation.start(tx, POLICIES_MAX)

    return await transactions.run(work)
