"""The payload of every event type survives storing and reading, with any values in its fields."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.events.event_types import EVENTS
from domain.events.payloads import EventPayload, decode, fields_of
from models.database.database import Database
from models.migrations.runner import migrate
from tests.builders.payloads import numbered_events
from tests.builders.transactions import transactions_on
from tests.databases import Databases
from workflows.transactions.transaction import Transaction

EXAMPLES = 100 if os.environ.get("RESTOW_LONG") == "1" else 8

# PostgreSQL stores no NUL in JSON, JSON no lone surrogates. Names of changed fields have no "_".
TEXT = st.text(st.characters(exclude_characters="\0_", exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**53), 2**53)


def _values(declared: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Annotated:
        return _values(arguments[0])
    if type(None) in arguments:
        [other] = [each for each in arguments if each is not type(None)]
        return st.none() | _values(other)
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(TEXT, NUMBERS, max_size=3)
    if is_dataclass(declared) and isinstance(declared, type):
        return _payloads(declared)
    if isinstance(declared, type) and issubclass(declared, Enum):
        return st.sampled_from(list(declared))
    found: st.SearchStrategy[Any] = {
        str: TEXT,
        int: NUMBERS,
        bool: st.booleans(),
        UUID: st.uuids(),
        datetime: st.datetimes(timezones=st.just(UTC)),
    }[declared]
    return found


def _payloads(payload: Any) -> st.SearchStrategy[Any]:
    return st.builds(payload, **{each.name: _values(each.type) for each in fields_of(payload)})


EACH_ONCE = st.tuples(*(_payloads(payload) for payload in EVENTS.values()))


async def _store_and_read(url: str, payloads: tuple[EventPayload, ...]) -> list[EventPayload]:
    database = Database(url)
    await database.open()
    try:

        async def work(tx: Transaction) -> None:
            for payload in payloads:
                tx.outbox.record(payload, uuid4(), actor="tester")

        await transactions_on(database).run(work)
        read = await numbered_events(database)
        return [decode(EVENTS[event.type], event.data) for event in read]
    finally:
        await database.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking 75 payloads takes longer than reading one
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(payloads=EACH_ONCE)
def test_every_payload_survives(fresh_database: Databases, payloads: Any) -> None:
    async def migrated() -> list[EventPayload]:
        url = fresh_database()
        await migrate(url)
        return await _store_and_read(url, payloads)

    assert asyncio.run(migrated()) == list(payloads)
