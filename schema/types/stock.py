"""Stock: levels by state, and the movements that made them."""

from datetime import datetime

import strawberry

from models.sessions import Row
from schema.context import Context, Info
from schema.types.catalog import Item, Location, ReasonCode, item_of, location_of
from schema.types.enums import MovementKind, StockState
from schema.types.money import Money
from schema.types.node import Node, encode, found_by, load

_STATES = (
    "available",
    "held",
    "allocated",
    "quality_control",
    "quarantine",
    "refurbishing",
    "damaged",
)


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
    on_hand: int
    updated_at: datetime
    item_id: strawberry.Private[int]
    location_id: strawberry.Private[int]

    @strawberry.field
    async def item(self, info: Info) -> Item:
        """What lies here."""
        return await item_of(info.context, self.item_id)

    @strawberry.field
    async def location(self, info: Info) -> Location:
        """Where it lies."""
        return await location_of(info.context, self.location_id)

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "StockLevel":
        """A row of stock_level."""
        return cls(
            id=encode("StockLevel", row["id"]),
            **{state: row[state] for state in _STATES},
            safety_stock=row["safety_stock"],
            incoming=row["incoming"],
            on_hand=sum(row[state] for state in _STATES),
            updated_at=row["updated_at"],
            item_id=row["item_id"],
            location_id=row["location_id"],
        )


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
    value: Money | None
    item_id: strawberry.Private[int]
    location_id: strawberry.Private[int]
    reason_id: strawberry.Private[int | None]

    @strawberry.field
    async def item(self, info: Info) -> Item:
        """What was moved."""
        return await item_of(info.context, self.item_id)

    @strawberry.field
    async def location(self, info: Info) -> Location:
        """Where it was moved."""
        return await location_of(info.context, self.location_id)

    @strawberry.field
    async def reason(self, info: Info) -> ReasonCode | None:
        """Why, where a person gave a reason."""
        found: ReasonCode | None = await load(info.context, "ReasonCode", self.reason_id)
        return found

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "StockMovement":
        """A row of stock_movement; its value only for those who may see cost."""
        value = Money.of_optional(row["value_minor"], row["value_currency"])
        return cls(
            id=encode("StockMovement", row["id"]),
            kind=MovementKind(row["kind"]),
            from_state=_state(row["from_state"]),
            to_state=_state(row["to_state"]),
            quantity=row["quantity"],
            reference=row["reference"],
            actor=row["actor"],
            occurred_at=row["occurred_at"],
            value=value if context.caller.may_see_cost() else None,
            item_id=row["item_id"],
            location_id=row["location_id"],
            reason_id=row["reason_id"],
        )


def _state(name: str | None) -> StockState | None:
    return None if name is None else StockState(name)
