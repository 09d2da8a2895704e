"""Translation of database errors into our own, above all of an unavailable database."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from models.database.database import Database
from models.database.sessions import DatabaseUnavailable, OutcomeUnknown
from tests.builders.connections import add, read, taking_no_writes


async def test_an_unknown_host_is_unavailable_and_the_reason_is_kept() -> None:
    with pytest.raises(DatabaseUnavailable, match="gaierror: "):
        await Database("postgres://restow@no-such-host.invalid/restow").open()


async def test_a_database_that_takes_no_writes_is_unavailable_until_it_does(
    single: Database,
) -> None:
    async with taking_no_writes(single):
        with pytest.raises(DatabaseUnavailable):
            await add(single, "A")
        assert await read(single) == 0
    await add(single, "A")
    assert await read(single) == 1


@contextmanager
def a_full_disk() -> Iterator[None]:
    """Limit the size of files that this process writes to 4,096 bytes during the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_commit_that_finds_the_disk_full_is_rolled_back(database: Database) -> None:
    """SQLite writes at the end of a transaction, on a connection that is used again afterwards."""
    with pytest.raises(OutcomeUnknown), a_full_disk():
        await add(database, "A")
    await add(database, "B")
    assert await read(database) == 1
