"""One call of a webhook: a message, signed with every active secret, and what was answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.integrations.figures import TryResult
from domain.integrations.secrets import secret_of
from domain.webhooks.delivery_queue import QueuedMessage
from domain.webhooks.messages import RESPONSE_MAX
from domain.webhooks.retries import CallAnswer, DeliveryResult, answer_of
from integrations.errors import IntegrationError
from integrations.outbound.client import OutboundClient
from integrations.outbound.connections import AddressRefused
from integrations.signed_webhooks import WebhookSecrets
from models.integrations import IntegrationSecretRow

REFUSED: Final = "ENDPOINT_REFUSED: the address must not be called"
_TRIES: Final = {
    DeliveryResult.ACCEPTED: TryResult.SUCCEEDED,
    DeliveryResult.FAILED: TryResult.FAILED,
    DeliveryResult.GONE: TryResult.FAILED,
    DeliveryResult.THROTTLED: TryResult.THROTTLED,
}
_JSON: Final = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call that has ended. `error` None: it was answered with `status_code`."""

    integration_id: UUID
    message: QueuedMessage
    begun_at: datetime
    duration_ms: int
    answer: CallAnswer
    is_probe: bool
    status_code: int | None = None
    error: str | None = None
    response: str | None = None

    @property
    def tried(self) -> TryResult:
        """The result for the health of the integration."""
        return _TRIES[self.answer.result]

    @property
    def failure(self) -> str | None:
        """Why the message was not accepted, without a full stop; None: it was."""
        return None if self.tried is TryResult.SUCCEEDED else self.reason.rstrip(".")

    @property
    def reason(self) -> str:
        """Why the message was not accepted, for people."""
        if self.error is not None:
            return self.error
        if self.answer.rests_until is not None:
            until = self.answer.rests_until.isoformat(timespec="seconds")
            return f"The receiver answered {self.status_code}: no call before {until}."
        return f"The receiver answered {self.status_code}."


def signed_headers(
    secrets_key: bytes | None,
    integration_id: UUID,
    secrets: Sequence[IntegrationSecretRow],
    webhook_id: str,
    now: datetime,
    body: bytes,
) -> dict[str, str]:
    """The headers of a message: its id, its time, and a signature for each active secret.

    There is no signature if the operator has set no key to derive secrets from.
    """
    active = [
        secret_of(secrets_key, integration_id, secret["generation"])
        for secret in secrets
        if secrets_key is not None and (secret["expires_at"] is None or secret["expires_at"] > now)
    ]
    signed = WebhookSecrets(active).sign(webhook_id, now, body)
    return {**_JSON, **{name: value for name, value in signed.items() if value}}


async def send(
    client: OutboundClient,
    url: str,
    headers: dict[str, str],
    body: bytes,
    message: QueuedMessage,
    *,
    integration_id: UUID,
    clock: Callable[[], datetime],
    is_probe: bool,
) -> FinishedCall:
    """Make the call. A failure is a result, not an exception."""
    begun_at, begun = clock(), time.monotonic()
    status: int | None = None
    error: str | None = None
    response: str | None = None
    answer = CallAnswer(DeliveryResult.FAILED)
    try:
        found = await client.send("POST", url, headers, body)
    except AddressRefused:
        error = REFUSED
    except IntegrationError as failure:
        error = f"Not delivered: {failure}."
    else:
        status = found.status
        answer = answer_of(status, found.retry_after, clock())
        response = found.body.decode("utf-8", "replace").replace("\x00", "\ufffd")[:RESPONSE_MAX]
    return FinishedCall(
        integration_id=integration_id,
        message=message,
        begun_at=begun_at,
        duration_ms=int((time.monotonic() - begun) * 1_000),
        answer=answer,
        is_probe=is_probe,
        status_code=status,
        error=error,
        response=response,
    )
