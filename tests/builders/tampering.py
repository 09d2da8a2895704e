"""Change a database in ways that its triggers, CHECKs and foreign keys forbid."""

import sqlite3
from urllib.parse import urlsplit

import asyncpg

from models.migrations.runner import sqlite_path

_DROP_CHECKS = """
DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT conrelid::regclass AS name, conname FROM pg_constraint
    WHERE contype = 'c' AND connamespace = 'public'::regnamespace LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.name, c.conname);
  END LOOP; END $$
"""


async def tamper(database_url: str, *statements: str) -> None:
    """Run statements that the database would refuse.

    The checks and triggers in their way are dropped and not restored.
    """
    if urlsplit(database_url).scheme == "sqlite":
        _tamper_sqlite(database_url, statements)
        return
    connection = await asyncpg.connect(database_url.replace("postgres://", "postgresql://", 1))
    try:
        await connection.execute("SET session_replication_role = 'replica'")
        for statement in statements:
            try:
                done = await connection.execute(statement)
            except asyncpg.CheckViolationError:
                await connection.execute(_DROP_CHECKS)
                done = await connection.execute(statement)
            assert done != "UPDATE 0"
    finally:
        await connection.close()


def _tamper_sqlite(database_url: str, statements: tuple[str, ...]) -> None:
    connection = sqlite3.connect(sqlite_path(database_url), isolation_level=None)
    try:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0 or "UPDATE" not in statement
    finally:
        connection.close()
