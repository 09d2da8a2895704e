"""Facts and who did them, written in the transaction of the fact, just before it commits.

Events are inserted last, after every lock was taken: so the order of their ids agrees with what
one transaction could see of another, which the sequencer relies on
(subscriptions/log/sequencer.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from models.audit import AuditEntry
from models.events import Event
from workflows.transactions.digests import digest, digest_of_all

if TYPE_CHECKING:
    from workflows.transactions.runner import Transaction
    from workflows.transactions.stock_levels import Cause, Level


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event that the transaction is going to write."""

    type: str
    subject_type: str
    subject_key: str
    subject_version: int
    actor: str
    data: Mapping[str, Any]
    occurred_at: datetime
    channel_id: int | None = None
    location_id: int | None = None


@dataclass(frozen=True, slots=True)
class PendingAudit:
    """An audit row that the transaction is going to write."""

    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class OutboxMark:
    """How much an outbox held at a savepoint."""

    events: int
    audits: int
    digests: int


class Outbox:
    """What a transaction will say about itself."""

    def __init__(self) -> None:
        self.events: list[PendingEvent] = []
        self.audits: list[PendingAudit] = []
        self._digests: list[str] = []

    def cover(self, content_digest: str) -> None:
        """Have the audit rows of this transaction cover a movement or a journal entry."""
        self._digests.append(content_digest)

    def record_levels(self, changed: Iterable[tuple[Level, Cause]], now: datetime) -> None:
        """One `stock.changed` per level that moved, with the numbers it has now."""
        for level, cause in changed:
            self.events.append(
                PendingEvent(
                    type="stock.changed",
                    subject_type="StockLevel",
                    subject_key=str(level.id),
                    subject_version=level.next_version,
                    actor=cause.actor,
                    data={
                        "sku": level.sku,
                        "location": level.location,
                        "cause": cause.kind,
                        **{state.lower(): units for state, units in level.units.items()},
                        "safety_stock": level.safety_stock,
                    },
                    occurred_at=now,
                    location_id=level.location_id,
                )
            )

    def add_rows(self, tx: Transaction) -> None:
        """Add the events, and the audit rows that cover them, to what the transaction writes."""
        rows = [self._event_row(event, tx.id) for event in self.events]
        content = digest_of_all([*self._digests, *(row["digest"] for row in rows)])
        if self.events and not self.audits:
            # What no person asked for is accounted for as well: by its first fact.
            self.audits.append(_account(self.events[0]))
        for row in rows:
            tx.add(Event, row)
        for audit in self.audits:
            tx.add(AuditEntry, self._audit_row(audit, content, tx))

    @staticmethod
    def _event_row(event: PendingEvent, transaction_id: UUID) -> dict[str, Any]:
        row: dict[str, Any] = {
            "type": event.type,
            "occurred_at": event.occurred_at,
            "actor": event.actor,
            "subject_type": event.subject_type,
            "subject_key": event.subject_key,
            "subject_version": event.subject_version,
            "channel_id": event.channel_id,
            "location_id": event.location_id,
            "data": orjson.dumps(event.data, default=str).decode(),
            "transaction_id": transaction_id,
        }
        row["digest"] = digest({**row, "data": _read(row["data"])})
        return row

    @staticmethod
    def _audit_row(audit: PendingAudit, content: str, tx: Transaction) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": tx.new_id(),
            "at": tx.now,
            "actor": audit.actor,
            "action": audit.action,
            "subject": audit.subject,
            "before": _json(audit.before),
            "after": _json(audit.after),
            "content_digest": content,
            "transaction_id": tx.id,
        }
        row["digest"] = digest(
            {**row, "before": _read(row["before"]), "after": _read(row["after"])}
        )
        return row

    def mark(self) -> OutboxMark:
        """What to restore when a savepoint is rolled back."""
        return OutboxMark(len(self.events), len(self.audits), len(self._digests))

    def restore(self, mark: OutboxMark) -> None:
        """Forget what was recorded since the mark."""
        del self.events[mark.events :]
        del self.audits[mark.audits :]
        del self._digests[mark.digests :]


def _account(event: PendingEvent) -> PendingAudit:
    subject = f"{event.subject_type}:{event.subject_key}"
    return PendingAudit(event.actor, event.type, subject, None, dict(event.data))


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value, default=str).decode()


def _read(text: str | None) -> Any:
    """What the database gives back: a digest covers JSON by its meaning, not by its spelling."""
    return None if text is None else orjson.loads(text)


def record(
    tx: Transaction,
    event_type: str,
    subject: tuple[str, object],
    *,
    actor: str,
    data: Mapping[str, Any],
    version: int = 1,
    channel_id: int | None = None,
    location_id: int | None = None,
    occurred_at: datetime | None = None,
) -> None:
    """Write a fact with this transaction. `data` holds ids, codes, states and quantities only."""
    subject_type, key = subject
    tx.outbox.events.append(
        PendingEvent(
            type=event_type,
            subject_type=subject_type,
            subject_key=str(key),
            subject_version=version,
            actor=actor,
            data=data,
            occurred_at=occurred_at or tx.now,
            channel_id=channel_id,
            location_id=location_id,
        )
    )


def audit(
    tx: Transaction,
    actor: str,
    action: str,
    subject: tuple[str, object],
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write who did what to which subject with this transaction; no personal data."""
    subject_type, key = subject
    tx.outbox.audits.append(PendingAudit(actor, action, f"{subject_type}:{key}", before, after))
