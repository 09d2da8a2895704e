"""Loaders: each key is read once, although clients join, leave or ask again during a read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.projection.loader import Loader


class Doubles:
    """The rows of a loader: twice the value of each key. Reads of `broken` keys fail."""

    def __init__(self, *broken: int) -> None:
        self.reads: list[list[int]] = []
        self.broken = set(broken)
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, keys: Sequence[int]) -> Mapping[int, int]:
        """Read the values of these keys."""
        self.reads.append(sorted(keys))
        await self.gate.wait()
        if self.broken.intersection(keys):
            raise ValueError("cannot be read")
        return {key: 2 * key for key in keys}


async def test_a_caller_that_waits_for_a_read_is_counted_for_the_next() -> None:
    doubles = Doubles()
    loader = Loader(doubles.read)
    doubles.gate.clear()
    first = asyncio.create_task(loader.many([1]))
    for _ in range(3):  # its read is running
        await asyncio.sleep(0)
    second = asyncio.create_task(loader.many([1, 2]))
    for _ in range(3):  # so is the read of the second, which still waits for the first
        await asyncio.sleep(0)
    doubles.gate.set()
    async with asyncio.timeout(5):
        await first
        assert dict(await second) == {1: 2, 2: 4}
    assert doubles.reads == [[1], [2]]


async def test_an_error_reaches_every_caller_of_the_key() -> None:
    loader = Loader(Doubles(2).read)
    found = await asyncio.gather(
        loader.load(1), loader.load(2), loader.load_many([1, 3]), return_exceptions=True
    )
    assert [type(each) for each in found] == [ValueError] * 3
    assert await loader.load(4) == 8
    with pytest.raises(ValueError, match="cannot be read"):
        await loader.many([4, 2])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),  # event-loop iterations before it requests its key
            st.lists(st.integers(1, 6), min_size=1, max_size=4),
            st.none() | st.integers(0, 6),  # event-loop iterations after which it is cancelled
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 5),
)
def test_callers_that_stay_are_answered(
    visits: list[tuple[int, list[int], int | None]], iterations: int
) -> None:
    async def run() -> None:
        reads: list[int] = []

        async def read(keys: Sequence[int]) -> Mapping[int, int]:
            reads.extend(keys)
            for _ in range(iterations):
                await asyncio.sleep(0)
            return {key: 2 * key for key in keys}

        loader = Loader(read)

        async def visit(after: int, keys: list[int], stays: int | None) -> None:
            for _ in range(after):
                await asyncio.sleep(0)
            asking = asyncio.create_task(loader.load_many(keys))
            if stays is None:
                assert await asking == [2 * key for key in keys]
                return
            for _ in range(stays):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait([asking])

        async with asyncio.timeout(5):
            await asyncio.gather(*(visit(*each) for each in visits))
        assert len(reads) == len(set(reads)), "a key was read twice"

    asyncio.run(run())
