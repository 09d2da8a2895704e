"""Totals of an order and the payments captured for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from domain.errors import Invalid, Path
from domain.orders.orders import LineMoney
from domain.problems import Problems
from domain.values.codes import check_stored, comparison_key
from domain.values.money import MINOR_MAX, Money
from workflows.orders.commands import NewLine, PlaceOrder


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """Amounts of an order in minor units. `payments`: (reference, amount) of each payment.

    The reference is None for the only payment of an order that was sent without payments. That
    payment gets the order's number as its reference.
    """

    lines: tuple[LineMoney, ...]
    shipping_minor: int
    shipping_tax_minor: int
    total_minor: int
    payments: tuple[tuple[str | None, int], ...]

    @property
    def paid_minor(self) -> int:
        return sum(amount for _, amount in self.payments)


def check_amounts(command: PlaceOrder, currency: str) -> None:
    """Check each amount of an order by itself. Raises Invalid with the field, or Faults."""
    problems = Problems()
    for money, path in _amounts(command):
        if money is not None:
            with problems.under(*path):
                _check_amount(money, currency)
    problems.refuse()


def _amounts(command: PlaceOrder) -> Iterator[tuple[Money | None, Path]]:
    """The amounts of an order, each with its path."""
    for index, line in enumerate(command.lines):
        path = ("lines", str(index))
        yield line.unit_price, (*path, "unitPrice")
        yield line.discount, (*path, "discount")
        yield line.tax, (*path, "tax")
    yield command.shipping, ("shipping",)
    yield command.shipping_tax, ("shippingTax",)
    for index, payment in enumerate(command.payments or ()):
        yield payment.amount, ("payments", str(index), "amount")


def of_order(command: PlaceOrder, currency: str) -> OrderTotals:
    """Check all amounts of an order and add them up. Raises Invalid with the field, or Faults."""
    check_amounts(command, currency)
    problems = Problems()
    lines = tuple(
        problems.each(partial(_line, line, index) for index, line in enumerate(command.lines))
    )
    problems.refuse()
    shipping, shipping_tax = _minor(command.shipping), _minor(command.shipping_tax)
    total = sum(line.total_minor for line in lines) + shipping + shipping_tax
    if total > MINOR_MAX:
        raise Invalid(
            f"The order total must be at most {MINOR_MAX} minor units; it is {total}.",
            field=("lines",),
        )
    payments = _payments(command, currency, total)
    return OrderTotals(lines, shipping, shipping_tax, total, payments)


def _line(line: NewLine, index: int) -> LineMoney:
    path = ("lines", str(index))
    price, discount = line.unit_price.minor, _minor(line.discount)
    if price * line.quantity > MINOR_MAX:
        raise Invalid(
            f"The amount of a line must be at most {MINOR_MAX} minor units;"
            f" it is {price * line.quantity}.",
            field=path,
        )
    if discount > price * line.quantity:
        raise Invalid(
            "The discount must not exceed the amount of the line.", field=(*path, "discount")
        )
    return LineMoney(line.quantity, price, discount, _minor(line.tax))


def _minor(money: Money | None) -> int:
    return 0 if money is None else money.minor


def _check_amount(money: Money, currency: str) -> None:
    if money.currency != currency:
        raise Invalid(
            f"Amounts must be in {currency}, the channel's currency; {money.currency} was sent.",
            field=("currencyCode",),
            details={"allowed": [currency]},
        )
    if money.minor < 0:
        raise Invalid("An amount must not be negative.", field=("amount",))


def _payments(command: PlaceOrder, currency: str, total: int) -> tuple[tuple[str | None, int], ...]:
    if command.payments is None:
        return ((None, total),) if total else ()
    seen: set[str] = set()
    problems = Problems()
    for index, payment in enumerate(command.payments):
        path = ("payments", str(index))
        with problems.under(*path, "amount", "amount"):
            if payment.amount.minor == 0:
                raise Invalid("The amount of a payment must be greater than 0.")
        with problems.under(*path, "reference"):
            check_stored(payment.reference)
            key = comparison_key(payment.reference)
            if key in seen:
                raise Invalid("Each payment of an order needs a reference of its own.")
            seen.add(key)
    problems.refuse()
    payments = tuple((each.reference, each.amount.minor) for each in command.payments)
    if sum(amount for _, amount in payments) > total:
        raise Invalid(
            "The payments must not exceed the order total.",
            field=("payments",),
            details={"total": str(Money(total, currency))},
        )
    return payments
