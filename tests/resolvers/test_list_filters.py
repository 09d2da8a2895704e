"""Filters and sorts of lists of items, stock, returns, refunds, tasks, exceptions and parcels."""

from typing import Any

import pytest

import models.queries.reads.stock as stock_reads
from domain.access.callers import Role
from tests.builders.in_process_server import UPSERT_ITEMS, UPSERT_LOCATION, InProcessServer, gbp
from tests.resolvers.refunds.test_refunds import a_refund
from tests.resolvers.test_returns import RECEIVE, REQUEST, sold


async def shown(
    api: InProcessServer, name: str, field: str, arguments: str = "", **others: Any
) -> list[Any]:
    """A field of each row of a list."""
    arguments = f"({arguments})" if arguments else ""
    found = await api.ask(f"{{ {name}{arguments} {{ nodes {{ {field} }} }} }}", **others)
    return [row[field] for row in found[name]["nodes"]]


async def check(
    api: InProcessServer, name: str, field: str, cases: dict[str, list[Any]], **others: Any
) -> None:
    """Compare a list and its total for each arguments."""
    for arguments, expected in cases.items():
        assert await shown(api, name, field, arguments, **others) == expected, arguments


@pytest.fixture
async def goods(api: InProcessServer) -> None:
    """Master data, and items of two categories, one with a supplier, one not active."""
    supplier = 'mutation { supplierUpsert(code: "ACME", name: "Acme") { userErrors { code } } }'
    await api.ask(supplier)
    shoes = {"category": "shoes", "unitCost": gbp("3.00")}
    rows = [
        {"sku": "BOOT", "name": "Zebra boot", **shoes, "supplierCode": "ACME"},
        {"sku": "CLOG", "name": "Ash clog", **shoes, "active": False},
    ]
    await api.done(UPSERT_ITEMS, {"items": rows})


@pytest.mark.usefixtures("goods")
async def test_items_are_filtered_and_sorted(api: InProcessServer) -> None:
    cases = {
        "": ["CLOG", "BOOT", "TEE", "SCARF", "COAT"],
        "sort: SKU": ["BOOT", "CLOG", "COAT", "SCARF", "TEE"],
        "sort: NAME, first: 2": ["CLOG", "COAT"],
        'supplier: "acme"': ["BOOT"],
        'category: "shoes"': ["CLOG", "BOOT"],
        'category: "shoes", active: true': ["BOOT"],
        "active: false": ["CLOG"],
        'search: "o", sort: SKU': ["BOOT", "CLOG", "COAT"],
        'search: "o", category: "shoes"': ["CLOG", "BOOT"],
        'search: "o", active: true, last: 1': ["COAT"],
    }
    await check(api, "items", "sku", cases)
    page = """{ items(sort: NAME, first: 2, after: %s) { nodes { sku } totalCount
      pageInfo { endCursor } } }"""
    first = (await api.ask(page % "null"))["items"]
    assert first["totalCount"] == 5
    cursor = f'"{first["pageInfo"]["endCursor"]}"'
    second = (await api.ask(page % cursor))["items"]
    assert [each["sku"] for each in second["nodes"]] == ["SCARF", "TEE"]
    found = await api.ask('{ items(search: "o", category: "shoes") { totalCount } }')
    assert found == {"items": {"totalCount": 2}}
    shop = await api.a_key(Role.STOREFRONT)
    supplied = '{ items(supplier: "ACME") { nodes { sku } } }'
    assert await api.code(supplied, key=shop) == "FORBIDDEN"


