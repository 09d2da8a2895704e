"""What is done to fulfilments in the warehouse: picked, packed, sent from elsewhere."""

from strawberry import ID, UNSET

import schema.types.changes.picking as commands
import workflows.packing
import workflows.picking
import workflows.reroutes
from schema.context import Info
from schema.errors import change
from schema.types.changes.fulfillments import FulfillmentPayload
from schema.types.changes.orders import OrderPayload
from schema.types.changes.picking import ShortageInput


async def fulfillment_pick(
    info: Info, fulfillment_id: ID, shortages: list[ShortageInput] | None = UNSET
) -> FulfillmentPayload | None:
    """Say what was picked; missing units are set apart and taken elsewhere."""
    return await change(
        info,
        workflows.picking.pick,
        lambda: commands.pick(fulfillment_id, shortages),
        FulfillmentPayload,
        fulfillment="Fulfillment",
    )


async def fulfillment_pack(info: Info, fulfillment_id: ID) -> FulfillmentPayload | None:
    """Say that a picked fulfilment was packed."""
    return await change(
        info,
        workflows.packing.pack,
        lambda: commands.pack(fulfillment_id),
        FulfillmentPayload,
        fulfillment="Fulfillment",
    )


async def fulfillment_reroute(
    info: Info, id: ID, location_code: str, note: str
) -> OrderPayload | None:
    """Override where a fulfilment leaves from, and say why."""
    return await change(
        info,
        workflows.reroutes.reroute,
        lambda: commands.reroute(id, location_code, note),
        OrderPayload,
        order="Order",
    )
