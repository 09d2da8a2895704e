"""HTTP client of an outside system that answers in JSON: deadlines, retries, monitoring.

Each call has a deadline, is retried a few times with the same key, and is not made while the
monitor does not admit it. Only a well-formed 2xx answer, or a 4xx that states a definite refusal,
counts as an answer; everything else leaves the outcome unknown. Credentials of the address are
sent in a header and never appear in messages, logs or representations.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx
import stamina
import structlog

from integrations.errors import IntegrationError, IntegrationTimeout, IntegrationUnavailable
from integrations.monitoring import UNMONITORED, CallMonitor, monitored, recorded

CONNECTIONS_MAX: Final = 20

Answer = TypeVar("Answer")

_log = structlog.get_logger("restow.integrations")


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Deadlines and retries of a call; times in seconds, `tries` per call."""

    connect: float = 3.0
    answer: float = 15.0
    tries: int = 3
    all_tries: float = 40.0
    first_wait: float = 0.2
    longest_wait: float = 2.0


class HttpClient:
    """Client of the system at `url` (without credentials); `auth` is a user and a password.

    `name` names the system in messages: "the gateway". A larger answer than `answer_bytes_max` is
    none.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        answer_bytes_max: int,
        auth: tuple[str, str] | None = None,
        limits: HttpLimits | None = None,
        monitor: CallMonitor = UNMONITORED,
    ) -> None:
        self.url = url.rstrip("/")
        self._name = name
        self._answer_bytes_max = answer_bytes_max
        self._limits = limits or HttpLimits()
        self._monitor = monitor
        self._client = httpx.AsyncClient(
            auth=auth,
            timeout=httpx.Timeout(self._limits.answer, connect=self._limits.connect),
            # A connection for each call. A system that answers a request twice would otherwise
            # answer the next request on the connection with what belongs to the one before.
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=0),
            # No proxies or .netrc from the environment: requests go to the given address only.
            trust_env=False,
            headers={"Accept": "application/json"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def persist(self, call: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Retry until there is an answer, no try is left, or the monitor admits none."""
        limits, was_asked = self._limits, False
        tries = stamina.retry_context(
            on=lambda error: isinstance(error, IntegrationError) and error.may_retry,
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
                        return await monitored(self._monitor, ask)
                    except IntegrationError as error:
                        was_asked = was_asked or error.was_asked
                        raise
        except IntegrationError as error:
            # An earlier try may have reached the system even if the last one did not.
            error.was_asked = was_asked
            _log.warning(
                "integration.silent",
                system=self._name,
                call=call,
                why=str(error),
                was_asked=was_asked,
            )
            raise
        raise AssertionError("unreachable: retries end with an answer or an error")

    async def probe(self, path: str) -> None:
        """Read something that does not exist: 404, or any 2xx, shows that the system works.

        It is tried once, admitted or not. Raises IntegrationError.
        """

        async def ask() -> None:
            status, _ = await self.exchange("GET", path)
            if status != httpx.codes.NOT_FOUND and not 200 <= status < 300:
                raise self._unavailable(status)

        await recorded(self._monitor, ask)

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Send one request and read its whole answer within the deadline.

        Returns the status and the body. Raises IntegrationError.
        """
        try:
            async with (
                asyncio.timeout(self._limits.answer),
                self._client.stream(
                    method, f"{self.url}{path}", json=json, headers=headers
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > self._answer_bytes_max:
                        raise IntegrationUnavailable(
                            f"the answer is larger than {self._answer_bytes_max} bytes",
                            may_retry=False,
                        )
                return response.status_code, bytes(body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise IntegrationUnavailable(self._failure_text(error), was_asked=False) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise IntegrationTimeout("no answer arrived in time") from error
        except httpx.HTTPError as error:
            raise IntegrationUnavailable(self._failure_text(error)) from error

    def answer(
        self,
        status: int,
        body: bytes,
        parse: Callable[[bytes], Answer],
        is_refusal: Callable[[Answer], bool],
    ) -> Answer:
        """The answer in a response. Raises IntegrationUnavailable if it has none.

        `parse` raises ValueError for a malformed body. A 4xx counts only if the answer
        `is_refusal`.
        """
        is_client_error = 400 <= status < 500
        is_temporary = status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT)
        if is_temporary or not (200 <= status < 300 or is_client_error):
            raise self._unavailable(status)
        try:
            answer = parse(body)
        except ValueError as error:
            # The request is well formed, so a retry would get the same answer.
            raise IntegrationUnavailable(
                f"{self._name} answered {status} and {error}", may_retry=False
            ) from None
        if is_client_error and not is_refusal(answer):
            raise IntegrationUnavailable(f"{self._name} answered {status}", may_retry=False)
        return answer

    def _unavailable(self, status: int) -> IntegrationUnavailable:
        is_throttled = status == httpx.codes.TOO_MANY_REQUESTS
        return IntegrationUnavailable(f"{self._name} answered {status}", is_throttled=is_throttled)

    def _failure_text(self, error: Exception) -> str:
        return f"the request to {self._name} failed: {type(error).__name__}"
