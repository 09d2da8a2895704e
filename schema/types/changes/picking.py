"""Input and commands of the mutations on fulfilments in the warehouse."""

import strawberry
from strawberry import ID

from schema.fields.arguments import given
from schema.fields.node import required_uuid
from workflows.warehouse.packing import PackFulfillment
from workflows.warehouse.picking import PickFulfillment, Shortage
from workflows.warehouse.reroutes import RerouteFulfillment


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
