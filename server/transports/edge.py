"""Connections and received bytes of one process, counted by address.

The limits bound the memory and the file descriptors that one address can take before it has shown
a key. The HTTP protocol, the WebSocket protocol and the readers of bodies share one NetworkEdge.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from server.operations.errors import RequestRefused

UNKNOWN_ADDRESS: Final = "unknown"
STATE_KEY: Final = "edge"
# In the state of a request: a function that returns True once its connection is closed.
HAS_LEFT: Final = "has_left"
IPV6_PREFIX: Final = 64  # a provider gives each of its customers at least such a network


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """Limits of the edge; each number is the largest that is accepted."""

    address_connections: int = 8_000
    process_connections: int = 30_000
    address_bytes: int = 64 * 1024 * 1024  # of bodies that are being received
    process_bytes: int = 256 * 1024 * 1024
    body_seconds: float = 10.0


@lru_cache(maxsize=4_096)
def peer_of(address: str | None) -> str:
    """The client that limits are counted for: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or UNKNOWN_ADDRESS
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))


class NetworkEdge:
    """Counts of one process. Connections of trusted proxies are not counted by address."""

    def __init__(
        self, limits: EdgeLimits = EdgeLimits(), is_proxy: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.limits = limits
        self.connections: Counter[str] = Counter()
        self.buffered: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()  # refused connections and requests, by reason
        self._is_proxy = is_proxy
        self._open = 0
        self._bytes = 0

    def enter(self, address: str | None) -> str | None:
        """Count a new connection. Return the reason if there are too many: it is not counted."""
        peer = peer_of(address)
        if self._open >= self.limits.process_connections:
            self.refused["process_connections"] += 1
            return "This server has too many connections."
        is_full = self.connections[peer] >= self.limits.address_connections
        if is_full and not self._is_proxy(address or UNKNOWN_ADDRESS):
            self.refused["connections"] += 1
            return "This address has too many connections."
        self.connections[peer] += 1
        self._open += 1
        return None

    def leave(self, address: str | None) -> None:
        """Count the end of a connection that was counted."""
        self._open -= 1
        _decrease(self.connections, peer_of(address), 1)

    @contextmanager
    def buffer(self, address: str | None) -> Iterator[Callable[[int], None]]:
        """Count the bytes of one body while it is received; they are released at the end.

        The context is a function that takes the size of each received chunk. It raises
        RequestRefused if the address or the process holds too many bytes.
        """
        peer, held = peer_of(address), 0

        def hold(size: int) -> None:
            nonlocal held
            if self.buffered[peer] + size > self.limits.address_bytes:
                raise _too_many("Bodies from this address", self.limits.address_bytes, 429)
            if self._bytes + size > self.limits.process_bytes:
                raise _too_many("Bodies", self.limits.process_bytes, 503)
            self.buffered[peer] += size
            self._bytes += size
            held += size

        try:
            yield hold
        finally:
            self._bytes -= held
            _decrease(self.buffered, peer, held)


def edge_of(state: MutableMapping[str, Any]) -> NetworkEdge:
    """The edge of a process in the state of its lifespan. A program without one gets defaults."""
    found = state.get(STATE_KEY)
    if not isinstance(found, NetworkEdge):
        found = state[STATE_KEY] = NetworkEdge()
    return found


def _too_many(bodies: str, most: int, status: int) -> RequestRefused:
    message = f"{bodies} that are being received have {most} bytes, the most that is allowed."
    code = "RATE_LIMITED" if status == 429 else "UNAVAILABLE"
    return RequestRefused(
        code, status, message, headers={"Retry-After": "1", "Connection": "close"}
    )


def _decrease(counter: Counter[str], key: str, by: int) -> None:
    counter[key] -= by
    if counter[key] <= 0:
        del counter[key]
