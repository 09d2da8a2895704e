"""An audience: subscribers of a server, in a process of their own, and what is published."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.catalogue import sku
from benchmarks.clients.subscribers import Order, Plan, Result
from benchmarks.processes import KEY, ROOT, Server

SKUS = 1_000
SUBPROTOCOL = "graphql-transport-ws"
FIELDS = """{ cursor cause
  level { id available held onHand updatedAt item { sku } location { code } } }"""
EVERYTHING = f"subscription {{ stockChanged {FIELDS} }}"
SOME = f"subscription ($skus: [String!]) {{ stockChanged(skus: $skus) {FIELDS} }}"
RECEIVE = """mutation ($input: StockReceiptInput!) {
  stockReceive(input: $input) { userErrors { code message } } }"""
COST = {"amount": "1.00", "currencyCode": "GBP"}


class Audience:
    """A running client process. RuntimeError where it fails."""

    def __init__(self, server: Server, plan: Plan) -> None:
        self.server = server
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.clients.subscribers"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ask(asdict(plan))

    def warm(self, order: Order) -> str:
        """Publish until it reaches everybody; a frame that came."""
        return str(self._ask({"what": "warm", "order": asdict(order)}))

    def hear(self, order: Order) -> tuple[Result, float]:
        """What came of an order, and the processor time that the server took for it."""
        before = self.server.cpu_seconds()
        found = Result(**self._ask({"what": "hear", "order": asdict(order)}))
        return found, self.server.cpu_seconds() - before

    def close(self) -> None:
        """Leave."""
        self._process.communicate(timeout=15)

    def _ask(self, question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.server.name}: the audience left\n{self.server.log_end()}")
        return json.loads(answer)


def plan_of(server: Server, subscribers: int, skus: Sequence[str] = ()) -> Plan:
    """Subscribers of everything; or with `skus` of one SKU each, so that an event reaches one."""
    payloads: list[dict[str, Any]] = [{"query": EVERYTHING}]
    if skus:
        payloads = [{"query": SOME, "variables": {"skus": [each]}} for each in skus]
    first = json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {KEY}"}})
    greetings = [
        (first, json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        for payload in payloads
    ]
    is_ours, is_bare = server.path == "/graphql", server.name == "limit"
    return Plan(
        port=server.port,
        path=server.path,
        subprotocol=None if is_bare else SUBPROTOCOL,
        subscribers=subscribers,
        hears=min(subscribers, 1) if skus else subscribers,
        greetings=[()] if is_bare else greetings,
        answers=0 if is_bare else 1,
        publish_path="/graphql" if is_ours else "/publish",
        publish_head=(
            f"content-type: application/json\r\nauthorization: Bearer {KEY}\r\n" if is_ours else ""
        ),
        accepted='"userErrors":[]' if is_ours else '"at":',
    )


def receipts(skus: Sequence[str], events: int) -> list[str]:
    """Receipts of `events` SKUs each, through all of them; an event is a delivery's line."""
    bodies = []
    for first in range(0, len(skus) - events + 1, events):
        lines = [
            {"sku": each, "quantity": 1, "unitCost": COST} for each in skus[first : first + events]
        ]
        delivery = {"locationCode": "LEEDS", "reference": "PO-1", "lines": lines}
        bodies.append(json.dumps({"query": RECEIVE, "variables": {"input": delivery}}))
    return bodies


def bodies_of(server: Server, events: int, frame: str) -> list[str]:
    """What makes a contender send `events` answers like `frame`, which is one of ours."""
    if server.path == "/graphql":
        return receipts([sku(number) for number in range(1, SKUS + 1)], events)
    if server.name == "limit":
        return [json.dumps([frame] * events)]
    return [json.dumps([change_in(frame)] * events)]


def change_in(frame: str) -> Any:
    """The change that a frame tells."""
    return json.loads(frame)["payload"]["data"]["stockChanged"]
