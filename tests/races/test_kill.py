"""SIGKILL under load: every answered request is still there afterwards, and the books agree."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from models.database.database import Database
from tests.builders.transactions import rows
from tests.races.server_processes import Cluster, TradingClient
from workflows.ledger.reconciliation import reconcile

CLIENTS = 24
ANSWERS_BEFORE_THE_KILL = 60


async def test_what_was_answered_survives_a_kill(database_url: str) -> None:
    answered: list[tuple[str, dict[str, Any]]] = []
    enough = asyncio.Event()
    async with Cluster(database_url) as cluster:
        client = TradingClient(cluster, "web")
        await client.furnish(["TEE", "COAT"], {"LEEDS": 100_000})

        async def trade(number: int) -> None:
            while True:
                key = uuid4().hex
                try:
                    if number % 2:
                        payload = await client.hold({"TEE": 1, "COAT": 1}, key=key)
                    else:
                        payload = await client.place({"TEE": 2}, key, key=key)
                except httpx.TransportError:
                    return
                answered.append((key, payload))
                if len(answered) >= ANSWERS_BEFORE_THE_KILL:
                    enough.set()

        clients = [asyncio.create_task(trade(number)) for number in range(CLIENTS)]
        await enough.wait()
        cluster.kill()
        await asyncio.gather(*clients)
        await cluster.start()
        for key, before in answered:
            kind = "reservation" if "reservation" in before else "order"
            if kind == "reservation":
                again = await client.hold({"TEE": 1, "COAT": 1}, key=key)
            else:
                again = await client.place({"TEE": 2}, key, key=key)
            assert again["replayed"] is True
            assert again[kind]["id"] == before[kind]["id"]
    await _books_agree(database_url, answered=len(answered))


async def _books_agree(database_url: str, *, answered: int) -> None:
    database = Database(database_url)
    await database.open()
    try:
        assert await reconcile(database) == []
        keys = await rows(database, "SELECT COUNT(*) AS number FROM idempotency_key")
        assert keys[0]["number"] >= answered
    finally:
        await database.close()
