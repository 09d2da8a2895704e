"""Conditions that open or clear exceptions, as facts of other areas ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from uuid import UUID

from models.carriers import SubjectColumn
from models.database.rows import Flag
from models.database.sessions import Session


class ParcelOfOrderRow(TypedDict):
    """The order of a parcel, as its exceptions name it."""

    number: str
    channel_id: int
    location_id: int


class _SubjectRow(TypedDict):
    subject_key: str
    silenced: Flag


async def parcel_of_order(session: Session, fulfillment_id: UUID) -> ParcelOfOrderRow | None:
    """The order number, channel and location of a fulfillment."""
    return await session.row(
        ParcelOfOrderRow,
        "SELECT o.number, o.channel_id, f.location_id FROM fulfillment f"
        " JOIN sales_order o ON o.id = f.order_id WHERE f.id = $1",
        fulfillment_id,
    )


async def is_marketplace(session: Session, channel_id: int) -> bool:
    """True if the channel is a marketplace."""
    sql = "SELECT kind FROM channel WHERE id = $1"
    return await session.value(str, sql, channel_id) == "MARKETPLACE"


async def has_uninspected_units(session: Session, return_id: UUID) -> bool:
    """True if received units of a return wait for inspection."""
    found = await session.value(
        int,
        "SELECT 1 AS waits FROM return_item WHERE return_id = $1"
        " AND state IN ('RECEIVED','WRONG_ITEM') LIMIT 1",
        return_id,
    )
    return found is not None


_OF_ORDER = "SELECT 'Fulfillment:' || CAST(f.id AS text) FROM fulfillment f WHERE f.order_id = $2"


async def open_of_parcels(session: Session, kind: str, order_id: UUID) -> list[UUID]:
    """Fulfillments of an order about which an exception of this kind is open."""
    rows = await session.fetch(
        "SELECT x.subject_key FROM operational_exception x WHERE x.kind = $1"
        " AND x.status NOT IN ('RESOLVED', 'AUTO_RESOLVED')"
        f" AND x.subject_key = ANY(ARRAY({_OF_ORDER})) ORDER BY x.subject_key",
        kind,
        order_id,
    )
    return [UUID(row["subject_key"].partition(":")[2]) for row in rows]


async def losses_before(session: Session, refund_id: UUID, order_id: UUID) -> list[UUID]:
    """Parcels of an order whose PARCEL_LOST was opened before a refund of it was created."""
    rows = await session.fetch(
        "SELECT x.subject_key FROM operational_exception x WHERE x.kind = 'PARCEL_LOST'"
        " AND x.status NOT IN ('RESOLVED', 'AUTO_RESOLVED')"
        f" AND x.subject_key = ANY(ARRAY({_OF_ORDER}))"
        " AND x.opened_at <= (SELECT r.created_at FROM refund r WHERE r.id = $1)"
        " ORDER BY x.subject_key",
        refund_id,
        order_id,
    )
    return [UUID(row["subject_key"].partition(":")[2]) for row in rows]


async def failed_labels(session: Session, column: SubjectColumn, key: UUID) -> list[UUID]:
    """Labels of a parcel whose LABEL_FAILED is open or silenced."""
    rows = await session.fetch(
        "SELECT x.subject_key FROM operational_exception x WHERE x.kind = 'LABEL_FAILED'"
        " AND (x.status NOT IN ('RESOLVED', 'AUTO_RESOLVED') OR x.silenced)"
        " AND x.subject_key = ANY(ARRAY(SELECT 'ShippingLabel:' || CAST(b.id AS text)"
        f" FROM shipping_label b WHERE b.{column} = $1)) ORDER BY x.subject_key",
        key,
    )
    return [UUID(row["subject_key"].partition(":")[2]) for row in rows]


async def paid_holds(session: Session, references: Sequence[tuple[int, str]]) -> list[UUID]:
    """Holds whose order was refused after payment, among (channel, key of the reference)."""
    rows = await session.fetch(
        "SELECT x.subject_key FROM operational_exception x"
        " WHERE x.kind = 'RESERVATION_EXPIRED_AFTER_PAYMENT'"
        " AND x.status NOT IN ('RESOLVED', 'AUTO_RESOLVED')"
        " AND x.details ->> 'placedAs' = ANY($1::text[]) ORDER BY x.subject_key",
        [placed_as(*reference) for reference in references],
    )
    return [UUID(row["subject_key"].partition(":")[2]) for row in rows]


def placed_as(channel_id: int, reference_key: str) -> str:
    """The order that a hold was for, as `details` of the exception names it."""
    return f"{channel_id} {reference_key}"


async def subjects_of_kind(session: Session, kind: str) -> dict[str, bool]:
    """Keys of the subjects whose exception of a kind is open, or silenced: then True."""
    rows = await session.rows(
        _SubjectRow,
        "SELECT subject_key, silenced FROM operational_exception WHERE kind = $1"
        " AND status NOT IN ('RESOLVED', 'AUTO_RESOLVED') UNION ALL"
        " SELECT subject_key, silenced FROM operational_exception WHERE kind = $1 AND silenced"
        " ORDER BY subject_key",
        kind,
    )
    return {row["subject_key"].partition(":")[2]: bool(row["silenced"]) for row in rows}
