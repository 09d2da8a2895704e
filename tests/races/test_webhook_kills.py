"""Servers killed by SIGKILL while they deliver to a STRICT, a SUBJECT and a NONE webhook.

Every event arrives, in the order of its webhook. An event arrives twice only if its call was under
way at a kill. RESTOW_LONG=1 kills 50 servers beside 5,000 events instead of 3 beside 90.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import httpx

import models.queries.events.event_log as event_log
from models.database.database import Database
from tests.builders.transactions import rows
from tests.races.floor.floor_client import differences
from tests.races.server_processes import RECEIVE, Cluster, Json, TradingClient
from tests.resolvers.integrations.webhook_receiver import (
    Received,
    Reply,
    WebhookReceiver,
    eventually,
    running_receiver,
)

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
KILLS, EVENTS = (50, 5_000) if IS_LONG else (3, 90)
LINES = 10
# A call under way at a kill began at most so long before it: the time of a call and of its record.
UNDER_WAY_SECONDS = 2.0
SKUS = tuple(f"SKU-{number}" for number in range(LINES))
PAST = datetime(2026, 1, 1, tzinfo=UTC)
UPSERT = """mutation ($i: IntegrationInput!) { integrationUpsert(input: $i) {
  integration { id } userErrors { code field message } } }"""


async def free_leases(database: Database) -> None:
    """Let the next process deliver at once, and number events at once."""
    async with database.writer() as session:
        await session.execute("UPDATE webhook_delivery SET holder = '', lease_until_at = $1", PAST)
        await session.execute("DELETE FROM lease WHERE name = 'jobs'")


async def write_events(cluster: Cluster, client: TradingClient, count: int) -> None:
    """Receive stock until so many events are written; a call that a kill breaks off comes again."""
    for number in range(count // LINES):
        lines = [{"sku": client.own(sku), "quantity": 1} for sku in SKUS]
        given = {"locationCode": client.own("DC"), "reference": f"R-{number}", "lines": lines}
        while True:
            try:
                await cluster.ask(RECEIVE, {"i": given}, key=f"receive-{number}")
            except (httpx.TransportError, AssertionError):  # the server was killed, or starts
                await asyncio.sleep(0.05)
            else:
                break


async def kill_often(cluster: Cluster, database: Database, kills: list[float]) -> None:
    """Kill the server at random times, and start it again."""
    for _ in range(KILLS):
        await asyncio.sleep(random.uniform(0.1, 0.6))
        kills.append(time.monotonic())
        await asyncio.to_thread(cluster.kill)
        await free_leases(database)
        await cluster.start()


async def positions(database: Database) -> list[int]:
    found = await rows(database, "SELECT position FROM integration WHERE kind = 'WEBHOOK'")
    return [row["position"] for row in found]


def answer(_: Received) -> Reply:
    """Most messages are accepted, after some time."""
    chance = random.random()
    return Reply(500 if chance < 0.02 else 204, seconds=0.02 * chance)


def check_repeats(received: list[Received], kills: list[float], refused: set[str]) -> int:
    """Fail if an event that was accepted came again without a kill just after its call began."""
    by_id: dict[str, list[Received]] = defaultdict(list)
    for each in received:
        by_id[each.id].append(each)
    repeats = 0
    for arrivals in by_id.values():
        for one, _ in pairwise(arrivals):
            was_killed = any(one.at <= kill <= one.at + UNDER_WAY_SECONDS for kill in kills)
            assert was_killed or one.id in refused, arrivals
            repeats += was_killed
    return repeats


def remember_refusals(receiver: WebhookReceiver) -> set[str]:
    """The ids of messages that are refused: they come again without a kill."""
    refused: set[str] = set()

    def noted(message: Received) -> Reply:
        reply = answer(message)
        if reply.status != 204:
            refused.add(message.id)
        return reply

    receiver.answer = noted
    return refused


async def test_no_event_is_lost_and_order_is_kept(database_url: str) -> None:
    database = Database(database_url)
    await database.open()
    settings: dict[str, Any] = {
        "RESTOW_OUTBOUND_ALLOW": "127.0.0.0/8",
        "RESTOW_SECRETS_KEY": "secrets-key-of-the-tests-32-chars",
        "RESTOW_RETRY_SECONDS": ",".join(["0.2"] * 20),
    }
    kills: list[float] = []
    async with running_receiver() as receiver, Cluster(database_url, **settings) as cluster:
        refused = remember_refusals(receiver)
        client = TradingClient(cluster, "hooks")
        await client.furnish(SKUS, {"DC": 1})
        owner = await cluster.a_key(1, "ADMIN")
        async with database.reading() as session:
            start = await event_log.last_position(session)
        for ordering in ("STRICT", "SUBJECT", "NONE"):
            given: Json = {"code": ordering, "kind": "WEBHOOK", "url": receiver.url(f"/{ordering}")}
            given["webhook"] = {
                "ordering": ordering,
                "events": ["stock.changed"],
                "after": str(start),
            }
            made = await cluster.ask(UPSERT, {"i": given}, by=owner)
            assert made["userErrors"] == []
        await asyncio.gather(
            write_events(cluster, client, EVENTS), kill_often(cluster, database, kills)
        )

        async def all_are_settled() -> bool:
            async with database.reading() as session:
                newest = await event_log.last_position(session)
                pending = await event_log.has_pending(session)
            return not pending and set(await positions(database)) == {newest}

        await eventually(all_are_settled, seconds=600 if IS_LONG else 60)
        assert await differences(database) == []
    found = await rows(
        database,
        "SELECT p.position FROM event_position p JOIN event e ON e.id = p.event_id"
        " WHERE e.type = 'stock.changed' AND p.position > $1",
        start,
    )
    expected = {row["position"] for row in found}
    assert len(expected) >= EVENTS
    repeats = 0
    for ordering in ("STRICT", "SUBJECT", "NONE"):
        received = receiver.at(f"/{ordering}")
        assert {each.cursor for each in received} == expected
        repeats += check_repeats(received, kills, refused)
        if ordering == "STRICT":
            cursors = [each.cursor for each in received]
            assert cursors == sorted(cursors)
        if ordering == "SUBJECT":
            for subject in {each.event["subject"] for each in received}:
                cursors = [each.cursor for each in received if each.event["subject"] == subject]
                assert cursors == sorted(cursors)
    # At most the calls of three webhooks at each kill.
    assert repeats <= len(kills) * 3 * 8 * 4
    await database.close()
