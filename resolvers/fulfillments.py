"""Fulfillments: lists, warehouse steps, shipping, and carrier events."""

from datetime import datetime
from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.catalog.lookups as lookups
import models.queries.orders.pick_walks as pick_walks
import models.queries.reads.fulfillments as fulfillment_reads
import schema.mutations.fulfillments as commands
import workflows.carriers.tracking_events
import workflows.orders.fulfillment_holds
import workflows.orders.shipments
import workflows.warehouse.dispatch
import workflows.warehouse.packing
import workflows.warehouse.parcels
import workflows.warehouse.picking
import workflows.warehouse.reroutes
import workflows.warehouse.scanning
from domain.errors import BadRequest
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.enums import FulfillmentStatus, QueueKind
from schema.fields.node import load, uuid_in
from schema.fields.paging import Connection, selection_of, window
from schema.mutations.fulfillments import (
    CarrierEventInput,
    CarrierEventPayload,
    FulfillmentPayload,
    FulfillmentScanPayload,
    FulfillmentShipInput,
    FulfillmentUnitsInput,
    HoldPayload,
    ParcelInput,
    ScanInput,
    ShortageInput,
    bringing_back,
    scan_payload,
)
from schema.mutations.orders import HoldInput, OrderPayload
from schema.mutations.perform import perform_action, perform_mutation
from schema.types.fulfillments import Fulfillment, PickStop, walk_of
from server.projection.list_sizes import sized


async def fulfillment(info: Info, id: ID) -> Fulfillment | None:
    """One fulfillment by id; null if there is none that the caller may see."""
    found: Fulfillment | None = await load(info.context, "Fulfillment", uuid_in("Fulfillment", id))
    return found


async def fulfillments(
    info: Info,
    location: Annotated[
        str | None, argument(description="Only of the location with this code.")
    ] = UNSET,
    status: FulfillmentStatus | None = UNSET,
    sku: Annotated[str | None, argument(description="Only with a line of this SKU.")] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[Fulfillment]:
    """Fulfillments, newest first. Null arguments do not filter."""
    page = await fulfillment_reads.fulfillments(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        location=given(location),
        status=given(status),
        sku=given(sku),
    )
    return Connection(page, Fulfillment.from_row, info.context)


async def fulfillment_ship(info: Info, input: FulfillmentShipInput) -> FulfillmentPayload | None:
    """Record that a parcel was handed to its carrier.

    Its units leave stock; revenue and cost of goods sold are posted. An OPEN or PICKED fulfillment
    is picked and packed in full by this step, unless the location has `packRequired`. Refused:
    ALREADY_EXISTS for a number of a configured carrier under which another order's parcel is on its
    way; ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.orders.shipments.ship, input.to_command, FulfillmentPayload
    )


async def fulfillment_pick(
    info: Info,
    fulfillment_id: ID,
    shortages: Annotated[
        list[ShortageInput] | None, argument(description="Units that were not found; absent: none.")
    ] = UNSET,
) -> FulfillmentPayload | None:
    """Record that an OPEN fulfillment was picked, except for `shortages`.

    Missing units go to quarantine until they are counted, and are replaced from other stock. If
    there is none, the order waits and the exception SHORT_PICK is opened. Refused:
    ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.warehouse.picking.pick,
        lambda: commands.pick(fulfillment_id, shortages),
        FulfillmentPayload,
    )


async def fulfillment_pack(
    info: Info,
    fulfillment_id: ID,
    parcels: Annotated[
        list[ParcelInput] | None,
        argument(
            description="The parcels, at most 50; absent: one, whose weight is not stated. Together"
            " they have all units of the fulfillment."
        ),
    ] = UNSET,
) -> FulfillmentPayload | None:
    """Record that a PICKED fulfillment was packed.

    The first of `parcels` keeps the id. Each other one becomes a PACKED fulfillment of its own.
    Refused: ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, INVALID, LIMIT_EXCEEDED, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.warehouse.packing.pack,
        lambda: commands.pack(fulfillment_id, parcels),
        FulfillmentPayload,
    )


@sized(by="codes")
async def fulfillment_dispatch(
    info: Info,
    location_code: Annotated[str, argument(description="Code of the location.")],
    codes: Annotated[
        list[str],
        argument(
            description="At most 200 tracking numbers of labels, numbers of fulfillments, or totes."
        ),
    ],
    shipped_at: Annotated[
        datetime | None, argument(description="Time of handover; absent: now.")
    ] = UNSET,
) -> FulfillmentPayload | None:
    """Ship parcels that have a carrier and a tracking number, each by itself.

    Each parcel is shipped as by `fulfillmentShip`. Refused: ILLEGAL_TRANSITION, TASK_NOT_CLAIMED,
    ALREADY_EXISTS, NOT_FOUND; for the whole call INVALID, LIMIT_EXCEEDED, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.warehouse.dispatch.dispatch,
        lambda: commands.dispatch(location_code, codes, shipped_at),
        FulfillmentPayload,
    )


