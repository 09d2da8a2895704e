"""Calls to entered addresses: the listener on loopback sees no connection that must not be."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from integrations.errors import IntegrationError, IntegrationTimeout, IntegrationUnavailable
from integrations.outbound.client import ANSWER_BYTES_MAX, OutboundClient
from integrations.outbound.connections import AddressRefused
from integrations.outbound.networks import AllowedNetworks, parse_networks

# A key and a certificate of shop.invalid, signed by itself.
CERTIFICATE = Path(__file__).parent / "shop.invalid.pem"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Listener:
    """A server on loopback: the requests that it got, and its answer."""

    answer: bytes = OK
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    is_endless: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                writer.write(self.answer)
                while self.is_endless:
                    writer.write(b"x" * 1_000)
                    await writer.drain()
                    await asyncio.sleep(0.001)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(
    answer: bytes = OK, *, is_endless: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    listener = Listener(answer, is_endless=is_endless)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


@asynccontextmanager
async def calling(
    allow: str = "",
    names: dict[str, list[Sequence[str]]] | None = None,
    seconds: float = 5.0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[OutboundClient]:
    """A client; `names`: the answers of the name server, one for each question, the last again."""
    answers = names or {}

    async def resolve(host: str, port: int) -> Sequence[str]:
        found = answers.get(host, [()])
        return found.pop(0) if len(found) > 1 else found[0]

    client = OutboundClient(
        AllowedNetworks(parse_networks(allow)),
        8,
        resolve=resolve if names is not None else None,
        tls=tls,
        call_seconds=seconds,
    )
    try:
        yield client
    finally:
        await client.close()


LITERALS = (
    *("127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1"),
    *("[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "localhost", "0"),
)


@pytest.mark.parametrize("host", LITERALS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_form_of_this_machines_address_is_called(host: str, scheme: str) -> None:
    async with listening() as listener, calling() as client:
        url = f"{scheme}://{host}:{listener.port}/hooks"
        with pytest.raises(AddressRefused) as refused:
            await client.send("POST", url, {}, b"{}")
        with pytest.raises(AddressRefused):
            await client.check(url)
        assert "127" not in str(refused.value)
        assert not refused.value.was_asked
        assert listener.connections == 0


async def test_a_host_with_one_private_address_is_not_called() -> None:
    names: dict[str, list[Sequence[str]]] = {"shop.example": [("8.8.8.8", "127.0.0.1")]}
    async with listening() as listener, calling(names=names) as client:
        with pytest.raises(AddressRefused):
            await client.send("POST", f"https://shop.example:{listener.port}/", {}, b"{}")
        assert listener.connections == 0


async def test_each_connection_is_checked_anew() -> None:
    """A name server that names a public address first and this machine afterwards."""
    names: dict[str, list[Sequence[str]]] = {"shop.example": [("8.8.8.8",), ("127.0.0.1",)]}
    async with listening() as listener, calling(names=names) as client:
        url = f"https://shop.example:{listener.port}/"
        await client.check(url)
        with pytest.raises(AddressRefused):
            await client.send("POST", url, {}, b"{}")
        assert listener.connections == 0


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """The host has a name that no resolver of this machine knows; its header has the name."""
    names: dict[str, list[Sequence[str]]] = {"shop.invalid": [("127.0.0.1",)]}
    async with listening() as listener, calling("127.0.0.0/8", names) as client:
        url = f"http://shop.invalid:{listener.port}/hooks?a=b"
        answer = await client.send("POST", url, {"Content-Type": "application/json"}, b"{}")
        assert (answer.status, answer.body) == (200, b"ok")
        [head] = listener.requests
        assert head.startswith(b"POST /hooks?a=b HTTP/1.1\r\n")
        assert f"host: shop.invalid:{listener.port}".encode() in head.lower()
        await client.send("POST", url, {}, b"{}")
        assert listener.connections == 1


@pytest.mark.parametrize("host", ["shop.invalid", "other.invalid"])
async def test_tls_is_checked_under_the_name_of_the_host(host: str) -> None:
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(CERTIFICATE)
    seen: list[str | None] = []
    server_tls.sni_callback = lambda _, name, __: seen.append(name)
    client_tls = ssl.create_default_context(cafile=CERTIFICATE)
    names: dict[str, list[Sequence[str]]] = {host: [("127.0.0.1",)]}
    async with (
        listening(tls=server_tls) as listener,
        calling("127.0.0.0/8", names, tls=client_tls) as client,
    ):
        url = f"https://{host}:{listener.port}/"
        if host == "shop.invalid":
            assert (await client.send("POST", url, {}, b"{}")).is_success
        else:
            with pytest.raises(IntegrationError):
                await client.send("POST", url, {}, b"{}")
            assert listener.requests == []
        assert seen == [host]


async def test_the_next_address_is_tried_if_the_first_refuses() -> None:
    names: dict[str, list[Sequence[str]]] = {"shop.invalid": [("127.0.0.2", "127.0.0.1")]}
    async with listening() as listener, calling("127.0.0.0/8", names) as client:
        answer = await client.send("GET", f"http://shop.invalid:{listener.port}/", {})
        assert answer.is_success


async def test_a_redirect_is_not_followed() -> None:
    async with listening() as secret, calling("127.0.0.0/8") as client:
        moved = f"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:{secret.port}/\r\n"
        async with listening(moved.encode() + b"content-length: 0\r\n\r\n") as listener:
            answer = await client.send("POST", f"http://127.0.0.1:{listener.port}/", {}, b"{}")
        assert (answer.status, answer.is_success) == (307, False)
        assert secret.connections == 0


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy, listening() as listener, calling("127.0.0.0/8") as client:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await client.send("POST", f"http://127.0.0.1:{listener.port}/", {}, b"{}")
        assert (proxy.connections, listener.connections) == (0, 1)


async def test_an_endless_answer_is_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    async with listening(head, is_endless=True) as listener, calling("127.0.0.0/8") as client:
        with pytest.raises(IntegrationUnavailable, match=str(ANSWER_BYTES_MAX)):
            await client.send("POST", f"http://127.0.0.1:{listener.port}/", {}, b"{}")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nslow"])
async def test_an_answer_that_does_not_end_in_time(answer: bytes) -> None:
    async with listening(answer) as listener, calling("127.0.0.0/8", seconds=0.2) as client:
        with pytest.raises(IntegrationTimeout):
            await client.send("POST", f"http://127.0.0.1:{listener.port}/", {}, b"{}")


async def test_nonsense_and_a_refused_connection_are_errors_without_addresses() -> None:
    async with listening(b"nonsense\r\n\r\n") as listener, calling("127.0.0.0/8") as client:
        with pytest.raises(IntegrationError) as broken:
            await client.send("POST", f"http://127.0.0.1:{listener.port}/", {}, b"{}")
        with pytest.raises(IntegrationError) as unreachable:
            await client.send("POST", "http://127.0.0.1:1/", {}, b"{}")
        assert not unreachable.value.was_asked
        assert "127" not in f"{broken.value} {unreachable.value}"


async def test_retry_after_is_returned() -> None:
    text = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n"
    async with listening(text) as listener, calling("127.0.0.0/8") as client:
        answer = await client.send("POST", f"http://127.0.0.1:{listener.port}/", {}, b"{}")
        assert (answer.status, answer.retry_after) == (429, "7")
