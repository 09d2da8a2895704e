"""States of a fulfillment: the part of an order that ships from one location."""

from enum import StrEnum


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
