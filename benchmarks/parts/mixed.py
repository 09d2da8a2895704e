"""Mixed load: holds that expire, availability, orders and lists, by windows of equal length.

Holds live as long as a window. So the first window has no expiry, and each later one ends as many
holds as it makes. A window takes six seconds, or with RESTOW_LONG=1 a minute.
"""

from __future__ import annotations

import asyncio
import os
import random

from benchmarks.catalog import CHANNEL, fresh_postgres, sku
from benchmarks.clients.requests import UNIQUE, Plan, Window
from benchmarks.parts.holds import HOLD
from benchmarks.parts.reads import HEADERS, PLACE, SHAPES, SKUS_REQUESTED, graphql, graphql_of
from benchmarks.processes import Server, ours, running
from benchmarks.results.findings import Figures, Findings, Ratio

SKUS = 10_000
CLIENTS = 32
WINDOWS = 5
IS_LONG = os.environ.get("RESTOW_LONG") == "1"
WINDOW_SECONDS = 60 if IS_LONG else 6
BODIES = 4_000
# Kinds of ten requests.
MIX = ("hold",) * 4 + ("availability",) * 4 + ("order", "items")
MARKS = {
    "hold": '{"reservationCreate":{"reservation":{"id"',
    "availability": '{"availability":[{"sku":',
    "order": '{"orderPlace":{"order":{"id"',
    "items": '{"items":{"nodes":[{"id":',
}
PRICE = {"amount": "5.00", "currencyCode": "GBP"}


def mixed(postgres: str) -> Findings:
    """Throughput of the fifth window divided by that of the first."""
    url = asyncio.run(fresh_postgres(postgres, "mixed", SKUS, (1_000_000, 0, 0)))
    server = ours(url)
    with running(server):
        server.measure(mixed_plan(server, 2.0, ttl=3_600))  # caches and plans of a warm process
        windows = server.measure(mixed_plan(server, float(WINDOWS * WINDOW_SECONDS))).load.windows
    findings = Findings("mixed", f"mixed load, {CLIENTS} clients, windows of {WINDOW_SECONDS} s")
    for number, window in enumerate(windows, start=1):
        rate, late = window.answers / WINDOW_SECONDS, window.p99_ms["hold"]
        print(f"    window {number}  {rate:9.0f}/s  {late:8.2f} ms p99 of holds", flush=True)
        findings.figures[f"window {number}"] = _figures(window)
    reached = windows[WINDOWS - 1].answers / windows[0].answers
    findings.ratios = [Ratio(f"window {WINDOWS} ÷ window 1, throughput", reached, 0.95)]
    return findings


def _figures(window: Window) -> Figures:
    return Figures(window.answers / WINDOW_SECONDS, 0.0, 0.0, window.p99_ms["hold"])


def mixed_plan(server: Server, seconds: float, ttl: int = WINDOW_SECONDS) -> Plan:
    """Requests of the mix in random order; holds of one to three SKUs."""
    chance = random.Random(13)
    return Plan(
        port=server.port,
        path=server.path,
        bodies=[_body(chance.choice(MIX), chance, ttl) for _ in range(BODIES)],
        marks=MARKS,
        connections=CLIENTS,
        seconds=seconds,
        headers=HEADERS,
        key_prefix=f"{ttl}-",
        window_seconds=WINDOW_SECONDS,
    )


def _body(kind: str, chance: random.Random, ttl: int) -> str:
    if kind == "items":
        return graphql(SHAPES["items"])
    if kind == "availability":
        return graphql_of([sku(n) for n in chance.sample(range(1, SKUS + 1), SKUS_REQUESTED)])
    names = [sku(n) for n in chance.sample(range(1, SKUS + 1), chance.randint(1, 3))]
    lines: list[dict[str, object]] = [{"sku": name, "quantity": 1} for name in names]
    if kind == "hold":
        return graphql(HOLD, input={"channel": CHANNEL, "lines": lines, "ttlSeconds": ttl})
    priced = [{**line, "unitPrice": PRICE} for line in lines]
    order = {"channel": CHANNEL, "externalReference": UNIQUE, "lines": priced}
    return graphql(PLACE, input=order)
