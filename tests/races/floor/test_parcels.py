"""Two steps of the work on one parcel at once, each at a server of its own.

RESTOW_LONG=1 runs 200 trials of each pair of steps, and 500 of reports against shipments.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations.signed_webhooks import WebhookSecrets
from models.database.database import Database
from tests.builders.transactions import rows
from tests.races.floor.conftest import SECRET
from tests.races.floor.floor_client import (
    CANCEL,
    HOLD_BACK,
    PICK,
    REROUTE,
    SHIP,
    FloorClient,
    Parcel,
    differences,
    until_rows,
)
from tests.races.server_processes import Json

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
TRIALS, REPORTS, AT_ONCE = (200, 500, 20) if IS_LONG else (10, 20, 10)
UNITS = 3


async def in_trials(number: int, trial: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """The results of all trials, some of which run at once."""
    found: list[Any] = []
    for first in range(0, number, AT_ONCE):
        some = range(first, min(first + AT_ONCE, number))
        found += await asyncio.gather(*(trial(each) for each in some))
    return found


def refusals(payload: Json) -> list[str]:
    """Codes of the user errors of a payload."""
    return [error["code"] for error in payload["userErrors"]]


async def other_step(client: FloorClient, name: str, parcel: Parcel, at: int) -> Json:
    """The step that a pick of the parcel competes with."""
    match name:
        case "hold":
            return await client.do(HOLD_BACK, at=at, id=parcel.order)
        case "cancel":
            return await client.do(CANCEL, at=at, id=parcel.order)
        case "reroute":
            [to] = {client.own("LEEDS"), client.own("YORK")} - {parcel.at}
            return await client.do(REROUTE, at=at, id=parcel.id, to=to)
        case _:
            short = [{"orderLineId": parcel.line, "quantity": 1}]
            return await client.do(PICK, at=at, id=parcel.id, short=short)


def outcome(name: str, picked: Json, other: Json, order: Json) -> str:
    """Check that the statuses follow from the answers; return the step that came first."""
    is_picked, is_other = not picked["userErrors"], not other["userErrors"]
    if not is_picked:
        assert set(refusals(picked)) <= {"ILLEGAL_TRANSITION", "TASK_NOT_CLAIMED"}
    statuses = sorted(each["status"] for each in order["fulfillments"])
    match name:
        case "hold":
            assert is_other
            assert statuses == ["PICKED" if is_picked else "ON_HOLD"]
        case "cancel":
            assert is_other
            assert (order["status"], statuses) == ("CANCELLED", ["CANCELLED"])
        case "reroute":
            assert is_picked is not is_other
            assert statuses == (["PICKED"] if is_picked else ["CANCELLED", "OPEN"])
        case _:
            assert is_picked is not is_other
            # The other location replaces the unit that was not found.
            assert statuses == (["PICKED"] if is_picked else ["OPEN", "PICKED"])
    return "pick" if is_picked else name


@pytest.mark.parametrize("name", ["hold", "cancel", "reroute", "short pick"])
async def test_a_pick_and_another_step_at_once(
    client: FloorClient, database: Database, name: str
) -> None:
    await client.furnish(["TEE"], {"LEEDS": UNITS * TRIALS, "YORK": UNITS * TRIALS})

    async def trial(number: int) -> str:
        parcel = await client.parcel(f"W-{number}", UNITS)
        steps: Sequence[Awaitable[Json]] = [
            client.do(PICK, at=number, id=parcel.id),
            other_step(client, name, parcel, number + 1),
        ]
        found = await asyncio.gather(*(steps if number % 2 else reversed(steps)))
        picked, other = found if number % 2 else reversed(found)
        return outcome(name, picked, other, await client.statuses(parcel.order, at=number))

    first = Counter(await in_trials(TRIALS, trial))
    assert first.total() == TRIALS
    if IS_LONG and name != "cancel":
        assert len(first) == 2, first
    assert await differences(database) == []


async def report(client: FloorClient, number: int, message: str, at: int) -> str:
    """Send a carrier's report of a parcel to a webhook; the word of the answer."""
    event = {
        "carrier": "dhl",
        "trackingNumber": f"JD{number}",
        "eventId": "E-1",
        "status": "DELIVERED",
        "occurredAt": datetime.now(UTC).isoformat(),
    }
    body = json.dumps({"events": [event]}).encode()
    headers = WebhookSecrets([SECRET]).sign(message, datetime.now(UTC), body)
    port = client.cluster.ports[at % len(client.cluster.ports)]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        url = f"http://127.0.0.1:{port}/webhooks/carriers"
        answer = await http.post(url, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    [word] = answer.json()["taken"]
    return str(word)


async def test_no_report_is_lost_that_crosses_its_shipment(
    client: FloorClient, database: Database
) -> None:
    """The report comes twice, under different messages, while the parcel is being shipped."""
    await client.furnish(["TEE"], {"LEEDS": REPORTS})

    async def trial(number: int) -> str:
        parcel = await client.parcel(f"W-{number}")
        given = {"fulfillmentId": parcel.id, "carrier": "DHL", "trackingNumber": f"JD{number}"}
        shipped, *words = await asyncio.gather(
            client.do(SHIP, at=number, i=given),
            report(client, number, f"msg-{number}-a", number + 1),
            report(client, number, f"msg-{number}-b", number),
        )
        assert shipped["userErrors"] == []
        assert sorted(words) in (["heard", "repeated"], ["repeated", "unmatched"])
        return min(words)

    first = Counter(await in_trials(REPORTS, trial))
    await until_rows(
        database,
        "SELECT number FROM (SELECT COUNT(*) AS number FROM fulfillment"
        " WHERE status = 'DELIVERED') delivered WHERE number = $1",
        REPORTS,
    )
    if IS_LONG:
        assert len(first) == 2, first
    known = await rows(database, "SELECT id FROM carrier_event WHERE fulfillment_id IS NULL")
    assert known == []
    assert await differences(database) == []
