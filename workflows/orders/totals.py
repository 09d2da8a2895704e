"""Totals of an order and the payments captured for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from domain.errors import Invalid
from domain.orders.orders import LineMoney
from domain.problems import Problems
from domain.values.codes import check_stored, comparison_key
from domain.values.money import MINOR_MAX, Money
from workflows.orders.commands import NewLine, PlaceOrder

Path = tuple[str, ...]


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


def of_order(command: PlaceOrder, currency: str) -> OrderTotals:
    """Check all amounts of an order and add them up. Raises Invalid with the field, or Faults."""
    problems = Problems()
    lines = tuple(
        problems.each(
            partial(_line, line, currency, index) for index, line in enumerate(command.lines)
        )
    )
    shipping = problems.attempt(partial(_amount, command.shipping, currency, ("shipping",))) or 0
    tax_on_it = partial(_amount, command.shipping_tax, currency, ("shippingTax",))
    shipping_tax = problems.attempt(tax_on_it) or 0
    problems.refuse()
    total = sum(line.total_minor for line in lines) + shipping + shipping_tax
    if total > MINOR_MAX:
        raise Invalid(
            f"The order total must be at most {MINOR_MAX} minor units; it is {total}.",
            field=("lines",),
        )
    payments = _payments(command, currency, total)
    return OrderTotals(lines, shipping, shipping_tax, total, payments)


def _line(line: NewLine, currency: str, index: int) -> LineMoney:
    path = ("lines", str(index))
    price = _amount(line.unit_price, currency, (*path, "unitPrice"))
    discount = _amount(line.discount, currency, (*path, "discount"))
    tax = _amount(line.tax, currency, (*path, "tax"))
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
    return LineMoney(line.quantity, price, discount, tax)


def _amount(money: Money | None, currency: str, path: Path) -> int:
    if money is None:
        return 0
    if money.currency != currency:
        raise Invalid(
            f"Amounts must be in {currency}, the channel's currency; {money.currency} was sent.",
            field=(*path, "currencyCode"),
            details={"allowed": [currency]},
        )
    if money.minor < 0:
        raise Invalid("An amount must not be negative.", field=(*path, "amount"))
    return money.minor


def _payments(command: PlaceOrder, currency: str, total: int) -> tuple[tuple[str | None, int], ...]:
    if command.payments is None:
        return ((None, total),) if total else ()
    seen: set[str] = set()
    payments: list[tuple[str | None, int]] = []
    for index, payment in enumerate(command.payments):
        path = ("payments", str(index))
        amount = _amount(payment.amount, currency, (*path, "amount"))
        if amount == 0:
            raise Invalid(
                "The amount of a payment must be greater than 0.",
                field=(*path, "amount", "amount"),
            )
        check_stored(payment.reference, *path, "reference")
        key = comparison_key(payment.reference)
        if key in seen:
            raise Invalid(
                "Each payment of an order needs a reference of its own.",
                field=(*path, "reference"),
            )
        seen.add(key)
        payments.append((payment.reference, amount))
    if sum(amount for _, amount in payments) > total:
        raise Invalid(
            "The payments must not exceed the order total.",
            field=("payments",),
            details={"total": str(Money(total, currency))},
        )
    return tuple(payments)
