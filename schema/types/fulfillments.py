"""Fulfillments: the parcels of orders, one location each, and the walk of their pickers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry import ID

from domain.orders.fulfillment_holds import shown_reason
from domain.orders.walks import WalkStop
from models.fulfillments import FulfillmentHoldRow
from models.queries.listing.collected import collected
from models.queries.reads.bins import ShownBinRow
from models.queries.reads.fulfillments import LINES_OF_FULFILLMENT, SlipFacts
from schema.context import Context
from schema.fields.addresses import Address
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import FulfillmentStatus, HoldReason
from schema.fields.node import Node, encode, found_by, load_all
from schema.types.carriers import CarrierEvent, ShippingLabel
from schema.types.catalog import Item, Location, item_edge, location_edge
from server.projection.contexts import OperationContext
from server.projection.records import Record, column, derived, made, many, one


@strawberry.type
class FulfillmentLine(Record):
    """Units of one order line in a fulfillment."""

    order_line_id: ID = derived(
        lambda line: encode("OrderLine", line.row["order_line_id"]), of=("order_line_id",)
    )
    sku: str
    quantity: int
    picked: int
    """Units that are off the shelf: scanned, or picked without a scan."""
    packed: int
    """Picked units that are in the parcel."""
    item: Item = item_edge("item_id")
    order_line: Annotated["Node", TypeNamed("OrderLine")] = node_edge("OrderLine", "order_line_id")
    """Order line of the units."""


@strawberry.type
class SlipLine:
    """Units of an item on a packing slip."""

    sku: str
    name: str
    quantity: int


@strawberry.type
class PackingSlip:
    """The paper in a parcel. It states neither prices nor notes."""

    number: str
    """Number of the fulfillment."""
    order_number: str
    """Number of the order."""
    channel: str
    """Code of the channel."""
    ship_to: Address | None
    """Null: none was sent, or it was erased."""
    parcel: int
    """Place among the parcels of the order, from 1; 0 if the fulfillment is cancelled."""
    parcels: int
    """Number of parcels of the order so far, without cancelled ones."""
    lines: list[SlipLine]
    others: list[SlipLine]
    """Units of the order that are in other parcels or not allocated yet; not cancelled ones."""

    @staticmethod
    def from_facts(facts: SlipFacts) -> "PackingSlip":
        """The slip of a fulfillment."""
        return PackingSlip(
            number=facts.number,
            order_number=facts.order_number,
            channel=facts.channel,
            ship_to=None if facts.ship_to is None else Address.from_row(facts.ship_to),
            parcel=facts.parcel,
            parcels=facts.parcels,
            lines=[SlipLine(**row) for row in facts.lines],
            others=[SlipLine(**row) for row in facts.others],
        )


def _note(row: FulfillmentHoldRow, note: str | None, context: OperationContext) -> str | None:
    """A note of a hold: for staff, and for the actor that placed the hold."""
    caller = context.caller
    return note if caller.may_see_decisions() or caller.acts_as(row["placed_by"]) else None


def _reason(row: FulfillmentHoldRow, context: OperationContext) -> HoldReason:
    return shown_reason(HoldReason(row["reason"]), shows_risk=context.caller.may_see_risk())


def _name(actor: str | None, context: OperationContext) -> str | None:
    return None if actor is None else context.caller.shown_actor(actor)


@found_by(lambda loaders: loaders.fulfillment_holds)
@strawberry.type
class FulfillmentHold(Node):
    """A hold of an order or of one of its fulfillments: no step of the work is allowed under it.

    It is live until `releasedAt`.
    """

    reason: HoldReason = derived(lambda hold: _reason(hold.row, hold.context))
    """OTHER instead of FRAUD_RISK without the permission `internals.read`."""
    note: str | None = derived(lambda hold: _note(hold.row, hold.row["note"], hold.context))
    """Free text; the reasons in words if a policy placed it. Null: none, or another actor placed
    the hold and the role lacks the permission `internals.read`.
    """
    placed_by: str = derived(lambda hold: _name(hold.row["placed_by"], hold.context))
    """Actor that placed it, or `policy`; without the permission `internals.read`, `staff`."""
    placed_at: datetime
    """Time at which it was placed."""
    until: datetime | None = column("until_at")
    """Time at which the clock releases it; null: it is released by hand."""
    released_by: str | None = derived(lambda hold: _name(hold.row["released_by"], hold.context))
    """Actor that released it, `system` for the clock; null while it is live. Without the permission
    `internals.read`, `staff` for a person.
    """
    released_at: datetime | None
    """Null while it is live."""
    release_note: str | None = derived(
        lambda hold: _note(hold.row, hold.row["release_note"], hold.context)
    )
    """Free text of the actor that released it; null: none was sent, or hidden as `note` is."""
    order: Annotated["Node", TypeNamed("Order")] = node_edge("Order", "order_id")
    fulfillment: Annotated["Node", TypeNamed("Fulfillment")] | None = node_edge(
        "Fulfillment", "fulfillment_id"
    )
    """Null: it holds the whole order, later fulfillments included."""


@found_by(lambda loaders: loaders.fulfillments)
@strawberry.type
class Fulfillment(Node):
    """The units of an order that one location ships in one parcel."""

    number: str
    """Order number, a dash, and the place among the order's fulfillments, from 1. It stands on the
    packing slip.
    """
    status: FulfillmentStatus
    tote: str | None
    """Tote that holds the units, from the first scan that names one to shipping; else null."""
    carrier: str | None
    """Carrier of the bought label, then the one under which it shipped; null: none yet."""
    tracking_number: str | None
    """Number of the bought label, then the one under which it shipped; null: none yet."""
    shipped_at: datetime | None
    """Null until shipped."""
    delivered_at: datetime | None
    """Time of delivery, as reported by the carrier; null until then."""
    weight_grams: int | None
    """Weight of the packed parcel; null until it is stated."""
    length_mm: int | None
    """Length of the packed parcel; null until it is stated."""
    width_mm: int | None
    """Null until it is stated."""
    height_mm: int | None
    """Null until it is stated."""
    created_at: datetime
    updated_at: datetime
    """Time of the last change."""
    order: Annotated["Node", TypeNamed("Order")] = node_edge("Order", "order_id")
    location: Location = location_edge("location_id")
    lines: list[FulfillmentLine] = edge(
        lambda loaders: loaders.lines_of_fulfillment,
        "id",
        many(FulfillmentLine),
        join=collected(LINES_OF_FULFILLMENT),
    )
    """Lines without units left, cancelled or moved to another location, are omitted."""
    packing_slip: PackingSlip = edge(
        lambda loaders: loaders.packing_slips,
        "id",
        made(lambda _, facts: PackingSlip.from_facts(facts)),
    )
    """Content of the paper that is put into the parcel."""
    holds: list[FulfillmentHold] = edge(
        lambda loaders: loaders.holds_of_fulfillment, "id", many(FulfillmentHold), rows=2
    )
    """Live holds of the fulfillment and of its order, oldest first; none once it has shipped."""
    label: ShippingLabel | None = edge(
        lambda loaders: loaders.label_of_fulfillment, "id", one(ShippingLabel)
    )
    """Its live label: REQUESTED, UNKNOWN or BOUGHT; null: none."""
    tracking: list[CarrierEvent] = edge(
        lambda loaders: loaders.tracking_of_fulfillment, "id", many(CarrierEvent), rows=5
    )
    """The carrier's events of its number, oldest first by the carrier's time."""


@strawberry.type
class PickPart:
    """Units of a stop that are for one fulfillment."""

    fulfillment: Fulfillment
    quantity: int


@strawberry.type
class PickStop:
    """Units of an item to take at one place of a walk."""

    bin: Location | None
    """Null: the units are in no bin."""
    item: Item
    quantity: int
    parts: list[PickPart]
    """Fulfillments that the units are for, the most urgent first."""


async def walk_of(context: Context, stops: Sequence[WalkStop[ShownBinRow]]) -> list[PickStop]:
    """The stops with their objects."""
    item_ids: list[Any] = sorted({stop.item_id for stop in stops})
    bin_ids: list[Any] = sorted({stop.bin["bin_id"] for stop in stops if stop.bin is not None})
    parcel_ids: list[Any] = sorted({parcel for stop in stops for parcel, _ in stop.parts})
    items, bins, parcels = [
        {found.row["id"]: found for found in await load_all(context, name, keys)}
        for name, keys in (("Item", item_ids), ("Location", bin_ids), ("Fulfillment", parcel_ids))
    ]
    return [
        PickStop(
            bin=None if stop.bin is None else bins[stop.bin["bin_id"]],
            item=items[stop.item_id],
            quantity=stop.quantity,
            parts=[
                PickPart(fulfillment=parcels[key], quantity=units)
                for key, units in stop.parts
                if key in parcels
            ],
        )
        for stop in stops
    ]
