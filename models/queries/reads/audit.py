"""Reads of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final
from uuid import UUID

import models.queries.access as key_queries
import models.queries.listing.visibility as visibility
import models.queries.reads.access as access_reads
import models.queries.reads.policies as policy_reads
from models.audit import AuditEntryRow
from models.database.sessions import Session
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key
from models.queries.listing.scopes import CHECKED, Scope
from models.queries.listing.visibility import Visibility

_ID = SortKey("a.id", "id", "uuid")
# Subqueries, because a page that does not show the hashes does not read them.
_COLUMNS = """a.*,
(SELECT s.hash FROM audit_seal s WHERE s.audit_id = a.id) AS hash,
(SELECT s.previous_hash FROM audit_seal s WHERE s.audit_id = a.id) AS previous_hash"""
# The definition of what a caller may see, per type of subject. Rows about other subjects exist for
# the actor that caused them.
_SUBJECTS: Final[Mapping[str, Visibility]] = MappingProxyType(
    {
        "CarrierEvent": visibility.CARRIER_EVENT,
        "Channel": visibility.CHANNEL,
        "Fulfillment": visibility.FULFILLMENT,
        "Item": visibility.ITEM,
        "Location": visibility.LOCATION,
        "OperationalException": visibility.OPERATIONAL_EXCEPTION,
        "Order": visibility.ORDER,
        "Period": visibility.PERIOD,
        "ReasonCode": visibility.REASON_CODE,
        "Refund": visibility.REFUND,
        "Reservation": visibility.RESERVATION,
        "Return": visibility.RETURN,
        "ShippingLabel": visibility.SHIPPING_LABEL,
        "StockLevel": visibility.STOCK_LEVEL,
        "Supplier": visibility.SUPPLIER,
        "Task": visibility.TASK,
        "Transfer": visibility.TRANSFER,
    }
)
_DIGITS = {"bigint": "0123456789", "uuid": "0123456789abcdef-"}
_OWN = "a.actor = {actor}"


async def _visible(session: Session, scope: Scope) -> Listing[AuditEntryRow]:
    """For a caller with a scope, rows about subjects that are wholly within it.

    Rows about exceptions of a kind that is hidden from the caller do not exist for it.
    Of the rows about other subjects, those that the caller itself caused on its channels.
    """
    listing = Listing(AuditEntryRow, _COLUMNS, "audit_entry a", _ID)
    if scope.is_whole:
        if not scope.hidden_kinds:
            return listing
        case = _case("OperationalException", visibility.OPERATIONAL_EXCEPTION, scope)
        condition, values = visibility.bound(f"CASE {case} ELSE TRUE END", scope)
        return listing.where(condition, *values)
    cases = [_case(name, subject, scope) for name, subject in _SUBJECTS.items()]
    condition, values = visibility.bound(f"CASE {' '.join(cases)} ELSE {_OWN} END", scope)
    policies = await policy_reads.policies(session, scope, kind=None, policy_scope=None)
    keys = await access_reads.keys(session, scope)
    named = [f"Policy:{row['id']}" for row in policies] + [f"ApiKey:{row['id']}" for row in keys]
    return listing.where(f"({condition} OR a.subject = ANY({{}}::text[]))", *values, named)


def _case(name: str, subject: Visibility, scope: Scope) -> str:
    """The condition on audit rows about a type of subject."""
    channel = subject.channel if scope.channel_ids is not None else ""
    location = (subject.whole or subject.location) if scope.location_ids is not None else ""
    kind = subject.kind if scope.hidden_kinds else ""
    if not channel and not location and not kind:
        return f"WHEN a.subject LIKE '{name}:%' THEN TRUE"
    # Only digits after the colon, and for a UUID the right number of them: it converts.
    size = f" AND length(a.subject) = {len(name) + 37}" if subject.key_type == "uuid" else ""
    key = f"substr(a.subject, {len(name) + 2})::{subject.key_type}"
    conditions = [f"{subject.key} = {key}"]
    if channel:
        conditions.append(channel)
    if location:
        conditions.append(f"({_OWN} OR {location})")
    if kind:
        conditions.append(kind)
    return (
        f"WHEN rtrim(a.subject, '{_DIGITS[subject.key_type]}') = '{name}:'{size}"
        f" THEN EXISTS (SELECT 1 FROM {subject.table} WHERE {' AND '.join(conditions)}{CHECKED})"
    )


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
    listing = await _visible(session, scope)
    listing.equal("a.subject", subject).equal("a.actor", named)
    return await listing.equal("a.action", action).page(session, window)


async def entries_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, AuditEntryRow]:
    """Audit rows by id, if the caller may see them."""
    listing = (await _visible(session, scope)).where("a.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")
