"""Streams: one event to many subscribers, each SKU to its own, and what an idle one holds."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from statistics import median

import asyncpg

from benchmarks.catalogue import fresh_postgres, sku
from benchmarks.clients.audience import SKUS, Audience, bodies_of, change_in, plan_of, receipts
from benchmarks.clients.subscribers import Order
from benchmarks.processes import Server, contender, ours, running
from benchmarks.results.findings import Figures, Findings, Ratio

SIZES = (1_000, 100, 5_000)  # the first meets fresh servers, whose memory is measured
FILES_NEEDED = 12_000
ROUNDS = 3
DELIVERIES = 10_000  # per publish at full rate: so many SKUs in one receipt
FULL_PUBLISHES = 6
# So many that the 99th percentile hangs on several of them, and not on how the slowest one went.
CALM_PUBLISHES = {100: 200, 1_000: 40, 5_000: 10}
CALM_SECONDS = 0.05
ALONE_EVENTS = 150
COMMITTED = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
FROM event WHERE type = 'stock.changed' ORDER BY id DESC LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One round of a contender: deliveries per second and the server's milliseconds for each at
    full rate, milliseconds from commits to clients when calm."""

    rate: float
    cpu_ms: float
    latencies: Sequence[float]

    @property
    def median_ms(self) -> float:
        """Half of the deliveries are there by then."""
        return median(self.latencies)

    @property
    def p99_ms(self) -> float:
        """Nearly all are."""
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]


def streams(postgres: str) -> Findings:
    """Deliveries beside a bare broadcast and stock subscriptions; SKUs; memory."""
    chosen = sizes()  # before there are servers, which inherit the limit
    url = asyncio.run(fresh_postgres(postgres, "streams", SKUS, (50, 50, 50)))
    findings = Findings("streams", "streams, one change of stock to all subscribers")
    servers = [
        ours(url),
        contender("limit", "benchmarks.contenders.baseline_streams", url, "/stream"),
        contender("stock", "benchmarks.contenders.strawberry_streams", url, "/graphql/"),
    ]
    with running(*servers):
        for size in chosen:
            _one_to_many(findings, url, servers, size)
        findings.ratios.append(_each_to_its_own(servers[0]))
    return findings


