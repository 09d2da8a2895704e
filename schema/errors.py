"""Errors in responses: refusals become `userErrors`, all others a top-level error with a code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from domain.errors import (
    AlreadyExists,
    BadRequest,
    DomainError,
    Forbidden,
    RequestError,
    Unauthenticated,
)
from domain.events.cursors import StreamError
from models.database.sessions import Contention, DatabaseUnavailable, OutcomeUnknown, StorageFull
from schema.fields.errors import UserError, UserErrorCode
from schema.fields.node import encode
from schema.fields.scalars import JSON
from workflows.transactions.group_commit import QueueFull
from workflows.transactions.outcomes import Outcome, Refusal, RequestAbandoned


def user_errors(outcome: Outcome) -> list[UserError]:
    """The refusals of an outcome."""
    return [_user_error(refusal) for refusal in outcome.refusals]


# The type that holds a reference which is already in use, by its name in the domain.
_HOLDERS: Final = {
    "order": "Order",
    "reservation": "Reservation",
    "transfer": "Transfer",
    "parcel": "OperationalException",
    "shipment": "Fulfillment",
    "label": "ShippingLabel",
}


def _details(refusal: Refusal) -> Mapping[str, Any]:
    """The details of a refusal; an existing object and holds are named by their global ids."""
    if "holds" in refusal.details:
        holds = [
            {**each, "id": encode("FulfillmentHold", each["id"])}
            for each in refusal.details["holds"]
        ]
        return {**refusal.details, "holds": holds}
    holder = _HOLDERS.get(refusal.details.get("entity", ""))
    if holder is None or refusal.code != AlreadyExists.code or refusal.details["existing"] is None:
        return refusal.details
    return {**refusal.details, "existing": encode(holder, refusal.details["existing"])}


def _user_error(refusal: Refusal) -> UserError:
    return UserError(
        field=list(refusal.field) or None,
        code=UserErrorCode(refusal.code),
        message=refusal.message,
        details=JSON(_details(refusal)) if refusal.details else None,
    )


@dataclass(frozen=True, slots=True)
class TopLevel:
    """An error of the whole field or request: a code for programs, its HTTP status, facts."""

    code: str
    status: int
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


_STATUS: Final = {Unauthenticated: 401, Forbidden: 403, BadRequest: 400}


def top_level(error: Exception) -> TopLevel | None:
    """The error for an exception that left a resolver; None: a defect of this program."""
    if isinstance(error, RequestError):
        details = error.details if isinstance(error, StreamError) else {}
        return TopLevel(error.code, _STATUS.get(type(error), 400), error.message, details)
    if isinstance(error, DomainError):
        return TopLevel(BadRequest.code, 400, error.message)
    if isinstance(error, OutcomeUnknown):
        message = (
            "The connection was lost during the commit; the result is unknown. "
            "Retry with the same idempotency key."
        )
        return TopLevel("UNAVAILABLE", 503, message)
    if isinstance(error, RequestAbandoned):
        return TopLevel("UNAVAILABLE", 503, "The client left before the change began.")
    if isinstance(error, QueueFull):
        return TopLevel("UNAVAILABLE", 503, "Too many requests are waiting. Retry later.")
    if isinstance(error, StorageFull):
        message = "The disk of the database is full, so nothing can be changed. Retry later."
        return TopLevel("UNAVAILABLE", 503, message)
    if isinstance(error, DatabaseUnavailable | Contention | TimeoutError):
        return TopLevel("UNAVAILABLE", 503, "The database is unavailable or too busy. Retry later.")
    return None
