"""GraphQL client of the replay: one document per request, each safe to send twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from copy import copy
from typing import Any, Final

import httpx
import orjson

ATTEMPTS_MAX: Final = 5
TIMEOUT_SECONDS: Final = 120.0
# errors after which the same request may be sent again under the same idempotency key
AGAIN_CODES: Final = frozenset({"UNAVAILABLE", "IDEMPOTENCY_IN_PROGRESS", "RATE_LIMITED"})

LOCATION: Final = """mutation ($input: LocationInput!) {
  locationUpsert(input: $input) { userErrors { code field message } }
}"""
CHANNEL: Final = """mutation ($input: ChannelInput!) {
  channelUpsert(input: $input) { userErrors { code field message } }
}"""
ITEMS: Final = """mutation ($items: [ItemInput!]!) {
  itemsUpsert(items: $items) { userErrors { code field message } }
}"""
RECEIVE: Final = """mutation ($input: StockReceiptInput!) {
  stockReceive(input: $input) { userErrors { code field message } }
}"""
ADJUST: Final = """mutation ($input: StockAdjustInput!) {
  stockAdjust(input: $input) { movements { quantity } userErrors { code field message } }
}"""
PLACE: Final = """mutation ($input: OrderPlaceInput!) {
  orderPlace(input: $input) {
    order { id total { amount } lines { id quantity } fulfillments { id status } }
    userErrors { code field message }
  }
}"""
CANCEL: Final = """mutation ($id: ID!, $lines: [OrderCancelLineInput!]) {
  orderCancel(id: $id, reasonCode: "CUSTOMER_REQUEST", lines: $lines) {
    order { fulfillments { id status } }
    userErrors { code field message }
  }
}"""
SHIP: Final = """mutation ($input: FulfillmentShipInput!) {
  fulfillmentShip(input: $input) { fulfillment { status } userErrors { code field message } }
}"""


class Refused(Exception):
    """The API answered with user errors; the message is that of the first."""

    def __init__(self, mutation: str, errors: Sequence[Mapping[str, Any]]) -> None:
        self.errors = errors
        first = errors[0]
        self.code = f"{mutation}: {first['code']}"
        super().__init__(f"{mutation} {'.'.join(first['field'] or [])}: {first['message']}")


class ApiFailed(RuntimeError):
    """The API gave an answer after which the replay cannot continue."""


class Api:
    """A server's GraphQL endpoint, used with one actor's key."""

    def __init__(self, address: str, key: str, connections: int) -> None:
        self._url = f"{address}/graphql"
        self._authorization = f"Bearer {key}"
        self._client = httpx.AsyncClient(
            headers={"Content-Type": "application/json"},
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=connections),
            trust_env=False,
        )
        self.requests: Counter[str] = Counter()

    def with_key(self, key: str) -> Api:
        """Return a client of the same endpoint and connections with another actor's key."""
        other = copy(self)
        other._authorization = f"Bearer {key}"
        return other

    async def close(self) -> None:
        await self._client.aclose()

    async def mutate(
        self, document: str, variables: Mapping[str, Any], *, key: str
    ) -> Mapping[str, Any]:
        """Perform the document's one mutation exactly once and return its payload.

        Raises Refused for user errors, ApiFailed for any other failure.
        """
        return self._payload(await self._answer(document, variables, key))

    async def attempt(
        self, document: str, variables: Mapping[str, Any], *, key: str
    ) -> Mapping[str, Any]:
        """Perform the document's one mutation exactly once and return its payload, with the user
        errors of rows that were refused. Raises ApiFailed."""
        ((mutation, payload),) = (await self._answer(document, variables, key)).items()
        self.requests[mutation] += 1
        found: Mapping[str, Any] = payload
        return found

    async def ask(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data of a query. Raises ApiFailed."""
        return await self._answer(document, variables, None)

    async def pages(self, document: str) -> AsyncIterator[Mapping[str, Any]]:
        """Read every node of the connection that the document queries, page by page."""
        after: str | None = None
        while True:
            ((_, page),) = (await self.ask(document, {"after": after})).items()
            for node in page["nodes"]:
                yield node
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    async def _answer(
        self, document: str, variables: Mapping[str, Any], key: str | None
    ) -> Mapping[str, Any]:
        body = orjson.dumps({"query": document, "variables": variables})
        headers = {"Authorization": self._authorization}
        if key is not None:
            headers["Idempotency-Key"] = key
        for attempt in range(ATTEMPTS_MAX):
            problem: object
            try:
                response = await self._client.post(self._url, content=body, headers=headers)
                answer = orjson.loads(response.content)
            except (httpx.TransportError, orjson.JSONDecodeError) as error:
                problem = repr(error)
            else:
                problem = _problem(answer)
                if problem is None:
                    data: Mapping[str, Any] = answer["data"]
                    return data
            await asyncio.sleep(0.05 * 2**attempt)
        raise ApiFailed(f"no answer after {ATTEMPTS_MAX} attempts: {problem}")

    def _payload(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        ((mutation, payload),) = data.items()
        self.requests[mutation] += 1
        if payload["userErrors"]:
            raise Refused(mutation, payload["userErrors"])
        found: Mapping[str, Any] = payload
        return found


def _problem(answer: Mapping[str, Any]) -> object:
    """The error message if the request may be sent again, or None. Raises ApiFailed for other
    errors."""
    if errors := answer.get("errors"):
        code = errors[0].get("extensions", {}).get("code")
        if code not in AGAIN_CODES:
            raise ApiFailed(f"{code}: {errors[0]['message']}")
        return errors[0]["message"]
    for payload in answer["data"].values():
        # Only payloads of mutations have user errors; a query may answer a list or null.
        errors = payload.get("userErrors", ()) if isinstance(payload, dict) else ()
        for error in errors:
            if error["code"] in AGAIN_CODES:
                return error["message"]
    return None
