"""SQLite, a catalog of a million SKUs, start-up time, and memory of an idle process."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.catalog import fill_sqlite, fresh_postgres, sku
from benchmarks.clients.imports import dependencies, import_seconds
from benchmarks.clients.requests import Plan
from benchmarks.clients.workflow import measure_rate
from benchmarks.parts.holds import CLIENTS, check_books, hold_plan
from benchmarks.parts.reads import DOCUMENTS, availability_plan, graphql_of
from benchmarks.processes import Measured, Server, ours, running
from benchmarks.results.findings import Findings, Ratio, Run, alternated, repeated
from models.migrations.runner import sqlite_path

ROUNDS = 3
LARGE, SMALL = 1_000_000, 1_000
GROWTH_SECONDS = 3.0
GROWTH_HOLDS = 1_500
STARTS = 5
IDLE_SECONDS = 3.0
SQLITE_HOLDS = {"ours": 6_000, "orm": 600}
MODULES = {"ours": "benchmarks.clients.workflow", "orm": "benchmarks.contenders.orm_holds"}
Order = Sequence[tuple[str, int]]


def sqlite(_: str) -> Findings:
    """Holds on SQLite with a sync to disk for each commit: Restow and an ORM, without HTTP."""
    findings = Findings("sqlite", "SQLite at synchronous=FULL, holds without HTTP, 100 clients")
    chance = random.Random(5)
    spread = [
        [(sku(n), 1) for n in chance.sample(range(1, SMALL + 1), chance.randint(1, 3))]
        for _ in range(2_000)
    ]
    for shape, orders in (("hot", [[(sku(1), 1)]]), ("spread", spread)):
        rates: dict[str, list[float]] = {"ours": [], "orm": []}
        for number in range(ROUNDS):
            for name in list(rates)[:: -1 if number % 2 else 1]:
                rate = _sqlite_rate(name, orders)
                rates[name].append(rate)
                print(f"    round {number + 1}  {shape:<7} {name:<5} {rate:9.0f}/s", flush=True)
        reached = median(rates["ours"]) / median(rates["orm"])
        findings.ratios.append(Ratio(f"ours ÷ ORM, {shape}", reached, 10))
    return findings


def _sqlite_rate(name: str, orders: Sequence[Order]) -> float:
    with tempfile.TemporaryDirectory(prefix="restow-bench-") as folder:
        url = f"sqlite://{Path(folder) / 'bench.db'}"
        asyncio.run(fill_sqlite(url, SMALL, (100_000, 100_000, 100_000)))
        count = SQLITE_HOLDS[name]
        rate = measure_rate(MODULES[name], url, orders, count, CLIENTS)
        requested = sum(units for k in range(count) for _, units in orders[k % len(orders)])
        with sqlite3.connect(sqlite_path(url)) as connection:
            [row] = connection.execute("SELECT sum(held), min(available) FROM stock_level")
        connection.close()
        assert row[0] == requested, f"{requested} answered, {row[0]} held"
        assert row[1] >= 0
        return rate


def growth(postgres: str) -> Findings:
    """The same requests for a thousand SKUs, alone and in a catalog of a million."""
    small = asyncio.run(fresh_postgres(postgres, "small", SMALL, (50, 50, 50)))
    started = time.monotonic()
    large = asyncio.run(fresh_postgres(postgres, "large", LARGE, (50, 50, 50)))
    print(
        f"    {LARGE} SKUs at 3 locations: {time.monotonic() - started:.0f} s to fill", flush=True
    )
    servers = {"1k": (ours(small), 1), "1M": (ours(large), LARGE // SMALL)}
    with running(*(server for server, _ in servers.values())):
        reads = alternated(
            {
                f"{name}, availability": repeated(server, _spaced_plan(server, step))
                for name, (server, step) in servers.items()
            },
            ROUNDS,
        )
        writes = alternated(
            {
                f"{name}, holds": _holds(server, step, name)
                for name, (server, step) in servers.items()
            },
            ROUNDS,
        )
        wanted = GROWTH_HOLDS * ROUNDS
        skus = [sku(1 + k * (LARGE // SMALL)) for k in range(SMALL)]
        asyncio.run(check_books(large, skus, wanted, is_sold_out=False))
    findings = Findings("growth", "1M against 1k SKUs, CPU per request", reads | writes)
    for kind in ("availability", "holds"):
        figures = findings.figures
        reached = figures[f"1M, {kind}"].cpu_ms / figures[f"1k, {kind}"].cpu_ms
        findings.ratios.append(Ratio(f"1M ÷ 1k, {kind}", reached, 1.2, at_most=True))
    return findings


def _spaced_plan(server: Server, step: int) -> Plan:
    chance = random.Random(7)
    numbers = [chance.sample(range(SMALL), 24) for _ in range(DOCUMENTS)]
    requested = [[sku(1 + k * step) for k in chosen] for chosen in numbers]
    plan = availability_plan(server, SMALL, GROWTH_SECONDS)
    return replace(plan, bodies=[graphql_of(skus) for skus in requested])


def _holds(server: Server, step: int, name: str) -> Run:
    orders = [[(sku(1 + k * step), 1)] for k in range(SMALL)]

    def measure(number: int) -> Measured:
        prefix = f"{name}-{number}-"
        measured = server.measure(hold_plan(server, orders, GROWTH_HOLDS, prefix))
        assert measured.load.counts == {"held": GROWTH_HOLDS}
        return measured

    return measure


def start(postgres: str) -> Findings:
    """Seconds from start to ready with 50,000 SKUs, and memory of the idle process."""
    url = asyncio.run(fresh_postgres(postgres, "start", 50_000, (50, 50, 50)))
    names = dependencies()
    seconds, imports, memory = [], [], []
    for _ in range(STARTS):
        imports.append(import_seconds(names))
        server = ours(url)
        with running(server):
            seconds.append(server.start_seconds)
            time.sleep(IDLE_SECONDS)
            memory.append(server.memory_mb)
        print(
            f"    {imports[-1]:.2f} s to import the dependencies, {seconds[-1]:.2f} s to ready,"
            f" {memory[-1]:.0f} MB idle",
            flush=True,
        )
    findings = Findings("start", "start and idle")
    reached = median(seconds) / median(imports)
    findings.ratios = [
        Ratio("start to ready ÷ import of the dependencies", reached, 1.5, at_most=True),
        Ratio("seconds from start to ready", median(seconds), 3, at_most=True),
        Ratio("MB resident when idle", median(memory), 150, at_most=True),
    ]
    return findings
