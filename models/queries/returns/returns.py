"""Returns: find, lock, read with their units, and write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.policies.refunds import Evidence
from domain.returns.evidence import evidence_of
from domain.returns.states import ReturnItemState, ReturnStatus, issued_rma_number
from domain.values.codes import comparison_key
from models.database.rows import Total, changed_at, picked
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from models.returns import ReturnItemRow

_RETURN = (
    "SELECT r.id, r.rma_number, r.order_id, r.status, r.requested_at, r.requested_by,"
    " r.authorized_at, r.authorized_by, r.expected_by_at, r.closed_at, r.carrier,"
    " r.tracking_number, r.scanned_at, r.destination_id, r.decline_reason_id, r.verdict,"
    " r.decision, r.risk_points, r.version"
    " FROM customer_return r"
)

_ITEMS = """
SELECT t.id, t.return_id, t.position, t.parent_id, t.since_version, t.order_line_id, t.item_id,
  i.sku, i.category, t.quantity, t.state, t.reason_id, c.code AS reason, t.note, t.evidence,
  t.fast_lane, t.condition, t.inspected_by, t.first_inspector, t.first_condition, t.disposition,
  t.location_id, t.stock_state, t.cost_minor, t.received_at, t.bin_id
FROM return_item t JOIN item i ON i.id = t.item_id LEFT JOIN reason_code c ON c.id = t.reason_id
"""


class LockedReturnRow(TypedDict):
    """A locked return."""

    id: UUID
    rma_number: str
    order_id: UUID
    status: str
    requested_at: datetime
    requested_by: str
    authorized_at: datetime | None
    authorized_by: str | None
    expected_by_at: datetime | None
    closed_at: datetime | None
    carrier: str | None
    tracking_number: str | None
    scanned_at: datetime | None
    destination_id: int
    decline_reason_id: int | None
    verdict: str
    decision: str
    risk_points: int
    version: int


class ReturnUnitsRow(ReturnItemRow):
    """A group of a return's units, with its item and the code of its reason."""

    sku: str
    category: str | None
    reason: str | None


async def order_of(session: Session, return_id: UUID) -> UUID | None:
    """The order id of a return, not locked: it never changes, and the order is locked first."""
    return await session.value(
        UUID, "SELECT order_id FROM customer_return WHERE id = $1", return_id
    )


async def return_of_item(session: Session, return_item_id: UUID) -> UUID | None:
    """The id of the return of a group of units, not locked."""
    return await session.value(
        UUID, "SELECT return_id FROM return_item WHERE id = $1", return_item_id
    )


async def lock_return(session: Session, return_id: UUID) -> LockedReturnRow | None:
    """Lock a return and read it. Its order must be locked before."""
    sql = f"{_RETURN} WHERE r.id = $1 FOR NO KEY UPDATE"
    return await session.row(LockedReturnRow, sql, return_id)


async def items_of(session: Session, return_ids: Sequence[UUID]) -> Sequence[ReturnUnitsRow]:
    """The groups of units of these returns, in order of creation."""
    sql = f"{_ITEMS} WHERE t.return_id = ANY($1::uuid[]) ORDER BY t.return_id, t.position"
    return await session.rows(ReturnUnitsRow, sql, list(return_ids))


@dataclass(frozen=True, slots=True)
class RefundableUnits:
    """A group of units of an order line, and its evidence.

    `condition` None: not graded yet. `evidence` empty: the units will never arrive, or go back to
    the customer.
    """

    return_item_id: UUID
    order_line_id: UUID
    item_id: int
    sku: str
    category: str | None
    quantity: int
    state: ReturnItemState
    condition: ConditionGrade | None
    reason: str | None
    evidence: tuple[Evidence, ...]


