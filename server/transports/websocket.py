"""GraphQL over WebSocket: the subprotocol graphql-transport-ws as one ASGI endpoint.

A message of a client can end its own operation or its own connection, and nothing else. Each
operation and each event of a subscription has its own context, so loaders do not live as long as
the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from graphql import OperationType
from starlette.types import Receive, Scope, Send

from domain.access.callers import Caller
from server.operations.engine import Engine
from server.operations.errors import RequestRefused
from server.operations.request import GraphQLRequest, decode_json, request_of
from server.transports.connection_registry import CLOSE_SECONDS, ConnectionRegistry
from server.transports.protocol import (
    ACK,
    PONG,
    SUBPROTOCOL,
    ClientMessage,
    Closing,
    Code,
    Frames,
    dumped,
    message_of,
)
from server.transports.send_queue import SendQueue
from server.transports.subscription_feeds import StreamRefused, Subscriber, SubscriptionFeeds
from subscriptions.cancellation import end, ended

logger = structlog.get_logger(__name__)

# Finds the caller of a connection: from `authorization` in the payload of connection_init, or None,
# and the address. Raises RequestRefused, or an error that the engine's `translate` accepts.
Authenticate = Callable[[str | None, str], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits of one connection. Messages above the rate are not read until the rate allows it."""

    init_seconds: float = 5.0
    operations: int = 200
    messages_per_second: float = 100.0
    messages_at_once: int = 400
    message_bytes: int = 256 * 1024


class WebSocketEndpoint:
    """An ASGI application for `/graphql` over WebSocket. Its arguments are shared by all
    connections.

    `feeds` makes contexts and opens subscriptions (`SubscriptionFeeds`); `sockets` registers
    connections. `charge` takes the rate tokens of an operation before it is parsed.
    """

    def __init__(
        self,
        engine: Engine,
        feeds: SubscriptionFeeds,
        *,
        authenticate: Authenticate,
        charge: Callable[[Caller, int], None],
        sockets: ConnectionRegistry,
        new_request_id: Callable[[], str],
        limits: SocketLimits = SocketLimits(),
    ) -> None:
        self.engine = engine
        self.feeds = feeds
        self.authenticate = authenticate
        self.charge = charge
        self.sockets = sockets
        self.new_request_id = new_request_id
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await WebSocketConnection(self, scope, receive, send).run()


