"""HTTP client of a carrier, as described in docs/carriers.md.

    POST   {address}/labels          Idempotency-Key: key → {"id", "status", "trackingNumber", …}
    GET    {address}/labels/{key}    likewise, or 404
    GET    {address}/labels/restow-probe   a probe: 404 is well
    DELETE {address}/labels/{id}     → {"status": "voided" | "refused", "reason"}

Only a well-formed 2xx answer, or a 4xx with the status `failed` or `refused`, counts as an answer.
"""

from typing import Final
from urllib.parse import quote

import httpx

from integrations.carriers.carrier import (
    LabelOrder,
    Purchase,
    PurchaseStatus,
    VoidAnswer,
    VoidStatus,
    parse_purchase,
    parse_void,
)
from integrations.http_client import HttpClient, HttpLimits
from integrations.monitoring import UNMONITORED, CallMonitor

# A document of 512 KiB has about 700 KiB in base64. One that is larger is read and dropped: its
# label was bought.
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024


class HttpCarrier:
    """Client of the carrier at `url` (without credentials); `auth` is a user and a password."""

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        limits: HttpLimits | None = None,
        monitor: CallMonitor = UNMONITORED,
    ) -> None:
        self._client = HttpClient(
            "the carrier",
            url,
            answer_bytes_max=ANSWER_BYTES_MAX,
            auth=auth,
            limits=limits,
            monitor=monitor,
        )

    def __repr__(self) -> str:
        return f"HttpCarrier({self._client.url!r})"

    async def buy(self, label: LabelOrder) -> Purchase:
        """Buy a label, once per key. Raises IntegrationError if the outcome is unknown."""
        facts = {
            "reference": label.reference,
            "service": label.service,
            "format": label.format,
            "from": label.sender,
            "to": label.recipient,
            "parcel": label.parcel,
        }

        async def ask() -> Purchase:
            status, body = await self._client.exchange(
                "POST", "/labels", json=facts, headers={"Idempotency-Key": label.key}
            )
            return self._purchase(status, body)

        return await self._client.persist("buy", ask)

    async def look_up(self, key: str) -> Purchase | None:
        """The outcome of `key`; None if the carrier answers 404. Raises IntegrationError."""

        async def ask() -> Purchase | None:
            status, body = await self._client.exchange("GET", f"/labels/{quote(key, safe='')}")
            return None if status == httpx.codes.NOT_FOUND else self._purchase(status, body)

        return await self._client.persist("look_up", ask)

    async def void(self, label_id: str) -> VoidAnswer:
        """Give a label back by the carrier's id. Raises IntegrationError."""

        async def ask() -> VoidAnswer:
            path = f"/labels/{quote(label_id, safe='')}"
            status, body = await self._client.exchange("DELETE", path)
            return self._client.answer(
                status, body, parse_void, lambda answer: answer.status is VoidStatus.REFUSED
            )

        return await self._client.persist("void", ask)

    async def probe(self) -> None:
        """Look up a key that no label has. Raises IntegrationError."""
        await self._client.probe("/labels/restow-probe")

    async def close(self) -> None:
        await self._client.close()

    def _purchase(self, status: int, body: bytes) -> Purchase:
        return self._client.answer(
            status, body, parse_purchase, lambda answer: answer.status is PurchaseStatus.FAILED
        )
