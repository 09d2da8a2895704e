"""Refunds of units that do not come back (lost or kept) and of shipping, opened by a person."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.errors import Invalid, NotFound
from domain.policies.policies import PolicyVersion
from domain.policies.refunds import RefundRules
from domain.problems import Problems
from domain.refunds.breakdowns import (
    NO_SHIPPING,
    Breakdown,
    LineAccount,
    UnitsToRefund,
    break_down,
    is_whole_order,
)
from domain.refunds.states import shipping_to_refund
from domain.stock.states import check_quantity
from workflows.orders.locked_orders import Line
from workflows.refunds.balances import Balances


@dataclass(frozen=True, slots=True)
class RefundLine:
    """Units of an order line to refund."""

    order_line_id: UUID
    quantity: int


def break_down_claim(
    found: Balances,
    lines: tuple[RefundLine, ...],
    policy: PolicyVersion[RefundRules],
    *,
    with_shipping: bool,
) -> Breakdown:
    """The value of these units, with their tax, and of the shipping.

    Shipping is included if it is asked for, and as the policy says if the last unit of the order is
    refunded. Raises NotFound or Invalid, with the field.
    """
    accounts = found.of_lines()
    units = _units(found, lines, accounts)
    decided = found.of_lines(found.undecided()).values()
    left = found.of_shipping() if found.order.has_shipped else NO_SHIPPING
    if with_shipping and left == NO_SHIPPING:
        raise Invalid(
            "No shipping is left to refund. It is refundable once a parcel was shipped.",
            field=("shipping",),
        )
    shipping = left
    if not with_shipping:
        is_whole = is_whole_order(units, decided)
        shipping = shipping_to_refund(policy.rules, left, is_whole_order=is_whole)
    return break_down(units, accounts, found.currency, shipping=shipping)


def _units(
    found: Balances, lines: tuple[RefundLine, ...], accounts: dict[UUID, LineAccount]
) -> list[UnitsToRefund]:
    """The units by line; at most those that have shipped and are in no refund that counts."""
    wanted: dict[UUID, int] = {}
    problems = Problems()
    for index, each in enumerate(lines):
        with problems.under("lines", str(index)):
            check_quantity(each.quantity)
            line = found.order.line(each.order_line_id)
            if line is None:
                raise NotFound("order line", str(each.order_line_id), field=("orderLineId",))
            wanted[line.id] = wanted.get(line.id, 0) + each.quantity
            left = _left(line, accounts[line.id])
            if wanted[line.id] > left:
                raise Invalid(
                    f"At most {left} shipped units of this line can be refunded;"
                    f" {wanted[line.id]} were sent.",
                    field=("quantity",),
                )
    problems.refuse()
    return [UnitsToRefund(line_id, quantity) for line_id, quantity in wanted.items()]


def _left(line: Line, account: LineAccount) -> int:
    return max(0, line.left - (account.units_so_far - account.cancelled))