class WebSocketConnection:
    """The connection of one client."""

    __slots__ = (
        "_closing",
        "_completing",
        "_endpoint",
        "_is_gone",
        "_operations",
        "_pace",
        "_reading",
        "_receive",
        "_scope",
        "_send",
        "address",
        "caller",
        "outbox",
    )

    def __init__(
        self, endpoint: WebSocketEndpoint, scope: Scope, receive: Receive, send: Send
    ) -> None:
        client = scope.get("client")
        self.address: str = client[0] if client else "unknown"
        self.caller: Caller | None = None
        self.outbox = SendQueue(send, self._broken)
        self._endpoint = endpoint
        self._scope = scope
        self._receive = receive
        self._send = send
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._completing: set[asyncio.Task[None]] = set()
        self._closing: Closing | None = None
        self._is_gone = False
        self._reading: asyncio.Task[None] | None = None
        self._pace = _Pace(endpoint.limits)

    async def run(self) -> None:
        """Serve the connection from the handshake to the end, and release all its resources."""
        try:
            if not await self._accepted():
                return
            self._reading = asyncio.create_task(self._read())
            try:
                await asyncio.wait((self._reading,))
            except asyncio.CancelledError:
                self.close(Closing(Code.RESTART, "The server restarts: connect again."))
                raise
            finally:
                await self._end()
        finally:
            self._endpoint.sockets.remove(self)

    def close(self, closing: Closing) -> None:
        """Close the connection with this code; returns at once."""
        if self._closing is None:
            self._closing = closing
        if self._reading is not None:
            self._reading.cancel()

    def _broken(self, error: Exception) -> None:
        self._is_gone = True
        logger.debug("websocket.gone", error=repr(error))
        if self._reading is not None:
            self._reading.cancel()

    async def _accepted(self) -> bool:
        await self._receive()  # websocket.connect
        is_ours = SUBPROTOCOL in self._scope.get("subprotocols", ())
        await self._send(
            {"type": "websocket.accept", "subprotocol": SUBPROTOCOL if is_ours else None}
        )
        try:
            if not is_ours:
                raise Closing(Code.SUBPROTOCOL, f"The subprotocol must be {SUBPROTOCOL}.")
            self._endpoint.sockets.add(self)
        except Closing as closing:
            await self._send_close(closing)
            return False
        return True

    async def _read(self) -> None:
        try:
            if await self._is_initialised():
                while (message := await self._next()) is not None:
                    await self._handle(message)
            self._is_gone = True
        except Closing as closing:
            self._closing = self._closing or closing
        except Exception:
            logger.exception("websocket.failed")
            self._closing = Closing(Code.INTERNAL, "Internal error.")

    async def _next(self) -> ClientMessage | None:
        """The next message; None if the client is gone. Raises Closing if it is malformed."""
        await self._pace.step()
        received = await self._receive()
        if received["type"] == "websocket.disconnect":
            return None
        text: str | None = received.get("text")
        if text is not None and len(text) > self._endpoint.limits.message_bytes:
            raise Closing(Code.TOO_BIG, "The message is too large.")
        return message_of(text)

    async def _is_initialised(self) -> bool:
        """All steps up to the acknowledgement; false if the client left. Raises Closing.

        The deadline is for the client's message. It excludes the look-up of the key, which waits
        for the database when many clients connect at once.
        """
        try:
            async with asyncio.timeout(self._endpoint.limits.init_seconds):
                payload = await self._init_payload()
        except TimeoutError:
            raise Closing(Code.NO_INIT, "connection_init did not arrive in time.") from None
        if payload is None:
            return False
        await self._identify(payload)
        await self.outbox.send(ACK)
        return True

    async def _init_payload(self) -> Mapping[str, Any] | None:
        """The payload of connection_init; None if the client left. Raises Closing."""
        while (message := await self._next()) is not None:
            if message.type == "connection_init":
                return message.payload or {}
            if message.type in ("subscribe", "complete"):
                raise Closing(Code.UNAUTHORIZED, "Send connection_init first.")
            await self._handle(message)
        return None

    async def _identify(self, payload: Mapping[str, Any]) -> None:
        authorization = next(
            (payload[name] for name in ("authorization", "Authorization") if name in payload), None
        )
        if authorization is not None and not isinstance(authorization, str):
            raise Closing(Code.UNAUTHORIZED, "The authorization must be a string.")
        try:
            caller = await self._endpoint.authenticate(authorization, self.address)
        except Exception as error:  # noqa: BLE001  an error closes this socket only
            request_id = self._endpoint.new_request_id()
            refused = self._endpoint.engine.answers.failure(error, request_id)
            # Client libraries take 4401 as final, so it is for wrong keys only.
            is_final = refused.status < 500 and refused.status != 429
            code = Code.UNAUTHORIZED if is_final else Code.TRY_LATER
            raise Closing(code, refused.message) from None
        self._endpoint.sockets.identify(self, caller)

    async def _handle(self, message: ClientMessage) -> None:
        if message.type == "subscribe":
            await self._subscribe(message)
        elif message.type == "complete":
            self._complete(message.id)
        elif message.type == "ping":
            await self.outbox.send(PONG)
        elif message.type == "connection_init":
            raise Closing(Code.TOO_MANY, "Too many initialisation requests")

    def _complete(self, message_id: str) -> None:
        """End an operation: nothing more is sent for it, and its id may be used again."""
        if task := self._operations.pop(message_id, None):
            task.cancel()
            completing = asyncio.create_task(ended(task))
            self._completing.add(completing)
            completing.add_done_callback(self._completing.discard)

    async def _subscribe(self, message: ClientMessage) -> None:
        if message.id in self._operations:
            raise Closing(Code.DUPLICATE, f"Subscriber for {message.id} already exists")
        frames = Frames(message.id)
        most = self._endpoint.limits.operations
        if len(self._operations) >= most:
            refused = RequestRefused(
                "RATE_LIMITED",
                429,
                f"At most {most} operations may run on a connection at the same time.",
            )
            await self.outbox.send(frames.error(refused.errors))
            return
        task = asyncio.create_task(self._operate(message, frames))
        self._operations[message.id] = task

    async def _operate(self, message: ClientMessage, frames: Frames) -> None:
        """Run one operation to its end, and send the result."""
        request_id = self._endpoint.new_request_id()
        try:
            assert self.caller is not None
            await self._answer(message, frames, self.caller, request_id)
            last = frames.complete
        except StreamRefused as refused:
            last = frames.error(refused.errors)
        except Exception as error:  # noqa: BLE001  an error ends this operation only
            failure = self._endpoint.engine.answers.failure(error, request_id)
            last = frames.error(failure.errors)
        if self._operations.get(message.id) is asyncio.current_task():
            await self.outbox.send(last, lambda: self._free_id(message.id))

    def _free_id(self, message_id: str) -> None:
        """Free the id of an operation after its last frame; the client may use it again."""
        del self._operations[message_id]

    async def _answer(
        self, message: ClientMessage, frames: Frames, caller: Caller, request_id: str
    ) -> None:
        request = self._endpoint.engine.resolve(_request_in(message), caller)
        self._endpoint.charge(caller, 1 + self._endpoint.engine.price(request))
        operation = self._endpoint.engine.prepare(request, request_id=request_id)
        if operation.type is OperationType.SUBSCRIPTION:
            subscriber = Subscriber(self.outbox, frames)
            await self._endpoint.feeds.serve(request, operation, caller, subscriber)
        else:
            answer = await self._endpoint.feeds.execute(operation, caller)
            await self.outbox.send(frames.next(answer))

    async def _end(self) -> None:
        """Stop running operations, and close the connection if it is open."""
        running = [*self._operations.values()]
        if self._reading is not None:
            running.append(self._reading)
        await end(*running)
        if self._completing:  # their end was sent already; they only release resources
            await asyncio.wait(self._completing)
        await self.outbox.close()
        if self._is_gone:
            self._endpoint.sockets.closes["gone"] += 1
        else:
            await self._send_close(self._closing or Closing(Code.NORMAL, ""))

    async def _send_close(self, closing: Closing) -> None:
        self._endpoint.sockets.closes[closing.code.name.lower()] += 1
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send(
                    {"type": "websocket.close", "code": int(closing.code), "reason": closing.reason}
                )
        except Exception as error:  # noqa: BLE001  the socket is gone already
            logger.debug("websocket.close_failed", error=repr(error))


def _request_in(message: ClientMessage) -> GraphQLRequest:
    """The request in a subscribe message. Raises RequestRefused."""
    payload = message.payload
    text = dumped(payload)
    return request_of(decode_json(text) if "\\u0000" in text else payload)


class _Pace:
    """Rate limit of incoming messages as a token bucket; it waits instead of refusing."""

    __slots__ = ("_at", "_left", "_most", "_per_second")

    def __init__(self, limits: SocketLimits) -> None:
        self._per_second = limits.messages_per_second
        self._most = self._left = float(limits.messages_at_once)
        self._at = 0.0

    async def step(self) -> None:
        """Use one token; waits if none is left."""
        now = asyncio.get_running_loop().time()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            await asyncio.sleep((1 - self._left) / self._per_second)
        self._left -= 1
