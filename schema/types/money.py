"""Money as GraphQL shows it and takes it: an exact decimal and an ISO 4217 code."""

from decimal import Decimal

import strawberry

import domain.money
from domain.catalog import GivenMoney
from domain.errors import Invalid


@strawberry.type
class Money:
    """An amount of a currency, with all decimals that the currency has."""

    amount: Decimal
    currency_code: str

    @staticmethod
    def of(minor: int, currency: str) -> "Money":
        """An amount in minor units."""
        money = domain.money.Money(minor, currency)
        return Money(amount=domain.money.to_decimal(money), currency_code=currency)

    @staticmethod
    def of_optional(minor: int | None, currency: str | None) -> "Money | None":
        """The same; None where there is no amount."""
        return None if minor is None or currency is None else Money.of(minor, currency)


@strawberry.input
class MoneyInput:
    """An amount of a currency; more decimals than the currency has are refused, never rounded."""

    amount: Decimal
    currency_code: str

    def to_money(self, *field: str) -> domain.money.Money:
        """The exact amount. Raises Invalid below `field`, where this input stands."""
        try:
            return domain.money.parse(self.amount, self.currency_code)
        except Invalid as error:
            raise error.under(*field) from None

    def to_given(self) -> GivenMoney:
        """The amount as it was written, for a workflow that judges each row by itself."""
        return GivenMoney(self.amount, self.currency_code)
