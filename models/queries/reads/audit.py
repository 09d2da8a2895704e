"""Reads of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import models.queries.access as key_queries
from models.audit import AuditEntryRow
from models.database.sessions import Session
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key
from models.queries.listing.scopes import CHECKED, Scope

_ID = SortKey("a.id", "id", "uuid")
# Subqueries, because a page that does not show the hashes does not read them.
_COLUMNS = """a.*,
(SELECT s.hash FROM audit_seal s WHERE s.audit_id = a.id) AS hash,
(SELECT s.previous_hash FROM audit_seal s WHERE s.audit_id = a.id) AS previous_hash"""
# Per type of subject: its table, the type of its id, and the column of its channel or location.
_BY_CHANNEL = {
    "Channel": ("channel", "bigint", "id"),
    "Reservation": ("reservation", "uuid", "channel_id"),
    "Order": ("sales_order", "uuid", "channel_id"),
}
_BY_LOCATION = {
    "Location": ("location", "bigint", "id"),
    "StockLevel": ("stock_level", "bigint", "location_id"),
    "Fulfillment": ("fulfillment", "uuid", "location_id"),
}
_DIGITS = {"bigint": "0123456789", "uuid": "0123456789abcdef-"}


def _visible(scope: Scope) -> Listing[AuditEntryRow]:
    """For a caller with a scope, only rows about subjects within it; audit rows have no scope."""
    listing = Listing(AuditEntryRow, _COLUMNS, "audit_entry a", _ID)
    if scope.is_whole:
        return listing
    parts: list[str] = []
    values: list[object] = []
    for ids, sources in (
        (scope.channel_ids, _BY_CHANNEL),
        (scope.location_ids, _BY_LOCATION),
    ):
        for name, (table, kind, column) in sources.items():
            named = f"WHEN a.subject LIKE '{name}:%' THEN"
            if ids is None:
                parts.append(f"{named} TRUE")
            else:
                # Only digits after the colon, and for a UUID the right number of them: it converts.
                size = f" AND length(a.subject) = {len(name) + 37}" if kind == "uuid" else ""
                named = f"WHEN rtrim(a.subject, '{_DIGITS[kind]}') = '{name}:'{size} THEN"
                key = f"substr(a.subject, {len(name) + 2})::{kind}"
                parts.append(
                    f"{named} EXISTS (SELECT 1 FROM {table} s WHERE s.id = {key}"
                    f" AND s.{column} = ANY({{}}::bigint[]){CHECKED})"
                )
                values.append(list(ids))
    return listing.where(f"CASE {' '.join(parts)} ELSE FALSE END", *values)


async def entries(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    subject: str | None,
    actor: str | None,
    action: str | None,
) -> Page[AuditEntryRow]:
    """Audit rows of a subject (`Order:<id>`), an actor and an action, newest first."""
    named = None if actor is None else await key_queries.actor_named(session, actor) or actor
    listing = _visible(scope).equal("a.subject", subject).equal("a.actor", named)
    return await listing.equal("a.action", action).page(session, window)


async def entries_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, AuditEntryRow]:
    """Audit rows by id, if the caller may see them."""
    listing = _visible(scope).where("a.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")
