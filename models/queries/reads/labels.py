"""Reads of shipping labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from models.carriers import ShippingLabel, ShippingLabelRow
from models.database.keys import shown_columns
from models.database.sessions import Session
from models.queries.listing.paging import Listing, SortKey, by_key
from models.queries.listing.scopes import Scope

_LABEL = shown_columns(ShippingLabel, "s")
_ID = SortKey("s.id", "id", "uuid")
_LIVE = "s.status IN ('REQUESTED', 'UNKNOWN', 'BOUGHT')"


def _visible(scope: Scope) -> Listing[ShippingLabelRow]:
    listing = Listing(ShippingLabelRow, _LABEL, visibility.SHIPPING_LABEL.table, _ID)
    return visibility.SHIPPING_LABEL.within(listing, scope)


async def labels_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShippingLabelRow]:
    """Labels by id, if the caller may see them."""
    listing = _visible(scope).where("s.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def live_labels_by_fulfillment(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShippingLabelRow]:
    """The live label of each of these fulfillments that has one."""
    listing = _visible(scope).where(f"s.fulfillment_id = ANY({{}}::uuid[]) AND {_LIVE}", list(ids))
    return by_key(await listing.all(session, len(ids)), "fulfillment_id")


async def live_labels_by_return(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShippingLabelRow]:
    """The live label of each of these returns that has one."""
    listing = _visible(scope).where(f"s.return_id = ANY({{}}::uuid[]) AND {_LIVE}", list(ids))
    return by_key(await listing.all(session, len(ids)), "return_id")


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
