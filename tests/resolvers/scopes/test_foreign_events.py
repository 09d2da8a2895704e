"""A key of one channel and one location receives all of its own events and no others.

RESTOW_LONG=1 makes 10,000 events instead of some hundreds.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from domain.access.callers import Role, holder
from tests.builders.in_process_server import InProcessServer
from tests.builders.transactions import rows
from tests.resolvers.test_subscriptions import CANCEL, EVENTS, STOCK, Screen, screen
from tests.resolvers.test_task_queues import ALERTS, QUEUE, order_is_late
from tests.resolvers.test_tasks import CLAIM, PICK
from tests.subscriptions.log.facts import until

FACTS = 10_000 if os.environ.get("RESTOW_LONG") == "1" else 400
# Position, type, channel code and location code of each event, read without permissions.
LOG = """SELECT p.position, e.id, e.type, c.code AS channel, l.code AS location
FROM event_position p JOIN event e ON e.id = p.event_id
LEFT JOIN channel c ON c.id = e.channel_id LEFT JOIN location l ON l.id = e.location_id
ORDER BY p.position"""
SPREAD = ("order.", "reservation.", "refund.")
NEWEST = "SELECT MAX(id) AS id FROM event"


class Listener:
    """Messages received by a key of one channel and one location, from all of its streams."""

    def __init__(self, client: Screen, channel: str, location: str) -> None:
        self.channel = channel
        self.location = location
        self.got: dict[str, list[Any]] = {"events": [], "stock": [], "queue": [], "alerts": []}
        self._client = client

    async def listen(self) -> None:
        """Subscribe to all streams and collect their messages until cancelled."""
        after = {"after": "0"}
        self._client.subscribe("events", EVENTS, variables=after)
        self._client.subscribe("stock", STOCK, variables=after)
        self._client.subscribe("alerts", ALERTS, variables=after)
        at = {"queue": "PICK", "at": self.location}
        self._client.subscribe("queue", QUEUE, variables=at)
        while True:
            async with asyncio.timeout(60):
                message = await self._client.outbox.get()
            received = orjson.loads(message["text"])
            assert received["type"] == "next", received
            [value] = received["payload"]["data"].values()
            self.got[received["id"]].append(value)

    def has(self, positions: list[int]) -> bool:
        """True if the received events are those at these positions, in this order."""
        return [int(event["cursor"]) for event in self.got["events"]] == positions

    def own(self, log: list[dict[str, Any]]) -> list[int]:
        """Positions of the events that the key should receive."""
        caller = holder(Role.WAREHOUSE, actor="judge")
        return [
            row["position"]
            for row in log
            if row["channel"] in (None, self.channel)
            and row["location"] in (None, self.location)
            and caller.may_read_event(row["type"])
            # Orders, holds and refunds may span locations; their parcels, tasks and units have
            # events of their own.
            and not (row["location"] is None and row["type"].startswith(SPREAD))
        ]


@asynccontextmanager
async def a_listener(api: InProcessServer, channel: str, location: str) -> AsyncIterator[Listener]:
    """Run the streams of a scoped key during the block."""
    key = await api.a_key(Role.WAREHOUSE, channels=(channel,), locations=(location,))
    async with screen(api, key) as client:
        listener = Listener(client, channel, location)
        listening = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def trade(api: InProcessServer, chance: random.Random) -> None:
    """Do a random operation in a channel or at a location."""
    step, channel = chance.random(), chance.choice(("web", "market"))
    at, sku = chance.choice(("LEEDS", "YORK")), chance.choice(("COAT", "SCARF", "TEE"))
    if step < 0.3:
        await api.receive(chance.randint(1, 9), sku, at)
    elif step < 0.4:
        await api.hold(1, sku, channel=channel)
    elif step < 0.5:
        await order_is_late(api, f"Item:{chance.randrange(10**9)}")
    elif step < 0.6:
        await api.done(CLAIM, {"queue": "PICK", "at": at, "limit": 2})
    else:
        reference = f"O-{chance.randrange(10**9)}"
        order = await api.place(1, sku, channel=channel, externalReference=reference)
        if step < 0.8:
            await api.done(CANCEL, {"id": order["id"]})
        elif step < 0.9:
            await api.change(PICK, {"id": order["fulfillments"][0]["id"]})


async def test_a_scoped_key_receives_its_own_events_and_no_others(
    api: InProcessServer, report_figure: Callable[[str], None]
) -> None:
    chance = random.Random(10_000)
    for sku in ("COAT", "SCARF", "TEE"):
        for at in ("LEEDS", "YORK"):
            await api.receive(5_000, sku, at)
    database = api.restow.database
    async with a_listener(api, "market", "YORK") as york, a_listener(api, "web", "LEEDS") as leeds:
        while len(log := await rows(database, LOG)) < FACTS:
            await asyncio.gather(*(trade(api, chance) for _ in range(20)))
        newest = (await rows(database, NEWEST))[0]["id"]
        while max(row["id"] for row in log) < newest:
            log = await rows(database, LOG)
        for listener in (york, leeds):
            mine = listener.own(log)
            assert 0 < len(mine) < len(log) * 0.7
            await until(lambda listener=listener, mine=mine: listener.has(mine), seconds=60)  # type: ignore[misc]
            places = {event["level"]["location"]["code"] for event in listener.got["stock"]}
            assert places == {listener.location}
    shown = {task["id"] for event in york.got["queue"] for task in event["tasks"]}
    other = {task["id"] for event in leeds.got["queue"] for task in event["tasks"]}
    assert shown
    assert other
    assert not shown & other
    assert "LEEDS" not in str(york.got)
    received = [len(listener.got["events"]) for listener in (york, leeds)]
    report_figure(
        f"scope: {len(log)} events, {received[0]} and {received[1]} of them sent to two keys,"
        " none foreign"
    )
