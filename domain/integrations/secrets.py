"""Secrets of integrations: derived from the operator's key, and never stored.

A secret is HMAC-SHA256 of the integration's id and the number of its generation, under
RESTOW_SECRETS_KEY. It is written as Standard Webhooks prescribe: `whsec_` and base64.
"""

import base64
import hashlib
import hmac
from typing import Final
from uuid import UUID

PREFIX: Final = "whsec_"
OVERLAP_MAX: Final = 604_800
HINT_LENGTH: Final = 4


def secret_of(secrets_key: bytes, integration_id: UUID, generation: int) -> str:
    """The secret of a generation of an integration."""
    text = f"{integration_id}:{generation}".encode()
    derived = hmac.new(secrets_key, text, hashlib.sha256).digest()
    return PREFIX + base64.b64encode(derived).decode()


def hint_of(secret: str) -> str:
    """The last characters of a secret, by which people recognize it; 24 bits of its 256."""
    return secret.rstrip("=")[-HINT_LENGTH:]
