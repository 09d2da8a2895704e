"""Signed webhooks (Standard Webhooks): an id, a time and a body, signed with a shared secret.

Two secrets may be active at once, so that a secret can be replaced without losing a message. A
message is valid for five minutes around its time. The receiver must accept each id once, in the
transaction that acts on the message.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRETS_MAX: Final = 2
SECRET_BYTES_MIN: Final = 16
ID_LENGTH_MAX: Final = 200
_PREFIX: Final = "whsec_"


class WebhookRefused(Exception):
    """The message has no valid signature or time; the text says which."""


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message with a valid signature; the receiver must accept each `id` once."""

    id: str
    sent_at: datetime
    body: bytes


class WebhookSecrets:
    """One or two active secrets, written as `whsec_` and base64.

    Raises ValueError, without the secret in it, if there are more or one is malformed.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if len(secrets) > SECRETS_MAX:
            raise ValueError(f"at most {SECRETS_MAX} webhook secrets may be active")
        self._keys = tuple(Webhook(_secret(text)) for text in secrets)

    def __repr__(self) -> str:
        return f"WebhookSecrets({len(self._keys)} active)"

    def verify(self, headers: Mapping[str, str], body: bytes) -> SignedMessage:
        """Return the message if one of the secrets signed it within the last five minutes.

        `headers`: webhook-id, webhook-timestamp and webhook-signature, in any case. Raises
        WebhookRefused otherwise; no part of the body has been used then.
        """
        found = {name.lower(): value for name, value in headers.items()}
        message_id = found.get("webhook-id", "")
        timestamp = found.get("webhook-timestamp", "")
        if not message_id.isascii() or not message_id.isprintable() or "." in message_id:
            raise WebhookRefused("webhook-id must be printable ASCII without dots")
        if not 0 < len(message_id) <= ID_LENGTH_MAX:
            raise WebhookRefused(f"webhook-id must have 1 to {ID_LENGTH_MAX} characters")
        # Digits only: the library would also accept 1.7e9, but sign a different text.
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise WebhookRefused("webhook-timestamp must be a whole number of seconds")
        if not self._keys:
            raise WebhookRefused("no webhook secret is set")
        refusal = "the signature does not match"
        for key in self._keys:
            try:
                key.verify(body, found, json_parse=False)
            except WebhookVerificationError as error:
                refusal = str(error)
            except ValueError:  # the signature or the body is not text
                continue
            else:
                sent_at = datetime.fromtimestamp(int(timestamp), tz=UTC)
                return SignedMessage(message_id, sent_at, body)
        raise WebhookRefused(refusal)

    def sign(self, message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
        """The headers that sign `body`, with one signature for each active secret."""
        text = body.decode()
        signatures = [key.sign(message_id, sent_at.astimezone(UTC), text) for key in self._keys]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


class Verifier(Protocol):
    """Checks the signature of a message."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> SignedMessage:
        """Return the message if its signature is valid. Raises WebhookRefused otherwise."""
        ...


def parse_secrets(text: object) -> tuple[str, ...]:
    """Parse secrets separated by commas. Raises ValueError, without the secrets in it."""
    if isinstance(text, tuple):
        return text
    secrets = tuple(filter(None, map(str.strip, str(text).split(","))))
    WebhookSecrets(secrets)
    return secrets


def _secret(text: str) -> bytes:
    encoded = text.strip().removeprefix(_PREFIX)
    try:
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret must be base64, with or without whsec_") from None
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(
            f"a webhook secret must have at least {SECRET_BYTES_MIN} bytes; it has {len(secret)}"
        )
    return secret
