"""Inputs, commands and payloads of the mutations on fulfillments and of carrier events."""

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import ID, UNSET

from domain.orders.parcels import PackedParcel, ParcelSize, ParcelUnits
from domain.values.codes import same_code
from schema.context import Context
from schema.errors import user_errors
from schema.fields.arguments import given
from schema.fields.enums import CarrierStatus, QueueKind
from schema.fields.errors import Payload, UserError
from schema.fields.node import NO_OBJECT, load_all, prime, required_uuid, uuid_in
from schema.mutations.orders import HoldInput
from schema.types.fulfillments import Fulfillment, FulfillmentHold
from schema.types.returns import Return
from schema.types.stock import Transfer
from workflows.carriers.commands import RecordCarrierEvent
from workflows.orders.fulfillment_holds import ReleaseFulfillment
from workflows.orders.hold_subjects import HoldFulfillment
from workflows.orders.shipments import ShipFulfillment
from workflows.transactions.outcomes import Outcome
from workflows.warehouse.dispatch import DispatchParcels
from workflows.warehouse.packing import PackFulfillment
from workflows.warehouse.parcels import SplitFulfillment
from workflows.warehouse.picking import PickFulfillment, Shortage
from workflows.warehouse.reroutes import RerouteFulfillment
from workflows.warehouse.scanned_parcels import Scan, ScanUnits


@strawberry.input
class FulfillmentShipInput:
    """A parcel that was handed to its carrier."""

    fulfillment_id: ID
    carrier: str | None = UNSET
    """Absent: the carrier of its bought label."""
    tracking_number: str | None = UNSET
    """Absent: the number of its bought label. A parcel with a bought label ships under no other."""
    shipped_at: datetime | None = UNSET
    """Time of handover; absent: now. Not before the order was placed. At most 5 minutes ahead,
    which counts as now; without the permission `backdate` at most 24 hours back.
    """

    def to_command(self) -> ShipFulfillment:
        """The command."""
        return ShipFulfillment(
            fulfillment_id=required_uuid(
                "Fulfillment", self.fulfillment_id, "input", "fulfillmentId"
            ),
            carrier=given(self.carrier),
            tracking_number=given(self.tracking_number),
            shipped_at=given(self.shipped_at),
        )


@strawberry.type
class FulfillmentPayload(Payload):
    """The fulfillment that the mutation names; null if it was refused, or names several."""

    fulfillment: Fulfillment | None
    fulfillments: list[Fulfillment]
    """All fulfillments that the mutation made or changed and the caller may see."""
    replayed: bool
    user_errors: list[UserError]


@strawberry.input
class ShortageInput:
    """Units of an order line that were not found."""

    order_line_id: ID
    quantity: int

    def to_shortage(self, *field: str) -> Shortage:
        """A part of the command."""
        line_id = required_uuid("OrderLine", self.order_line_id, *field, "orderLineId")
        return Shortage(line_id, self.quantity)


def pick(fulfillment_id: ID, shortages: list[ShortageInput] | None) -> PickFulfillment:
    """The command."""
    return PickFulfillment(
        fulfillment_id=required_uuid("Fulfillment", fulfillment_id, "fulfillmentId"),
        shortages=tuple(
            each.to_shortage("shortages", str(index))
            for index, each in enumerate(given(shortages) or ())
        ),
    )


@strawberry.input
class FulfillmentUnitsInput:
    """Units of an order line in a fulfillment."""

    order_line_id: ID
    quantity: int

    def to_units(self, *field: str) -> ParcelUnits:
        """A part of the command."""
        line_id = required_uuid("OrderLine", self.order_line_id, *field, "orderLineId")
        return ParcelUnits(line_id, self.quantity)


def _line_units(units: list[FulfillmentUnitsInput], *field: str) -> tuple[ParcelUnits, ...]:
    return tuple(each.to_units(*field, str(index)) for index, each in enumerate(units))


