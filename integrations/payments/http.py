"""HTTP client of a payment gateway, as described in docs/gateway.md.

    POST {address}/refunds          Idempotency-Key: key → {"id", "status", "reason"}
    GET  {address}/refunds/{key}    likewise, or 404
    GET  {address}/refunds/restow-probe   a probe: 404 is well

Only a well-formed 2xx answer, or a 4xx with the status `failed`, counts as an answer.
"""

from typing import Final
from urllib.parse import quote

import httpx

from integrations.http_client import HttpClient, HttpLimits
from integrations.monitoring import UNMONITORED, CallMonitor
from integrations.payments.gateway import GatewayAnswer, GatewayStatus, parse_answer

ANSWER_BYTES_MAX: Final = 65_536


class HttpGateway:
    """Client of the gateway at `url` (without credentials); `auth` is a user and a password."""

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        limits: HttpLimits | None = None,
        monitor: CallMonitor = UNMONITORED,
    ) -> None:
        self._client = HttpClient(
            "the gateway",
            url,
            answer_bytes_max=ANSWER_BYTES_MAX,
            auth=auth,
            limits=limits,
            monitor=monitor,
        )

    def __repr__(self) -> str:
        return f"HttpGateway({self._client.url!r})"

    async def refund(
        self,
        key: str,
        reference: str,
        payment_reference: str,
        amount_minor: int,
        currency: str,
    ) -> GatewayAnswer:
        """Pay out a refund, once per `key`. Raises IntegrationError if the outcome is unknown."""
        facts = {
            "reference": reference,
            "paymentReference": payment_reference,
            "amountMinor": amount_minor,
            "currency": currency,
        }

        async def ask() -> GatewayAnswer:
            status, body = await self._client.exchange(
                "POST", "/refunds", json=facts, headers={"Idempotency-Key": key}
            )
            return self._answer(status, body)

        return await self._client.persist("refund", ask)

    async def look_up(self, key: str) -> GatewayAnswer | None:
        """The outcome of `key`; None if the gateway answers 404. Raises IntegrationError."""

        async def ask() -> GatewayAnswer | None:
            status, body = await self._client.exchange("GET", f"/refunds/{quote(key, safe='')}")
            return None if status == httpx.codes.NOT_FOUND else self._answer(status, body)

        return await self._client.persist("look_up", ask)

    async def probe(self) -> None:
        """Look up a key that no refund has. Raises IntegrationError."""
        await self._client.probe("/refunds/restow-probe")

    async def close(self) -> None:
        await self._client.close()

    def _answer(self, status: int, body: bytes) -> GatewayAnswer:
        """The gateway's answer in a response; raises IntegrationUnavailable if it has none."""
        return self._client.answer(
            status, body, parse_answer, lambda answer: answer.status is GatewayStatus.FAILED
        )
