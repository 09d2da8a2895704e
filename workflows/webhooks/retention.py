"""Retention of messages: settled ones are kept for 14 days. PARKED ones wait for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import models.queries.webhooks.deliveries as delivery_queries
from workflows.transactions.transaction import Transaction

KEPT_FOR: Final = timedelta(days=14)
DELETED_MAX: Final = 1_000


async def delete_old_messages(tx: Transaction) -> int:
    """Delete messages that were accepted or skipped long ago; returns their number."""
    return await delivery_queries.delete_old(tx.session, tx.now - KEPT_FOR, DELETED_MAX)
