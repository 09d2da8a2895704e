"""Events of earlier versions are read under today's types and keys, and stay as they were."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

import models.queries.events.event_log as event_log
import models.queries.reads.events as event_reads
from domain.access.callers import Role, holder
from domain.events.event_types import EVENTS
from domain.events.payloads import decode
from models.database.database import Database
from models.migrations import runner
from models.migrations.runner import VERSIONS, migrate
from models.queries.listing.scopes import scope_of
from tests import raw
from tests.builders.payloads import numbered_events
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import COVERED, reconcile
from workflows.transactions.digests import digest_of_all

BEFORE_EVENT_TYPES = "0009_policy_starts"
# One event of each type and each set of keys, as versions without typed events recorded them.
FORMER = Path(__file__).parent.parent / "released" / "0009_events.jsonl"
ADMIN = holder(Role.ADMIN, actor="root")


def _former() -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in FORMER.read_bytes().splitlines()]


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return "'" + text.replace("'", "''") + "'"


def _insert(table: str, row: Mapping[str, object]) -> str:
    values = ", ".join(_literal(value) for value in row.values())
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"


def _keys(value: Any) -> Iterator[str]:
    """Every key in a payload."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _stored(former: list[dict[str, Any]]) -> Iterator[str]:
    """Statements that store these events, and an audit row that covers them."""
    yield _insert(
        "location",
        {"id": 1, "code": "LEEDS", "name": "Leeds", "kind": "WAREHOUSE", "time_zone": "UTC"}
        | {"pack_required": 0, "active": 1},
    ).replace("0, 1)", "FALSE, TRUE)")
    yield _insert(
        "channel",
        {"id": 1, "code": "web", "name": "Web shop", "kind": "STOREFRONT", "currency": "GBP"}
        | {"priority": 1, "safety_buffer": 2, "active": 1},
    ).replace("2, 1)", "2, TRUE)")
    for number, event in enumerate(former, start=1):
        at = datetime.fromisoformat(event["occurred_at"])
        yield _insert(
            "event", {"id": number, **event, "occurred_at": f"{at:%Y-%m-%d %H:%M:%S.%f+00:00}"}
        )
    yield _insert(
        "audit_entry",
        {
            "id": "00000000-0000-7000-8000-0000000000a1",
            "recorded_at": "2026-03-02 09:00:00.000000+00:00",
            "actor": "ann",
            "action": "orderPlace",
            "subject": "Order:1",
            "transaction_id": former[0]["transaction_id"],
            "digest": "-",
            "content_digest": digest_of_all(event["digest"] for event in former),
        },
    )


@pytest.fixture
async def upgraded(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database that an earlier version filled with events, and today's has migrated."""
    names = [version.name for version in VERSIONS]
    await raw.empty(database_url)
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[: names.index(BEFORE_EVENT_TYPES) + 1])
        await migrate(database_url)
    await raw.execute(database_url, *_stored(_former()))
    await migrate(database_url)
    return database_url


async def test_events_of_earlier_versions_are_read_as_todays(upgraded: str) -> None:
    former = _former()
    database = Database(upgraded)
    await database.open()
    try:
        read = await numbered_events(database)
        stored = await rows(database, "SELECT type, data FROM event ORDER BY id")
        differences = [each.proof for each in await reconcile(database)]
    finally:
        await database.close()
    # The rows are as they were written, so digests and the audit rows that cover them hold.
    assert [(row["type"], orjson.loads(row["data"])) for row in stored] == [
        (event["type"], event["data"]) for event in former
    ]
    assert {"event digests", COVERED}.isdisjoint(differences)
    # Readers get today's types and keys: each event is of a listed type. Later types are not among
    # them.
    assert {event.type for event in read} <= set(EVENTS)
    for event in read:
        payload = decode(EVENTS[event.type], event.data)
        assert payload.subject_type == event.subject_type
        assert [key for key in _keys(event.data) if re.search("[a-z]_[a-z]", key)] == []
        for code, name in ((event.channel, "channel"), (event.location, "location")):
            assert code is None or name in payload.scoped_by


async def test_former_types_are_found_under_todays(upgraded: str) -> None:
    types = ["return.inspection_recorded", "refund.approval_recorded"]
    database = Database(upgraded)
    await database.open()
    try:
        read = await numbered_events(database)
        async with database.snapshot() as session:
            live = await event_log.events_between(session, 0, len(read), types)
            scope = await scope_of(session, ADMIN)
            paged = await event_reads.events(session, scope, ADMIN, types=types, after=0, limit=10)
    finally:
        await database.close()
    assert live == paged
    assert sorted(event.type for event in live) == sorted(types)
    assert all(event.data["order"] for event in live)
