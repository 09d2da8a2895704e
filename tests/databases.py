"""Fresh, migrated databases: migrated once per test session, copied for each test."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from models.migrations.runner import migrate
from tests.servers import PostgresServer, one_at_a_time

T = TypeVar("T")


def postgres_server(session: Path) -> str:
    """The URL of the PostgreSQL to test on: the one named in TEST_DATABASE_URL, or our own."""
    if named := os.environ.get("TEST_DATABASE_URL"):
        return named
    durable = os.environ.get("TEST_POSTGRES_FSYNC") == "1"
    with one_at_a_time(session):
        return PostgresServer(session / "postgres", durable=durable).start()


def fresh_postgres(session: Path) -> str:
    """The URL of a new database with the newest schema and nothing in it but its defaults."""
    server = postgres_server(session)
    template = _postgres_template(session, server)
    name = f"restow_test_{secrets.token_hex(8)}"
    run(_execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return _named(server, name)


def drop_postgres(database_url: str) -> None:
    """Drop a database, throwing out whoever is still connected."""
    name = urlsplit(database_url).path.removeprefix("/")
    admin = os.environ.get("TEST_DATABASE_URL") or _named(database_url, "postgres")
    run(_execute(admin, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def fresh_sqlite(session: Path, folder: Path) -> str:
    """The URL of a new SQLite file in `folder`. It does not wait for the disk: tests may not."""
    template = session / "template.db"
    with one_at_a_time(session):
        if not template.exists():
            draft = session / "draft.db"
            run(migrate(f"sqlite://{draft}"))
            draft.rename(template)
    path = folder / f"{secrets.token_hex(8)}.db"
    shutil.copyfile(template, path)
    return f"sqlite://{path}?synchronous=OFF"


def drop_template(session: Path) -> None:
    """Leave nothing behind on a server that is not ours."""
    name = session / "template"
    if name.exists() and (server := os.environ.get("TEST_DATABASE_URL")):
        drop_postgres(_named(server, name.read_text()))


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end in an event loop of its own, apart from any loop that a test runs in."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _postgres_template(session: Path, server: str) -> str:
    """The name of the migrated database that others are copied from; made once per session."""
    remembered = session / "template"
    with one_at_a_time(session):
        if not remembered.exists():
            name = f"restow_template_{secrets.token_hex(8)}"
            run(_execute(server, f'CREATE DATABASE "{name}"'))
            run(migrate(_named(server, name)))
            remembered.write_text(name)
    return remembered.read_text()


def _named(server: str, database: str) -> str:
    return urlsplit(server)._replace(path=f"/{database}").geturl()


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
