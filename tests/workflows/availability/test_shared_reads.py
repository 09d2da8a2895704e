"""Shared reads: a caller that asks during a read gets the result of the next read."""

import asyncio

import pytest

from workflows.availability.shared_reads import SharedReads


class ControlledReads:
    """Reads that return their number; the test lets each of them finish."""

    def __init__(self) -> None:
        self.begun = 0
        self.lets: list[asyncio.Future[None]] = []
        self.reads: SharedReads[int] = SharedReads(self._read)

    async def _read(self) -> int:
        self.begun += 1
        number = self.begun
        let: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lets.append(let)
        await let
        return number

    async def ask(self) -> asyncio.Task[int]:
        """Start a caller that waits for a read."""
        asking = asyncio.create_task(self.reads.next())
        await self.settle()
        return asking

    async def settle(self) -> None:
        """Let all runnable tasks run."""
        for _ in range(5):
            await asyncio.sleep(0)


async def test_callers_during_a_read_share_the_next() -> None:
    window = ControlledReads()
    first = await window.ask()
    second, third = await window.ask(), await window.ask()
    window.lets[0].set_result(None)
    await window.settle()
    assert first.result() == 1
    assert not second.done()
    window.lets[1].set_result(None)
    assert (await second, await third) == (2, 2)
    assert window.begun == 2


async def test_a_failed_read_fails_only_its_own_callers() -> None:
    window = ControlledReads()
    first = await window.ask()
    second = await window.ask()
    window.lets[0].set_exception(ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        await first
    await window.settle()
    window.lets[1].set_result(None)
    assert await second == 2


async def test_a_cancelled_caller_does_not_cancel_the_read() -> None:
    window = ControlledReads()
    first, second = await window.ask(), await window.ask()
    third = await window.ask()
    first.cancel()
    second.cancel()
    window.lets[0].set_result(None)
    await window.settle()
    window.lets[1].set_result(None)
    assert await third == 2


async def test_after_a_pause_it_reads_again() -> None:
    window = ControlledReads()
    for number in (1, 2):
        asking = await window.ask()
        window.lets[-1].set_result(None)
        assert await asking == number
