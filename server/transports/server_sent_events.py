"""GraphQL over server-sent events: graphql-sse in its distinct connections mode.

One request has one operation and gets one streamed response, for networks that block WebSockets.
Rules and limits are those of WebSockets. A refusal is sent before the stream begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from graphql import OperationType
from starlette.requests import Request
from starlette.types import Receive, Send

from domain.access.callers import Caller
from server.operations.engine import Engine, Operation
from server.operations.errors import RequestRefused
from server.operations.request import GraphQLRequest
from server.transports.connection_registry import CLOSE_SECONDS, ConnectionRegistry
from server.transports.protocol import Closing, Code, dumped
from server.transports.send_queue import STALL_SECONDS, SendQueue
from server.transports.subscription_feeds import StreamRefused, Subscriber, SubscriptionFeeds
from subscriptions.cancellation import end

logger = structlog.get_logger(__name__)

HEARTBEAT = ":\n\n"
BEAT_SECONDS = 12.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"vary", b"accept"),
]


class EventFrames:
    """The frames of one operation; JSON has no line breaks."""

    complete = "event: complete\ndata:\n\n"

    def next(self, answer: str) -> str:
        """The event of a result in JSON."""
        return f"event: next\ndata: {answer}\n\n"

    def error(self, errors: list[dict[str, Any]]) -> str:
        """The event of the errors that end the operation."""
        return self.next(dumped({"errors": errors})) + self.complete


class EventStreams:
    """Serves operations as streams; `sockets` counts the streams and closes them with their
    keys.
    """

    def __init__(
        self,
        engine: Engine,
        feeds: SubscriptionFeeds,
        sockets: ConnectionRegistry,
    ) -> None:
        self.engine = engine
        self.feeds = feeds
        self.sockets = sockets

    async def serve(
        self,
        request: Request,
        caller: Caller,
        asked: GraphQLRequest,
        operation: Operation,
        send: Send,
    ) -> None:
        """Serve the stream to its end. Raises the error of a refusal before anything is sent."""
        stream = _Stream(self, request, send)
        try:
            self.sockets.add(stream)
            self.sockets.identify(stream, caller)
            await stream.run(asked, operation)
        except Closing as closing:
            raise RequestRefused("RATE_LIMITED", 429, closing.reason) from None
        finally:
            self.sockets.remove(stream)


class _Stream:
    """One streamed response."""

    def __init__(self, streams: EventStreams, request: Request, send: Send) -> None:
        self.address = request.client.host if request.client else "unknown"
        self.caller: Caller | None = None
        self._streams = streams
        self._receive: Receive = request.receive
        self._send = send
        self._closing: Closing | None = None
        self._is_gone = False
        self._operating: asyncio.Task[str] | None = None
        self._last_frame: asyncio.Timeout | None = None
        self._outbox = SendQueue(self._pass_on, self._broken)

    def close(self, closing: Closing) -> None:
        """Close it with a reason; returns at once."""
        if self._closing is None:
            self._closing = closing
            self._hurry()
        if self._operating is not None:
            self._operating.cancel()

    def _hurry(self) -> None:
        if self._last_frame is not None:
            with suppress(RuntimeError):  # the timeout has just fired
                self._last_frame.reschedule(asyncio.get_running_loop().time() + CLOSE_SECONDS)

    def _broken(self, error: Exception) -> None:
        self._is_gone = True
        logger.debug("event_stream.gone", error=repr(error))
        if self._operating is not None:
            self._operating.cancel()

    async def _pass_on(self, message: Mapping[str, Any]) -> None:
        """Send a message of the send queue as a part of the body."""
        body = {"type": "http.response.body", "body": message["text"].encode(), "more_body": True}
        await self._send(body)

    async def run(self, request: GraphQLRequest, operation: Operation) -> None:
        """Serve until the end, until the client leaves or until the server closes the stream."""
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        frames = EventFrames()
        self._operating = asyncio.create_task(self._operate(request, operation, frames))
        others = [
            asyncio.create_task(self._leaving()),
            asyncio.create_task(self._send_heartbeats()),
        ]
        try:
            await asyncio.wait((self._operating,))
        except asyncio.CancelledError:
            self.close(Closing(Code.RESTART, "The server restarts: connect again."))
            raise
        finally:
            await end(self._operating, *others)
            await self._outbox.close()
            await self._end(frames)

    async def _end(self, frames: EventFrames) -> None:
        closes = self._streams.sockets.closes
        if self._is_gone:
            closes["gone"] += 1
            return
        last = frames.complete
        if self._closing is not None:
            closes[self._closing.code.name.lower()] += 1
            code = "UNAUTHENTICATED" if self._closing.code is Code.UNAUTHORIZED else "UNAVAILABLE"
            refused = RequestRefused(code, 200, self._closing.reason)
            last = frames.error(refused.errors)
        else:
            closes["normal"] += 1
            assert self._operating is not None
            last = self._operating.result()
        await self._send_last(last)

    async def _send_last(self, frame: str) -> None:
        """End the response. The server drops the connection of a client that does not read the end.

        Earlier frames wait for a slow client, but not after its stream was closed.
        """
        try:
            async with asyncio.timeout(STALL_SECONDS) as self._last_frame:
                if self._closing is not None:
                    self._hurry()
                await self._send(
                    {"type": "http.response.body", "body": frame.encode(), "more_body": False}
                )
        except Exception as error:  # noqa: BLE001  the connection is gone already
            logger.debug("event_stream.close_failed", error=repr(error))
        finally:
            self._last_frame = None

    async def _operate(
        self, request: GraphQLRequest, operation: Operation, frames: EventFrames
    ) -> str:
        """Run the operation, and return the frames that end it."""
        feeds, caller = self._streams.feeds, self.caller
        assert caller is not None
        try:
            if operation.type is OperationType.SUBSCRIPTION:
                subscriber = Subscriber(self._outbox, frames)
                await feeds.serve(request, operation, caller, subscriber)
            else:
                answer = await feeds.execute(operation, caller)
                await self._outbox.send(frames.next(answer))
        except StreamRefused as refused:
            return frames.error(refused.errors)
        except Exception as error:  # noqa: BLE001  every error is sent to the client
            failure = self._streams.engine.answers.failure(error, operation.request_id)
            return frames.error(failure.errors)
        return frames.complete

    async def _leaving(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._broken(ConnectionError("the client left"))

    async def _send_heartbeats(self) -> None:
        """Send comments, which keep proxies open and detect dead connections."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._outbox.send_now(HEARTBEAT)
