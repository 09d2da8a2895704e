"""Fulfillment holds: a parcel or a whole order that must not be worked on yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.errors import IllegalTransition, Invalid, Path
from domain.orders.fulfillments import FulfillmentStatus
from domain.problems import Problems
from domain.values.texts import NOTE_MAX, check_text

# The actor of holds that a FULFILLMENT policy places.
POLICY_ACTOR: Final = "policy"


class HoldReason(StrEnum):
    """Reason of a fulfillment hold."""

    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    """The payment has not arrived."""
    FRAUD_RISK = "FRAUD_RISK"
    """The order may be fraudulent. SUPPORT may not release a hold that another actor placed."""
    ADDRESS = "ADDRESS"
    """The address is incomplete or in doubt."""
    OTHER = "OTHER"
    """Another reason, given in the note."""
    MEASURE = "MEASURE"
    """A playbook was started. Only its end releases the hold."""


# Reasons of holds that only the program places and releases.
SYSTEM_REASONS: Final = frozenset({HoldReason.MEASURE})
STATED_REASONS: Final = tuple(each for each in HoldReason if each not in SYSTEM_REASONS)


def shown_reason(reason: HoldReason, *, shows_risk: bool) -> HoldReason:
    """The reason of a hold as a caller reads it who may see risks, or may not."""
    is_hidden = reason is HoldReason.FRAUD_RISK and not shows_risk
    return HoldReason.OTHER if is_hidden else reason


UNSHIPPED: Final = frozenset(
    {
        FulfillmentStatus.ON_HOLD,
        FulfillmentStatus.OPEN,
        FulfillmentStatus.PICKED,
        FulfillmentStatus.PACKED,
    }
)
"""The statuses in which a hold covers a fulfillment."""


@dataclass(frozen=True, slots=True)
class NewHold:
    """A hold to be placed. `until` None: until it is released by hand."""

    reason: HoldReason
    note: str | None = None
    until: datetime | None = None

    def check(self, now: datetime, *field: str) -> None:
        """Raise Invalid (with the field under `field`), or Faults, for what cannot be placed."""
        problems = Problems()
        problems.attempt(lambda: self._check_reason(field))
        problems.attempt(lambda: check_text(self.note, *field, "note", longest=NOTE_MAX))
        problems.attempt(lambda: self._check_until(now, field))
        problems.refuse()

    def _check_reason(self, field: Path) -> None:
        if self.reason in SYSTEM_REASONS:
            raise Invalid(
                f"Holds for {self.reason} are placed by the program alone; allowed are"
                f" {', '.join(STATED_REASONS)}.",
                field=(*field, "reason"),
                details={"allowed": list(STATED_REASONS)},
            )

    def _check_until(self, now: datetime, field: Path) -> None:
        if self.until is not None and self.until <= now:
            raise Invalid(
                f"`until` must be after {now.isoformat()}; {self.until.isoformat()} was sent.",
                field=(*field, "until"),
                details={"now": now.isoformat()},
            )


def status_under(status: FulfillmentStatus, *, is_held: bool) -> FulfillmentStatus:
    """The status of a fulfillment that a hold covers or no longer covers: OPEN ⇄ ON_HOLD."""
    match status:
        case FulfillmentStatus.OPEN if is_held:
            return FulfillmentStatus.ON_HOLD
        case FulfillmentStatus.ON_HOLD if not is_held:
            return FulfillmentStatus.OPEN
        case _:
            return status


class FulfillmentOnHold(IllegalTransition):
    """A step was refused because of the live holds of a fulfillment: their reasons by their ids."""

    def __init__(
        self,
        current: str,
        requested: str,
        holds: Mapping[UUID, str],
        *,
        shows_risk: bool,
        field: Path,
    ) -> None:
        super().__init__("fulfillment", current, requested, field=field)
        shown = {
            key: str(shown_reason(HoldReason(name), shows_risk=shows_risk))
            for key, name in holds.items()
        }
        reasons = ", ".join(sorted(set(shown.values())))
        self.message = (
            f"The fulfillment is on hold ({reasons}). Release its holds before it becomes"
            f" {requested}."
        )
        self.details["holds"] = [
            {"id": str(hold_id), "reason": reason} for hold_id, reason in shown.items()
        ]
