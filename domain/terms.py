"""What the operator has fixed for the whole house, handed to workflows as one value."""

from dataclasses import dataclass, field
from typing import Final

from domain.stock.reservations import HoldLimits


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that rules depend on; `app` makes it from the environment.

    `base_currency`: costs and inventory value are kept in it (ISO 4217).
    """

    base_currency: str = "GBP"
    holds: HoldLimits = field(default_factory=HoldLimits)


DEFAULT_TERMS: Final = Terms()
