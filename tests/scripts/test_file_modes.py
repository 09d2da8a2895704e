"""Files with data of customers are for their owner only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.database.database import Database
from models.migrations.runner import migrate


@pytest.fixture(autouse=True)
def usual_mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_the_files_of_a_new_sqlite_database(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/restow.db"
    await migrate(url)
    database = Database(url)
    await database.open()
    try:
        async with database.writer() as session:
            await session.execute("CREATE TABLE written (id INTEGER)")
        assert modes(tmp_path) == dict.fromkeys(
            ("restow.db", "restow.db-wal", "restow.db-shm"), 0o600
        )
    finally:
        await database.close()


async def test_the_operator_may_choose_other_modes(tmp_path: Path) -> None:
    path = tmp_path / "restow.db"
    path.touch(0o640)
    await migrate(f"sqlite://{path}")
    assert modes(tmp_path)["restow.db"] == 0o640
