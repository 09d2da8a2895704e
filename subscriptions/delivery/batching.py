"""Batching: items that a source yields without a wait in between are processed together.

It saves work for the consumer: one database read for several events, one write for several
messages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import TypeVar

from subscriptions.cancellation import end

ItemT = TypeVar("ItemT")


async def in_batches(
    source: AsyncGenerator[ItemT, None], most: int
) -> AsyncGenerator[list[ItemT], None]:
    """The items of a source in their order, in lists of at most `most`. Closes the source.

    A list holds the items that arrived while the previous list was processed; there is no wait for
    a full list. At most `most` items are read ahead. An exception of the source is raised after its
    last item.
    """
    received: deque[ItemT] = deque()
    arrived, room = asyncio.Event(), asyncio.Event()

    async def take() -> None:
        try:
            async for item in source:
                received.append(item)
                arrived.set()
                if len(received) >= most:
                    room.clear()
                    await room.wait()
        finally:
            await source.aclose()

    taking = asyncio.create_task(take())
    taking.add_done_callback(lambda _: arrived.set())
    try:
        while received or not taking.done():
            if not received:
                arrived.clear()
                await arrived.wait()
                continue
            together = list(received)
            received.clear()
            room.set()
            yield together
        taking.result()
    finally:
        await end(taking)
