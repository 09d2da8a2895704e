"""Stock: levels by state, and the movements that made them."""

from datetime import datetime

import strawberry

from models.stock import StockLevelRow, StockMovementRow
from schema.context import Context
from schema.fields.edges import node_edge
from schema.fields.enums import MovementKind, StockState
from schema.fields.money import Money
from schema.fields.node import Node, found_by
from schema.types.catalog import Item, Location, ReasonCode, item_edge, location_edge
from server.projection.records import derived

_STATES = tuple(state.lower() for state in StockState)  # the columns


def _all_of(row: StockLevelRow) -> int:
    """The units of all states. Written out: it is asked for each level of a page."""
    return (
        row["available"]
        + row["held"]
        + row["allocated"]
        + row["quality_control"]
        + row["quarantine"]
        + row["refurbishing"]
        + row["damaged"]
    )


@found_by(lambda loaders: loaders.levels)
@strawberry.type
class StockLevel(Node):
    """Units of an item at a location, by state. A unit is in exactly one of them."""

    available: int
    """Physically here, sellable, claimed by nobody."""
    held: int
    """Claimed by live reservations."""
    allocated: int
    """Claimed by placed orders."""
    quality_control: int
    """Waiting for inspection."""
    quarantine: int
    """Set apart until somebody has decided or counted."""
    refurbishing: int
    """Being put right."""
    damaged: int
    """Here, but not sellable."""
    safety_stock: int
    """The part of `available` that is never promised."""
    incoming: int
    """Expected, not here."""
    on_hand: int = derived(lambda level: _all_of(level.row), of=_STATES)
    """All that is here: the sum of the seven states."""
    updated_at: datetime
    item: Item = item_edge("item_id")
    location: Location = location_edge("location_id")


@found_by(lambda loaders: loaders.movements)
@strawberry.type
class StockMovement(Node):
    """Units that went from one state to another, or from or to the outside. Never changed."""

    kind: MovementKind
    from_state: StockState | None
    """Null: from outside, as a supplier, a customer or a found unit."""
    to_state: StockState | None
    """Null: to the outside, as a customer, scrap or a lost unit."""
    quantity: int
    """Always positive."""
    reference: str | None
    """The delivery's own reference, or type and key of what moved the units: `Order:…`; null: none.
    """
    actor: str
    """Who did it."""
    occurred_at: datetime
    value: Money | None = derived(lambda movement: _value(movement.row, movement.context))
    """At cost; null for roles that may not see cost."""
    item: Item = item_edge("item_id")
    location: Location = location_edge("location_id")
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")
    """Null where the operation needs none."""


def _value(row: StockMovementRow, context: Context) -> Money | None:
    """The value, for callers who may see cost."""
    if not context.caller.may_see_cost():
        return None
    return Money.of_optional(row["value_minor"], row["value_currency"])
