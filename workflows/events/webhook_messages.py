"""Ids of signed messages from outside systems: each is processed once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import models.queries.events.webhook_messages as message_queries
from models.database.sessions import Session
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

# Ids are kept much longer than a signature is valid (five minutes).
KEPT_FOR: Final = timedelta(days=7)
DELETED_MAX: Final = 1_000


async def record_once(tx: Transaction, source: str, message_id: str) -> bool:
    """Record a message of this source. Returns False if it was recorded before."""
    tx.locking(LockClass.KEYS)
    return await message_queries.record_message(tx.session, tx.new_id(), source, message_id, tx.now)


async def is_recorded(session: Session, source: str, message_id: str) -> bool:
    """True if a message of this source was recorded before."""
    return await message_queries.is_recorded(session, source, message_id)


async def delete_old_messages(tx: Transaction) -> int:
    """Delete ids of messages that are older than KEPT_FOR; returns their number."""
    return await message_queries.delete_messages(tx.session, tx.now - KEPT_FOR, DELETED_MAX)
