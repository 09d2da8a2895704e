"""Batching of a stream: ready items come together, in order, up to a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from subscriptions.delivery.batching import in_batches


class Source:
    """A source of numbers that waits where a test has set a gate."""

    def __init__(self, *numbers: int, error: Exception | None = None) -> None:
        self.numbers = numbers
        self.error = error
        self.gates: dict[int, asyncio.Event] = {}
        self.given: list[int] = []
        self.is_waiting = asyncio.Event()
        self.is_closed = False

    def gate(self, number: int) -> asyncio.Event:
        """Make the source wait for the returned event before it yields this number."""
        return self.gates.setdefault(number, asyncio.Event())

    async def flow(self) -> AsyncGenerator[int, None]:
        """Yield the numbers."""
        try:
            for number in self.numbers:
                if number in self.gates:
                    self.is_waiting.set()
                    await self.gates[number].wait()
                self.given.append(number)
                yield number
            if self.error is not None:
                raise self.error
        finally:
            self.is_closed = True


async def test_what_comes_without_a_wait_comes_together() -> None:
    source = Source(1, 2, 3, 4)
    gate = source.gate(3)
    batches = in_batches(source.flow(), 10)
    async with aclosing(batches):
        assert await anext(batches) == [1, 2]
        gate.set()
        assert await anext(batches) == [3, 4]
        with pytest.raises(StopAsyncIteration):
            await anext(batches)
    assert source.is_closed


async def test_a_source_is_asked_for_no_more_than_fits() -> None:
    source = Source(*range(10))
    async with aclosing(in_batches(source.flow(), 4)) as batches:
        assert await anext(batches) == [0, 1, 2, 3]
        await asyncio.sleep(0)
        assert len(source.given) <= 8
        rest = [number async for batch in batches for number in batch]
    assert rest == [4, 5, 6, 7, 8, 9]


async def test_an_error_comes_after_the_last_item() -> None:
    source = Source(1, 2, error=LookupError("gone"))
    async with aclosing(in_batches(source.flow(), 10)) as batches:
        assert await anext(batches) == [1, 2]
        with pytest.raises(LookupError, match="gone"):
            await anext(batches)


async def test_a_client_that_leaves_closes_the_source() -> None:
    source = Source(1, 2)
    source.gate(2)
    async with aclosing(in_batches(source.flow(), 10)) as batches:
        assert await anext(batches) == [1]
    assert source.is_closed


async def test_a_client_cancelled_while_waiting_closes_the_source() -> None:
    source = Source(1)
    source.gate(1)

    async def read() -> None:
        async with aclosing(in_batches(source.flow(), 10)) as batches:
            async for _ in batches:
                pass

    reading = asyncio.create_task(read())
    await source.is_waiting.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert source.is_closed
