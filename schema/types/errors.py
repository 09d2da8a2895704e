"""Refusals by rule, as data beside the result."""

from enum import StrEnum

import strawberry

from schema.types.scalars import JSON


@strawberry.enum
class UserErrorCode(StrEnum):
    """What was refused, for programs."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    POLICY_VIOLATION = "POLICY_VIOLATION"
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    STALE_QUANTITY = "STALE_QUANTITY"
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    NOT_RETURNABLE = "NOT_RETURNABLE"
    RETURN_WINDOW_CLOSED = "RETURN_WINDOW_CLOSED"
    OVER_RETURN = "OVER_RETURN"
    REFUND_EXCEEDS_BALANCE = "REFUND_EXCEEDS_BALANCE"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    SELF_APPROVAL = "SELF_APPROVAL"
    GRANT_EXCEEDED = "GRANT_EXCEEDED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
    IDEMPOTENCY_KEY_REQUIRED = "IDEMPOTENCY_KEY_REQUIRED"
    TASK_NOT_CLAIMED = "TASK_NOT_CLAIMED"
    PERIOD_CLOSED = "PERIOD_CLOSED"
    UNBALANCED_ENTRY = "UNBALANCED_ENTRY"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"


@strawberry.type
class UserError:
    """One reason why a mutation, or a row of it, was refused.

    `field` is a path into the mutation's arguments; `details` are facts to act on.
    """

    field: list[str] | None
    code: UserErrorCode
    message: str
    details: JSON | None
