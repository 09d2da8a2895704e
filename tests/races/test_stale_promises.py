"""Writes through one process, reads through another: no answer is older than what was confirmed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.races.house import House, Json, Stall

SECONDS = 60.0 if os.environ.get("RESTOW_LONG") == "1" else 4.0
SKUS = ("HAT", "SCARF", "GLOVE")
UNITS = 100_000
READERS = 6
PROMISE = """query($channel: String!, $skus: [String!]!) {
  availability(channel: $channel, skus: $skus) { availableToPromise } }"""


class Shelf:
    """One SKU of which units are held one by one: what its promise is counts what was held."""

    def __init__(self, sku: str) -> None:
        self.sku = sku
        self.begun = 0
        self.confirmed = 0


@pytest.fixture
async def house(postgres_url: str) -> AsyncIterator[House]:
    async with House(postgres_url, processes=2) as house:
        yield house


async def test_no_promise_is_older_than_what_was_confirmed(house: House) -> None:
    stall = Stall(house, "stale")
    await stall.furnish(SKUS, {"LEEDS": UNITS})
    shelves = [Shelf(sku) for sku in SKUS]
    deadline = time.monotonic() + SECONDS
    reads = await asyncio.gather(
        *(_hold(stall, shelf, deadline) for shelf in shelves),
        *(_read(stall, shelves, deadline, at=number % 2) for number in range(READERS)),
    )
    assert min(shelf.confirmed for shelf in shelves) > 10
    assert sum(reads) > 50


async def _hold(stall: Stall, shelf: Shelf, deadline: float) -> int:
    while time.monotonic() < deadline:
        shelf.begun += 1
        payload = await stall.hold({shelf.sku: 1}, at=0)
        assert payload["userErrors"] == []
        shelf.confirmed += 1
    return 0


async def _read(stall: Stall, shelves: list[Shelf], deadline: float, *, at: int) -> int:
    """Ask again and again: at most what was left when asked, at least what is left by now."""
    count = 0
    wanted = {"channel": stall.name, "skus": [stall.own(shelf.sku) for shelf in shelves]}
    while time.monotonic() < deadline:
        confirmed = [shelf.confirmed for shelf in shelves]
        answers = cast(list[Json], await stall.house.ask(PROMISE, wanted, at=at))
        for shelf, before, answer in zip(shelves, confirmed, answers, strict=True):
            held = UNITS - answer["availableToPromise"]
            assert before <= held <= shelf.begun, f"{shelf.sku}: {held} held, {before} confirmed"
        count += 1
    return count
