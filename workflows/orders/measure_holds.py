"""Holds that playbooks place: on parcels that exist, and on parcels that are made later."""

from __future__ import annotations

from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.orders.fulfillment_holds as hold_queries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.measures.active as active_measures
import workflows.orders.fulfillment_holds as fulfillment_holds
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import SYSTEM
from domain.events.fulfillments import FulfillmentCreated
from domain.orders.fulfillment_holds import UNSHIPPED, HoldReason, NewHold
from domain.orders.fulfillments import FulfillmentStatus
from domain.policies.continuity import MeasureKind
from models.fulfillments import FulfillmentRow
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction


async def place(tx: Transaction, order: LockedOrder, row: FulfillmentRow, run_id: UUID) -> bool:
    """Hold a parcel of a locked order for a run, once. False if nothing was to be held."""
    if FulfillmentStatus(row["status"]) not in UNSHIPPED:
        return False
    live = await hold_queries.live_of_order(tx.session, order.id)
    if any(hold["run_id"] == run_id and hold["fulfillment_id"] == row["id"] for hold in live):
        return False
    new = NewHold(HoldReason.MEASURE)
    hold_id = fulfillment_holds.add(
        tx, order.id, row["id"], new, SYSTEM.actor, facts={"run": str(run_id)}, run_id=run_id
    )
    await fulfillment_holds.cover(tx, order, [row], hold_id, new, SYSTEM.actor)
    await tx.flush()
    return True


async def hold_new_parcel(tx: Transaction, event: PendingEvent[FulfillmentCreated]) -> None:
    """Hold a new parcel if a HOLD_PARCELS measure concerns it. Reacts to `fulfillment.created`."""
    measures = (await active_measures.of(tx)).of(MeasureKind.HOLD_PARCELS)
    if not measures:
        return
    order = await locked_orders.reload(tx, event.payload.order)
    row = await fulfillment_queries.fulfillment(tx.session, UUID(event.subject_key))
    assert row is not None
    channels = await lookups.channels_by_id(tx.session, [order.channel_id])
    places = await lookups.locations_by_id(tx.session, [row["location_id"]])
    lines = await fulfillment_queries.lines_of(tx.session, [row["id"]])
    items = await lookups.items_by_id(tx.session, {line["item_id"] for line in lines})
    for measure in measures:
        concerned = measure.concerns(
            channel=channels[order.channel_id].code, location=places[row["location_id"]].code
        ) and any(measure.concerns(sku=item.sku) for item in items.values())
        if concerned:
            await place(tx, order, row, measure.run_id)
            row = await fulfillment_queries.fulfillment(tx.session, row["id"])
            assert row is not None
