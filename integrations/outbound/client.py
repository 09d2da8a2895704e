"""HTTP calls to addresses that people have entered: no redirects, no proxies, short answers."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import httpcore

from integrations.errors import IntegrationError, IntegrationTimeout, IntegrationUnavailable
from integrations.outbound.connections import (
    AddressRefused,
    CheckedBackend,
    Resolve,
    SystemResolver,
    checked_addresses,
)
from integrations.outbound.networks import AllowedNetworks

CALL_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 5.0
ANSWER_BYTES_MAX: Final = 65_536
# Less than servers keep an idle connection: uvicorn closes it after 5 s, nginx after 75 s.
IDLE_SECONDS: Final = 4.0
_PORTS: Final[Mapping[str, int]] = MappingProxyType({"http": 80, "https": 443})
_AGENT: Final = (b"User-Agent", b"Restow")


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """An answer: its status, its header Retry-After if it has one, and its body."""

    status: int
    retry_after: str | None
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class OutboundClient:
    """Calls addresses of webhooks and channels. `connections_max`: open ones at the same time.

    `resolve` None: the system's resolver. `tls` None: the authorities that certifi lists.
    """

    def __init__(
        self,
        networks: AllowedNetworks,
        connections_max: int,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self._networks = networks
        self._system = SystemResolver(connections_max)
        self._resolve = resolve or self._system
        self._call_seconds = call_seconds
        self._pools = {
            scheme: httpcore.AsyncConnectionPool(
                ssl_context=tls,
                max_connections=connections_max,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=CheckedBackend(
                    self._resolve, networks, is_encrypted=scheme == "https"
                ),
            )
            for scheme in _PORTS
        }

    async def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()
        self._system.close()

    async def check(self, url: str) -> None:
        """Resolve the host of an address. Raises AddressRefused unless it may be called."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise AddressRefused
        port = parts.port or _PORTS[parts.scheme]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await checked_addresses(
                    self._resolve,
                    self._networks,
                    parts.hostname,
                    port,
                    is_encrypted=parts.scheme == "https",
                )
        except TimeoutError:
            raise AddressRefused from None

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> OutboundAnswer:
        """Make one call, and read its whole answer. Raises IntegrationError.

        Its text is for people, and has neither addresses nor headers.
        """
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._call_seconds):
                return await self._exchange(method, url, headers, body)
        except IntegrationError:
            raise
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            text = "the connection could not be opened"
            raise IntegrationUnavailable(text, was_asked=False) from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            seconds = time.monotonic() - begun
            raise IntegrationTimeout(f"no answer arrived within {seconds:.0f} s") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            text = f"the connection broke: {type(error).__name__}"
            raise IntegrationUnavailable(text) from error

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> OutboundAnswer:
        pool = self._pools.get(url.partition(":")[0])
        if pool is None:
            raise AddressRefused
        limits = {"connect": CONNECT_SECONDS, "read": self._call_seconds}
        limits |= {"write": self._call_seconds, "pool": self._call_seconds}
        async with pool.stream(
            method,
            url,
            headers=[_AGENT, *_encoded(headers, len(body) if method != "GET" else None)],
            content=body or None,
            extensions={"timeout": limits},
        ) as answer:
            content = bytearray()
            async for chunk in answer.aiter_stream():
                content += chunk
                if len(content) > ANSWER_BYTES_MAX:
                    raise IntegrationUnavailable(
                        f"the answer is larger than {ANSWER_BYTES_MAX} bytes"
                    )
            return OutboundAnswer(answer.status, _retry_after(answer.headers), bytes(content))


def _encoded(headers: Mapping[str, str], length: int | None) -> list[tuple[bytes, bytes]]:
    encoded = [(name.encode("ascii"), text.encode("ascii")) for name, text in headers.items()]
    if length is not None:
        encoded.append((b"Content-Length", str(length).encode()))
    return encoded


def _retry_after(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    return next(
        (text.decode("latin-1") for name, text in headers if name.lower() == b"retry-after"), None
    )
