"""Two disjoint halves: nothing of the other half reaches a key of one, by any way out.

Each query is sent with every field of its types, and each subscription from the oldest event on.
"""

from __future__ import annotations

import asyncio
import csv
import functools
import io
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import orjson
import pytest
from structlog.testing import capture_logs

from domain.access.callers import Role
from schema.fields.node import decode
from tests.builders.in_process_server import InProcessServer
from tests.resolvers.scopes.catalogue import MUTATIONS
from tests.resolvers.scopes.test_matrix import filled
from tests.resolvers.scopes.two_halves import Half, TwoHalves, open_two_halves
from tests.resolvers.scopes.walks import MUTATION, QUERY, SUBSCRIPTION, documents, texts
from tests.resolvers.test_subscriptions import screen

SCOPES = {"channel": (True, False), "location": (False, True), "both": (True, True)}
PREVIEWS = {
    "RETURN": '{window: "P30D", finalSale: true}',
    "REFUND": '{evidence: ["RECEIVED"], bands: {GBP: [{upTo: null, approvers: 2}]}}',
    "DISPOSITION": '{table: [{condition: "*", reason: "*", disposition: "SCRAP"}]}',
}
# All permissions, and the two roles outside the house; RESTOW_LONG=1: every role.
LONG = os.environ.get("RESTOW_LONG") == "1"
ROLES = Role if LONG else (Role.ADMIN, Role.PARTNER, Role.STOREFRONT)
# Queries that name one object, and all others.
LOOKUPS = {"item", "location", "channel", "availability", "reservation", "order", "fulfillment"}
LOOKUPS |= {"return", "refund", "nodes", "stockCount", "scan", "integration"}
WINDOW = 'from: "2026-03-01T00:00:00Z", to: "2026-03-31T00:00:00Z"'
# Figures and walks, which may be empty.
FIGURES = {
    "pickWalk": 'locationCode: "{location}"',
    "queueMetrics": f'locations: ["{{location}}"], {WINDOW}',
    "floorMetrics": f'location: "{{location}}", {WINDOW}',
    "inventoryAccuracy": f'location: "{{location}}", {WINDOW}',
    "exceptionMetrics": f"by: OWNER, {WINDOW}",
    "rollout": 'location: "{location}"',
    "shadowReport": 'domain: ROUTING, since: "2026-01-01T00:00:00Z", first: 250',
}
# A transfer has two locations; tests/resolvers/floor has its scopes.
LISTS = tuple(
    name
    for name in QUERY.fields
    if name not in {*LOOKUPS, *FIGURES, "node", "policyPreview", "transfer"}
)

# Each of many keys sends hundreds of large documents: minutes on a slow machine.
pytestmark = pytest.mark.timeout(1_200)


def whole(name: str) -> str:
    """The arguments that bring the largest page of a list."""
    return "first: 250" if "first" in QUERY.fields[name].args else ""


def lookups(half: Half) -> dict[str, str]:
    """The arguments of each query that names something, for something of a half."""
    ids = half.ids
    return {
        "item": 'sku: "TEE"',
        "nodes": f'ids: ["{ids["Order"]}", "{ids["Location"]}", "{ids["Channel"]}"]',
        "location": f'code: "{half.location}"',
        "channel": f'code: "{half.channel}"',
        "availability": f'channel: "{half.channel}", skus: ["TEE"]',
        "reservation": f'id: "{ids["Reservation"]}"',
        "order": f'channel: "{half.channel}", externalReference: "{half.text("both", "sold")}"',
        "fulfillment": f'id: "{ids["Fulfillment"]}"',
        "return": f'id: "{ids["Return"]}"',
        "refund": f'id: "{ids["Refund"]}"',
        "stockCount": f'id: "{ids["StockCount"]}"',
        "scan": f'code: "TEE", locationCode: "{half.location}"',
        "integration": f'code: "{half.feed}"',
    }


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[InProcessServer]:
    """The program with a limit of cost that lets whole lists be read with all their edges."""
    api = InProcessServer(
        database_url,
        operation_cost_max=10**9,
        operation_seconds_max=600,
        database_acquire_seconds=60,
    )
    await api.open()
    try:
        await api.create_master_data()
        yield api
    finally:
        await api.close()


