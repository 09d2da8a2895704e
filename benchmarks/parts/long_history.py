"""A page of orders among a million orders, and among a thousand."""

from __future__ import annotations

import asyncio
import time

from benchmarks.catalog import fresh_postgres
from benchmarks.clients.requests import Plan
from benchmarks.history import add_orders
from benchmarks.parts.reads import HEADERS, SHAPES, graphql
from benchmarks.processes import Server, ours, running
from benchmarks.results.findings import Findings, Ratio, alternated, repeated

SKUS = 1_000
SMALL, LARGE = 1_000, 1_000_000
ROUNDS = 5
SECONDS = 2.0


def orders(postgres: str) -> Findings:
    """Latency of the newest orders with their lines, for one client."""
    servers = {}
    for name, count in (("1k", SMALL), ("1M", LARGE)):
        url = asyncio.run(fresh_postgres(postgres, f"orders{name}", SKUS, (50, 50, 50)))
        started = time.monotonic()
        asyncio.run(add_orders(url, count, SKUS))
        print(f"    {count} orders: {time.monotonic() - started:.0f} s to fill", flush=True)
        servers[name] = ours(url)
    with running(*servers.values()):
        runs = {name: repeated(server, _plan(server)) for name, server in servers.items()}
        figures = alternated(runs, ROUNDS)
    findings = Findings("orders", "a page of 20 orders, one client", figures)
    reached = figures["1M"].median_ms / figures["1k"].median_ms
    findings.ratios = [Ratio("1M ÷ 1k orders, latency", reached, 1.15, at_most=True)]
    return findings


def _plan(server: Server) -> Plan:
    return Plan(
        port=server.port,
        path=server.path,
        bodies=[graphql(SHAPES["orders"])],
        marks={"answered": '{"nodes":[{"id":'},
        connections=1,
        seconds=SECONDS,
        headers=HEADERS,
    )
