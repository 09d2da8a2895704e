"""Returns: states, allowed actions, and end of a return.

A return is the agreement to take units back (an RMA); its items are groups of units in one state.
See also `domain.returns.returnable_units` (which units it may have),
`domain.returns.authorizations` (whether it is accepted), `domain.returns.receipts` (contents of a
parcel) and `domain.returns.inspections` (grades).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from domain.errors import IllegalTransition
from domain.orders.orders import issued_order_number, number_of
from domain.values.codes import number_key, stored_form


class ReturnStatus(StrEnum):
    """Status of a return as a whole."""

    REQUESTED = "REQUESTED"
    """A person must authorize or decline it."""
    AUTHORIZED = "AUTHORIZED"
    """Accepted; no parcel is on its way yet."""
    DECLINED = "DECLINED"
    """Not accepted; SUPERVISOR and ADMIN can still authorize it, with a note."""
    IN_TRANSIT = "IN_TRANSIT"
    """Its parcel has a tracking number."""
    PARTIALLY_RECEIVED = "PARTIALLY_RECEIVED"
    """Some units were received, others are still expected."""
    RECEIVED = "RECEIVED"
    """Nothing more is expected."""
    CLOSED = "CLOSED"
    """Every unit is disposed of or missing, and every refund is settled; a late unit reopens it."""
    CANCELLED = "CANCELLED"
    """Cancelled before any unit was received. Final."""
    EXPIRED = "EXPIRED"
    """No unit arrived in time. A late parcel can still be received."""


class ReturnItemState(StrEnum):
    """State of one group of units."""

    EXPECTED = "EXPECTED"
    """Not received yet."""
    RECEIVED = "RECEIVED"
    """Received, to be inspected; also after the first of two inspections."""
    MISSING = "MISSING"
    """Did not arrive with the rest; becomes RECEIVED if it arrives later."""
    WRONG_ITEM = "WRONG_ITEM"
    """Received but not expected: an extra or foreign unit, to be inspected."""
    INSPECTED = "INSPECTED"
    """Graded; in quarantine, in refurbishment, or waiting for a disposition."""
    DISPOSED = "DISPOSED"
    """Its last disposition was executed. Final."""


_S, _I = ReturnStatus, ReturnItemState

RETURN_TRANSITIONS: Final[Mapping[ReturnStatus, frozenset[ReturnStatus]]] = MappingProxyType(
    {
        _S.REQUESTED: frozenset({_S.AUTHORIZED, _S.DECLINED, _S.CANCELLED}),
        _S.DECLINED: frozenset({_S.AUTHORIZED}),
        _S.AUTHORIZED: frozenset(
            {_S.IN_TRANSIT, _S.PARTIALLY_RECEIVED, _S.RECEIVED, _S.CANCELLED, _S.EXPIRED}
        ),
        _S.IN_TRANSIT: frozenset({_S.PARTIALLY_RECEIVED, _S.RECEIVED, _S.CANCELLED, _S.EXPIRED}),
        _S.PARTIALLY_RECEIVED: frozenset({_S.RECEIVED}),
        _S.EXPIRED: frozenset({_S.PARTIALLY_RECEIVED, _S.RECEIVED}),
        _S.RECEIVED: frozenset({_S.CLOSED}),
        _S.CLOSED: frozenset({_S.RECEIVED}),
        _S.CANCELLED: frozenset(),
    }
)

ITEM_TRANSITIONS: Final[Mapping[ReturnItemState, frozenset[ReturnItemState]]] = MappingProxyType(
    {
        _I.EXPECTED: frozenset({_I.RECEIVED, _I.MISSING}),
        _I.MISSING: frozenset({_I.RECEIVED}),
        _I.RECEIVED: frozenset({_I.INSPECTED}),
        _I.WRONG_ITEM: frozenset({_I.INSPECTED}),
        _I.INSPECTED: frozenset({_I.DISPOSED}),
        _I.DISPOSED: frozenset(),
    }
)


class ReturnAction(StrEnum):
    """An action of a caller or a job on a return as a whole."""

    AUTHORIZE = "AUTHORIZE"
    DECLINE = "DECLINE"
    CANCEL = "CANCEL"
    SET_TRACKING = "SET_TRACKING"
    RECEIVE = "RECEIVE"
    QUARANTINE = "QUARANTINE"
    INSPECT = "INSPECT"
    DISPOSE = "DISPOSE"
    EXPIRE = "EXPIRE"
    CLOSE = "CLOSE"


_A = ReturnAction

# RECEIVE on RECEIVED and CLOSED is for units that were MISSING, or that the order line can still
# return; `domain.returns.receipts` refuses any other.
# A parcel of a declined or cancelled return is not received but set apart: QUARANTINE.
RETURN_ACTIONS: Final[Mapping[ReturnAction, frozenset[ReturnStatus]]] = MappingProxyType(
    {
        _A.AUTHORIZE: frozenset({_S.REQUESTED, _S.DECLINED}),
        _A.DECLINE: frozenset({_S.REQUESTED}),
        _A.CANCEL: frozenset({_S.REQUESTED, _S.AUTHORIZED, _S.IN_TRANSIT}),
        _A.SET_TRACKING: frozenset(
            {_S.REQUESTED, _S.AUTHORIZED, _S.IN_TRANSIT, _S.PARTIALLY_RECEIVED}
        ),
        _A.RECEIVE: frozenset(
            {
                _S.AUTHORIZED,
                _S.IN_TRANSIT,
                _S.PARTIALLY_RECEIVED,
                _S.EXPIRED,
                _S.RECEIVED,
                _S.CLOSED,
            }
        ),
        _A.QUARANTINE: frozenset({_S.DECLINED, _S.CANCELLED}),
        _A.INSPECT: frozenset({_S.PARTIALLY_RECEIVED, _S.RECEIVED}),
        _A.DISPOSE: frozenset({_S.PARTIALLY_RECEIVED, _S.RECEIVED}),
        _A.EXPIRE: frozenset({_S.AUTHORIZED, _S.IN_TRANSIT}),
        _A.CLOSE: frozenset({_S.RECEIVED}),
    }
)

_WOULD_BECOME: Final[Mapping[ReturnAction, str]] = MappingProxyType(
    {
        _A.AUTHORIZE: _S.AUTHORIZED,
        _A.DECLINE: _S.DECLINED,
        _A.CANCEL: _S.CANCELLED,
        _A.RECEIVE: _S.RECEIVED,
        _A.QUARANTINE: "QUARANTINE",
        _A.INSPECT: _I.INSPECTED,
        _A.DISPOSE: _I.DISPOSED,
        _A.EXPIRE: _S.EXPIRED,
        _A.CLOSE: _S.CLOSED,
        _A.SET_TRACKING: "SET_TRACKING",
    }
)

# Units that have not arrived this long after `expectedBy` count as missing.
MISSING_AFTER: Final = timedelta(days=14)

# Default of `expectedBy`, counted from the authorization.
EXPECTED_WITHIN: Final = timedelta(days=14)


def rma_number_of(return_id: UUID) -> str:
    """The RMA number that a customer writes on the parcel; unique as the id is."""
    return f"RMA-{number_of(return_id)[1:]}"


def references_named(typed: str) -> list[str]:
    """The references of journal entries and movements that a person may mean.

    A reference is an order number, an RMA number, or the text of another document.
    """
    return [stored_form(typed), issued_order_number(typed), issued_rma_number(typed)]


def issued_rma_number(typed: str) -> str:
    """The form in which an RMA number was issued, for a number that a person typed."""
    key = number_key(typed)
    return f"{key[:3]}-{key[3:9]}-{key[9:]}"


def check_action(status: ReturnStatus, action: ReturnAction) -> None:
    """Raise IllegalTransition, with the states after `status`, unless `action` is allowed in it."""
    if status not in RETURN_ACTIONS[action]:
        raise IllegalTransition("return", status, _WOULD_BECOME[action], RETURN_TRANSITIONS[status])


def overdue_status(
    status: ReturnStatus, expected_by: datetime | None, now: datetime
) -> ReturnStatus | None:
    """The new status of an overdue return: EXPIRED, RECEIVED (the rest is MISSING), or None."""
    if expected_by is None or now < expected_by + MISSING_AFTER:
        return None
    if status in RETURN_ACTIONS[ReturnAction.EXPIRE]:
        return ReturnStatus.EXPIRED
    if status is ReturnStatus.PARTIALLY_RECEIVED:
        return ReturnStatus.RECEIVED
    return None


def may_close(
    status: ReturnStatus, states: Iterable[ReturnItemState], refunds_settled: Iterable[bool]
) -> bool:
    """True if each unit is DISPOSED or MISSING, and each refund is settled."""
    over = (ReturnItemState.DISPOSED, ReturnItemState.MISSING)
    return (
        status is ReturnStatus.RECEIVED
        and all(state in over for state in states)
        and all(refunds_settled)
    )
