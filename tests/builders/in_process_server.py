"""The whole program in this process, and an HTTP client for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import structlog

import models.queries.events.event_log as event_log
import workflows.access.api_keys
from app import Restow
from domain.access.api_keys import CreateKey
from domain.access.callers import SYSTEM, Role
from server.process.logs import configure
from settings import Settings
from workflows.transactions.outcomes import Request

BOOTSTRAP = "bootstrap-secret-of-the-tests"
JSON = dict[str, Any]

UPSERT_LOCATION = """
mutation ($input: LocationInput!) { locationUpsert(input: $input) {
  location { id code } replayed userErrors { field code message details } } }
"""
UPSERT_CHANNEL = """
mutation ($input: ChannelInput!) { channelUpsert(input: $input) {
  channel { id code } replayed userErrors { field code message details } } }
"""
UPSERT_ITEMS = """
mutation ($items: [ItemInput!]!) { itemsUpsert(items: $items) {
  items { id sku } replayed userErrors { field code message details } } }
"""
RECEIVE = """
mutation ($input: StockReceiptInput!) { stockReceive(input: $input) {
  levels { id available location { code } item { sku } }
  movements { id kind quantity toState }
  replayed userErrors { field code message details } } }
"""
HOLD = """
mutation ($input: ReservationCreateInput!) { reservationCreate(input: $input) {
  reservation { id status expiresAt externalReference lines { sku quantity location { code } } }
  replayed userErrors { field code message details } } }
"""
PLACE = """
mutation ($input: OrderPlaceInput!) { orderPlace(input: $input) {
  order {
    id number status externalReference total { amount currencyCode } paid { amount }
    lines { id sku quantity quantities { state quantity } }
    fulfillments { id status location { code } lines { orderLineId sku quantity } }
  }
  replayed userErrors { field code message details } } }
