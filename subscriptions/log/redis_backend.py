"""Redis backend for `broadcaster`, without two defects of its own backend (0.3.1).

Its reader task polls before the first subscription exists and then, with redis-py ≥ 8, never wakes
up; and a failed connection leaves that task running. This backend starts no task and retries
nothing: after a failure its user makes a new one.
"""

from __future__ import annotations

import asyncio

from broadcaster import BroadcastBackend, Event
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


class RedisBackend(BroadcastBackend):
    """One connection to receive and one to publish."""

    def __init__(self, url: str, *, timeout: float) -> None:
        retry = Retry(NoBackoff(), 0)
        self._client = Redis.from_url(url, retry=retry, socket_connect_timeout=timeout)
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        self._is_subscribed = asyncio.Event()

    async def connect(self) -> None:
        """Check the connection. Raises an exception of the client if the server does not answer."""
        await self._client.ping()

    async def disconnect(self) -> None:
        """Close both connections."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()

    async def subscribe(self, channel: str) -> None:
        """Receive messages that are published on a channel from now on."""
        await self._pubsub.subscribe(channel)
        self._is_subscribed.set()

    async def unsubscribe(self, channel: str) -> None:
        """Receive no more messages of a channel."""
        await self._pubsub.unsubscribe(channel)

    async def publish(self, channel: str, message: str) -> None:
        """Send a message to every subscribed process."""
        await self._client.publish(channel, message)

    async def next_published(self) -> Event:
        """The next message of any channel; waits for it."""
        await self._is_subscribed.wait()
        while True:
            message = await self._pubsub.get_message(timeout=None)
            if message is not None and message["type"] == "message":
                return Event(message["channel"].decode(), message["data"].decode())
