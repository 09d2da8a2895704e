"""Tracking numbers of parcels that ship: given by hand, or by a bought shipping label."""

from __future__ import annotations

import models.queries.orders.fulfillments as fulfillment_queries
from domain.access.callers import Caller
from domain.errors import AlreadyExists, Invalid
from domain.problems import Faults
from domain.values.codes import same_code
from models.fulfillments import FulfillmentRow
from workflows.access.visibility import sees_fulfillment
from workflows.transactions.transaction import Transaction

_NUMBER = ("input", "trackingNumber")


async def choose(
    tx: Transaction,
    row: FulfillmentRow,
    carrier: str | None,
    tracking_number: str | None,
    caller: Caller,
) -> tuple[str, str]:
    """The carrier and the tracking number under which a parcel ships, under its order's lock.

    A parcel with a bought label ships under the label's number. The number of a configured carrier
    names one order's parcel at a time. Raises Invalid if neither the caller nor a label gives the
    number, or if they differ; AlreadyExists if another order's parcel is on its way with it.
    """
    carrier = carrier or row["carrier"]
    number = tracking_number or row["tracking_number"]
    if carrier is None or number is None:
        message = "The parcel has no bought label, so this is required."
        names = {"carrier": carrier, "trackingNumber": number}
        missing = [name for name, value in names.items() if value is None]
        raise Faults(Invalid(message, field=("input", name)) for name in missing)
    check_label((row["carrier"], row["tracking_number"]), carrier, number)
    if any(same_code(carrier, each) for each in tx.terms.carriers):
        await fulfillment_queries.lock_number(tx.session, carrier, number)
        taken = await fulfillment_queries.shipped_elsewhere(
            tx.session, row["order_id"], carrier, number
        )
        if taken is not None:
            existing = str(taken) if await sees_fulfillment(tx.session, caller, taken) else None
            message = f"A parcel of another order is on its way with the number {number!r}."
            raise AlreadyExists("shipment", number, existing, message, field=_NUMBER)
    return carrier, number


def check_label(
    labeled: tuple[str | None, str | None], carrier: str | None, number: str | None
) -> None:
    """Raise Invalid unless a parcel ships under its bought label, if it has one.

    `labeled`: the carrier and the number of its label.
    """
    if labeled[0] is None or labeled[1] is None:
        return
    if not (same_code(carrier or "", labeled[0]) and same_code(number or "", labeled[1])):
        raise Invalid(
            f"The parcel has a label of {labeled[0]} with the number {labeled[1]}. Ship it under"
            " this number, or void the label first.",
            field=_NUMBER,
            details={"carrier": labeled[0], "trackingNumber": labeled[1]},
        )
