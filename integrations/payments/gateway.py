"""Interface of a payment gateway: pay out a refund, look up its key, receive its events.

Only an answer is a fact. An error (integrations/errors.py) never means that a refund was not paid.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import orjson

from domain.values.currencies import DECIMALS
from domain.values.money import MINOR_MAX, Money
from integrations.json_facts import json_object, required_text, text_in

REASON_LENGTH_MAX: Final = 500
ID_LENGTH_MAX: Final = 200


class GatewayStatus(StrEnum):
    """The gateway's status of a refund."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """The gateway's answer about a refund; `id` is its own reference, if it gave one."""

    status: GatewayStatus
    id: str | None = None
    reason: str | None = None


class PaymentGateway(Protocol):
    """Pays out refunds. All calls may be repeated with the same key without paying twice."""

    async def refund(
        self,
        key: str,
        reference: str,
        payment_reference: str,
        amount_minor: int,
        currency: str,
    ) -> GatewayAnswer:
        """Pay back `amount_minor` minor units on a payment, once per `key`.

        `reference` is Restow's reference of the refund. Raises IntegrationError if the outcome is
        unknown.
        """

    async def look_up(self, key: str) -> GatewayAnswer | None:
        """The outcome of `key`; None: the gateway does not know it. Raises IntegrationError."""

    async def probe(self) -> None:
        """Read something harmless, to see if the gateway answers. Raises IntegrationError."""

    async def close(self) -> None:
        """Close connections and stop running work."""


class PaymentEventType(StrEnum):
    """Type of a gateway's webhook."""

    SUCCEEDED = "refund.succeeded"
    FAILED = "refund.failed"
    REVERSED = "refund.reversed"


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """The body of a webhook: the outcome of the refund with this key."""

    type: PaymentEventType
    key: str
    id: str | None = None
    reason: str | None = None


CHARGEBACK: Final = "payment.chargeback"


@dataclass(frozen=True, slots=True)
class Chargeback:
    """The body of a webhook: the customer's bank took money of a captured payment back."""

    payment_reference: str
    amount: Money
    id: str | None = None
    reason: str | None = None


def parse_event(body: bytes) -> PaymentEvent | Chargeback:
    """Parse a webhook's body. Raises ValueError with the faulty field."""
    facts = json_object(body)
    if facts.get("type") == CHARGEBACK:
        return _chargeback(facts)
    try:
        kind = PaymentEventType(str(facts.get("type")))
    except ValueError:
        allowed = ", ".join((*PaymentEventType, CHARGEBACK))
        raise ValueError(f"type must be one of {allowed}") from None
    return PaymentEvent(kind, _key(facts), text_in(facts, "id", ID_LENGTH_MAX), _reason(facts))


def _chargeback(facts: dict[str, Any]) -> Chargeback:
    minor, currency = facts.get("amountMinor"), facts.get("currency")
    if type(minor) is not int or not 0 < minor <= MINOR_MAX:
        raise ValueError(f"amountMinor must be a whole number from 1 to {MINOR_MAX}")
    if not isinstance(currency, str) or currency not in DECIMALS:
        raise ValueError("currency must be a code of ISO 4217")
    return Chargeback(
        _key(facts), Money(minor, currency), text_in(facts, "id", ID_LENGTH_MAX), _reason(facts)
    )


def _key(facts: dict[str, Any]) -> str:
    return required_text(facts, "key", ID_LENGTH_MAX)


def _reason(facts: dict[str, Any]) -> str | None:
    return text_in(facts, "reason", REASON_LENGTH_MAX)


def event_body(event: PaymentEvent) -> bytes:
    """The body of a webhook for this event; the inverse of `parse_event`."""
    return orjson.dumps(
        {"type": event.type, "key": event.key, "id": event.id, "reason": event.reason}
    )


def parse_answer(body: bytes) -> GatewayAnswer:
    """Parse the body of a response. Raises ValueError with the faulty field."""
    facts = json_object(body)
    try:
        status = GatewayStatus(str(facts.get("status")))
    except ValueError:
        raise ValueError(f"status must be one of {', '.join(GatewayStatus)}") from None
    return GatewayAnswer(
        status, text_in(facts, "id", ID_LENGTH_MAX), text_in(facts, "reason", REASON_LENGTH_MAX)
    )
