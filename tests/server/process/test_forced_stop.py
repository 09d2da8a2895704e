"""Requests that still run when the time for a stop is over get UNAVAILABLE, on a real process."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import httpx

from server.process.stops import STOPPED
from tests.races.server_processes import ITEMS, KEY, Cluster

WAITS = "SELECT 1 FROM pg_locks WHERE NOT granted"
LATE = {"i": [{"sku": "LATE", "name": "Late"}]}


async def test_what_runs_at_a_forced_stop_is_asked_again(postgres_url: str) -> None:
    blocker = await asyncpg.connect(postgres_url.replace("postgres://", "postgresql://", 1))
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": "late-1"}
    body = {"query": ITEMS, "variables": LATE}
    async with Cluster(postgres_url) as cluster, httpx.AsyncClient(timeout=30) as client:
        hold = blocker.transaction()
        await hold.start()
        await blocker.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        url = f"http://127.0.0.1:{cluster.ports[0]}"
        asked = asyncio.create_task(client.post(f"{url}/graphql", json=body, headers=headers))
        async with asyncio.timeout(20):
            while not await blocker.fetchval(WAITS):
                pass  # each question takes a round trip
        started = time.monotonic()
        stopping = asyncio.create_task(cluster.terminate())
        answer = await asked
        assert answer.status_code == 503
        [error] = answer.json()["errors"]
        assert error == {"message": STOPPED, "extensions": {"code": "UNAVAILABLE"}}
        assert "ask again with the same key" in STOPPED
        await stopping
        assert time.monotonic() - started < 10
        assert "Traceback" not in cluster.log_end()
        await hold.rollback()
        assert await blocker.fetchval("SELECT COUNT(*) FROM item WHERE sku = 'LATE'") == 0
        await cluster.start()
        again = await client.post(
            f"http://127.0.0.1:{cluster.ports[0]}/graphql", json=body, headers=headers
        )
        assert again.json()["data"]["itemsUpsert"]["userErrors"] == []
        assert await blocker.fetchval("SELECT COUNT(*) FROM item WHERE sku = 'LATE'") == 1
    await blocker.close()
