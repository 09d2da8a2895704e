"""Keep the end of the audit chain in a file, to compare the database with it later.

If the file exists, the chain must contain its checkpoint, and all audit rows sealed since then are
verified. The file is replaced only if there is no difference. Exit code 0, or 1 and one line for
each difference.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import BaseModel, Field, ValidationError

from models.database.database import Database
from models.database.sessions import DatabaseError
from models.migrations.runner import MigrationError, missing
from settings import SettingsError, load
from workflows.ledger.audit_chain import (
    START,
    Checkpoint,
    broken_seals,
    changed_since,
    contradictions,
    take,
)
from workflows.ledger.row_digests import Found


class CheckpointFile(BaseModel):
    """The content of the file."""

    sequence: int = Field(ge=0)
    hash: str = Field(pattern="^[0-9a-f]{64}$")
    taken_at: datetime


class CheckpointUnreadable(Exception):
    """The file holds no checkpoint."""


def read(file: Path) -> Checkpoint:
    """The checkpoint in a file. Raises CheckpointUnreadable or OSError."""
    try:
        stored = CheckpointFile.model_validate_json(file.read_bytes())
    except ValidationError as error:
        fields = ", ".join(str(each["loc"][0]) for each in error.errors() if each["loc"])
        raise CheckpointUnreadable(
            f"{file} is no checkpoint: wrong or missing {fields or 'JSON'}; it holds sequence, hash"
            " (64 hexadecimal digits) and taken_at"
        ) from error
    return Checkpoint(stored.sequence, stored.hash)


def write(file: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically."""
    stored = {
        "sequence": checkpoint.sequence,
        "hash": checkpoint.hash,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    draft = file.with_name(f"{file.name}.part")
    draft.write_bytes(orjson.dumps(stored, option=orjson.OPT_APPEND_NEWLINE))
    draft.replace(file)


async def verify(database: Database, since: Checkpoint) -> tuple[Checkpoint, list[Found]]:
    """The end of the chain, and its differences since a checkpoint, from one snapshot."""
    async with database.snapshot() as session:
        found = await contradictions(session, since)
        if not found:
            found += [each async for each in broken_seals(session, since)]
            found += [each async for each in changed_since(session, since)]
        return await take(session), found


async def run(database_url: str, since: Checkpoint) -> tuple[Checkpoint, list[Found]]:
    """Verify a database. Raises MigrationError if it is not migrated."""
    if versions := await missing(database_url):
        raise MigrationError(f"the database lacks version {versions[0]}; start the server once")
    database = Database(database_url)
    await database.open()
    try:
        return await verify(database, since)
    finally:
        await database.close()


def main() -> None:
    """Read the settings, verify, write the checkpoint, and print the result."""
    if len(sys.argv) != 2:
        sys.exit("checkpoint: name one file, as in `make checkpoint FILE=audit.json`")
    file = Path(sys.argv[1])
    try:
        since = read(file) if file.exists() else START
        checkpoint, found = asyncio.run(run(load().database_url, since))
        if not found:
            write(file, checkpoint)
    except (SettingsError, MigrationError, DatabaseError, OSError, CheckpointUnreadable) as error:
        sys.exit(f"checkpoint: {error}")
    for place, expected, stored in found:
        print(f"checkpoint: {place}: expected {expected}, found {stored}")
    if found:
        sys.exit(f"checkpoint: {len(found)} differences; {file} was not changed")
    print(f"checkpoint: {checkpoint.sequence:,} sealed audit rows; written to {file}")


if __name__ == "__main__":
    main()