@dataclass
class Reader:
    """A key of one half with a kind of scope, and the words that it must not receive."""

    world: TwoHalves
    half: Half
    key: str
    foreign: set[str]

    def check(self, answer: object, sent: tuple[str, ...] = ()) -> None:
        """Fail if an answer has a foreign word that was not sent."""
        for text in texts(answer):
            unsent = functools.reduce(lambda left, each: left.replace(each.lower(), ""), sent, text)
            found = {word for word in self.foreign if word.lower() in unsent}
            assert not found, (found, text)

    async def ask(self, name: str, arguments: str = "", sent: tuple[str, ...] = ()) -> bool:
        """Send every field of a query and check the answers. Return true if one has data.

        Nothing may fail without a clear error; of foreign codes, that they do not exist.
        """
        has_data = False
        for text in documents(QUERY, name, arguments):
            with capture_logs() as lines:
                answer = (await self.world.api.post(text, key=self.key)).json()
            self.check(answer, sent)
            self.check(lines, sent)
            codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
            assert codes <= {"FORBIDDEN", "BAD_REQUEST" if sent else "FORBIDDEN"}, (text, answer)
            has_data = has_data or any((answer.get("data") or {}).values())
        return has_data


async def reader(world: TwoHalves, scope: str, role: Role) -> Reader:
    """A new key of the first half."""
    half = world.halves["alfa"]
    by_channel, by_location = SCOPES[scope]
    key = await world.api.a_key(
        role,
        name=half.actor("both", f"reader-{role}"),
        channels=(half.channel,) if by_channel else None,
        locations=(half.location,) if by_location else None,
    )
    foreign = world.foreign_words(half, channels=by_channel, locations=by_location)
    return Reader(world, half, key, foreign)


async def test_lists_and_lookups_hold_nothing_of_the_other_half(api: InProcessServer) -> None:
    world = await open_two_halves(api)
    bravo = world.halves["bravo"]
    sent = (bravo.channel, bravo.location, bravo.feed, bravo.text("both", "sold"))
    assert set(lookups(bravo)) == LOOKUPS
    for scope in SCOPES:
        for role in ROLES:
            seen = await reader(world, scope, role)
            for name in LISTS:
                await seen.ask(name, whole(name))
            for name, own in lookups(seen.half).items():
                assert await seen.ask(name, own) or role is not Role.ADMIN, (scope, name)
            for name, theirs in lookups(bravo).items():
                await seen.ask(name, theirs, sent)
            for name, asked in FIGURES.items():
                await seen.ask(name, asked.format(location=seen.half.location))
                await seen.ask(name, asked.format(location=bravo.location), sent)
            for kind, rules in PREVIEWS.items():
                await seen.ask(
                    "policyPreview", f'input: {{kind: {kind}, scope: "global", rules: {rules}}}'
                )
    shown = set()
    for name in LISTS:
        for text in documents(QUERY, name, whole(name)):
            answer = (await api.post(text)).json()
            assert "errors" not in answer, answer
            shown |= {name} if any("bravo" in found for found in texts(answer)) else set()
    of_no_half = {"viewer", "items", "periods", "eventTypes", "exceptionKinds", "trialBalance"}
    assert set(LISTS) - shown == {*of_no_half, "reasonCodes", "policySchemas", "permissions"}


@pytest.mark.parametrize("scope", SCOPES)
async def test_mutations_of_the_other_half_answer_nothing_of_it(
    api: InProcessServer, scope: str
) -> None:
    """Every mutation names objects of the other half. Only what was sent may come back."""
    world = await open_two_halves(api)
    for role in ROLES if LONG else (Role.ADMIN,):
        seen = await reader(world, scope, role)
        for number, row in enumerate(MUTATIONS):
            arguments = filled(row.arguments, world)
            sent = tuple(re.findall(r"[\w-]*bravo[\w-]*", arguments))
            # The fields of nodes are spread over several documents; one of them is performed.
            [text, *_] = documents(MUTATION, row.name, arguments)
            with capture_logs() as lines:
                answer = await api.post(text, key=seen.key, idempotency_key=f"{role}-{number}")
            seen.check(answer.json(), sent)
            seen.check(lines, sent)


