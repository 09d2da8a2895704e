"""A stop ends within its time limit, even if the database does not answer."""

import asyncio
import time

import asyncpg
import pytest

import app
from tests.builders.in_process_server import UPSERT_ITEMS, InProcessServer


async def test_a_stop_does_not_wait_for_a_database_that_hangs(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "STOP_SECONDS", 0.5)
    api = InProcessServer(postgres_url)
    await api.open()
    blocker = await asyncpg.connect(postgres_url.replace("postgres://", "postgresql://", 1))
    try:
        hold = blocker.transaction()
        await hold.start()
        await blocker.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        item = {"items": [{"sku": "LATE", "name": "Late"}]}
        requested = asyncio.create_task(api.post(UPSERT_ITEMS, item))
        await asyncio.sleep(0.3)
        started = time.monotonic()
        await api.restow.stop()
        assert time.monotonic() - started < 3
        await asyncio.wait([requested], timeout=3)
        assert requested.done()
        await hold.rollback()
        assert await blocker.fetchval("SELECT COUNT(*) FROM item WHERE sku = 'LATE'") == 0
    finally:
        await blocker.close()
        await api.client.aclose()
