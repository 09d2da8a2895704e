"""Client process with many subscribers of one server, which also publishes the changes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.catalog import sku
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


class SubscriberProcess:
    """A running client process. RuntimeError if it ends early."""

    def __init__(self, server: Server, plan: Plan) -> None:
        self.server = server
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.clients.subscribers"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._request(asdict(plan))

    def warm(self, order: Order) -> str:
        """Publish until every subscriber has received a frame; return one frame."""
        return str(self._request({"what": "warm", "order": asdict(order)}))

    def carry_out(self, order: Order) -> tuple[Result, float]:
        """Carry out an order; return its result and the processor time that the server used."""
        before = self.server.cpu_seconds()
        found = Result(**self._request({"what": "carry_out", "order": asdict(order)}))
        return found, self.server.cpu_seconds() - before

    def close(self) -> None:
        self._process.communicate(timeout=15)

    def _request(self, question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"{self.server.name}: the subscriber process ended\n{self.server.log_end()}"
            )
        return json.loads(answer)


def plan_of(server: Server, subscribers: int, skus: Sequence[str] = ()) -> Plan:
    """Plan for subscribers of all SKUs.

    With `skus` each subscriber has one SKU, so an event reaches one subscriber.
    """
    payloads: list[dict[str, Any]] = [{"query": EVERYTHING}]
    if skus:
        payloads = [{"query": SOME, "variables": {"skus": [each]}} for each in skus]
    first = json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {KEY}"}})
    opening_messages = [
        (first, json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        for payload in payloads
    ]
    is_ours, is_baseline = server.path == "/graphql", server.name == "baseline"
    return Plan(
        port=server.port,
        path=server.path,
        subprotocol=None if is_baseline else SUBPROTOCOL,
        subscribers=subscribers,
        reached=min(subscribers, 1) if skus else subscribers,
        opening_messages=[()] if is_baseline else opening_messages,
        answers=0 if is_baseline else 1,
        publish_path="/graphql" if is_ours else "/publish",
        publish_head=(
            f"content-type: application/json\r\nauthorization: Bearer {KEY}\r\n" if is_ours else ""
        ),
        accepted='"userErrors":[]' if is_ours else '"at":',
    )


def receipts(skus: Sequence[str], events: int) -> list[str]:
    """Request bodies of receipts with `events` lines each; every line makes one event."""
    bodies = []
    for first in range(0, len(skus) - events + 1, events):
        lines = [
            {"sku": each, "quantity": 1, "unitCost": COST} for each in skus[first : first + events]
        ]
        delivery = {"locationCode": "LEEDS", "reference": "PO-1", "lines": lines}
        bodies.append(json.dumps({"query": RECEIVE, "variables": {"input": delivery}}))
    return bodies


def bodies_of(server: Server, events: int, frame: str) -> list[str]:
    """Request bodies that make a contender send `events` frames like `frame`, a frame of Restow."""
    if server.path == "/graphql":
        return receipts([sku(number) for number in range(1, SKUS + 1)], events)
    if server.name == "baseline":
        return [json.dumps([frame] * events)]
    return [json.dumps([change_in(frame)] * events)]


def change_in(frame: str) -> Any:
    """The stock change in a frame."""
    return json.loads(frame)["payload"]["data"]["stockChanged"]