def subscriptions(half: Half) -> dict[str, str]:
    """The arguments of each subscription for a half, from the oldest event on."""
    return {
        "availabilityChanged": f'channel: "{half.channel}", after: "0"',
        "stockChanged": 'after: "0"',
        "queueChanged": f'queue: PICK, location: "{half.location}"',
        "exceptionAlerts": 'after: "0"',
        "events": 'after: "0"',
        "orderChanged": f'id: "{half.ids["Order"]}", after: "0"',
        "returnChanged": f'id: "{half.ids["Return"]}", after: "0"',
        "refundChanged": f'id: "{half.ids["Refund"]}", after: "0"',
        "integrationChanged": f'codes: ["{half.feed}"], after: "0"',
    }


@pytest.mark.parametrize("scope", SCOPES)
async def test_streams_bring_nothing_of_the_other_half(api: InProcessServer, scope: str) -> None:
    world = await open_two_halves(api)
    bravo = world.halves["bravo"]
    seen = await reader(world, scope, Role.ADMIN)
    await api.settled()
    query = "{ events(first: 250) { nodes { cursor } pageInfo { hasNextPage } } }"
    page = (await api.ask(query, key=seen.key))["events"]
    assert not page["pageInfo"]["hasNextPage"]
    expected = [event["cursor"] for event in page["nodes"]]
    waits = dict.fromkeys(subscriptions(seen.half))
    received: list[str] = []
    async with screen(api, seen.key) as client:
        for half in (seen.half, bravo):
            for name, given in subscriptions(half).items():
                for number, text in enumerate(documents(SUBSCRIPTION, name, given)):
                    client.subscribe(f"{half.name} {name} {number}", text)
        while waits or len(received) < len(expected):
            async with asyncio.timeout(60):
                message = orjson.loads((await client.outbox.get())["text"])
            seen.check(message["payload"], (bravo.channel, bravo.location, bravo.feed))
            owner, name, number = message["id"].split()
            if owner == seen.half.name:
                assert message["type"] == "next", message
                assert "errors" not in message["payload"], message
                waits.pop(name, None)
                if name == "events":
                    received.append(message["payload"]["data"]["events"]["cursor"])
            elif name in ("orderChanged", "returnChanged", "refundChanged"):
                assert message["type"] == "error", message
    assert received[: len(expected)] == expected


@pytest.mark.parametrize("scope", SCOPES)
async def test_the_export_and_the_balance_hold_what_the_journal_shows(
    api: InProcessServer, scope: str
) -> None:
    world = await open_two_halves(api)
    seen = await reader(world, scope, Role.FINANCE)
    headers = {"authorization": f"Bearer {seen.key}"}
    answer = await api.client.get("/export/journal.csv", headers=headers)
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    seen.check([dict(line) for line in lines])
    books = """{ journalEntries(first: 250) { nodes { id lines {
      account debit { amount } credit { amount } } } }
      trialBalance { balanced accounts { account balance { amount } } } }"""
    shown = await api.ask(books, key=seen.key)
    entries = shown["journalEntries"]["nodes"]
    assert entries
    ids = {decode(entry["id"]) for entry in entries}
    assert ids == {("JournalEntry", UUID(line["entry"])) for line in lines}
    sums: dict[str, Decimal] = {}
    for line in (line for entry in entries for line in entry["lines"]):
        change = sum(
            sign * Decimal(line[side]["amount"] if line[side] else 0)
            for side, sign in (("debit", 1), ("credit", -1))
        )
        sums[line["account"]] = sums.get(line["account"], Decimal(0)) + change
    assert shown["trialBalance"]["balanced"]
    balances = shown["trialBalance"]["accounts"]
    assert {each["account"]: Decimal(each["balance"]["amount"]) for each in balances} == sums
    of_orders = {line["location"] for line in lines if line["channel"]}
    assert ("" in of_orders) == (scope == "channel")  # entries of whole orders
    every = await api.ask("{ journalEntries(first: 250) { nodes { id } } }")
    assert len(entries) < len(every["journalEntries"]["nodes"])
