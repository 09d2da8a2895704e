"""Subjects of exceptions that the clock opens: what has held for too long, oldest first.

One query per condition. Each reads the range of a partial index up to an instant, so it costs as
many rows as there are overdue subjects, however large the table is. Subjects whose exception is
open or silenced are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypedDict
from uuid import UUID

from models.database.sessions import Session

Key = UUID | int


class OverdueRow(TypedDict):
    """A subject whose condition has held since an instant.

    `label` names it for people. `guard_id`: the row whose lock guards its condition.
    """

    id: Key
    since_at: datetime
    label: str
    guard_id: Key
    channel_id: int | None
    location_id: int | None


class Cursor(NamedTuple):
    """The last subject of a page."""

    since_at: datetime
    id: Key


_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OverdueQuery:
    """A condition: the kind and the subjects of its exceptions, and its SQL by parts.

    `source` has the tables and the condition without the clock; `$1` is the instant up to which
    `since` counts. While the condition is checked again, the row `guard_id` of the table `guard` is
    locked, as facts that end the condition lock it.
    """

    kind: str
    subject: str
    key: str
    since: str
    label: str
    guard_id: str
    channel_id: str
    location_id: str
    source: str
    guard: Literal["sales_order", "stock_level", "transfer"] = "sales_order"
    key_type: Literal["uuid", "bigint"] = "uuid"

    @property
    def start(self) -> Cursor:
        """The place before the first subject."""
        return Cursor(_BEGINNING, UUID(int=0) if self.key_type == "uuid" else 0)

    # The condition on the time leaves out rows without it; COALESCE says so to readers of types.
    @property
    def _select(self) -> str:
        free = (
            "NOT EXISTS (SELECT 1 FROM operational_exception x"
            f" WHERE x.kind = '{self.kind}'"
            f" AND x.subject_key = '{self.subject}:' || CAST({self.key} AS text)"
        )
        return (
            f"SELECT {self.key} AS id, COALESCE({self.since}, $1) AS since_at,"
            f" {self.label} AS label, {self.guard_id} AS guard_id, {self.channel_id} AS channel_id,"
            f" {self.location_id} AS location_id FROM {self.source} AND {self.since} <= $1"
            f" AND {free} AND x.status NOT IN ('RESOLVED', 'AUTO_RESOLVED'))"
            f" AND {free} AND x.silenced)"
        )

    async def page(
        self, session: Session, until: datetime, after: Cursor, limit: int
    ) -> list[OverdueRow]:
        """The next subjects whose condition holds since `until` or longer; not locked."""
        sql = (
            f"{self._select} AND ({self.since}, {self.key}) > ($2, $3)"
            f" ORDER BY {self.since}, {self.key} LIMIT $4"
        )
        return list(await session.rows(OverdueRow, sql, until, *after, limit))

    async def among(
        self, session: Session, until: datetime, ids: Sequence[Key]
    ) -> list[OverdueRow]:
        """Those of the subjects whose condition still holds."""
        named = f"{self.key} = ANY($2::{self.key_type}[])"
        sql = f"{self._select} AND {named} ORDER BY {self.since}, {self.key}"
        return list(await session.rows(OverdueRow, sql, until, list(ids)))


# As in the conditions of the partial indexes (models/migrations).
_UNSHIPPED = "o.status IN ('OPEN','ALLOCATED','PARTIALLY_SHIPPED','BACKORDERED')"
_ONE_PLACE = (
    "(SELECT CASE WHEN MIN(f.location_id) = MAX(f.location_id) THEN MIN(f.location_id) END"
    " FROM fulfillment f WHERE f.order_id = o.id"
    " AND f.status NOT IN ('SHIPPED','DELIVERED','LOST','CANCELLED'))"
)


def _late_order(since: str, promise: str) -> OverdueQuery:
    return OverdueQuery(
        kind="ORDER_LATE",
        subject="Order",
        key="o.id",
        since=since,
        label="o.number",
        guard_id="o.id",
        channel_id="o.channel_id",
        location_id=_ONE_PLACE,
        source=f"sales_order o WHERE {_UNSHIPPED} AND o.ship_by_at {promise}",
    )


LATE_BY_PROMISE: Final = _late_order("o.ship_by_at", "IS NOT NULL")
LATE_WITHOUT_PROMISE: Final = _late_order("o.placed_at", "IS NULL")

_OF_PARCEL = (
    "SELECT 1 FROM carrier_event e WHERE e.tracking_number_key = f.tracking_number_key"
    " AND e.carrier_key = f.carrier_key"
)
_ON_ITS_WAY = (
    f"f.status = 'SHIPPED' AND NOT EXISTS ({_OF_PARCEL} AND e.status = 'RETURNED_TO_SENDER')"
)


def _delayed(since: str, source: str) -> OverdueQuery:
    return OverdueQuery(
        kind="CARRIER_DELAY",
        subject="Fulfillment",
        key="f.id",
        since=since,
        label="o.number",
        guard_id="f.order_id",
        channel_id="o.channel_id",
        location_id="f.location_id",
        source=source,
    )


PAST_DELIVERY: Final = _delayed(
    "o.deliver_by_at",
    "sales_order o JOIN fulfillment f ON f.order_id = o.id"
    " WHERE o.status IN ('PARTIALLY_SHIPPED','SHIPPED') AND o.deliver_by_at IS NOT NULL"
    f" AND {_ON_ITS_WAY}",
)
# A carrier that reports something within the time is not silent.
SILENT_CARRIER: Final = _delayed(
    "f.shipped_at",
    f"fulfillment f JOIN sales_order o ON o.id = f.order_id WHERE {_ON_ITS_WAY}"
    f" AND NOT EXISTS ({_OF_PARCEL} AND e.occurred_at > $1)",
)

OVERDUE_RETURN: Final = OverdueQuery(
    kind="RETURN_OVERDUE",
    subject="Return",
    key="r.id",
    since="r.expected_by_at",
    label="r.rma_number",
    guard_id="r.order_id",
    channel_id="o.channel_id",
    location_id="r.destination_id",
    source="customer_return r JOIN sales_order o ON o.id = r.order_id"
    " WHERE r.status IN ('AUTHORIZED','IN_TRANSIT','PARTIALLY_RECEIVED')"
    " AND r.status <> 'PARTIALLY_RECEIVED'",
)

# One row for each return: its oldest unit that waits.
UNINSPECTED_RETURN: Final = OverdueQuery(
    kind="INSPECTION_OVERDUE",
    subject="Return",
    key="i.return_id",
    since="i.received_at",
    label="r.rma_number",
    guard_id="r.order_id",
    channel_id="o.channel_id",
    location_id="i.location_id",
    source="return_item i JOIN customer_return r ON r.id = i.return_id"
    " JOIN sales_order o ON o.id = r.order_id WHERE i.state IN ('RECEIVED','WRONG_ITEM')",
)

UNSETTLED_REFUND: Final = OverdueQuery(
    kind="REFUND_OVERDUE",
    subject="Refund",
    key="r.id",
    since="r.decided_at",
    label="o.number",
    guard_id="r.order_id",
    channel_id="o.channel_id",
    location_id="CAST(NULL AS bigint)",
    source="refund r JOIN sales_order o ON o.id = r.order_id WHERE r.status IN"
    " ('NEEDS_APPROVAL','APPROVED','PROCESSING','UNKNOWN','FAILED')",
)


ENDLESS_HOLD: Final = OverdueQuery(
    kind="HOLD_OVERDUE",
    subject="FulfillmentHold",
    key="h.id",
    since="h.placed_at",
    label="o.number",
    guard_id="h.order_id",
    channel_id="o.channel_id",
    location_id="(SELECT f.location_id FROM fulfillment f WHERE f.id = h.fulfillment_id)",
    source="fulfillment_hold h JOIN sales_order o ON o.id = h.order_id"
    " WHERE h.released_at IS NULL AND h.until_at IS NULL AND h.run_id IS NULL",
)

UNCERTAIN_LABEL: Final = OverdueQuery(
    kind="LABEL_FAILED",
    subject="ShippingLabel",
    key="b.id",
    since="b.first_sent_at",
    label="o.number",
    guard_id="o.id",
    channel_id="b.channel_id",
    location_id="b.location_id",
    source="shipping_label b JOIN sales_order o ON o.id = b.order_id WHERE b.status = 'UNKNOWN'",
)

UNCERTAIN_TRANSFER_LABEL: Final = OverdueQuery(
    kind="LABEL_FAILED",
    subject="ShippingLabel",
    key="b.id",
    since="b.first_sent_at",
    label="t.number",
    guard_id="t.id",
    channel_id="b.channel_id",
    location_id="b.location_id",
    source="shipping_label b JOIN transfer t ON t.id = b.transfer_id WHERE b.status = 'UNKNOWN'",
    guard="transfer",
)

# Since the level has had unbinned units; its task lives as long as it has any.
UNBINNED_LEVEL: Final = OverdueQuery(
    kind="PUTAWAY_OVERDUE",
    subject="StockLevel",
    key="s.id",
    since="t.created_at",
    label="(SELECT i.sku FROM item i WHERE i.id = s.item_id)",
    guard_id="s.id",
    channel_id="CAST(NULL AS bigint)",
    location_id="s.location_id",
    source="task t JOIN stock_level s ON s.id = (t.subject_key)::bigint"
    " WHERE t.queue = 'PUTAWAY' AND t.status IN ('OPEN','CLAIMED')",
    guard="stock_level",
    key_type="bigint",
)


OVERDUE_TRANSFER: Final = OverdueQuery(
    kind="TRANSFER_OVERDUE",
    subject="Transfer",
    key="t.id",
    since="t.expected_by_at",
    label="t.number",
    guard_id="t.id",
    channel_id="CAST(NULL AS bigint)",
    location_id="t.destination_id",
    source="transfer t WHERE t.status IN ('IN_TRANSIT','PARTIALLY_RECEIVED')",
    guard="transfer",
)


async def lock_free(session: Session, query: OverdueQuery, ids: Sequence[Key]) -> frozenset[Key]:
    """Lock the rows that guard subjects and that no other transaction has locked; their ids."""
    rows = await session.fetch(
        f"SELECT id FROM {query.guard} WHERE id = ANY($1::{query.key_type}[]) ORDER BY id"
        " FOR NO KEY UPDATE SKIP LOCKED",
        list(ids),
    )
    return frozenset(row["id"] for row in rows)
