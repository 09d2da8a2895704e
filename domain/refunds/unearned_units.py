"""Units in decided refunds beyond those that their return still has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class GradedUnits:
    """Units of an order line in a refund or a return; `grade` None: not graded yet."""

    order_line_id: UUID
    grade: str | None
    quantity: int


def unearned_units(
    refunds: Sequence[tuple[UUID, Sequence[GradedUnits]]], present: Iterable[GradedUnits]
) -> Mapping[UUID, int]:
    """Units of each refund, by its id, that match no present unit; refunds without any are absent.

    1. Refunds take present units of their line and grade, in the given order.
    2. Refunds decided before grading then take units of any grade.
    """
    left: dict[tuple[UUID, str | None], int] = {}
    for each in present:
        key = (each.order_line_id, each.grade)
        left[key] = left.get(key, 0) + each.quantity
    rows = [(refund_id, units) for refund_id, parts in refunds for units in parts]
    rows.sort(key=lambda row: row[1].grade is None)
    unearned: dict[UUID, int] = {}
    for refund_id, units in rows:
        rest = units.quantity
        for key in left:
            if key[0] == units.order_line_id and units.grade in (None, key[1]):
                taken = min(rest, left[key])
                left[key] -= taken
                rest -= taken
        if rest:
            unearned[refund_id] = unearned.get(refund_id, 0) + rest
    return unearned
