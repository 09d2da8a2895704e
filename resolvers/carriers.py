"""What carriers say of parcels."""

import workflows.carriers.tracking_events
from schema.context import Info
from schema.errors import perform_mutation
from schema.types.changes.carriers import CarrierEventInput, CarrierEventPayload, bringing_back


async def carrier_event_record(info: Info, input: CarrierEventInput) -> CarrierEventPayload | None:
    """Keep a carrier's word about a parcel, and do what follows from it.

    Once per carrier and `eventId`, in whatever order; a parcel never goes backwards, except from
    LOST to DELIVERED. Refused: NOT_FOUND where the number names no parcel, INVALID.
    """
    payload = await perform_mutation(
        info,
        workflows.carriers.tracking_events.record,
        input.to_command,
        CarrierEventPayload,
        fulfillment="Fulfillment",
        return_="Return",
    )
    if payload.return_ is None and payload.fulfillment is not None:
        parcel, number = payload.fulfillment, input.tracking_number
        payload.return_ = await bringing_back(info.context, parcel, number)
    return payload
