"""Inputs and payload of the mutations on orders."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from domain.orders.fulfillment_holds import NewHold
from domain.values.money import Money
from schema.fields.addresses import AddressInput
from schema.fields.arguments import given
from schema.fields.enums import HoldReason
from schema.fields.errors import Payload, UserError
from schema.fields.money import MoneyInput
from schema.fields.node import required_uuid
from schema.types.orders import Order
from workflows.orders.cancellations import CancelLine, CancelOrder
from workflows.orders.commands import Address, NewLine, Payment, PlaceOrder

SERVICE_LEVEL_DEFAULT = "STANDARD"


def _money(value: MoneyInput | None, *field: str) -> Money | None:
    found = given(value)
    return None if found is None else found.to_money(*field)


def _address(address: AddressInput) -> Address:
    lines = given(address.lines)
    return Address(
        country_code=address.country_code,
        postal_code=given(address.postal_code),
        region=given(address.region),
        city=given(address.city),
        lines=None if lines is None else tuple(lines),
        name=given(address.name),
        phone=given(address.phone),
        email=given(address.email),
    )


@strawberry.input
class OrderLineInput:
    """Units of a SKU at a price. Several lines may have the same SKU."""

    sku: str
    quantity: int
    unit_price: MoneyInput
    """Price of one unit, before tax, in the channel's currency."""
    discount: MoneyInput | None = UNSET
    """Discount of the whole line."""
    tax: MoneyInput | None = UNSET
    """Tax of the whole line, in addition to `unitPrice`."""
    location_code: str | None = UNSET
    """Code of one of the channel's locations: the units come from there and from nowhere else.
    Absent: the ROUTING policy chooses. Where ROUTING is not LIVE, it is the first location in the
    channel's order that has units.
    """

    def to_line(self, *field: str) -> NewLine:
        """A line of the command."""
        return NewLine(
            self.sku,
            self.quantity,
            self.unit_price.to_money(*field, "unitPrice"),
            _money(self.discount, *field, "discount"),
            _money(self.tax, *field, "tax"),
            given(self.location_code),
        )


@strawberry.input
class PaymentInput:
    """A payment that was captured for the order."""

    reference: str
    """Reference of the payment at the gateway; refunds use it."""
    amount: MoneyInput

    def to_payment(self, *field: str) -> Payment:
        """A payment of the command."""
        return Payment(self.reference, self.amount.to_money(*field, "amount"))


@strawberry.input
class HoldInput:
    """A hold that forbids the steps of fulfillments until it is released."""

    reason: HoldReason
    note: str | None = UNSET
    """Free text for the staff; at most 2,000 characters."""
    until: datetime | None = UNSET
    """Time at which the clock releases it, after now; absent: it is released by hand."""

    def to_hold(self) -> NewHold:
        """A part of the command."""
        return NewHold(self.reason, given(self.note), given(self.until))


@strawberry.input
class OrderPlaceInput:
    """An order that a channel accepted."""

    channel: str
    """Code of the channel."""
    external_reference: str
    """Reference of the order in the shop, unique on the channel."""
    lines: list[OrderLineInput]
    reservation_id: ID | None = UNSET
    """A hold of this channel whose units the order takes. Missing units are taken from stock,
    surplus units are released.
    """
    customer_reference: str | None = UNSET
    """Opaque reference of the customer in the shop, without personal data."""
    ship_to: AddressInput | None = UNSET
    """Destination. Lead times depend on its country."""
    placed_at: datetime | None = UNSET
    """Time of the customer's order; absent: now. At most 5 minutes ahead, which counts as now, and
    without the permission `backdate` at most 24 hours back.
    """
    shipping: MoneyInput | None = UNSET
    """Shipping fee of the customer, before tax."""
    shipping_tax: MoneyInput | None = UNSET
    """Tax on `shipping`, in addition to it."""
    service_level: str | None = SERVICE_LEVEL_DEFAULT
    """Service level that selects the lead times: STANDARD, EXPRESS, …"""
    payments: list[PaymentInput] | None = UNSET
    """Captured payments; absent: one payment of the total, with the order number as its reference.
    """
    backorder: bool | None = False
    """False: refuse unless all units are found. True: backorder units that are not found."""
    note: str | None = UNSET
    """Free text for the staff of the shop; at most 2,000 characters."""
    tags: list[str] | None = UNSET
    """The shop's own marks; at most 20 of at most 64 characters. No rule reads them."""
    hold: HoldInput | None = UNSET
    """A hold of the whole order that is placed with it. FULFILLMENT policies may place others."""

    def to_command(self) -> PlaceOrder:
        """The command."""
        address, hold = given(self.ship_to), given(self.reservation_id)
        fulfillment_hold = given(self.hold)
        return PlaceOrder(
            channel=self.channel,
            external_reference=self.external_reference,
            lines=tuple(
                line.to_line("input", "lines", str(index)) for index, line in enumerate(self.lines)
            ),
            reservation_id=None
            if hold is None
            else required_uuid("Reservation", hold, "input", "reservationId"),
            customer_reference=given(self.customer_reference),
            ship_to=None if address is None else _address(address),
            placed_at=given(self.placed_at),
            shipping=_money(self.shipping, "input", "shipping"),
            shipping_tax=_money(self.shipping_tax, "input", "shippingTax"),
            service_level=self.service_level or SERVICE_LEVEL_DEFAULT,
            payments=self._payments(),
            backorder=bool(self.backorder),
            note=given(self.note),
            tags=tuple(given(self.tags) or ()),
            hold=None if fulfillment_hold is None else fulfillment_hold.to_hold(),
        )

    def _payments(self) -> tuple[Payment, ...] | None:
        payments = given(self.payments)
        if payments is None:
            return None
        return tuple(
            each.to_payment("input", "payments", str(index)) for index, each in enumerate(payments)
        )


@strawberry.input
class OrderCancelLineInput:
    """Units of one order line."""

    order_line_id: ID
    quantity: int


def cancel(order_id: ID, reason_code: str, lines: list[OrderCancelLineInput] | None) -> CancelOrder:
    """The command."""
    found = given(lines)
    return CancelOrder(
        order_id=required_uuid("Order", order_id, "id"),
        reason_code=reason_code,
        lines=(
            None
            if found is None
            else tuple(
                CancelLine(
                    required_uuid(
                        "OrderLine", line.order_line_id, "lines", str(index), "orderLineId"
                    ),
                    line.quantity,
                )
                for index, line in enumerate(found)
            )
        ),
    )


@strawberry.type
class OrderPayload(Payload):
    """The order; null if the mutation was refused.

    If the reference is used already, the order that has it.
    """

    order: Order | None
    replayed: bool
    user_errors: list[UserError]
