"""A process that writes events until it is killed.

Usage: `python -m tests.subscriptions.log.writers URL SEED BROADCAST_URL`.

Each transaction advances some chains by a step. Its events contain the steps of all chains that it
could see. Some transactions stay open for long, before or after they write their events. The
process also numbers events while it holds the lease. As it also listens, it mostly numbers them
inside the transactions.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from domain.access.callers import Role, holder
from models.database.database import Database
from models.database.sessions import DatabaseError, Session
from subscriptions.runtime import StreamingRuntime
from tests.subscriptions.log.facts import note, opened, transactions
from workflows.transactions.runner import LastWork, Transactions
from workflows.transactions.transaction import Transaction

CHAINS = 36
TASKS = 4


async def prepare(database: Database) -> None:
    """Create a table of chains, and a table that counts the transactions numbered in themselves."""

    async def work(tx: Transaction) -> None:
        await tx.session.execute("CREATE TABLE chain (id bigint PRIMARY KEY, step bigint)")
        await tx.session.execute("CREATE TABLE numbered_within (transactions bigint)")
        await tx.session.execute(
            "INSERT INTO chain SELECT n, 0 FROM generate_series(1, $1) AS n", CHAINS
        )

    await transactions(database).run(work)


async def write_forever(writer: Transactions, chance: random.Random) -> None:
    """Run one transaction after another, also across restarts of the database."""
    while True:
        try:
            await writer.run(lambda tx: step(tx, chance))
        except (DatabaseError, TimeoutError):
            await asyncio.sleep(0.1)


async def step(tx: Transaction, chance: random.Random) -> None:
    """Advance some chains by a step, and record the state seen."""
    chosen = sorted(chance.sample(range(1, CHAINS + 1), chance.choice((1, 1, 1, 3))))
    is_long = chance.random() < 0.005
    rows = await tx.session.fetch(
        "SELECT id, step FROM chain WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE", chosen
    )
    seen = await tx.session.fetch("SELECT id, step FROM chain")
    if is_long:
        await asyncio.sleep(chance.random())
    for row in rows:
        await tx.session.execute("UPDATE chain SET step = step + 1 WHERE id = $1", row["id"])
        saw = {str(other["id"]): other["step"] for other in seen}
        note(tx, row["step"] + 1, subject=("Item", row["id"]), data={"saw": saw})
    if is_long:
        tx.outbox.add_rows()
        await tx.flush()
        tx.outbox.events.clear()
        await asyncio.sleep(chance.random())


async def listen(live: StreamingRuntime[Any]) -> None:
    """Read new events until cancelled."""
    async with aclosing(live.streams.events(holder(Role.ADMIN, actor="root"))) as stream:
        async for _ in stream:
            pass


class _Nothing:
    """Availability without any SKUs."""

    async def of(self, channel: str, skus: Any) -> dict[str, Any]:
        return {}

    async def skus(self, channel: str) -> list[str]:
        return []

    def comparison_key(self, availability: Any) -> Any:
        return None


def a_live(database: Database, broadcast_url: str) -> StreamingRuntime[Any]:
    """The streaming runtime of a process without availability."""
    return StreamingRuntime(
        database, transactions(database), broadcast_url=broadcast_url, promises=_Nothing()
    )


async def main(url: str, seed: int, broadcast_url: str) -> None:
    """Write and number events until killed."""
    async with opened(url) as database:
        live = a_live(database, broadcast_url)
        await live.start()

        def numbers(events: int) -> LastWork | None:
            number = live.sequencer.numbers_within(events)
            if number is None:
                return None

            async def number_and_count(session: Session) -> Callable[[], None] | None:
                numbered = await number(session)
                if numbered is not None:
                    await session.execute("INSERT INTO numbered_within VALUES (1)")
                return numbered

            return number_and_count

        writer = transactions(database, live.committed, numbers)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen(live))
            for n in range(TASKS):
                tasks.create_task(write_forever(writer, random.Random(seed * 100 + n)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
