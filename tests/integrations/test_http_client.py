"""Systems that answer one request twice: no call gets an answer that belongs to another."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from domain.orders.labels import LabelFormat
from integrations.carriers.carrier import LabelOrder
from integrations.carriers.http import HttpCarrier
from integrations.payments.http import HttpGateway

CALLS = 5


async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sell the key of each request, and send the answer twice on its connection."""
    while head := await read_head(reader):
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        key = headers.get("idempotency-key", body.get("key"))
        answer = {
            "id": f"id-{key}",
            "status": "bought" if "parcel" in body else "succeeded",
            "trackingNumber": f"number-{key}",
            "costMinor": 395,
            "currency": "GBP",
            "document": None,
            "reason": None,
        }
        content = json.dumps(answer).encode()
        response = f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content
        writer.write(response + response)
        await writer.drain()
    writer.close()


async def read_head(reader: asyncio.StreamReader) -> str:
    """The head of the next request; empty if the client has left."""
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server = await asyncio.start_server(answer_twice, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}"


async def test_each_label_has_its_own_number(url: str) -> None:
    carrier = HttpCarrier(url)
    for number in range(CALLS):
        key = f"k-{number}"
        found = await carrier.buy(LabelOrder(key, "R-1", "S", LabelFormat.PDF, {}, {}, {}))
        assert found.tracking_number == f"number-{key}"
    await carrier.close()


async def test_each_refund_has_its_own_answer(url: str) -> None:
    gateway = HttpGateway(url)
    for number in range(CALLS):
        key = f"k-{number}"
        found = await gateway.refund(key, "R-1", "P-1", 100, "GBP")
        assert found.id == f"id-{key}"
    await gateway.close()
