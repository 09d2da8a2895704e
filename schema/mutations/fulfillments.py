"""Input and payload of the mutations on fulfilments."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from schema.fields.arguments import given
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.fulfillments import Fulfillment
from workflows.orders.fulfillments import ShipFulfillment


@strawberry.input
class FulfillmentShipInput:
    """A parcel that was handed to its carrier."""

    fulfillment_id: ID
    carrier: str
    tracking_number: str
    shipped_at: datetime | None = UNSET
    """When it left; absent: now. At most 5 minutes ahead, and 24 hours back without the permission
    `backdate`.
    """

    def to_command(self) -> ShipFulfillment:
        """The command. Raises NotFound."""
        return ShipFulfillment(
            fulfillment_id=required_uuid(
                "Fulfillment", self.fulfillment_id, "input", "fulfillmentId"
            ),
            carrier=self.carrier,
            tracking_number=self.tracking_number,
            shipped_at=given(self.shipped_at),
        )


@strawberry.type
class FulfillmentPayload(Payload):
    """The fulfilment as it is now; null where the change was refused."""

    fulfillment: Fulfillment | None
    replayed: bool
    user_errors: list[UserError]
