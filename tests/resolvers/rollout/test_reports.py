"""rollout, shadowReport and locationCode over the API."""

from __future__ import annotations

from domain.access.callers import Role
from tests.builders.in_process_server import JSON, InProcessServer

PUBLISH = """mutation ($input: PolicyInput!) { policyPublish(input: $input) {
  policy { version } userErrors { field code details } } }"""
SWITCHES = """query ($channel: String, $location: String) {
  rollout(channel: $channel, location: $location) { domain mode scope policyVersion since } }"""
REPORT = """query ($domain: RolloutDomain!, $disagreed: Boolean, $channel: String,
    $location: String, $since: DateTime, $first: Int, $after: String) {
  shadowReport(domain: $domain, disagreed: $disagreed, channel: $channel, location: $location,
      since: $since, first: $first, after: $after) {
    domain since cases open agreed agreement
    differences { would did cases }
    nodes { subject { id __typename } at would { policy version outcome reasons } did decidedBy
      agrees differences }
    pageInfo { hasNextPage endCursor } } }"""
PLACE = """mutation ($input: OrderPlaceInput!) { orderPlace(input: $input) {
  order { id fulfillments { location { code } } routing { chosen considered { reasons } } }
  userErrors { field code } } }"""


async def switch(api: InProcessServer, scope: str = "global", **modes: str) -> None:
    rules = {"domains": {"*": "LIVE", **modes}}
    api.advance_clock(1)
    await api.done(PUBLISH, {"input": {"kind": "ROLLOUT", "scope": scope, "rules": rules}})


def order_at(place: str | None, reference: str, units: int = 1) -> JSON:
    line: JSON = {"sku": "TEE", "quantity": units}
    line["unitPrice"] = {"amount": "10.00", "currencyCode": "GBP"}
    if place is not None:
        line["locationCode"] = place
    return {"channel": "web", "externalReference": reference, "lines": [line]}


async def test_switches_show_what_holds_at_a_place_and_since_when(api: InProcessServer) -> None:
    start = (await api.ask(SWITCHES))["rollout"]
    assert {(each["domain"], each["mode"]) for each in start} == {
        (domain, "LIVE") for domain in ("ROUTING", "RETURNS", "DISPOSITIONS", "REFUNDS")
    }
    assert {(each["scope"], each["policyVersion"]) for each in start} == {("global", 1)}
    await switch(api, "channel:web", RETURNS="SHADOW")
    there = {"channel": "WEB", "location": "LEEDS"}
    first = {each["domain"]: each for each in (await api.ask(SWITCHES, there))["rollout"]}
    await switch(api, "channel:web", RETURNS="SHADOW", REFUNDS="OFF")
    found = {each["domain"]: each for each in (await api.ask(SWITCHES, there))["rollout"]}
    returns = found["RETURNS"]
    assert (returns["mode"], returns["scope"], returns["policyVersion"]) == (
        "SHADOW",
        "channel:web",
        2,
    )
    assert returns["since"] == first["RETURNS"]["since"] > start[0]["since"]
    assert found["REFUNDS"]["since"] > returns["since"]
    assert (await api.ask(SWITCHES))["rollout"] == start
    assert await api.code(SWITCHES, {"channel": "mars"}) == "BAD_REQUEST"
    assert await api.code(SWITCHES, {"location": "MARS"}) == "BAD_REQUEST"


async def test_a_report_counts_cases_and_differences(api: InProcessServer) -> None:
    await api.receive(40)
    await api.receive(20, at="YORK")
    await switch(api, "channel:web", ROUTING="SHADOW")
    for number, place in enumerate((None, "YORK", "YORK")):
        await api.done(PLACE, {"input": order_at(place, f"W-{number}")})
        api.advance_clock(1)
    report = (await api.ask(REPORT, {"domain": "ROUTING"}))["shadowReport"]
    assert (report["cases"], report["open"], report["agreed"]) == (3, 0, 1)
    assert report["agreement"] == 1 / 3
    assert report["differences"] == [{"would": "LEEDS", "did": "YORK", "cases": 2}]
    newest = report["nodes"][0]
    assert newest["subject"]["__typename"] == "Order"
    assert newest["would"]["policy"] == "ROUTING"
    assert newest["would"]["outcome"] == "LEEDS"
    assert (newest["did"], newest["decidedBy"], newest["agrees"]) == ("YORK", "bootstrap", False)
    assert len(newest["differences"]) == 2
    asked = {"domain": "ROUTING", "disagreed": True, "first": 1}
    page = (await api.ask(REPORT, asked))["shadowReport"]
    assert page["cases"] == 3
    assert page["pageInfo"]["hasNextPage"] is True
    asked["after"] = page["pageInfo"]["endCursor"]
    last = (await api.ask(REPORT, asked))["shadowReport"]
    assert last["pageInfo"]["hasNextPage"] is False
    assert [node["did"] for node in page["nodes"] + last["nodes"]] == ["YORK", "YORK"]
    nothing = (await api.ask(REPORT, {"domain": "ROUTING", "channel": "market"}))["shadowReport"]
    assert (nothing["cases"], nothing["agreement"], nothing["nodes"]) == (0, None, [])
    at_york = {"domain": "ROUTING", "location": "YORK"}
    assert (await api.ask(REPORT, at_york))["shadowReport"]["cases"] == 2
    late = {"domain": "ROUTING", "since": api.restow.clock().isoformat()}
    assert (await api.ask(REPORT, late))["shadowReport"]["cases"] == 0
    assert await api.code(REPORT, {"domain": "ROUTING", "after": "x"}) == "BAD_REQUEST"


async def test_a_line_may_name_its_location(api: InProcessServer) -> None:
    await api.receive(5)
    await api.receive(5, at="YORK")
    placed = (await api.done(PLACE, {"input": order_at("york", "W-1")}))["order"]
    assert [each["location"]["code"] for each in placed["fulfillments"]] == ["YORK"]
    assert placed["routing"]["chosen"] == ["YORK"]
    errors = (await api.ask(PLACE, {"input": order_at("MARS", "W-2")}))["orderPlace"]["userErrors"]
    assert errors == [{"field": ["input", "lines", "0", "locationCode"], "code": "NOT_FOUND"}]


async def test_only_some_roles_read_reports_and_publish(api: InProcessServer) -> None:
    for role in Role:
        key = await api.a_key(role)
        may_read = role in (Role.SUPERVISOR, Role.FINANCE, Role.ADMIN)
        for document, asked in ((SWITCHES, {}), (REPORT, {"domain": "RETURNS"})):
            if may_read:
                await api.ask(document, asked, key=key)
            else:
                assert await api.code(document, asked, key=key) == "FORBIDDEN"
    rules = {"domains": {"*": "LIVE"}}
    given = {"kind": "ROLLOUT", "scope": "global", "rules": rules}
    boss = await api.a_key(Role.SUPERVISOR)
    assert await api.code(PUBLISH, {"input": given}, key=boss) == "FORBIDDEN"
