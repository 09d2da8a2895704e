"""Stock: levels by state, and the movements that made them."""

from datetime import datetime

import strawberry

from models.sessions import Row
from schema.types.catalog import Item, Location, ReasonCode, item_edge, location_edge
from schema.types.enums import MovementKind, StockState
from schema.types.money import Money
from schema.types.node import Node, found_by, node_edge
from schema.types.records import derived

_STATES = tuple(state.lower() for state in StockState)  # the columns


def _all_of(row: Row) -> int:
    """The units of all states. Written out: it is asked for each level of a page."""
    units: int = (
        row["available"]
        + row["held"]
        + row["allocated"]
        + row["quality_control"]
        + row["quarantine"]
        + row["refurbishing"]
        + row["damaged"]
    )
    return units


@found_by(lambda loaders: loaders.levels)
@strawberry.type
class StockLevel(Node):
    """Units of an item at a location, by state; a unit is in exactly one of them.

    available: physically here, sellable, claimed by nobody; held: claimed by live reservations;
    allocated: claimed by placed orders; safetyStock: the part of available that routing never
    promises; incoming: expected, not here; onHand: all that is here.
    """

    available: int
    held: int
    allocated: int
    quality_control: int
    quarantine: int
    refurbishing: int
    damaged: int
    safety_stock: int
    incoming: int
    on_hand: int = derived(lambda level: _all_of(level.row), of=_STATES)
    updated_at: datetime
    item: Item = item_edge("item_id")
    location: Location = location_edge("location_id")


@found_by(lambda loaders: loaders.movements)
@strawberry.type
class StockMovement(Node):
    """Units that went from a state to a state; null is the outside. Never changed.

    `quantity` is always positive; `value` is at cost, null for roles that may not see cost.
    """

    kind: MovementKind
    from_state: StockState | None
    to_state: StockState | None
    quantity: int
    reference: str | None
    actor: str
    occurred_at: datetime
    value: Money | None = derived(lambda movement: _value(movement))
    item: Item = item_edge("item_id")
    location: Location = location_edge("location_id")
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")


def _value(movement: StockMovement) -> Money | None:
    """For those who may see cost."""
    if not movement.context.caller.may_see_cost():
        return None
    return Money.of_optional(movement.row["value_minor"], movement.row["value_currency"])
