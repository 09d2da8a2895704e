"""Events of stock levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.events.payloads import EventPayload
from domain.stock.states import MovementKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(EventPayload):
    """Units of an item moved at a location, or its safety stock was set.

    One event per level and transaction. It carries the numbers after the last movement.
    """

    type: ClassVar[str] = "stock.changed"
    subject_type: ClassVar[str] = "StockLevel"
    scoped_by: ClassVar[tuple[str, ...]] = ("location",)

    sku: str
    location: str
    """Code of the location."""
    cause: MovementKind
    """Kind of the last movement."""
    available: int
    held: int
    allocated: int
    quality_control: int
    quarantine: int
    refurbishing: int
    damaged: int
    safety_stock: int
    """Units of `available` that are never promised."""
