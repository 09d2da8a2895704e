"""Fixture of the sample schema over HTTP, in this process."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from domain.access.callers import Caller, Role, holder
from server.operations.engine import Engine, Operation
from server.operations.limits import RequestLimits
from server.transports.edge import EdgeLimits, NetworkEdge
from server.transports.http import GraphQLEndpoint, Observation
from tests.server.sample import SampleContext, a_schema, a_stock

SCHEMA = a_schema()
LIMITS = RequestLimits(body_bytes=200_000, tokens=1_000, fields=300)
EDGE = EdgeLimits(body_seconds=0.2)


class SampleClient:
    """The endpoint, with records of its contexts and observations."""

    def __init__(self, **options: Any) -> None:
        self.contexts: list[SampleContext] = []
        self.observed: list[Observation] = []
        self.refusal: Exception | None = None
        self.admitted = 0
        self.charged: list[int] = []
        self.engine = Engine(
            SCHEMA.graphql_schema,
            limits=LIMITS,
            **{key: options.pop(key) for key in ("introspection", "translate") if key in options},
        )
        self.endpoint = GraphQLEndpoint(
            self.engine,
            self.make_context,
            new_request_id=lambda: "req-1",
            admit=self.admit,
            charge=self.charge,
            edge=NetworkEdge(EDGE),
            observe=self.observed.append,
            **options,
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.endpoint), base_url="http://restow"
        )

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        """Admit everybody, unless there is a refusal."""
        self.admitted += 1
        if self.refusal is not None:
            raise self.refusal
        return holder(Role.ADMIN, actor="root")

    def charge(self, caller: Caller, tokens: int) -> None:
        """Record the tokens of a new document."""
        self.charged.append(tokens)

    def make_context(self, caller: Caller, operation: Operation) -> SampleContext:
        """Create a context for each operation."""
        context = SampleContext(operation=operation, rows=[a_stock()])
        self.contexts.append(context)
        return context

    async def post(self, payload: Any = None, **kwargs: Any) -> httpx.Response:
        """POST a payload as JSON, or `content` unchanged."""
        if "content" in kwargs:
            headers = {"content-type": "application/json", **kwargs.pop("headers", {})}
            return await self.client.post("/graphql", headers=headers, **kwargs)
        return await self.client.post("/graphql", json=payload, **kwargs)

    async def get(self, **params: Any) -> httpx.Response:
        """GET with parameters in the URL."""
        headers = params.pop("headers", {})
        return await self.client.get("/graphql", params=params, headers=headers)


@pytest.fixture
async def client() -> AsyncIterator[SampleClient]:
    """An endpoint with low limits."""
    client = SampleClient()
    yield client
    await client.client.aclose()
