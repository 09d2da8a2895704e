"""User errors: refusals by a rule, returned as data beside the result."""

from enum import StrEnum

import strawberry

from schema.fields.scalars import JSON


@strawberry.enum
class UserErrorCode(StrEnum):
    """Code of a refusal, for programs.

    Top-level errors have other codes, in `extensions.code`: UNAUTHENTICATED, FORBIDDEN,
    RATE_LIMITED, CURSOR_TOO_OLD, BAD_REQUEST, UNAVAILABLE, INTERNAL.
    """

    INVALID = "INVALID"
    """The value at `field` is not possible: an unknown unit, out of range, or contradictory."""
    NOT_FOUND = "NOT_FOUND"
    """No such object exists, or none that the caller may see."""
    ALREADY_EXISTS = "ALREADY_EXISTS"
    """The reference is used by another object; the payload has it if it is an order or a hold."""
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    """The state of the object does not allow the change; `details` has `from`, `to` and `allowed`.
    """
    POLICY_VIOLATION = "POLICY_VIOLATION"
    """A published policy forbids the change."""
    ENDPOINT_REFUSED = "ENDPOINT_REFUSED"
    """The host of the address is not public, or cannot be resolved."""
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    """Fewer units are available than requested; `details` has `sku`, `requested` and `available`.
    """
    STALE_QUANTITY = "STALE_QUANTITY"
    """The state has another number of units than `changeFromQuantity`; `details` has `expected` and
    `actual`.
    """
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    """The hold expired at `details.expiredAt`."""
    NOT_RETURNABLE = "NOT_RETURNABLE"
    """The item is a final sale, or not returnable."""
    RETURN_WINDOW_CLOSED = "RETURN_WINDOW_CLOSED"
    """The return window closed at `details.closedAt`."""
    OVER_RETURN = "OVER_RETURN"
    """More units than were shipped and are not in a return yet."""
    REFUND_EXCEEDS_BALANCE = "REFUND_EXCEEDS_BALANCE"
    """More money than can still be refunded; `details` has `maximumRefundable`."""
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    """The change needs a role with more authority."""
    SELF_APPROVAL = "SELF_APPROVAL"
    """The actor took part in the case, with any of its keys."""
    GRANT_EXCEEDED = "GRANT_EXCEEDED"
    """The amount is above the approver's limit, or in another currency."""
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    """The idempotency key was used before with other arguments."""
    IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
    """The first request with this idempotency key is still running; retry later."""
    IDEMPOTENCY_KEY_REQUIRED = "IDEMPOTENCY_KEY_REQUIRED"
    """An idempotency key is missing or too short. PARTNER keys must send one with each mutation.
    Without an API key it is optional, and has at least 22 characters.
    """
    TASK_NOT_CLAIMED = "TASK_NOT_CLAIMED"
    """Another worker claimed the task; `details` has `claimedBy`."""
    SCAN_MISMATCH = "SCAN_MISMATCH"
    """The code names an item, or more units of it, than is asked for here; `details` has `sku` and
    `expected`. Or the tote belongs to another parcel; then it has `tote`.
    """
    PERIOD_CLOSED = "PERIOD_CLOSED"
    """The instant lies in a closed period, or in the future."""
    UNBALANCED_ENTRY = "UNBALANCED_ENTRY"
    """Debits and credits of an entry differ."""
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    """A value is outside a configured limit; `details` has `limit`, `allowed` and `requested`."""


@strawberry.type
class UserError:
    """A refusal of a mutation or of one of its rows.

    Stock, money and states are unchanged by refused input.
    """

    field: list[str] | None
    """Path of the argument: `["input", "lines", "0", "quantity"]`; null if no single argument is
    the cause.
    """
    code: UserErrorCode
    message: str
    """One sentence for people. Programs use `code` and `details`."""
    details: JSON | None
    """Details for programs, depending on `code`."""


class Payload:
    """Fields `replayed` and `userErrors` of every payload, with their descriptions.

    Payloads declare both again after their own fields, because inherited fields would come first.
    """

    replayed: bool
    """True: a mutation with this idempotency key was performed before and was not repeated. Objects
    are in their present state.
    """
    user_errors: list[UserError]
    """Refusals of the mutation or of its rows; empty if all of it was performed."""
