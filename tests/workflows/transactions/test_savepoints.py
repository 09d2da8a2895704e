"""Savepoints: one call each, and the outer one of two undoes both."""

import pytest

from domain.errors import PolicyViolation
from models.catalog import Supplier
from models.database.database import Database
from tests.builders.transactions import rows, transactions_on
from workflows.transactions.transaction import Transaction


async def test_a_savepoint_that_is_undone_takes_the_inner_ones_along(database: Database) -> None:
    async def add(tx: Transaction, code: str) -> None:
        async with tx.savepoint():
            tx.add(Supplier, {"code": code, "name": code})

    async def outer(tx: Transaction) -> None:
        async with tx.savepoint():
            tx.add(Supplier, {"code": "outer", "name": "outer"})
            await add(tx, "inner")
            raise PolicyViolation("No.")

    async def work(tx: Transaction) -> None:
        await add(tx, "before")
        with pytest.raises(PolicyViolation):
            await outer(tx)
        await add(tx, "after")

    await transactions_on(database).run(work)
    found = await rows(database, "SELECT code FROM supplier ORDER BY code")
    assert [row["code"] for row in found] == ["after", "before"]


async def test_a_savepoint_is_one_call(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    async def work(tx: Transaction) -> None:
        execute = tx.session.execute

        async def recorded(sql: str, *args: object) -> int:
            sent.append(sql)
            return await execute(sql, *args)

        monkeypatch.setattr(tx.session, "execute", recorded)
        async with tx.savepoint():
            pass

    await transactions_on(database).run(work)
    assert [sql for sql in sent if "SAVEPOINT" in sql] == ["SAVEPOINT action_1"]
