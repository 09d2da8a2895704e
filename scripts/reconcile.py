"""Proves the books of the configured database: exit 0 and a summary, or 1 and a line for each
difference (workflows/ledger/reconciliation.py)."""

import asyncio
import sys
import time

from models.database.database import Database
from models.database.sessions import DatabaseError
from models.migrations.runner import MigrationError, missing
from settings import SettingsError, load
from workflows.ledger.reconciliation import Difference, extent, proof_count, reconcile


async def prove(database_url: str) -> tuple[list[Difference], str]:
    """The differences in a database's books, and what was looked at, in words."""
    database = Database(database_url)
    await database.open()
    try:
        started = time.monotonic()
        rows = await extent(database)
        found = await reconcile(database)
        seconds = time.monotonic() - started
    finally:
        await database.close()
    counted = ", ".join(f"{count:,} {table} rows" for table, count in rows.items())
    return found, f"{proof_count()} proofs over {counted} in {seconds:.1f} s"


def main() -> None:
    """Read the settings, prove, and say what was found."""
    try:
        url = load().database_url
        if versions := asyncio.run(missing(url)):
            sys.exit(f"reconcile: the database lacks version {versions[0]}; start the server once")
        found, words = asyncio.run(prove(url))
    except (SettingsError, MigrationError, DatabaseError, OSError) as error:
        sys.exit(f"reconcile: {error}")
    for difference in found:
        print(f"reconcile: {difference}")
    if found:
        sys.exit(f"reconcile: {len(found)} differences; {words}")
    print(f"reconcile: no differences; {words}")


if __name__ == "__main__":
    main()
