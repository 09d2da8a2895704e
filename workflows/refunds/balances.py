"""Balances of an order: the parts of its payments and lines that refunds take.

Read once under the order's lock by the workflow that opens refunds. Refunds opened or cancelled in
the transaction are added with `put`, so that later refunds of the transaction see them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import models.queries.refunds.refunds as refund_queries
import workflows.refunds.stored_values as stored_values
from domain.orders.orders import OrderStatus
from domain.refunds.balances import (
    Draw,
    LineUnits,
    PaymentBalance,
    left_by_part,
    refundable_of_order,
)
from domain.refunds.breakdowns import LineAccount, ShippingAccount
from domain.refunds.parts import NOTHING, Parts, RefundValue
from domain.refunds.states import UNDECIDED, WITHDRAWN, RefundStatus
from domain.values.money import Money
from models.queries.refunds.refunds import (
    CancelledTotalsRow,
    CapturedPaymentRow,
    RefundedUnitsRow,
)
from models.refunds import RefundRow
from workflows.orders.locked_orders import Line, LockedOrder
from workflows.transactions.transaction import Transaction

NONE: Collection[UUID] = frozenset()


@dataclass(slots=True)
class Balances:
    """An order's payments and refunds. The argument `excluded` names refunds to leave out."""

    order: LockedOrder
    payments: Sequence[CapturedPaymentRow]
    refunds: dict[UUID, RefundRow]
    units: list[RefundedUnitsRow]
    cancellations: CancelledTotalsRow

    @property
    def currency(self) -> str:
        return self.order.currency

    def put(self, refund: RefundRow, units: Collection[RefundedUnitsRow] = ()) -> None:
        """Store the present version of a refund; `units` replace the units that it had."""
        self.refunds[refund["id"]] = refund
        self.units = [each for each in self.units if each["refund_id"] != refund["id"]]
        self.units.extend(units)

    def live(self, excluded: Collection[UUID] = NONE) -> list[RefundRow]:
        """The refunds that count: succeeded and pending ones."""
        return [
            refund
            for refund in self.refunds.values()
            if refund["id"] not in excluded and RefundStatus(refund["status"]) not in WITHDRAWN
        ]

    def units_of(self, family_id: UUID) -> list[RefundedUnitsRow]:
        """The units in refunds that were opened together."""
        return [
            each for each in self.units if self.refunds[each["refund_id"]]["family_id"] == family_id
        ]

    def undecided(self) -> set[UUID]:
        """The refunds that wait for evidence or approval; nothing of them is booked yet."""
        return {row["id"] for row in self.refunds.values() if row["status"] in UNDECIDED}

    def cumulative(self, excluded: Collection[UUID] = NONE) -> Money:
        """Total amount of the order's refunds that count."""
        minor = sum(refund["amount_minor"] for refund in self.live(excluded))
        return Money(minor, self.currency)

    def of_payments(self, excluded: Collection[UUID] = NONE) -> list[PaymentBalance]:
        """Captured and drawn amount of each payment."""
        drawn: dict[UUID | None, int] = {}
        for refund in self.live(excluded):
            payment_id = refund["payment_id"]
            drawn[payment_id] = drawn.get(payment_id, 0) + refund["amount_minor"]
        return [
            PaymentBalance(
                row["reference"],
                row["amount_minor"],
                drawn.get(row["id"], 0),
                int(row["charged_back_minor"]),
            )
            for row in self.payments
        ]

    def payment_of(self, draw: Draw) -> UUID:
        """The id of the payment that a draw is on."""
        return next(row["id"] for row in self.payments if row["reference"] == draw.reference)

    def of_lines(self, excluded: Collection[UUID] = NONE) -> dict[UUID, LineAccount]:
        """Units and gross amounts of each line that refunds and cancellations have taken."""
        accounts = {line.id: _account(line) for line in self.order.lines}
        counted = {refund["id"] for refund in self.live(excluded)}
        for unit in self.units:
            if unit["refund_id"] in counted:
                line_id = unit["order_line_id"]
                accounts[line_id] = _add_unit(accounts[line_id], unit)
        return accounts

    def value_given(self, excluded: Collection[UUID] = NONE) -> Sequence[RefundValue]:
        """The value that refunds which count have taken from the order, cancellations aside."""
        return [
            stored_values.value_of(refund)
            for refund in self.live(excluded)
            if refund["cancellation_id"] is None
        ]

    def of_shipping(self, excluded: Collection[UUID] = NONE) -> ShippingAccount:
        """The part of the order's shipping fee and its tax that nothing has taken back yet."""
        given = [value.parts for value in self.value_given(excluded)]
        row, taken = self.order.row, self.cancellations
        return ShippingAccount(
            row["shipping_minor"]
            - int(taken["shipping_minor"])
            - sum(each.shipping_minor for each in given),
            row["shipping_tax_minor"]
            - int(taken["shipping_tax_minor"])
            - sum(each.shipping_tax_minor for each in given),
        )

    def left_minor_by_part(self, excluded: Collection[UUID] = NONE) -> Parts:
        """The booked value of the order's shipped units and shipping that is not refunded yet."""
        row, taken = self.order.row, self.cancellations
        shipping = Parts(
            0,
            0,
            row["shipping_minor"] - int(taken["shipping_minor"]),
            row["shipping_tax_minor"] - int(taken["shipping_tax_minor"]),
        )
        given = sum((value.parts for value in self.value_given(excluded)), NOTHING)
        return left_by_part(self._units_of_lines(), shipping, given)

    def kept_minor(self, excluded: Collection[UUID] = NONE) -> int:
        """Payments less chargebacks, refunds that count, and what cancellations owe besides."""
        paid = sum(row["amount_minor"] - int(row["charged_back_minor"]) for row in self.payments)
        return paid - self.cumulative(excluded).minor - self.unclaimed_minor()

    def live_minor(self, excluded: Collection[UUID] = NONE) -> int:
        """The value of the order that no cancellation and no refund has taken back."""
        given = sum(value.net_minor for value in self.value_given(excluded))
        return self.order.total_minor - int(self.cancellations["total_minor"]) - given

    def maximum_minor(self, excluded: Collection[UUID] = NONE) -> int:
        """The highest amount that may be refunded now, without deposits for units still to ship."""
        row = self.order.row
        return refundable_of_order(
            self._units_of_lines(),
            row["shipping_minor"] + row["shipping_tax_minor"],
            self.of_payments(excluded),
            kept_minor=self.order.account.deposit_minor,
            booked_minor=self.left_minor_by_part(excluded).total_minor + self.unclaimed_minor(),
            is_over=self.order.status is OrderStatus.CANCELLED,
        )

    def _units_of_lines(self) -> list[LineUnits]:
        return [
            LineUnits(
                net_minor=line.money.net_minor,
                tax_minor=line.money.tax_minor,
                units=line.money.quantity,
                left=line.left,
                cancelled=line.cancelled,
            )
            for line in self.order.lines
        ]

    def unclaimed_minor(self) -> int:
        """Amount owed by cancellations whose refunds were withdrawn, less later claims to it."""
        withdrawn = sum(
            refund["amount_minor"]
            for refund in self.refunds.values()
            if refund["cancellation_id"] is not None and RefundStatus(refund["status"]) in WITHDRAWN
        )
        claimed = sum(refund["owed_minor"] for refund in self.live())
        return withdrawn - claimed


