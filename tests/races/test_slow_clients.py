"""Stalled clients among many readers: they are folded or closed, and the others lose no event.

RESTOW_LONG=1 uses 480 readers and 20 stalled clients. The run with stalled clients lies between two
runs without them. The delays of all three are reported, not asserted.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

from websockets.exceptions import WebSocketException

from schema.fields.node import encode
from tests.builders.transactions import rows
from tests.races.server_processes import Cluster, TradingClient
from tests.races.slow_reader_load import EXACT, FOLDED, SKUS, SlowReaderLoad
from tests.races.sockets import Subscription, narrow, read_on, subscribed
from tests.subscriptions.log.facts import opened

READERS, STALLED, ROUNDS, SECONDS = (
    (480, 20, 14, 0.1) if os.environ.get("RESTOW_LONG") == "1" else (20, 4, 12, 0.05)
)
GROWTH_MAX = 100 * 2**20
CHANGES = """SELECT p.position, e.subject_key, l.code AS location
FROM event e JOIN event_position p ON p.event_id = e.id JOIN location l ON l.id = e.location_id
WHERE e.type = 'stock.changed' ORDER BY p.position"""
LEVELS = "SELECT id, available FROM stock_level"


async def wake_exact(port: int, stream: Subscription, log: list[str]) -> str:
    """Read on after the stream was closed, and assert that every event came exactly once.

    Returns the way in which the stream ended.
    """
    cursors: list[str] = []
    way = await read_on(stream, cursors, log[-1])
    assert way in ("closed with its cursor", "given up")
    async with subscribed(port, EXACT, after=cursors[-1]) as again:
        assert await read_on(again, cursors, log[-1]) == "kept"
    assert cursors == log
    return way


async def wake_folded(port: int, stream: Subscription, truth: dict[str, int], most: int) -> str:
    """Read on, and assert that the latest state of every level came with fewer values than changes.

    Returns the way in which the stream continued.
    """
    shown: dict[str, int] = {}
    cursors: list[str] = []

    async def catch_up(stream: Subscription) -> None:
        async with asyncio.timeout(120):
            while shown != truth:
                event = await stream.next()
                shown[event["level"]["id"]] = event["level"]["available"]
                cursors.append(event["cursor"])

    try:
        await catch_up(stream)
        way = "folded"
    except WebSocketException:
        async with subscribed(port, FOLDED, after=cursors[-1]) as again:
            await catch_up(again)
        way = "given up"
    assert len(cursors) < most
    return way


async def test_stalled_clients_do_not_affect_readers(
    postgres_url: str, report_figure: Callable[[str], None]
) -> None:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(opened(postgres_url))
        cluster = await stack.enter_async_context(Cluster(postgres_url))
        port = cluster.ports[0]
        client = TradingClient(cluster, "yard")
        await client.furnish([f"S{n}" for n in range(SKUS)], {"LEEDS": 1, "YORK": 1})
        load = SlowReaderLoad(cluster, client, readers=READERS)
        await stack.enter_async_context(load.read())
        before, resident = await load.run(ROUNDS, SECONDS), load.resident()
        start = (await rows(database, CHANGES))[-1]["position"]
        stalled = [
            await stack.enter_async_context(
                subscribed(port, document, sock=narrow(port), after=str(start))
            )
            for document in (EXACT, FOLDED)
            for _ in range(STALLED // 2)
        ]
        load.resident_most = 0
        during = await load.run(ROUNDS, SECONDS)
        grown = load.resident_most - resident
        changes = await rows(database, CHANGES)
        leeds = [str(row["position"]) for row in changes if row["location"] == client.own("LEEDS")]
        assert all(reader.cursors == leeds for reader in load.readers)
        missed = [row for row in changes if row["position"] > start]
        changed = {row["subject_key"] for row in missed}
        truth = {
            str(encode("StockLevel", row["id"])): row["available"]
            for row in await rows(database, LEVELS)
            if str(row["id"]) in changed
        }
        log = [str(row["position"]) for row in missed]
        exact = (wake_exact(port, each, log) for each in stalled[: STALLED // 2])
        folded = (wake_folded(port, each, truth, len(log)) for each in stalled[STALLED // 2 :])
        ways = Counter(await asyncio.gather(*exact, *folded))
        after = await load.run(ROUNDS, SECONDS)
    assert grown < GROWTH_MAX
    lags = [f"{run.median * 1e3:.0f}/{run.late * 1e3:.0f}" for run in (before, during, after)]
    report_figure(
        f"slow clients: {READERS} readers lost nothing; lag p50/p99 {lags[1]} ms, without the"
        f" {STALLED} stalled {lags[0]} before and {lags[2]} after; {grown / 2**20:.0f} MB more at"
        f" {resident / 2**20:.0f}; of {len(log)} facts the stalled were {dict(ways)}"
    )
