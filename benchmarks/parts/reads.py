"""Reads: availability, and pages of items, levels and orders."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

from benchmarks.catalog import CHANNEL, LOCATIONS, fresh_postgres, sku
from benchmarks.clients.requests import Plan
from benchmarks.processes import KEY, Server, contender, ours, running
from benchmarks.results.findings import Findings, Ratio, alternated, repeated

ROUNDS = 5
SECONDS = 3.0
CLIENTS = 16
SKUS = 1_000
SKUS_REQUESTED = 24
DOCUMENTS = 200
ORDERS = 100
HEADERS = {"authorization": f"Bearer {KEY}"}
AVAILABILITY = """query Availability($channel: String!, $skus: [String!]!) {
  availability(channel: $channel, skus: $skus) {
    sku channel availableToPromise inStock
    locations { location available shipBy }
    shipBy deliverBy asOf
  }
}"""
SHAPES = {
    "items": """{ items(first: 50) { nodes {
      id sku name category price { amount currencyCode } } } }""",
    "levels": """{ stockLevels(first: 50) { nodes {
      id available held allocated safetyStock onHand updatedAt
      item { sku } location { code } } } }""",
    "orders": """{ orders(first: 20) { nodes {
      id number status total { amount currencyCode } placedAt
      lines { sku quantity unitPrice { amount currencyCode } } } } }""",
}
PLACE = """mutation($input: OrderPlaceInput!) {
  orderPlace(input: $input) { order { id } userErrors { code message } } }"""


def graphql(query: str, **variables: object) -> str:
    """Body of a GraphQL request."""
    return json.dumps({"query": query, "variables": variables})


def graphql_of(skus: list[str]) -> str:
    """Body of a GraphQL request for the availability of these SKUs."""
    return graphql(AVAILABILITY, channel=CHANNEL, skus=skus)


def availability_plan(server: Server, skus: int, seconds: float = SECONDS) -> Plan:
    """Requests for 24 random SKUs each."""
    chance = random.Random(7)
    requested = [
        [sku(number) for number in chance.sample(range(1, skus + 1), SKUS_REQUESTED)]
        for _ in range(DOCUMENTS)
    ]
    is_graphql = "graphql" in server.path
    bodies = [
        graphql_of(each) if is_graphql else json.dumps({"channel": CHANNEL, "skus": each})
        for each in requested
    ]
    return Plan(
        port=server.port,
        path=server.path,
        bodies=bodies,
        marks={"answered": '{"data":{"availability":[{"sku":'},
        connections=CLIENTS,
        seconds=seconds,
        headers=HEADERS,
    )


def without_times(sample: str) -> Any:
    """An availability answer with its times replaced, so that contenders can be compared."""
    found = json.loads(sample)["data"]["availability"]
    for each in found:
        assert each["asOf"].endswith(("Z", "+00:00"))
        for timed in (each, *each["locations"]):
            for name in ("asOf", "shipBy", "deliverBy"):
                if timed.get(name) is not None:
                    timed[name] = "an instant"
    return found


def check_same_answers(servers: list[Server], skus: int) -> None:
    """Assert that all contenders give the same answers for the same SKUs."""
    answers = []
    for server in servers:
        plan = availability_plan(server, skus)
        one = replace(plan, seconds=None, requests=1, connections=1)
        answers.append(without_times(server.measure(one).load.sample))
    for answer in answers:
        assert answer == answers[0], f"contenders disagree: {answers[0][0]} {answer[0]}"
    assert len(answers[0]) == SKUS_REQUESTED
    assert all(len(each["locations"]) == len(LOCATIONS) for each in answers[0])


def availability(postgres: str) -> Findings:
    """24 SKUs at 3 locations, 16 clients."""
    url = asyncio.run(fresh_postgres(postgres, "availability", SKUS, (5, 0, 20)))
    servers = {
        "ours": ours(url),
        "baseline": contender("baseline", "benchmarks.contenders.baseline", url, "/availability"),
        "strawberry": contender("strawberry", "benchmarks.contenders.strawberry", url, "/graphql/"),
    }
    with running(*servers.values()):
        check_same_answers(list(servers.values()), SKUS)
        runs = {
            name: repeated(server, availability_plan(server, SKUS))
            for name, server in servers.items()
        }
        figures = alternated(runs, ROUNDS)
        figures |= alternated(
            {
                f"{name}, alone": repeated(
                    servers[name], replace(availability_plan(servers[name], SKUS), connections=1)
                )
                for name in ("ours", "baseline")
            },
            ROUNDS,
        )
    alone = figures["ours, alone"].median_ms / figures["baseline, alone"].median_ms
    findings = Findings("availability", "availability, 24 SKUs at 3 locations, 16 clients", figures)
    findings.ratios = [
        Ratio("ours ÷ baseline", findings.rate_of("ours", "baseline"), 1.15),
        Ratio(
            "ours ÷ strawberry, cached documents, one SQL statement",
            findings.rate_of("ours", "strawberry"),
            4,
        ),
        Ratio("ours ÷ baseline, one client alone, latency", alone, 1.3, at_most=True),
    ]
    return findings


def shapes(postgres: str) -> Findings:
    """Pages of items, of levels, and of orders with lines."""
    url = asyncio.run(fresh_postgres(postgres, "shapes", SKUS, (1_000, 1_000, 1_000)))
    mine = ours(url)
    baseline = contender("baseline", "benchmarks.contenders.baseline", url, "/")
    findings = Findings("shapes", "other shapes, 16 clients")
    with running(mine, baseline):
        place_orders(mine)
        for name, query in SHAPES.items():
            runs = {
                f"ours, {name}": repeated(mine, _shape_plan(mine, "/graphql", graphql(query))),
                f"baseline, {name}": repeated(baseline, _shape_plan(baseline, f"/{name}", "{}")),
            }
            samples = [json.loads(run(0).load.sample)["data"] for run in runs.values()]
            assert samples[0] == samples[1], f"contenders disagree about {name}"
            findings.figures |= alternated(runs, ROUNDS)
            reached = findings.rate_of(f"ours, {name}", f"baseline, {name}")
            findings.ratios.append(Ratio(f"ours ÷ baseline, {name}", reached, 0.8))
    return findings


def _shape_plan(server: Server, path: str, body: str) -> Plan:
    return Plan(
        port=server.port,
        path=path,
        bodies=[body],
        marks={"answered": '{"nodes":[{"id":'},
        connections=CLIENTS,
        seconds=SECONDS / 2,
        headers=HEADERS,
    )


def place_orders(server: Server) -> None:
    """Place orders of three lines each through the API."""
    price = {"amount": "5.00", "currencyCode": "GBP"}
    bodies = []
    for number in range(ORDERS):
        lines = [
            {"sku": sku(1 + (number * 3 + k) % SKUS), "quantity": 1 + k, "unitPrice": price}
            for k in range(3)
        ]
        order = {"channel": CHANNEL, "externalReference": f"W-{number}", "lines": lines}
        bodies.append(graphql(PLACE, input=order))
    plan = Plan(
        port=server.port,
        path=server.path,
        bodies=bodies,
        marks={"placed": '"userErrors":[]'},
        connections=8,
        requests=ORDERS,
        headers=HEADERS,
    )
    assert server.measure(plan).load.counts == {"placed": ORDERS}
