"""Move old events out of the configured database into files: JSON lines, compressed with gzip.

RESTOW_EVENTS_KEPT_DAYS and RESTOW_EVENTS_KEPT_MAX set the limits; without them all events are kept.
Each file holds consecutive events. It is synced to disk before they are deleted from the log.
"""

import asyncio
import gzip
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from models.database.database import Database
from models.database.sessions import DatabaseError
from models.migrations.runner import MigrationError, missing
from models.queries.events.event_archive import ArchivableEventRow
from settings import Settings, SettingsError, load
from workflows.events.retention import Retention, StillNeeded, old_events, remove
from workflows.transactions.actions import Reactions
from workflows.transactions.clock import machine_time
from workflows.transactions.ids import Ids
from workflows.transactions.runner import Transactions


async def archive(database: Database, retention: Retention, folder: Path) -> int:
    """Archive and delete the events that are past retention; return their number."""
    transactions = Transactions(database, clock=machine_time, new_id=Ids(), reactions=Reactions({}))
    now, removed = datetime.now(UTC), 0
    while events := await old_events(database, retention, now):
        file = write(folder, events)
        removed += await remove(transactions, events, file.name)
    await transactions.drain()
    return removed


def write(folder: Path, events: Sequence[ArchivableEventRow]) -> Path:
    """Write events into a file named after their positions, atomically.

    An interrupted run may have written a file that starts at the same event and not deleted its
    events. The new file contains that file's events, so the older file is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first, last = events[0]["position"], events[-1]["position"]
    file = folder / f"events-{first:012}-{last:012}.jsonl.gz"
    draft = file.with_suffix(".part")
    with _private(draft) as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        for event in events:
            packed.write(orjson.dumps(_facts(event), default=str, option=orjson.OPT_APPEND_NEWLINE))
    _to_disk(draft)
    draft.replace(file)
    for other in folder.glob(f"events-{first:012}-*.jsonl.gz"):
        if other != file:
            other.unlink()
    _to_disk(folder)
    return file


def _private(path: Path) -> BinaryIO:
    """Create a file that only its owner can read: events have personal data of customers."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _facts(event: ArchivableEventRow) -> dict[str, Any]:
    return {**event, "data": orjson.loads(event["data"])}


async def run(settings: Settings, folder: Path) -> int:
    """Archive the configured database. Raises MigrationError if it is not migrated."""
    if versions := await missing(settings.database_url):
        raise MigrationError(f"the database lacks version {versions[0]}; start the server once")
    database = Database(settings.database_url)
    await database.open()
    try:
        retention = Retention(settings.events_kept_days, settings.events_kept_max)
        return await archive(database, retention, folder)
    finally:
        await database.close()


def main() -> None:
    """Read the settings, archive, and print the result."""
    try:
        settings = load()
        folder = Path(settings.archive_folder)
        removed = asyncio.run(run(settings, folder))
    except (SettingsError, MigrationError, DatabaseError, StillNeeded, OSError) as error:
        sys.exit(f"archive: {error}")
    print(f"archive: {removed:,} events moved to {folder}")


if __name__ == "__main__":
    main()
