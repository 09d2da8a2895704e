"""A count that takes the units of many orders at real servers, while clients order.

RESTOW_LONG=1 takes the units of 500 orders while 50 clients order.
"""

from __future__ import annotations

import asyncio
import os

from models.database.database import Database
from tests.builders.transactions import rows
from tests.races.floor.floor_client import CANCEL, RECORD, FloorClient, differences, until_rows

ORDERS, CLIENTS = (500, 50) if os.environ.get("RESTOW_LONG") == "1" else (90, 6)
FREE, FOUND, TURNS = 10, 25, 4
ALLOWED = {"INSUFFICIENT_STOCK"}


async def test_a_count_takes_orders_units_while_clients_order(
    client: FloorClient, database: Database
) -> None:
    """All ordered units and 10 more are there by the books; 25 are there in truth."""
    await client.furnish(["TEE"], {"LEEDS": ORDERS + FREE})
    await client.believe_counts()
    for first in range(0, ORDERS, 25):
        some = range(first, min(first + 25, ORDERS))
        await asyncio.gather(*(client.place({"TEE": 1}, f"W-{n}", at=n) for n in some))

    async def buy(number: int) -> None:
        """Order, hold, and cancel the first order."""
        for turn in range(TURNS):
            reference, at = f"C-{number}-{turn}", number + turn
            placed = await client.order({"TEE": 1}, reference, at=at, backorder=True)
            assert placed["userErrors"] == []
            held = await client.hold({"TEE": 1}, at=at)
            assert {each["code"] for each in held["userErrors"]} <= ALLOWED
            if turn == 0:
                await client.do(CANCEL, at=at + 1, id=placed["order"]["id"])

    place = {"sku": client.own("TEE"), "quantity": FOUND}
    given = {"locationCode": client.own("LEEDS"), "places": [place]}
    recorded, *_ = await asyncio.gather(
        client.do(RECORD, at=1, i=given), *(buy(number) for number in range(CLIENTS))
    )
    assert recorded is not None
    [line] = recorded["lines"]
    assert line["status"] == "POSTING"
    assert await differences(database) == []
    await until_rows(database, "SELECT id FROM stock_count_line WHERE status = 'POSTED'")
    [level] = (await client.levels("TEE")).values()
    # Each server shows the same. An order that was cancelled has given its unit to a backorder.
    assert (await client.levels("TEE", at=1)).popitem()[1] == level
    assert level["available"] + level["held"] + level["allocated"] == FOUND
    assert await rows(database, "SELECT id FROM operational_exception WHERE kind = 'OVERSOLD'")
    assert await differences(database) == []
