"""Domain and request errors: one class per error code of the API.

    Exception
    ├── DomainError                    a rule refused it: becomes one `userErrors` entry
    │   ├── Invalid                    the input itself is wrong                        (not stored)
    │   ├── NotFound                   no such object within the caller's scope         (not stored)
    │   ├── AlreadyExists              the reference is taken; `existing` names its object
    │   ├── IllegalTransition          the state table has no such step
    │   ├── PolicyViolation            a published policy forbids it
    │   ├── EndpointRefused            not to be called (domain/integrations/addresses.py)
    │   ├── InsufficientStock          fewer units available than requested
    │   ├── StaleQuantity              compare-and-set found another quantity
    │   ├── ReservationAlreadyExpired  the hold expired before it was used
    │   ├── LimitExceeded              a configured limit
    │   ├── ApprovalRequired           a role with more authority must do it
    │   ├── SelfApproval               the approver took part in the case
    │   ├── GrantExceeded              above the approver's own limit
    │   ├── NotReturnable              final sale, or not a returnable item
    │   ├── ReturnWindowClosed         requested after the return window
    │   ├── OverReturn                 more units than were shipped
    │   ├── RefundExceedsBalance       more money than was captured
    │   ├── TaskNotClaimed             another worker holds the task
    │   ├── ScanMismatch               not asked for here (domain/orders/scans.py)
    │   ├── PeriodNotOpen              the period is closed, or cannot be closed yet
    │   ├── UnbalancedEntry            debits and credits differ
    │   └── IdempotencyError                                                            (not stored)
    │       ├── IdempotencyKeyReused       same key, other arguments
    │       ├── IdempotencyInProgress      the first request with this key still runs
    │       └── IdempotencyKeyRequired     this caller must send a key
    └── RequestError                   the request is not served: becomes a top-level error
        ├── Unauthenticated
        ├── Forbidden
        └── BadRequest

`is_stored`: the error is stored with the idempotency key and replayed to requests with that key.
Refusals by a rule are stored. INVALID and NOT_FOUND are not, because the client can correct the
input; nor are the errors of the key itself.

`field` is a path into the mutation's arguments. The rule that refuses sets its own part of the
path; each caller prepends its part with `under`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Self

Path = tuple[str, ...]


class DomainError(Exception):
    """A rule refused the command; stock, money and state are unchanged."""

    code: ClassVar[str]
    is_stored: ClassVar[bool] = True

    def __init__(
        self, message: str, *, field: Path = (), details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details: dict[str, object] = dict(details or {})

    @property
    def parts(self) -> "Sequence[DomainError]":
        """The errors that the client gets: this one, unless it stands for several."""
        return (self,)

    def under(self, *prefix: str) -> Self:
        """Prepend `prefix` to the field path and return this same error, to be raised."""
        self.field = (*prefix, *self.field)
        return self


class Invalid(DomainError):
    """The value at `field` is not possible: an unknown unit, out of range, or contradictory."""

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
    """The reference is taken; `existing` is the key of the `entity` that has it, if it is seen."""

    code = "ALREADY_EXISTS"

    def __init__(
        self, entity: str, reference: str, existing: str | None, text: str = "", *, field: Path = ()
    ) -> None:
        self.entity, self.reference, self.existing = entity, reference, existing
        details = {"entity": entity, "reference": reference, "existing": existing}
        message = text or f"The {entity} {reference!r} exists already."
        super().__init__(message, field=field, details=details)


class IllegalTransition(DomainError):
    """An `entity` in state `current` cannot move to `requested`; it can move to `allowed`."""

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
            f"{article} {entity} that is {current} cannot become {requested}; allowed: {choice}.",
            field=field,
            details={"from": current, "to": requested, "allowed": list(self.allowed)},
        )


class PolicyViolation(DomainError):
    """The published policy (kind and version in `details`) forbids this."""

    code = "POLICY_VIOLATION"


class InsufficientStock(DomainError):
    """`requested` units of `sku` were requested; only `available` can be taken."""

    code = "INSUFFICIENT_STOCK"

    def __init__(self, sku: str, requested: int, available: int, *, field: Path = ()) -> None:
        self.sku, self.requested, self.available = sku, requested, available
        super().__init__(
            f"{requested} of {sku} requested; at most {available} can be taken.",
            field=field,
            details={"sku": sku, "requested": requested, "available": available},
        )


class StaleQuantity(DomainError):
    """The stock state holds `actual` units; the client expected `expected`."""

    code = "STALE_QUANTITY"

    def __init__(self, expected: int, actual: int, *, field: Path = ()) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(
            f"The quantity is {actual}; {expected} was expected.",
            field=field,
            details={"expected": expected, "actual": actual},
        )


class ReservationAlreadyExpired(DomainError):
    """The hold expired at `expired_at`."""

    code = "RESERVATION_EXPIRED"

    def __init__(self, expired_at: datetime, *, field: Path = ()) -> None:
        self.expired_at = expired_at
        instant = expired_at.isoformat()
        message = f"The reservation expired at {instant}."
        super().__init__(message, field=field, details={"expiredAt": instant})


class LimitExceeded(DomainError):
    """`requested` is outside the limit named `limit`; `allowed` is the nearest permitted value."""

    code = "LIMIT_EXCEEDED"

    def __init__(self, limit: str, allowed: int, requested: int, *, field: Path = ()) -> None:
        self.limit, self.allowed, self.requested = limit, allowed, requested
        super().__init__(
            f"{limit}: at {'least' if requested < allowed else 'most'} {allowed} allowed;"
            f" {requested} requested.",
            field=field,
            details={"limit": limit, "allowed": allowed, "requested": requested},
        )


class ApprovalRequired(DomainError):
    """The caller's role may not decide this alone; `details` name the limit that was passed."""

    code = "APPROVAL_REQUIRED"


