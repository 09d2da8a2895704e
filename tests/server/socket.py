"""Client of the websocket endpoint in this process, which can stop taking frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from domain.access.callers import Caller, Role, holder
from server.operations.engine import Engine, Operation
from server.operations.errors import RequestRefused
from server.operations.limits import RequestLimits
from server.transports.connection_registry import ConnectionRegistry
from server.transports.protocol import SUBPROTOCOL
from server.transports.subscription_feeds import SubscriptionFeeds
from server.transports.websocket import SocketLimits, WebSocketEndpoint
from subscriptions.delivery.fanout import Fanout
from tests.server.sample import SampleContext, a_schema, a_stock

SCHEMA = a_schema()
KEY = "Bearer secret"


class StreamedContext(SampleContext):
    """A context that can make another one."""

    renew: Any = None

    def another(self, events: Iterable[object] = ()) -> Any:
        """Make a new context on the same server."""
        return self.renew()


class InProcessServer:
    """A websocket endpoint with a record of its contexts."""

    def __init__(self, **limits: Any) -> None:
        self.contexts: list[SampleContext] = []
        self.charged: list[int] = []
        self.keys = {KEY: holder(Role.ADMIN, actor="root")}
        self.sockets = ConnectionRegistry()
        self.engine = Engine(SCHEMA.graphql_schema, limits=RequestLimits(), translate=None)
        self.feeds = SubscriptionFeeds(self.engine, self.make_context, Fanout(lambda: 0))
        self.endpoint = WebSocketEndpoint(
            self.engine,
            self.feeds,
            authenticate=self.authenticate,
            charge=self.charge,
            sockets=self.sockets,
            new_request_id=lambda: "req-1",
            limits=SocketLimits(**limits),
        )

    async def authenticate(self, authorization: str | None, address: str) -> Caller:
        """Accept a client that has the key."""
        from_key = self.keys.get(authorization or "")
        if from_key is None:
            raise RequestRefused("UNAUTHENTICATED", 401, "Who are you?")
        return from_key

    def charge(self, caller: Caller, tokens: int) -> None:
        """Record the tokens of an operation."""
        self.charged.append(tokens)

    def make_context(self, caller: Caller, operation: Operation, audience: Any) -> Any:
        """Create a context and record it."""
        context = StreamedContext(operation=operation, rows=[a_stock()])
        context.renew = lambda: self.make_context(caller, operation, None)
        self.contexts.append(context)
        return context

    @asynccontextmanager
    async def open(
        self, *subprotocols: str, authorization: str | None = KEY, init: bool = True
    ) -> AsyncIterator[Client]:
        """Connect a client, by default with connection_init sent and acknowledged."""
        client = Client(self.endpoint, list(subprotocols or (SUBPROTOCOL,)))
        try:
            if init:
                payload = {} if authorization is None else {"authorization": authorization}
                client.send({"type": "connection_init", "payload": payload})
                assert await client.receive() == {"type": "connection_ack"}
            yield client
        finally:
            await client.leave()


class Closed(Exception):
    """The server closed the socket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Client:
    """One websocket from the client's side. While `member` is clear, the socket takes no frames."""

    def __init__(self, app: Any, subprotocols: list[str], address: str = "127.0.0.1") -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.member = asyncio.Event()
        self.member.set()
        self.is_broken = False
        self.frames = 0
        self.inbox.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": "/graphql",
            "headers": [],
            "subprotocols": subprotocols,
            "client": (address, 1234),
        }
        self.task = asyncio.create_task(app(scope, self.inbox.get, self._take))
        self.subprotocol: str | None = None

    async def _take(self, message: Any) -> None:
        await self.member.wait()
        if self.is_broken:
            raise OSError("gone")
        if message["type"] == "websocket.accept":
            self.subprotocol = message["subprotocol"]
        else:
            self.frames += message["type"] == "websocket.send"
            self.outbox.put_nowait(message)

    def send(self, message: Any) -> None:
        """Send a message as JSON."""
        self.send_text(orjson.dumps(message).decode())

    def send_text(self, text: str) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, data: bytes) -> None:
        self.inbox.put_nowait({"type": "websocket.receive", "bytes": data})

    def subscribe(self, message_id: str, query: str, **payload: Any) -> None:
        """Start an operation."""
        self.send({"id": message_id, "type": "subscribe", "payload": {"query": query, **payload}})

    async def receive(self) -> Any:
        """Return the next message. Raises Closed."""
        async with asyncio.timeout(10):
            message = await self.outbox.get()
        if message["type"] == "websocket.close":
            raise Closed(message["code"], message["reason"])
        return orjson.loads(message["text"])

    async def closed(self) -> Closed:
        """Read until the server closes the socket."""
        try:
            while True:
                await self.receive()
        except Closed as closed:
            await asyncio.wait_for(self.task, 5)
            return closed

    async def leave(self) -> None:
        """Disconnect."""
        self.member.set()
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self.task, 5)
