"""Input and payload of what carriers say."""

from datetime import datetime

import strawberry

from schema.context import Context
from schema.fields.enums import CarrierStatus
from schema.fields.errors import Payload, UserError
from schema.fields.node import load_all
from schema.types.fulfillments import Fulfillment
from schema.types.returns import Return
from workflows.carriers.tracking_events import RecordCarrierEvent


@strawberry.input
class CarrierEventInput:
    """A carrier's word about a parcel."""

    carrier: str
    tracking_number: str
    event_id: str
    """The carrier's own id of this word: the same id again changes nothing."""
    status: CarrierStatus
    occurred_at: datetime
    """When it happened; events may come in any order."""

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
class CarrierEventPayload(Payload):
    """What the tracking number names, as it is now."""

    fulfillment: Fulfillment | None
    """The parcel on its way out; null: it comes back."""
    return_: Return | None = strawberry.field(name="return")
    """The return that the parcel belongs to; null: none."""
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
