"""Holds among many others: live, ended, and expiring ones."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from benchmarks.catalog import fill_sqlite, fresh_postgres, sku
from benchmarks.clients.requests import Plan
from benchmarks.history import add_holds, add_holds_to_sqlite
from benchmarks.parts.holds import hold_plan
from benchmarks.processes import Measured, Server, ours, running
from benchmarks.results.findings import Findings, Ratio, Run, alternated
from models.migrations.runner import sqlite_path

SKUS = 10_000
UNITS = (1_000_000, 0, 0)
FEW, MANY, ENDED = 100, 100_000, 1_000_000
ROUNDS = 3
REQUESTS = {1: 300, 64: 2_000}
# As many holds expire per second as if 100,000 expired within a minute.
IS_LONG = os.environ.get("RESTOW_LONG") == "1"
EXPIRY_SECONDS = 60 if IS_LONG else 6
EXPIRING = MANY * EXPIRY_SECONDS // 60
DELAY_SECONDS = 3  # before the first end, while the holds are added
SWEPT_WITHIN_SECONDS = 60
LEFT = """
SELECT (SELECT COUNT(*) FROM reservation WHERE status = 'HELD' AND actor = 'history')
  + (SELECT COUNT(*) FROM event_pending) AS left_over
"""
ORDERS = [[(sku(number), 1)] for number in range(1, SKUS + 1)]


def live(postgres: str) -> Findings:
    """Holds among 100,000 live and 1,000,000 ended ones, and among 100 live ones."""
    now = datetime.now(UTC)
    few = asyncio.run(fresh_postgres(postgres, "few", SKUS, UNITS))
    asyncio.run(add_holds(few, FEW, "HELD", now + timedelta(hours=5), 3_600, SKUS))
    many = asyncio.run(fresh_postgres(postgres, "many", SKUS, UNITS))
    started = time.monotonic()
    asyncio.run(add_holds(many, ENDED, "RELEASED", now - timedelta(hours=50), 3_600, SKUS))
    asyncio.run(add_holds(many, MANY, "HELD", now + timedelta(hours=5), 3_600, SKUS))
    print(f"    {ENDED + MANY} holds: {time.monotonic() - started:.0f} s to fill", flush=True)
    servers = {"few": ours(few), "many": ours(many)}
    findings = Findings("live", "holds among 100,000 live and 1,000,000 ended ones")
    with running(*servers.values()):
        for clients in REQUESTS:
            runs = {f"{n}, {clients}": _holds(s, n, clients) for n, s in servers.items()}
            findings.figures |= alternated(runs, ROUNDS)
            of_many, of_few = (findings.figures[f"{name}, {clients}"] for name in ("many", "few"))
            label = f"among 100,000 ÷ among 100, clients: {clients}"
            reached = of_many.median_ms / of_few.median_ms
            findings.ratios.append(Ratio(f"{label}, latency", reached, 1.15, at_most=True))
    return findings


def _holds(server: Server, name: str, clients: int) -> Run:
    def measure(number: int) -> Measured:
        prefix = f"{name}-{clients}-{number}-"
        return server.measure(hold_plan(server, ORDERS, REQUESTS[clients], prefix, clients))

    return measure


def expiry(postgres: str) -> Findings:
    """Holds while 1,667 others expire each second, and while none expires, on both engines."""
    findings = Findings("expiry", f"holds while {EXPIRING} others expire in {EXPIRY_SECONDS} s")
    for clients in (1, 64):
        urls = [_fresh(postgres, f"{name}{clients}") for name in ("calm", "expiring")]
        _compare(findings, "PostgreSQL", urls, clients)
    with tempfile.TemporaryDirectory(prefix="restow-bench-") as folder:
        for clients in (1, 64):
            urls = [f"sqlite://{Path(folder) / f'{name}{clients}.db'}" for name in ("a", "b")]
            for url in urls:
                asyncio.run(fill_sqlite(url, SKUS, UNITS))
            _compare(findings, "SQLite", urls, clients)
    return findings


def _fresh(postgres: str, name: str) -> str:
    return asyncio.run(fresh_postgres(postgres, name, SKUS, UNITS))


def _compare(findings: Findings, engine: str, urls: Sequence[str], clients: int) -> None:
    """Add the p99 of holds on two databases: calm, and with expiring holds."""
    calm, expiring = (ours(url) for url in urls)
    names = [f"{engine}, {kind}, {clients}" for kind in ("calm", "expiring")]
    with running(calm, expiring):
        runs = {
            names[0]: _while(calm, urls[0], clients, timedelta(hours=10)),
            names[1]: _while(expiring, urls[1], clients, timedelta(seconds=DELAY_SECONDS)),
        }
        figures = alternated(runs, 1 if IS_LONG else ROUNDS)
    findings.figures |= figures
    reached = figures[names[1]].p99_ms / figures[names[0]].p99_ms
    label = f"{engine}, expiring ÷ calm, clients: {clients}, p99"
    findings.ratios.append(Ratio(label, reached, 2.0, at_most=True))


def _while(server: Server, url: str, clients: int, delay: timedelta) -> Run:
    """Holds of some clients while those that are added first end, or do not end yet."""

    def measure(number: int) -> Measured:
        begin = datetime.now(UTC) + delay
        _fill(url, begin)
        if is_soon := delay < timedelta(hours=1):
            _wait_until(begin)
        measured = server.measure(_during(server, clients, f"{clients}-{number}"))
        if is_soon:
            _check_swept(url)
        return measured

    return measure


def _fill(url: str, begin: datetime) -> None:
    if url.startswith("sqlite"):
        add_holds_to_sqlite(url, EXPIRING, begin, EXPIRY_SECONDS, SKUS)
    else:
        asyncio.run(add_holds(url, EXPIRING, "HELD", begin, EXPIRY_SECONDS, SKUS))


def _during(server: Server, clients: int, prefix: str) -> Plan:
    plan = hold_plan(server, ORDERS, 0, f"{prefix}-", clients)
    return replace(plan, requests=None, seconds=float(EXPIRY_SECONDS))


def _wait_until(instant: datetime) -> None:
    time.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))


def _check_swept(url: str) -> None:
    """Assert that all holds are swept, and all events numbered, soon after the last end."""
    deadline = time.monotonic() + SWEPT_WITHIN_SECONDS
    while left := asyncio.run(_left(url)):
        assert time.monotonic() < deadline, f"{left} holds or events are left"
        time.sleep(0.2)


async def _left(url: str) -> int:
    if url.startswith("sqlite"):
        with sqlite3.connect(sqlite_path(url)) as database:
            return int(database.execute(LEFT).fetchone()[0])
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(LEFT))
    finally:
        await connection.close()
