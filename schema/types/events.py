"""Events: the facts of the log, and what streams send."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from strawberry import ID

from models.queries.event_log import LoggedEvent
from models.queries.reads.stock import Shelf
from schema.loaders import Loaders
from schema.types.availability import Availability
from schema.types.enums import MovementKind
from schema.types.exceptions import OperationalException
from schema.types.node import encode
from schema.types.orders import Order
from schema.types.paging import PageInfo
from schema.types.refunds import Refund
from schema.types.returns import Return
from schema.types.scalars import JSON
from schema.types.stock import StockLevel
from schema.types.tasks import Task


@strawberry.type
class Event:
    """A fact at its place in the log; give `cursor` back as `after` to go on behind it."""

    cursor: str
    id: ID
    type: str
    occurred_at: datetime
    actor: str
    subject: ID
    subject_version: int
    data: JSON

    @staticmethod
    def of(event: LoggedEvent) -> "Event":
        """An event as it was logged."""
        data: Any = event.data
        return Event(
            cursor=event.cursor,
            id=encode("Event", event.id),
            type=event.type,
            occurred_at=event.occurred_at,
            actor=event.actor,
            subject=encode(event.subject_type, event.subject_key),
            subject_version=event.subject_version,
            data=JSON(data),
        )


@strawberry.type
class EventConnection:
    """Events in the order of the log, oldest first."""

    nodes: list[Event]
    page_info: PageInfo

    @staticmethod
    def of(events: list[LoggedEvent], size: int, after: int) -> "EventConnection":
        """A page of events, of which one more than `size` was looked for."""
        page = events[:size]
        return EventConnection(
            nodes=[Event.of(event) for event in page],
            page_info=PageInfo(
                has_next_page=len(events) > size,
                has_previous_page=after > 0,
                start_cursor=page[0].cursor if page else None,
                end_cursor=page[-1].cursor if page else None,
            ),
        )


@strawberry.type
class StockEvent:
    """A level as it is now, and why it changed last."""

    cursor: str
    level: StockLevel
    cause: MovementKind
    shelf: strawberry.Private[Shelf]
    # for transports: a later event of the same subject replaces this one where it was not sent yet
    replaces: strawberry.Private[str]

    def tell(self, loaders: Loaders) -> None:
        """Let an execution know what came with the event, so that it need not be read."""
        item, location = self.shelf.item, self.shelf.location
        loaders.items.prime(item["id"], item)
        loaders.locations.prime(location["id"], location)


@strawberry.type
class AvailabilityEvent:
    """What a channel may sell of a SKU now."""

    cursor: str
    availability: Availability
    position: strawberry.Private[int]  # of its event; the cursor may lie before it
    replaces: strawberry.Private[str]


@strawberry.enum
class QueueChange(StrEnum):
    """What a message says of a queue."""

    SNAPSHOT = "SNAPSHOT"
    UPSERT = "UPSERT"
    REMOVE = "REMOVE"


@strawberry.type
class QueueEvent:
    """Tasks that are in a queue as they are now, or that have left it.

    `complete` is false while more SNAPSHOT messages follow.
    """

    cursor: str
    change: QueueChange
    tasks: list[Task]
    complete: bool
    replaces: strawberry.Private[str | None]


@strawberry.type
class ExceptionEvent:
    """An exception that somebody is called for: a new one, or one that was escalated."""

    cursor: str
    exception: OperationalException


@strawberry.type
class OrderEvent:
    """An order as it is now."""

    cursor: str
    order: Order
    replaces: strawberry.Private[str]


@strawberry.type
class ReturnEvent:
    """A return as it is now."""

    cursor: str
    return_: Return = strawberry.field(name="return")
    replaces: strawberry.Private[str]


@strawberry.type
class RefundEvent:
    """A refund as it is now."""

    cursor: str
    refund: Refund
    replaces: strawberry.Private[str]
