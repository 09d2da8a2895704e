"""The streaming parts of a process: sequencer, doorbell, relay and streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar
from uuid import uuid4

import models.queries.reads.stock as stock_reads
from models.database.database import Database
from models.queries.events.event_log import Numbered
from models.queries.reads.stock import LevelDetails
from subscriptions.cancellation import end
from subscriptions.log.doorbell import PENDING, Doorbell
from subscriptions.log.relay import Relay
from subscriptions.log.sequencer import Sequencer
from subscriptions.streams.level_cache import LevelCache
from subscriptions.streams.objects import ObjectStreams
from subscriptions.streams.snapshots import Snapshots
from subscriptions.streams.stock_and_events import AvailabilitySource, Streams
from subscriptions.streams.task_queues import QueueStreams
from workflows.transactions.runner import Transactions

AvailabilityT = TypeVar("AvailabilityT")

STOP_SECONDS = 3.0


class StreamingRuntime(Generic[AvailabilityT]):
    """Starts and stops the parts that feed streams.

    - `transactions`: for the sequencer's own writes; its `committed` is not set. Transactions of
      business actions have `committed=live.committed` and
      `before_commit=live.sequencer.numbers_within`.
    - `broadcast_url`: `memory://`, `redis://…` or `postgres://…`.
    - `promises` reads availability.
    """

    def __init__(
        self,
        database: Database,
        transactions: Transactions,
        *,
        broadcast_url: str,
        promises: AvailabilitySource[AvailabilityT],
    ) -> None:
        async def read(ids: Sequence[int]) -> Mapping[int, LevelDetails]:
            async with database.reading() as session:
                return await stock_reads.level_details_by_id(session, ids)

        levels = LevelCache(read)
        self.relay = Relay(database, levels)
        self.doorbell = Doorbell(broadcast_url, self._on_ring)
        self.sequencer = Sequencer(
            transactions,
            holder=str(uuid4()),
            numbered=self._numbered,
            forward=self._forward,
            has_listeners=lambda: self.relay.listeners > 0,
        )
        self.streams = Streams(self.relay, levels, promises)
        self.snapshots = Snapshots(database, promises)
        self.queues = QueueStreams(self.relay, database)
        self.objects = ObjectStreams(self.relay)
        self._tasks: list[asyncio.Task[None]] = []
        self._followers: list[Callable[[int], None]] = []

    def follow(self, advanced: Callable[[int], None]) -> None:
        """Call `advanced` with the position whenever the log has grown, as far as it is known."""
        self._followers.append(advanced)

    def committed(self) -> None:
        """Call after every commit of a business action."""
        self.sequencer.wake()

    async def start(self) -> None:
        """Start numbering, ringing and serving, without waiting for any of them."""
        self._numbering = asyncio.create_task(self.sequencer.run(), name="sequencer")
        self._tasks = [
            asyncio.create_task(self.doorbell.run(), name="doorbell"),
            asyncio.create_task(self.relay.run(), name="relay"),
        ]

    async def stop(self) -> None:
        """Number pending events, release the lease and end, within about STOP_SECONDS."""
        self.sequencer.stop()
        await asyncio.wait([self._numbering], timeout=STOP_SECONDS)
        await end(self._numbering, *self._tasks)

    def _numbered(self, batch: Numbered) -> None:
        self.relay.take(batch.events)
        self._advance(batch.position)
        self.doorbell.ring(batch.position)

    def _forward(self) -> None:
        self.doorbell.ring(PENDING)

    def _on_ring(self, position: int) -> None:
        if position == PENDING:
            self.sequencer.notify()
        else:
            self._advance(position)

    def _advance(self, position: int) -> None:
        self.relay.wake(position)
        for advanced in self._followers:
            advanced(position)
