"""Accuracy of the books, as counts found it."""

import strawberry

from domain.metrics import ratio
from models.queries.metrics.counts import CountedRow
from schema.fields.money import Money


@strawberry.type
class InventoryAccuracy:
    """Figures of the count lines that were posted in a window of time."""

    lines: int
    """Lines that were posted."""
    exact: int
    """Lines without a variance."""
    line_accuracy: float | None
    """Share of the lines without a variance; null: no line was posted."""
    unit_accuracy: float | None
    """1 less the variances, without their signs, as a share of the expected units; at least 0.
    Null: no unit was expected.
    """
    net_value: Money | None
    """Value of the variances: what was found less what was gone; null: no line was posted."""
    absolute_value: Money | None
    """Value of the variances without their signs; null: no line was posted."""

    @staticmethod
    def of(row: CountedRow, base_currency: str) -> "InventoryAccuracy":
        """The figures from their sums."""
        lines, exact = row["lines"], int(row["exact"] or 0)
        wrong = ratio(int(row["deviation"] or 0), int(row["expected"] or 0))
        return InventoryAccuracy(
            lines=lines,
            exact=exact,
            line_accuracy=ratio(exact, lines),
            unit_accuracy=None if wrong is None else max(0.0, 1.0 - wrong),
            net_value=Money.of(int(row["net_minor"] or 0), base_currency) if lines else None,
            absolute_value=(
                Money.of(int(row["absolute_minor"] or 0), base_currency) if lines else None
            ),
        )
