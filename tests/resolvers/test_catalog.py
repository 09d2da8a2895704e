"""Master data over the API: upserts keep absent fields, queries find rows by their keys."""

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import (
    UPSERT_CHANNEL,
    UPSERT_ITEMS,
    UPSERT_LOCATION,
    InProcessServer,
    gbp,
)

ITEM = """query ($sku: String!) { item(sku: $sku) {
  id sku name barcode category price { amount currencyCode } unitCost { amount } returnable
  supplier { code name } } }"""


async def test_an_item_keeps_what_an_upsert_does_not_name(api: InProcessServer) -> None:
    await api.ask('mutation { supplierUpsert(code: "ACME", name: "Acme") { userErrors { code } } }')
    whole = {
        "sku": "BOOT",
        "name": "Boot",
        "barcode": "5012345678900",
        "category": "shoes",
        "price": gbp("99.9"),
        "unitCost": gbp("40"),
        "returnable": False,
        "supplierCode": "ACME",
    }
    await api.done(UPSERT_ITEMS, {"items": [whole]})
    await api.done(UPSERT_ITEMS, {"items": [{"sku": "BOOT", "name": "Boot 2"}]})
    item = (await api.ask(ITEM, {"sku": "BOOT"}))["item"]
    assert item["name"] == "Boot 2"
    assert item["barcode"] == "5012345678900"
    assert item["category"] == "shoes"
    assert item["price"] == {"amount": "99.90", "currencyCode": "GBP"}
    assert item["unitCost"] == {"amount": "40.00"}
    assert item["returnable"] is False
    assert item["supplier"] == {"code": "ACME", "name": "Acme"}
    emptied = {"sku": "BOOT", "name": "Boot 2", "barcode": None, "supplierCode": None}
    await api.done(UPSERT_ITEMS, {"items": [emptied]})
    item = (await api.ask(ITEM, {"sku": "BOOT"}))["item"]
    assert (item["barcode"], item["supplier"], item["category"]) == (None, None, "shoes")


async def test_each_row_of_a_bulk_upsert_stands_on_its_own(api: InProcessServer) -> None:
    rows = [
        {"sku": "A", "name": "A"},
        {"sku": "B", "name": "B", "price": gbp("0.001")},
        {"sku": "C", "name": "C", "price": {"amount": "1.5", "currencyCode": "JPY"}},
        {"sku": "D", "name": "D", "price": gbp("-1")},
        {"sku": "E", "name": "E", "supplierCode": "NOBODY"},
        {"sku": "F", "name": "F"},
    ]
    payload = await api.change(UPSERT_ITEMS, {"items": rows})
    assert [item and item["sku"] for item in payload["items"]] == ["A", None, None, None, None, "F"]
    assert [(error["code"], ".".join(error["field"])) for error in payload["userErrors"]] == [
        ("INVALID", "items.1.price.amount"),
        ("INVALID", "items.2.price.amount"),
        ("INVALID", "items.3.price.amount"),
        ("NOT_FOUND", "items.4.supplierCode"),
    ]


async def test_items_are_searched_by_sku_name_and_barcode(api: InProcessServer) -> None:
    rows = [
        {"sku": "X-1", "name": "Needle"},
        {"sku": "NEEDLE-2", "name": "Other"},
        {"sku": "X-3", "name": "Third", "barcode": "needle3"},
        {"sku": "X-4", "name": "100% wool_mix!"},
    ]
    await api.done(UPSERT_ITEMS, {"items": rows})
    document = "query ($words: String) { items(search: $words) { totalCount nodes { sku } } }"

    async def found(words: str) -> list[str]:
        items = (await api.ask(document, {"words": words}))["items"]
        assert items["totalCount"] == len(items["nodes"])
        return sorted(node["sku"] for node in items["nodes"])

    assert await found("needle") == ["NEEDLE-2", "X-1", "X-3"]
    assert await found("100%") == ["X-4"]
    assert await found("l_m") == ["X-4"]
    assert await found("x!") == ["X-4"]
    assert await found("%") == ["X-4"]
    assert await found("zzz") == []
    assert await found("NEEDLE  \u3000") == ["NEEDLE-2", "X-1", "X-3"]


