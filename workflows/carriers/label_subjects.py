"""Subjects of shipping labels: the parcel of a fulfillment, of a return, or of a transfer.

The lock of the order, or of the transfer, covers the subject and its labels.
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
import models.queries.stock.transfers as transfer_queries
import workflows.orders.fulfillments as fulfillments
import workflows.orders.held_steps as held_steps
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
from domain.errors import IllegalTransition, NotFound
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.parcels import ParcelSize
from domain.returns.states import ReturnStatus
from domain.stock.transfers import TransferStatus
from domain.values.codes import same_code
from models.carriers import ShippingLabelRow, SubjectColumn
from models.fulfillments import FulfillmentRow
from models.queries.returns.returns import LockedReturnRow
from models.queries.stock.transfers import LockedTransferRow
from workflows.access.visibility import sees_place, sees_return
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction

FULFILLMENT: Final = "Fulfillment"
RETURN: Final = "Return"
TRANSFER: Final = "Transfer"
COLUMNS: Final[Mapping[str, SubjectColumn]] = {
    FULFILLMENT: "fulfillment_id",
    RETURN: "return_id",
    TRANSFER: "transfer_id",
}

_F, _R, _T = FulfillmentStatus, ReturnStatus, TransferStatus
# A label may be bought for a parcel in these states.
_WANTING: Final[Mapping[str, frozenset[str]]] = {
    FULFILLMENT: frozenset({_F.OPEN, _F.PICKED, _F.PACKED}),
    RETURN: frozenset({_R.AUTHORIZED, _R.IN_TRANSIT}),
    TRANSFER: frozenset({_T.REQUESTED}),
}
# A parcel in these states was never sent, and never will be.
_ENDED: Final[Mapping[str, frozenset[str]]] = {
    FULFILLMENT: frozenset({_F.CANCELLED}),
    RETURN: frozenset({_R.CANCELLED, _R.DECLINED}),
    TRANSFER: frozenset({_T.CANCELLED}),
}


@dataclass(frozen=True, slots=True)
class LabelSubject:
    """The parcel of a label, under the lock of its order or transfer.

    `order` None: a transfer. `number`: the number of its order, the RMA number, or the number of
    the transfer. `reference`: the parcel's own number, else the same. `started_at`: no fact about
    it is earlier. `shipped_as`: the tracking number under which it has shipped from a location; an
    empty text: none. `destination_id`: the location that it goes to; None: a customer.
    """

    kind: str
    id: UUID
    order: LockedOrder | None
    number: str
    reference: str
    status: str
    location_id: int
    started_at: datetime
    size: ParcelSize
    shipped_as: str | None = None
    destination_id: int | None = None

    @property
    def column(self) -> SubjectColumn:
        """The column of a label that names its subject."""
        return COLUMNS[self.kind]

    def time_of(self, now: datetime) -> datetime:
        """The time of a fact of this parcel that happens now."""
        return max(now, self.started_at)

    def needs(self, tracking_number: str | None) -> bool:
        """True unless a label with this number is of no use: the parcel was cancelled, or it
        shipped under another number.
        """
        if self.status in _ENDED[self.kind]:
            return False
        if self.shipped_as is None:
            return True
        return tracking_number is not None and same_code(self.shipped_as, tracking_number)


def named(label: ShippingLabelRow) -> tuple[str, UUID]:
    """The kind and the key of a label's parcel."""
    for kind, column in COLUMNS.items():
        key = label[column]
        if key is not None:
            return kind, key
    raise AssertionError(f"label {label['id']} has no subject")


async def lock(
    tx: Transaction, kind: str, key: UUID, caller: Caller, field: tuple[str, ...]
) -> LabelSubject:
    """Lock a transfer, or the order of a parcel, and read it. Raises NotFound outside the caller's
    scope.
    """
    if kind == TRANSFER:
        subject = await _lock_transfer(tx, key)
        if subject is None or not await sees_place(tx.session, caller, subject.location_id):
            raise NotFound("transfer", str(key), field=field)
        return subject
    if kind == FULFILLMENT:
        order, row, _ = await fulfillments.lock_with_order(tx, key, caller, field)
        return of_fulfillment(order, row)
    order_id = await return_queries.order_of(tx.session, key)
    if order_id is None or not await sees_return(tx.session, caller, key):
        raise NotFound("return", str(key), field=field)
    return await _of_return(tx, await locked_orders.lock(tx, order_id, field), key)


async def lock_of_label(tx: Transaction, label: ShippingLabelRow) -> LabelSubject:
    """Lock the transfer, or the order, of a label's parcel and read it."""
    if label["transfer_id"] is not None:
        subject = await _lock_transfer(tx, label["transfer_id"])
        assert subject is not None
        return subject
    assert label["order_id"] is not None
    order = await locked_orders.lock(tx, label["order_id"], ())
    return await _of_order(tx, order, label)


async def reload(tx: Transaction, label: ShippingLabelRow) -> LabelSubject:
    """The parcel of a label as it is now; its order or transfer is locked already."""
    if label["transfer_id"] is not None:
        row = await transfer_queries.lock_transfer(tx.session, label["transfer_id"])
        assert row is not None
        return of_transfer(row)
    assert label["order_id"] is not None
    return await _of_order(tx, await locked_orders.reload(tx, label["order_id"]), label)


async def _of_order(tx: Transaction, order: LockedOrder, label: ShippingLabelRow) -> LabelSubject:
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
    if subject.kind == TRANSFER:
        return await parcel_end_queries.units_of_transfer(tx.session, subject.id)
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


def of_transfer(row: LockedTransferRow) -> LabelSubject:
    """The parcel of a locked transfer."""
    is_shipped = row["shipped_at"] is not None
    return LabelSubject(
        kind=TRANSFER,
        id=row["id"],
        order=None,
        number=row["number"],
        reference=row["number"],
        status=row["status"],
        location_id=row["origin_id"],
        started_at=row["requested_at"],
        size=ParcelSize(),
        shipped_as=(row["tracking_number"] or "") if is_shipped else None,
        destination_id=row["destination_id"],
    )


async def _lock_transfer(tx: Transaction, transfer_id: UUID) -> LabelSubject | None:
    tx.locking(LockClass.TRANSFER)
    row = await transfer_queries.lock_transfer(tx.session, transfer_id)
    return None if row is None else of_transfer(row)


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
