"""Inputs, commands and payloads of the mutations on fulfillments and of carrier events."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from domain.values.codes import same_code
from schema.context import Context
from schema.fields.arguments import given
from schema.fields.enums import CarrierStatus
from schema.fields.errors import Payload, UserError
from schema.fields.node import load_all, required_uuid
from schema.types.fulfillments import Fulfillment
from schema.types.returns import Return
from workflows.carriers.commands import RecordCarrierEvent
from workflows.orders.fulfillments import ShipFulfillment
from workflows.warehouse.packing import PackFulfillment
from workflows.warehouse.picking import PickFulfillment, Shortage
from workflows.warehouse.reroutes import RerouteFulfillment


@strawberry.input
class FulfillmentShipInput:
    """A parcel that was handed to its carrier."""

    fulfillment_id: ID
    carrier: str
    tracking_number: str
    shipped_at: datetime | None = UNSET
    """Time of handover; absent: now. Not before the order was placed. At most 5 minutes ahead,
    which counts as now; without the permission `backdate` at most 24 hours back.
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
    """The fulfillment; null if the mutation was refused."""

    fulfillment: Fulfillment | None
    replayed: bool
    user_errors: list[UserError]


@strawberry.input
class ShortageInput:
    """Units of an order line that were not found."""

    order_line_id: ID
    quantity: int

    def to_shortage(self, *field: str) -> Shortage:
        """A part of the command. Raises NotFound."""
        line_id = required_uuid("OrderLine", self.order_line_id, *field, "orderLineId")
        return Shortage(line_id, self.quantity)


def pick(fulfillment_id: ID, shortages: list[ShortageInput] | None) -> PickFulfillment:
    """The command. Raises NotFound."""
    return PickFulfillment(
        fulfillment_id=required_uuid("Fulfillment", fulfillment_id, "fulfillmentId"),
        shortages=tuple(
            each.to_shortage("shortages", str(index))
            for index, each in enumerate(given(shortages) or ())
        ),
    )


def pack(fulfillment_id: ID) -> PackFulfillment:
    """The command. Raises NotFound."""
    return PackFulfillment(required_uuid("Fulfillment", fulfillment_id, "fulfillmentId"))


def reroute(fulfillment_id: ID, location_code: str, note: str) -> RerouteFulfillment:
    """The command. Raises NotFound."""
    found = required_uuid("Fulfillment", fulfillment_id, "id")
    return RerouteFulfillment(found, location_code, note)


@strawberry.input
class CarrierEventInput:
    """A tracking event of a carrier."""

    carrier: str
    tracking_number: str
    event_id: str
    """Id of the event, given by the carrier; unique with the carrier and the tracking number. An
    event that was recorded before changes nothing.
    """
    status: CarrierStatus
    occurred_at: datetime
    """Time of the event. Events may arrive in any order. An effect is dated when the parcel was
    shipped if the event is dated earlier.
    """

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
    """Objects with this tracking number."""

    fulfillment: Fulfillment | None
    """Fulfillment of an outbound parcel; null if the parcel comes back."""
    return_: Return | None = strawberry.field(name="return")
    """Return that the parcel belongs to; null: none."""
    replayed: bool
    user_errors: list[UserError]


def _is_same(number: str | None, given: str) -> bool:
    return number is not None and same_code(number, given)


async def bringing_back(
    context: Context, parcel: Fulfillment, tracking_number: str
) -> Return | None:
    """The newest return of the parcel's order with the same tracking number."""
    rows = await context.loaders.returns_of_order.load(parcel.row["order_id"]) or []
    found: list[Return] = await load_all(context, "Return", [row["id"] for row in rows])
    same = [each for each in found if _is_same(each.tracking_number, tracking_number)]
    return same[-1] if same else None
