"""A process that seals, for tests that kill it: `python -m … <database URL> <point>`.

It prints "reached" at the point and waits there. At the point "loop" it seals until its standard
input ends, and then prints the number of seals.
"""

import asyncio
import sys
from datetime import datetime

import models.queries.audit_chain as chain_queries
from models.database.database import Database
from models.database.sessions import Session
from models.queries.audit_chain import ChainEndRow
from tests.builders.transactions import transactions_on
from workflows.ledger.sealing import Sealing

lock_end, move_end = chain_queries.lock_end, chain_queries.move_end


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def _stop() -> None:
    _say("reached")
    await asyncio.Event().wait()


async def _lock_never(session: Session) -> ChainEndRow | None:
    await _stop()
    return await lock_end(session)


async def _move_never(session: Session, sequence: int, hash_: str, now: datetime) -> None:
    await move_end(session, sequence, hash_, now)
    await _stop()


async def _loop(job: Sealing) -> None:
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    _say("reached")
    total = 0
    while not ended.done():
        total += await job.seal()
        await asyncio.sleep(0)
    _say(total)


async def main(database_url: str, point: str) -> None:
    """Seal up to a point."""
    if point == "before":
        chain_queries.lock_end = _lock_never
    elif point == "within":
        chain_queries.move_end = _move_never
    database = Database(database_url)
    await database.open()
    job = Sealing(transactions_on(database))
    if point == "loop":
        await _loop(job)
    else:
        await job.seal()
        await _stop()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
