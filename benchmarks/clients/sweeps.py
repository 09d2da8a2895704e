"""Sweeps of exceptions without HTTP: the median of the seconds that each takes.

Usage: python -m benchmarks.clients.sweeps URL SWEEPS
"""

from __future__ import annotations

import asyncio
import sys
import time
from statistics import median

import uvloop

from models.database.database import Database
from workflows.exceptions.sweep import ExceptionSweep
from workflows.reactions import REACTIONS
from workflows.transactions.clock import Clock
from workflows.transactions.ids import Ids
from workflows.transactions.runner import Transactions

WARM_SWEEPS = 6  # until the driver prepares its statements once for all


async def run(url: str, sweeps: int) -> float:
    """Sweep the database `sweeps` times; no exception may be opened."""
    database = Database(url)
    await database.open()
    transactions = Transactions(database, clock=Clock(), new_id=Ids(), reactions=REACTIONS)
    sweep = ExceptionSweep(transactions)
    seconds = []
    for number in range(WARM_SWEEPS + sweeps):
        started = time.perf_counter()
        while await sweep.step():
            pass
        if number >= WARM_SWEEPS:
            seconds.append(time.perf_counter() - started)
        await asyncio.sleep(0)
    async with database.reading() as session:
        opened = await session.value(int, "SELECT COUNT(*) FROM operational_exception")
    assert not opened, f"{opened} exceptions were opened"
    await database.close()
    return median(seconds)


def main() -> None:
    """Print the median seconds of a sweep."""
    url, sweeps = sys.argv[1:]
    print(uvloop.run(run(url, int(sweeps))))


if __name__ == "__main__":
    main()