def _account(line: Line) -> LineAccount:
    """A line's account before refunds."""
    money = line.money
    return LineAccount(
        line.id,
        line.sku,
        money.quantity,
        money.net_minor,
        money.tax_minor,
        units_so_far=line.cancelled,
        cancelled=line.cancelled,
    )


def _add_unit(account: LineAccount, unit: RefundedUnitsRow) -> LineAccount:
    return replace(
        account,
        units_so_far=account.units_so_far + unit["quantity"],
        net_so_far_minor=account.net_so_far_minor + unit["net_minor"],
        tax_so_far_minor=account.tax_so_far_minor + unit["tax_minor"],
    )


async def read(tx: Transaction, order: LockedOrder) -> Balances:
    """The balances of a locked order. Rows that this transaction has added are written first."""
    await tx.flush()
    return Balances(
        order,
        await refund_queries.payments_of(tx.session, order.id),
        {row["id"]: row for row in await refund_queries.refunds_of_order(tx.session, order.id)},
        list(await refund_queries.units_of_order(tx.session, order.id)),
        await refund_queries.cancelled_totals(tx.session, order.id),
    )


async def write(tx: Transaction, balances: Balances) -> None:
    """Write the amount that the order's refunds now draw on each payment."""
    await refund_queries.write_drawn(
        tx.session,
        [
            (row["id"], each.drawn_minor)
            for row, each in zip(balances.payments, balances.of_payments(), strict=True)
        ],
    )