def sizes() -> Sequence[int]:
    """How many subscribers, as far as processes may open files; raises their limit if it may."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (now, most) or most >= FILES_NEEDED:
        if 0 <= now < FILES_NEEDED:
            resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, most))
        return SIZES
    print(f"    {SIZES[-1]} subscribers need ulimit -n {FILES_NEEDED}: {most} here, left out")
    return SIZES[:-1]


def _one_to_many(findings: Findings, url: str, servers: Sequence[Server], size: int) -> None:
    with _audiences(servers, size) as (audiences, memory, frame):
        heard: dict[str, list[Heard]] = {name: [] for name in audiences}
        for number in range(ROUNDS):
            names = [name for name in audiences if name != "stock" or number == 0]
            for name in names[:: -1 if number % 2 else 1]:
                heard[name].append(_hear(audiences[name], url, size, frame))
                _tell(f"round {number + 1}  {name}, {size}", heard[name][-1])
    figures = {
        f"{name}, {size}": Figures(
            rate=median(each.rate for each in rounds),
            cpu_ms=median(each.cpu_ms for each in rounds),
            median_ms=median(each.median_ms for each in rounds),
            p99_ms=median(each.p99_ms for each in rounds),
        )
        for name, rounds in heard.items()
    }
    findings.figures |= figures
    mine, bare = f"ours, {size}", f"limit, {size}"
    late = figures[mine].p99_ms / figures[bare].p99_ms
    findings.ratios += [
        Ratio(f"ours ÷ limit, {size} subscribers", findings.rate_of(mine, bare), 0.9),
        Ratio(f"ours ÷ limit, {size}, commit to client, p99", late, 1.5, at_most=True),
    ]
    if size == SIZES[0]:
        reached = memory["ours"] / memory["limit"]
        findings.ratios.append(Ratio("ours ÷ bare, an idle subscriber", reached, 1.5, at_most=True))


@contextmanager
def _audiences(
    servers: Sequence[Server], size: int
) -> Iterator[tuple[Mapping[str, Audience], Mapping[str, float], str]]:
    """A warm audience at each server; kilobytes that each subscriber took; a frame of ours."""
    found: dict[str, Audience] = {}
    memory: dict[str, float] = {}
    frame = ""
    try:
        for server in servers:
            before = server.memory_mb
            audience = found[server.name] = Audience(server, plan_of(server, size))
            memory[server.name] = 1000 * (server.memory_mb - before) / size
            print(f"    {server.name}, {size}: {memory[server.name]:.1f} kB each", flush=True)
            sample = audience.warm(Order(bodies_of(server, 1, frame), events=1, publishes=1))
            frame = frame or sample
            assert _shape(sample) == _shape(frame), f"{server.name}: {sample}"
        yield found, memory, frame
    finally:
        for audience in found.values():
            audience.close()


def _shape(frame: str) -> set[str]:
    change = change_in(frame)
    return {*change, *change["level"]}


def _hear(audience: Audience, url: str, size: int, frame: str) -> Heard:
    """One round: at full rate, then one commit at a time."""
    events = DELIVERIES // size
    full = Order(bodies_of(audience.server, events, frame), events, FULL_PUBLISHES, window=2)
    calm = Order(bodies_of(audience.server, 1, frame), 1, CALM_PUBLISHES[size], pause=CALM_SECONDS)
    if audience.server.name == "stock":
        full, calm = replace(full, publishes=1), replace(calm, publishes=1)
    heard, cpu_seconds = audience.hear(full)
    late, _ = audience.hear(calm)
    begun = _commits(audience, url, late.answers)
    latencies = [
        1000 * (at - start)
        for start, arrivals in zip(begun, late.arrivals, strict=True)
        for at in arrivals
    ]
    rate = heard.deliveries / heard.seconds
    return Heard(rate, 1000 * cpu_seconds / heard.deliveries, latencies)


def _commits(audience: Audience, url: str, answers: Sequence[str]) -> list[float]:
    """When what was published was committed; where nothing is, when its request was there."""
    if audience.server.name != "ours":
        return [json.loads(answer)["at"] for answer in answers]
    return asyncio.run(_committed(url, len(answers)))


async def _committed(url: str, events: int) -> list[float]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(COMMITTED, events)
    finally:
        await connection.close()
    return [row["at"] for row in reversed(rows)]


def _each_to_its_own(server: Server) -> Ratio:
    """What an event costs with its commit: of 1,000 with a SKU each, beside one subscriber."""
    every = [sku(number) for number in range(1, SKUS + 1)]
    crowds = {"nobody": (), "one": every[:1], "each": every}
    costs: dict[str, list[float]] = {name: [] for name in crowds}
    for number in range(ROUNDS):
        for name in list(crowds)[:: -1 if number % 2 else 1]:
            skus = crowds[name]
            order = Order(receipts(skus or every[:1], 1), events=1, publishes=ALONE_EVENTS)
            with closing(Audience(server, plan_of(server, len(skus), skus or every[:1]))) as crowd:
                if skus:
                    crowd.warm(Order(receipts(skus, min(len(skus), 100)), events=1, publishes=1))
                _, seconds = crowd.hear(order)
            costs[name].append(1000 * seconds / ALONE_EVENTS)
            print(f"    round {number + 1}  {name:<12} {costs[name][-1]:7.3f} ms CPU", flush=True)
    nobody, one, each = (median(costs[name]) for name in ("nobody", "one", "each"))
    print(f"    beyond its commit: {one - nobody:.3f} and {each - nobody:.3f} ms", flush=True)
    return Ratio("1,000 on 1,000 SKUs ÷ one, CPU per event", each / one, 2, at_most=True)


def _tell(words: str, heard: Heard) -> None:
    print(
        f"    {words:<24} {heard.rate:9.0f}/s  {heard.cpu_ms:7.4f} ms CPU"
        f"  {heard.median_ms:7.2f} ms median  {heard.p99_ms:7.2f} ms p99",
        flush=True,
    )
