"""HTTP client of a payment gateway, as described in docs/gateway.md.

    POST {address}/refunds          Idempotency-Key: key → {"id", "status", "reason"}
    GET  {address}/refunds/{key}    likewise, or 404

Each call has a deadline, is retried a few times with the same key, and is not made while the
circuit breaker is open. Only a well-formed 2xx answer, or a 4xx with the status `failed`, counts as
an answer; everything else leaves the outcome unknown. Credentials of the address are sent in a
header and never appear in messages, logs or representations.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote

import httpx
import stamina
import structlog

from integrations.circuit_breaker import CircuitBreaker
from integrations.payments.gateway import (
    GatewayAnswer,
    GatewayError,
    GatewayStatus,
    GatewayTimeout,
    GatewayUnavailable,
    parse_answer,
)

ANSWER_BYTES_MAX: Final = 65_536
CONNECTIONS_MAX: Final = 20

Answer = TypeVar("Answer")

_log = structlog.get_logger("restow.payments")


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Deadlines and retries of a call; times in seconds, `tries` per call."""

    connect: float = 3.0
    answer: float = 15.0
    tries: int = 3
    all_tries: float = 40.0
    first_wait: float = 0.2
    longest_wait: float = 2.0


class HttpGateway:
    """Client of the gateway at `url` (without credentials); `auth` is a user and a password."""

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        limits: HttpLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._limits = limits or HttpLimits()
        self._breaker = CircuitBreaker(clock)
        self._client = httpx.AsyncClient(
            auth=auth,
            timeout=httpx.Timeout(self._limits.answer, connect=self._limits.connect),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            # No proxies or .netrc from the environment: requests go to the given address only.
            trust_env=False,
            headers={"Accept": "application/json"},
        )

    def __repr__(self) -> str:
        return f"HttpGateway({self._url!r})"

    async def refund(
        self,
        key: str,
        reference: str,
        payment_reference: str,
        amount_minor: int,
        currency: str,
    ) -> GatewayAnswer:
        """Pay out a refund, once per `key`. Raises GatewayError if the outcome is unknown."""
        facts = {
            "reference": reference,
            "paymentReference": payment_reference,
            "amountMinor": amount_minor,
            "currency": currency,
        }

        async def ask() -> GatewayAnswer:
            status, body = await self._exchange(
                "POST", "/refunds", json=facts, headers={"Idempotency-Key": key}
            )
            return _answer(status, body)

        return await self._persist("refund", ask)

    async def look_up(self, key: str) -> GatewayAnswer | None:
        """The outcome of `key`; None if the gateway answers 404. Raises GatewayError."""

        async def ask() -> GatewayAnswer | None:
            status, body = await self._exchange("GET", f"/refunds/{quote(key, safe='')}")
            return None if status == httpx.codes.NOT_FOUND else _answer(status, body)

        return await self._persist("look_up", ask)

    async def close(self) -> None:
        await self._client.aclose()

    async def _persist(self, call: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Retry until there is an answer, no try is left, or the breaker opens."""
        limits, was_asked = self._limits, False
        tries = stamina.retry_context(
            on=lambda error: isinstance(error, GatewayError) and error.may_retry,
            attempts=limits.tries,
            timeout=limits.all_tries,
            wait_initial=limits.first_wait,
            wait_max=limits.longest_wait,
            wait_jitter=limits.first_wait,
        )
        try:
            async for attempt in tries:
                with attempt:
                    try:
                        return await self._guarded(ask)
                    except GatewayError as error:
                        was_asked = was_asked or error.was_asked
                        raise
        except GatewayError as error:
            # An earlier try may have reached the gateway even if the last one did not.
            error.was_asked = was_asked
            _log.warning("gateway.silent", call=call, why=str(error), was_asked=was_asked)
            raise
        raise AssertionError("unreachable: retries end with an answer or an error")

    async def _guarded(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        if not self._breaker.admits():
            raise GatewayUnavailable(
                "the circuit breaker is open after repeated failures",
                was_asked=False,
                may_retry=False,
            )
        try:
            answer = await ask()
        except GatewayError:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return answer

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        json: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Send one request and read its whole answer within the deadline, or raise GatewayError."""
        try:
            async with (
                asyncio.timeout(self._limits.answer),
                self._client.stream(
                    method, f"{self._url}{path}", json=json, headers=headers
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > ANSWER_BYTES_MAX:
                        raise GatewayUnavailable(
                            f"the answer is larger than {ANSWER_BYTES_MAX} bytes", may_retry=False
                        )
                return response.status_code, bytes(body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise GatewayUnavailable(_failure_text(error), was_asked=False) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise GatewayTimeout("no answer arrived in time") from error
        except httpx.HTTPError as error:
            raise GatewayUnavailable(_failure_text(error)) from error


def _answer(status: int, body: bytes) -> GatewayAnswer:
    """The gateway's answer in a response; raises GatewayUnavailable if it has none."""
    is_refusal = 400 <= status < 500
    if not (200 <= status < 300 or is_refusal):
        raise GatewayUnavailable(f"the gateway answered {status}")
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT):
        raise GatewayUnavailable(f"the gateway answered {status}")
    try:
        answer = parse_answer(body)
    except ValueError as error:
        # The request is well formed, so a retry would get the same answer.
        raise GatewayUnavailable(
            f"the gateway answered {status} and {error}", may_retry=False
        ) from None
    if is_refusal and answer.status is not GatewayStatus.FAILED:
        raise GatewayUnavailable(f"the gateway answered {status}", may_retry=False)
    return answer


def _failure_text(error: Exception) -> str:
    return f"the request to the gateway failed: {type(error).__name__}"
