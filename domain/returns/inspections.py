"""Inspection of returned units: lanes, number of inspectors, resulting grade, and priority."""

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
from domain.values.codes import same_code
from domain.values.money import Money, share, to_decimal

_G = ConditionGrade

# From best to worst; if two inspectors differ, the worse grade counts.
GRADES: Final = (_G.NEW, _G.LIKE_NEW, _G.USED, _G.DAMAGED, _G.DEFECTIVE, _G.COUNTERFEIT)
CONTROLLED_GRADES: Final = frozenset({_G.DAMAGED, _G.DEFECTIVE, _G.COUNTERFEIT})
CONTROLLED_REASONS: Final = frozenset({"DAMAGED", "DAMAGED_IN_TRANSIT", "DEFECTIVE", "COUNTERFEIT"})


class Lane(StrEnum):
    """The route of returned units through quality control."""

    FAST = "FAST"
    STANDARD = "STANDARD"
    CONTROLLED = "CONTROLLED"


def lane_of(
    rules: ReturnRules, risk: Decimal, reason: str | None, condition: ConditionGrade | None
) -> Lane:
    """CONTROLLED for damaged, defective, counterfeit and high-risk units, else STANDARD.

    High risk is above the policy's limit for two inspectors. `condition` None: not inspected yet.
    The fast lane is `authorizations.may_skip_inspection`; a controlled reason never takes it.
    """
    is_controlled = (
        condition in CONTROLLED_GRADES or reason in CONTROLLED_REASONS or _is_high(rules, risk)
    )
    return Lane.CONTROLLED if is_controlled else Lane.STANDARD


# Inspectors of each unit while a playbook reviews returns.
REVIEWERS: Final = 2


def inspectors_required(rules: ReturnRules, risk: Decimal) -> int:
    """Two if the risk is above the policy's limit, else one."""
    return 2 if _is_high(rules, risk) else 1


@dataclass(frozen=True, slots=True)
class Grading:
    """One inspector's grade of units."""

    inspector: str
    condition: ConditionGrade


@dataclass(frozen=True, slots=True)
class InspectionResult:
    """The units after an inspection: item state, resulting grade, and all inspectors so far."""

    state: ReturnItemState
    condition: ConditionGrade
    inspectors: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """True if the grade is final and a disposition may follow."""
        return self.state is ReturnItemState.INSPECTED


def inspect(
    state: ReturnItemState, first: Grading | None, inspection: Grading, required: int
) -> InspectionResult:
    """Apply an inspection to units in `state`; `first`: an earlier one, if two are required.

    After the first of two inspections the state does not change. Raises SelfApproval if the same
    actor makes both. The caller checks the item's state table (`receipts.move`).
    """
    if first is None:
        complete = required < 2
        reached = ReturnItemState.INSPECTED if complete else state
        return InspectionResult(reached, inspection.condition, (inspection.inspector,))
    if same_code(first.inspector, inspection.inspector):
        raise SelfApproval(inspection.inspector, "inspected", field=("returnItemId",))
    condition = max(first.condition, inspection.condition, key=GRADES.index)
    inspectors = (first.inspector, inspection.inspector)
    return InspectionResult(ReturnItemState.INSPECTED, condition, inspectors)


# Expected recovery, in per mille of the price, by the customer's return reason.
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

# An hour of waiting counts as much as one unit of the currency. All units age alike, so the order
# of two tasks does not depend on the current time. Hours are counted down to a fixed instant in the
# far future, so that stored priorities never need an update.
AGE_HORIZON: Final = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Priority:
    """A task's priority in its queue, higher first, and the reasons in words."""

    points: int
    reasons: tuple[str, ...]


def inspection_priority(value: Money, reason: str | None, received_at: datetime) -> Priority:
    """Inspection priority of units worth `value` (at their price) received at `received_at`."""
    rate = RECOVERY_UNKNOWN if reason is None else RECOVERY.get(reason, RECOVERY_UNKNOWN)
    recovery = Money(share(value.minor, rate, 1_000), value.currency)
    points = min(RECOVERY_POINTS_MAX, max(0, int(to_decimal(recovery))))
    hours = max(0, int((AGE_HORIZON - received_at).total_seconds()) // 3_600)
    return Priority(
        points + hours,
        (
            f"Expected recovery {recovery} of {value} ({rate / 10:g} % for {reason or 'none'}).",
            f"Here since {received_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC; "
            "an hour counts as much as one unit of money.",
        ),
    )


def _is_high(rules: ReturnRules, risk: Decimal) -> bool:
    limit = rules.two_inspectors_above_risk
    return limit is not None and risk > limit
