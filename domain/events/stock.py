"""Events of stock levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.events.payloads import EventPayload
from domain.stock.states import MovementKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(EventPayload):
    """Units of an item moved at a location or between its bins, or its safety stock was set.

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
    picked: int | None
    """Units of `allocated` that are off the shelf. Null, as the next two: recorded by an earlier
    version.
    """
    missing: int | None
    """Units of `quarantine` that are in doubt until they are counted."""
    binned: int | None
    """Units on the shelf that are in bins."""


@dataclass(frozen=True, slots=True)
class BinMove:
    """Units that were put into a bin."""

    from_bin: str | None
    """Code of the bin that they come from; null: they were in no bin."""
    to_bin: str
    """Code of the bin that they are in now."""
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockPutAway(EventPayload):
    """Units of an item were put into bins of a location.

    One event per level and call.
    """

    type: ClassVar[str] = "stock.put_away"
    subject_type: ClassVar[str] = "StockLevel"
    scoped_by: ClassVar[tuple[str, ...]] = ("location",)

    sku: str
    location: str
    """Code of the location."""
    moves: tuple[BinMove, ...]
    unbinned: int
    """Units on the shelf that are still in no bin."""
