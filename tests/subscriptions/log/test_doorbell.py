"""The doorbell wakes every process, also after Redis or PostgreSQL was restarted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from broadcaster import Broadcast

from subscriptions.log.doorbell import PENDING, Doorbell
from tests import servers
from tests.conftest import session_directory
from tests.subscriptions.log.facts import until


class Receiver:
    """Records the positions that one process received."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self._changed = asyncio.Event()

    def __call__(self, position: int) -> None:
        self.positions.append(position)
        self._changed.set()

    async def receives(self, position: int, seconds: float = 10) -> None:
        """Wait until a position was received."""
        async with asyncio.timeout(seconds):
            while position not in self.positions:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def ringing(url: str, receiver: Receiver) -> AsyncIterator[Doorbell]:
    """Run a doorbell during the block."""
    bell = Doorbell(url, receiver)
    task = asyncio.create_task(bell.run())
    try:
        yield bell
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(params=["redis", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """A server of this test's own, which it may stop and start."""
    kinds: dict[str, Callable[..., servers.Server]] = {
        "redis": servers.RedisServer,
        "postgres": servers.PostgresServer,
    }
    name = f"{request.param}-{request.node.name}".replace("[", "-").replace("]", "")
    made = kinds[request.param](session_directory() / name)
    made.start()
    yield made
    made.stop()


async def test_in_one_process_it_rings_in_memory() -> None:
    receiver = Receiver()
    async with ringing("memory://", receiver) as bell:
        bell.ring(3)
        await receiver.receives(3)
        bell.ring(PENDING)
        await receiver.receives(PENDING)


async def test_it_survives_a_restart_of_its_server(server: servers.Server) -> None:
    url = server.start()
    mine, theirs = Receiver(), Receiver()
    async with ringing(url, mine) as bell, ringing(url, theirs) as other:
        await until(lambda: bell.is_connected and other.is_connected)
        bell.ring(7)
        await asyncio.gather(mine.receives(7), theirs.receives(7))
        for first, is_seen in ((100, True), (1_000, False)):
            server.stop()
            if is_seen:
                await until(lambda: not bell.is_connected)
            server.start()
            await _received_again(bell, first, mine, theirs)


async def _received_again(bell: Doorbell, first: int, *receivers: Receiver) -> None:
    """Ring repeatedly, as after each batch, until every process has received one of the rings."""
    last = first
    async with asyncio.timeout(15):
        while not all(
            receiver.positions and receiver.positions[-1] >= first for receiver in receivers
        ):
            last += 1
            bell.ring(last)
            await asyncio.sleep(0.1)


async def test_it_connects_to_a_server_that_comes_later(server: servers.Server) -> None:
    url = server.start()
    server.stop()
    receiver = Receiver()
    async with ringing(url, receiver) as bell:
        bell.ring(5)
        await asyncio.sleep(0)
        assert not bell.is_connected
        server.start()
        await receiver.receives(5)
        assert bell.is_connected


async def test_of_many_rings_the_newest_is_received(redis_url: str) -> None:
    receiver = Receiver()
    async with ringing(redis_url, receiver) as bell:
        for position in range(1, 10_001):
            bell.ring(position)
        await receiver.receives(10_000)
    assert len(receiver.positions) < 10


async def test_the_library_itself_receives_nothing_on_its_first_subscription(
    redis_url: str,
) -> None:
    """The reason for our own Redis backend. If this test fails, that backend can be removed."""
    async with Broadcast(redis_url) as broadcast, broadcast.subscribe("first") as subscriber:
        await broadcast.publish("first", "1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await subscriber.get()
