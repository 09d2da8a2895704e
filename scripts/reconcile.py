"""Prove the books of the configured database (workflows/ledger/reconciliation.py).

Exit code 0 and a summary, or 1 and one line for each difference. An argument names the file of a
checkpoint (scripts/checkpoint.py), which the audit chain must contain.
"""

import asyncio
import sys
import time
from pathlib import Path

from models.database.database import Database
from models.database.sessions import DatabaseError
from models.migrations.runner import MigrationError, missing
from scripts.checkpoint import CheckpointUnreadable, read
from settings import SettingsError, load
from workflows.ledger.audit_chain import Checkpoint
from workflows.ledger.reconciliation import Difference, extent, proof_count, reconcile


async def prove(
    database_url: str, checkpoint: Checkpoint | None = None
) -> tuple[list[Difference], str]:
    """Return the differences in a database's books, and a summary of the rows checked."""
    database = Database(database_url)
    await database.open()
    try:
        started = time.monotonic()
        rows = await extent(database)
        found = await reconcile(database, checkpoint)
        seconds = time.monotonic() - started
    finally:
        await database.close()
    counted = ", ".join(f"{count:,} {table} rows" for table, count in rows.items())
    return found, f"{proof_count()} proofs over {counted} in {seconds:.1f} s"


def main() -> None:
    """Read the settings, prove the books, and print the result."""
    try:
        url = load().database_url
        if versions := asyncio.run(missing(url)):
            sys.exit(f"reconcile: the database lacks version {versions[0]}; start the server once")
        checkpoint = read(Path(sys.argv[1])) if len(sys.argv) > 1 else None
        found, summary = asyncio.run(prove(url, checkpoint))
    except (SettingsError, MigrationError, DatabaseError, OSError, CheckpointUnreadable) as error:
        sys.exit(f"reconcile: {error}")
    for difference in found:
        print(f"reconcile: {difference}")
    if found:
        sys.exit(f"reconcile: {len(found)} differences; {summary}")
    print(f"reconcile: no differences; {summary}")


if __name__ == "__main__":
    main()
