"""A full disk: changes are UNAVAILABLE, reads work, and log and /readyz name it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from models.database.database import Database
from models.database.sessions import StorageFull
from models.database.storage import FULL_SECONDS, Storage
from tests.builders.in_process_server import UPSERT_ITEMS, InProcessServer

ITEMS = {"items": [{"sku": f"NEW-{number}", "name": "x" * 200} for number in range(100)]}
FULL = "the disk of the database is full"
NO_SPACE = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
END $$;
CREATE TRIGGER no_space BEFORE INSERT ON item FOR EACH STATEMENT EXECUTE FUNCTION no_space()
"""


@asynccontextmanager
async def full_disk(database: Database) -> AsyncIterator[None]:
    """Let the engine itself say that there is no space.

    SQLite may not grow its file. A trigger raises the error of PostgreSQL.
    """
    if database.engine == "sqlite":
        async with database.writer() as session:
            pages = await session.fetch_value("PRAGMA page_count")
            await session.execute(f"PRAGMA max_page_count = {pages}")
    else:
        async with database.writer() as session:
            for statement in NO_SPACE.split(";\nCREATE TRIGGER"):
                is_trigger = statement.startswith(" no_space BEFORE")
                await session.execute(f"CREATE TRIGGER{statement}" if is_trigger else statement)
    yield
    async with database.writer() as session:
        if database.engine == "sqlite":
            await session.execute("PRAGMA max_page_count = 1073741823")
        else:
            await session.execute("DROP TRIGGER no_space ON item")


async def test_a_full_disk_is_named_until_there_is_space(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = api.restow.database
    before = (await api.ask("{ items { totalCount } }"))["items"]["totalCount"]
    with capture_logs() as logs:
        async with full_disk(database):
            for _ in range(3):
                answer = await api.post(UPSERT_ITEMS, ITEMS)
                [error] = answer.json()["errors"]
                assert error["extensions"]["code"] == "UNAVAILABLE"
                assert "disk" in error["message"]
            ready = await api.client.get("/readyz")
            assert ready.json()["disk"] == FULL
            assert ready.json()["degraded"] == ["disk"]
            count = (await api.ask("{ items { totalCount } }"))["items"]["totalCount"]
            assert count == before  # reads work, and nothing changed
        assert (await api.done(UPSERT_ITEMS, ITEMS))["items"]
    monkeypatch.setattr(database.storage, "_now", lambda: time.monotonic() + FULL_SECONDS)
    ready = await api.client.get("/readyz")
    assert ready.json()["disk"] == "ok"
    assert "degraded" not in ready.json()
    assert [line["event"] for line in logs if "disk" in line["event"]] == ["database.disk_full"]


def test_the_state_ends_after_a_while() -> None:
    now = 0.0
    storage = Storage(lambda: now)
    with capture_logs(), pytest.raises(ValueError, match="outer"):
        with storage.watch():
            raise ValueError("outer") from StorageFull("inner")
    assert storage.is_full
    now = FULL_SECONDS
    assert not storage.is_full


async def test_a_cancelled_writer_says_nothing_of_the_disk(database: Database) -> None:
    with pytest.raises(asyncio.CancelledError):
        async with database.writer():
            raise asyncio.CancelledError
    assert not database.storage.is_full