async def refundable_units(session: Session, return_id: UUID) -> list[RefundableUnits]:
    """The units of a return that may be refunded, without wrong and extra ones.

    Under the order's lock; writes of this transaction must be flushed before.
    """
    found = await session.fetch_one(
        "SELECT status, scanned_at FROM customer_return WHERE id = $1", return_id
    )
    if found is None:
        return []
    status, is_scanned = ReturnStatus(found["status"]), found["scanned_at"] is not None
    return [
        RefundableUnits(
            return_item_id=row["id"],
            order_line_id=row["order_line_id"],
            item_id=row["item_id"],
            sku=row["sku"],
            category=row["category"],
            quantity=row["quantity"],
            state=ReturnItemState(row["state"]),
            condition=None if row["condition"] is None else ConditionGrade(row["condition"]),
            reason=row["reason"],
            evidence=evidence_of(
                status,
                ReturnItemState(row["state"]),
                None if row["disposition"] is None else Disposition(row["disposition"]),
                is_scanned=is_scanned,
            ),
        )
        for row in await items_of(session, [return_id])
        if row["order_line_id"] is not None
    ]


async def actors_of(session: Session, return_id: UUID) -> dict[str, str]:
    """Actors of a return and their parts: actor → requested, authorized or inspected."""
    rows = await session.fetch(
        "SELECT requested_by AS actor, 'requested' AS part FROM customer_return WHERE id = $1"
        " UNION ALL SELECT authorized_by, 'authorized' FROM customer_return"
        " WHERE id = $1 AND authorized_by IS NOT NULL"
        " UNION ALL SELECT inspector, 'inspected' FROM inspection WHERE return_id = $1",
        return_id,
    )
    return {row["actor"]: row["part"] for row in reversed(rows)}


NAMED_MAX = 50


class NamedReturnRow(TypedDict):
    """A return that a parcel may belong to, with the codes of its channel and destination."""

    id: UUID
    order_id: UUID
    status: str
    rma_number: str
    channel: str
    destination: str
    named_by: int


async def returns_named(
    session: Session,
    scope: Scope,
    return_id: UUID | None,
    rma_number: str | None,
    tracking_number: str | None,
) -> Sequence[NamedReturnRow]:
    """At most NAMED_MAX returns of the scope that match any of these.

    `named_by`: 1 by id, 2 by RMA number, 3 by tracking number; the best match first, then the
    newest.
    """
    condition, values = visibility.RETURN.also(scope, 4)
    return await session.rows(
        NamedReturnRow,
        "SELECT r.id, r.order_id, r.status, r.rma_number, c.code AS channel, l.code AS destination,"
        " CASE WHEN r.id = $1 THEN 1 WHEN r.rma_number = $2 THEN 2 ELSE 3 END AS named_by"
        " FROM customer_return r JOIN sales_order o ON o.id = r.order_id"
        " JOIN channel c ON c.id = o.channel_id JOIN location l ON l.id = r.destination_id"
        " WHERE (r.id = $1 OR r.rma_number = $2 OR r.tracking_number_key = $3)"
        f"{condition} ORDER BY named_by, r.id DESC LIMIT {NAMED_MAX}",
        return_id,
        None if rma_number is None else issued_rma_number(rma_number),
        None if tracking_number is None else comparison_key(tracking_number),
        *values,
    )


# Units that a line's returns claim: all except missing ones and those of returns that do not count.
_CLAIMS = """
SELECT t.order_line_id, r.status, t.state, t.disposition, SUM(t.quantity) AS quantity
FROM return_item t JOIN customer_return r ON r.id = t.return_id
WHERE t.order_line_id = ANY($1::uuid[])
GROUP BY t.order_line_id, r.status, t.state, t.disposition
"""


class LineClaimRow(TypedDict):
    """Units of an order line in its returns, by the states of the return and of the units."""

    order_line_id: UUID
    status: str
    state: str
    disposition: str | None
    quantity: Total


async def claims_of_lines(session: Session, line_ids: Sequence[UUID]) -> Sequence[LineClaimRow]:
    """Units of order lines in their returns, by both states; under the order's lock."""
    return await session.rows(LineClaimRow, _CLAIMS, list(line_ids))


_PARCELS_OUT = """
SELECT fl.order_line_id, f.location_id, f.shipped_at, f.delivered_at, p.time_zone, p.code,
  fl.quantity
FROM fulfillment f JOIN fulfillment_line fl ON fl.fulfillment_id = f.id
JOIN location p ON p.id = f.location_id
WHERE fl.order_line_id = ANY($1::uuid[]) AND fl.quantity > 0
  AND f.status IN ('SHIPPED', 'DELIVERED') AND f.shipped_at IS NOT NULL
ORDER BY f.shipped_at, f.id
"""


