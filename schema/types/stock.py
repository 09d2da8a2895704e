"""Stock: levels by state, movements, counts, and transfers between locations."""

from datetime import datetime
from typing import Annotated, cast

import strawberry
from strawberry import UNSET, argument

import models.queries.counts.reads as count_reads
from domain.access.callers import Caller
from domain.counts.states import CountLineStatus as LineStatus
from models.counts import StockCountRow
from models.database.rows import Flag
from models.queries.counts.reads import ShownAttemptRow, ShownCountLineRow
from models.queries.listing.collected import collected
from models.queries.reads.stock import LINES_OF_TRANSFER
from models.stock import StockLevelRow, StockMovementRow
from schema.context import Context, Info
from schema.fields.arguments import After, First, given
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import (
    AbcClass,
    CountCause,
    CountLineStatus,
    CountStatus,
    MovementKind,
    StockState,
    TransferStatus,
)
from schema.fields.money import Money
from schema.fields.node import Node, found_by
from schema.fields.paging import Connection, window
from schema.types.carriers import CarrierEvent, ShippingLabel
from schema.types.catalog import BinStock, Item, Location, ReasonCode, item_edge, location_edge
from server.projection.list_sizes import sized
from server.projection.records import Record, column, derived, made, many, one

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
    abc_class: AbcClass | None = edge(
        lambda loaders: loaders.counted_levels,
        "id",
        made(lambda _, row: None if row is None else row["abc_class"]),
    )
    """Class by the cost of the units that were shipped in 90 days; null before the first night."""
    last_counted_at: datetime | None = edge(
        lambda loaders: loaders.counted_levels,
        "id",
        made(lambda _, row: None if row is None else row["counted_at"]),
    )
    """Time of the last count that was booked; null: it was never counted."""
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
    actor: str = derived(lambda movement: _named(movement.row["actor"], movement.context))
    """Actor of the change; without the permission `internals.read`, `staff` for others."""
    occurred_at: datetime
    value: Money | None = derived(lambda movement: _value(movement.row, movement.context))
    """Value at cost; null if not visible to the role."""
    item: Item = item_edge("item_id")
    location: Location = location_edge("location_id")
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")
    """Null if the operation needs none."""


def _named(actor: str | None, context: Context) -> str | None:
    """The name of an actor as the caller reads it; None: there is none."""
    return None if actor is None else context.caller.shown_actor(actor)


def _value(row: StockMovementRow, context: Context) -> Money | None:
    """The value, if the caller may see cost."""
    if not context.caller.may_see_cost():
        return None
    return Money.of_optional(row["value_minor"], row["value_currency"])


def _sees_numbers(caller: Caller, blind: Flag, status: str) -> bool:
    """True if the caller may see what the books expect, and the difference to them."""
    return not blind or status == LineStatus.POSTED or caller.may("stock.approve")


def _shown_variance(row: ShownCountLineRow, context: Context) -> int | None:
    return row["variance"] if _sees_numbers(context.caller, row["blind"], row["status"]) else None


def _difference(row: ShownCountLineRow, context: Context) -> Money | None:
    caller = context.caller
    if not (caller.may_see_cost() and _sees_numbers(caller, row["blind"], row["status"])):
        return None
    return Money.of_optional(row["value_minor"], row["value_currency"])


def _expected(row: ShownAttemptRow, context: Context) -> int | None:
    return row["expected"] if _sees_numbers(context.caller, row["blind"], row["status"]) else None


@strawberry.type
class CountPlace(Record):
    """Units that were counted in one place."""

    counted: int
    """Units in this place."""
    bin: Location | None = node_edge("Location", "bin_id")
    """Null: outside the bins."""


@strawberry.type
class CountAttempt(Record):
    """One count of a level."""

    counted_by: str = derived(lambda attempt: _named(attempt.row["counted_by"], attempt.context))
    """Actor that counted; without the permission `internals.read`, `staff` for others."""
    at: datetime = column("counted_at")
    """Time of the record."""
    counted: int
    """Units in all places."""
    expected: int | None = derived(
        lambda attempt: _expected(attempt.row, attempt.context),
        of=("expected", "blind", "status"),
    )
    """Units on the shelf by the books, with the missing ones. Null while the count is blind to the
    caller.
    """
    places: list[CountPlace] = edge(
        lambda loaders: loaders.places_of_attempt, "id", many(CountPlace), rows=5
    )
    """Bins, and the units outside them."""


