"""The payment gateway as Restow sees it: pay a refund out under a key, look a key up, hear events.

    GatewayError                the outcome is UNKNOWN, whatever the reason
    ├── GatewayTimeout          asked, and no answer came in time
    └── GatewayUnavailable      no answer that means anything: refused, broken, or not even asked

Only an answer is a fact. No error says that a refund was not paid; what is not known is looked up
under the same key, or sent again with it, and never with another.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson

REASON_LENGTH_MAX: Final = 500
ID_LENGTH_MAX: Final = 200


class GatewayStatus(StrEnum):
    """The gateway's own words for a refund."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """What the gateway says of a refund: `id` is its own reference, where it gave one."""

    status: GatewayStatus
    id: str | None = None
    reason: str | None = None


class GatewayError(Exception):
    """The outcome is unknown. `was_asked` False: certainly nothing reached the gateway."""

    def __init__(self, message: str, *, was_asked: bool = True, may_retry: bool = True) -> None:
        super().__init__(message)
        self.was_asked = was_asked
        self.may_retry = may_retry


class GatewayTimeout(GatewayError):
    """No answer came in time; the gateway may have paid."""


class GatewayUnavailable(GatewayError):
    """The gateway could not be reached, or answered nothing that is a word about the refund."""


class PaymentGateway(Protocol):
    """Pays refunds out. Both calls may be repeated with the same key without paying twice."""

    async def refund(
        self,
        key: str,
        reference: str,
        payment_reference: str,
        amount_minor: int,
        currency: str,
    ) -> GatewayAnswer:
        """Pay `amount_minor` minor units back on a payment, once per `key`.

        `reference` is our refund's. Raises GatewayError when the outcome is unknown.
        """

    async def look_up(self, key: str) -> GatewayAnswer | None:
        """What became of `key`; None: the gateway knows no such key. Raises GatewayError."""

    async def close(self) -> None:
        """Give back connections and stop what still runs."""


class PaymentEventType(StrEnum):
    """What a gateway's webhook tells."""

    SUCCEEDED = "refund.succeeded"
    FAILED = "refund.failed"
    REVERSED = "refund.reversed"


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A webhook's body: what became of the refund with this key."""

    type: PaymentEventType
    key: str
    id: str | None = None
    reason: str | None = None


def parse_event(body: bytes) -> PaymentEvent:
    """The event of a webhook's body. ValueError, naming the field, where it is none."""
    facts = _facts(body)
    try:
        kind = PaymentEventType(str(facts.get("type")))
    except ValueError:
        raise ValueError("type is not an event of a refund") from None
    key = _text(facts, "key", ID_LENGTH_MAX)
    if not key:
        raise ValueError("key is missing")
    return PaymentEvent(
        kind, key, _text(facts, "id", ID_LENGTH_MAX), _text(facts, "reason", REASON_LENGTH_MAX)
    )


def event_body(event: PaymentEvent) -> bytes:
    """The event as a webhook's body: what `parse_event` reads."""
    return orjson.dumps(
        {"type": event.type, "key": event.key, "id": event.id, "reason": event.reason}
    )


def parse_answer(body: bytes) -> GatewayAnswer:
    """The gateway's answer in a response's body. ValueError, naming the field, where it is none."""
    facts = _facts(body)
    try:
        status = GatewayStatus(str(facts.get("status")))
    except ValueError:
        raise ValueError("status is not an outcome of a refund") from None
    return GatewayAnswer(
        status, _text(facts, "id", ID_LENGTH_MAX), _text(facts, "reason", REASON_LENGTH_MAX)
    )


def _facts(body: bytes) -> dict[str, Any]:
    try:
        facts = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(facts, dict):
        raise ValueError("the body is not a JSON object")
    return facts


def _text(facts: dict[str, Any], name: str, longest: int) -> str | None:
    value = facts.get(name)
    if value is None:
        return None
    # A database keeps no NUL, and a text of a stranger is kept only as far as it is read.
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{name} is not a text")
    if len(value) > longest:
        if name == "reason":
            return value[:longest]
        raise ValueError(f"{name} is too long")
    return value
