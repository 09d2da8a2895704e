"""Money as integer minor units of one currency, and exact division of amounts.

Rounding is half-even everywhere. Floats are never used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import MAX_PREC, Context, Decimal
from functools import lru_cache
from typing import Final

from domain.errors import Invalid
from domain.values.currencies import DECIMALS

# Sums of thousands of such amounts stay within a signed 64-bit column.
MINOR_MAX: Final = 10**15
_EXACT: Final = Context(prec=MAX_PREC)


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` minor units (pennies, yen, fils) of `currency`; may be negative."""

    minor: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        """The sum; ValueError when the currencies differ."""
        self._same_currency_as(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """The difference; ValueError when the currencies differ."""
        self._same_currency_as(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __mul__(self, units: int) -> "Money":
        return Money(self.minor * units, self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same_currency_as(other)
        return self.minor < other.minor

    def __le__(self, other: "Money") -> bool:
        self._same_currency_as(other)
        return self.minor <= other.minor

    def __str__(self) -> str:
        """The amount with all decimals of the currency, such as `12.50 GBP`."""
        return f"{to_decimal(self)} {self.currency}"

    def _same_currency_as(self, other: "Money") -> None:
        # Callers check client input first; a mismatch here is a programming error.
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be combined")


def decimals_of(currency: str) -> int:
    """Number of decimals of `currency`; Invalid("currencyCode") unless ISO 4217 lists it."""
    decimals = DECIMALS.get(currency)
    if decimals is None:
        raise Invalid(f"{currency!r} is not an ISO 4217 currency code.", field=("currencyCode",))
    return decimals


def parse(amount: Decimal, currency: str) -> Money:
    """Parse a decimal amount exactly, by value: 1.50 and 1.500 GBP are equal.

    Raises Invalid (field `amount` or `currencyCode`) for an unknown currency, NaN and infinities,
    more decimals than the currency has (never rounded), and magnitudes above MINOR_MAX.
    """
    decimals = decimals_of(currency)
    if not amount.is_finite():
        raise Invalid("An amount must be a finite number.", field=("amount",))
    if not amount:
        return Money(0, currency)
    # Compare exponents before any arithmetic: 1E+999999 would allocate a million digits.
    if amount.adjusted() + decimals > len(str(MINOR_MAX)):
        raise _too_large(currency)
    minor = _minor_units(amount, decimals)
    if minor is None:
        raise Invalid(
            f"At most {decimals} decimals are allowed for {currency}; the amount has more.",
            field=("amount",),
            details={"currencyCode": currency, "decimals": decimals},
        )
    if abs(minor) > MINOR_MAX:
        raise _too_large(currency)
    return Money(minor, currency)


def to_decimal(money: Money) -> Decimal:
    """The amount with exactly the currency's decimals: Money(1250, "GBP") is 12.50."""
    return in_units(money.minor, money.currency)


# Cached: the same prices are formatted again and again.
@lru_cache(maxsize=4_096)
def in_units(minor: int, currency: str) -> Decimal:
    """The amount of `minor` minor units as a decimal with exactly the currency's decimals."""
    return Decimal(minor).scaleb(-decimals_of(currency), _EXACT)


def share(total_minor: int, part: int, whole: int) -> int:
    """`total_minor × part ÷ whole`, rounded half-even; `whole` is positive."""
    if whole <= 0:
        raise ValueError("a share needs a positive whole")
    quotient, remainder = divmod(total_minor * part, whole)
    twice = 2 * remainder
    is_up = twice > whole or (twice == whole and quotient % 2 == 1)
    return quotient + 1 if is_up else quotient


def part_due(total_minor: int, units_so_far: int, units: int, settled_minor: int) -> int:
    """The amount due for the units up to `units_so_far` of `units`, beyond the settled amount.

    round(total × units so far ÷ units) − settled so far. In any order and size of the parts, the
    last unit takes the remainder and the parts add up to `total_minor`.
    """
    return share(total_minor, units_so_far, units) - settled_minor


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Divide `total_minor` by `weights` (none negative) into parts that add up exactly.

    Each part is within one minor unit of its exact share. If all weights are zero they count as
    equal, so that no amount is lost. Without weights only a total of zero is accepted.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is negative")
    if not weights:
        if total_minor:
            raise ValueError("an amount other than zero needs at least one weight")
        return []
    shares = list(weights) if any(weights) else [1] * len(weights)
    whole, so_far, given, parts = sum(shares), 0, 0, []
    for weight in shares:
        so_far += weight
        part = part_due(total_minor, so_far, whole, given)
        given += part
        parts.append(part)
    return parts


def at_rate(total_minor: int, rate: Decimal) -> int:
    """`total_minor × rate`, rounded half-even to a whole minor unit."""
    numerator, denominator = rate.as_integer_ratio()
    return share(total_minor, numerator, denominator)


def _minor_units(amount: Decimal, decimals: int) -> int | None:
    """The amount in minor units, or None if that is not a whole number."""
    sign, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)  # finite
    text = "".join(map(str, digits)).rstrip("0")
    shift = exponent + (len(digits) - len(text)) + decimals
    if shift < 0:
        return None
    minor = int(text + "0" * shift)
    return -minor if sign else minor


def _too_large(currency: str) -> Invalid:
    return Invalid(
        f"At most {in_units(MINOR_MAX, currency)} {currency} is allowed; the amount is larger.",
        field=("amount",),
        details={"currencyCode": currency, "maximumMinor": MINOR_MAX},
    )
