"""Stock states, movement kinds, manual corrections, and the available-to-promise rule."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.errors import Invalid
from domain.policies.routing import Protection
from domain.problems import Problems

# Larger than any warehouse; sums of thousands of such quantities still fit a 64-bit column.
UNITS_MAX: Final = 1_000_000_000


class StockState(StrEnum):
    """State of a unit at a location; each unit is in exactly one.

    HELD and ALLOCATED units are never moved or adjusted by hand.
    """

    AVAILABLE = "AVAILABLE"
    """Physically present, sellable, not reserved."""
    HELD = "HELD"
    """Reserved by a live hold."""
    ALLOCATED = "ALLOCATED"
    """Belongs to a placed order."""
    QUALITY_CONTROL = "QUALITY_CONTROL"
    """Waiting for inspection, as returned units are."""
    QUARANTINE = "QUARANTINE"
    """Set apart: not sold before a decision or a count."""
    REFURBISHING = "REFURBISHING"
    """Being repaired."""
    DAMAGED = "DAMAGED"
    """Present, but not sellable."""


class MovementKind(StrEnum):
    """Reason for which units changed their state."""

    RECEIVED = "RECEIVED"
    """Units were received from a supplier."""
    ADJUSTED = "ADJUSTED"
    """A state was corrected by hand."""
    HELD = "HELD"
    """A reservation took the units."""
    RELEASED = "RELEASED"
    """A hold was released, or it expired."""
    ALLOCATED = "ALLOCATED"
    """An order took the units, from a hold or directly."""
    DEALLOCATED = "DEALLOCATED"
    """An order released the units: cancelled, or moved to another location."""
    SHIPPED = "SHIPPED"
    """The units were shipped with a carrier."""
    RETURNED = "RETURNED"
    """The units came back in a parcel."""
    DISPOSED = "DISPOSED"
    """A disposition moved or removed returned units, other than as scrap."""
    MOVED = "MOVED"
    """The units moved from one state to another at their location."""
    TRANSFERRED = "TRANSFERRED"
    """The units left for another location, or arrived from it."""
    COUNTED = "COUNTED"
    """A count corrected a state."""
    SCRAPPED = "SCRAPPED"
    """Returned units were destroyed."""


class LocationKind(StrEnum):
    """Kind of a location."""

    WAREHOUSE = "WAREHOUSE"
    """Keeps stock."""
    STORE = "STORE"
    """Keeps stock; a shop open to customers."""
    FULFILLMENT_PARTNER = "FULFILLMENT_PARTNER"
    """Keeps stock; another business that ships for the retailer."""
    ZONE = "ZONE"
    """An area of a location, with bins and zones; keeps no stock of its own."""
    BIN = "BIN"
    """A shelf or box in a location or zone; it holds units of the location's stock."""


# Units in these states belong to a hold or an order; only that hold or order moves them.
CLAIMED_STATES: Final = frozenset({StockState.HELD, StockState.ALLOCATED})
HAND_STATES: Final = frozenset(StockState) - CLAIMED_STATES
# Booked as inventory; units in the other states are booked as inventory in quality control.
INVENTORY_STATES: Final = CLAIMED_STATES | {StockState.AVAILABLE}
# Units in these states are on the shelf, unless they are picked.
SHELF_STATES: Final = INVENTORY_STATES
STOCK_KEEPING: Final = frozenset(
    {LocationKind.WAREHOUSE, LocationKind.STORE, LocationKind.FULFILLMENT_PARTNER}
)
# Addresses inside a location that keeps stock.
ADDRESSES: Final = frozenset({LocationKind.ZONE, LocationKind.BIN})

_S = StockState
# None is outside the location. If a pair has several possible kinds, the most common one is here;
# adjustments, counts and scrapping set their kind explicitly.
_KINDS: Final[Mapping[tuple[StockState | None, StockState | None], MovementKind]] = (
    MappingProxyType(
        {
            (None, _S.AVAILABLE): MovementKind.RECEIVED,
            (None, _S.QUALITY_CONTROL): MovementKind.RETURNED,
            (None, _S.QUARANTINE): MovementKind.RETURNED,
            (_S.AVAILABLE, _S.HELD): MovementKind.HELD,
            (_S.HELD, _S.AVAILABLE): MovementKind.RELEASED,
            (_S.AVAILABLE, _S.ALLOCATED): MovementKind.ALLOCATED,
            (_S.HELD, _S.ALLOCATED): MovementKind.ALLOCATED,
            (_S.ALLOCATED, _S.AVAILABLE): MovementKind.DEALLOCATED,
            (_S.ALLOCATED, None): MovementKind.SHIPPED,
            (_S.QUALITY_CONTROL, None): MovementKind.DISPOSED,
            (_S.QUARANTINE, None): MovementKind.DISPOSED,
            (_S.REFURBISHING, None): MovementKind.DISPOSED,
        }
    )
)


