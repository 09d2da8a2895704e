"""Limits of the figures of an integration, as a CONTINUITY policy states them."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class HealthRules:
    """Limits of the figures of an integration over five minutes."""

    degraded_error_rate: Decimal = Decimal("0.1")
    down_error_rate: Decimal = Decimal("0.5")
    failures_in_a_row: int = 5
    slow: timedelta = timedelta(seconds=2)
    backlog: timedelta = timedelta(minutes=2)


DEFAULT_HEALTH: Final = HealthRules()
