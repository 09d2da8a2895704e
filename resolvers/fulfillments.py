"""Fulfilments: the parts of orders on their way out."""

from strawberry import UNSET

import models.queries.reads.fulfillments as reads
import workflows.fulfillments
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.fulfillments import FulfillmentPayload, FulfillmentShipInput
from schema.types.enums import FulfillmentStatus
from schema.types.fulfillments import Fulfillment
from schema.types.paging import Connection, selection_of, window


async def fulfillments(
    info: Info,
    location: str | None = UNSET,
    status: FulfillmentStatus | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> Connection[Fulfillment]:
    """Fulfilments at a location, in a status."""
    page = await reads.fulfillments(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        location=given(location),
        status=given(status),
    )
    return Connection(page, Fulfillment.from_row, info.context)


async def fulfillment_ship(info: Info, input: FulfillmentShipInput) -> FulfillmentPayload | None:
    """Hand a parcel to its carrier."""
    return await change(
        info,
        workflows.fulfillments.ship,
        input.to_command,
        FulfillmentPayload,
        fulfillment="Fulfillment",
    )
