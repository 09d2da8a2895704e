"""Scans of units: progress of a fulfillment's lines while it is picked, and while it is packed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from domain.errors import DomainError, IllegalTransition, Path

SCANS_MAX: Final = 200


class ScanStep(StrEnum):
    """The step of work in which units are scanned."""

    PICK = "PICK"
    PACK = "PACK"


@dataclass(slots=True)
class LineProgress:
    """A fulfillment's line: its units, those that are picked, and those of them that are packed."""

    id: UUID
    order_line_id: UUID
    item_id: int
    quantity: int
    picked: int
    packed: int

    def done(self, step: ScanStep) -> int:
        """Units that this step has counted."""
        return self.picked if step is ScanStep.PICK else self.packed

    def remaining(self, step: ScanStep) -> int:
        """Units that this step still asks for."""
        return self.quantity - self.done(step)

    def count(self, units: int, step: ScanStep) -> None:
        """Count units in a step; below 0: take them back."""
        if step is ScanStep.PICK:
            self.picked += units
        else:
            self.packed += units


class ScanMismatch(DomainError):
    """The scanned code names an item, one unit more, or a tote that is not asked for here."""

    code = "SCAN_MISMATCH"


class UnitsNotScanned(IllegalTransition):
    """A location requires the scan of each unit, and units of this fulfillment have none."""

    def __init__(
        self, current: str, requested: str, missing: Mapping[str, int], *, field: Path = ()
    ) -> None:
        super().__init__("fulfillment with unscanned units", current, requested, (), field=field)
        parts = ", ".join(f"{units} of {sku}" for sku, units in missing.items())
        self.message = f"Each unit must be scanned here first; these were not: {parts}."
        self.details["missing"] = [
            {"sku": sku, "quantity": units} for sku, units in missing.items()
        ]


class ScannedUnits(NamedTuple):
    """Units of a line: `picked` of them are off the shelf, and `packed` of these in the parcel."""

    quantity: int
    picked: int
    packed: int

    def take(self, units: int) -> tuple[ScannedUnits, ScannedUnits]:
        """(units that stay, units that are taken): those that were not scanned are taken first."""
        picked = max(0, units - (self.quantity - self.picked))
        packed = max(0, units - (self.quantity - self.packed))
        stay = ScannedUnits(self.quantity - units, self.picked - picked, self.packed - packed)
        return stay, ScannedUnits(units, picked, packed)


def remaining(lines: Iterable[LineProgress], step: ScanStep) -> int:
    """Units of these lines that a step still asks for."""
    return sum(line.remaining(step) for line in lines)


def count_scan(
    lines: Sequence[LineProgress], sku: str, units: int, step: ScanStep, *, field: Path
) -> None:
    """Count scanned units on the lines of one item, in their order; below 0: put them back.

    Raises ScanMismatch, and then changes nothing.
    """
    is_back = units < 0
    expected = sum(line.done(step) if is_back else line.remaining(step) for line in lines)
    if abs(units) > expected:
        raise _mismatch(sku, units, expected, field)
    left = abs(units)
    for line in lines:
        part = min(left, line.done(step) if is_back else line.remaining(step))
        line.count(-part if is_back else part, step)
        left -= part


def _mismatch(sku: str, units: int, expected: int, field: Path) -> ScanMismatch:
    if units < 0:
        message = f"{expected} units of {sku} can be put back; {-units} were scanned."
    elif expected:
        message = f"{expected} units of {sku} are still asked for here; {units} were scanned."
    else:
        message = f"{sku} is not asked for here."
    return ScanMismatch(message, field=field, details={"sku": sku, "expected": expected})
