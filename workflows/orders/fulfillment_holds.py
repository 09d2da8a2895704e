"""Fulfillment holds: placed and released by hand, by the clock, and with the units they hold.

A fulfillment is ON_HOLD if and only if it would be OPEN and a live hold of it or of its order
exists. Each function here changes both in one transaction, under the lock of the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final
from uuid import UUID

import models.queries.orders.fulfillment_holds as hold_queries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.exceptions.opening as exceptions
import workflows.orders.fulfillments as fulfillments
import workflows.orders.hold_subjects as hold_subjects
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import SYSTEM, Caller
from domain.errors import IllegalTransition, NotFound, PolicyViolation
from domain.events.fulfillments import (
    FulfillmentCancelled,
    FulfillmentHeld,
    FulfillmentReleased,
)
from domain.events.orders import OrderCancelled, OrderHeld, OrderReleased
from domain.exceptions import ExceptionKind
from domain.orders.fulfillment_holds import (
    SYSTEM_REASONS,
    UNSHIPPED,
    HoldReason,
    NewHold,
    shown_reason,
    status_under,
)
from domain.orders.fulfillments import FulfillmentStatus
from domain.problems import Problems
from domain.values.texts import NOTE_MAX, check_text
from models.fulfillments import FulfillmentHold, FulfillmentHoldRow, FulfillmentRow
from workflows.access.visibility import sees_fulfillment_hold
from workflows.orders.fulfillments import LocatedFulfillment
from workflows.orders.held_steps import covers
from workflows.orders.hold_subjects import HoldFulfillment
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.actions import one_by_one
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction

RELEASED_MAX: Final = 100
# The permission to release a hold that another actor placed, for its reason.
_RELEASE: Final = {HoldReason.FRAUD_RISK: "fulfillments.release.FRAUD_RISK"}
_RELEASE_OTHERS: Final = "fulfillments.release"


@dataclass(frozen=True, slots=True)
class ReleaseFulfillment:
    """Release a hold."""

    hold_id: UUID
    note: str | None = None


@one_by_one("fulfillmentHold")
async def hold(tx: Transaction, command: HoldFulfillment, caller: Caller) -> Mapping[str, Any]:
    """Place a hold. It covers the order's fulfillments that have not shipped, or one of them.

    Locks the order. Raises IllegalTransition if nothing is left to ship, Invalid (for both or
    neither of order and fulfillment, or with the field of the hold), or NotFound. Records
    `fulfillment.held` for each fulfillment and `order.held` for a whole order.
    """
    problems = Problems()
    with problems.under():
        command.hold.check(tx.now, "hold")
    with problems.under():
        order, parcel = await hold_subjects.lock(tx, command, caller)
    problems.refuse()
    hold_subjects.check_unshipped(order, parcel)
    covered = await _unshipped(tx, order) if parcel is None else [parcel.row]
    hold_id = add(tx, order.id, command.fulfillment_id, command.hold, caller.actor)
    await cover(tx, order, covered, hold_id, command.hold, caller.actor)
    if command.fulfillment_id is None:
        held = OrderHeld(
            **await locked_orders.write(tx, order),
            hold=hold_id,
            reason=command.hold.reason,
            until=command.hold.until,
        )
        locked_orders.record(tx, order, held, caller.actor)
    return {"hold": str(hold_id)}


async def _unshipped(tx: Transaction, order: LockedOrder) -> list[FulfillmentRow]:
    parcels = await fulfillment_queries.of_order(tx.session, order.id)
    return [row for row in parcels if FulfillmentStatus(row["status"]) in UNSHIPPED]


def add(
    tx: Transaction,
    order_id: UUID,
    fulfillment_id: UUID | None,
    new: NewHold,
    placed_by: str,
    facts: Mapping[str, object] | None = None,
    run_id: UUID | None = None,
) -> UUID:
    """Add the row of a hold, and its audit row with these facts. Returns its id.

    `run_id`: the run of a playbook that places it.
    """
    row: FulfillmentHoldRow = {
        "id": tx.new_id(),
        "order_id": order_id,
        "fulfillment_id": fulfillment_id,
        "reason": str(new.reason),
        "note": new.note,
        "placed_by": placed_by,
        "placed_at": tx.now,
        "until_at": new.until,
        "released_by": None,
        "released_at": None,
        "release_note": None,
        "run_id": run_id,
    }
    tx.add(FulfillmentHold, row)
    tx.outbox.audit(
        placed_by,
        "fulfillmentHold",
        _subject(row),
        after={
            "hold": str(row["id"]),
            "reason": row["reason"],
            "until": new.until,
            **(facts or {}),
        },
    )
    return row["id"]


def _subject(row: FulfillmentHoldRow) -> tuple[str, object]:
    """The subject of the audit rows of a hold: its fulfillment or its order."""
    if row["fulfillment_id"] is not None:
        return ("Fulfillment", row["fulfillment_id"])
    return ("Order", row["order_id"])


async def cover(
    tx: Transaction,
    order: LockedOrder,
    covered: Sequence[FulfillmentRow],
    hold_id: UUID,
    new: NewHold,
    actor: str,
) -> None:
    """Write the statuses of fulfillments under a new hold."""
    written = []
    for row in covered:
        before = FulfillmentStatus(row["status"])
        status, version = status_under(before, is_held=True), row["version"] + 1
        written.append((row["id"], str(status), version))
        event = FulfillmentHeld(
            **fulfillments.work_step(order.row, status, before),
            hold=hold_id,
            reason=new.reason,
            until=new.until,
        )
        fulfillments.record(tx, event, row, version, order.row, actor)
    await fulfillment_queries.write_status(tx.session, written, tx.now)


@one_by_one("fulfillmentRelease")
async def release(
    tx: Transaction, command: ReleaseFulfillment, caller: Caller
) -> Mapping[str, Any]:
    """Release a hold. Fulfillments without another live hold go on: ON_HOLD becomes OPEN.

    Locks the order. Raises IllegalTransition if it was released before, PolicyViolation if the
    caller may not release it, Invalid, or NotFound. Records `fulfillment.released` for each
    fulfillment and `order.released` for a whole order.
    """
    problems, field = Problems(), ("holdId",)
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    found = await hold_queries.hold(tx.session, command.hold_id)
    with problems.under():
        if found is None or not await sees_fulfillment_hold(tx.session, caller, found["id"]):
            raise NotFound("fulfillment hold", str(command.hold_id), field=field)
    problems.refuse()
    assert found is not None
    order = await locked_orders.lock(tx, found["order_id"], field)
    _check_may_release(caller, found)
    if not await end(tx, order, found, caller.actor, command.note):
        raise IllegalTransition("fulfillment hold", "RELEASED", "RELEASED", (), field=field)
    return {"hold": str(found["id"])}


def _check_may_release(caller: Caller, row: FulfillmentHoldRow) -> None:
    """Raise PolicyViolation unless the caller placed the hold or its role may release it."""
    reason, placed_by = HoldReason(row["reason"]), row["placed_by"]
    if reason in SYSTEM_REASONS:
        raise PolicyViolation(
            "A playbook placed this hold. It is released when the playbook ends.",
            field=("holdId",),
            details={"reason": str(reason), "placedBy": caller.shown_actor(placed_by)},
        )
    needed = _RELEASE.get(reason, _RELEASE_OTHERS)
    if not caller.acts_as(placed_by) and not caller.may(needed):
        reason, placer = (
            shown_reason(reason, shows_risk=caller.may_see_risk()),
            caller.shown_actor(placed_by),
        )
        needed = _RELEASE.get(reason, _RELEASE_OTHERS)
        raise PolicyViolation(
            f"{caller.actor} may not release this hold for {reason}. It is released by {placer},"
            f" which placed it, or by a role with the permission {needed}.",
            field=("holdId",),
            details={"reason": str(reason), "placedBy": placer, "permission": needed},
        )


async def end(
    tx: Transaction,
    order: LockedOrder,
    row: FulfillmentHoldRow,
    actor: str,
    note: str | None = None,
) -> bool:
    """Release a hold of a locked order. False if it was released before."""
    if not await hold_queries.release(tx.session, row["id"], actor, tx.now, note):
        return False
    facts = {"hold": str(row["id"]), "reason": row["reason"], "hasNote": note is not None}
    tx.outbox.audit(actor, "fulfillmentRelease", _subject(row), after=facts)
    if row["until_at"] is None:
        subject = ("FulfillmentHold", row["id"])
        await exceptions.clear(tx, ExceptionKind.HOLD_OVERDUE, subject, actor=actor)
    await _uncover(tx, order, row, actor)
    if row["fulfillment_id"] is None:
        released = OrderReleased(
            **await locked_orders.write(tx, order),
            hold=row["id"],
            reason=HoldReason(row["reason"]),
        )
        locked_orders.record(tx, order, released, actor)
    return True


async def _uncover(
    tx: Transaction, order: LockedOrder, released: FulfillmentHoldRow, actor: str
) -> None:
    """Write the statuses of fulfillments that a released hold covered."""
    live = await hold_queries.live_of_order(tx.session, order.id)
    written = []
    for row in await fulfillment_queries.of_order(tx.session, order.id):
        before = FulfillmentStatus(row["status"])
        is_whole = released["fulfillment_id"] is None
        if not (before in UNSHIPPED if is_whole else covers(released, row["id"])):
            continue
        status = status_under(before, is_held=any(covers(each, row["id"]) for each in live))
        version = row["version"] + 1
        written.append((row["id"], str(status), version))
        event = FulfillmentReleased(
            **fulfillments.work_step(order.row, status, before),
            hold=released["id"],
            reason=HoldReason(released["reason"]),
        )
        fulfillments.record(tx, event, row, version, order.row, actor)
    await fulfillment_queries.write_status(tx.session, written, tx.now)


async def follow_units(
    tx: Transaction,
    order: LockedOrder,
    own: Sequence[FulfillmentHoldRow],
    siblings: Sequence[LocatedFulfillment],
    status: FulfillmentStatus,
    actor: str,
) -> None:
    """Copy live holds of a fulfillment to new siblings that took some of its units.

    `status`: theirs. A hold of the whole order covers them already. Records `fulfillment.held` for
    each copy.
    """
    for each, sibling in product(own, siblings):
        copy: FulfillmentHoldRow = {
            **each,
            "id": tx.new_id(),
            "fulfillment_id": sibling["id"],
        }
        tx.add(FulfillmentHold, copy)
        event = FulfillmentHeld(
            **fulfillments.work_step(order.row, status, status),
            hold=copy["id"],
            reason=HoldReason(copy["reason"]),
            until=copy["until_at"],
        )
        fulfillments.record(tx, event, sibling, 1, order.row, actor)


async def follow_backorders(
    tx: Transaction, order: LockedOrder, source_id: UUID, actor: str
) -> None:
    """Let the live holds of a fulfillment hold the whole order: units of it are backordered now.

    Both must be written. Records `fulfillment.held` for each other fulfillment that has not
    shipped, and `order.held`.
    """
    await tx.flush()
    live = await hold_queries.live_of_order(tx.session, order.id)
    own = [row for row in live if row["fulfillment_id"] == source_id and row["run_id"] is None]
    for each in own:
        await hold_queries.hold_whole_order(tx.session, each["id"])
        new = NewHold(HoldReason(each["reason"]), each["note"], each["until_at"])
        others = [row for row in await _unshipped(tx, order) if row["id"] != source_id]
        await cover(tx, order, others, each["id"], new, actor)
        held = OrderHeld(
            **await locked_orders.write(tx, order),
            hold=each["id"],
            reason=new.reason,
            until=new.until,
        )
        locked_orders.record(tx, order, held, actor)
        tx.outbox.audit(
            actor,
            "fulfillmentHold",
            ("Order", order.id),
            before={"hold": str(each["id"]), "fulfillment": str(source_id)},
            after={"hold": str(each["id"]), "fulfillment": None},
        )


async def release_due(tx: Transaction) -> int:
    """Release holds whose `until` has come, at most RELEASED_MAX. Returns their number.

    Orders that another transaction has locked are left to the next run.
    """
    due = await hold_queries.due(tx.session, tx.now, RELEASED_MAX)
    orders = await locked_orders.try_lock(tx, [row["order_id"] for row in due]) if due else []
    by_id = {order.id: order for order in orders}
    released = 0
    for row in due:
        order = by_id.get(row["order_id"])
        if order is not None and await end(tx, order, row, SYSTEM.actor):
            released += 1
    return released


async def end_with_units(
    tx: Transaction, event: PendingEvent[FulfillmentCancelled | OrderCancelled]
) -> None:
    """Release the holds of a cancelled fulfillment, and of an order with nothing left to ship."""
    payload, key = event.payload, UUID(event.subject_key)
    order_id = payload.order if isinstance(payload, FulfillmentCancelled) else key
    live = await hold_queries.live_of_order(tx.session, order_id)
    if not live:
        return
    order = await locked_orders.reload(tx, order_id)
    for row in live:
        is_whole = row["fulfillment_id"] is None
        if not hold_subjects.is_left(order) if is_whole else row["fulfillment_id"] == key:
            await end(tx, order, row, event.actor)
