"""One event may change the availability of many SKUs: clients receive each, live and after a
cursor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.builders.in_process_server import PLACE, UPSERT_CHANNEL, InProcessServer, gbp
from tests.resolvers.test_subscriptions import AVAILABILITY, screen

SKUS = ["COAT", "TEE"]
PUBLISH = """mutation ($input: PolicyInput!) { policyPublish(input: $input) {
  policy { version } userErrors { code field } } }"""


def a_channel(code: str = "web", **facts: Any) -> dict[str, Any]:
    """A ChannelInput."""
    channel = {"code": code, "name": code, "kind": "STOREFRONT", "currencyCode": "GBP"}
    return {"input": {**channel, "locationCodes": ["LEEDS", "YORK"], **facts}}


def promised(events: list[Any]) -> dict[str, int]:
    """Units by SKU according to the last of these events."""
    found = [event["availability"] for event in events]
    return {each["sku"]: each["availableToPromise"] for each in found}


async def test_a_buffer_of_a_channel_changes_every_sku(api: InProcessServer) -> None:
    for sku in SKUS:
        await api.receive(10, sku=sku)
    async with screen(api) as shop:
        await shop.watch(api, AVAILABILITY, skus=SKUS)
        await api.done(UPSERT_CHANNEL, a_channel(safetyBuffer=3))
        got = [await shop.next(), await shop.next()]
    assert promised(got) == {"COAT": 7, "TEE": 7}
    async with screen(api) as back:
        back.subscribe("s", AVAILABILITY, variables={"skus": SKUS, "after": got[0]["cursor"]})
        again = await back.next()
        while again["availability"]["sku"] != got[1]["availability"]["sku"]:
            again = await back.next()
        assert again["cursor"] == got[1]["cursor"]


async def test_a_backorder_of_two_lines_changes_both(api: InProcessServer) -> None:
    for sku in SKUS:
        await api.receive(10, sku=sku)
    lines = [{"sku": sku, "quantity": 4, "unitPrice": gbp("10.00")} for sku in SKUS]
    order = {"channel": "market", "externalReference": "M-1", "backorder": True, "lines": lines}
    async with screen(api) as shop:
        await shop.watch(api, AVAILABILITY, skus=SKUS)
        await api.done(PLACE, {"input": order})
        got = [await shop.next(), await shop.next()]
    assert promised(got) == {"COAT": 6, "TEE": 6}


async def test_a_location_that_joins_a_channel_brings_its_skus(api: InProcessServer) -> None:
    await api.receive(10)
    of_market = AVAILABILITY.replace('channel: "web"', 'channel: "market"')
    async with screen(api) as shop:
        await shop.watch(api, of_market)
        await api.done(UPSERT_CHANNEL, a_channel("market"))
        assert promised([await shop.next()]) == {"TEE": 10}


async def test_rules_published_ahead_are_sent_when_they_come_into_force(
    api: InProcessServer,
) -> None:
    await api.receive(10, at="YORK")
    await api.done(UPSERT_CHANNEL, a_channel(priority=1))
    [policy] = (await api.ask("{ policies(kind: ROUTING) { rules } }"))["policies"]
    ahead = {
        "kind": "ROUTING",
        "scope": "global",
        "rules": {**policy["rules"], "protected": [{"channel": "web", "units": 4}]},
        "effectiveFrom": (api.restow.clock() + timedelta(hours=1)).isoformat(),
    }
    of_market = AVAILABILITY.replace('channel: "web"', 'channel: "market"')
    async with screen(api) as shop:
        await shop.watch(api, of_market, skus=["TEE"])
        await api.done(PUBLISH, {"input": ahead})
        # not in force yet when they are published
        assert promised([await shop.next()]) == {"TEE": 10}
        api.advance_clock(3600)
        assert promised([await shop.next()]) == {"TEE": 6}
