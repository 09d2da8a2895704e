"""Tracking of returns in transit: tracking numbers, also of labels, and carrier scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import models.queries.orders.labels as label_queries
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
from domain.access.callers import Caller
from domain.events.labels import LabelBought, LabelVoiding
from domain.events.returns import ReturnInTransit, ReturnTracked
from domain.orders.orders import effect_time
from domain.problems import Problems
from domain.returns.states import ReturnAction, ReturnStatus
from domain.values.codes import check_stored, same_code, store_codes
from workflows.returns.locked_returns import LockedReturn
from workflows.transactions.actions import one_by_one
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

_ON_ITS_WAY = (ReturnStatus.AUTHORIZED, ReturnStatus.IN_TRANSIT)


@dataclass(frozen=True, slots=True)
class SetTracking:
    """Set the tracking number of the parcel in which the units come back."""

    return_id: UUID
    carrier: str
    tracking_number: str

    def __post_init__(self) -> None:
        store_codes(self, "carrier", "tracking_number")


@one_by_one("returnTrackingSet")
async def set_tracking(tx: Transaction, command: SetTracking, caller: Caller) -> Mapping[str, Any]:
    """Set the parcel's tracking number; an AUTHORIZED return becomes IN_TRANSIT.

    Locks the order, then the return. Raises IllegalTransition, Invalid or NotFound. Records
    `return.in_transit` or `return.tracked`.
    """
    problems = Problems()
    with problems.under():
        check_stored(command.carrier, "carrier")
    with problems.under():
        check_stored(command.tracking_number, "trackingNumber")
    with problems.under():
        locked = await locked_returns.lock(tx, command.return_id, caller, ("id",))
    problems.refuse()
    locked.check(ReturnAction.SET_TRACKING, "id")
    before = locked.status
    locked.set_tracking(command.carrier, command.tracking_number)
    if before is ReturnStatus.AUTHORIZED:
        locked.set_status(ReturnStatus.IN_TRANSIT)
    await return_records.write(tx, locked)
    event = ReturnTracked if before is locked.status else ReturnInTransit
    tracked = event(**return_records.step(locked, locked.groups, before))
    return_records.record(tx, tracked, locked, caller.actor)
    return_records.audit(tx, caller.actor, "returnTrackingSet", locked, before=before)
    return {"return": str(locked.id)}


async def record_scan(tx: Transaction, locked: LockedReturn, at: datetime, actor: str) -> bool:
    """Record the first carrier scan of a return's parcel; it is evidence for a refund.

    A scan that the carrier dates before the request is dated at the request.

    Returns False if nothing changed: a return that is received or has ended is not changed. Records
    `return.in_transit`.
    """
    on_its_way = (ReturnStatus.AUTHORIZED, ReturnStatus.IN_TRANSIT)
    if locked.status not in on_its_way or locked.scanned_at is not None:
        return False
    before = locked.status
    locked.set_scanned(effect_time(at, tx.now, locked.requested_at))
    locked.set_status(ReturnStatus.IN_TRANSIT)
    await return_records.write(tx, locked)
    event = ReturnInTransit(**return_records.step(locked, locked.groups, before))
    return_records.record(tx, event, locked, actor)
    return True


async def follow_label(tx: Transaction, event: PendingEvent[LabelBought | LabelVoiding]) -> None:
    """Give a return the tracking number of its bought label, and take it when the label is voided.

    A parcel that its carrier has scanned, or that has another number, keeps its number. The
    transaction holds the lock of the order. Records `return.tracked`.
    """
    payload = event.payload
    if payload.return_ is None:
        return
    await tx.flush()
    label = await label_queries.label(tx.session, UUID(event.subject_key))
    row = await return_queries.lock_return(tx.session, payload.return_)
    if label is None or row is None:
        return
    order = await locked_orders.reload(tx, row["order_id"])
    locked = await locked_returns.load(tx, order, row)
    if locked.status not in _ON_ITS_WAY or locked.scanned_at is not None:
        return
    number = label["tracking_number"]
    if isinstance(payload, LabelBought):
        locked.set_tracking(label["carrier"], number)
    elif number is not None and same_code(row["tracking_number"] or "", number):
        locked.set_tracking(None, None)
    else:
        return
    await return_records.write(tx, locked)
    tracked = ReturnTracked(**return_records.step(locked, locked.groups, locked.status))
    return_records.record(tx, tracked, locked, event.actor)
