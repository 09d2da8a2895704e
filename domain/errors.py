"""Every way the domain says no, as facts with a code that clients act on.

    Exception
    ├── DomainError                    a rule's refusal: becomes one `userErrors` entry
    │   ├── Invalid                    the input itself is wrong                        (not stored)
    │   ├── NotFound                   nothing of that name within the caller's scope   (not stored)
    │   ├── AlreadyExists              the reference is taken; `existing` names the holder
    │   ├── IllegalTransition          the state table has no such step
    │   ├── PolicyViolation            a published policy forbids it
    │   ├── InsufficientStock          fewer units than asked for
    │   ├── StaleQuantity              compare-and-set met another quantity
    │   ├── ReservationExpired         the hold was over before it was used
    │   ├── LimitExceeded              a configured limit
    │   ├── ApprovalRequired           somebody with more authority must do it
    │   ├── SelfApproval               the approver had a part in the case
    │   ├── GrantExceeded              above the approver's own limit
    │   ├── NotReturnable              final sale, or not a returnable item
    │   ├── ReturnWindowClosed         asked too late
    │   ├── OverReturn                 more units than were shipped
    │   ├── RefundExceedsBalance       more money than was captured
    │   ├── TaskNotClaimed             another worker holds the task
    │   ├── PeriodClosed               the books are closed there, or not yet closable
    │   ├── UnbalancedEntry            debits and credits differ
    │   └── IdempotencyError                                                            (not stored)
    │       ├── IdempotencyKeyReused       same key, other arguments
    │       ├── IdempotencyInProgress      the first request with this key still runs
    │       └── IdempotencyKeyRequired     this caller must send one
    └── RequestError                   the request may not be served at all: a top-level error
        ├── Unauthenticated
        ├── Forbidden
        └── BadRequest

`is_stored` tells whether a refusal is kept with the idempotency key and replayed to the same key:
a refusal by rule is; what the caller can mend (INVALID, NOT_FOUND) is not, nor are the key's own
errors. `field` is a path into the mutation's arguments; the rule that refuses knows its own part
of the path and each caller puts its own part in front with `under`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar, Self

Path = tuple[str, ...]


class DomainError(Exception):
    """A rule refused the command; nothing of stock, money or state has changed."""

    code: ClassVar[str]
    is_stored: ClassVar[bool] = True

    def __init__(
        self, message: str, *, field: Path = (), details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details: dict[str, object] = dict(details or {})

    def under(self, *prefix: str) -> Self:
        """Put `prefix` in front of the field path and give back this same error, to be raised."""
        self.field = (*prefix, *self.field)
        return self


class Invalid(DomainError):
    """The value named by `field` cannot be: unknown unit, out of range, contradictory."""

    code = "INVALID"
    is_stored = False


class NotFound(DomainError):
    """No `entity` with this reference exists, or none that the caller may see."""

    code = "NOT_FOUND"
    is_stored = False

    def __init__(self, entity: str, reference: str, *, field: Path = ()) -> None:
        self.entity, self.reference = entity, reference
        details = {"entity": entity, "reference": reference}
        super().__init__(f"No {entity} {reference!r} was found.", field=field, details=details)


class AlreadyExists(DomainError):
    """The reference is taken; `existing` is the key of the `entity` that holds it."""

    code = "ALREADY_EXISTS"

    def __init__(self, entity: str, reference: str, existing: str, *, field: Path = ()) -> None:
        self.entity, self.reference, self.existing = entity, reference, existing
        details = {"entity": entity, "reference": reference, "existing": existing}
        message = f"The {entity} {reference!r} exists already."
        super().__init__(message, field=field, details=details)


class IllegalTransition(DomainError):
    """`entity` in state `current` cannot become (or undergo) `requested`; `allowed` can."""

    code = "ILLEGAL_TRANSITION"

    def __init__(
        self,
        entity: str,
        current: str,
        requested: str,
        allowed: Iterable[str] = (),
        *,
        field: Path = (),
    ) -> None:
        self.entity, self.current, self.requested = entity, current, requested
        self.allowed = tuple(sorted(allowed))
        choice = ", ".join(self.allowed) or "nothing"
        article = "An" if entity[0] in "aeiou" else "A"
        super().__init__(
            f"{article} {entity} that is {current} cannot go to {requested}; allowed: {choice}.",
            field=field,
            details={"from": current, "to": requested, "allowed": list(self.allowed)},
        )


class PolicyViolation(DomainError):
    """The published policy (kind and version in `details`) forbids this."""

    code = "POLICY_VIOLATION"


class InsufficientStock(DomainError):
    """`requested` units of `sku` were asked for where only `available` can be taken."""

    code = "INSUFFICIENT_STOCK"

    def __init__(self, sku: str, requested: int, available: int, *, field: Path = ()) -> None:
        self.sku, self.requested, self.available = sku, requested, available
        super().__init__(
            f"Asked for {requested} of {sku}; {available} can be taken.",
            field=field,
            details={"sku": sku, "requested": requested, "available": available},
        )


class StaleQuantity(DomainError):
    """The state holds `actual` units where the client had seen `expected`."""

    code = "STALE_QUANTITY"

    def __init__(self, expected: int, actual: int, *, field: Path = ()) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(
            f"The quantity is {actual}, not {expected}.",
            field=field,
            details={"expected": expected, "actual": actual},
        )


class ReservationExpired(DomainError):
    """The hold was over at `expired_at`."""

    code = "RESERVATION_EXPIRED"

    def __init__(self, expired_at: datetime, *, field: Path = ()) -> None:
        self.expired_at = expired_at
        instant = expired_at.isoformat()
        message = f"The reservation expired at {instant}."
        super().__init__(message, field=field, details={"expiredAt": instant})


class LimitExceeded(DomainError):
    """`requested` is outside the limit named `limit`; `allowed` is the nearest value within."""

    code = "LIMIT_EXCEEDED"

    def __init__(self, limit: str, allowed: int, requested: int, *, field: Path = ()) -> None:
        self.limit, self.allowed, self.requested = limit, allowed, requested
        super().__init__(
            f"{limit}: {requested} was asked for;"
            f" at {'least' if requested < allowed else 'most'} {allowed} is allowed.",
            field=field,
            details={"limit": limit, "allowed": allowed, "requested": requested},
        )


class ApprovalRequired(DomainError):
    """The caller's role may not decide this alone; `details` say which limit was passed."""

    code = "APPROVAL_REQUIRED"