@pytest.mark.usefixtures("goods")
async def test_levels_and_locations_are_filtered(
    api: InProcessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sku, place in (("TEE", "LEEDS"), ("BOOT", "LEEDS"), ("BOOT", "YORK")):
        await api.receive(5, sku, place)
    safety = """mutation { safetyStockSet(input: {
      locationCode: "YORK", sku: "BOOT", quantity: 9 }) { userErrors { code } } }"""
    await api.ask(safety)
    await api.hold(1)
    cases = {
        'search: "oo"': [5, 5],
        'category: "shoes", locations: ["YORK"]': [5],
        'supplier: "ACME"': [5, 5],
        "belowSafety: true": [5],
        "having: [HELD]": [4],
        "having: [HELD, AVAILABLE]": [5, 5, 4],
        "having: []": [],
    }
    await check(api, "stockLevels", "available", cases)
    # More items than are looked up: their levels are checked one by one.
    monkeypatch.setattr(stock_reads, "LOOKED_UP_MAX", 0)
    await check(api, "stockLevels", "available", cases)
    for code, kind, parent in (("Z1", "ZONE", "LEEDS"), ("B1", "BIN", "Z1"), ("B2", "BIN", "YORK")):
        facts = {"code": code, "name": code, "kind": kind, "parentCode": parent}
        await api.done(UPSERT_LOCATION, {"input": facts})
    for arguments, expected in {
        "kinds: [BIN]": ["B2", "B1"],
        'under: "leeds"': ["B1", "Z1"],
        'under: "LEEDS", kinds: [ZONE]': ["Z1"],
        'under: "NOWHERE"': [],
    }.items():
        found = await api.ask(f"{{ locations({arguments}) {{ code }} }}")
        assert [each["code"] for each in found["locations"]] == expected


@pytest.fixture
async def returned(api: InProcessServer) -> list[Any]:
    """Two returns of web, of which the first is at Leeds and has a parcel."""
    found = []
    for number in (1, 2):
        order = await sold(api, 2, externalReference=f"W-{number}")
        api.advance_clock(60)
        reason = ("UNWANTED", "DEFECTIVE")[number - 1]
        item = {"sku": "TEE", "quantity": 1, "reasonCode": reason}
        facts: dict[str, Any] = {"orderId": order["id"], "items": [item]}
        if number == 1:
            facts |= {"carrier": "DHL", "trackingNumber": "RT 1"}
        found.append((await api.done(REQUEST, {"input": facts}))["return"])
    parcel = {"locationCode": "LEEDS", "returnId": found[0]["id"]}
    api.advance_clock(60)
    await api.done(RECEIVE, {"input": {**parcel, "items": [{"sku": "TEE", "quantity": 1}]}})
    return found


async def test_returns_are_filtered_and_sorted(api: InProcessServer, returned: list[Any]) -> None:
    one, two = (each["rmaNumber"] for each in returned)
    [asked] = await shown(api, "returns", "requestedAt", "first: 1")
    cases = {
        "": [two, one],
        "sort: OLDEST": [one, two],
        "sort: UPDATED": [one, two],
        "sort: EXPECTED": [one, two],
        "statuses: [RECEIVED, CLOSED]": [one],
        'channel: "WEB"': [two, one],
        'channel: "market"': [],
        'sku: "tee"': [two, one],
        'sku: "COAT"': [],
        'reason: "defective"': [two],
        f'requested: {{from: "{asked}"}}': [two],
        f'requested: {{to: "{asked}"}}, sort: OLDEST': [one],
    }
    await check(api, "returns", "rmaNumber", cases)
    document = "query ($n: String) { return(trackingNumber: $n) { rmaNumber } }"
    assert await api.ask(document, {"n": "rt 1"}) == {"return": {"rmaNumber": one}}
    assert await api.ask(document, {"n": "RT 2"}) == {"return": None}
    for arguments in ("", f'(rmaNumber: "{one}", trackingNumber: "RT 1")'):
        assert await api.code(f"{{ return{arguments} {{ id }} }}") == "BAD_REQUEST"


async def test_refunds_are_those_that_the_caller_may_decide(api: InProcessServer) -> None:
    for number in (1, 2):
        order = await sold(api, 2, externalReference=f"W-{number}")
        await a_refund(api, order)
        api.advance_clock(60)
    every = await shown(api, "refunds", "id")
    [last] = await shown(api, "refunds", "createdAt", "first: 1")
    cases = {
        "sort: OLDEST": every[::-1],
        "sort: UPDATED": every,
        "sort: AMOUNT": every,
        "statuses: [NEEDS_APPROVAL, FAILED]": every,
        'channel: "market"': [],
        'channel: "web"': every,
        f'created: {{from: "{last}"}}': every[:1],
        # The caller opened them, so it may not approve them.
        "decidableByMe: true": [],
        "decidableByMe: false": every,
    }
    await check(api, "refunds", "id", cases)
    fiona = await api.a_key(Role.FINANCE, name="fiona")
    await check(api, "refunds", "id", {"decidableByMe: true": every}, key=fiona)
    approve = "mutation ($id: ID!) { refundApprove(id: $id) { userErrors { code } } }"
    await api.done(approve, {"id": every[0]}, key=fiona)
    await check(api, "refunds", "id", {"decidableByMe: true": every[1:]}, key=fiona)
    sam = await api.a_key(Role.SUPPORT, name="sam")
    await check(api, "refunds", "id", {"decidableByMe: true": []}, key=sam)


CLAIM = """mutation { taskClaim(queue: PICK, locationCode: "LEEDS") {
  tasks { id } userErrors { code } } }"""


async def test_tasks_parcels_and_exceptions_are_filtered(api: InProcessServer) -> None:
    await api.receive(3)
    for number in (1, 2):
        await api.place(1, externalReference=f"W-{number}")
    ann = await api.a_key(Role.WAREHOUSE, name="ann")
    [claimed] = (await api.ask(CLAIM, key=ann))["taskClaim"]["tasks"]
    [waiting] = await shown(api, "tasks", "id", "status: OPEN")
    cases = {
        "statuses: [CLAIMED]": [claimed["id"]],
        'claimedBy: "ANN"': [claimed["id"]],
        'claimedBy: "bob"': [],
        "statuses: [DONE]": [],
        "statuses: [OPEN, DONE]": [waiting],
    }
    await check(api, "tasks", "id", cases)
    assert len(await shown(api, "tasks", "id", "statuses: [OPEN, CLAIMED]")) == 2
    api.advance_clock(3_600)  # the lease ends
    assert await shown(api, "tasks", "id", 'claimedBy: "ann"') == []
    assert len(await shown(api, "fulfillments", "id", 'sku: "tee"')) == 2
    assert await shown(api, "fulfillments", "id", 'sku: "COAT"') == []
    parcel = {"locationCode": "LEEDS", "items": [{"sku": "TEE", "quantity": 1}]}
    await api.done(RECEIVE, {"input": {**parcel, "trackingNumber": "JD-9"}})
    kind = "UNIDENTIFIED_PARCEL"
    exceptions = {
        "": [kind],
        f'kinds: ["{kind}", "OVERSOLD"]': [kind],
        'kinds: ["OVERSOLD"]': [],
        'ownerRole: "FINANCE"': [],
        'location: "leeds"': [kind],
        'location: "YORK"': [],
        "open: true": [kind],
        "open: false": [],
        "breached: true": [],
        "breached: false, byDue: true": [kind],
    }
    await check(api, "exceptions", "kind", exceptions)
    api.advance_clock(90 * 86_400)
    await check(api, "exceptions", "kind", {"breached: true": [kind]})
    document = "{ exceptions { nodes { subject { id } } } }"
    [found] = (await api.ask(document))["exceptions"]["nodes"]
    if found["subject"] is not None:
        subject = f'subject: "{found["subject"]["id"]}"'
        await check(api, "exceptions", "kind", {subject: [kind]})
    await check(api, "exceptions", "kind", {f'subject: "{claimed["id"]}"': []})


async def test_nodes_come_in_the_order_asked(api: InProcessServer) -> None:
    ids = await shown(api, "items", "id")
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    asked = [ids[1], "nothing", ids[0], ids[1]]
    found = (await api.ask(document, {"ids": asked}))["nodes"]
    assert found == [{"id": ids[1]}, None, {"id": ids[0]}, {"id": ids[1]}]
    assert await api.code(document, {"ids": ids[:1] * 251}) == "BAD_REQUEST"
