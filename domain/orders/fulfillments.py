"""States and numbers of fulfillments: the part of an order that ships in one parcel."""

from enum import StrEnum

from domain.orders.orders import issued_order_number
from domain.values.codes import number_key

# Characters of an order number's key: R and twelve digits.
_ORDER_KEY = 13


class FulfillmentStatus(StrEnum):
    """Progress of a fulfillment toward the customer."""

    ON_HOLD = "ON_HOLD"
    """Allocated; must not be worked on yet."""
    OPEN = "OPEN"
    """To be picked."""
    PICKED = "PICKED"
    """To be packed."""
    PACKED = "PACKED"
    """To be handed to a carrier."""
    SHIPPED = "SHIPPED"
    """With its carrier; its units have left inventory."""
    DELIVERED = "DELIVERED"
    LOST = "LOST"
    """Lost by its carrier. If found, it becomes DELIVERED, or SHIPPED on its way back."""
    CANCELLED = "CANCELLED"
    """Nothing of it will ship: cancelled, moved to another location, or not found."""


def number_of(order_number: str, place: int) -> str:
    """The number of an order's fulfillment, which stands on its packing slip; `place` from 1."""
    return f"{order_number}-{place}"


def issued_number(typed: str) -> str | None:
    """The form in which a fulfillment's number was issued, for a number that a person typed.

    None: it is not such a number.
    """
    key = number_key(typed)
    place = key[_ORDER_KEY:]
    if not place.isascii() or not place.isdigit() or place.startswith("0"):
        return None
    return number_of(issued_order_number(key[:_ORDER_KEY]), int(place))
