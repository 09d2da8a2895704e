"""A streaming process on a test database, and readers of its streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from domain.access.callers import Role, holder
from domain.values.codes import comparison_key
from subscriptions.runtime import StreamingRuntime
from tests.subscriptions.log.facts import note, now, until, write
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction

ADMIN = holder(Role.ADMIN, actor="root")


class FakeAvailability:
    """Availability set by the test, with a record of the reads."""

    def __init__(self) -> None:
        self.units: dict[str, int] = {}
        self.reads: list[list[str]] = []

    async def of(self, channel: str, skus: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """(sku, units) of each SKU, by the key of the SKU."""
        self.reads.append(list(skus))
        by_key = {comparison_key(sku): (sku, units) for sku, units in self.units.items()}
        return {key: by_key[key] for key in skus if key in by_key}

    async def skus(self, channel: str) -> Sequence[str]:
        """All SKUs."""
        return sorted(self.units)

    def comparison_key(self, availability: tuple[str, int]) -> Hashable:
        """The whole value: every change counts."""
        return availability


class LiveProcess:
    """A streaming process with a writer and master data."""

    def __init__(
        self, live: StreamingRuntime[Any], writer: Transactions, fake_availability: FakeAvailability
    ) -> None:
        self.live = live
        self.streams = live.streams
        self.writer = writer
        self.fake_availability = fake_availability
        self._levels = 0

    async def note(self, *numbers: int, **facts: Any) -> None:
        """Commit one event for each number."""
        await write(self.writer, *numbers, **facts)

    async def numbered(self, position: int) -> None:
        """Wait until the relay has reached a position."""
        await until(lambda: (self.live.relay.position or 0) >= position)

    async def stock(self, sku: str, location: str, units: int, cause: str = "RECEIVED") -> None:
        """Create or change a stock level together with its event."""

        async def work(tx: Transaction) -> None:
            level = await _level(tx, sku, location, units)
            data = {"sku": sku, "location": location, "cause": cause, "available": units}
            note(
                tx,
                units,
                type="stock.changed",
                subject=("StockLevel", level["id"]),
                data=data,
                location_id=level["location_id"],
            )

        await self.writer.run(work)


async def _level(tx: Transaction, sku: str, location: str, units: int) -> Mapping[str, Any]:
    session = tx.session
    for sql, args in (
        (
            "INSERT INTO item (sku, sku_key, name, returnable, created_at, updated_at)"
            " VALUES ($1, lower($1), 'x', TRUE, $2, $2) ON CONFLICT DO NOTHING",
            (sku, now()),
        ),
        (
            "INSERT INTO location (code, code_key, name, kind, time_zone, pack_required, active)"
            " VALUES ($1, lower($1), 'x', 'STORE', 'UTC', FALSE, TRUE) ON CONFLICT DO NOTHING",
            (location,),
        ),
        (
            "INSERT INTO stock_level (item_id, location_id, updated_at)"
            " SELECT i.id, l.id, $3 FROM item i, location l WHERE i.sku = $1 AND l.code = $2"
            " ON CONFLICT DO NOTHING",
            (sku, location, now()),
        ),
    ):
        await session.execute(sql, *args)
    level = await session.fetch_one(
        "SELECT s.id, s.location_id FROM stock_level s JOIN item i ON i.id = s.item_id"
        " JOIN location l ON l.id = s.location_id WHERE i.sku = $1 AND l.code = $2",
        sku,
        location,
    )
    assert level is not None
    await session.execute("UPDATE stock_level SET available = $2 WHERE id = $1", level["id"], units)
    return level


class Reader:
    """Reads a stream into a list, in its own task."""

    def __init__(self, stream: Any) -> None:
        self.got: list[Any] = []
        self.error: Exception | None = None
        self._stream = stream
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async with aclosing(self._stream) as stream:
                async for value in stream:
                    self.got.append(value)
                    self._changed.set()
        except Exception as error:  # noqa: BLE001  the test checks it
            self.error = error
        self._changed.set()

    async def has(self, count: int) -> list[Any]:
        """Wait for `count` values."""
        async with asyncio.timeout(10):
            while len(self.got) < count and not self.task.done():
                self._changed.clear()
                await self._changed.wait()
        assert len(self.got) >= count, self.error
        return self.got

    async def close(self) -> None:
        """End the subscription."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def reading(stream: Any) -> AsyncIterator[Reader]:
    """Run a reader during the block."""
    reader = Reader(stream)
    try:
        yield reader
    finally:
        await reader.close()


async def listening(live_process: LiveProcess, count: int) -> None:
    """Wait until the relay has `count` listeners."""
    await until(lambda: live_process.live.relay.listeners == count)
