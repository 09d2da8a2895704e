"""Scans of parcels: spread over 10,000 SKUs, and on the SKU that all others hold.

The parts check that each accepted scan is on its line, and booked on the stock.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from benchmarks.catalog import fresh_postgres, sku
from benchmarks.clients.requests import Plan
from benchmarks.floor import (
    CLAIMED,
    WAREHOUSE,
    Parcels,
    add_floor,
    bin_code,
    fulfillment_id,
)
from benchmarks.parts.holds import CLIENTS, hold_plan
from benchmarks.parts.reads import HEADERS, graphql
from benchmarks.processes import BESIDE_SECONDS, Measured, Server, ours, running
from benchmarks.results.findings import Findings, Ratio, Run, alternated

ROUNDS = 3
SKUS = 10_000
SCANS = 3_000
SPREAD = Parcels(1, 6_000, SKUS, lines_max=3, task=CLAIMED)
SCANNERS = 8
SECONDS = 3.0
MARGIN_SECONDS = 5.0  # the clients start, and their last holds end, within it
HOT_SCANS = 5_000
HOT_PARCELS = 2 * ROUNDS * HOT_SCANS
BOOKED_WITHIN_SECONDS = 60
SCAN = """mutation Scan($location: String!, $scans: [ScanInput!]!) {
  fulfillmentScan(locationCode: $location, queue: PICK, scans: $scans) {
    results { fulfillment { id status } sku quantity remaining complete binEmptied }
    userErrors { code } } }"""
BOOKS = """
SELECT (SELECT COUNT(*) FROM unbooked_pick) AS waiting,
  (SELECT CAST(SUM(picked) AS bigint) FROM stock_level) AS booked,
  (SELECT CAST(SUM(picked) AS bigint) FROM fulfillment_line) AS scanned
"""
Scan = tuple[int, str]  # a parcel and an SKU of it


def scan_plan(server: Server, scans: Sequence[Scan], prefix: str, connections: int) -> Plan:
    """Plan of calls of one scan each, as a terminal sends them: the parcel, the bin, the code."""
    bodies = [
        graphql(
            SCAN,
            location=WAREHOUSE,
            scans=[
                {"fulfillmentId": fulfillment_id(parcel), "code": name, "binCode": bin_code(name)}
            ],
        )
        for parcel, name in scans
    ]
    return Plan(
        port=server.port,
        path=server.path,
        bodies=bodies,
        marks={"scanned": '"userErrors":[]'},
        connections=connections,
        requests=len(bodies),
        headers=HEADERS,
        keyed=True,
        key_prefix=prefix,
    )


async def check_scans(url: str, scanned: int) -> None:
    """Assert that all scans are on their lines, and booked on the stock soon after."""
    connection = await asyncpg.connect(url)
    try:
        deadline = time.monotonic() + BOOKED_WITHIN_SECONDS
        while (row := await connection.fetchrow(BOOKS))["waiting"]:
            assert time.monotonic() < deadline, f"{row['waiting']} picks are not booked"
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
    assert row["booked"] == row["scanned"] == scanned, f"{scanned} answered, {dict(row)}"


def scans(postgres: str) -> Findings:
    """Single scans of parcels of one to three units, and holds of one to three lines."""
    url = asyncio.run(fresh_postgres(postgres, "scans", SKUS, (1_000, 1_000, 1_000)))
    asyncio.run(add_floor(url, [SPREAD]))
    server, chance = ours(url), random.Random(17)
    units = [(n, name) for n in range(SPREAD.first, SPREAD.last + 1) for name in SPREAD.lines(n)]
    chance.shuffle(units)
    orders = [
        [(sku(n), 1) for n in chance.sample(range(1, SKUS + 1), chance.randint(1, 3))]
        for _ in range(SCANS)
    ]

    def scan(number: int) -> Measured:
        some = units[number * SCANS : (number + 1) * SCANS]
        return server.measure(scan_plan(server, some, f"scan-{number}-", CLIENTS))

    def hold(number: int) -> Measured:
        return server.measure(hold_plan(server, orders, SCANS, f"hold-{number}-"))

    findings = Findings("scans", f"scans over 10,000 SKUs, {CLIENTS} clients")
    with running(server):
        findings.figures = alternated({"scans": scan, "holds": hold}, ROUNDS)
        asyncio.run(check_scans(url, ROUNDS * SCANS))
    findings.ratios = [Ratio("scans ÷ holds", findings.rate_of("scans", "holds"), 0.7)]
    return findings


def hot_scans(postgres: str) -> Findings:
    """Holds of one SKU, alone and while it or another SKU is scanned."""
    url = asyncio.run(fresh_postgres(postgres, "hotscans", 2, (1_000_000, 0, 0)))
    hot = Parcels(1, HOT_PARCELS, 1, lines_max=1, task=CLAIMED)
    other = replace(hot, first=HOT_PARCELS + 1, last=HOT_PARCELS + HOT_PARCELS // 2, item_id=2)
    asyncio.run(add_floor(url, [hot, other]))
    server = ours(url)

    def holds(kind: str, number: int) -> Plan:
        prefix = f"{kind}-{number}-"
        plan = hold_plan(server, [[(sku(1), 1)]], 0, prefix)
        return replace(plan, requests=None, seconds=SECONDS)

    def beside(kind: str, first: int, pause: float) -> Run:
        name = sku(2 if first > HOT_PARCELS else 1)

        def measure(number: int) -> Measured:
            start = first + number * HOT_SCANS
            some = [(parcel, name) for parcel in range(start, start + HOT_SCANS)]
            plan = scan_plan(server, some, f"{kind}-scan-{number}-", SCANNERS)
            seconds = BESIDE_SECONDS + SECONDS + MARGIN_SECONDS
            scanning = replace(plan, requests=None, seconds=seconds, pause_seconds=pause)
            return server.measure_beside(holds(kind, number), scanning)

        return measure

    findings = Findings("hotscans", f"holds of one SKU, {CLIENTS} clients, beside scans")
    with running(server):
        findings.figures = alternated(
            {
                "alone": lambda number: server.measure(holds("alone", number)),
                "scanned": beside("scanned", 1, 1.0),
                "scanned, no pause": beside("hurried", 1 + ROUNDS * HOT_SCANS, 0.0),
                "another, no pause": beside("another", HOT_PARCELS + 1, 0.0),
            },
            ROUNDS,
        )
    reached = findings.rate_of("scanned", "alone")
    label = f"while {SCANNERS} clients scan it, each once a second ÷ alone"
    findings.ratios = [Ratio(label, reached, 0.9)]
    hurried = findings.rate_of("scanned, no pause", "another, no pause")
    label = f"while {SCANNERS} scan it without a pause ÷ while they scan another"
    findings.ratios.append(Ratio(label, hurried, 0.9))
    return findings