"""


def gbp(amount: str) -> JSON:
    """An amount in pounds, as GraphQL input."""
    return {"amount": amount, "currencyCode": "GBP"}


class InProcessServer:
    """A running program with its own database, and an HTTP client connected to it."""

    def __init__(self, database_url: str, **settings: Any) -> None:
        configure("json", "warning")
        # Without the cache, log capture also works in later tests.
        structlog.configure(cache_logger_on_first_use=False)
        given = {
            "demo": True,
            "bootstrap_key": BOOTSTRAP,
            "secrets_key": "secrets-key-of-the-tests-32-chars",
            "outbound_allow": "127.0.0.0/8",
            **settings,
        }
        self.restow = Restow(Settings(database_url=database_url, **given))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.restow.asgi), base_url="http://restow"
        )

    async def open(self) -> None:
        await self.restow.start()

    async def close(self) -> None:
        await self.client.aclose()
        await self.restow.stop()

    async def post(
        self,
        document: str,
        variables: JSON | None = None,
        *,
        key: str | None = BOOTSTRAP,
        **headers: str,
    ) -> httpx.Response:
        """Send a document and return the raw response. With `key` None no API key is sent."""
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        payload = {"query": document, "variables": variables or {}}
        return await self.client.post("/graphql", json=payload, headers=named)

    async def ask(
        self,
        document: str,
        variables: JSON | None = None,
        *,
        key: str | None = BOOTSTRAP,
        **headers: str,
    ) -> Any:
        """Return the data of an answer, which must have no top-level errors."""
        answer = (await self.post(document, variables, key=key, **headers)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def code(
        self, document: str, variables: JSON | None = None, *, key: str | None = BOOTSTRAP
    ) -> str:
        """Return the code of the only top-level error."""
        errors = (await self.post(document, variables, key=key)).json()["errors"]
        assert len(errors) == 1, errors
        return str(errors[0]["extensions"]["code"])

    async def change(
        self,
        document: str,
        variables: JSON,
        *,
        key: str | None = BOOTSTRAP,
        **headers: str,
    ) -> Any:
        """Return the payload of the document's only mutation field."""
        [payload] = (await self.ask(document, variables, key=key, **headers)).values()
        return payload

    async def done(
        self, document: str, variables: JSON, *, key: str | None = BOOTSTRAP, **headers: str
    ) -> Any:
        """Like `change`, and assert that the mutation was not refused."""
        payload = await self.change(document, variables, key=key, **headers)
        assert payload["userErrors"] == [], payload["userErrors"]
        return payload

    async def refusals(
        self, document: str, variables: JSON, *, key: str | None = BOOTSTRAP
    ) -> list[tuple[str, str | None]]:
        """(code, dotted field) of each user error of a mutation."""
        payload = await self.change(document, variables, key=key)
        return [
            (error["code"], ".".join(error["field"]) if error["field"] else None)
            for error in payload["userErrors"]
        ]

    async def a_key(
        self,
        role: Role,
        *,
        channels: tuple[str, ...] | None = None,
        locations: tuple[str, ...] | None = None,
        name: str | None = None,
    ) -> str:
        """Create an API key with a role and a scope."""
        command = CreateKey(name or f"{role} key", role, channels=channels, locations=locations)
        request = Request(command, SYSTEM)
        outcome = await self.restow.transactions.perform(workflows.access.api_keys.create, request)
        assert outcome.secret is not None, outcome.refusals
        return outcome.secret

    def advance_clock(self, seconds: float) -> None:
        """Move the program's clock forward."""
        self.restow.clock._offset += timedelta(seconds=seconds)

    async def create_master_data(self) -> None:
        """Create two warehouses, two channels that share one of them, and three items."""
        for code in ("LEEDS", "YORK"):
            place = {"code": code, "name": code.title(), "kind": "WAREHOUSE", "countryCode": "GB"}
            await self.done(UPSERT_LOCATION, {"input": place})
        for code, places in (("web", ["LEEDS", "YORK"]), ("market", ["YORK"])):
            channel = {
                "code": code,
                "name": code.title(),
                "kind": "STOREFRONT",
                "currencyCode": "GBP",
                "locationCodes": places,
            }
            await self.done(UPSERT_CHANNEL, {"input": channel})
        goods = [
            {"sku": sku, "name": f"Garment {sku}", "price": gbp("20.00"), "unitCost": gbp("8.00")}
            for sku in ("COAT", "SCARF", "TEE")
        ]
        await self.done(UPSERT_ITEMS, {"items": goods})

    async def settled(self) -> None:
        """Wait until every committed event has a position in the log."""
        async with asyncio.timeout(10):
            while True:
                async with self.restow.database.reading() as session:
                    if not await event_log.has_pending(session):
                        return
                await asyncio.sleep(0.005)

    async def receive(
        self, units: int, sku: str = "TEE", at: str = "LEEDS", *, key: str | None = BOOTSTRAP
    ) -> Any:
        """Receive units at a location."""
        delivery = {
            "locationCode": at,
            "reference": f"PO-{sku}-{at}",
            "lines": [{"sku": sku, "quantity": units}],
        }
        return await self.done(RECEIVE, {"input": delivery}, key=key)

    async def hold(
        self, units: int, sku: str = "TEE", *, key: str | None = BOOTSTRAP, **facts: Any
    ) -> Any:
        """Create a reservation on the web channel."""
        wanted = {"channel": "web", "lines": [{"sku": sku, "quantity": units}], **facts}
        return (await self.done(HOLD, {"input": wanted}, key=key))["reservation"]

    async def place(
        self, units: int, sku: str = "TEE", *, key: str | None = BOOTSTRAP, **facts: Any
    ) -> Any:
        """Place an order of one line."""
        return (await self.done(PLACE, {"input": an_order(units, sku, **facts)}, key=key))["order"]


def an_order(units: int = 1, sku: str = "TEE", **facts: Any) -> JSON:
    """An OrderPlaceInput with one line at 10 GBP."""
    return {
        "channel": "web",
        "externalReference": "W-1",
        "lines": [{"sku": sku, "quantity": units, "unitPrice": gbp("10.00")}],
        **facts,
    }
