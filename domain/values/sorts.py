"""Orders in which lists are sorted."""

from enum import StrEnum


class ItemSort(StrEnum):
    """Order of a list of items."""

    NEWEST = "NEWEST"
    """Last created first."""
    SKU = "SKU"
    """By SKU, as the database compares texts."""
    NAME = "NAME"
    """By name, as the database compares texts."""


class OrderSort(StrEnum):
    """Order of a list of orders."""

    NEWEST = "NEWEST"
    """Last placed first. With a range of time, the latest time in it first."""
    OLDEST = "OLDEST"
    """First placed first. With a range of time, the earliest time in it first."""
    SHIP_BY = "SHIP_BY"
    """Earliest promised shipping time first; orders without one are last."""
    UPDATED = "UPDATED"
    """Last changed first."""


class ReturnSort(StrEnum):
    """Order of a list of returns."""

    NEWEST = "NEWEST"
    """Last opened first. With a range of time, the latest time in it first."""
    OLDEST = "OLDEST"
    """First opened first. With a range of time, the earliest time in it first."""
    EXPECTED = "EXPECTED"
    """Earliest expected first; returns that are not expected are last."""
    UPDATED = "UPDATED"
    """Last changed first."""


class RefundSort(StrEnum):
    """Order of a list of refunds."""

    NEWEST = "NEWEST"
    """Last opened first."""
    OLDEST = "OLDEST"
    """First opened first."""
    AMOUNT = "AMOUNT"
    """Largest number of minor units first, whatever the currency."""
    UPDATED = "UPDATED"
    """Last changed first."""
