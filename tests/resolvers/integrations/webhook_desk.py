"""Webhooks of a running program, and a receiver that they call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import models.queries.webhooks.endpoints as endpoint_queries
from domain.access.callers import Role
from tests.builders.in_process_server import JSON, InProcessServer
from tests.resolvers.integrations.documents import ONE, UPSERT
from tests.resolvers.integrations.webhook_receiver import (
    WebhookReceiver,
    eventually,
    running_receiver,
)

_ERRORS = "userErrors { code field message details }"
MESSAGE = """id status direction type reference cursor reason payload nextAttemptAt settledAt
  integration { code } subject { id }
  attempts { at durationMs statusCode error response }"""
MESSAGES = f"""query ($integration: String, $status: MessageStatus, $reference: String) {{
  messages(integration: $integration, status: $status, reference: $reference, first: 250) {{
    nodes {{ {MESSAGE} }} pageInfo {{ hasNextPage }} }} }}"""
RETRY = f"""mutation ($ids: [ID!]!) {{ messageRetry(ids: $ids) {{
  messages {{ {MESSAGE} }} {_ERRORS} }} }}"""
SKIP = f"""mutation ($id: ID!, $note: String!) {{ messageSkip(id: $id, note: $note) {{
  messages {{ {MESSAGE} }} {_ERRORS} }} }}"""
REPLAY = f"""mutation ($code: String!, $after: String!, $until: String) {{
  integrationReplay(code: $code, after: $after, until: $until) {{
  integration {{ code position }} {_ERRORS} }} }}"""
TEST = f"""mutation ($code: String!) {{ integrationTest(code: $code) {{
  messages {{ {MESSAGE} }} {_ERRORS} }} }}"""
EXCEPTIONS = """{ exceptions(first: 50) { nodes { kind status subject { id } message } } }"""


@dataclass
class WebhookDesk:
    """The program and the receiver. Retries come after fractions of a second."""

    api: InProcessServer
    receiver: WebhookReceiver
    admin: str
    _count: int = 0

    async def webhook(self, code: str = "shop", *, key: str | None = None, **facts: Any) -> JSON:
        """Make a webhook whose address is named like it; returns the payload."""
        given: JSON = {"code": code, "kind": "WEBHOOK", "url": self.receiver.url(f"/{code}")}
        chosen = self.admin if key is None else key
        self._count += 1
        payload: JSON = await self.api.done(
            UPSERT, {"input": {**given, **facts}}, key=chosen, idempotency_key=f"w-{self._count}"
        )
        await self.until(lambda: self.follows(code))
        return payload

    async def follows(self, code: str) -> bool:
        """True if the process delivers to a webhook by its newest settings."""
        webhooks = self.api.restow.webhooks
        async with self.api.restow.database.reading() as session:
            rows = await endpoint_queries.live_endpoints(session)
        [row] = [each for each in rows if each["code"] == code]
        endpoint = webhooks._endpoints.get(row["id"])
        return endpoint is not None and endpoint.row["version"] == row["version"]

    async def events_of(self, event_type: str) -> int:
        """Number of events of a type."""
        await self.api.settled()
        document = (
            "query ($types: [String!]) { events(first: 250, types: $types) { nodes { id } } }"
        )
        return len((await self.api.ask(document, {"types": [event_type]}))["events"]["nodes"])

    async def messages(self, code: str | None = None, **filters: Any) -> list[JSON]:
        """Messages, newest first."""
        found = await self.api.ask(MESSAGES, {"integration": code, **filters})
        nodes: list[JSON] = found["messages"]["nodes"]
        return nodes

    async def status(self, code: str = "shop") -> str:
        return str((await self.api.ask(ONE, {"code": code}))["integration"]["status"])

    async def position(self, code: str = "shop") -> int:
        return int((await self.api.ask(ONE, {"code": code}))["integration"]["position"])

    async def newest(self) -> int:
        """The newest cursor of the log."""
        await self.api.settled()
        found = await self.api.ask("{ events(first: 250) { pageInfo { endCursor } } }")
        return int(found["events"]["pageInfo"]["endCursor"])

    async def until(self, holds: Callable[[], Any], seconds: float = 15) -> None:
        """Wait until an asynchronous condition holds."""
        await eventually(holds, seconds)

    async def until_settled(self, code: str = "shop", seconds: float = 15) -> None:
        """Wait until the position of a webhook is the newest one."""

        async def is_settled() -> bool:
            return await self.position(code) >= await self.newest()

        await self.until(is_settled, seconds)

    async def exceptions(self) -> list[tuple[str, str]]:
        """(kind, status) of all exceptions, sorted."""
        nodes = (await self.api.ask(EXCEPTIONS))["exceptions"]["nodes"]
        return sorted((each["kind"], each["status"]) for each in nodes)


@asynccontextmanager
async def open_webhook_desk(
    database_url: str, retry_seconds: str = "0.1,0.2", **settings: Any
) -> AsyncIterator[WebhookDesk]:
    """A program that looks at its webhooks every 50 ms, and a receiver."""
    delays = tuple(map(float, retry_seconds.split(",")))
    api = InProcessServer(database_url, retry_seconds=delays, **settings)
    terms = api.restow.webhooks._terms
    api.restow.webhooks._terms = replace(terms, tick=0.05, backoff_seconds=0.02, backoff_max=0.1)
    await api.open()
    try:
        async with running_receiver() as receiver:
            await api.create_master_data()
            yield WebhookDesk(api, receiver, await api.a_key(Role.ADMIN, name="owner"))
    finally:
        await api.close()