class SelfApproval(DomainError):
    """`actor` had a part in the case (`part`: requested, authorized, inspected, approved)."""

    code = "SELF_APPROVAL"

    def __init__(self, actor: str, part: str, *, field: Path = ()) -> None:
        self.actor, self.part = actor, part
        message = f"{actor} {part} this and cannot decide it too."
        super().__init__(message, field=field, details={"actor": actor, "part": part})


class GrantExceeded(DomainError):
    """The amount (a decimal text) is above the approver's limit; `limit` None: no grant at all."""

    code = "GRANT_EXCEEDED"

    def __init__(self, amount: str, currency: str, limit: str | None, *, field: Path = ()) -> None:
        self.amount, self.currency, self.limit = amount, currency, limit
        super().__init__(
            f"{amount} {currency} is above the approver's limit of {limit or 'nothing'}.",
            field=field,
            details={"amount": amount, "currencyCode": currency, "limit": limit},
        )


class NotReturnable(DomainError):
    """`sku` cannot be returned; the message says why."""

    code = "NOT_RETURNABLE"

    def __init__(self, sku: str, why: str, *, field: Path = ()) -> None:
        self.sku, self.why = sku, why
        message = f"{sku} cannot be returned: {why}."
        super().__init__(message, field=field, details={"sku": sku, "why": why})


