"""Registry of open connections: counted by caller and address, closed when their key ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol
from uuid import UUID

import structlog

from domain.access.callers import Caller
from server.transports.protocol import Closing, Code

logger = structlog.get_logger(__name__)

# Connections of a revoked key are closed within 5 seconds, even if their client reads nothing.
CHECK_SECONDS = 2.0
CLOSE_SECONDS = 2.0

# Returns those of the given keys that are still valid.
LiveKeys = Callable[[Collection[UUID]], Awaitable[Collection[UUID]]]


class Socket(Protocol):
    """An open connection."""

    address: str
    caller: Caller | None  # None before the client has authenticated

    def close(self, closing: Closing) -> None:
        """Close it; returns at once."""
        ...


class ConnectionRegistry:
    """Registers connections. `*_max`: the limits of the process, of an address and of a key."""

    def __init__(
        self, *, process_max: int = 20_000, address_max: int = 5_000, key_max: int = 10_000
    ) -> None:
        self._sockets: set[Socket] = set()
        self._by_address: Counter[str] = Counter()
        self._by_key: Counter[UUID] = Counter()
        self.closes: Counter[str] = Counter()  # ended connections by reason
        self._process_max = process_max
        self._address_max = address_max
        self._key_max = key_max

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: Socket) -> None:
        """Register a new connection. Raises Closing if there are too many."""
        if len(self._sockets) >= self._process_max:
            raise Closing(Code.TOO_MANY, "This server has too many connections.")
        if self._by_address[socket.address] >= self._address_max:
            raise Closing(Code.TOO_MANY, "Too many connections from this address.")
        self._sockets.add(socket)
        self._by_address[socket.address] += 1

    def identify(self, socket: Socket, caller: Caller) -> None:
        """Record the caller of a connection. Raises Closing if its key has too many."""
        if caller.key_id is not None:
            if self._by_key[caller.key_id] >= self._key_max:
                raise Closing(Code.TOO_MANY, "This key has too many connections.")
            self._by_key[caller.key_id] += 1
        socket.caller = caller

    def remove(self, socket: Socket) -> None:
        """Remove a connection, if it is registered."""
        if socket not in self._sockets:
            return
        self._sockets.remove(socket)
        _decrease(self._by_address, socket.address)
        if socket.caller is not None and socket.caller.key_id is not None:
            _decrease(self._by_key, socket.caller.key_id)

    async def watch(self, live_keys: LiveKeys) -> None:
        """Close connections of revoked or expired keys, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.check(live_keys)
            except Exception as error:  # noqa: BLE001  the next round tries the database again
                logger.warning("sockets.check_failed", error=repr(error))

    async def check(self, live_keys: LiveKeys) -> None:
        """Check every key in use once.

        Clients connect while the database answers. Their keys were not asked about, so the answer
        says nothing of them.
        """
        asked = frozenset(self._by_key)
        if not asked:
            return
        ended = asked.difference(await live_keys(asked))
        for socket in tuple(self._sockets):
            if socket.caller is not None and socket.caller.key_id in ended:
                socket.close(Closing(Code.UNAUTHORIZED, "The API key is no longer valid."))

    def close_all(self) -> None:
        """Close all connections because the server stops; clients may reconnect to another one."""
        for socket in tuple(self._sockets):
            socket.close(Closing(Code.RESTART, "The server restarts: connect again."))


def _decrease(counter: Counter[Any], key: object) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
