"""Writes at one process, reads at another: no answer is older than a confirmed write."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from tests.races.server_processes import Cluster, Json, TradingClient

SECONDS = 60.0 if os.environ.get("RESTOW_LONG") == "1" else 4.0
SKUS = ("HAT", "SCARF", "GLOVE")
UNITS = 100_000
READERS = 6
PROMISE = """query($channel: String!, $skus: [String!]!) {
  availability(channel: $channel, skus: $skus) { availableToPromise } }"""


class Shelf:
    """A SKU whose units are held one by one, with counts of started and confirmed holds."""

    def __init__(self, sku: str) -> None:
        self.sku = sku
        self.begun = 0
        self.confirmed = 0


@pytest.fixture
async def cluster(postgres_url: str) -> AsyncIterator[Cluster]:
    async with Cluster(postgres_url, processes=2) as cluster:
        yield cluster


async def test_no_promise_is_older_than_what_was_confirmed(cluster: Cluster) -> None:
    client = TradingClient(cluster, "stale")
    await client.furnish(SKUS, {"LEEDS": UNITS})
    shelves = [Shelf(sku) for sku in SKUS]
    deadline = time.monotonic() + SECONDS

    def is_over() -> bool:
        """True after the given time, on a busy machine not before enough holds were confirmed."""
        return time.monotonic() > deadline and min(shelf.confirmed for shelf in shelves) > 10

    await asyncio.gather(
        *(_hold(client, shelf, is_over) for shelf in shelves),
        *(_read(client, shelves, is_over, at=number % 2) for number in range(READERS)),
    )


async def _hold(client: TradingClient, shelf: Shelf, is_over: Callable[[], bool]) -> None:
    while not is_over():
        shelf.begun += 1
        payload = await client.hold({shelf.sku: 1}, at=0)
        assert payload["userErrors"] == []
        shelf.confirmed += 1


async def _read(
    client: TradingClient, shelves: list[Shelf], is_over: Callable[[], bool], *, at: int
) -> None:
    """Read repeatedly: the units held lie between the confirmed holds before the read and the
    started holds after it."""
    wanted = {"channel": client.name, "skus": [client.own(shelf.sku) for shelf in shelves]}
    while not is_over():
        confirmed = [shelf.confirmed for shelf in shelves]
        answers = cast(list[Json], await client.cluster.ask(PROMISE, wanted, at=at))
        for shelf, before, answer in zip(shelves, confirmed, answers, strict=True):
            held = UNITS - answer["availableToPromise"]
            assert before <= held <= shelf.begun, f"{shelf.sku}: {held} held, {before} confirmed"
