"""Fulfilments: the part of an order that leaves from one location, and how far it is."""

from enum import StrEnum


class FulfillmentStatus(StrEnum):
    """Where a fulfilment stands on its way out."""

    ON_HOLD = "ON_HOLD"
    OPEN = "OPEN"
    PICKED = "PICKED"
    PACKED = "PACKED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    LOST = "LOST"
    CANCELLED = "CANCELLED"