class ShippedParcelRow(TypedDict):
    """Units of an order line in a shipped parcel, and the location that shipped it."""

    order_line_id: UUID
    location_id: int
    shipped_at: datetime
    delivered_at: datetime | None
    time_zone: str
    code: str
    quantity: int


async def shipped_parcels(session: Session, line_ids: Sequence[UUID]) -> Sequence[ShippedParcelRow]:
    """The parcels that brought units of these order lines to the customer, oldest first."""
    return await session.rows(ShippedParcelRow, _PARCELS_OUT, list(line_ids))


async def refund_statuses(session: Session, return_id: UUID) -> list[str]:
    """The status of each refund of a return; under the order's lock."""
    rows = await session.fetch("SELECT status FROM refund WHERE return_id = $1", return_id)
    return [row["status"] for row in rows]


_OVERDUE = """
SELECT id FROM customer_return
WHERE status IN ('AUTHORIZED', 'IN_TRANSIT', 'PARTIALLY_RECEIVED') AND expected_by_at <= $1
ORDER BY expected_by_at, id LIMIT $2
"""


async def overdue(session: Session, expected_before: datetime, limit: int) -> list[UUID]:
    """Returns expected by this instant that have not arrived completely; not locked."""
    return [row["id"] for row in await session.fetch(_OVERDUE, expected_before, limit)]


_WRITE_ITEM = """
UPDATE return_item SET quantity = $2, state = $3, condition = $4, inspected_by = $5,
  first_inspector = $6, first_condition = $7, disposition = $8, location_id = $9, stock_state = $10,
  cost_minor = $11, received_at = $12, evidence = $13, note = $14, fast_lane = $15,
  bin_id = $16 WHERE id = $1
"""


_ITEM_CHANGES = (
    *("id", "quantity", "state", "condition", "inspected_by", "first_inspector"),
    *("first_condition", "disposition", "location_id", "stock_state", "cost_minor"),
    *("received_at", "evidence", "note", "fast_lane", "bin_id"),
)


async def write_items(session: Session, rows: Sequence[ReturnItemRow]) -> None:
    """Write the changeable columns of groups of units."""
    if rows:
        await session.execute_many(_WRITE_ITEM, [picked(row, _ITEM_CHANGES) for row in rows])


_RETURN_CHANGES = (
    "id",
    "status",
    "authorized_at",
    "authorized_by",
    "expected_by_at",
    "closed_at",
    "carrier",
    "tracking_number",
    "scanned_at",
    "decline_reason_id",
    "decision",
    "version",
)
_WRITE_RETURN = f"""
UPDATE customer_return SET status = $2, authorized_at = $3, authorized_by = $4, expected_by_at = $5,
  closed_at = $6, carrier = $7, tracking_number = $8, scanned_at = $9, decline_reason_id = $10,
  decision = $11, version = $12, tracking_number_key = $13,
  {changed_at("$14")} WHERE id = $1
"""


async def write_return(session: Session, row: LockedReturnRow, now: datetime) -> None:
    """Write the changeable columns of a return."""
    number = row["tracking_number"]
    key = None if number is None else comparison_key(number)
    await session.execute(_WRITE_RETURN, *picked(row, _RETURN_CHANGES), key, now)


# Units at a location that belong to returns and unidentified parcels, by stock state.
_TRACKED = """
SELECT stock_state, SUM(quantity) AS units FROM (
  SELECT t.stock_state, t.quantity FROM return_item t
  WHERE t.item_id = $1 AND t.location_id = $2 AND t.stock_state IS NOT NULL
  UNION ALL SELECT 'QUARANTINE', u.quantity FROM unidentified_unit u
  JOIN unidentified_parcel p ON p.id = u.parcel_id
  WHERE u.item_id = $1 AND p.location_id = $2 AND u.quantity > 0) AS here
GROUP BY stock_state
"""


async def tracked_units(session: Session, item_id: int, location_id: int) -> dict[str, int]:
    """Units of a locked level that only their return or parcel may move to another state."""
    rows = await session.fetch(_TRACKED, item_id, location_id)
    return {row["stock_state"]: int(row["units"]) for row in rows}
