"""States of a fulfillment: the part of an order that ships from one location."""

from enum import StrEnum


class FulfillmentStatus(StrEnum):
    """Where a fulfillment stands on its way out."""

    ON_HOLD = "ON_HOLD"
    """Allocated, but not to be worked on."""
    OPEN = "OPEN"
    """To be picked."""
    PICKED = "PICKED"
    """To be packed."""
    PACKED = "PACKED"
    """To be handed to a carrier."""
    SHIPPED = "SHIPPED"
    """With its carrier; the units have left the books."""
    DELIVERED = "DELIVERED"
    LOST = "LOST"
    """Lost by its carrier; may yet become DELIVERED."""
    CANCELLED = "CANCELLED"
    """Nothing of it will leave: cancelled, sent from elsewhere, or not found."""