class SelfApproval(DomainError):
    """`actor` took part in the case (`part`: requested, authorized, inspected, approved)."""

    code = "SELF_APPROVAL"

    def __init__(self, actor: str, part: str, *, field: Path = ()) -> None:
        self.actor, self.part = actor, part
        message = f"{actor} {part} this case and cannot also decide it."
        super().__init__(message, field=field, details={"actor": actor, "part": part})


class GrantExceeded(DomainError):
    """The amount (a decimal text) is above the approver's limit; `limit` None: no grant.

    `earlier`: the part of the amount that the approver has approved on the order before.
    """

    code = "GRANT_EXCEEDED"

    def __init__(
        self,
        amount: str,
        currency: str,
        limit: str | None,
        *,
        earlier: str | None = None,
        field: Path = (),
    ) -> None:
        self.amount, self.currency, self.limit = amount, currency, limit
        part = "" if earlier is None else f", with {earlier} approved on the order before,"
        super().__init__(
            f"{amount} {currency}{part} is above the approver's limit of {limit or 'nothing'}.",
            field=field,
            details={"amount": amount, "currencyCode": currency, "limit": limit},
        )


class NotReturnable(DomainError):
    """`sku` cannot be returned; `why` is the reason."""

    code = "NOT_RETURNABLE"

    def __init__(self, sku: str, why: str, *, field: Path = ()) -> None:
        self.sku, self.why = sku, why
        message = f"{sku} cannot be returned: {why}."
        super().__init__(message, field=field, details={"sku": sku, "why": why})


class ReturnWindowClosed(DomainError):
    """The return was requested at or after `closed_at`, the end of the return window."""

    code = "RETURN_WINDOW_CLOSED"

    def __init__(self, closed_at: datetime, *, field: Path = ()) -> None:
        self.closed_at = closed_at
        instant = closed_at.isoformat()
        message = f"The return window closed at {instant}."
        super().__init__(message, field=field, details={"closedAt": instant})


class OverReturn(DomainError):
    """More units of `sku` were requested than are left to return."""

    code = "OVER_RETURN"

    def __init__(self, sku: str, requested: int, returnable: int, *, field: Path = ()) -> None:
        self.sku, self.requested, self.returnable = sku, requested, returnable
        super().__init__(
            f"{requested} of {sku} requested; at most {returnable} can be returned.",
            field=field,
            details={"sku": sku, "requested": requested, "returnable": returnable},
        )


class RefundExceedsBalance(DomainError):
    """More than the captured amount that is not yet refunded; amounts are decimal texts."""

    code = "REFUND_EXCEEDS_BALANCE"

    def __init__(
        self, requested: str, maximum_refundable: str, currency: str, *, field: Path = ()
    ) -> None:
        self.requested, self.maximum_refundable = requested, maximum_refundable
        self.currency = currency
        super().__init__(
            f"{requested} {currency} requested; at most {maximum_refundable} can be refunded.",
            field=field,
            details={
                "requested": requested,
                "maximumRefundable": maximum_refundable,
                "currencyCode": currency,
            },
        )


class TaskNotClaimed(DomainError):
    """The task is claimed by another worker, `holder`."""

    code = "TASK_NOT_CLAIMED"

    def __init__(self, holder: str, *, field: Path = ()) -> None:
        self.holder = holder
        message = f"The task is claimed by {holder}."
        super().__init__(message, field=field, details={"claimedBy": holder})


class PeriodNotOpen(DomainError):
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
    """The request is refused because of its idempotency key."""

    is_stored = False


class IdempotencyKeyReused(IdempotencyError):
    """The key, or the id of an outside event, belongs to an earlier request with other content."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(
        self,
        message: str = "The idempotency key was already used with other arguments.",
        *,
        field: Path = (),
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, field=field, details=details)


class IdempotencyInProgress(IdempotencyError):
    """The first request with this key has not finished yet; retry later."""

    code = "IDEMPOTENCY_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__("The first request with this idempotency key is still running.")


class IdempotencyKeyRequired(IdempotencyError):
    """This caller must send a key with each mutation; without an API key, a long one."""

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
    """The API key is missing where one is required, or is unknown, expired or revoked."""

    code = "UNAUTHENTICATED"


class Forbidden(RequestError):
    """The caller is known, but its role lacks the permission."""

    code = "FORBIDDEN"


class BadRequest(RequestError):
    """The request contradicts itself: a lookup without a key, or a page above the limit."""

    code = "BAD_REQUEST"
