"""COUNT policy: blind counts, differences that are counted again, and the cycle of counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import domain.policies.limits as limits
from domain.policies.limits import NO_LIMITS, AmountLimits
from domain.policies.reading import Value
from domain.values.money import Money

UNITS_MAX: Final = 1_000_000_000
PER_DAY_MAX: Final = 10_000
CYCLE_CLASSES: Final = ("A", "B", "C")


@dataclass(frozen=True, slots=True)
class RecountLimits:
    """Largest difference that one attempt may book; None and no limits: any.

    A difference of unknown value is compared by its units only.
    """

    units: int | None
    value: AmountLimits

    def are_passed_by(self, units: int, value: Money | None) -> bool:
        """True if a difference of these units and this value must be counted again."""
        if self.units is not None and units > self.units:
            return True
        return value is not None and self.value.is_passed_by(value)


ANY_DIFFERENCE: Final = RecountLimits(None, NO_LIMITS)


@dataclass(frozen=True, slots=True)
class Cycle:
    """Time after which a level of each class is counted again, and counts a day and location."""

    periods: Mapping[str, timedelta]
    per_day: int


@dataclass(frozen=True, slots=True)
class CountRules:
    """A parsed COUNT policy.

    `blind`: counters do not see what the books expect. `cycle` None: levels are counted only when a
    person asks for it, or units are in doubt.
    """

    blind: bool
    recount_above: RecountLimits
    cycle: Cycle | None


def parse(rules: Value) -> CountRules:
    """Parse a COUNT document; raises its faults with their paths."""
    return rules.record(
        lambda members: CountRules(
            blind=members.get("blind", Value.flag, True),
            recount_above=members.get("recountAbove", _limits, ANY_DIFFERENCE),
            cycle=members.maybe("cycle", _cycle),
        ),
        optional="blind recountAbove cycle",
    )


def _limits(value: Value) -> RecountLimits:
    return value.record(
        lambda members: RecountLimits(
            members.maybe("units", lambda each: each.integer(0, UNITS_MAX)),
            members.get("value", limits.parse, NO_LIMITS),
        ),
        optional="units value",
    )


def _cycle(value: Value) -> Cycle:
    return value.record(
        lambda members: Cycle(
            {name: members.read(name, Value.positive_duration) for name in CYCLE_CLASSES},
            members.read("perDay", lambda each: each.integer(1, PER_DAY_MAX)),
        ),
        " ".join((*CYCLE_CLASSES, "perDay")),
    )
