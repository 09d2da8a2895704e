"""Events of returns, and of parcels that no return matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypedDict

from domain.events.payloads import EventPayload, OrderId, OrderLineId, ReturnId, ReturnItemId
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.returns.states import ReturnItemState, ReturnStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedUnits:
    """Units of a return that share their state."""

    id: ReturnItemId
    order_line: OrderLineId | None
    """Null for units that the order does not have."""
    sku: str
    quantity: int
    state: ReturnItemState
    condition: ConditionGrade | None
    """Null until the units are inspected."""
    disposition: Disposition | None
    """Null until it is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnidentifiedUnits:
    """Units of an item in a parcel that no return matches."""

    sku: str
    quantity: int


class ReturnStep(TypedDict):
    """The fields that every event of a return has, for `**`."""

    order: OrderId
    number: str
    status: ReturnStatus
    before: ReturnStatus | None
    items: tuple[ReturnedUnits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPayload(EventPayload):
    """The fields that every event of a return has."""

    subject_type: ClassVar[str] = "Return"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    order: OrderId
    number: str
    """RMA number."""
    status: ReturnStatus
    before: ReturnStatus | None
    """Status before this event; null where the status stayed."""
    items: tuple[ReturnedUnits, ...]
    """The units that this event is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRequested(ReturnPayload):
    """A return was requested, or a carrier brings an undelivered parcel back."""

    type: ClassVar[str] = "return.requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnAuthorized(ReturnPayload):
    """The policy or a person authorized the return."""

    type: ClassVar[str] = "return.authorized"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnDeclined(ReturnPayload):
    """The policy or a person declined the return."""

    type: ClassVar[str] = "return.declined"

    reason: str | None
    """Code of the reason that a person gave; null where the policy declined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnCancelled(ReturnPayload):
    """The return was cancelled before any unit was received."""

    type: ClassVar[str] = "return.cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnTracked(ReturnPayload):
    """The tracking number of the parcel was changed, and the status stayed."""

    type: ClassVar[str] = "return.tracked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnInTransit(ReturnPayload):
    """The parcel got a tracking number, or its carrier reported it for the first time."""

    type: ClassVar[str] = "return.in_transit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnReceived(ReturnPayload):
    """Units were received, or the missing rest of a return was given up."""

    type: ClassVar[str] = "return.received"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnInspectionRecorded(ReturnPayload):
    """A first inspection was recorded for units that need a second inspector."""

    type: ClassVar[str] = "return.inspection_recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnInspected(ReturnPayload):
    """The condition of units was decided."""

    type: ClassVar[str] = "return.inspected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnDisposed(ReturnPayload):
    """The disposition of units was decided, or executed."""

    type: ClassVar[str] = "return.disposed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnExpired(ReturnPayload):
    """No unit was received in time."""

    type: ClassVar[str] = "return.expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnClosed(ReturnPayload):
    """The last unit or the last refund of the return was settled."""

    type: ClassVar[str] = "return.closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnUnidentified(EventPayload):
    """A parcel was received that no return matches."""

    type: ClassVar[str] = "return.unidentified"
    subject_type: ClassVar[str] = "OperationalException"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    return_: ReturnId | None
    """The return that the parcel names and that takes no units any more; else null."""
    location: str
    """Code of the location."""
    items: tuple[UnidentifiedUnits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnUnidentifiedDisposed(EventPayload):
    """Units of an unmatched parcel were disposed of."""

    type: ClassVar[str] = "return.unidentified_disposed"
    subject_type: ClassVar[str] = "OperationalException"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel", "location")

    return_: ReturnId | None
    """The ended return that the parcel names; else null."""
    location: str
    """Code of the location."""
    disposition: Disposition
    items: tuple[UnidentifiedUnits, ...]
