"""Every changed value in an audit, movement, journal or event row is found, and the row is named.

The columns are those of the models, so a new column is tested as soon as it exists. The test
switches triggers, checks and foreign keys off.
"""

from __future__ import annotations

from typing import Any

import pytest
from tortoise import fields
from tortoise.models import Model

from models.audit import AuditEntry, AuditSeal
from models.bins import BinMovement
from models.database.database import Database
from models.events import Event
from models.ledger import JournalEntry, JournalLine
from models.stock import StockMovement
from tests.builders.floor.bins import open_floor
from tests.builders.store import Shop
from tests.builders.tampering import tamper
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile
from workflows.ledger.sealing import Sealing

MODELS: tuple[type[Model], ...] = (
    *(AuditEntry, AuditSeal, StockMovement, BinMovement, JournalEntry, JournalLine, Event),
)
OTHER_ID = "ffffffff-0000-7000-8000-000000000001"
# A value that differs from the stored one, by the kind of the column.
CHANGED: dict[type[fields.Field[Any]], str] = {
    fields.BigIntField: "coalesce({column}, 0) + 1000",
    fields.IntField: "coalesce({column}, 0) + 1000",
    fields.TextField: "coalesce({column}, '') || '!'",
    fields.DatetimeField: "'2031-03-02 09:00:00.000000+00:00'",
    fields.UUIDField: f"'{OTHER_ID}'",
    fields.JSONField: "'[]'",
}


@pytest.fixture
async def shop(database: Database) -> Shop:
    """A store with a receipt, an order and a shipment; all audit rows are sealed."""
    floor = await open_floor(database)
    shop = floor.shop
    await shop.receive(5)
    await floor.put_away(("TEE-M", 3, "A-2"))
    order = await shop.place(("TEE-M", 2))
    (parcel,) = await shop.fulfillments(order)
    assert not (await shop.ship(parcel["id"])).refusals
    assert await Sealing(shop.transactions).seal() > 0
    assert await reconcile(database) == []
    return shop


async def _words(shop: Shop) -> set[str]:
    """The words of the places that are reported."""
    return {word for each in await reconcile(shop.database) for word in each.place.split()}


@pytest.mark.parametrize("model", MODELS)
async def test_each_changed_column_is_found_and_its_row_named(
    shop: Shop, model: type[Model]
) -> None:
    table, key, url = model._meta.db_table, model._meta.pk_attr, shop.database.url
    (first,) = await rows(shop.database, f"SELECT {key} AS key FROM {table} ORDER BY {key} LIMIT 1")
    await tamper(url, f"CREATE TABLE original AS SELECT * FROM {table} ORDER BY {key} LIMIT 1")
    names = await _names(shop, model, first["key"])
    for name, field in model._meta.fields_map.items():
        column = field.source_field or name
        changed = CHANGED[type(field)].format(column=column)
        await tamper(url, f"UPDATE {table} SET {column} = {changed} WHERE {key} = '{first['key']}'")
        assert names & await _words(shop), column
        await tamper(
            url,
            f"UPDATE {table} SET {column} = (SELECT {column} FROM original)"
            f" WHERE {key} = '{first['key']}' OR {key} = {_key_after(first['key'])}",
        )
        assert await reconcile(shop.database) == [], column


async def _names(shop: Shop, model: type[Model], key: object) -> set[str]:
    """The names by which a report may mean this row; a journal line is named by its entry."""
    if model is JournalLine:
        (line,) = await rows(shop.database, "SELECT entry_id FROM original")
        return {str(line["entry_id"])}
    return {str(key), _key_after(key).strip("'")}


def _key_after(key: object) -> str:
    """The key of the row when the test has changed it, in SQL."""
    return str(key + 1000) if isinstance(key, int) else f"'{OTHER_ID}'"
