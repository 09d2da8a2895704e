"""Tasks end when cancelled, even if the first cancellation was lost."""

from __future__ import annotations

import asyncio

import pytest

import subscriptions.cancellation as cancellation
from subscriptions.cancellation import end


async def _fail_when_cancelled() -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise ConnectionError("lost while saying goodbye") from None


async def _again_after_failures() -> None:
    """A task group that fails while it is cancelled swallows the cancellation."""
    while True:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_fail_when_cancelled())
        except* ConnectionError:
            pass
        await asyncio.sleep(60)


async def test_a_task_that_loses_a_cancellation_is_ended_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cancellation, "RETRY_SECONDS", 0.01)
    stubborn = asyncio.create_task(_again_after_failures())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        stubborn.cancel()
        _, pending = await asyncio.wait([stubborn], timeout=0.05)
        assert pending, "this one took its first cancellation for a failure"
        await end(stubborn)
    assert stubborn.cancelled()


async def test_tasks_that_ended_by_themselves_are_left_as_they_are() -> None:
    async def fail() -> None:
        raise ValueError

    done, failed = asyncio.create_task(asyncio.sleep(0, "done")), asyncio.create_task(fail())
    await asyncio.wait([done, failed])
    await end(done, failed)
    await end()
    assert done.result() == "done"
    assert isinstance(failed.exception(), ValueError)