def movement_kind(from_state: StockState | None, to_state: StockState | None) -> MovementKind:
    """The usual kind of a movement between two states; None is outside the location."""
    usual = _KINDS.get((from_state, to_state))
    if usual is not None:
        return usual
    is_inside = from_state is not None and to_state is not None
    return MovementKind.MOVED if is_inside else MovementKind.ADJUSTED


def check_quantity(quantity: int, *, least: int = 1) -> None:
    """Raise Invalid (field `quantity`) unless least ≤ quantity ≤ UNITS_MAX."""
    if not least <= quantity <= UNITS_MAX:
        raise Invalid(
            f"A quantity of {least} to {UNITS_MAX} is allowed; {quantity} was sent.",
            field=("quantity",),
            details={"minimum": least, "maximum": UNITS_MAX, "requested": quantity},
        )


def check_move(from_state: StockState, to_state: StockState, quantity: int) -> None:
    """Raise Invalid, with the argument, unless units may be moved by hand between these states."""
    problems = Problems()
    with problems.under():
        _check_by_hand(from_state, "fromState")
    with problems.under():
        _check_by_hand(to_state, "toState")
        if from_state is to_state:
            raise Invalid("`toState` must differ from `fromState`.", field=("toState",))
    with problems.under():
        check_quantity(quantity)
    problems.refuse()


def check_adjustment(state: StockState, delta: int) -> None:
    """Raise Invalid, with the argument, unless this state may be corrected by hand by `delta`."""
    problems = Problems()
    with problems.under():
        _check_by_hand(state, "state")
    with problems.under():
        if not delta or abs(delta) > UNITS_MAX:
            raise Invalid(
                f"A correction of 1 to {UNITS_MAX} units, up or down, is allowed; {delta} was"
                " sent.",
                field=("delta",),
                details={"maximum": UNITS_MAX, "requested": delta},
            )
    problems.refuse()


def promisable(available: int, expired: int, safety_stock: int) -> int:
    """Units of a SKU at one location that may be promised; never negative.

    `expired`: units of expired holds whose rows no job has updated yet.
    """
    return max(0, available + expired - safety_stock)


def available_to_promise(
    promisable_units: Iterable[int], *, buffer: int, protected: int, backordered: int
) -> int:
    """Units of a SKU that a channel may sell now (ATP). Queries and reservations share this rule.

    ATP = max(0, Σ promisable − buffer − protected − backordered)

    - `promisable_units`: per active location of the channel, from `promisable`
    - `buffer`: units that the channel never sells
    - `protected`: units for channels of higher priority, from `protected_units`
    - `backordered`: open backordered units of all channels that share one of these locations
    """
    return max(0, sum(promisable_units) - buffer - protected - backordered)


def protected_units(
    protections: Iterable[Protection],
    priority: int,
    category: str | None,
    priorities: Mapping[str, int],
) -> int:
    """Units per SKU that a channel of this `priority` must leave for channels served before it.

    `priorities`: by key of the code, of the active channels that share a location with this one; 1
    is served first. For one channel, a protection of the category replaces the general one.
    Protections of different channels add up.
    """
    general: dict[str, int] = {}
    special: dict[str, int] = {}
    for each in protections:
        if priorities.get(each.channel, priority) >= priority:
            continue
        if each.category is None:
            general[each.channel] = each.units
        elif each.category == category:
            special[each.channel] = each.units
    return sum((general | special).values())


def _check_by_hand(state: StockState, argument: str) -> None:
    if state in CLAIMED_STATES:
        raise Invalid(
            f"{state} units belong to a hold or an order; only {', '.join(sorted(HAND_STATES))} "
            "units can be changed by hand.",
            field=(argument,),
            details={"allowed": sorted(HAND_STATES)},
        )
