"""Names of the retailer's staff: a key of a partner reads its own name and no other."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from graphql import is_required_argument

from domain.access.callers import PROGRAM_ACTORS, STAFF_ACTOR, Role
from tests.builders.in_process_server import PLACE, InProcessServer, an_order
from tests.resolvers.scopes.walks import QUERY, SUBSCRIPTION, documents, texts
from tests.resolvers.test_returns import INSPECT, came, requested
from tests.resolvers.test_subscriptions import screen

CLAIM = """mutation { taskClaim(queue: PICK, locationCode: "LEEDS") {
  tasks { id claimedBy } userErrors { code field message } } }"""
NAMES = """{ events(first: 250) { nodes { actor data } }
  stockMovements(first: 250) { nodes { actor } } }"""


async def _worked(api: InProcessServer, key: str) -> Any:
    """Receive, sell, return and inspect units as a member of staff; a task is claimed."""
    made = await requested(api, 2)
    here = (await came(api, made, 2))["return"]
    [item] = here["items"]
    finding = {"returnItemId": item["id"], "quantity": 2, "condition": "DAMAGED"}
    await api.done(INSPECT, {"input": {"returnId": made["id"], "findings": [finding]}}, key=key)
    await api.receive(5, key=key)
    await api.place(1, externalReference="W-2", key=key)
    assert (await api.done(CLAIM, {}, key=key))["tasks"]
    await api.settled()
    return made


async def test_a_partner_reads_no_name_but_its_own(api: InProcessServer) -> None:
    staff = await api.a_key(Role.ADMIN, name="Amy-Anders")
    made = await _worked(api, staff)
    inside = {text for text in texts(await api.ask(NAMES)) if "amy-anders" in text}
    assert inside
    for role in (Role.PARTNER, Role.STOREFRONT):
        key = await api.a_key(role, name=f"Market-{role}", channels=("web",))
        lists = [
            (name, "first: 250" if "first" in field.args else "")
            for name, field in QUERY.fields.items()
            if not any(map(is_required_argument, field.args.values()))
        ]
        for name, given in (*lists, ("return", f'id: "{made["id"]}"')):
            for text in documents(QUERY, name, given):
                answer = (await api.post(text, key=key)).json()
                found = [each for each in texts(answer) if "amy-anders" in each]
                assert not found, (role, name, found)
    partner = await api.a_key(Role.PARTNER, name="Market")
    held = await api.done(CLAIM, {}, key=partner, idempotency_key="claim")
    assert [task["claimedBy"] for task in held["tasks"]] in ([], ["Market"])
    await api.receive(1, sku="COAT")
    order = {"input": an_order(externalReference="W-3")}
    await api.done(PLACE, order, key=partner, idempotency_key="place")
    await api.settled()
    shown = await api.ask(NAMES, key=partner)
    actors = {each["actor"] for each in shown["events"]["nodes"]}
    assert actors <= {"Market", STAFF_ACTOR, *PROGRAM_ACTORS}
    assert {"Market", STAFF_ACTOR} <= actors
    returned = """query ($id: ID!) { return(id: $id) { items { inspectedBy
      inspections { inspector } dispositions { decidedBy } } } }"""
    [item] = (await api.ask(returned, {"id": made["id"]}, key=partner))["return"]["items"]
    assert item["inspectedBy"] == STAFF_ACTOR
    assert item["inspections"] == [{"inspector": STAFF_ACTOR}]
    assert {step["decidedBy"] for step in item["dispositions"]} <= {STAFF_ACTOR, *PROGRAM_ACTORS}


async def test_streams_name_each_partner_to_itself_only(api: InProcessServer) -> None:
    """Two partners with the same scope share no execution of a stream: their answers differ."""
    keys = [await api.a_key(Role.PARTNER, name=name) for name in ("East", "West")]
    await api.receive(2)
    for number, key in enumerate(keys):
        order = {"input": an_order(externalReference=f"P-{number}")}
        await api.done(PLACE, order, key=key, idempotency_key=f"k{number}")
    await api.settled()
    [document, *_] = documents(SUBSCRIPTION, "events", 'after: "0"')
    for key, own, other in zip(keys, ("East", "West"), ("West", "East"), strict=True):
        async with screen(api, key) as client:
            client.subscribe("1", document)
            seen: list[str] = []
            while own not in seen:
                async with asyncio.timeout(30):
                    message = orjson.loads((await client.outbox.get())["text"])
                seen.append(message["payload"]["data"]["events"]["actor"])
            assert other not in seen
            assert STAFF_ACTOR in seen