@found_by(lambda loaders: loaders.count_lines)
@strawberry.type
class StockCountLine(Node):
    """The count of one stock level. A level has at most one line that is not ended."""

    status: CountLineStatus
    variance: int | None = derived(lambda line: _shown_variance(line.row, line.context))
    """Units more than the books had; below 0: fewer. Null before the first attempt, and while the
    count is blind to the caller.
    """
    value: Money | None = derived(lambda line: _difference(line.row, line.context))
    """Value of the variance at cost; before it is posted an estimate, at price if the cost is
    unknown. Null as `variance` is, if it is unknown, or if cost is not visible to the role.
    """
    asked_again_because: str | None
    """Reason for which the level is counted again; null: it is not."""
    decided_by: str | None = derived(lambda line: _named(line.row["decided_by"], line.context))
    """Actor that approved the difference or asked for a recount; null: none. Without the permission
    `internals.read`, `staff` for others.
    """
    posted_at: datetime | None
    """Time at which the difference was booked; null: it is not."""
    attempts: list[CountAttempt] = edge(
        lambda loaders: loaders.attempts_of_line, "id", many(CountAttempt), rows=3
    )
    """Oldest first. An attempt during which units moved is shown, and does not count."""
    level: StockLevel = node_edge("StockLevel", "level_id")
    """Stock level that is counted."""
    count: Annotated["Node", TypeNamed("StockCount")] = node_edge("StockCount", "count_id")
    """Count that the line is a part of."""


@found_by(lambda loaders: loaders.stock_counts)
@strawberry.type
class StockCount(Node):
    """Levels of one location that are counted."""

    number: str
    """Number of the count, given by Restow."""
    cause: CountCause
    """Reason for the count."""
    status: CountStatus
    blind: bool
    """True: counters do not see what the books expect until the difference is booked."""
    created_by: str = derived(lambda count: _named(count.row["created_by"], count.context))
    """Actor that opened the count; `system` for a CYCLE count. Without the permission
    `internals.read`, `staff` for others.
    """
    created_at: datetime
    due_at: datetime | None
    """Time until which it is to be counted; null: none."""
    closed_at: datetime | None
    """Time at which it was done or cancelled; null: it is open."""
    line_count: int
    """Levels that are counted."""
    lines_done: int
    """Lines that are posted or cancelled."""
    location: Location = location_edge("location_id")

    @strawberry.field
    @sized(by="first")
    async def lines(
        self,
        info: Info,
        status: Annotated[
            CountLineStatus | None, argument(description="Only lines in this status.")
        ] = UNSET,
        first: First = UNSET,
        after: After = UNSET,
    ) -> Connection[StockCountLine]:
        """The lines, in the order of their creation."""
        session, scope = await info.context.opened()
        row = cast("StockCountRow", self.row)
        page = await count_reads.lines_of_count(
            session, scope, window(first, after, None, None), row["id"], status=given(status)
        )
        return Connection(page, StockCountLine.from_row, info.context)


@strawberry.type
class TransferLine(Record):
    """Units of an item in a transfer.

    `shipped` is the sum of `inTransit`, `received`, `damaged`, `cameBack` and `lost`.
    """

    sku: str
    requested: int
    """Units that the origin was asked for."""
    shipped: int
    """Units that left the origin."""
    in_transit: int
    """Units that are expected at the destination."""
    received: int
    """Units that arrived at the destination in good condition."""
    damaged: int
    """Units that arrived at the destination damaged."""
    came_back: int
    """Units that came back to the origin, in any condition."""
    lost: int
    """Units that were written off."""
    extra: int
    """Units that came beyond those that were in transit."""
    item: Item = item_edge("item_id")


@found_by(lambda loaders: loaders.transfers)
@strawberry.type
class Transfer(Node):
    """Units that one location sends to another."""

    number: str
    """Number for people, given by Restow."""
    reference: str | None
    """Reference in another system, unique at the origin; null: none was sent."""
    status: TransferStatus
    carrier: str | None
    """Carrier of the bought label, then the one under which it shipped; null: none."""
    tracking_number: str | None
    """Number of the bought label, then the one under which it shipped; null: none."""
    requested_at: datetime
    shipped_at: datetime | None
    """Null until shipped."""
    expected_by: datetime | None = column("expected_by_at")
    """Time at which the units are expected. Without a stated time: P3D after the shipment."""
    closed_at: datetime | None
    """Time at which it was closed or cancelled; null until then."""
    updated_at: datetime
    """Time of the last change."""
    origin: Location = location_edge("origin_id")
    """Location that sends the units."""
    destination: Location = location_edge("destination_id")
    """Location that gets the units."""
    lines: list[TransferLine] = edge(
        lambda loaders: loaders.lines_of_transfer,
        "id",
        many(TransferLine),
        join=collected(LINES_OF_TRANSFER),
    )
    label: ShippingLabel | None = edge(
        lambda loaders: loaders.label_of_transfer, "id", one(ShippingLabel)
    )
    """Its live label: REQUESTED, UNKNOWN or BOUGHT; null: none."""
    tracking: list[CarrierEvent] = edge(
        lambda loaders: loaders.tracking_of_transfer, "id", many(CarrierEvent), rows=5
    )
    """The carrier's events of its parcel, oldest first by the carrier's time."""
