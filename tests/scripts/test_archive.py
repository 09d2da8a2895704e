"""Archived events leave the log for files; no other way can remove them."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

import models.queries.events.event_log as event_log
from models.database.database import Database
from models.database.sessions import CheckFailed
from scripts.archive import archive
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.test_events import EVENTS, log
from tests.resolvers.test_subscriptions import EVENTS as STREAM
from tests.resolvers.test_subscriptions import screen
from workflows.events.retention import Retention, old_events, remove
from workflows.ledger.reconciliation import reconcile


async def _positions(database: Database) -> list[int]:
    async with database.reading() as session:
        return [event.position for event in await event_log.events_after(session, 0, 10_000)]


def _archived(folder: Path) -> list[dict[str, Any]]:
    found = []
    for file in sorted(folder.glob("*.jsonl.gz")):
        found += [orjson.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    return found


async def test_events_beyond_the_most_leave(api: InProcessServer, tmp_path: Path) -> None:
    await api.receive(5)
    order = await api.place(1)
    whole = (await log(api, first=250))["nodes"]
    database, count = api.restow.database, len(whole)
    assert await archive(database, Retention(None, None), tmp_path) == 0
    assert await archive(database, Retention(None, 4), tmp_path) == count - 4
    assert await archive(database, Retention(None, 4), tmp_path) == 0
    assert await _positions(database) == list(range(count - 3, count + 1))
    archived = _archived(tmp_path)
    assert [event["position"] for event in archived] == list(range(1, count - 3))
    assert [event["type"] for event in archived] == [event["type"] for event in whole[:-4]]
    assert all(event["digest"] and event["transaction_id"] for event in archived)
    assert await reconcile(database) == []
    # the clients' view of the log
    answer = (await api.post(EVENTS, {"after": "1"})).json()
    [error] = answer["errors"]
    oldest = str(count - 3)
    assert error["extensions"] == {"code": "CURSOR_TOO_OLD", "oldest": oldest}
    first = await api.ask(EVENTS, {"after": "0", "first": 1})
    assert first["events"]["nodes"][0]["cursor"] == oldest
    async with screen(api) as client:
        client.subscribe("old", STREAM, variables={"after": "1"})
        refused = await client.receive()
        client.subscribe("s", STREAM, variables={"after": "0"})
        kept = [await client.next() for _ in range(4)]
        await api.done(
            'mutation ($id: ID!) { orderCancel(id: $id, reasonCode: "OTHER") '
            "{ order { id } userErrors { code field message } } }",
            {"id": order["id"]},
        )
        await client.next()
    assert refused["payload"][0]["extensions"] == {"code": "CURSOR_TOO_OLD", "oldest": oldest}
    assert kept[0]["cursor"] == oldest
    assert await reconcile(database) == []


async def test_events_beyond_their_days_leave_but_the_newest(
    api: InProcessServer, tmp_path: Path
) -> None:
    await api.receive(5)
    await log(api)
    database = api.restow.database
    assert await archive(database, Retention(1, None), tmp_path) == 0
    newest = (await _positions(database))[-1]
    late = datetime.now(UTC) + timedelta(days=30)
    events = await old_events(database, Retention(1, None), late)
    assert [event["position"] for event in events] == list(range(1, newest))
    assert await remove(api.restow.transactions, events, "elsewhere") == newest - 1
    assert await remove(api.restow.transactions, events, "elsewhere") == 0
    assert await _positions(database) == [newest]


async def test_what_broke_off_is_archived_again_page_by_page(
    api: InProcessServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between writing a page's file and deleting its events loses and repeats no event."""
    monkeypatch.setattr("workflows.events.retention.PAGE", 3)
    for units in range(1, 12):
        await api.receive(units)
    count = len((await log(api, first=250))["nodes"])
    database, whole = api.restow.database, Retention(None, 2)
    removals = 0

    async def crash_at_the_second(*page: Any) -> int:
        nonlocal removals
        removals += 1
        if removals == 2:
            raise KeyboardInterrupt
        return await remove(*page)

    with monkeypatch.context() as broken:
        broken.setattr("scripts.archive.remove", crash_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            await archive(database, whole, tmp_path)
    # Two files are written; the events of the second are still in the log.
    assert [event["position"] for event in _archived(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert await _positions(database) == list(range(4, count + 1))
    assert await reconcile(database) == []
    # the next run divides the events into other pages
    monkeypatch.setattr("workflows.events.retention.PAGE", 4)
    assert await archive(database, whole, tmp_path) == count - 5
    assert [event["position"] for event in _archived(tmp_path)] == list(range(1, count - 1))
    assert await _positions(database) == [count - 1, count]
    assert await reconcile(database) == []


@pytest.mark.parametrize("table", ["event", "event_position"])
async def test_only_an_open_log_lets_events_go(api: InProcessServer, table: str) -> None:
    await api.receive(5)
    await log(api)
    database = api.restow.database
    column = "id" if table == "event" else "position"
    for change in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):
        with pytest.raises(CheckFailed, match=f"{table} is append-only"):
            await _open_and(database, change)


async def _open_and(database: Database, change: str) -> None:
    async with database.writer() as session:
        await session.execute("UPDATE event_retention SET open_position = 1000")
        await session.execute(change)
