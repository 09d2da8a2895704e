"""Interface of a carrier: buy a shipping label, look its key up, void it.

Only an answer is a fact. An error (integrations/errors.py) never means that no label was bought.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from domain.orders.labels import DOCUMENT_BYTES_MAX, LabelFormat
from domain.values.currencies import DECIMALS
from domain.values.money import MINOR_MAX, Money
from integrations.json_facts import json_object, required_text, text_in

ID_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 500


class PurchaseStatus(StrEnum):
    """The carrier's status of a purchase."""

    BOUGHT = "bought"
    FAILED = "failed"


class VoidStatus(StrEnum):
    """The carrier's answer to a request to void a label."""

    VOIDED = "voided"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LabelOrder:
    """The request for a label. The addresses are personal data and are never printed.

    `reference`: the number of the parcel, or the RMA number. `parcel`: its units, weight and sizes.
    """

    key: str
    reference: str
    service: str
    format: LabelFormat
    sender: Mapping[str, object] = field(repr=False)
    recipient: Mapping[str, object] = field(repr=False)
    parcel: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Purchase:
    """The carrier's answer about a label.

    A bought label has the carrier's `id`, a tracking number and a cost; `document` is base64. A
    document that cannot be kept is None, and `reason` says why.
    """

    status: PurchaseStatus
    id: str | None = None
    tracking_number: str | None = None
    cost: Money | None = None
    document: str | None = field(default=None, repr=False)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class VoidAnswer:
    """The carrier's answer to a request to void a label, with its reason for a refusal."""

    status: VoidStatus
    reason: str | None = None


class Carrier(Protocol):
    """Sells shipping labels. All calls may be repeated with the same key or id."""

    async def buy(self, label: LabelOrder) -> Purchase:
        """Buy a label, once per key. Raises IntegrationError if the outcome is unknown."""

    async def look_up(self, key: str) -> Purchase | None:
        """The outcome of `key`; None: the carrier does not know it. Raises IntegrationError."""

    async def void(self, label_id: str) -> VoidAnswer:
        """Give a label back by the carrier's id. Raises IntegrationError."""

    async def probe(self) -> None:
        """Read something harmless, to see if the carrier answers. Raises IntegrationError."""

    async def close(self) -> None:
        """Close connections and stop running work."""


def parse_purchase(body: bytes) -> Purchase:
    """Parse the body of an answer about a label. Raises ValueError with the faulty field."""
    facts = json_object(body)
    reason = text_in(facts, "reason", REASON_LENGTH_MAX)
    try:
        status = PurchaseStatus(str(facts.get("status")))
    except ValueError:
        raise ValueError(f"status must be one of {', '.join(PurchaseStatus)}") from None
    if status is PurchaseStatus.FAILED:
        return Purchase(status, text_in(facts, "id", ID_LENGTH_MAX), reason=reason)
    document, fault = _document(facts.get("document"))
    return Purchase(
        status,
        required_text(facts, "id", ID_LENGTH_MAX),
        required_text(facts, "trackingNumber", ID_LENGTH_MAX),
        _cost(facts),
        document,
        fault or reason,
    )


def parse_void(body: bytes) -> VoidAnswer:
    """Parse the body of an answer to a request to void. Raises ValueError with the faulty field."""
    facts = json_object(body)
    try:
        status = VoidStatus(str(facts.get("status")))
    except ValueError:
        raise ValueError(f"status must be one of {', '.join(VoidStatus)}") from None
    return VoidAnswer(status, text_in(facts, "reason", REASON_LENGTH_MAX))


def _cost(facts: dict[str, Any]) -> Money:
    minor, currency = facts.get("costMinor"), facts.get("currency")
    if type(minor) is not int or not 0 <= minor <= MINOR_MAX:
        raise ValueError(f"costMinor must be a whole number from 0 to {MINOR_MAX}")
    if not isinstance(currency, str) or currency not in DECIMALS:
        raise ValueError("currency must be a code of ISO 4217")
    return Money(minor, currency)


def _document(value: object) -> tuple[str | None, str | None]:
    """The document if it can be kept, else the reason: a label without one is bought all the
    same.
    """
    if value is None:
        return None, None
    if not isinstance(value, str):
        return None, "The document was not kept: it is not a text in base64."
    try:
        size = len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return None, "The document was not kept: it is not a text in base64."
    if size > DOCUMENT_BYTES_MAX:
        return None, (
            f"The document was not kept: at most {DOCUMENT_BYTES_MAX:,} bytes are allowed; "
            f"it has {size:,}."
        )
    return value, None
