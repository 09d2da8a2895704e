"""Reads of messages and their attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import models.queries.integrations.reads as integration_reads
from models.database.sessions import Session
from models.integrations import MessageAttemptRow, MessageRow
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import Scope

_COLUMNS = (
    "m.id, m.integration_id, m.direction, m.status, m.type, m.reference, m.position, m.subject,"
    " m.payload, m.reason, m.next_attempt_at, m.created_at, m.settled_at"
)
_CREATED = SortKey("m.created_at", "created_at", "instant")
_ID = SortKey("m.id", "id", "uuid")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilters:
    """The filters of a list of messages; None: no condition. `reference`: as it is stored."""

    integration: str | None = None
    direction: str | None = None
    status: str | None = None
    reference: str | None = None


async def _visible(session: Session, scope: Scope) -> Listing[MessageRow]:
    """Messages of the integrations that the caller may see."""
    listing = Listing(MessageRow, _COLUMNS, "message m", _CREATED, _ID)
    if not scope.is_whole or not scope.has_internals:
        seen = await integration_reads.integrations(session, scope, kind=None, status=None)
        listing.where("m.integration_id = ANY({}::uuid[])", [row["id"] for row in seen])
    return listing


async def messages(
    session: Session, scope: Scope, window: Window, filters: MessageFilters
) -> Page[MessageRow]:
    """Messages, newest first."""
    listing = await _visible(session, scope)
    listing.coded("m.integration_id", "integration", filters.integration)
    listing.equal("m.direction", filters.direction).equal("m.status", filters.status)
    listing.equal("m.reference", filters.reference)
    return await listing.page(session, window)


async def messages_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, MessageRow]:
    """Messages by id, if the caller may see them."""
    listing = (await _visible(session, scope)).where("m.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def attempts_by_message(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[MessageAttemptRow]]:
    """The attempts of each of these messages, oldest first."""
    rows = await session.rows(
        MessageAttemptRow,
        "SELECT a.message_id, a.number, a.begun_at, a.duration_ms, a.status_code, a.error,"
        " a.response FROM message_attempt a WHERE a.message_id = ANY($1::uuid[])"
        " ORDER BY a.message_id, a.number",
        list(ids),
    )
    return grouped(rows, "message_id")
