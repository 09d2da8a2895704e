"""Results of one part of the benchmarks: figures by contender, and ratios with their bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.clients.requests import Plan
from benchmarks.processes import Measured, Server


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of one contender over its rounds."""

    rate: float
    cpu_ms: float
    median_ms: float
    p99_ms: float

    @staticmethod
    def of(rounds: Sequence[Measured]) -> Figures:
        """The median of each figure."""
        return Figures(
            rate=median(each.rate for each in rounds),
            cpu_ms=median(each.cpu_ms for each in rounds),
            median_ms=median(each.load.median_ms for each in rounds),
            p99_ms=median(each.load.p99_ms for each in rounds),
        )


@dataclass(frozen=True, slots=True)
class Ratio:
    """A measured ratio and its bound: a minimum, or with `at_most` a maximum."""

    name: str
    reached: float
    bound: float
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """True if the ratio is within its bound."""
        return self.reached <= self.bound if self.at_most else self.reached >= self.bound


@dataclass(slots=True)
class Findings:
    """Figures and ratios of one part."""

    part: str
    title: str
    figures: dict[str, Figures] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)

    def rate_of(self, name: str, over: str) -> float:
        """Throughput of one contender divided by that of another."""
        return self.figures[name].rate / self.figures[over].rate


Run = Callable[[int], Measured]


def repeated(server: Server, plan: Plan) -> Run:
    """A run that sends the same load in every round."""
    return lambda _: server.measure(plan)


def alternated(runs: Mapping[str, Run], rounds: int) -> dict[str, Figures]:
    """Run each contender once per round and return its medians.

    The order is reversed in every second round, so noise of the machine affects all contenders
    alike. A run receives the number of its round.
    """
    found: dict[str, list[Measured]] = {name: [] for name in runs}
    for number in range(rounds):
        names = list(runs)[:: -1 if number % 2 else 1]
        for name in names:
            measured = runs[name](number)
            found[name].append(measured)
            print(
                f"    round {number + 1}  {name:<12} {measured.rate:9.0f}/s"
                f"  {measured.cpu_ms:7.3f} ms CPU  {measured.load.median_ms:7.2f} ms median",
                flush=True,
            )
    return {name: Figures.of(rounds_of) for name, rounds_of in found.items()}
