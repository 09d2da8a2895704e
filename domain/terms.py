"""Operator settings that rules depend on, passed to workflows as one value."""

from dataclasses import dataclass, field
from typing import Final

from domain.stock.reservations import HoldLimits


@dataclass(frozen=True, slots=True)
class Terms:
    """Settings that rules depend on; `app` builds it from the environment.

    `base_currency`: ISO 4217 code in which costs and inventory value are kept.
    """

    base_currency: str = "GBP"
    holds: HoldLimits = field(default_factory=HoldLimits)


DEFAULT_TERMS: Final = Terms()
