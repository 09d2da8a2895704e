"""Input and payload of what carriers say."""

from datetime import datetime

import strawberry

from schema.context import Context
from schema.types.enums import CarrierStatus
from schema.types.errors import UserError
from schema.types.fulfillments import Fulfillment
from schema.types.node import load_all
from schema.types.returns import Return
from workflows.carriers import RecordCarrierEvent


@strawberry.input
class CarrierEventInput:
    """A carrier's word about a parcel; `eventId` is the carrier's own."""

    carrier: str
    tracking_number: str
    event_id: str
    status: CarrierStatus
    occurred_at: datetime

    def to_command(self) -> RecordCarrierEvent:
        """The command."""
        return RecordCarrierEvent(
            carrier=self.carrier,
            tracking_number=self.tracking_number,
            event_reference=self.event_id,
            status=self.status,
            occurred_at=self.occurred_at,
        )


@strawberry.type
class CarrierEventPayload:
    """What the tracking number names, as it is now."""

    fulfillment: Fulfillment | None
    return_: Return | None = strawberry.field(name="return")
    replayed: bool
    user_errors: list[UserError]


async def bringing_back(
    context: Context, parcel: Fulfillment, tracking_number: str
) -> Return | None:
    """The newest return of the parcel's order that comes back under the same number."""
    rows = await context.loaders.returns_of_order.load(parcel.row["order_id"]) or []
    found: list[Return] = await load_all(context, "Return", [row["id"] for row in rows])
    same = [each for each in found if each.tracking_number == tracking_number]
    return same[-1] if same else None
