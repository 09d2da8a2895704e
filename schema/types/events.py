"""Events: the facts of the log, and what streams send."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from strawberry import ID

import schema.types.facts as facts
from models.queries.events.event_log import LoggedEvent
from models.queries.reads.stock import LevelDetails
from schema.fields.enums import MovementKind
from schema.fields.node import encode
from schema.fields.paging import PageInfo
from schema.fields.scalars import JSON
from schema.loaders import Loaders
from schema.types.availability import Availability
from schema.types.exceptions import OperationalException
from schema.types.orders import Order
from schema.types.refunds import Refund
from schema.types.returns import Return
from schema.types.stock import StockLevel
from schema.types.tasks import Task


@strawberry.type
class Event:
    """A fact at its place in the log, written in the transaction of the fact."""

    cursor: str
    """Its place, a decimal number that grows; give it back as `after` to go on behind it."""
    id: ID
    type: str
    """Noun and past tense: `stock.changed`, `reservation.expired`, `refund.succeeded`."""
    occurred_at: datetime
    """When it happened."""
    actor: str
    subject: ID
    """Id of the object that it is about, for `node`."""
    subject_version: int
    """Grows with each fact about this object."""
    data: JSON
    """Ids, codes, states and quantities; no personal data. Ids are such as `node` takes."""

    @staticmethod
    def of(event: LoggedEvent) -> "Event":
        """An event as it was logged."""
        data: Any = facts.shown(event)
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
    """Events in the order of the log, oldest first. Its `endCursor` is the next `after`."""

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
    """A stock level as it is now. Where many facts came at once, only the latest is told."""

    cursor: str
    """Give it back as `after` to go on behind this message."""
    level: StockLevel
    cause: MovementKind
    """Why it changed last."""
    shelf: strawberry.Private[LevelDetails]
    # for transports: a later event of the same subject replaces this one where it was not sent yet
    replaces: strawberry.Private[str]

    def tell(self, loaders: Loaders) -> None:
        """Let an execution know what came with the event, so that it need not be read."""
        item, location = self.shelf.item, self.shelf.location
        loaders.items.prime(item["id"], item)
        loaders.locations.prime(location["id"], location)


@strawberry.type
class AvailabilityEvent:
    """What a channel may sell of a SKU now.

    Where many facts came at once, only the latest is told.
    """

    cursor: str
    """Give it back as `after` to go on behind this message."""
    availability: Availability
    position: strawberry.Private[int]  # of its event; the cursor may lie before it
    replaces: strawberry.Private[str]


@strawberry.enum
class QueueChange(StrEnum):
    """What a message says of a queue."""

    SNAPSHOT = "SNAPSHOT"
    """These tasks are in the queue; together the SNAPSHOT messages are all of it."""
    UPSERT = "UPSERT"
    """This task has come, or has changed; put it in the place of the one with its id."""
    REMOVE = "REMOVE"
    """This task has left the queue."""


@strawberry.type
class QueueEvent:
    """Tasks that are in a queue as they are now, or that have left it."""

    cursor: str
    """Its place in the log. The stream takes no `after`: it begins with a snapshot each time."""
    change: QueueChange
    tasks: list[Task]
    """At most 200 of a SNAPSHOT, else one."""
    complete: bool
    """False while more SNAPSHOT messages follow."""
    replaces: strawberry.Private[str | None]


@strawberry.type
class ExceptionEvent:
    """An exception that somebody is called for: a new one, or one that was escalated."""

    cursor: str
    """Give it back as `after` to go on behind this message."""
    exception: OperationalException
    """As it is now, which may be later than the alert."""


@strawberry.type
class OrderEvent:
    """An order as it is now."""

    cursor: str
    """Give it back as `after` to go on behind this message."""
    order: Order
    replaces: strawberry.Private[str]


@strawberry.type
class ReturnEvent:
    """A return as it is now."""

    cursor: str
    """Give it back as `after` to go on behind this message."""
    return_: Return = strawberry.field(name="return")
    replaces: strawberry.Private[str]


@strawberry.type
class RefundEvent:
    """A refund as it is now."""

    cursor: str
    """Give it back as `after` to go on behind this message."""
    refund: Refund
    replaces: strawberry.Private[str]
