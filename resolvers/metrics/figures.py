"""Figures of queues, of the floor, and of exceptions."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, TypeVar

from strawberry import UNSET, argument

import models.queries.metrics.counts as count_queries
import models.queries.metrics.exceptions as exception_metrics_queries
import models.queries.metrics.floor as floor_queries
import models.queries.metrics.queues as queue_queries
from domain.metrics import window_of
from domain.tasks import QueueKind as Queue
from schema.context import Info
from schema.fields.arguments import given
from schema.fields.enums import ExceptionGroup, QueueKind
from schema.fields.places import location_named, locations_named
from schema.types.metrics.counts import InventoryAccuracy
from schema.types.metrics.exceptions import ExceptionMetrics
from schema.types.metrics.floor import FloorMetrics
from schema.types.metrics.queues import QueueMetrics
from server.projection.list_sizes import PAGE_MAX, sized

From = Annotated[datetime, argument(name="from", description="Start of the window.")]
To = Annotated[
    datetime | None,
    argument(description="End of the window, which it does not include. Absent: now."),
]
RowT = TypeVar("RowT")
KeyT = TypeVar("KeyT")


def _by(rows: Iterable[RowT], key: Callable[[RowT], KeyT]) -> Mapping[KeyT, RowT]:
    return {key(row): row for row in rows}


@sized(PAGE_MAX, by="locations")
async def queue_metrics(
    info: Info,
    from_: From,
    locations: Annotated[
        list[str] | None,
        argument(description="Codes of locations. Absent: all that have tasks in their queues."),
    ] = UNSET,
    queues: Annotated[list[QueueKind] | None, argument(description="Only these queues.")] = UNSET,
    to: To = UNSET,
) -> list[QueueMetrics]:
    """Figures of each queue at each location: what waits now, and what a window of time did.

    With `locations`, at most 200, each queue of each location has an entry. The window is at most
    31 days. A code that the caller may not see is BAD_REQUEST.
    """
    context = info.context
    window = window_of(from_, given(to), context.now)
    asked = given(queues)
    places = await locations_named(info, given(locations))
    session, scope = await context.opened()
    of = (places, None if asked is None else [str(each) for each in asked])
    waiting = _by(
        await queue_queries.waiting(session, scope, context.now, *of),
        lambda row: (row["location_id"], row["queue"]),
    )
    done = _by(
        await queue_queries.done(session, scope, window, *of),
        lambda row: (row["location_id"], row["queue"]),
    )
    lapsed = _by(
        await queue_queries.lapsed(session, scope, window, *of),
        lambda row: (row["location_id"], row["queue"]),
    )
    keys = {*waiting, *done, *lapsed}
    if places is not None:
        keys = {(place, str(queue)) for place in places for queue in asked or Queue}
    return [
        QueueMetrics.of(key, waiting.get(key), done.get(key), lapsed.get(key), window, context.now)
        for key in sorted(keys)
    ]


async def floor_metrics(
    info: Info,
    from_: From,
    location: Annotated[
        str | None, argument(description="Code of a location. Absent: all that the caller sees.")
    ] = UNSET,
    to: To = UNSET,
) -> FloorMetrics:
    """Figures of the work of a window of time, at most 31 days.

    A code that the caller may not see is BAD_REQUEST.
    """
    window = window_of(from_, given(to), info.context.now)
    place = await location_named(info, given(location))
    session, scope = await info.context.opened()
    places = None if place is None else [place]
    return FloorMetrics.of(
        await floor_queries.shipped(session, scope, window, places),
        await floor_queries.touches(session, scope, window, places),
        (
            await floor_queries.picked(session, scope, window, places),
            await floor_queries.short(session, scope, window, places),
        ),
        await floor_queries.scanned(session, scope, window, places),
        await floor_queries.put_away(session, scope, window, places),
    )


async def inventory_accuracy(
    info: Info,
    from_: From,
    location: Annotated[
        str | None, argument(description="Code of a location. Absent: all that the caller sees.")
    ] = UNSET,
    to: To = UNSET,
) -> InventoryAccuracy:
    """Figures of the count lines that were posted in a window of time, at most 31 days.

    A code that the caller may not see is BAD_REQUEST.
    """
    context = info.context
    window = window_of(from_, given(to), context.now)
    place = await location_named(info, given(location))
    session, scope = await context.opened()
    places = None if place is None else [place]
    row = await count_queries.counted(session, scope, window, places)
    return InventoryAccuracy.of(row, context.services.transactions.terms.base_currency)


@sized(PAGE_MAX)
async def exception_metrics(
    info: Info,
    by: Annotated[ExceptionGroup, argument(description="What exceptions are grouped by.")],
    from_: From,
    location: Annotated[
        str | None, argument(description="Only exceptions at the location with this code.")
    ] = UNSET,
    to: To = UNSET,
) -> list[ExceptionMetrics]:
    """Figures of exceptions by group: what is open now, and what a window of time opened and ended.

    The window is at most 31 days. A code that the caller may not see is BAD_REQUEST.
    """
    window = window_of(from_, given(to), info.context.now)
    place = await location_named(info, given(location))
    session, scope = await info.context.opened()
    queries, of = exception_metrics_queries, (session, scope, by, place)
    now = _by(await queries.open_now(*of, info.context.now), lambda row: row["name"])
    opened = _by(await queries.opened(*of, window), lambda row: row["name"])
    ended = _by(await queries.ended(*of, window), lambda row: row["name"])
    durations = _by(await queries.durations(*of, window), lambda row: row["name"])
    return [
        ExceptionMetrics.of(key, now.get(key), opened.get(key), ended.get(key), durations.get(key))
        for key in sorted({*now, *opened, *ended})
    ]
