"""The reservation workflow without HTTP and GraphQL: a process that holds units at full speed.

Usage: python -m benchmarks.clients.workflow URL REQUESTS CLIENTS < orders.json
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Sequence

import uvloop

import server.process.garbage_collection as garbage_collection
import workflows.reservations.reservations
from benchmarks.catalog import CHANNEL
from benchmarks.processes import ROOT
from domain.access.callers import Role, holder
from models.database.database import Database
from workflows.reactions import REACTIONS
from workflows.reservations.commands import CreateReservation, HoldLine
from workflows.transactions.clock import Clock
from workflows.transactions.ids import Ids
from workflows.transactions.outcomes import Request
from workflows.transactions.runner import Transactions

Order = Sequence[tuple[str, int]]


def measure_rate(
    module: str, url: str, orders: Sequence[Order], requests: int, clients: int
) -> float:
    """Run this program, or another with the same arguments, and return its holds per second."""
    done = subprocess.run(
        [sys.executable, "-m", module, url, str(requests), str(clients)],
        cwd=ROOT,
        input=json.dumps(orders),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


async def run(url: str, orders: Sequence[Order], requests: int, clients: int) -> float:
    """Make `requests` holds, each with an idempotency key, and return their number per second.

    All holds must be accepted.
    """
    database = Database(url)
    await database.open()
    transactions = Transactions(database, clock=Clock(), new_id=Ids(), reactions=REACTIONS)
    caller = holder(Role.ADMIN, actor="bench")
    numbers = iter(range(requests))
    next_order = itertools.cycle(orders)

    async def client() -> None:
        for number in numbers:
            lines = tuple(HoldLine(sku, units) for sku, units in next(next_order))
            command = CreateReservation(CHANNEL, lines)
            request = Request(command, caller, f"service-{number}")
            outcome = await transactions.perform(
                workflows.reservations.reservations.create, request
            )
            assert not outcome.refusals, outcome

    garbage_collection.settle()  # as in a serving process
    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - started
    await database.close()
    return requests / seconds


def main() -> None:
    """Read the orders and print the rate."""
    url, requests, clients = sys.argv[1:]
    orders = json.load(sys.stdin)
    print(uvloop.run(run(url, orders, int(requests), int(clients))))


if __name__ == "__main__":
    main()
