"""Network connections to addresses that were checked: the name is resolved once per connection.

The connection goes to an address of that same answer. So a name server that answers the second
question differently (DNS rebinding) leads nowhere. TLS and the header Host keep the host's name,
because httpcore takes them from the URL.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpcore

from integrations.errors import IntegrationError
from integrations.outbound.networks import AllowedNetworks

# An attempt that begins while the first one hangs would be better. Hosts have few addresses.
ADDRESSES_MAX: Final = 4

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressRefused(IntegrationError):
    """The host has no address, or one that must not be called. Nothing was sent."""

    def __init__(self) -> None:
        super().__init__("the address must not be called", was_asked=False)


class SystemResolver:
    """Resolves names with the system's resolver, in threads of its own.

    It blocks a thread until it has an answer. On the shared threads, a few names that nobody
    answers would delay all others.
    """

    def __init__(self, threads_max: int) -> None:
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """All addresses of a host, in the system's order; none if it has no address."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, _addresses, host, port)
        except (OSError, UnicodeError):
            return ()
        return found

    def close(self) -> None:
        """Let the threads end, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


async def checked_addresses(
    resolve: Resolve, networks: AllowedNetworks, host: str, port: int, *, is_encrypted: bool
) -> Sequence[str]:
    """The addresses of a host. Raises AddressRefused unless each of them may be called."""
    found = await resolve(host, port)
    if not found or not all(
        networks.may_call(address, is_encrypted=is_encrypted) for address in found
    ):
        raise AddressRefused
    return found


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, to checked addresses only."""

    def __init__(self, resolve: Resolve, networks: AllowedNetworks, *, is_encrypted: bool) -> None:
        self._resolve = resolve
        self._networks = networks
        self._is_encrypted = is_encrypted
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers. Raises AddressRefused."""
        addresses = await checked_addresses(
            self._resolve, self._networks, host, port, is_encrypted=self._is_encrypted
        )
        failure: Exception = AddressRefused()
        for address in addresses[:ADDRESSES_MAX]:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no address names a socket of this machine."""
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
