"""The decision about a count of a level: posted, counted again, or shown to a person.

The rules are asked in this order; the first that applies decides:

1. No difference: POSTED.
2. The shelf may have changed during the count: RECOUNT, by anybody. The attempt does not count.
3. The difference is above the limits of the COUNT policy, and no earlier attempt found the same:
   RECOUNT by another person. After the third attempt: NEEDS_APPROVAL.
4. The value of the difference is above the ADJUSTMENT policy: NEEDS_APPROVAL.
5. POSTED.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.counts.states import CountLineStatus
from domain.policies.counts import RecountLimits
from domain.values.money import Money

# Independent attempts after which a person decides.
ATTEMPTS_MAX: Final = 3

SHELF_MOVED: Final = "Units came onto the shelf or left it, or their bins changed, since the claim."
PICK_IN_PROGRESS: Final = "A worker is picking the item, and may have taken units off the shelf."
ABOVE_LIMITS: Final = "The difference is above the limits of the COUNT policy."


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """A count of a level, with what is known about the time in which it was made.

    `value`: the absolute value of the difference; None if it is unknown. `needs_approval`: it is
    above the ADJUSTMENT policy.
    """

    counted: int
    expected: int
    has_shelf_moved: bool
    is_being_picked: bool
    value: Money | None
    needs_approval: bool

    @property
    def variance(self) -> int:
        """Units more than the books have; below 0: fewer."""
        return self.counted - self.expected


@dataclass(frozen=True, slots=True)
class CountDecision:
    """The new status of a line. `reason`: why it is asked again, in words; None if it is not.

    `is_void`: the attempt does not count. `by_another`: the next attempt must be another person's.
    """

    status: CountLineStatus
    reason: str | None = None
    is_void: bool = False
    by_another: bool = False


def judge(facts: AttemptFacts, earlier: Sequence[int], limits: RecountLimits) -> CountDecision:
    """Decide about an attempt. `earlier`: the variances of the attempts that count."""
    if not facts.variance:
        return CountDecision(CountLineStatus.POSTED)
    if facts.has_shelf_moved or facts.is_being_picked:
        reason = SHELF_MOVED if facts.has_shelf_moved else PICK_IN_PROGRESS
        return CountDecision(CountLineStatus.RECOUNT, reason, is_void=True)
    is_confirmed = facts.variance in earlier
    if not is_confirmed and limits.are_passed_by(abs(facts.variance), facts.value):
        if len(earlier) + 1 >= ATTEMPTS_MAX:
            return CountDecision(CountLineStatus.NEEDS_APPROVAL)
        return CountDecision(CountLineStatus.RECOUNT, ABOVE_LIMITS, by_another=True)
    if facts.needs_approval:
        return CountDecision(CountLineStatus.NEEDS_APPROVAL)
    return CountDecision(CountLineStatus.POSTED)
