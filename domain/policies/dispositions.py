"""DISPOSITION policy: the disposition of a returned unit, by condition and reason."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import domain.policies.limits as limits
from domain.policies.limits import NO_LIMITS, AmountLimits
from domain.policies.reading import Value
from domain.values.codes import same_code

ANY: Final = "*"


class ConditionGrade(StrEnum):
    """Condition of a returned unit, as graded by an inspector."""

    NEW = "NEW"
    LIKE_NEW = "LIKE_NEW"
    USED = "USED"
    DAMAGED = "DAMAGED"
    """Damaged in use or in transit."""
    DEFECTIVE = "DEFECTIVE"
    """Has a manufacturing fault."""
    COUNTERFEIT = "COUNTERFEIT"
    """Not genuine; no role can restock it."""


class Disposition(StrEnum):
    """Treatment of a returned unit. All but REFURBISH and QUARANTINE are final."""

    RESTOCK = "RESTOCK"
    """Becomes available again."""
    REFURBISH = "REFURBISH"
    """Is repaired here; needs another disposition afterwards."""
    QUARANTINE = "QUARANTINE"
    """Is set apart here; needs another disposition afterwards."""
    LIQUIDATE = "LIQUIDATE"
    """Leaves stock and is written off: sold in bulk."""
    SCRAP = "SCRAP"
    """Leaves stock and is written off: destroyed."""
    RETURN_TO_VENDOR = "RETURN_TO_VENDOR"
    """Goes back to the supplier, which owes its cost."""
    RETURN_TO_CUSTOMER = "RETURN_TO_CUSTOMER"
    """Goes back to the customer."""


def is_forbidden(condition: ConditionGrade, disposition: Disposition) -> bool:
    """True if neither policy nor person may choose this: a counterfeit is never restocked."""
    return condition is ConditionGrade.COUNTERFEIT and disposition is Disposition.RESTOCK


@dataclass(frozen=True, slots=True)
class DispositionRow:
    """One row of the table; condition None and reason `*` match any."""

    condition: ConditionGrade | None
    reason: str
    disposition: Disposition

    def is_for(self, condition: ConditionGrade, reason: str | None) -> bool:
        """True if the row decides this case; a row for any condition never restocks a fake."""
        return (
            self.condition in (None, condition)
            and (self.reason == ANY or (reason is not None and same_code(self.reason, reason)))
            and not is_forbidden(condition, self.disposition)
        )


@dataclass(frozen=True, slots=True)
class DispositionRules:
    """A parsed DISPOSITION policy. Its table covers every condition and reason."""

    table: tuple[DispositionRow, ...]
    override_above_value: AmountLimits

    def decide(self, condition: ConditionGrade, reason: str | None) -> Disposition:
        """The disposition of the first matching row; reason None: no reason was given."""
        return next(row.disposition for row in self.table if row.is_for(condition, reason))


def parse(rules: Value) -> DispositionRules:
    """Parse a DISPOSITION document; raises its faults with their paths."""
    return rules.record(
        lambda members: DispositionRules(
            table=members.read("table", _table),
            override_above_value=members.get("overrideAboveValue", limits.parse, NO_LIMITS),
        ),
        "table",
        "overrideAboveValue",
    )


def _table(value: Value) -> tuple[DispositionRow, ...]:
    table = value.distinct(
        _row,
        lambda row, old: (row.condition, row.reason) == (old.condition, old.reason),
        "must not repeat the condition and reason of an earlier row",
    )
    # Only a row for any reason also covers reason codes that are added later.
    missing = [
        condition
        for condition in ConditionGrade
        if not any(row.is_for(condition, None) for row in table)
    ]
    if missing:
        value.refuse(f'must have a row for each of {", ".join(missing)} with reason "{ANY}"')
    return table


def _row(value: Value) -> DispositionRow:
    row = value.record(
        lambda members: DispositionRow(
            members.read("condition", _condition),
            members.read("reason", Value.text),
            members.read("disposition", lambda each: each.choice(Disposition)),
        ),
        "condition reason disposition",
    )
    if row.condition is not None and is_forbidden(row.condition, row.disposition):
        value.member("disposition").refuse("must not be RESTOCK: a counterfeit is never restocked")
    return row


def _condition(value: Value) -> ConditionGrade | None:
    return None if value.json == ANY else value.choice(ConditionGrade)
