"""Reads of carrier events and shipping labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.values.codes import comparison_key
from models.carriers import CarrierEvent, ShippingLabel, ShippingLabelRow, SubjectColumn
from models.database.keys import shown_columns
from models.database.sessions import Session
from models.queries.listing.paging import Listing, Page, SortKey, Window, by_key, grouped
from models.queries.listing.scopes import Scope

_EVENT = shown_columns(CarrierEvent, "v")
_ID = SortKey("v.id", "id", "uuid")
_WAITS = "v.fulfillment_id IS NULL AND v.return_id IS NULL AND v.transfer_id IS NULL"


class CarrierEventRow(TypedDict):
    """A row of carrier_event."""

    id: UUID
    carrier: str
    event_reference: str
    tracking_number: str
    status: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    fulfillment_id: UUID | None
    return_id: UUID | None
    transfer_id: UUID | None


def _visible(scope: Scope) -> Listing[CarrierEventRow]:
    listing = Listing(CarrierEventRow, _EVENT, visibility.CARRIER_EVENT.table, _ID)
    return visibility.CARRIER_EVENT.within(listing, scope)


async def carrier_events(
    session: Session,
    scope: Scope,
    window: Window,
    *,
    tracking_number: str | None,
    matched: bool | None,
) -> Page[CarrierEventRow]:
    """Carrier events by tracking number, newest first. `matched` False: without a parcel."""
    listing = _visible(scope)
    if tracking_number is not None:
        listing.where("v.tracking_number_key = {}", comparison_key(tracking_number))
    if matched is not None:
        listing.where(f"NOT ({_WAITS})" if matched else _WAITS)
    return await listing.page(session, window)


async def events_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, CarrierEventRow]:
    """Carrier events by id, if the caller may see them."""
    listing = _visible(scope).where("v.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


class TrackingRow(CarrierEventRow):
    """A carrier event of a fulfillment with its number."""

    owner_id: UUID


# All parcels of an order that have the same number have the same events.
_OF_FULFILLMENTS = f"""
SELECT o.id AS owner_id, {_EVENT} FROM fulfillment o JOIN carrier_event v
  ON v.tracking_number_key = o.tracking_number_key AND v.carrier_key = o.carrier_key
JOIN fulfillment f ON f.id = v.fulfillment_id AND f.order_id = o.order_id
WHERE o.id = ANY($1::uuid[]) ORDER BY o.id, v.occurred_at, v.id
"""
_OF_RETURNS = f"""
SELECT {_EVENT} FROM carrier_event v
WHERE v.return_id = ANY($1::uuid[]) ORDER BY v.return_id, v.occurred_at, v.id
"""


_OF_TRANSFERS = f"""
SELECT {_EVENT} FROM carrier_event v
WHERE v.transfer_id = ANY($1::uuid[]) ORDER BY v.transfer_id, v.occurred_at, v.id
"""


async def tracking_by_fulfillment(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[TrackingRow]]:
    """The events of each of these fulfillments by the carrier's time, the oldest first."""
    return grouped(await session.rows(TrackingRow, _OF_FULFILLMENTS, list(ids)), "owner_id")


async def tracking_by_return(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[CarrierEventRow]]:
    """The events of each of these returns by the carrier's time, the oldest first."""
    return grouped(await session.rows(CarrierEventRow, _OF_RETURNS, list(ids)), "return_id")


async def tracking_by_transfer(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[CarrierEventRow]]:
    """The events of each of these transfers by the carrier's time, the oldest first."""
    rows = await session.rows(CarrierEventRow, _OF_TRANSFERS, list(ids))
    return grouped(rows, "transfer_id")


_LABEL = shown_columns(ShippingLabel, "s")
_LABEL_ID = SortKey("s.id", "id", "uuid")
_LIVE = "s.status IN ('REQUESTED', 'UNKNOWN', 'BOUGHT')"


def _visible_labels(scope: Scope) -> Listing[ShippingLabelRow]:
    listing = Listing(ShippingLabelRow, _LABEL, visibility.SHIPPING_LABEL.table, _LABEL_ID)
    return visibility.SHIPPING_LABEL.within(listing, scope)


async def labels_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShippingLabelRow]:
    """Labels by id, if the caller may see them."""
    listing = _visible_labels(scope).where("s.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def live_labels_by_fulfillment(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShippingLabelRow]:
    """The live label of each of these fulfillments that has one."""
    return await _live_labels(session, scope, "fulfillment_id", ids)


async def live_labels_by_return(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShippingLabelRow]:
    """The live label of each of these returns that has one."""
    return await _live_labels(session, scope, "return_id", ids)


async def live_labels_by_transfer(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShippingLabelRow]:
    """The live label of each of these transfers that has one."""
    return await _live_labels(session, scope, "transfer_id", ids)


async def _live_labels(
    session: Session, scope: Scope, column: SubjectColumn, ids: Sequence[UUID]
) -> Mapping[UUID, ShippingLabelRow]:
    listing = _visible_labels(scope).where(f"s.{column} = ANY({{}}::uuid[]) AND {_LIVE}", list(ids))
    return by_key(await listing.all(session, len(ids)), column)


class LabelDocumentRow(TypedDict):
    """The document of a label, in base64."""

    label_id: UUID
    content: str


async def documents_by_label(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The documents of these labels, whose rows the caller may see."""
    rows = await session.rows(
        LabelDocumentRow,
        "SELECT label_id, content FROM label_document WHERE label_id = ANY($1::uuid[])",
        list(ids),
    )
    return {row["label_id"]: row["content"] for row in rows}
