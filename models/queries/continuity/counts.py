"""Numbers of SKUs, units, parcels, refunds and labels that the measures of a run would affect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.database.sessions import Session


@dataclass(frozen=True, slots=True)
class Restriction:
    """The ids that a run is restricted to; None: all. `carriers`: comparison keys of codes."""

    channel_ids: Sequence[int] | None
    location_ids: Sequence[int] | None
    item_ids: Sequence[int] | None
    carriers: Sequence[str] | None


class _CountedRows:
    """Conditions of the rows that are counted, with the arguments that they name."""

    def __init__(self, *conditions: str) -> None:
        self.parts = list(conditions)
        self.args: list[object] = []

    def among(self, condition: str, values: Sequence[object] | None) -> _CountedRows:
        """Add a condition on a list of values; None: no condition."""
        if values is not None:
            self.args.append(list(values))
            self.parts.append(condition.format(f"${len(self.args)}"))
        return self

    def text(self) -> str:
        return " AND ".join(self.parts)


async def _count(session: Session, source: str, where: _CountedRows, what: str = "*") -> int:
    sql = f"SELECT CAST(COALESCE({what}, 0) AS bigint) AS found FROM {source} WHERE {where.text()}"
    return await session.value(int, sql, *where.args) or 0


async def skus(session: Session, of: Restriction) -> int:
    """SKUs that have stock at the locations and channels of a run."""
    where = _CountedRows("s.available + s.held + s.allocated > 0")
    where.among("s.item_id = ANY({}::bigint[])", of.item_ids)
    where.among("s.location_id = ANY({}::bigint[])", of.location_ids)
    where.among(
        "s.location_id IN (SELECT location_id FROM channel_location"
        " WHERE channel_id = ANY({}::bigint[]))",
        of.channel_ids,
    )
    return await _count(session, "stock_level s", where, "COUNT(DISTINCT s.item_id)")


async def available_units(session: Session, of: Restriction) -> int:
    """Available units of the items at the locations of a run."""
    where = _CountedRows("s.available > 0")
    where.among("s.item_id = ANY({}::bigint[])", of.item_ids)
    where.among("s.location_id = ANY({}::bigint[])", of.location_ids)
    return await _count(session, "stock_level s", where, "SUM(s.available)")


_PARCEL = "fulfillment f JOIN sales_order o ON o.id = f.order_id"


def _parcels(statuses: str, of: Restriction) -> _CountedRows:
    where = _CountedRows(f"f.status IN ({statuses})")
    where.among("o.channel_id = ANY({}::bigint[])", of.channel_ids)
    return where.among("f.location_id = ANY({}::bigint[])", of.location_ids)


async def parcels_to_hold(session: Session, of: Restriction) -> int:
    """Parcels with items of a run that have not left."""
    where = _parcels("'ON_HOLD','OPEN','PICKED','PACKED'", of)
    where.among(
        "f.id = ANY(ARRAY(SELECT l.fulfillment_id FROM fulfillment_line l"
        " WHERE l.item_id = ANY({}::bigint[]) AND l.quantity > 0))",
        of.item_ids,
    )
    return await _count(session, _PARCEL, where, "COUNT(*)")


async def parcels_to_move(session: Session, of: Restriction) -> int:
    """Parcels at the locations of a run that are not picked."""
    return await _count(session, _PARCEL, _parcels("'ON_HOLD','OPEN'", of), "COUNT(*)")


async def refunds_to_hold(session: Session, of: Restriction) -> int:
    """Approved refunds of orders with items of a run."""
    where = _CountedRows("r.status = 'APPROVED'")
    where.among("o.channel_id = ANY({}::bigint[])", of.channel_ids)
    where.among(
        "EXISTS (SELECT 1 FROM order_line l WHERE l.order_id = r.order_id"
        " AND l.item_id = ANY({}::bigint[]))",
        of.item_ids,
    )
    source = "refund r JOIN sales_order o ON o.id = r.order_id"
    return await _count(session, source, where, "COUNT(*)")


async def labels_to_stop(session: Session, of: Restriction) -> int:
    """Labels of the carriers of a run that were requested and are not bought."""
    where = _CountedRows("b.status = 'REQUESTED'")
    where.among("b.channel_id = ANY({}::bigint[])", of.channel_ids)
    where.among("b.location_id = ANY({}::bigint[])", of.location_ids)
    where.among("b.carrier_key = ANY({}::text[])", of.carriers)
    return await _count(session, "shipping_label b", where, "COUNT(*)")


async def parcels_since(session: Session, of: Restriction, start: datetime) -> int:
    """Parcels that the locations of a run got since an instant."""
    where = _CountedRows("f.status <> 'CANCELLED'")
    where.among("f.location_id = ANY({}::bigint[])", of.location_ids)
    where.args.append(start)
    where.parts.append(f"f.created_at >= ${len(where.args)}")
    return await _count(session, "fulfillment f", where, "COUNT(DISTINCT f.order_id)")
