"""Streams: one event to many subscribers, one SKU to each subscriber, memory of an idle one."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from statistics import median

import asyncpg

from benchmarks.catalog import fresh_postgres, sku
from benchmarks.clients.subscriber_process import (
    SKUS,
    SubscriberProcess,
    bodies_of,
    change_in,
    plan_of,
    receipts,
)
from benchmarks.clients.subscribers import Order
from benchmarks.processes import Server, contender, ours, running
from benchmarks.results.findings import Figures, Findings, Ratio

SIZES = (1_000, 100, 5_000)  # the first size runs on new servers, for the memory figure
FILES_NEEDED = 12_000
ROUNDS = 3
# per publish at full rate: the number of SKUs in one receipt times the subscribers
DELIVERIES = 10_000
FULL_PUBLISHES = 6
# Enough that the 99th percentile rests on several publishes, not on the slowest one.
PACED_PUBLISHES = {100: 200, 1_000: 40, 5_000: 10}
PAUSE_SECONDS = 0.05
SEPARATE_EVENTS = 150
COMMITTED = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
FROM event WHERE type = 'stock.changed' ORDER BY id DESC LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class StreamRound:
    """One round of a contender.

    `rate` is deliveries per second and `cpu_ms` the server's time per delivery, both at full rate.
    `latencies` are milliseconds from commit to client, with one publish at a time.
    """

    rate: float
    cpu_ms: float
    latencies: Sequence[float]

    @property
    def median_ms(self) -> float:
        """Median latency."""
        return median(self.latencies)

    @property
    def p99_ms(self) -> float:
        """99th percentile of the latency."""
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]


def streams(postgres: str) -> Findings:
    """Measure deliveries against the contenders, the cost of one SKU each, and memory."""
    chosen = sizes()  # before the servers start: they inherit the limit on open files
    url = asyncio.run(fresh_postgres(postgres, "streams", SKUS, (50, 50, 50)))
    findings = Findings("streams", "streams, one change of stock to all subscribers")
    servers = [
        ours(url),
        contender("baseline", "benchmarks.contenders.baseline_streams", url, "/stream"),
        contender("strawberry", "benchmarks.contenders.strawberry_streams", url, "/graphql/"),
    ]
    with running(*servers):
        for size in chosen:
            _one_to_all(findings, url, servers, size)
        findings.ratios.append(_one_sku_each(servers[0]))
    return findings


def sizes() -> Sequence[int]:
    """Numbers of subscribers that the limit on open files allows; raise the limit if possible."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (now, most) or most >= FILES_NEEDED:
        if 0 <= now < FILES_NEEDED:
            resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, most))
        return SIZES
    print(
        f"    no round with {SIZES[-1]} subscribers: it needs ulimit -n {FILES_NEEDED}, not {most}"
    )
    return SIZES[:-1]


def _one_to_all(findings: Findings, url: str, servers: Sequence[Server], size: int) -> None:
    with _subscriber_processes(servers, size) as (processes, memory, frame):
        rounds_of: dict[str, list[StreamRound]] = {name: [] for name in processes}
        for number in range(ROUNDS):
            names = [name for name in processes if name != "strawberry" or number == 0]
            for name in names[:: -1 if number % 2 else 1]:
                rounds_of[name].append(_measure_round(processes[name], url, size, frame))
                _print_round(f"round {number + 1}  {name}, {size}", rounds_of[name][-1])
    figures = {
        f"{name}, {size}": Figures(
            rate=median(each.rate for each in rounds),
            cpu_ms=median(each.cpu_ms for each in rounds),
            median_ms=median(each.median_ms for each in rounds),
            p99_ms=median(each.p99_ms for each in rounds),
        )
        for name, rounds in rounds_of.items()
    }
    findings.figures |= figures
    mine, baseline = f"ours, {size}", f"baseline, {size}"
    late = figures[mine].p99_ms / figures[baseline].p99_ms
    findings.ratios += [
        Ratio(f"ours ÷ baseline, {size} subscribers", findings.rate_of(mine, baseline), 0.9),
        Ratio(f"ours ÷ baseline, {size}, commit to client, p99", late, 1.5, at_most=True),
    ]
    if size == SIZES[0]:
        reached = memory["ours"] / memory["baseline"]
        findings.ratios.append(
            Ratio("ours ÷ baseline, memory of an idle subscriber", reached, 1.5, at_most=True)
        )


