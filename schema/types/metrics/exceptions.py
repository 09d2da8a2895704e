"""Figures of exceptions."""

import strawberry

from domain.metrics import AGE_ENDS, ratio
from models.queries.metrics.exceptions import DurationRow, EndedRow, OpenedRow, OpenRow
from schema.types.metrics.ages import AgeBucket, ages_of, younger_than
from server.projection.list_sizes import listed


@strawberry.type
class ExceptionMetrics:
    """Figures of a group of exceptions: now, and of a window of time."""

    key: str
    """Kind, owner, role in charge, or code of the location; empty: no owner, or no location."""
    open: int
    """Open exceptions now."""
    breached: int
    """Open exceptions past their due time."""
    ages: list[AgeBucket] = listed(6)
    """Open exceptions by age."""
    opened: int
    """Exceptions opened in the window."""
    ended: int
    """Exceptions that ended in the window."""
    auto_resolved: int
    """Those of them that ended because their condition did."""
    breach_rate: float | None
    """Share of the ended ones that ended after their due time; null: none ended."""
    median_seconds: int | None
    """Median time from opening to end of the ended ones; null: none ended."""

    @staticmethod
    def of(
        key: str,
        now: OpenRow | None,
        opened: OpenedRow | None,
        ended: EndedRow | None,
        duration: DurationRow | None,
    ) -> "ExceptionMetrics":
        """The figures of a group; None: it has no such exceptions."""
        count = 0 if now is None else int(now["opened"])
        over = 0 if ended is None else int(ended["ended"])
        return ExceptionMetrics(
            key=key,
            open=count,
            breached=0 if now is None else int(now["breached"]),
            ages=ages_of([0] * len(AGE_ENDS) if now is None else younger_than(now), count),
            opened=0 if opened is None else int(opened["opened"]),
            ended=over,
            auto_resolved=0 if ended is None else int(ended["cleared"]),
            breach_rate=ratio(0 if ended is None else int(ended["late"]), over),
            median_seconds=None if duration is None else int(duration["median"]),
        )