@sized(100)
async def pick_walk(
    info: Info, location_code: Annotated[str, argument(description="Code of the location.")]
) -> list[PickStop]:
    """The caller's claimed PICK tasks as one walk: what is not scanned yet, by bin in walk order.

    Units that are in no bin come last.
    """
    context = info.context
    session, _ = await context.opened()
    place = await lookups.location_by_code(session, location_code)
    if place is None or not context.caller.sees_location(place.code):
        raise BadRequest(f"No location {location_code!r} was found.")
    stops = await pick_walks.walk(session, context.caller.actor, place.id, context.now)
    return await walk_of(context, stops)


@sized(by="scans")
async def fulfillment_scan(
    info: Info,
    location_code: Annotated[str, argument(description="Code of the location.")],
    queue: Annotated[QueueKind, argument(description="PICK or PACK.")],
    scans: Annotated[
        list[ScanInput], argument(description="At most 200, in the order in which they were made.")
    ],
) -> FulfillmentScanPayload | None:
    """Count scanned units while parcels are picked or packed, each scan by itself.

    The last unit of an OPEN fulfillment makes it PICKED. Scans renew the claim of the task.
    Refused: SCAN_MISMATCH if the item, one unit more, or the tote is not asked for;
    ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, INVALID, LIMIT_EXCEEDED, NOT_FOUND.
    """
    outcome = await perform_action(
        info,
        workflows.warehouse.scanning.scan,
        lambda: commands.scan(location_code, queue, scans),
    )
    return await scan_payload(info.context, outcome)


async def fulfillment_split(
    info: Info,
    id: Annotated[ID, argument(description="Id of the fulfillment.")],
    units: Annotated[
        list[FulfillmentUnitsInput],
        argument(description="Units that move to a new fulfillment; at least one unit must stay."),
    ],
) -> FulfillmentPayload | None:
    """Divide an OPEN or PICKED fulfillment in two, with the same status and location.

    Refused: ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.warehouse.parcels.split,
        lambda: commands.split(id, units),
        FulfillmentPayload,
    )


async def fulfillment_reroute(
    info: Info,
    id: Annotated[ID, argument(description="Id of the fulfillment.")],
    location_code: Annotated[str, argument(description="Code of the new location.")],
    note: Annotated[str, argument(description="Reason; at most 2,000 characters.")],
) -> OrderPayload | None:
    """Move an OPEN fulfillment to another location of the order's channel.

    Refused: ILLEGAL_TRANSITION, INSUFFICIENT_STOCK, TASK_NOT_CLAIMED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.warehouse.reroutes.reroute,
        lambda: commands.reroute(id, location_code, note),
        OrderPayload,
    )


async def fulfillment_hold(
    info: Info,
    hold: Annotated[HoldInput, argument(description="The hold to place.")],
    order_id: Annotated[
        ID | None, argument(description="Id of an order: it is held as a whole.")
    ] = UNSET,
    fulfillment_id: Annotated[
        ID | None, argument(description="Id of the fulfillment that is held.")
    ] = UNSET,
) -> HoldPayload | None:
    """Hold a whole order, later fulfillments included, or one fulfillment.

    An OPEN fulfillment becomes ON_HOLD, and its PICK task goes. PICKED and PACKED ones stay, and
    their next step is refused. Its stock stays allocated. Refused: ILLEGAL_TRANSITION if nothing is
    left to ship, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.orders.fulfillment_holds.hold,
        lambda: commands.hold(order_id, fulfillment_id, hold),
        HoldPayload,
    )


async def fulfillment_release(
    info: Info,
    hold_id: Annotated[ID, argument(description="Id of the hold.")],
    note: Annotated[
        str | None, argument(description="Free text; at most 2,000 characters.")
    ] = UNSET,
) -> HoldPayload | None:
    """Release a hold. Without another live hold, ON_HOLD becomes OPEN, and its PICK task is back.

    It is released by the actor that placed it, and by SUPERVISOR and ADMIN; by SUPPORT unless its
    reason is FRAUD_RISK. Refused: POLICY_VIOLATION, ILLEGAL_TRANSITION if it was released before,
    INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.orders.fulfillment_holds.release,
        lambda: commands.release(hold_id, note),
        HoldPayload,
    )


async def carrier_event_record(info: Info, input: CarrierEventInput) -> CarrierEventPayload | None:
    """Record a carrier's tracking event for a parcel and apply its effects.

    A number that was used again names the parcel that took it last: of an order, or of a transfer.
    Each event is recorded once per carrier, `eventId` and tracking number. Events may arrive in any
    order; the status of a parcel never goes back, except from LOST, when it is found: DELIVERED, or
    SHIPPED if it returns to its sender. Refused: NOT_FOUND if no parcel has the tracking number,
    IDEMPOTENCY_KEY_REUSED if the event was recorded with another status, INVALID.
    """
    payload = await perform_mutation(
        info, workflows.carriers.tracking_events.record, input.to_command, CarrierEventPayload
    )
    if payload.return_ is None and payload.fulfillment is not None:
        parcel, number = payload.fulfillment, input.tracking_number
        payload.return_ = await bringing_back(info.context, parcel, number)
    return payload