@strawberry.input
class ParcelInput:
    """A packed parcel. Its largest weight is a setting of the operator: 31,500 grams by default."""

    units: list[FulfillmentUnitsInput] | None = UNSET
    """Absent: all units of the fulfillment, which are then packed in one parcel."""
    weight_grams: int | None = UNSET
    """From 1 gram to the setting of the operator."""
    length_mm: int | None = UNSET
    """At most 10 meters."""
    width_mm: int | None = UNSET
    """At most 10 meters."""
    height_mm: int | None = UNSET
    """At most 10 meters."""

    def to_parcel(self, *field: str) -> PackedParcel:
        """A part of the command."""
        units = given(self.units)
        return PackedParcel(
            units=None if units is None else _line_units(units, *field, "units"),
            size=ParcelSize(
                given(self.weight_grams),
                given(self.length_mm),
                given(self.width_mm),
                given(self.height_mm),
            ),
        )


def pack(fulfillment_id: ID, parcels: list[ParcelInput] | None) -> PackFulfillment:
    """The command."""
    sent = given(parcels)
    return PackFulfillment(
        fulfillment_id=required_uuid("Fulfillment", fulfillment_id, "fulfillmentId"),
        parcels=(
            None
            if sent is None
            else tuple(each.to_parcel("parcels", str(index)) for index, each in enumerate(sent))
        ),
    )


@strawberry.input
class ScanInput:
    """Scanned units of an item."""

    code: str
    """SKU of the item, or another code of it."""
    quantity: int | None = 1
    """Number of scans; below 0: units that are put back."""
    fulfillment_id: ID | None = UNSET
    tote: str | None = UNSET
    """Tote that the units are put into. The first scan with a tote binds it to the fulfillment.
    Without `fulfillmentId` the units are for the fulfillment in the tote, else for the first of the
    caller's claimed tasks that asks for the item.
    """
    bin_code: str | None = UNSET
    """Bin that the units are taken from, or put back into; absent: as they lie on the walk."""

    def to_scan(self) -> Scan:
        """A part of the command. An id that names nothing is refused with its scan."""
        named = given(self.fulfillment_id)
        return Scan(
            code=self.code,
            quantity=1 if self.quantity is None else self.quantity,
            fulfillment_id=(None if named is None else uuid_in("Fulfillment", named) or NO_OBJECT),
            tote=given(self.tote),
            bin_code=given(self.bin_code),
        )


def scan(location_code: str, queue: QueueKind, scans: list[ScanInput]) -> ScanUnits:
    """The command."""
    return ScanUnits(location_code, queue, tuple(each.to_scan() for each in scans))


@strawberry.type
class ScanResult:
    """Effect of a scan that was counted."""

    fulfillment: Fulfillment
    sku: str
    quantity: int
    """Units that were counted; below 0: put back."""
    remaining: int
    """Units of this item that this fulfillment still asks for."""
    complete: bool
    """True: this step asks for no more units of the fulfillment."""
    bin_emptied: bool
    """True: by the books the named bin is empty now. Look into it."""


@strawberry.type
class FulfillmentScanPayload(Payload):
    """Results in the order of the scans; null for a scan that was refused."""

    results: list[ScanResult | None]
    """Null for a scan that was refused."""
    replayed: bool
    user_errors: list[UserError]


async def scan_payload(context: Context, outcome: Outcome) -> FulfillmentScanPayload:
    """The payload of scans, with the present state of their fulfillments."""
    found = outcome.refs.get("results") or []
    keys = dict.fromkeys(UUID(each["fulfillment"]) for each in found if each is not None)
    for key in keys:
        # The caller sees the location and the channel of each parcel that it scans.
        if str(key) in outcome.created_rows:
            prime(context, "Fulfillment", key, outcome.created_rows[str(key)])
    loaded: list[Fulfillment] = await load_all(context, "Fulfillment", list(keys))
    parcels = {parcel.row["id"]: parcel for parcel in loaded}
    results = []
    for each in found:
        parcel = None if each is None else parcels.get(UUID(each["fulfillment"]))
        results.append(
            None
            if each is None or parcel is None
            else ScanResult(
                fulfillment=parcel,
                sku=each["sku"],
                quantity=each["quantity"],
                remaining=each["remaining"],
                complete=each["complete"],
                bin_emptied=each["binEmptied"],
            )
        )
    return FulfillmentScanPayload(
        results=results, replayed=outcome.replayed, user_errors=user_errors(outcome)
    )


