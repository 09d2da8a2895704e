"""What comes in one breath, taken together.

A source that has much to give gives it one by one, without a wait in between. Whoever takes it
can save by taking it together: one read for several events, one write for several answers.
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
    """The items of a source in their order, in lists of up to `most`; closes the source.

    A list is what had come when the last one was dealt with; nothing waits for a list to fill. The
    source is asked for no more than `most` ahead. Its exception comes after its last item.
    """
    came: deque[ItemT] = deque()
    news, room = asyncio.Event(), asyncio.Event()

    async def take() -> None:
        try:
            async for item in source:
                came.append(item)
                news.set()
                if len(came) >= most:
                    room.clear()
                    await room.wait()
        finally:
            await source.aclose()

    taking = asyncio.create_task(take())
    taking.add_done_callback(lambda _: news.set())
    try:
        while came or not taking.done():
            if not came:
                news.clear()
                await news.wait()
                continue
            together = list(came)
            came.clear()
            room.set()
            yield together
        taking.result()
    finally:
        await end(taking)
