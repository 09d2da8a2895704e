"""What carriers say of parcels."""

import workflows.carriers
from schema.context import Info
from schema.errors import change
from schema.types.changes.carriers import CarrierEventInput, CarrierEventPayload


async def carrier_event_record(info: Info, input: CarrierEventInput) -> CarrierEventPayload | None:
    """Keep a carrier's word: once per event, in whatever order."""
    return await change(
        info,
        workflows.carriers.record,
        input.to_command,
        CarrierEventPayload,
        fulfillment="Fulfillment",
        return_="Return",
    )
