"""Events of the log, and messages of streams."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from strawberry import ID

import schema.types.facts as facts
from domain.access.callers import Caller
from models.queries.events.event_log import LoggedEvent
from models.queries.reads.stock import LevelDetails
from schema.fields.enums import MovementKind
from schema.fields.node import encode
from schema.fields.paging import PageInfo
from schema.fields.scalars import JSON
from schema.loaders import Loaders
from schema.types.availability import Availability
from schema.types.exceptions import OperationalException
from schema.types.integrations.systems import Integration
from schema.types.orders import Order
from schema.types.refunds import Refund
from schema.types.returns import Return
from schema.types.stock import StockLevel
from schema.types.tasks import Task


@strawberry.type
class Event:
    """An event in the log, written in the same transaction as the change that it records."""

    cursor: str
    """Position in the log, an increasing decimal number. Send it as `after` to continue after this
    event.
    """
    id: ID
    type: str
    """Subject and past tense: `stock.changed`, `reservation.expired`, `refund.succeeded`."""
    occurred_at: datetime
    """Time of the change."""
    actor: str
    """Actor of the change; without the permission `internals.read`, `staff` for others."""
    subject: ID
    """Global id of the changed object, for `node`."""
    subject_version: int
    """Increases with each event of this object."""
    data: JSON
    """Ids, codes, states and quantities, without personal data. Ids are global ids, for `node`."""

    @staticmethod
    def of(event: LoggedEvent, caller: Caller) -> "Event":
        """The GraphQL form of a logged event, as the caller reads it."""
        data: Any = facts.shown(event, caller)
        return Event(
            cursor=event.cursor,
            id=encode("Event", event.id),
            type=event.type,
            occurred_at=event.occurred_at,
            actor=caller.shown_actor(event.actor),
            subject=encode(event.subject_type, event.subject_key),
            subject_version=event.subject_version,
            data=JSON(data),
        )


@strawberry.type
class EventConnection:
    """A page of events in the order of the log, oldest first. To get the next page, send
    `endCursor` as `after`.
    """

    nodes: list[Event]
    page_info: PageInfo

    @staticmethod
    def of(events: list[LoggedEvent], size: int, after: int, caller: Caller) -> "EventConnection":
        """A page of events. `events` has up to `size` + 1 events."""
        page = events[:size]
        return EventConnection(
            nodes=[Event.of(event, caller) for event in page],
            page_info=PageInfo(
                has_next_page=len(events) > size,
                has_previous_page=after > 0,
                start_cursor=page[0].cursor if page else None,
                end_cursor=page[-1].cursor if page else None,
            ),
        )


@strawberry.type
class StockEvent:
    """Present state of a stock level.

    Several changes in quick succession are sent as one message.
    """

    cursor: str
    """Send it as `after` to continue after this message."""
    level: StockLevel
    cause: MovementKind
    """Cause of the last change."""
    details: strawberry.Private[LevelDetails]
    # For transports: a later event with the same value replaces this one while it is unsent.
    replaces: strawberry.Private[str]

    def prime(self, loaders: Loaders) -> None:
        """Prime the loaders with the rows that came with the event."""
        item, location = self.details.item, self.details.location
        loaders.items.prime(item["id"], item)
        loaders.locations.prime(location["id"], location)


@strawberry.type
class AvailabilityEvent:
    """Present availability of a SKU on a channel.

    Several changes in quick succession are sent as one message.
    """

    cursor: str
    """Send it as `after` to continue after this message."""
    availability: Availability
    position: strawberry.Private[int]  # position of the event; the cursor may be lower
    replaces: strawberry.Private[str]


@strawberry.enum
class QueueChange(StrEnum):
    """Kind of a message about a queue."""

    SNAPSHOT = "SNAPSHOT"
    """The tasks are in the queue. All SNAPSHOT messages together are the whole queue."""
    UPSERT = "UPSERT"
    """The task was added or has changed. It replaces a task with the same id."""
    REMOVE = "REMOVE"
    """The task has left the queue."""


@strawberry.type
class QueueEvent:
    """Tasks that are in a queue, or that have left it."""

    cursor: str
    """Position in the log. The subscription takes no `after`; it always starts with a snapshot."""
    change: QueueChange
    tasks: list[Task]
    """At most 200 tasks in a SNAPSHOT message, otherwise one."""
    complete: bool
    """False if more SNAPSHOT messages follow."""
    replaces: strawberry.Private[str | None]


@strawberry.type
class ExceptionEvent:
    """An alert: an exception was opened or escalated."""

    cursor: str
    """Send it as `after` to continue after this message."""
    exception: OperationalException
    """Present state of the exception, possibly later than the alert."""


@strawberry.type
class OrderEvent:
    """Present state of an order."""

    cursor: str
    """Send it as `after` to continue after this message."""
    order: Order
    replaces: strawberry.Private[str]


@strawberry.type
class ReturnEvent:
    """Present state of a return."""

    cursor: str
    """Send it as `after` to continue after this message."""
    return_: Return = strawberry.field(name="return")
    replaces: strawberry.Private[str]


@strawberry.type
class RefundEvent:
    """Present state of a refund."""

    cursor: str
    """Send it as `after` to continue after this message."""
    refund: Refund
    replaces: strawberry.Private[str]


@strawberry.type
class IntegrationEvent:
    """Present state of an integration."""

    cursor: str
    """Send it as `after` to continue after this message."""
    integration: Integration
    """Present state of the integration, possibly later than the change."""
    replaces: strawberry.Private[str]
