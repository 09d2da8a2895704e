"""Context of an operation: it returns its connection, however the operation ends."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from domain.access.callers import Role, holder
from models.database.database import Database, DatabaseLimits
from schema.context import Context
from tests.subscriptions.log.facts import now


async def test_a_snapshot_that_is_still_being_opened_is_given_back_too(postgres_url: str) -> None:
    database = Database(postgres_url, DatabaseLimits(pool=1))
    await database.open()
    try:
        services: Any = SimpleNamespace(database=database, clock=now)
        context = Context(holder(Role.ADMIN, actor="root"), services)
        async with database.reading():  # the only connection
            opening = asyncio.create_task(context.opened())
            await asyncio.sleep(0.05)
            closing = asyncio.create_task(context.close())
            await asyncio.sleep(0.05)
            closing.cancel()
            await asyncio.wait([closing])
        await opening
        async with asyncio.timeout(4), database.reading() as session:
            assert await session.fetch_value("SELECT 1") == 1
    finally:
        await database.close()


async def test_what_an_operation_has_read_is_gone_with_it_without_a_collection(
    database: Database,
) -> None:
    """Garbage collection of each request's data took an eighth of the time of a read."""
    services: Any = SimpleNamespace(database=database, clock=now)
    context = Context(holder(Role.ADMIN, actor="root"), services)
    assert await context.loaders.items.load(1) is None
    left: list[Callable[[], object]] = [
        weakref.ref(context.loaders),
        weakref.ref(context.loaders.items),
    ]
    gc.disable()
    try:
        await context.close()
        await asyncio.sleep(0)  # lets the event loop release the task of the read
        assert [ref() for ref in left] == [None, None]
    finally:
        gc.enable()
    assert await context.loaders.items.load(1) is None  # read again, in another snapshot
    await context.close()