def dispatch(location_code: str, codes: list[str], shipped_at: datetime | None) -> DispatchParcels:
    """The command."""
    return DispatchParcels(location_code, tuple(codes), given(shipped_at))


def split(fulfillment_id: ID, units: list[FulfillmentUnitsInput]) -> SplitFulfillment:
    """The command."""
    found = required_uuid("Fulfillment", fulfillment_id, "id")
    return SplitFulfillment(found, _line_units(units, "units"))


def reroute(fulfillment_id: ID, location_code: str, note: str) -> RerouteFulfillment:
    """The command."""
    found = required_uuid("Fulfillment", fulfillment_id, "id")
    return RerouteFulfillment(found, location_code, note)


def hold(order_id: ID | None, fulfillment_id: ID | None, hold: HoldInput) -> HoldFulfillment:
    """The command. Raises NotFound."""
    order, parcel = given(order_id), given(fulfillment_id)
    return HoldFulfillment(
        order_id=None if order is None else required_uuid("Order", order, "orderId"),
        fulfillment_id=(
            None if parcel is None else required_uuid("Fulfillment", parcel, "fulfillmentId")
        ),
        hold=hold.to_hold(),
    )


def release(hold_id: ID, note: str | None) -> ReleaseFulfillment:
    """The command. Raises NotFound."""
    return ReleaseFulfillment(required_uuid("FulfillmentHold", hold_id, "holdId"), given(note))


@strawberry.type
class HoldPayload(Payload):
    """A hold that was placed or released."""

    hold: FulfillmentHold | None
    """Null if the mutation was refused."""
    replayed: bool
    user_errors: list[UserError]


@strawberry.input
class CarrierEventInput:
    """A tracking event of a carrier."""

    carrier: str
    tracking_number: str
    event_id: str
    """Id of the event, given by the carrier; unique with the carrier and the tracking number. An
    event that was recorded before changes nothing.
    """
    status: CarrierStatus
    occurred_at: datetime
    """Time of the event. Events may arrive in any order. An effect is dated when the parcel was
    shipped if the event is dated earlier.
    """

    def to_command(self) -> RecordCarrierEvent:
        """The command."""
        return RecordCarrierEvent(
            carrier=self.carrier,
            tracking_number=self.tracking_number,
            event_reference=self.event_id,
            status=self.status,
            occurred_at=self.occurred_at,
        )


@strawberry.type
class CarrierEventPayload(Payload):
    """Objects with this tracking number."""

    fulfillment: Fulfillment | None
    """Fulfillment of an outbound parcel; null if the parcel comes back."""
    return_: Return | None = strawberry.field(name="return")
    """Return that the parcel belongs to; null: none."""
    transfer: Transfer | None
    """Transfer whose parcel it is; null: none."""
    replayed: bool
    user_errors: list[UserError]


def _is_same(number: str | None, given: str) -> bool:
    return number is not None and same_code(number, given)


async def bringing_back(
    context: Context, parcel: Fulfillment, tracking_number: str
) -> Return | None:
    """The newest return of the parcel's order with the same tracking number."""
    rows = await context.loaders.returns_of_order.load(parcel.row["order_id"]) or []
    found: list[Return] = await load_all(context, "Return", [row["id"] for row in rows])
    same = [each for each in found if _is_same(each.tracking_number, tracking_number)]
    return same[-1] if same else None
