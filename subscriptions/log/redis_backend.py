"""Redis for `broadcaster`, without the faults of the backend it brings (0.3.1).

That one reads in a task of its own which looks before the first subscription is made and, with
redis-py ≥ 8, then sleeps for ever; and a connection that could not be made leaves the task behind.
Here nothing runs apart, and nothing is retried: whoever uses it builds a new one.
"""

from __future__ import annotations

import asyncio

from broadcaster import BroadcastBackend, Event
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


class RedisBackend(BroadcastBackend):
    """One connection to hear and one to publish."""

    def __init__(self, url: str, *, timeout: float) -> None:
        retry = Retry(NoBackoff(), 0)
        self._client = Redis.from_url(url, retry=retry, socket_connect_timeout=timeout)
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        self._is_subscribed = asyncio.Event()

    async def connect(self) -> None:
        """Raises where nobody answers."""
        await self._client.ping()

    async def disconnect(self) -> None:
        """Close both connections."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()

    async def subscribe(self, channel: str) -> None:
        """Hear what is published on a channel from now on."""
        await self._pubsub.subscribe(channel)
        self._is_subscribed.set()

    async def unsubscribe(self, channel: str) -> None:
        """Hear no more of it."""
        await self._pubsub.unsubscribe(channel)

    async def publish(self, channel: str, message: str) -> None:
        """Have every process that is subscribed hear it."""
        await self._client.publish(channel, message)

    async def next_published(self) -> Event:
        """The next message of any channel, once there is one."""
        await self._is_subscribed.wait()
        while True:
            message = await self._pubsub.get_message(timeout=None)
            if message is not None and message["type"] == "message":
                return Event(message["channel"].decode(), message["data"].decode())
