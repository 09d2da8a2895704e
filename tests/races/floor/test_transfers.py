"""Two desks, each at a server of its own, receive one transfer: each unit arrives once.

RESTOW_LONG=1 runs 200 trials.
"""

from __future__ import annotations

import asyncio
import os

from models.database.database import Database
from tests.races.floor.floor_client import (
    ARRIVE,
    SEND,
    SHIP_TRANSFER,
    FloorClient,
    differences,
)
from tests.races.server_processes import Json

TRIALS = 200 if os.environ.get("RESTOW_LONG") == "1" else 8
SENT, ARRIVED = 4, 3
EXTRA = 2 * ARRIVED - SENT


async def test_two_desks_receive_each_unit_once(client: FloorClient, database: Database) -> None:
    """Three units each, of four that were sent: two of the six are extra."""
    await client.furnish(["TEE"], {"LEEDS": SENT * TRIALS, "YORK": 1})
    line = {"sku": client.own("TEE")}

    async def desk(transfer: str, number: int) -> Json:
        arrived = [{**line, "quantity": ARRIVED}]
        given = {"transferId": transfer, "locationCode": client.own("YORK"), "lines": arrived}
        return await client.do(ARRIVE, at=number, i=given)

    for _ in range(TRIALS):
        given = {
            "originCode": client.own("LEEDS"),
            "destinationCode": client.own("YORK"),
            "lines": [{**line, "quantity": SENT}],
        }
        transfer = (await client.do(SEND, i=given))["transfer"]["id"]
        shipped = await client.do(SHIP_TRANSFER, at=1, i={"transferId": transfer})
        assert shipped["userErrors"] == []
        found = await asyncio.gather(*(desk(transfer, number) for number in range(2)))
        assert [each["userErrors"] for each in found] == [[], []]
        # An answer shows the transfer as it is when it is sent.
        whole = {"shipped": SENT, "inTransit": 0, "received": SENT, "extra": EXTRA}
        assert {"status": "CLOSED", "lines": [whole]} in [each["transfer"] for each in found]
    levels = await client.levels("TEE")
    york = levels[f"{client.own('YORK')} {client.own('TEE')}"]
    assert york["available"] == SENT * TRIALS + 1
    assert york["quarantine"] == york["missing"] == EXTRA * TRIALS
    assert await differences(database) == []
