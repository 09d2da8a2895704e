"""The proof that comparison keys follow their codes: it covers every key, and finds each fault."""

from importlib import import_module

import pytest
from tortoise.models import Model

from models.database.configuration import MODULES
from models.database.database import Database
from models.database.keys import KeyField
from models.queries.proofs.code_keys import KEYED, columns
from tests.builders.store import open_shop
from tests.builders.tampering import tamper
from workflows.ledger.reconciliation import KEYED as PROOF
from workflows.ledger.reconciliation import reconcile


def test_every_key_column_is_proven() -> None:
    found = {
        each
        for name in MODULES
        for each in vars(import_module(name)).values()
        if isinstance(each, type) and issubclass(each, Model) and each is not Model
    }
    keyed = {m for m in found if any(isinstance(f, KeyField) for f in m._meta.fields_map.values())}
    assert keyed == set(KEYED)
    assert len(columns()) == 24


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("UPDATE item SET sku_key = 'tee' WHERE sku = 'TEE-M'", "item.sku TEE-M: expected tee-m"),
        ("UPDATE channel SET code_key = NULL WHERE code = 'web'", "channel.code web: expected web"),
        ("UPDATE location SET code = 'LEED' WHERE code = 'LEEDS'", "expected leed, found leeds"),
        ("UPDATE reason_code SET code = 'Ünit' WHERE code = 'COUNT'", "expected ünit, found count"),
    ],
)
async def test_a_key_that_is_not_its_codes_own_is_named(
    database: Database, statement: str, line: str
) -> None:
    await open_shop(database)
    assert await reconcile(database) == []
    await tamper(database.url, statement)
    [found] = await reconcile(database)
    assert found.proof == PROOF
    assert line in str(found)
