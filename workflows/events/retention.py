"""Retention of the event log: selection and removal of old events.

The archiver reads old events, writes them to safe storage, and then removes them. After an
interruption it reads and writes the same events again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import models.queries.events.event_archive as archive_queries
import models.queries.events.event_log as event_log
from domain.access.callers import SYSTEM
from models.database.database import Database
from models.queries.events.event_archive import ArchivableEventRow
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Retention:
    """Events are kept for `days`, and at most the newest `most`. None: without this limit."""

    days: int | None
    most: int | None


async def old_events(
    database: Database, retention: Retention, now: datetime, after: int = 0
) -> Sequence[ArchivableEventRow]:
    """The next events after a position that need not be kept, at most `PAGE`, in order.

    The newest event is always kept, so that positions never start again.
    """
    async with database.snapshot() as session:
        newest = await event_log.last_position(session)
        rows = await archive_queries.oldest_events(session, after, newest - 1, PAGE)
    removable_through = 0 if retention.most is None else newest - retention.most
    since = None if retention.days is None else now - timedelta(days=retention.days)
    for count, row in enumerate(rows):
        is_old = since is not None and row["occurred_at"] < since
        if not is_old and row["position"] > removable_through:
            return rows[:count]
    return rows


async def remove(
    transactions: Transactions, events: Sequence[ArchivableEventRow], kept_in: str
) -> int:
    """Remove these consecutive events from the log. Returns the number of those still there.

    `kept_in` names the place where they are archived, for the audit trail.
    """
    first, last = events[0]["position"], events[-1]["position"]

    async def work(tx: Transaction) -> int:
        removed = await archive_queries.remove_events(tx.session, first - 1, last)
        facts = {"first": first, "last": last, "keptIn": kept_in}
        tx.outbox.audit(SYSTEM.actor, "events.archived", ("Event", last), after=facts)
        return removed

    return await transactions.run(work)
