"""Bins and scans over the API: codes, put-aways, contents, and objects by their code."""

from __future__ import annotations

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import (
    RECEIVE,
    UPSERT_ITEMS,
    UPSERT_LOCATION,
    InProcessServer,
)

PEN = "4006381333931"
PUT_AWAY = """
mutation ($input: PutAwayInput!) { stockPutAway(input: $input) {
  levels { unbinned picked missing bins { bin { code } quantity since } } movements { id }
  userErrors { code field message details } } }
"""
BINS = """
{ stockLevels(skus: ["TEE"]) { nodes { unbinned bins { bin { code walkOrder } quantity } } }
  location(code: "A-2") { walkOrder scanRequired contents { item { sku } bin { code } quantity } }
  item(sku: "TEE") { barcode codes { code units } } }
"""
SCAN = """
query ($code: String!, $at: String!) { scan(code: $code, locationCode: $at) {
  __typename id ... on Item { sku } ... on Location { code } ... on Order { number }
  ... on Fulfillment { number } ... on Return { rmaNumber } } }
"""


@pytest.fixture
async def floor(api: InProcessServer) -> InProcessServer:
    """LEEDS with a zone and three bins, and a T-shirt with codes."""
    for code, kind, parent in (
        ("A", "ZONE", "LEEDS"),
        *(("A-10", "BIN", "A"), ("A-2", "BIN", "A"), ("B-1", "BIN", "A")),
    ):
        place: dict[str, Any] = {"code": code, "name": code, "kind": kind, "parentCode": parent}
        place |= {"walkOrder": 1} if code == "B-1" else {}
        await api.done(UPSERT_LOCATION, {"input": place})
    tee = {"sku": "TEE", "name": "Tee", "barcode": PEN, "codes": [{"code": "BOX", "units": 6}]}
    await api.done(UPSERT_ITEMS, {"items": [tee]})
    return api


async def test_units_are_seen_where_they_were_put(floor: InProcessServer) -> None:
    lines = [{"sku": "BOX", "quantity": 2, "binCode": "A-2"}, {"sku": "TEE", "quantity": 5}]
    delivery = {"locationCode": "LEEDS", "reference": "PO-1", "lines": lines}
    await floor.done(RECEIVE, {"input": delivery})
    lines = [
        {"sku": PEN, "quantity": 3, "binCode": "B-1"},
        {"sku": "TEE", "quantity": 4, "binCode": "A-10", "fromBinCode": "A-2"},
    ]
    done = await floor.done(PUT_AWAY, {"input": {"locationCode": "LEEDS", "lines": lines}})
    assert done["movements"] == []
    found = await floor.ask(BINS)
    [level] = found["stockLevels"]["nodes"]
    assert level["unbinned"] == 2
    assert [(each["bin"]["code"], each["quantity"]) for each in level["bins"]] == [
        ("B-1", 3),
        ("A-2", 8),
        ("A-10", 4),
    ]
    assert [(each["bin"]["code"], each["quantity"]) for each in done["levels"][0]["bins"]] == [
        ("B-1", 3),
        ("A-2", 8),
        ("A-10", 4),
    ]
    assert found["location"] == {
        "walkOrder": None,
        "scanRequired": False,
        "contents": [{"item": {"sku": "TEE"}, "bin": {"code": "A-2"}, "quantity": 8}],
    }
    assert found["item"]["codes"] == [{"code": "BOX", "units": 6}, {"code": PEN, "units": 1}]


async def _scan(api: InProcessServer, code: str, at: str = "LEEDS", **facts: Any) -> list[Any]:
    found: list[Any] = (await api.ask(SCAN, {"code": code, "at": at}, **facts))["scan"]
    return [tuple(value for name, value in each.items() if name != "id") for each in found]


async def test_a_scan_finds_all_that_a_code_names_here(floor: InProcessServer) -> None:
    await floor.receive(5)
    order = await floor.place(2, shipTo={"countryCode": "GB"})
    number = order["number"]
    for code in ("tee", "BOX", PEN, f"0{PEN}", f"(01)0{PEN}(10)LOT", "]C1010" + PEN + "10LOT"):
        assert await _scan(floor, code) == [("Item", "TEE")]
    assert await _scan(floor, "a-2") == [("Location", "A-2")]
    assert await _scan(floor, "LEEDS") == [("Location", "LEEDS")]
    assert await _scan(floor, "A-2", at="YORK") == []
    assert await _scan(floor, "A-2", at="NOWHERE") == []
    assert await _scan(floor, number) == [("Order", number)]
    assert await _scan(floor, f"{number}-1".lower()) == [("Fulfillment", f"{number}-1")]
    assert await _scan(floor, f"{number}-1", at="YORK") == []
    for code in ("", "-", "x" * 255, "\x1d", "%", "TE"):
        assert await _scan(floor, code) == []


async def test_a_scan_is_within_the_scope_of_the_key(floor: InProcessServer) -> None:
    here = await floor.a_key(Role.WAREHOUSE, name="here", locations=("LEEDS",))
    there = await floor.a_key(Role.WAREHOUSE, name="there", locations=("YORK",))
    assert await _scan(floor, "A-2", key=here) == [("Location", "A-2")]
    assert await _scan(floor, "A-2", key=there) == []
    listed = await floor.ask("{ locations(kinds: [BIN]) { code } }", key=here)
    assert {each["code"] for each in listed["locations"]} == {"A-2", "A-10", "B-1"}
    assert (await floor.ask("{ locations { code } }", key=there))["locations"] == [{"code": "YORK"}]


async def test_a_code_that_is_too_long_is_a_bad_request(floor: InProcessServer) -> None:
    assert await floor.code(SCAN, {"code": "x" * 256, "at": "LEEDS"}) == "BAD_REQUEST"
