"""The examples of the pages in docs/ run on the demo, and answer what the pages say."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from graphql import OperationDefinitionNode, parse

import scripts.demo.seed as demo
from tests.builders.in_process_server import JSON, InProcessServer, gbp

PAGES: Final = Path(__file__).parents[2] / "docs"
# Pages that come first: those with bins, and before them the one that needs unclaimed tasks.
IN_ORDER: Final = ("counts.md", "floor.md", "parcels.md")
# An id that a page shortens, like "T3JkZXI6MDFh…".
SHORTENED: Final = re.compile(r'"([A-Za-z0-9+/]+)…"')
NUMBER: Final = re.compile(r'(orderNumber: )"[^"]+"')
BLOCK: Final = re.compile(r"^```(graphql|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The host of the pages does not exist; the tests may call their own.
REACHABLE: Final = ("https://shop.example/", "http://127.0.0.1:9/")
IN_LEEDS: Final = "wholesale"  # a channel that LEEDS alone supplies

CLAIM: Final = """mutation ($at: String!) { taskClaim(queue: PICK, locationCode: $at, limit: 50) {
  tasks { id } userErrors { code field message } } }"""
PICK: Final = """mutation ($id: ID!) { fulfillmentPick(fulfillmentId: $id) {
  fulfillment { id } userErrors { code field message } } }"""
SHIP: Final = """mutation ($input: FulfillmentShipInput!) { fulfillmentShip(input: $input) {
  fulfillment { id } userErrors { code field message } } }"""
PACK: Final = PICK.replace("fulfillmentPick", "fulfillmentPack")
BIN: Final = """mutation { locationUpsert(input: {code: "R-1", name: "Desk", kind: BIN,
  parentCode: "LEEDS"}) { location { id } userErrors { code field message } } }"""
EXCEPTIONS: Final = "{ exceptions(first: 1) { nodes { id } } }"


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[InProcessServer]:
    api = InProcessServer(database_url)
    await api.open()
    try:
        await demo.seed(api.restow.transactions, api.restow.database)
        yield api
    finally:
        await api.close()


class Reader:
    """Runs the examples of pages in their order. Ids of answers stand in for shortened ones."""

    def __init__(self, api: InProcessServer) -> None:
        self._api = api
        self._orders = 0
        self._ids: dict[str, str] = {}
        self._number = ""

    async def read(self, page: str, content: str) -> int:
        """Run the examples of a page. Returns the number of those that were checked."""
        examples = answer = 0
        last: JSON = {}
        for language, text in BLOCK.findall(content.replace(*REACHABLE)):
            if language == "graphql":
                await self._prepare(page, examples)
                last = await self._run(page, text)
                examples += 1
            elif last and orjson.loads(text).keys() <= last.keys():
                assert contains(last, orjson.loads(text)), (page, text, last)
                answer += 1
        return examples + answer

    async def _run(self, page: str, text: str) -> JSON:
        """Run a document. Returns the answer of its last root field, or all if that is a list."""
        document = SHORTENED.sub(self._whole, text)
        document = NUMBER.sub(rf'\1"{self._number}"', document)
        definition = parse(document).definitions[0]
        assert isinstance(definition, OperationDefinitionNode)
        found = (await self._api.post(document)).json()
        assert "errors" not in found, (page, text, found)
        for payload in found["data"].values():
            errors = isinstance(payload, dict) and payload.get("userErrors")
            assert not errors, (page, text, payload)
        for found_id in ids_in(found["data"]):
            self._ids[type_of(found_id)] = found_id
        last = list(found["data"].values())[-1]
        answer: JSON = last if isinstance(last, dict) else found["data"]
        return answer

    def _whole(self, shortened: re.Match[str]) -> str:
        return f'"{self._ids[type_of(shortened[1])]}"'

    async def _prepare(self, page: str, example: int) -> None:
        """Bring about what an example is about."""
        match page, example:
            case "floor.md", 1:
                await self._api.done(BIN, {})
                order = await self._order("TEE", 2)
                await self._api.done(PICK, {"id": self._ids["Fulfillment"]})
                await self._api.done(PACK, {"id": self._ids["Fulfillment"]})
                sent = {"fulfillmentId": self._ids["Fulfillment"], "carrier": "DHL"}
                sent |= {"trackingNumber": "JD-DOC"}
                await self._api.done(SHIP, {"input": sent})
                self._number = order["number"]
            case "parcels.md", 0:
                await self._order("TEE-WHITE-M", 3)
                await self._api.done(PICK, {"id": self._ids["Fulfillment"]})
            case "parcels.md", 1:
                await self._order("TEE-WHITE-M", 2)
                await self._api.done(CLAIM, {"at": "LEEDS"})
            case (("fulfillment-holds.md" | "carriers.md"), 0):
                await self._order("TEE-WHITE-M", 1)
            case "exceptions.md", 0:
                [found] = (await self._api.ask(EXCEPTIONS))["exceptions"]["nodes"]
                self._ids["OperationalException"] = found["id"]

    async def _order(self, sku: str, units: int) -> JSON:
        """Place an order that LEEDS supplies."""
        self._orders += 1
        facts = {"channel": IN_LEEDS, "externalReference": f"DOC-{self._orders}"}
        paid = {"reference": f"pay-{self._orders}", "amount": gbp(f"{10 * units}.00")}
        order = await self._api.place(units, sku, **facts, payments=[paid])
        [parcel], [line] = order["fulfillments"], order["lines"]
        self._ids |= {"Order": order["id"], "Fulfillment": parcel["id"], "OrderLine": line["id"]}
        return dict(order)


def type_of(encoded: str) -> str:
    """The type that an id names, which may be shortened."""
    whole = encoded.rstrip("=")
    whole = whole[: len(whole) // 4 * 4]
    return base64.b64decode(whole).decode("ascii", "ignore").partition(":")[0]


def ids_in(value: Any) -> Iterator[str]:
    """The ids in an answer."""
    if isinstance(value, list):
        for each in value:
            yield from ids_in(each)
    elif isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for each in value.values():
            yield from ids_in(each)


def contains(found: Any, expected: Any) -> bool:
    """True if an answer has at least what a page shows of it."""
    if isinstance(expected, dict):
        return all(key in found and contains(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(contains, found, expected))
    return bool(found == expected)


def pages() -> dict[str, str]:
    """The pages by name, in the order in which they are read."""
    found = sorted(PAGES.glob("*.md"), key=lambda page: (page.name not in IN_ORDER, page.name))
    return {page.name: page.read_text() for page in found}


async def test_the_examples_of_all_pages_run_on_the_demo(shop: InProcessServer) -> None:
    reader = Reader(shop)
    read = {name: await reader.read(name, content) for name, content in pages().items()}
    assert {name for name, number in read.items() if number} >= {
        *IN_ORDER,
        *("carriers.md", "exceptions.md", "fulfillment-holds.md", "transfers.md"),
        "rollout.md",
    }
