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
import models.queries.webhooks.endpoints as endpoint_queries
from domain.access.callers import SYSTEM
from models.database.database import Database
from models.database.sessions import Session
from models.queries.events.event_archive import ArchivableEventRow
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

PAGE: Final = 1_000


class StillNeeded(RuntimeError):
    """A webhook went back in the log while old events were being archived; try again."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Events are kept for `days`, and at most the newest `most`. None: without this limit."""

    days: int | None
    most: int | None


async def old_events(
    database: Database, retention: Retention, now: datetime, after: int = 0
) -> Sequence[ArchivableEventRow]:
    """The next events after a position that need not be kept, at most `PAGE`, in order.

    Events that a webhook has still to read are kept.
    The newest event is always kept, so that positions never start again.
    """
    async with database.snapshot() as session:
        newest = await event_log.last_position(session)
        rows = await archive_queries.oldest_events(
            session, after, await _removable(session, newest), PAGE
        )
    removable_through = 0 if retention.most is None else newest - retention.most
    since = None if retention.days is None else now - timedelta(days=retention.days)
    for count, row in enumerate(rows):
        is_old = since is not None and row["occurred_at"] < since
        if not is_old and row["position"] > removable_through:
            return rows[:count]
    return rows


async def _removable(session: Session, newest: int) -> int:
    """The last position that may leave the log: no webhook has still to read it."""
    needed = await endpoint_queries.needed_after(session)
    return newest - 1 if needed is None else min(needed, newest - 1)


async def remove(
    transactions: Transactions, events: Sequence[ArchivableEventRow], kept_in: str
) -> int:
    """Remove these consecutive events from the log. Returns the number of those still there.

    Raises StillNeeded if a webhook has to read one of them after all.
    `kept_in` names the place where they are archived, for the audit trail.
    """
    first, last = events[0]["position"], events[-1]["position"]

    async def work(tx: Transaction) -> int:
        await archive_queries.hold_retention(tx.session)
        needed = await endpoint_queries.needed_after(tx.session)
        if needed is not None and needed < last:
            raise StillNeeded(f"a webhook has still to read the events after position {needed}")
        removed = await archive_queries.remove_events(tx.session, first - 1, last)
        facts = {"first": first, "last": last, "keptIn": kept_in}
        tx.outbox.audit(SYSTEM.actor, "events.archived", ("Event", last), after=facts)
        return removed

    return await transactions.run(work)
