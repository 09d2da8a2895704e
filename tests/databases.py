"""Fresh migrated databases: migrated once per test session, then copied, and restored after use.

Copying a PostgreSQL database takes longer than most tests. Each test process therefore keeps its
databases and restores them (database_states.py).
"""

import os
import secrets
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from models.migrations.runner import migrate, sqlite_path
from tests import database_states, kept_connections
from tests.kept_connections import run
from tests.servers import PostgresServer, one_at_a_time

# Per test process: the initial state of each database, and the restored databases ready for use.
_untouched: dict[str, database_states.State] = {}
_rested: list[str] = []


class Databases:
    """Fresh migrated databases of one engine for one test, by URL.

    A test that needs many gives each back as soon as it is closed.
    """

    def __init__(self, engine: str, session: Path, folder: Path) -> None:
        self._engine, self._session, self._folder = engine, session, folder
        self._lent: list[str] = []

    def __call__(self) -> str:
        """Create a database and return its URL."""
        if self._engine == "sqlite":
            url = fresh_sqlite(self._session, self._folder)
        else:
            url = fresh_postgres(self._session)
        self._lent.append(url)
        return url

    def give_back(self, database_url: str) -> None:
        """Remove or restore a database, which must be closed."""
        self._lent.remove(database_url)
        if self._engine == "sqlite":
            for path in self._folder.glob(f"{sqlite_path(database_url).name}*"):
                path.unlink()
        else:
            give_back_postgres(database_url)

    def give_all_back(self) -> None:
        """Give back every database of the test."""
        for url in [*self._lent]:
            self.give_back(url)


def postgres_server(session: Path) -> str:
    """URL of the PostgreSQL server: TEST_DATABASE_URL, or a server of this session."""
    if named := os.environ.get("TEST_DATABASE_URL"):
        return named
    durable = os.environ.get("TEST_POSTGRES_FSYNC") == "1"
    with one_at_a_time(session):
        return PostgresServer(session / "postgres", durable=durable).start()


def fresh_postgres(session: Path) -> str:
    """URL of a database with the newest schema and only its default rows."""
    if _rested:
        return _rested.pop()
    server = postgres_server(session)
    template = _postgres_template(session, server)
    name = f"restow_test_{secrets.token_hex(8)}"
    run(_execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    url = _named(server, name)
    _untouched[url] = run(database_states.read(url))
    return url


def give_back_postgres(database_url: str) -> None:
    """Restore a database for the next test, or drop it if that fails."""
    as_it_was = _untouched.get(database_url)
    if as_it_was is not None and run(database_states.restore(database_url, as_it_was)):
        _rested.append(database_url)
    else:
        drop_postgres(database_url)


def drop_postgres(database_url: str) -> None:
    """Drop a database and end its remaining connections."""
    _untouched.pop(database_url, None)
    kept_connections.forget(database_url)
    name = urlsplit(database_url).path.removeprefix("/")
    admin = os.environ.get("TEST_DATABASE_URL") or _named(database_url, "postgres")
    run(_execute(admin, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def drop_rested() -> None:
    """Drop the restored databases on a server that is not our own; our own is deleted as a
    whole."""
    kept_connections.forget_all()
    while _rested and os.environ.get("TEST_DATABASE_URL"):
        drop_postgres(_rested.pop())


def fresh_sqlite(session: Path, folder: Path) -> str:
    """URL of a new SQLite file in `folder`, with synchronous=OFF to save time."""
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
    """Drop the template database on a server that is not our own."""
    name = session / "template"
    if name.exists() and (server := os.environ.get("TEST_DATABASE_URL")):
        drop_postgres(_named(server, name.read_text()))


def _postgres_template(session: Path, server: str) -> str:
    """Name of the migrated database that others are copied from; created once per session."""
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
