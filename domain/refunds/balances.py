"""Refundable balance of an order, and the payments that a refund draws on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.errors import RefundExceedsBalance
from domain.refunds.parts import NOTHING, Parts
from domain.values.money import Money, share, to_decimal


@dataclass(frozen=True, slots=True)
class PaymentBalance:
    """A captured payment and the amount that succeeded and pending refunds draw on it.

    `charged_back_minor`: the amount that the customer's bank has taken back.
    """

    reference: str
    captured_minor: int
    drawn_minor: int = 0
    charged_back_minor: int = 0

    @property
    def left_minor(self) -> int:
        return max(0, self.captured_minor - self.charged_back_minor - self.drawn_minor)


@dataclass(frozen=True, slots=True)
class Draw:
    """The part of an amount that one refund draws on one payment."""

    reference: str
    amount_minor: int


def draw(amount: Money, payments: Sequence[PaymentBalance]) -> list[Draw]:
    """Split `amount` over as few payments as possible; each part becomes one refund.

    1. The first payment that can bear the whole amount.
    2. Else the payments with the largest balance first; of equal ones, the earlier.

    Raises RefundExceedsBalance if all payments together have less.
    """
    check_balance(amount, sum(payment.left_minor for payment in payments))
    if amount.minor <= 0:
        return []
    for payment in payments:
        if payment.left_minor >= amount.minor:
            return [Draw(payment.reference, amount.minor)]
    draws: list[Draw] = []
    left = amount.minor
    for payment in sorted(payments, key=lambda each: -each.left_minor):
        part = min(left, payment.left_minor)
        if part:
            draws.append(Draw(payment.reference, part))
            left -= part
    return draws


def check_balance(amount: Money, maximum_minor: int) -> None:
    """Raise RefundExceedsBalance unless `amount` is within the maximum."""
    if amount.minor > maximum_minor:
        maximum = Money(maximum_minor, amount.currency)
        raise RefundExceedsBalance(
            str(to_decimal(amount)),
            str(to_decimal(maximum)),
            amount.currency,
            field=("amount",),
        )


@dataclass(frozen=True, slots=True)
class LineValue:
    """An order line's total with tax, and its units that may be refunded.

    `refundable_units`: cancelled, shipped, delivered or lost. Units that are still to be shipped
    are owed as goods, not as money.
    """

    total_minor: int
    units: int
    refundable_units: int


def refundable_minor(
    lines: Iterable[LineValue],
    shipping_minor: int,
    payments: Iterable[PaymentBalance],
) -> int:
    """The most that may be refunded of an order now, in minor units; never negative.

    The lower of two bounds:

    - the payments' balances
    - the value of the refundable units minus what refunds already draw; `shipping_minor` (with its
      tax)
    counts once any unit may be refunded
    """
    counted = list(lines)
    settled = list(payments)
    value = sum(share(line.total_minor, line.refundable_units, line.units) for line in counted)
    if any(line.refundable_units for line in counted):
        value += shipping_minor
    drawn = sum(payment.drawn_minor for payment in settled)
    return max(0, min(sum(payment.left_minor for payment in settled), value - drawn))


@dataclass(frozen=True, slots=True)
class LineUnits:
    """An order line's net price and tax, and its units that have shipped or were cancelled."""

    net_minor: int
    tax_minor: int
    units: int
    left: int
    cancelled: int


def refundable_of_order(
    lines: Iterable[LineUnits],
    shipping_minor: int,
    payments: Iterable[PaymentBalance],
    *,
    kept_minor: int,
    booked_minor: int,
    is_over: bool,
) -> int:
    """The most that may be refunded of an order now, in minor units; never negative.

    `booked_minor`: what is left of the booked value (`left_by_part`), and what cancellations owe.
    `shipping_minor` counts if something has shipped, or nothing ever will (`is_over`). `kept_minor`
    is not refundable: deposits that live units need (only a cancellation refunds those), and
    amounts that cancellations still owe besides their refunds. Net and tax are separate values,
    because each is rounded separately.
    """
    counted, settled = list(lines), list(payments)
    values = [
        each
        for line in counted
        for minor in (line.net_minor, line.tax_minor)
        for each in _values(minor, line)
    ]
    is_due = is_over or any(line.left for line in counted)
    by_value = refundable_minor(values, shipping_minor if is_due else 0, settled)
    left = sum(payment.left_minor for payment in settled)
    return max(0, min(by_value, left - kept_minor, booked_minor))


def left_by_part(lines: Iterable[LineUnits], shipping: Parts, given: Parts) -> Parts:
    """The value of an order's shipped units and shipping that no refund takes back.

    `shipping`: the fee without what cancellations took; it counts once something has shipped.
    `given`: the parts of refunds that count.
    """
    counted, left = list(lines), NOTHING
    for line in counted:
        net = share(line.net_minor, line.left, line.units)
        left += Parts(net, share(line.tax_minor, line.left, line.units))
    if any(line.left for line in counted):
        left += shipping
    return (left - given).at_least_zero()


def _values(minor: int, line: LineUnits) -> tuple[LineValue, LineValue]:
    """The value of the units that have shipped, and of those that were cancelled."""
    cancelled = minor - share(minor, line.units - line.cancelled, line.units)
    return LineValue(minor, line.units, line.left), LineValue(cancelled, 1, min(1, line.cancelled))
