"""Benefit of each fast path: processor time with and without it, measured in one run.

Each piece is replaced by the library's own way (benchmarks/contenders/without.py) in a server of
its own. Figures are processor time per answer; a ratio below 1.05 means that the piece may go.
"""

from __future__ import annotations

import asyncio
from statistics import median

from benchmarks.catalog import fresh_postgres, sku
from benchmarks.clients.subscriber_process import SKUS, SubscriberProcess, bodies_of, plan_of
from benchmarks.clients.subscribers import Order
from benchmarks.parts.holds import hold_plan
from benchmarks.parts.reads import availability_plan
from benchmarks.processes import Measured, Server, ours, running, without
from benchmarks.results.findings import Figures, Findings, Ratio, Run, alternated, repeated

ROUNDS = 5
PROTECTED_ROUNDS = 12
HOLDS = 1_500
SECONDS = 2.0
SUBSCRIBERS = 500
EVENTS = 20
PUBLISHES = 6
WORTH = 1.05  # times the processor time without the piece, at least


def rent(postgres: str) -> Findings:
    """Availability and holds over HTTP, then deliveries of a stream."""
    url = asyncio.run(fresh_postgres(postgres, "rent", SKUS, (1_000_000, 0, 0)))
    findings = Findings("rent", "fast paths, with and without each")
    for piece in ("input coercion", "root resolvers", "direct routes"):
        _requests(findings, url, piece)
    for piece in ("eager send", "write coalescing"):
        _deliveries(findings, url, piece)
    return findings


def protections(postgres: str) -> Findings:
    """Availability and holds with the limits of the edge and the sealed audit chain, and without.

    The rounds are many and alternate, because the difference is smaller than that of two rounds.
    """
    url = asyncio.run(fresh_postgres(postgres, "protections", SKUS, (1_000_000, 0, 0)))
    findings = Findings("protections", "limits of requests and the audit chain, with and without")
    mine, other = ours(url), without("protections", url)
    with running(mine, other):
        for name, load in {"availability": _availability, "holds": _holds}.items():
            rates: dict[str, list[float]] = {"protected": [], "unprotected": []}
            runs = {
                f"{kind}, {name}": _noting(rates[kind], load(server))
                for kind, server in (("protected", mine), ("unprotected", other))
            }
            findings.figures |= alternated(runs, PROTECTED_ROUNDS)
            pairs = zip(rates["protected"], rates["unprotected"], strict=True)
            reached = median(with_them / without_them for with_them, without_them in pairs)
            findings.ratios.append(Ratio(f"protected ÷ unprotected, {name}", reached, 0.97))
    return findings


def _noting(rates: list[float], run: Run) -> Run:
    """The run; the rate of each round is added to `rates`."""

    def noted(number: int) -> Measured:
        measured = run(number)
        rates.append(measured.rate)
        return measured

    return noted


def _requests(findings: Findings, url: str, piece: str) -> None:
    mine, other = ours(url), without(piece, url)
    with running(mine, other):
        for name, load in {"availability": _availability, "holds": _holds}.items():
            runs = {
                f"with {piece}, {name}": load(mine),
                f"without {piece}, {name}": load(other),
            }
            figures = alternated(runs, ROUNDS)
            findings.figures |= figures
            _compare(findings, piece, name)


def _availability(server: Server) -> Run:
    return repeated(server, availability_plan(server, SKUS, SECONDS))


def _holds(server: Server) -> Run:
    """Holds of two SKUs; the keys of each round are new, so no round repeats earlier answers."""
    orders = [[(sku(number), 1), (sku(number + 1), 2)] for number in range(1, 200)]
    return lambda number: server.measure(
        hold_plan(server, orders, HOLDS, f"{server.name}-{number}-")
    )


def _deliveries(findings: Findings, url: str, piece: str) -> None:
    mine, other = ours(url), without(piece, url)
    with running(mine, other):
        costs: dict[str, list[Figures]] = {}
        for number in range(ROUNDS):
            for name, server in (("with", mine), ("without", other))[:: -1 if number % 2 else 1]:
                figures = _delivery(server)
                costs.setdefault(f"{name} {piece}, streams", []).append(figures)
                print(f"    round {number + 1}  {name} {piece}: {figures.cpu_ms:.5f} ms CPU")
    findings.figures |= {
        name: Figures(
            rate=median(each.rate for each in rounds),
            cpu_ms=median(each.cpu_ms for each in rounds),
            median_ms=0.0,
            p99_ms=0.0,
        )
        for name, rounds in costs.items()
    }
    _compare(findings, piece, "streams")


def _delivery(server: Server) -> Figures:
    subscribers = SubscriberProcess(server, plan_of(server, SUBSCRIBERS))
    try:
        frame = subscribers.warm(Order(bodies_of(server, 1, ""), events=1, publishes=1))
        order = Order(bodies_of(server, EVENTS, frame), EVENTS, PUBLISHES, window=2)
        done, cpu_seconds = subscribers.carry_out(order)
    finally:
        subscribers.close()
    rate = done.deliveries / done.seconds
    return Figures(rate, 1000 * cpu_seconds / done.deliveries, 0.0, 0.0)


def _compare(findings: Findings, piece: str, load: str) -> None:
    with_it, without_it = (
        findings.figures[f"{name} {piece}, {load}"].cpu_ms for name in ("with", "without")
    )
    findings.ratios.append(
        Ratio(f"without ÷ with {piece}, {load}, CPU", without_it / with_it, WORTH)
    )
