"""Signed webhooks by Standard Webhooks: an id, an instant and a body, under a shared secret.

Two secrets may be active at once, so that one can be changed without losing a message. A message
is good for five minutes around its instant; that each id is taken once is for the reader to see to,
in the transaction that acts on it.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRETS_MAX: Final = 2
SECRET_BYTES_MIN: Final = 16
ID_LENGTH_MAX: Final = 200
_PREFIX: Final = "whsec_"


class WebhookRefused(Exception):
    """The message is not from who it should be, or not from now; the text says which."""


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message whose signature holds: who takes it must take each `id` once."""

    id: str
    sent_at: datetime
    body: bytes


class WebhookSecrets:
    """One or two active secrets: `whsec_` and base64, as the gateway shows them.

    ValueError, without the secret in it, when there are more or one of them cannot be.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if len(secrets) > SECRETS_MAX:
            raise ValueError(f"at most {SECRETS_MAX} webhook secrets may be active")
        self._keys = tuple(Webhook(_secret(text)) for text in secrets)

    def __repr__(self) -> str:
        return f"WebhookSecrets({len(self._keys)} active)"

    def verify(self, headers: Mapping[str, str], body: bytes) -> SignedMessage:
        """The message, when one of the secrets signed it within the last five minutes.

        `headers`: webhook-id, webhook-timestamp and webhook-signature, in any case.
        Raises WebhookRefused otherwise; nothing of the body was believed then.
        """
        found = {name.lower(): value for name, value in headers.items()}
        message_id = found.get("webhook-id", "")
        timestamp = found.get("webhook-timestamp", "")
        if not message_id.isascii() or not message_id.isprintable() or "." in message_id:
            raise WebhookRefused("webhook-id is not an id")
        if not 0 < len(message_id) <= ID_LENGTH_MAX:
            raise WebhookRefused("webhook-id is missing or too long")
        # Digits only: the library would also read 1.7e9, and sign another text than was sent.
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise WebhookRefused("webhook-timestamp is not a number of seconds")
        if not self._keys:
            raise WebhookRefused("no webhook secret is set")
        refusal = "the signature does not hold"
        for key in self._keys:
            try:
                key.verify(body, found, json_parse=False)
            except WebhookVerificationError as error:
                refusal = str(error)
            except ValueError:  # a signature or a body that is no text at all
                continue
            else:
                sent_at = datetime.fromtimestamp(int(timestamp), tz=UTC)
                return SignedMessage(message_id, sent_at, body)
        raise WebhookRefused(refusal)

    def sign(self, message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
        """The headers that make `body` a signed message: a signature by each active secret."""
        text = body.decode()
        signatures = [key.sign(message_id, sent_at.astimezone(UTC), text) for key in self._keys]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def _secret(text: str) -> bytes:
    encoded = text.strip().removeprefix(_PREFIX)
    try:
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is base64, with or without whsec_ before it") from None
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"a webhook secret has at least {SECRET_BYTES_MIN} bytes")
    return secret
