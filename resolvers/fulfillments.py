"""Fulfilments: the parts of orders on their way out."""

from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.fulfillments as fulfillment_reads
import workflows.orders.fulfillments
from schema.context import Info
from schema.errors import perform_mutation
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.enums import FulfillmentStatus
from schema.fields.paging import Connection, selection_of, window
from schema.mutations.fulfillments import FulfillmentPayload, FulfillmentShipInput
from schema.types.fulfillments import Fulfillment


async def fulfillments(
    info: Info,
    location: Annotated[str | None, argument(description="Only of this location (code).")] = UNSET,
    status: FulfillmentStatus | None = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[Fulfillment]:
    """Fulfilments, newest first. Null arguments choose all."""
    page = await fulfillment_reads.fulfillments(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        location=given(location),
        status=given(status),
    )
    return Connection(page, Fulfillment.from_row, info.context)


async def fulfillment_ship(info: Info, input: FulfillmentShipInput) -> FulfillmentPayload | None:
    """Hand a parcel to its carrier: its units leave, are sold, and their cost is spent.

    From OPEN or PICKED it completes pick and pack in full, unless the location has `packRequired`.
    Refused: ILLEGAL_TRANSITION, TASK_NOT_CLAIMED, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.orders.fulfillments.ship,
        input.to_command,
        FulfillmentPayload,
        fulfillment="Fulfillment",
    )
