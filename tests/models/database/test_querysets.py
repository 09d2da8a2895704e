"""Querysets run on the connection of a session, inside its transaction."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tortoise.exceptions import ConfigurationError
from tortoise.expressions import F

from models.catalog import ChannelLocation, Item, ReasonCode, Supplier
from models.database.database import Database, DatabaseLimits
from models.database.orm_clients import SessionRequired
from models.database.session_lock import SessionOver
from models.database.sessions import (
    CheckFailed,
    Contention,
    DatabaseUnavailable,
    Session,
    UniqueConflict,
)
from models.events import Lease
from tests.builders.connections import add, count, read, taking_no_writes
from tests.builders.transactions import rows

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ITEM = {"name": "Tee", "created_at": NOON, "updated_at": NOON}


async def named(session: Session, code: str) -> str | None:
    found = await Supplier.filter(code=code).using_db(session.client).first()
    return None if found is None else found.name


async def make(session: Session, code: str, name: str = "Acme") -> Supplier:
    return await Supplier.create(code=code, name=name, using_db=session.client)


async def test_a_queryset_sees_the_uncommitted_rows_of_its_transaction(database: Database) -> None:
    async with database.writer() as session:
        await session.execute("INSERT INTO supplier (code, name) VALUES ('A', 'Acme')")
        assert await named(session, "A") == "Acme"
        made = await make(session, "B", "Bolt")
        sql = "SELECT name FROM supplier WHERE id = $1"
        assert await session.fetch_value(sql, made.id) == "Bolt"
        async with database.snapshot() as other:
            assert await named(other, "A") is None
    assert await read(database) == 2


async def test_a_queryset_is_rolled_back_with_its_transaction(database: Database) -> None:
    async def make_and_fail() -> None:
        async with database.writer() as session:
            await make(session, "A")
            assert await count(session) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await make_and_fail()
    assert await read(database) == 0


async def test_a_queryset_is_rolled_back_to_a_savepoint(database: Database) -> None:
    async with database.writer() as session:
        await make(session, "A")
        await session.execute("SAVEPOINT action")
        with pytest.raises(UniqueConflict):
            await make(session, "A")
        await session.execute("ROLLBACK TO SAVEPOINT action")
        await make(session, "B")
    assert await read(database) == 2


async def test_a_queryset_reads_the_snapshot_of_its_session(database: Database) -> None:
    async with database.snapshot() as session:
        assert await named(session, "A") is None
        await add(database, "A")
        assert await named(session, "A") is None
    async with database.snapshot() as session:
        assert await named(session, "A") == "A"


async def test_errors_are_those_of_a_session(database: Database) -> None:
    await add(database, "A")
    with pytest.raises(UniqueConflict):
        async with database.writer() as session:
            await make(session, "A")
    with pytest.raises(UniqueConflict):
        async with database.writer() as session:
            await Supplier.bulk_create(
                [Supplier(code="B", name="B"), Supplier(code="B", name="B")],
                using_db=session.client,
            )
    with pytest.raises(CheckFailed):
        async with database.writer() as session:
            await ReasonCode.create(code="X", kind="NONE", label="X", using_db=session.client)
    with pytest.raises(CheckFailed):
        async with database.writer() as session:
            await ChannelLocation.create(channel_id=1, location_id=1, using_db=session.client)
    assert await read(database) == 1


async def test_a_lock_that_is_not_released_is_contention(database_url: str) -> None:
    database = Database(database_url, DatabaseLimits(lock=0.05))
    await database.open()
    await add(database, "A")

    async def rename(session: Session, name: str) -> None:
        locked = Supplier.select_for_update(no_key=True, using_db=session.client)
        supplier = await locked.get(code="A")
        supplier.name = name
        await supplier.save(update_fields=["name"], using_db=session.client)

    try:
        async with database.writer() as session:
            await rename(session, "first")
            if database.engine == "postgres":
                with pytest.raises(Contention):
                    async with database.writer() as second:
                        await rename(second, "second")
        async with database.snapshot() as session:
            assert await named(session, "A") == "first"
    finally:
        await database.close()


async def test_a_database_that_takes_no_writes_is_unavailable(single: Database) -> None:
    async with taking_no_writes(single):
        with pytest.raises(DatabaseUnavailable):
            async with single.writer() as session:
                await make(session, "A")
    assert await read(single) == 0


@pytest.mark.parametrize("way", ["snapshot", "reading", "writer"])
async def test_an_ended_session_refuses_querysets(database: Database, way: str) -> None:
    opened: AbstractAsyncContextManager[Session] = getattr(database, way)()
    async with opened as session:
        assert await named(session, "A") is None
    with pytest.raises(SessionOver):
        await named(session, "A")
    with pytest.raises(SessionOver):
        await make(session, "A")
    assert await read(database) == 0


async def test_a_spawned_task_does_not_inherit_the_connection(database: Database) -> None:
    async def without_session() -> None:
        await Supplier.create(code="A", name="Acme")

    async with database.writer() as session:
        await make(session, "B")
        with pytest.raises(SessionRequired):
            await asyncio.create_task(without_session())
    async with database.snapshot() as session:
        assert [each.code for each in await Supplier.all(using_db=session.client)] == ["B"]


async def test_querysets_without_a_session_are_refused(database: Database) -> None:
    with pytest.raises(SessionRequired):
        await Supplier.filter(code="A")
    with pytest.raises(SessionRequired):
        await Supplier.filter(code="A").update(name="Acme")
    with pytest.raises(SessionRequired):
        await Supplier(code="A", name="Acme").save()


async def test_get_or_create_cannot_leave_the_transaction(database: Database) -> None:
    async with database.writer() as session:
        with pytest.raises(ConfigurationError):
            await Supplier.get_or_create(code="A", defaults={"name": "A"}, using_db=session.client)
    assert await read(database) == 0


async def test_values_are_stored_as_a_session_stores_them(database: Database) -> None:
    eastern = NOON.astimezone(timezone(timedelta(hours=-5)))
    async with database.writer() as session:
        await session.insert(Item, [{"sku": "A", **ITEM, "returnable": False, "category": None}])
        facts = {"name": "Tee", "created_at": eastern, "updated_at": NOON, "returnable": False}
        await Item.create(sku="B", **facts, using_db=session.client)
    plain = "SELECT * FROM item WHERE sku = $1"
    async with database.reading() as session:
        first, second = [dict((await session.fetch(plain, sku))[0]) for sku in "AB"]
        for row in (first, second):
            assert row.pop("sku_key") == row.pop("sku").lower()
            del row["id"]
        assert first == second
        if database.engine == "sqlite":
            texts = "SELECT CAST(created_at AS text) AS written, typeof(returnable) AS kind"
            written = await session.fetch(f"{texts} FROM item ORDER BY sku")
            assert written[0] == written[1]
        found = await Item.filter(created_at=NOON, category=None).using_db(session.client)
        assert [(item.sku, item.created_at, item.returnable) for item in found] == [
            ("A", NOON, False),
            ("B", NOON, False),
        ]


async def test_an_update_stores_instants_as_a_session_does(database: Database) -> None:
    later = NOON + timedelta(seconds=1)
    async with database.writer() as session:
        client = session.client
        await Lease.create(name="x", holder="me", lease_until_at=NOON, using_db=client)
        assert await Lease.filter(name="x").using_db(client).update(lease_until_at=later) == 1
    found = await rows(database, "SELECT name FROM lease WHERE lease_until_at = $1", later)
    assert found == [{"name": "x"}]


async def test_an_update_may_count_on_the_stored_value(database: Database) -> None:
    await add(database, "A")
    async with database.writer() as session:
        found = Supplier.filter(code="A").using_db(session.client)
        await found.update(version=F("version") + 1)
    async with database.snapshot() as session:
        supplier = await Supplier.get(code="A", using_db=session.client)
    assert supplier.version == 2
