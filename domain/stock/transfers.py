"""Transfers of stock between two locations: states, units of a line, and their value in transit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from domain.orders.orders import issued_order_number, number_of
from domain.stock.item_costs import CostPool

LINES_MAX: Final = 500
# Units are expected this long after the shipment, unless the transfer states a time.
EXPECTED_AFTER: Final = timedelta(days=3)


class TransferStatus(StrEnum):
    """Progress of a transfer."""

    REQUESTED = "REQUESTED"
    """Its units are allocated at the origin and wait to be shipped."""
    IN_TRANSIT = "IN_TRANSIT"
    """Shipped; nothing has arrived yet."""
    PARTIALLY_RECEIVED = "PARTIALLY_RECEIVED"
    """Some units have arrived or were written off; others are in transit."""
    CLOSED = "CLOSED"
    """No unit is in transit. Final."""
    CANCELLED = "CANCELLED"
    """Cancelled before it was shipped, or nothing of it was found. Final."""


_T = TransferStatus
TRANSFER_TRANSITIONS: Final[Mapping[TransferStatus, frozenset[TransferStatus]]] = MappingProxyType(
    {
        _T.REQUESTED: frozenset({_T.IN_TRANSIT, _T.CANCELLED}),
        _T.IN_TRANSIT: frozenset({_T.PARTIALLY_RECEIVED, _T.CLOSED}),
        _T.PARTIALLY_RECEIVED: frozenset({_T.PARTIALLY_RECEIVED, _T.CLOSED}),
        _T.CLOSED: frozenset(),
        _T.CANCELLED: frozenset(),
    }
)
ON_THE_WAY: Final = frozenset({_T.IN_TRANSIT, _T.PARTIALLY_RECEIVED})


@dataclass(frozen=True, slots=True)
class Arrival:
    """Units of one line that arrived together, with the value that left transit with them.

    `extra`: units beyond those in transit; they have no value in transit.
    """

    good: int
    good_minor: int
    damaged: int
    damaged_minor: int
    extra: int


@dataclass(slots=True)
class TransferUnits:
    """The units of one line. Each shipped unit is in exactly one column after `shipped`.

    `value_minor`: the cost of the units in transit; `lost_minor`: that of the lost ones.
    """

    requested: int
    shipped: int = 0
    in_transit: int = 0
    received: int = 0
    damaged: int = 0
    came_back: int = 0
    lost: int = 0
    extra: int = 0
    value_minor: int = 0
    lost_minor: int = 0

    def ship(self, units: int, value_minor: int) -> None:
        """Send units that cost `value_minor` on their way."""
        self.shipped = self.in_transit = units
        self.value_minor = value_minor

    def arrive(self, good: int, damaged: int, *, is_back: bool) -> Arrival:
        """Take arrived units out of transit, good ones first. What is beyond is extra.

        `is_back`: they arrived at the origin, and count as come back in either condition.
        """
        taken = min(good, self.in_transit)
        broken = min(damaged, self.in_transit - taken)
        good_minor = self._issue(taken)
        damaged_minor = self._issue(broken)
        extra = good + damaged - taken - broken
        self.extra += extra
        if is_back:
            self.came_back += taken + broken
        else:
            self.received += taken
            self.damaged += broken
        return Arrival(taken, good_minor, broken, damaged_minor, extra)

    def lose(self, units: int) -> int:
        """Write units off that will not arrive; there must be so many. Returns their value."""
        value_minor = self._issue(units)
        self.lost += units
        self.lost_minor += value_minor
        return value_minor

    def _issue(self, units: int) -> int:
        pool, value_minor = CostPool(self.in_transit, self.value_minor).issue(units)
        self.in_transit, self.value_minor = pool.quantity, pool.value_minor
        return value_minor


def status_after(lines: Iterable[TransferUnits]) -> TransferStatus:
    """The status of a shipped transfer after units arrived or were written off."""
    is_over = not any(line.in_transit for line in lines)
    return TransferStatus.CLOSED if is_over else TransferStatus.PARTIALLY_RECEIVED


def transfer_number_of(transfer_id: UUID) -> str:
    """A short number that people can read out; a unique key guards against collisions."""
    return f"T{number_of(transfer_id)[1:]}"


def issued_transfer_number(typed: str) -> str:
    """The form in which a transfer's number was issued, for a number that a person typed."""
    return issued_order_number(typed)
