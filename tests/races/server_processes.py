"""Real server processes on one database, and a client that trades on them."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Self

import httpx

from tests.forks.forker import ForkedProcess, Forker
from tests.servers import free_port

KEY = "rsk_racetest0000_" + "k" * 43
PATIENCE_SECONDS = 90.0
WAREHOUSE = "mutation($i: LocationInput!) { locationUpsert(input: $i) { userErrors { message } } }"
CHANNEL = "mutation($i: ChannelInput!) { channelUpsert(input: $i) { userErrors { message } } }"
ITEMS = "mutation($i: [ItemInput!]!) { itemsUpsert(items: $i) { userErrors { message } } }"
RECEIVE = "mutation($i: StockReceiptInput!) { stockReceive(input: $i) { userErrors { message } } }"
HOLD = """mutation($i: ReservationCreateInput!) { reservationCreate(input: $i) {
  replayed reservation { id status } userErrors { code field message details } } }"""
ORDER = """mutation($i: OrderPlaceInput!) { orderPlace(input: $i) {
  replayed order { id status } userErrors { code field message } } }"""
NEW_KEY = "mutation($i: ApiKeyInput!) { apiKeyCreate(input: $i) { secret } }"

Json = dict[str, Any]


@cache
def server_parent() -> Forker:
    """The parent of all server processes of this test process."""
    parent = Forker("tests.races.server_life")
    atexit.register(parent.close)
    return parent


class Cluster:
    """`processes` servers on one database, started together, each on its own port.

    `settings`: further environment variables of the servers.
    """

    def __init__(
        self,
        database_url: str,
        *,
        processes: int = 1,
        broadcast: str = "memory://",
        **settings: str,
    ) -> None:
        self._environment = {
            **os.environ,
            "RESTOW_DATABASE_URL": database_url,
            "RESTOW_BROADCAST_URL": broadcast,
            "RESTOW_BOOTSTRAP_KEY": KEY,
            "RESTOW_DEMO": "0",
            "RESTOW_LOG_LEVEL": "warning",
            # On a busy machine connections wait longer, which is not a failure of these tests.
            "RESTOW_DATABASE_ACQUIRE_SECONDS": "60",
            **settings,
        }
        self.ports = [free_port() for _ in range(processes)]
        self.servers: list[ForkedProcess] = []
        self._log = tempfile.NamedTemporaryFile()  # noqa: SIM115  open as long as the servers
        # A connection for each request: the server may close an idle one at the moment when a slow
        # client reuses it.
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(limits=limits, timeout=60, trust_env=False)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        await self._client.aclose()

    async def start(self, idle: str | None = None) -> None:
        """Start all processes and wait until they are ready. `idle`: a work whose job stands."""
        self.launch(idle=idle)
        await self.ready()

    async def ready(self) -> None:
        """Wait until all processes are ready."""
        for port in self.ports:
            await self._ready(port)

    def launch(self, dies_at: Json | None = None, idle: str | None = None) -> None:
        """Start all processes. `dies_at`: where each kills itself (tests/races/server_life.py)."""
        self.servers = [
            server_parent().start(
                environment={**self._environment, "RESTOW_PORT": str(port)},
                log=self._log.name,
                dies_at=dies_at,
                idle=idle,
            )
            for port in self.ports
        ]

    async def _ready(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = await self._client.get(f"http://127.0.0.1:{port}/readyz")
                if answer.status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"no server on {port}:\n{self.log_end()}")

    def log_end(self) -> str:
        """The end of the servers' log."""
        self._log.seek(0)
        return self._log.read()[-12_000:].decode(errors="replace")

    def kill(self) -> None:
        """Send SIGKILL to all processes, so that none can shut down cleanly."""
        for server in self.servers:
            server.send_signal(signal.SIGKILL)
        for server in self.servers:
            server.wait()

    async def terminate(self) -> None:
        """Send SIGTERM to all processes, and wait until they have ended."""
        for server in self.servers:
            server.send_signal(signal.SIGTERM)
        for server in self.servers:
            await asyncio.to_thread(server.wait)

    def pids(self) -> list[int]:
        return [server.pid for server in self.servers]

    async def ask(
        self,
        query: str,
        variables: Mapping[str, Any],
        *,
        at: int = 0,
        key: str | None = None,
        by: str = KEY,
    ) -> Json:
        """Return the only field of a request to one of the processes. AssertionError on errors."""
        [payload] = (await self.data(query, variables, at=at, key=key, by=by)).values()
        result: Json = payload
        return result

    async def data(
        self,
        query: str,
        variables: Mapping[str, Any],
        *,
        at: int = 0,
        key: str | None = None,
        by: str = KEY,
    ) -> Json:
        """Return the data of a request. `key` is an idempotency key, `by` the API key."""
        headers = {"Authorization": f"Bearer {by}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        port = self.ports[at % len(self.ports)]
        answer = await self._client.post(
            f"http://127.0.0.1:{port}/graphql",
            json={"query": query, "variables": variables},
            headers=headers,
        )
        body: Json = answer.json()
        assert "errors" not in body, f"{body}\n{self.log_end()}"
        data: Json = body["data"]
        return data

    async def a_key(self, number: int, role: str, **scope: Any) -> str:
        """Create an API key whose actor is `<role>-<number>`, and return its secret."""
        name = f"{role.lower()}-{number}"
        given = {"name": name, "actor": name, "role": role, **scope}
        return str((await self.ask(NEW_KEY, {"i": given}))["secret"])


class TradingClient:
    """A client with its own channel, so that tests can share the servers."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    async def furnish(
        self, skus: Sequence[str], stock: Mapping[str, int], *, buffer: int = 0
    ) -> None:
        """Create items, a stocked warehouse for each entry of `stock`, and a channel."""
        goods = [{"sku": self.own(sku), "name": sku, "unitCost": gbp("4.00")} for sku in skus]
        await self._do(ITEMS, goods)
        for code, units in stock.items():
            place = self.own(code)
            await self._do(WAREHOUSE, {"code": place, "name": code, "kind": "WAREHOUSE"})
            lines = [{"sku": self.own(sku), "quantity": units} for sku in skus]
            await self._do(RECEIVE, {"locationCode": place, "reference": "PO-1", "lines": lines})
        channel = {
            "code": self.name,
            "name": "Web shop",
            "kind": "STOREFRONT",
            "currencyCode": "GBP",
            "safetyBuffer": buffer,
            "locationCodes": [self.own(code) for code in stock],
        }
        await self._do(CHANNEL, channel)

    def own(self, code: str) -> str:
        """A code that only this client uses."""
        return f"{self.name}-{code}"

    async def _do(self, query: str, given: object) -> None:
        payload = await self.cluster.ask(query, {"i": given})
        assert payload["userErrors"] == []

    async def hold(self, lines: Mapping[str, int], *, at: int = 0, key: str | None = None) -> Json:
        wanted = [{"sku": self.own(sku), "quantity": units} for sku, units in lines.items()]
        given = {"channel": self.name, "lines": wanted}
        return await self.cluster.ask(HOLD, {"i": given}, at=at, key=key)

    async def place(
        self,
        lines: Mapping[str, int],
        reference: str,
        *,
        at: int = 0,
        hold: str | None = None,
        key: str | None = None,
    ) -> Json:
        wanted = [
            {"sku": self.own(sku), "quantity": units, "unitPrice": gbp("10.00")}
            for sku, units in lines.items()
        ]
        given = {"channel": self.name, "externalReference": reference, "lines": wanted}
        if hold is not None:
            given["reservationId"] = hold
        return await self.cluster.ask(ORDER, {"i": given}, at=at, key=key)


def gbp(amount: str) -> Json:
    """An amount in pounds, as GraphQL input."""
    return {"amount": amount, "currencyCode": "GBP"}


def codes(payloads: Sequence[Json]) -> dict[str, int]:
    """Number of answers for each code: OK, or the code of the first user error."""
    counted: dict[str, int] = {}
    for payload in payloads:
        errors: list[Mapping[str, str]] = payload["userErrors"]
        code = errors[0]["code"] if errors else "OK"
        counted[code] = counted.get(code, 0) + 1
    return counted