@pytest.mark.parametrize(
    ("characters", "message"),
    [
        (5_000, "`search` may have at most 255 characters; 5000 were sent."),
        (
            50_000,
            "variables.words: A string has at most 10,000 characters; 50,000 were sent.",
        ),
    ],
)
async def test_a_long_search_is_refused_with_the_limit(
    api: InProcessServer, characters: int, message: str
) -> None:
    document = "query ($words: String) { items(search: $words) { totalCount nodes { sku } } }"
    answer = (await api.post(document, {"words": "x" * characters})).json()
    (error,) = answer["errors"]
    assert error["message"] == message
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert answer.get("data") is None


async def test_a_location_has_a_parent_and_a_time_zone(api: InProcessServer) -> None:
    zone = {
        "code": "LEEDS-A",
        "name": "Aisle A",
        "kind": "ZONE",
        "parentCode": "LEEDS",
        "timeZone": "Europe/London",
    }
    await api.done(UPSERT_LOCATION, {"input": zone})
    found = await api.ask(
        """{ location(code: "LEEDS-A") { kind timeZone packRequired active dailyOrderCapacity
        countryCode parent { code parent { code } } }
        locations { code } nowhere: location(code: "NOPE") { id } }"""
    )
    assert found["location"] == {
        "kind": "ZONE",
        "timeZone": "Europe/London",
        "packRequired": False,
        "active": True,
        "dailyOrderCapacity": None,
        "countryCode": None,
        "parent": {"code": "LEEDS", "parent": None},
    }
    assert [place["code"] for place in found["locations"]] == ["LEEDS-A", "YORK", "LEEDS"]
    assert found["nowhere"] is None


REFUSED_LOCATIONS: list[Any] = [
    ({"parentCode": "NOPE"}, ("NOT_FOUND", "input.parentCode")),
    ({"timeZone": "Mars/Olympus"}, ("INVALID", "input.timeZone")),
    ({"dailyOrderCapacity": -1}, ("INVALID", "input.dailyOrderCapacity")),
]


async def test_a_location_that_cannot_be_is_refused(api: InProcessServer) -> None:
    for facts, refusal in REFUSED_LOCATIONS:
        place = {"code": "NEW", "name": "New", "kind": "WAREHOUSE", **facts}
        assert refusal in await api.refusals(UPSERT_LOCATION, {"input": place})
        assert (await api.ask('{ location(code: "NEW") { id } }'))["location"] is None


async def test_a_channel_shows_its_locations_and_defaults(api: InProcessServer) -> None:
    found = await api.ask(
        """{ channel(code: "web") { name kind currencyCode priority safetyBuffer active
        locations { code } } channels { code } nowhere: channel(code: "x") { id } }"""
    )
    assert found["channel"] == {
        "name": "Web",
        "kind": "STOREFRONT",
        "currencyCode": "GBP",
        "priority": 100,
        "safetyBuffer": 0,
        "active": True,
        "locations": [{"code": "LEEDS"}, {"code": "YORK"}],
    }
    assert [channel["code"] for channel in found["channels"]] == ["market", "web"]
    assert found["nowhere"] is None


async def test_a_channels_currency_is_fixed_once_it_has_sold(api: InProcessServer) -> None:
    await api.receive(1)
    await api.place(1)
    channel = {
        "code": "web",
        "name": "Web",
        "kind": "STOREFRONT",
        "currencyCode": "EUR",
        "locationCodes": ["LEEDS"],
    }
    [(_, field)] = await api.refusals(UPSERT_CHANNEL, {"input": channel})
    assert field == "input.currencyCode"


async def test_reason_codes_are_upserted_and_listed_by_kind(api: InProcessServer) -> None:
    document = """mutation ($active: Boolean) { reasonCodeUpsert(code: "MOULD",
      kind: ADJUSTMENT, label: "Mouldy", active: $active) {
      reasonCode { id code kind label active } userErrors { code field } } }"""
    made = (await api.done(document, {}))["reasonCode"]
    assert made["active"] is True
    changed = (await api.done(document, {"active": False}))["reasonCode"]
    assert changed == {**made, "active": False}
    found = await api.ask("{ reasonCodes(kind: ADJUSTMENT) { code kind } all: reasonCodes { id } }")
    assert found["reasonCodes"][0] == {"code": "MOULD", "kind": "ADJUSTMENT"}
    assert {reason["kind"] for reason in found["reasonCodes"]} == {"ADJUSTMENT"}
    assert len(found["all"]) > len(found["reasonCodes"])


