"""Work of the warehouse floor in large tables and in small ones, and a walk beside one statement.

One client each: latency. Both tables of a part are measured in the same run.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

from benchmarks.bulk import bulk
from benchmarks.catalog import fresh_postgres, sku
from benchmarks.clients.requests import Plan
from benchmarks.floor import CLAIMED, WAREHOUSE, ZONE, Parcels, add_codes, add_floor
from benchmarks.history import add_tasks, add_trade
from benchmarks.parts.reads import HEADERS, graphql
from benchmarks.processes import ROOT, Measured, Server, contender, ours, running
from benchmarks.results.findings import Figures, Findings, Ratio, Run, alternated, repeated

ROUNDS = 5
SKUS = 10_000
CLAIMS = 40
SECONDS = 2.0
WALKED = 50
CODES = 200
SWEEPS = 20
TASKS_OF_A_DAY = 2_000
OPEN_TASKS = 500
CLAIM = """mutation Claim($location: String!, $zone: String!) {
  taskClaim(queue: PICK, locationCode: $location, zoneCode: $zone) {
    tasks { id status } userErrors { code } } }"""
GIVE_BACK = """
UPDATE task SET status = 'OPEN', claimed_by = NULL, lease_until_at = NULL WHERE status = 'CLAIMED'
"""
WALK = """query Walk($location: String!) {
  pickWalk(locationCode: $location) { bin { code } item { sku } quantity
    parts { quantity fulfillment { id number } } } }"""
SCAN = """query Scan($code: String!, $location: String!) {
  scan(code: $code, locationCode: $location) { id ... on Item { sku } } }"""
METRICS = """query Metrics($locations: [String!], $from: DateTime!, $to: DateTime!) {
  queueMetrics(locations: $locations, from: $from, to: $to) {
    queue depth claimed overdue oldestSeconds done lapsed perHour medianSeconds } }"""
Fill = Callable[[str], Coroutine[Any, Any, None]]


def _filled(postgres: str, name: str, skus: int, units: tuple[int, ...], fill: Fill) -> str:
    """A new database with a catalog and the rows of `fill`; its URL."""
    started = time.monotonic()
    url = asyncio.run(fresh_postgres(postgres, name, skus, units))
    asyncio.run(fill(url))
    print(f"    {name}: {time.monotonic() - started:.0f} s to fill", flush=True)
    return url


def _plan(server: Server, bodies: list[str], mark: str, **other: object) -> Plan:
    plan = Plan(
        port=server.port,
        path=server.path,
        bodies=bodies,
        marks={"answered": mark},
        connections=1,
        headers=HEADERS,
    )
    return replace(plan, **other)  # type: ignore[arg-type]


def _compared(part: str, title: str, runs: Mapping[str, Run], label: str, bound: float) -> Findings:
    """The latency of the last run divided by that of the first."""
    findings = Findings(part, title, alternated(runs, ROUNDS))
    small, large = (findings.figures[name].median_ms for name in runs)
    findings.ratios = [Ratio(f"{label}, latency", large / small, bound, at_most=True)]
    return findings


def claims(postgres: str) -> Findings:
    """Claims of one task in a zone, among 100,000 open tasks and among 1,000."""
    urls = {
        name: _filled(
            postgres,
            f"claims{name}",
            SKUS,
            (100, 0, 0),
            partial(add_floor, parcels=[Parcels(1, last, SKUS, lines_max=3)]),
        )
        for name, last in (("1k", 1_000), ("100k", 100_000))
    }
    servers = {name: ours(url) for name, url in urls.items()}

    def run(name: str) -> Run:
        def measure(number: int) -> Measured:
            asyncio.run(_give_back(urls[name]))
            body = graphql(CLAIM, location=WAREHOUSE, zone=ZONE)
            keys = {"keyed": True, "key_prefix": f"{name}-{number}-"}
            mark = '"status":"CLAIMED"'
            return servers[name].measure(
                _plan(servers[name], [body], mark, requests=CLAIMS, **keys)
            )

        return measure

    with running(*servers.values()):
        runs = {name: run(name) for name in servers}
        title = "claims of tasks in a zone, one client"
        return _compared("claims", title, runs, "100k ÷ 1k open tasks", 1.3)


async def _give_back(url: str) -> None:
    async with bulk(url) as connection:
        await connection.execute(GIVE_BACK)


def walk(postgres: str) -> Findings:
    """The walk of 50 parcels among 10,000, and one SQL statement with the same answer."""
    mine = Parcels(1, WALKED, SKUS, lines_max=3, task=CLAIMED)
    others = replace(mine, first=WALKED + 1, last=10_000, task="OPEN")
    url = _filled(postgres, "walk", SKUS, (100, 0, 0), partial(add_floor, parcels=[mine, others]))
    server = ours(url)
    baseline = contender("baseline", "benchmarks.contenders.baseline", url, "/walk")
    with running(server, baseline):
        body = graphql(WALK, location=WAREHOUSE)
        plans = {
            "one statement": _plan(baseline, ["{}"], '{"pickWalk":[{"bin":', seconds=SECONDS),
            "ours": _plan(server, [body], '{"pickWalk":[{"bin":', seconds=SECONDS),
        }
        runs = {
            "one statement": repeated(baseline, plans["one statement"]),
            "ours": repeated(server, plans["ours"]),
        }
        theirs, found = (json.loads(run(0).load.sample)["data"] for run in runs.values())
        assert found == theirs, f"the walks differ: {str(found)[:300]} {str(theirs)[:300]}"
        title = f"walk of {WALKED} parcels, one client"
        return _compared("walk", title, runs, "ours ÷ one-statement endpoint", 3.0)


def codes(postgres: str) -> Findings:
    """Look-ups of scanned SKUs and codes among a million items, and among a thousand."""
    servers = {}
    for name, count in (("1k", 1_000), ("1M", 1_000_000)):
        fill = partial(add_codes, present=1_000, items=count)
        url = _filled(postgres, f"codes{name}", 1_000, (1,), fill)
        servers[name] = (ours(url), count)
    with running(*(server for server, _ in servers.values())):
        runs = {}
        for name, (server, count) in servers.items():
            numbers = [1 + n * (count // CODES) for n in range(CODES)]
            scanned = [sku(n) if n % 2 else f"code-{n}" for n in numbers]
            bodies = [graphql(SCAN, code=code, location=WAREHOUSE) for code in scanned]
            runs[name] = repeated(server, _plan(server, bodies, '"sku":"SKU-', seconds=SECONDS))
        title = "scanned codes of items, one client"
        return _compared("codes", title, runs, "1M ÷ 1k items", 1.15)


def sweeps(postgres: str) -> Findings:
    """Sweeps of exceptions that find nothing, among a million orders and among a thousand."""
    urls = {
        name: _filled(
            postgres,
            f"sweeps{name}",
            1_000,
            (1_000, 0, 0),
            partial(add_trade, count=count, skus=1_000),
        )
        for name, count in (("1k", 1_000), ("1M", 1_000_000))
    }
    times: dict[str, list[float]] = {name: [] for name in urls}
    for number in range(ROUNDS):
        for name in list(urls)[:: -1 if number % 2 else 1]:
            times[name].append(1000 * _sweep_seconds(urls[name]))
            print(f"    round {number + 1}  {name:<12} {times[name][-1]:7.2f} ms", flush=True)
    medians = {name: median(each) for name, each in times.items()}
    findings = Findings("sweeps", "sweeps of exceptions that find nothing")
    findings.figures = {
        name: Figures(1000 / ms, 0.0, ms, max(times[name])) for name, ms in medians.items()
    }
    reached = medians["1M"] / medians["1k"]
    findings.ratios = [Ratio("1M ÷ 1k orders, latency", reached, 1.2, at_most=True)]
    return findings


def _sweep_seconds(url: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.clients.sweeps", url, str(SWEEPS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


def metrics(postgres: str) -> Findings:
    """Figures of the queues for a day of 2,000 tasks, among a million tasks and among 10,000."""
    end = datetime.now(UTC).replace(microsecond=0)
    servers = {}
    for name, count in (("10k", 10_000), ("1M", 1_000_000)):
        url = _filled(
            postgres,
            f"metrics{name}",
            1,
            (1, 0, 0),
            partial(
                add_tasks, count=count, of_a_day=TASKS_OF_A_DAY, still_open=OPEN_TASKS, end=end
            ),
        )
        servers[name] = ours(url)
    window = {"from": (end - timedelta(days=1)).isoformat(), "to": end.isoformat()}
    body = graphql(METRICS, locations=[WAREHOUSE], **window)
    mark = f'"done":{TASKS_OF_A_DAY}'
    with running(*servers.values()):
        runs = {
            name: repeated(server, _plan(server, [body], mark, seconds=SECONDS))
            for name, server in servers.items()
        }
        title = "figures of the queues for a day, one client"
        return _compared("metrics", title, runs, "1M ÷ 10k tasks", 1.5)
