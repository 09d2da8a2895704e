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


class HeldSku:
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
    sku_states = [HeldSku(sku) for sku in SKUS]
    deadline = time.monotonic() + SECONDS

    def is_over() -> bool:
        """True after the given time, on a busy machine not before enough holds were confirmed."""
        return (
            time.monotonic() > deadline
            and min(sku_state.confirmed for sku_state in sku_states) > 10
        )

    await asyncio.gather(
        *(_hold(client, sku_state, is_over) for sku_state in sku_states),
        *(_read(client, sku_states, is_over, at=number % 2) for number in range(READERS)),
    )


async def _hold(client: TradingClient, sku_state: HeldSku, is_over: Callable[[], bool]) -> None:
    while not is_over():
        sku_state.begun += 1
        payload = await client.hold({sku_state.sku: 1}, at=0)
        assert payload["userErrors"] == []
        sku_state.confirmed += 1


async def _read(
    client: TradingClient, sku_states: list[HeldSku], is_over: Callable[[], bool], *, at: int
) -> None:
    """Read repeatedly: the units held lie between the confirmed holds before the read and the
    started holds after it."""
    wanted = {
        "channel": client.name,
        "skus": [client.own(sku_state.sku) for sku_state in sku_states],
    }
    while not is_over():
        confirmed = [sku_state.confirmed for sku_state in sku_states]
        answers = cast(list[Json], await client.cluster.ask(PROMISE, wanted, at=at))
        for sku_state, before, answer in zip(sku_states, confirmed, answers, strict=True):
            held = UNITS - answer["availableToPromise"]
            assert before <= held <= sku_state.begun, (
                f"{sku_state.sku}: {held} held, {before} confirmed"
            )
