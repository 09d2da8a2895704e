"""Refusals by rule, as data beside the result."""

from enum import StrEnum

import strawberry

from schema.fields.scalars import JSON


@strawberry.enum
class UserErrorCode(StrEnum):
    """What was refused, for programs.

    The codes of top-level errors are others: UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED,
    CURSOR_TOO_OLD, BAD_REQUEST, UNAVAILABLE, INTERNAL, in `extensions.code`.
    """

    INVALID = "INVALID"
    """The value at `field` cannot be: unknown unit, out of range, contradictory."""
    NOT_FOUND = "NOT_FOUND"
    """Nothing of that name exists, or nothing that the caller may see."""
    ALREADY_EXISTS = "ALREADY_EXISTS"
    """The reference is taken; an order or a hold that has it comes along."""
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    """What is in this state cannot undergo that; `details` has `from`, `to` and `allowed`."""
    POLICY_VIOLATION = "POLICY_VIOLATION"
    """A published policy forbids it."""
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    """Fewer units than asked for; `details` has `sku`, `requested` and `available`."""
    STALE_QUANTITY = "STALE_QUANTITY"
    """The state holds another number than `changeFromQuantity`; `details` has `expected` and
    `actual`.
    """
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    """The hold was over at `details.expiredAt`."""
    NOT_RETURNABLE = "NOT_RETURNABLE"
    """Final sale, or not a returnable item."""
    RETURN_WINDOW_CLOSED = "RETURN_WINDOW_CLOSED"
    """Asked for too late: after `details.closedAt`."""
    OVER_RETURN = "OVER_RETURN"
    """More units than were sent and not yet returned."""
    REFUND_EXCEEDS_BALANCE = "REFUND_EXCEEDS_BALANCE"
    """More money than may still go back; `details` has `maximumRefundable`."""
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"
    """A role with more authority must do it."""
    SELF_APPROVAL = "SELF_APPROVAL"
    """The actor had a part in the case, under whichever key."""
    GRANT_EXCEEDED = "GRANT_EXCEEDED"
    """The amount is above the approver's own limit, or in another currency."""
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    """The key was used before with other arguments."""
    IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
    """The first request with this key still runs; ask again."""
    IDEMPOTENCY_KEY_REQUIRED = "IDEMPOTENCY_KEY_REQUIRED"
    """PARTNER keys send an idempotency key with each mutation. Without an API key, one that is sent
    has at least 22 characters.
    """
    TASK_NOT_CLAIMED = "TASK_NOT_CLAIMED"
    """Another worker has the task; `details` has `claimedBy`."""
    PERIOD_CLOSED = "PERIOD_CLOSED"
    """The books are closed there already, or the instant lies ahead."""
    UNBALANCED_ENTRY = "UNBALANCED_ENTRY"
    """An entry's debits and credits differ."""
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    """Outside a configured limit; `details` has `limit`, `allowed` and `requested`."""


@strawberry.type
class UserError:
    """One reason why a mutation, or a row of it, was refused.

    Refused means that nothing of stock, money or state has changed.
    """

    field: list[str] | None
    """Path into the mutation's arguments: `["input", "lines", "0", "quantity"]`; null where no
    single argument is to blame.
    """
    code: UserErrorCode
    message: str
    """For people, one sentence; programs go by `code` and `details`."""
    details: JSON | None
    """Facts to act on, by code."""


class Payload:
    """What is said of `replayed` and `userErrors` in the answer of every mutation.

    Payloads declare both again, below what they give back: inherited fields would come first.
    """

    replayed: bool
    """True: this key was sent before. Nothing was done again; objects are as they are now."""
    user_errors: list[UserError]
    """Why it was refused, in whole or in part; empty: it was done."""
