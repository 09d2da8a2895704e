"""Transactional outbox: events and audit rows, written in the transaction of the change.

They are inserted last, after all locks are taken. So if a transaction could see the changes of
another, its events have higher ids. The sequencer (subscriptions/log/sequencer.py) relies on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import orjson

from domain.events.payloads import EventPayload, encode
from models.audit import AuditEntry
from models.events import Event
from workflows.transactions.digests import digest, digest_of_all
from workflows.transactions.unit_of_work import Restore, UnitOfWork

PayloadT_co = TypeVar("PayloadT_co", bound=EventPayload, covariant=True)


class PendingEvent(NamedTuple, Generic[PayloadT_co]):
    """An event that the transaction is going to write."""

    payload: PayloadT_co
    subject_key: str
    subject_version: int
    actor: str
    occurred_at: datetime
    channel_id: int | None
    location_id: int | None


@dataclass(frozen=True, slots=True)
class PendingAudit:
    """An audit row that the transaction is going to write."""

    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class Outbox:
    """The events and audit rows of a transaction, written just before it commits."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self.events: list[PendingEvent[EventPayload]] = []
        self.audits: list[PendingAudit] = []
        self._digests: list[str] = []

    def cover(self, content_digest: str) -> None:
        """Add a movement or journal entry to those that this transaction's audit rows cover."""
        self._digests.append(content_digest)

    def record(
        self,
        payload: EventPayload,
        subject_key: object,
        *,
        actor: str,
        version: int = 1,
        channel_id: int | None = None,
        location_id: int | None = None,
        occurred_at: datetime | None = None,
    ) -> None:
        """Record an event about the subject with this key. `version` is the subject's version."""
        self.events.append(
            PendingEvent(
                payload,
                str(subject_key),
                version,
                actor,
                occurred_at or self._unit.now,
                channel_id,
                location_id,
            )
        )

    def audit(
        self,
        actor: str,
        action: str,
        subject: tuple[str, object],
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an audit row: the actor, the action and its subject.

        It must hold no personal data.
        """
        subject_type, key = subject
        self.audits.append(PendingAudit(actor, action, f"{subject_type}:{key}", before, after))

    def add_rows(self) -> None:
        """Add the events, and the audit rows that cover them, to the rows to insert."""
        rows = [self._event_row(event, self._unit.id) for event in self.events]
        content = digest_of_all([*self._digests, *(row["digest"] for row in rows)])
        if self.events and not self.audits:
            # A change without an audit row, as a job makes it, is audited by its first event.
            self.audits.append(_account(self.events[0]))
        for row in rows:
            self._unit.add(Event, row)
        for audit in self.audits:
            self._unit.add(AuditEntry, self._audit_row(audit, content))

    @staticmethod
    def _event_row(event: PendingEvent[EventPayload], transaction_id: UUID) -> dict[str, Any]:
        row: dict[str, Any] = {
            "type": event.payload.type,
            "occurred_at": event.occurred_at,
            "actor": event.actor,
            "subject_type": event.payload.subject_type,
            "subject_key": event.subject_key,
            "subject_version": event.subject_version,
            "channel_id": event.channel_id,
            "location_id": event.location_id,
            "transaction_id": transaction_id,
        }
        data = orjson.dumps(encode(event.payload), default=str, option=orjson.OPT_SORT_KEYS)
        row["digest"] = digest({**row, "data": orjson.Fragment(data)})
        row["data"] = data.decode()
        return row

    def _audit_row(self, audit: PendingAudit, content: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": self._unit.new_id(),
            "at": self._unit.now,
            "actor": audit.actor,
            "action": audit.action,
            "subject": audit.subject,
            "content_digest": content,
            "transaction_id": self._unit.id,
        }
        before, after = _json(audit.before), _json(audit.after)
        row["digest"] = digest({**row, "before": _part(before), "after": _part(after)})
        row["before"], row["after"] = before, after
        return row

    def snapshot(self) -> Restore:
        """Return a function that discards all events and audit rows recorded from now on."""
        events, audits, digests = len(self.events), len(self.audits), len(self._digests)

        def restore() -> None:
            del self.events[events:]
            del self.audits[audits:]
            del self._digests[digests:]

        return restore


def _account(event: PendingEvent[EventPayload]) -> PendingAudit:
    payload = event.payload
    subject = f"{payload.subject_type}:{event.subject_key}"
    return PendingAudit(event.actor, payload.type, subject, None, encode(payload))


def _json(value: Mapping[str, Any] | None) -> str | None:
    if value is None:
        return None
    options = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_SORT_KEYS
    return orjson.dumps(value, default=_plain, option=options).decode()


def _plain(value: object) -> object:
    """A value as JSON: parts of payloads by their JSON keys, anything else as text."""
    return encode(value) if is_dataclass(value) else str(value)


def _part(text: str | None) -> orjson.Fragment | None:
    """Canonical JSON as a part of a digest, which covers JSON by its meaning, not its text."""
    return None if text is None else orjson.Fragment(text)
