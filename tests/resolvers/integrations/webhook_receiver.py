"""A receiver of webhooks: a real HTTP server in the event loop of a test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from integrations.signed_webhooks import WebhookSecrets


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it arrived; `at` is the monotonic time."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(self.body)
        return event

    @property
    def cursor(self) -> int:
        return int(self.event["cursor"])

    def is_signed_by(self, secret: str) -> bool:
        """Verify the signature; raises WebhookRefused otherwise."""
        return WebhookSecrets([secret]).verify(self.headers, self.body).body == self.body


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a message; `seconds`: before it is sent."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


Answering = Callable[[Received], Reply]


def accept(_: Received) -> Reply:
    """Accept a message."""
    return Reply()


class WebhookReceiver:
    """Receives messages, and answers each with `answer`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Answering = accept
        self.open_now = 0
        self.most_at_once = 0
        self.port = 0
        self._arrived = asyncio.Event()

    def url(self, path: str = "/hooks") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        """The messages of one address, in the order of their arrival."""
        return [each for each in self.received if each.path == path]

    async def until(self, count: int, path: str | None = None, seconds: float = 15) -> None:
        """Wait until at least so many messages have arrived."""
        async with asyncio.timeout(seconds):
            while len(self.received if path is None else self.at(path)) < count:
                self._arrived.clear()
                await self._arrived.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while line := await reader.readline():
                await self._answer_one(line, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _answer_one(
        self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = line.decode().split()[1]
        headers = {}
        while (header := (await reader.readline()).decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        message = Received(path, headers, body, time.monotonic())
        self.received.append(message)
        self._arrived.set()
        self.open_now += 1
        self.most_at_once = max(self.most_at_once, self.open_now)
        reply = self.answer(message)
        if reply.seconds:
            await asyncio.sleep(reply.seconds)
        self.open_now -= 1
        lines = [f"HTTP/1.1 {reply.status} Answer", f"content-length: {len(reply.body)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + reply.body)
        await writer.drain()


async def eventually(holds: Callable[[], Awaitable[object]], seconds: float = 15) -> None:
    """Wait until an asynchronous condition holds."""
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running_receiver() -> AsyncIterator[WebhookReceiver]:
    """A receiver that listens on a free port of this machine."""
    receiver = WebhookReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
