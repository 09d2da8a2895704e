"""What happens without anybody asking: holds are swept, backorders served, old keys forgotten.

Each job is one bounded step that says whether there is more to do; who calls it when, and that
only one process does, is the caller's affair.
"""

from __future__ import annotations

from datetime import datetime

import models.queries.idempotency as keys
import models.queries.orders as orders
import models.queries.reservations as reservations
import workflows.backorders as backorders
import workflows.exception_desk as exception_desk
import workflows.holds as holds
import workflows.idempotency as idempotency
import workflows.policy_starts as policy_starts
import workflows.tasks as tasks
from workflows.transactions import Transaction, Transactions

SWEPT_MAX = 200
ITEMS_MAX = 50
KEYS_MAX = 1_000
TASKS_MAX = 200
EXCEPTIONS_MAX = 100
POLICIES_MAX = 100


async def sweep_holds(transactions: Transactions) -> int:
    """Write down that holds are over and give their units back; how many there were."""

    async def work(tx: Transaction) -> int:
        over = await reservations.any_holds_over(tx.session, tx.now, SWEPT_MAX)
        if not over:
            return 0
        lines = await reservations.lines_of(tx.session, over)
        await tx.book.lock(tx, {line["item_id"] for line in lines})
        return await holds.take_back(tx, sorted(over))

    return await transactions.run(work)


async def serve_backorders(transactions: Transactions) -> int:
    """Serve lines that a transaction left waiting; how many items were looked at."""

    async def work(tx: Transaction) -> int:
        item_ids = await orders.servable_items(tx.session, ITEMS_MAX)
        if item_ids:
            await tx.book.lock(tx, item_ids)
            await backorders.serve(tx, frozenset(item_ids))
        return len(item_ids)

    return await transactions.run(work)


async def forget_keys(transactions: Transactions, now: datetime) -> int:
    """Forget idempotency keys that are older than they are kept; how many there were."""

    async def work(tx: Transaction) -> int:
        return await keys.forget_keys(tx.session, now - idempotency.KEPT, KEYS_MAX)

    return await transactions.run(work)


async def free_lapsed_tasks(transactions: Transactions) -> int:
    """Write down that claims of tasks are over, so that whoever looks at a queue hears of it."""

    async def work(tx: Transaction) -> int:
        return await tasks.free_lapsed(tx, TASKS_MAX)

    return await transactions.run(work)


async def escalate_exceptions(transactions: Transactions) -> int:
    """Hand exceptions past their time to the next role; how many there were."""

    async def work(tx: Transaction) -> int:
        return await exception_desk.escalate(tx, EXCEPTIONS_MAX)

    return await transactions.run(work)


async def resume_exceptions(transactions: Transactions) -> int:
    """Let the clocks of exceptions that have waited long enough run again; how many."""

    async def work(tx: Transaction) -> int:
        return await exception_desk.resume(tx, EXCEPTIONS_MAX)

    return await transactions.run(work)


async def start_policies(transactions: Transactions) -> int:
    """Say which policies have come into force since they were published; how many."""

    async def work(tx: Transaction) -> int:
        return await policy_starts.start(tx, POLICIES_MAX)

    return await transactions.run(work)
