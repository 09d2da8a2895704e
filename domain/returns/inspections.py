"""Inspection of returned units: number of inspectors, resulting grade, and priority."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.errors import SelfApproval
from domain.policies.dispositions import ConditionGrade
from domain.policies.returns import ReturnRules
from domain.returns.states import ReturnItemState
from domain.values.money import Money, share, to_decimal

_G = ConditionGrade

# From the best to the worst; of two inspectors who differ the worse grade stands.
GRADES: Final = (_G.NEW, _G.LIKE_NEW, _G.USED, _G.DAMAGED, _G.DEFECTIVE, _G.COUNTERFEIT)
CONTROLLED_GRADES: Final = frozenset({_G.DAMAGED, _G.DEFECTIVE, _G.COUNTERFEIT})
CONTROLLED_REASONS: Final = frozenset({"DAMAGED", "DAMAGED_IN_TRANSIT", "DEFECTIVE", "COUNTERFEIT"})


class Lane(StrEnum):
    """Which way units take from quality control."""

    FAST = "FAST"
    STANDARD = "STANDARD"
    CONTROLLED = "CONTROLLED"


def lane_of(
    rules: ReturnRules, risk: Decimal, reason: str | None, condition: ConditionGrade | None
) -> Lane:
    """CONTROLLED for damaged, defective, counterfeit and high-risk units, else STANDARD.

    High risk is above the policy's limit for two inspectors. `condition` None: not seen yet.
    The fast lane is `authorizations.may_pass_unseen`; a controlled reason never takes it.
    """
    is_controlled = (
        condition in CONTROLLED_GRADES or reason in CONTROLLED_REASONS or _is_high(rules, risk)
    )
    return Lane.CONTROLLED if is_controlled else Lane.STANDARD


def inspectors_required(rules: ReturnRules, risk: Decimal) -> int:
    """Two above the policy's risk limit, else one."""
    return 2 if _is_high(rules, risk) else 1


@dataclass(frozen=True, slots=True)
class Inspection:
    """The grade that one inspector gave."""

    inspector: str
    condition: ConditionGrade


@dataclass(frozen=True, slots=True)
class InspectionResult:
    """State and grade of the units after an inspection, and the inspectors so far."""

    state: ReturnItemState
    condition: ConditionGrade
    inspectors: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the grade stands and a disposition may follow."""
        return self.state is ReturnItemState.INSPECTED


def inspect(
    state: ReturnItemState, first: Inspection | None, inspection: Inspection, required: int
) -> InspectionResult:
    """Apply an inspection to units in `state`. `first`: their earlier one, if two are needed.

    After the first of two inspections the state does not change. Raises SelfApproval when the same
    actor inspects twice. The state table in `receipts.move` says whether `state` may be inspected.
    """
    if first is None:
        complete = required < 2
        reached = ReturnItemState.INSPECTED if complete else state
        return InspectionResult(reached, inspection.condition, (inspection.inspector,))
    if first.inspector == inspection.inspector:
        raise SelfApproval(inspection.inspector, "inspected", field=("returnItemId",))
    condition = max(first.condition, inspection.condition, key=GRADES.index)
    inspectors = (first.inspector, inspection.inspector)
    return InspectionResult(ReturnItemState.INSPECTED, condition, inspectors)


# Per mille of the price that is likely to be recovered, by what the customer says is wrong.
RECOVERY: Final[Mapping[str, int]] = MappingProxyType(
    {
        "UNDELIVERED": 950,
        "UNWANTED": 900,
        "TOO_SMALL": 900,
        "TOO_LARGE": 900,
        "ARRIVED_LATE": 900,
        "WRONG_ITEM": 900,
        "NOT_AS_DESCRIBED": 700,
        "DAMAGED": 300,
        "DAMAGED_IN_TRANSIT": 300,
        "DEFECTIVE": 200,
        "COUNTERFEIT": 0,
    }
)
RECOVERY_UNKNOWN: Final = 600
RECOVERY_POINTS_MAX: Final = 1_000_000

# An hour of waiting weighs as much as one unit of the currency. Because all units age alike, the
# order of two tasks never changes with the clock, so the hours are counted down to a fixed far
# instant and no task must ever be numbered anew.
AGE_HORIZON: Final = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Priority:
    """A task's place in its queue, higher first, and the reasons in words."""

    points: int
    reasons: tuple[str, ...]


def inspection_priority(value: Money, reason: str | None, received_at: datetime) -> Priority:
    """How soon units worth `value` (at their price) that came at `received_at` are looked at."""
    rate = RECOVERY_UNKNOWN if reason is None else RECOVERY.get(reason, RECOVERY_UNKNOWN)
    recovery = Money(share(value.minor, rate, 1_000), value.currency)
    points = min(RECOVERY_POINTS_MAX, max(0, int(to_decimal(recovery))))
    hours = max(0, int((AGE_HORIZON - received_at).total_seconds()) // 3_600)
    return Priority(
        points + hours,
        (
            f"Expected recovery {recovery} of {value} ({rate / 10:g} % for {reason or 'none'}).",
            f"Here since {received_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC; "
            "an hour weighs as much as one unit of money.",
        ),
    )


def _is_high(rules: ReturnRules, risk: Decimal) -> bool:
    limit = rules.two_inspectors_above_risk
    return limit is not None and risk > limit