@contextmanager
def _subscriber_processes(
    servers: Sequence[Server], size: int
) -> Iterator[tuple[Mapping[str, SubscriberProcess], Mapping[str, float], str]]:
    """Connect warm subscribers to each server.

    Yields the client processes, the kilobytes that each subscriber added to its server, and one
    frame of Restow.
    """
    found: dict[str, SubscriberProcess] = {}
    memory: dict[str, float] = {}
    frame = ""
    try:
        for server in servers:
            before = server.memory_mb
            subscribers = found[server.name] = SubscriberProcess(server, plan_of(server, size))
            memory[server.name] = 1000 * (server.memory_mb - before) / size
            print(f"    {server.name}, {size}: {memory[server.name]:.1f} kB each", flush=True)
            sample = subscribers.warm(Order(bodies_of(server, 1, frame), events=1, publishes=1))
            frame = frame or sample
            assert _shape(sample) == _shape(frame), f"{server.name}: {sample}"
        yield found, memory, frame
    finally:
        for subscribers in found.values():
            subscribers.close()


def _shape(frame: str) -> set[str]:
    change = change_in(frame)
    return {*change, *change["level"]}


def _measure_round(subscribers: SubscriberProcess, url: str, size: int, frame: str) -> StreamRound:
    """Measure one round: at full rate, then one publish at a time."""
    events = DELIVERIES // size
    full = Order(bodies_of(subscribers.server, events, frame), events, FULL_PUBLISHES, window=2)
    bodies = bodies_of(subscribers.server, 1, frame)
    paced = Order(bodies, 1, PACED_PUBLISHES[size], pause=PAUSE_SECONDS)
    if subscribers.server.name == "strawberry":
        full, paced = replace(full, publishes=1), replace(paced, publishes=1)
    done, cpu_seconds = subscribers.carry_out(full)
    late, _ = subscribers.carry_out(paced)
    begun = _commits(subscribers, url, late.answers)
    latencies = [
        1000 * (at - start)
        for start, arrivals in zip(begun, late.arrivals, strict=True)
        for at in arrivals
    ]
    rate = done.deliveries / done.seconds
    return StreamRound(rate, 1000 * cpu_seconds / done.deliveries, latencies)


def _commits(subscribers: SubscriberProcess, url: str, answers: Sequence[str]) -> list[float]:
    """Commit times of the published events.

    Contenders without commits return the request's arrival.
    """
    if subscribers.server.name != "ours":
        return [json.loads(answer)["at"] for answer in answers]
    return asyncio.run(_committed(url, len(answers)))


async def _committed(url: str, events: int) -> list[float]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(COMMITTED, events)
    finally:
        await connection.close()
    return [row["at"] for row in reversed(rows)]


def _one_sku_each(server: Server) -> Ratio:
    """CPU per event with 1,000 subscribers of one SKU each, relative to one subscriber.

    The cost of the commit is included in both.
    """
    every = [sku(number) for number in range(1, SKUS + 1)]
    groups = {"none": (), "one": every[:1], "each": every}
    costs: dict[str, list[float]] = {name: [] for name in groups}
    for number in range(ROUNDS):
        for name in list(groups)[:: -1 if number % 2 else 1]:
            skus = groups[name]
            order = Order(receipts(skus or every[:1], 1), events=1, publishes=SEPARATE_EVENTS)
            plan = plan_of(server, len(skus), skus or every[:1])
            with closing(SubscriberProcess(server, plan)) as subscribers:
                if skus:
                    bodies = receipts(skus, min(len(skus), 100))
                    subscribers.warm(Order(bodies, events=1, publishes=1))
                _, seconds = subscribers.carry_out(order)
            costs[name].append(1000 * seconds / SEPARATE_EVENTS)
            print(f"    round {number + 1}  {name:<12} {costs[name][-1]:7.3f} ms CPU", flush=True)
    none, one, each = (median(costs[name]) for name in ("none", "one", "each"))
    print(f"    without the commit: {one - none:.3f} and {each - none:.3f} ms", flush=True)
    return Ratio("1,000 on 1,000 SKUs ÷ one, CPU per event", each / one, 2, at_most=True)


def _print_round(label: str, found: StreamRound) -> None:
    print(
        f"    {label:<24} {found.rate:9.0f}/s  {found.cpu_ms:7.4f} ms CPU"
        f"  {found.median_ms:7.2f} ms median  {found.p99_ms:7.2f} ms p99",
        flush=True,
    )