async def test_cost_and_supplier_are_for_staff_only(api: InProcessServer) -> None:
    await api.ask('mutation { supplierUpsert(code: "ACME", name: "Acme") { userErrors { code } } }')
    row = {"sku": "TEE", "name": "Tee", "supplierCode": "ACME"}
    await api.done(UPSERT_ITEMS, {"items": [row]})
    for role in (Role.STOREFRONT, Role.PARTNER):
        key = await api.a_key(role, channels=("web",))
        item = (await api.ask(ITEM, {"sku": "TEE"}, key=key))["item"]
        assert (item["unitCost"], item["supplier"]) == (None, None)
        assert item["price"] == {"amount": "20.00", "currencyCode": "GBP"}
    key = await api.a_key(Role.WAREHOUSE)
    item = (await api.ask(ITEM, {"sku": "TEE"}, key=key))["item"]
    assert item["unitCost"] == {"amount": "8.00"}
    assert item["supplier"] == {"code": "ACME", "name": "Acme"}


SHOWN = """query ($sku: String!) { item(sku: $sku) {
  active imageUrl attributes countryOfOrigin customsCode updatedAt } }"""


async def test_an_item_shows_its_picture_attributes_and_origin(api: InProcessServer) -> None:
    facts = {
        "imageUrl": "https://shop.example/tee.webp",
        "attributes": {"size": "M", "care": ["30 °C", {"dry": False}]},
        "countryOfOrigin": "PT",
        "customsCode": "6109.10",
    }
    tee = {"sku": "TEE", "name": "Garment TEE"}
    new = (await api.ask(SHOWN, {"sku": "TEE"}))["item"]
    created_at = new.pop("updatedAt")
    assert new == {"active": True, **dict.fromkeys(facts)}
    await api.done(UPSERT_ITEMS, {"items": [{**tee, **facts, "active": False}]})
    item = (await api.ask(SHOWN, {"sku": "TEE"}))["item"]
    changed_at = item.pop("updatedAt")
    assert item == {"active": False, **facts}
    assert changed_at > created_at
    # Equal attributes in another order are no change.
    same = {"attributes": {"care": ["30 °C", {"dry": False}], "size": "M"}}
    await api.done(UPSERT_ITEMS, {"items": [{**tee, **same}]})
    assert (await api.ask(SHOWN, {"sku": "TEE"}))["item"]["updatedAt"] == changed_at
    await api.done(UPSERT_ITEMS, {"items": [{**tee, **dict.fromkeys(facts)}]})
    item = (await api.ask(SHOWN, {"sku": "TEE"}))["item"]
    assert {name: item[name] for name in facts} == dict.fromkeys(facts)


async def test_facts_of_an_item_that_cannot_be_stored_are_all_named(api: InProcessServer) -> None:
    bad = {
        "imageUrl": "javascript:alert(1)",
        "attributes": {f"key{number}": 1 for number in range(51)},
        "countryOfOrigin": "Portugal",
        "customsCode": "6" * 33,
    }
    before = await api.ask(SHOWN, {"sku": "TEE"})
    tee = {"sku": "TEE", "name": "Garment TEE"}
    assert await api.refusals(UPSERT_ITEMS, {"items": [{**tee, **bad}]}) == [
        ("INVALID", "items.0.imageUrl"),
        ("LIMIT_EXCEEDED", "items.0.attributes"),
        ("INVALID", "items.0.countryOfOrigin"),
        ("INVALID", "items.0.customsCode"),
    ]
    for attributes in ("red", ["red"], {"text": "x" * 8_192}):
        [(_, field)] = await api.refusals(
            UPSERT_ITEMS, {"items": [{**tee, "attributes": attributes}]}
        )
        assert field == "items.0.attributes"
    assert await api.ask(SHOWN, {"sku": "TEE"}) == before
