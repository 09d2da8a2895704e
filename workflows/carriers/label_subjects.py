"""Subjects of shipping labels: the parcel of a fulfillment, or the parcel of a return.

The lock of the order covers the subject and its labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import models.queries.orders.fulfillments as fulfillment_queries
import models.queries.orders.parcel_ends as parcel_end_queries
import models.queries.returns.returns as return_queries
import workflows.orders.fulfillments as fulfillments
import workflows.orders.held_steps as held_steps
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
from domain.errors import IllegalTransition, NotFound
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.parcels import ParcelSize
from domain.returns.states import ReturnStatus
from domain.values.codes import same_code
from models.carriers import ShippingLabelRow
from models.fulfillments import FulfillmentRow
from models.queries.returns.returns import LockedReturnRow
from workflows.access.visibility import sees_return
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.transaction import Transaction

FULFILLMENT: Final = "Fulfillment"
RETURN: Final = "Return"

_F, _R = FulfillmentStatus, ReturnStatus
# A label may be bought for a parcel in these states.
_WANTING: Final[Mapping[str, frozenset[str]]] = {
    FULFILLMENT: frozenset({_F.OPEN, _F.PICKED, _F.PACKED}),
    RETURN: frozenset({_R.AUTHORIZED, _R.IN_TRANSIT}),
}
# A parcel in these states was never sent, and never will be.
_ENDED: Final[Mapping[str, frozenset[str]]] = {
    FULFILLMENT: frozenset({_F.CANCELLED}),
    RETURN: frozenset({_R.CANCELLED, _R.DECLINED}),
}


@dataclass(frozen=True, slots=True)
class LabelSubject:
    """The parcel of a label, under the lock of its order.

    `number`: the number of its order, or the RMA number. `reference`: the parcel's own number, or
    the RMA number. `started_at`: no fact about it is earlier.
    `shipped_as`: the tracking number under which a fulfillment has shipped.
    """

    kind: str
    id: UUID
    order: LockedOrder
    number: str
    reference: str
    status: str
    location_id: int
    started_at: datetime
    size: ParcelSize
    shipped_as: str | None = None

    def time_of(self, now: datetime) -> datetime:
        """The time of a fact of this parcel that happens now."""
        return max(now, self.started_at)

    def needs(self, tracking_number: str | None) -> bool:
        """True unless a label with this number is of no use: the parcel was cancelled, or it
        shipped under another number.
        """
        if self.status in _ENDED[self.kind]:
            return False
        return self.shipped_as is None or same_code(self.shipped_as, tracking_number or "")


async def lock(
    tx: Transaction, kind: str, key: UUID, caller: Caller, field: tuple[str, ...]
) -> LabelSubject:
    """Lock the order of a parcel and read both. Raises NotFound outside the caller's scope."""
    if kind == FULFILLMENT:
        order, row, _ = await fulfillments.lock_with_order(tx, key, caller, field)
        return of_fulfillment(order, row)
    order_id = await return_queries.order_of(tx.session, key)
    if order_id is None or not await sees_return(tx.session, caller, key):
        raise NotFound("return", str(key), field=field)
    return await _of_return(tx, await locked_orders.lock(tx, order_id, field), key)


async def lock_of_label(tx: Transaction, label: ShippingLabelRow) -> LabelSubject:
    """Lock the order of a label's parcel and read both."""
    order = await locked_orders.lock(tx, label["order_id"], ())
    return await of_label(tx, order, label)


async def of_label(tx: Transaction, order: LockedOrder, label: ShippingLabelRow) -> LabelSubject:
    """The parcel of a label of a locked order."""
    if label["fulfillment_id"] is not None:
        row = await fulfillment_queries.fulfillment(tx.session, label["fulfillment_id"])
        assert row is not None
        return of_fulfillment(order, row)
    assert label["return_id"] is not None
    return await _of_return(tx, order, label["return_id"])


async def check_wants_label(
    tx: Transaction, subject: LabelSubject, caller: Caller, field: tuple[str, ...]
) -> None:
    """Raise IllegalTransition unless a label may be bought for a parcel, FulfillmentOnHold if it is
    held.
    """
    if subject.kind == FULFILLMENT:
        row = await fulfillment_queries.fulfillment(tx.session, subject.id)
        assert row is not None
        await held_steps.refuse_held(tx, row, "labeled", caller, field)
    wanting = _WANTING[subject.kind]
    if subject.status not in wanting:
        entity = f"label of a {subject.kind.lower()}"
        raise IllegalTransition(entity, subject.status, "REQUESTED", wanting, field=field)


async def units_of(tx: Transaction, subject: LabelSubject) -> int:
    """The number of units in the parcel."""
    if subject.kind == FULFILLMENT:
        return await parcel_end_queries.units_of_fulfillment(tx.session, subject.id)
    return await parcel_end_queries.units_of_return(tx.session, subject.id)


def of_fulfillment(order: LockedOrder, row: FulfillmentRow) -> LabelSubject:
    """The parcel of a fulfillment of a locked order."""
    return LabelSubject(
        kind=FULFILLMENT,
        id=row["id"],
        order=order,
        number=order.number,
        reference=row["number"],
        status=row["status"],
        location_id=row["location_id"],
        started_at=order.placed_at,
        size=ParcelSize(row["weight_grams"], row["length_mm"], row["width_mm"], row["height_mm"]),
        shipped_as=row["tracking_number"] if row["shipped_at"] is not None else None,
    )


async def _of_return(tx: Transaction, order: LockedOrder, return_id: UUID) -> LabelSubject:
    row: LockedReturnRow | None = await return_queries.lock_return(tx.session, return_id)
    assert row is not None
    return LabelSubject(
        kind=RETURN,
        id=return_id,
        order=order,
        number=row["rma_number"],
        reference=row["rma_number"],
        size=ParcelSize(),
        status=row["status"],
        location_id=row["destination_id"],
        started_at=row["requested_at"],
    )
