"""Test servers and databases: real, fresh, shared, and stopped with the session."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg

from models.database.database import Database
from tests import database_states, databases, kept_connections, raw, servers
from tests.builders.store import open_shop
from tests.conftest import session_directory


async def test_a_database_is_open_and_migrated(database: Database) -> None:
    async with database.snapshot() as session:
        assert await session.fetch_value("SELECT count(*) FROM schema_version") > 0
        assert await session.fetch_value("SELECT count(*) FROM item") == 0


def test_each_database_is_another(fresh_database: Callable[[], str]) -> None:
    assert fresh_database() != fresh_database()


async def test_an_event_loop_may_run_around_a_database(database_url: str) -> None:
    database = Database(database_url)
    await database.open()
    await database.close()


async def test_postgresql_is_real(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    assert "PostgreSQL" in await connection.fetchval("SELECT version()")
    await connection.close()


async def test_redis_is_real(redis_url: str) -> None:
    host, port = redis_url.removeprefix("redis://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PING\r\n")
    assert await reader.readline() == b"+PONG\r\n"
    writer.close()


def test_a_redis_restarts_at_the_same_address(tmp_path: Path) -> None:
    server = servers.RedisServer(tmp_path)
    url = server.start()
    assert server.start() == url
    server.stop()
    server.stop()
    assert not servers.is_listening(int(url.rpartition(":")[2]))
    assert server.start() == url
    server.stop()


def test_a_keeper_outlives_a_killed_session(tmp_path: Path) -> None:
    """The keeper stops the server although the session's owner was killed."""
    program = (
        "import sys, time; from pathlib import Path; from tests import servers\n"
        "directory, keeper = servers.open_session()\n"
        "print(directory, servers.RedisServer(directory / 'redis').start(), flush=True)\n"
        "time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    directory, url = owner.stdout.readline().split()
    port = int(url.rpartition(":")[2])
    assert servers.is_listening(port)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert servers.wait_until(lambda: not Path(directory).exists(), 20)
    assert not servers.is_listening(port)


def test_a_folder_is_open_to_all_or_not(tmp_path: Path) -> None:
    assert servers.is_open_to_all(Path("/"))
    assert not servers.is_open_to_all(tmp_path), "pytest's folders are their owner's"


def _everything(url: str) -> tuple[object, ...]:
    state = kept_connections.run(database_states.read(url))
    return state.shape, state.rows, state.filled, state.numbering


async def test_a_database_that_was_given_back_is_as_new() -> None:
    first = databases.fresh_postgres(session_directory())
    new = _everything(first)
    database = Database(first)
    await database.open()
    shop = await open_shop(database)
    await shop.receive(5)
    await shop.place(("TEE-M", 2))
    await database.close()
    assert _everything(first) != new
    databases.give_back_postgres(first)
    again = databases.fresh_postgres(session_directory())
    assert again == first
    assert _everything(again) == new
    databases.give_back_postgres(again)


async def test_a_database_of_which_more_than_rows_was_changed_is_not_used_again() -> None:
    changes = (
        "CREATE TABLE extra (id bigint)",
        "ALTER TABLE stock_level DISABLE TRIGGER ALL",
        "DROP INDEX refund_attempt_unsettled",
        "ALTER TABLE item ALTER COLUMN name DROP NOT NULL",
    )
    for change in changes:
        url = databases.fresh_postgres(session_directory())
        await raw.execute(url, change)
        databases.give_back_postgres(url)
        other = databases.fresh_postgres(session_directory())
        assert other != url
        databases.give_back_postgres(other)
