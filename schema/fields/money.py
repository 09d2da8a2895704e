"""Money in GraphQL: an exact decimal and an ISO 4217 code."""

from decimal import Decimal
from typing import Any, Final

import strawberry

import domain.values.money
from domain.catalog.commands import GivenMoney
from domain.errors import Invalid
from schema.fields.unread import stand_in
from server.projection.records import Record, derived

# Any currency that exists: the amount is never used.
STAND_IN_CURRENCY: Final = "USD"


@strawberry.type
class Money:
    """An amount of money, with all decimals of its currency."""

    # Without a __dict__, fields are read without a look-up of Strawberry's cast marker.
    __slots__ = ("currency_code", "minor")

    amount: Decimal = derived(
        lambda money: domain.values.money.in_units(money.minor, money.currency_code)
    )
    """Amount in units of the currency with decimals, not in minor units: 12.50."""
    currency_code: str
    """ISO 4217."""
    minor: strawberry.Private[int]

    def __init__(self, minor: int, currency: str) -> None:
        self.minor = minor
        self.currency_code = currency

    @staticmethod
    def of(minor: int, currency: str) -> "Money":
        """An amount in minor units."""
        return Money(minor, currency)

    @staticmethod
    def of_optional(minor: int | None, currency: str | None) -> "Money | None":
        """An amount in minor units; None if there is none."""
        return None if minor is None or currency is None else Money.of(minor, currency)


def money(minor: str, currency: str) -> Any:
    """A field for an amount stored in two columns; null if there is none."""

    def amount(record: Record) -> Money | None:
        row = record.row
        units, code = row[minor], row[currency]
        return None if units is None or code is None else Money(units, code)

    return derived(amount, of=(minor, currency))


@strawberry.input
class MoneyInput:
    """An amount of money.

    An amount with more decimals than its currency is refused with INVALID, never rounded.
    """

    amount: Decimal
    """Amount in units of the currency with decimals, not in minor units: 12.50."""
    currency_code: str
    """ISO 4217."""

    def to_money(self, *field: str) -> domain.values.money.Money:
        """The exact amount. Invalid with a path below `field`, the path of this input."""
        try:
            return domain.values.money.parse(self.amount, self.currency_code)
        except Invalid as error:
            nothing = domain.values.money.Money(0, STAND_IN_CURRENCY)
            return stand_in(nothing, error.under(*field), field)

    def to_given(self) -> GivenMoney:
        """The amount as it was sent, for a workflow that validates each row separately."""
        return GivenMoney(self.amount, self.currency_code)
