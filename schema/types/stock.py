"""Stock: levels by state, and movements."""

from datetime import datetime

import strawberry

from models.stock import StockLevelRow, StockMovementRow
from schema.context import Context
from schema.fields.edges import edge, node_edge
from schema.fields.enums import MovementKind, StockState
from schema.fields.money import Money
from schema.fields.node import Node, found_by
from schema.types.catalog import BinStock, Item, Location, ReasonCode, item_edge, location_edge
from server.projection.records import derived, made, many

_STATES = tuple(state.lower() for state in StockState)  # the columns


def _all_of(row: StockLevelRow) -> int:
    """The units of all states, written as a sum because it runs for each level of a page."""
    return (
        row["available"]
        + row["held"]
        + row["allocated"]
        + row["quality_control"]
        + row["quarantine"]
        + row["refurbishing"]
        + row["damaged"]
    )


def unbinned(row: StockLevelRow, unbooked: int) -> int:
    """The units on the shelf that are in no bin. Picks that are not booked leave bins first."""
    shelf = row["available"] + row["held"] + row["allocated"] - row["picked"]
    return shelf - row["binned"] - max(unbooked - row["binned"], min(unbooked, 0))


@found_by(lambda loaders: loaders.levels)
@strawberry.type
class StockLevel(Node):
    """Units of an item at a location, by state. Each unit is in exactly one state."""

    available: int
    """Units in stock and sellable; not held and not allocated."""
    held: int
    """Units claimed by live reservations."""
    allocated: int
    """Units claimed by placed orders."""
    quality_control: int
    """Units waiting for inspection."""
    quarantine: int
    """Units blocked from sale until a decision or a count."""
    refurbishing: int
    """Units being refurbished."""
    damaged: int
    """Units in stock, but not sellable."""
    safety_stock: int
    """Units of `available` that are never promised."""
    incoming: int
    """Units that are expected and not in stock."""
    picked: int = edge(
        lambda loaders: loaders.unbooked_picks,
        "id",
        made(lambda level, unbooked: level.row["picked"] + (unbooked or 0)),
    )
    """Units of `allocated` that are off the shelf: in a tote, packed or at the dock."""
    missing: int
    """Units of `quarantine` that are in doubt until they are counted."""
    unbinned: int = edge(
        lambda loaders: loaders.unbooked_picks,
        "id",
        made(lambda level, unbooked: unbinned(level.row, unbooked or 0)),
    )
    """Units on the shelf that are in no bin: available, held and allocated units, without the
    picked ones and those in bins.
    """
    bins: list[BinStock] = edge(lambda loaders: loaders.bins_of_level, "id", many(BinStock), rows=5)
    """Units in bins, in walk order."""
    on_hand: int = derived(lambda level: _all_of(level.row), of=_STATES)
    """Units in stock: the sum of the seven states."""
    updated_at: datetime
    item: Item = item_edge("item_id")
    location: Location = location_edge("location_id")


@found_by(lambda loaders: loaders.movements)
@strawberry.type
class StockMovement(Node):
    """A change of the state of units, or a change from or to outside. Movements never change."""

    kind: MovementKind
    from_state: StockState | None
    """State before; null: from outside, from a supplier, a customer or a found unit."""
    to_state: StockState | None
    """State after; null: to outside, to a customer, scrapped or lost."""
    quantity: int
    """Always positive."""
    reference: str | None
    """Reference of the delivery, or type and key of the object that caused the movement: `Order:…`;
    null: none.
    """
    actor: str = derived(lambda movement: _actor(movement.row, movement.context))
    """Actor of the change; without the permission `internals.read`, `staff` for others."""
    occurred_at: datetime
    value: Money | None = derived(lambda movement: _value(movement.row, movement.context))
    """Value at cost; null if not visible to the role."""
    item: Item = item_edge("item_id")
    location: Location = location_edge("location_id")
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")
    """Null if the operation needs none."""


def _actor(row: StockMovementRow, context: Context) -> str:
    return context.caller.shown_actor(row["actor"])


def _value(row: StockMovementRow, context: Context) -> Money | None:
    """The value, if the caller may see cost."""
    if not context.caller.may_see_cost():
        return None
    return Money.of_optional(row["value_minor"], row["value_currency"])
