"""Figures of task queues."""

from datetime import datetime

import strawberry

from domain.metrics import AGE_ENDS, Interval
from models.queries.metrics.queues import DoneRow, LapsedRow, WaitingRow
from schema.context import Info
from schema.fields.enums import QueueKind
from schema.fields.node import load
from schema.types.catalog import Location
from schema.types.metrics.ages import AgeBucket, ages_of, younger_than
from server.projection.list_sizes import listed


@strawberry.type
class QueueMetrics:
    """Figures of a queue at a location: now, and of a window of time."""

    queue: QueueKind
    location_id: strawberry.Private[int]
    depth: int
    """Unfinished tasks now, claimed or not."""
    claimed: int
    """Tasks that a worker holds now."""
    overdue: int
    """Unfinished tasks past their due time."""
    oldest_seconds: int | None
    """Age of the oldest unfinished task; null: there is none."""
    ages: list[AgeBucket] = listed(6)
    """Unfinished tasks by age."""
    done: int
    """Tasks done in the window."""
    lapsed: int
    """Claims of the window that ended with their lease: the task went back to the queue."""
    per_hour: float
    """Tasks done per hour of the window."""
    median_seconds: int | None
    """Median time from creation to completion of the tasks done; null: none was done."""

    @strawberry.field
    async def location(self, info: Info) -> Location:
        """Location of the queue."""
        found: Location = await load(info.context, "Location", self.location_id)
        return found

    @staticmethod
    def of(
        place: tuple[int, str],
        waiting: WaitingRow | None,
        done: DoneRow | None,
        lapsed: LapsedRow | None,
        window: Interval,
        now: datetime,
    ) -> "QueueMetrics":
        """The figures of (location, queue); None: there were no such tasks."""
        depth = 0 if waiting is None else int(waiting["depth"])
        finished = 0 if done is None else int(done["rows"])
        return QueueMetrics(
            queue=QueueKind(place[1]),
            location_id=place[0],
            depth=depth,
            claimed=0 if waiting is None else int(waiting["claimed"]),
            overdue=0 if waiting is None else int(waiting["overdue"]),
            oldest_seconds=(
                None
                if waiting is None
                else max(0, int((now - waiting["oldest_at"]).total_seconds()))
            ),
            ages=ages_of([0] * len(AGE_ENDS) if waiting is None else younger_than(waiting), depth),
            done=finished,
            lapsed=0 if lapsed is None else int(lapsed["lapsed"]),
            per_hour=finished / window.hours,
            median_seconds=None if done is None else int(done["median"]),
        )
