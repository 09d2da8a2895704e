"""Events of stock levels, and of transfers between two locations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypedDict

from domain.events.payloads import EventPayload, UnitsBySku
from domain.stock.states import MovementKind
from domain.stock.transfers import TransferStatus


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
    incoming: int | None
    """Units that are expected. Null: recorded by an earlier version."""


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


class TransferStep(TypedDict):
    """The fields that every event of a transfer has, for `**`."""

    number: str
    status: TransferStatus
    before: TransferStatus | None
    origin: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPayload(EventPayload):
    """The fields that every event of a transfer has.

    It concerns two locations, so keys that are limited to locations see only the events that their
    own actor recorded. They see the tasks and the units at their locations.
    """

    subject_type: ClassVar[str] = "Transfer"
    scoped_by: ClassVar[tuple[str, ...]] = ()

    number: str
    """Number of the transfer."""
    status: TransferStatus
    before: TransferStatus | None
    """Status before this event; null for a new transfer."""
    origin: str
    """Code of the location that sends the units."""
    destination: str
    """Code of the location that gets the units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequested(TransferPayload):
    """Units were allocated at the origin, to be sent to the destination."""

    type: ClassVar[str] = "transfer.requested"

    units: UnitsBySku
    """Units of each SKU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferShipped(TransferPayload):
    """The units left the origin."""

    type: ClassVar[str] = "transfer.shipped"

    units: UnitsBySku
    """Units of each SKU."""
    shortages: UnitsBySku
    """Units that were not found at the origin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceived(TransferPayload):
    """Units arrived at the destination, or came back to the origin."""

    type: ClassVar[str] = "transfer.received"

    location: str
    """Code of the location at which the units arrived."""
    good: UnitsBySku
    """Units in good condition."""
    damaged: UnitsBySku
    extra: UnitsBySku
    """Units beyond those in transit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferWrittenOff(TransferPayload):
    """Units in transit were written off."""

    type: ClassVar[str] = "transfer.written_off"

    reason: str
    """Code of the reason."""
    units: UnitsBySku
    """Units of each SKU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferClosed(TransferPayload):
    """No unit of the transfer is in transit any more."""

    type: ClassVar[str] = "transfer.closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCancelled(TransferPayload):
    """The transfer was cancelled before it was shipped, or none of its units was found."""

    type: ClassVar[str] = "transfer.cancelled"

    units: UnitsBySku
    """Units of each SKU."""
