"""What is done to fulfilments in the warehouse: picked, packed, sent from elsewhere."""

from typing import Annotated

from strawberry import ID, UNSET, argument

import schema.types.changes.picking as commands
import workflows.warehouse.packing
import workflows.warehouse.picking
import workflows.warehouse.reroutes
from schema.context import Info
from schema.errors import perform_mutation
from schema.mutations.fulfillments import FulfillmentPayload
from schema.mutations.orders import OrderPayload
from schema.types.changes.picking import ShortageInput


async def fulfillment_pick(
    info: Info,
    fulfillment_id: ID,
    shortages: Annotated[
        list[ShortageInput] | None, argument(description="Units that were not found; absent: none.")
    ] = UNSET,
) -> FulfillmentPayload | None:
    """Say that an OPEN fulfilment was picked, but for `shortages`.

    Missing units are set apart in quarantine until somebody counts; others take their place where
    there are any, else the order waits and SHORT_PICK is opened. Refused: ILLEGAL_TRANSITION,
    TASK_NOT_CLAIMED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.warehouse.picking.pick,
        lambda: commands.pick(fulfillment_id, shortages),
        FulfillmentPayload,
        fulfillment="Fulfillment",
    )


async def fulfillment_pack(info: Info, fulfillment_id: ID) -> FulfillmentPayload | None:
    """Say that a PICKED fulfilment was packed.

    Refused: ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.warehouse.packing.pack,
        lambda: commands.pack(fulfillment_id),
        FulfillmentPayload,
        fulfillment="Fulfillment",
    )


async def fulfillment_reroute(
    info: Info,
    id: Annotated[ID, argument(description="Of the fulfilment.")],
    location_code: Annotated[
        str, argument(description="Where the units are to come from instead.")
    ],
    note: Annotated[str, argument(description="Why, in words.")],
) -> OrderPayload | None:
    """Override from where an OPEN fulfilment leaves: another location of its order's channel.

    Refused: ILLEGAL_TRANSITION, INSUFFICIENT_STOCK, TASK_NOT_CLAIMED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.warehouse.reroutes.reroute,
        lambda: commands.reroute(id, location_code, note),
        OrderPayload,
        order="Order",
    )