class ReturnWindowClosed(DomainError):
    """The return was asked for after the window's last instant, `closed_at`."""

    code = "RETURN_WINDOW_CLOSED"

    def __init__(self, closed_at: datetime, *, field: Path = ()) -> None:
        self.closed_at = closed_at
        instant = closed_at.isoformat()
        message = f"The return window closed at {instant}."
        super().__init__(message, field=field, details={"closedAt": instant})


class OverReturn(DomainError):
    """More units of `sku` than are left to return."""

    code = "OVER_RETURN"

    def __init__(self, sku: str, requested: int, returnable: int, *, field: Path = ()) -> None:
        self.sku, self.requested, self.returnable = sku, requested, returnable
        super().__init__(
            f"Asked to return {requested} of {sku}; {returnable} can be returned.",
            field=field,
            details={"sku": sku, "requested": requested, "returnable": returnable},
        )


class RefundExceedsBalance(DomainError):
    """More than what was captured and not yet refunded; amounts are decimal texts."""

    code = "REFUND_EXCEEDS_BALANCE"

    def __init__(
        self, requested: str, maximum_refundable: str, currency: str, *, field: Path = ()
    ) -> None:
        self.requested, self.maximum_refundable = requested, maximum_refundable
        self.currency = currency
        super().__init__(
            f"{requested} {currency} is above the {maximum_refundable} that can be refunded.",
            field=field,
            details={
                "requested": requested,
                "maximumRefundable": maximum_refundable,
                "currencyCode": currency,
            },
        )


class TaskNotClaimed(DomainError):
    """Another worker, `holder`, has the task."""

    code = "TASK_NOT_CLAIMED"

    def __init__(self, holder: str, *, field: Path = ()) -> None:
        self.holder = holder
        message = f"The task is claimed by {holder}."
        super().__init__(message, field=field, details={"claimedBy": holder})


class PeriodClosed(DomainError):
    """The period through `through` is closed already, or lies in the future."""

    code = "PERIOD_CLOSED"

    def __init__(self, message: str, through: datetime, *, field: Path = ()) -> None:
        self.through = through
        super().__init__(message, field=field, details={"through": through.isoformat()})


class UnbalancedEntry(DomainError):
    """The entry's debits and credits in `currency` differ; both in minor units."""

    code = "UNBALANCED_ENTRY"

    def __init__(
        self, currency: str, debit_minor: int, credit_minor: int, *, field: Path = ()
    ) -> None:
        self.currency, self.debit_minor, self.credit_minor = currency, debit_minor, credit_minor
        super().__init__(
            f"Debits of {debit_minor} and credits of {credit_minor} {currency} minor units differ.",
            field=field,
            details={
                "currencyCode": currency,
                "debitMinor": debit_minor,
                "creditMinor": credit_minor,
            },
        )


class IdempotencyError(DomainError):
    """The idempotency key itself stands in the way."""

    is_stored = False

    def __init__(self, message: str) -> None:
        super().__init__(message)


class IdempotencyKeyReused(IdempotencyError):
    """The key belongs to an earlier request with other arguments."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("The idempotency key was used before with other arguments.")


class IdempotencyInProgress(IdempotencyError):
    """The first request with this key has not ended yet; ask again."""

    code = "IDEMPOTENCY_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__("The first request with this idempotency key is still running.")


class IdempotencyKeyRequired(IdempotencyError):
    """This caller's mutations must carry a key (and, without an API key, a long one)."""

    code = "IDEMPOTENCY_KEY_REQUIRED"

    def __init__(self, message: str = "This mutation needs an idempotency key.") -> None:
        super().__init__(message)


class RequestError(Exception):
    """The request is not served; `code` goes to the top-level error's extensions."""

    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthenticated(RequestError):
    """No key where one is needed, or one that is unknown, expired or revoked."""

    code = "UNAUTHENTICATED"


class Forbidden(RequestError):
    """The caller is known and its role does not have the permission."""

    code = "FORBIDDEN"


class BadRequest(RequestError):
    """The request contradicts itself: a look-up that names nothing, a page above the limit."""

    code = "BAD_REQUEST"
