"""Figures of the floor as the API computes them, beside the replay's own record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table

import scripts.replay.floor.documents as documents
from scripts.replay.client import Api
from scripts.replay.floor.plan import FLOOR_RULES
from scripts.replay.floor.shelves import Shelves
from scripts.replay.floor.workers import FloorDone
from scripts.replay.order_plan import WAREHOUSE

# Tasks that are touches, except transfers, which have the queue RECEIVE too.
TOUCHES: Final = ("PICK", "PACK", "SHIP", "RECEIVE", "INSPECT", "DISPOSE")
DIFFERENCES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class FloorFigures:
    """The server's figures of the warehouse, and places where shelf and books differ."""

    done: FloorDone
    queues: Sequence[Mapping[str, Any]]
    floor: Mapping[str, Any]
    accuracy: Mapping[str, Any]
    differences: Sequence[str] = field(default_factory=list)

    def disagreements(self) -> list[str]:
        """Figures of the server that are not those of the replay's own record, as text."""
        found = [
            f"{name}: the server has {theirs}, the replay {ours}"
            for name, theirs, ours in self._pairs()
            if theirs != ours
        ]
        return [*found, *self.differences]

    def _pairs(self) -> Iterator[tuple[str, object, object]]:
        done, floor, accuracy = self.done, self.floor, self.accuracy
        queues = {each["queue"]: each for each in self.queues}
        touched = sum(queues[name]["done"] + queues[name]["lapsed"] for name in TOUCHES)
        yield "parcels shipped", floor["shipped"], done.parcels
        yield "touches", floor["touches"], touched - done.transfers
        yield "short rate", _rounded(floor["shortRate"]), _share(done.short, done.picked)
        refused, accepted = done.refused, done.scans - done.refused
        yield "mismatch rate", _rounded(floor["mismatchRate"]), _share(refused, accepted)
        yield "levels counted", accuracy["lines"], done.counted
        yield "levels counted without a difference", accuracy["exact"], done.exact
        for name, queue in queues.items():
            yield f"tasks left in {name}", queue["depth"], 0


def _share(part: int, rest: int) -> float | None:
    return _rounded(part / (part + rest)) if part + rest else None


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


async def read(server: Api, since: datetime, done: FloorDone, shelves: Shelves) -> FloorFigures:
    """Read the figures since the start, and compare all levels with the shelves."""
    window = {"location": WAREHOUSE, "from": since.isoformat()}
    answer = await server.ask(documents.FIGURES, window)
    differences = []
    async for level in server.pages(documents.SHELVES):
        difference = shelves.differs_from(level)
        if difference is not None:
            differences.append(difference)
        if level["missing"]:
            differences.append(f"{level['item']['sku']}: {level['missing']} units are missing")
    return FloorFigures(
        done,
        answer["queueMetrics"],
        answer["floorMetrics"],
        answer["inventoryAccuracy"],
        [*differences, *shelves.rest()],
    )


def report_floor(console: Console, figures: FloorFigures) -> None:
    """Print the rules, the figures of the queues and of the floor, and what disagrees."""
    done, floor, accuracy = figures.done, figures.floor, figures.accuracy
    console.print("\nThe work on the floor is made up by these rules, which go before the others:")
    for rule in FLOOR_RULES:
        console.print(f"  · {rule}")
    console.print(_queues(figures))
    console.print(
        f"floor: {floor['shipped']:,} parcels, {_number(floor['touchesPerOrder'])} touches per"
        f" order, short rate {_percent(floor['shortRate'])}, mismatch rate"
        f" {_percent(floor['mismatchRate'])}, dock to shelf {floor['dockToShelfSeconds']} s"
    )
    console.print(
        f"counts: {accuracy['lines']:,} levels, {accuracy['exact']:,} without a difference, line"
        f" accuracy {_percent(accuracy['lineAccuracy'])}, unit accuracy"
        f" {_percent(accuracy['unitAccuracy'])}; {done.recounts:,} counted again,"
        f" {done.approved:,} approved"
    )
    console.print(
        f"work: {done.scans_by_queue['PICK']:,} scans to pick, {done.scans_by_queue['PACK']:,} to"
        f" pack, {done.refused:,} refused; {done.short:,} of {done.picked + done.short:,} units"
        f" not found; {done.transfers:,} transfers of {done.transferred:,} units,"
        f" {done.damaged:,} damaged; {done.put_away:,} units put away"
    )
    disagreements = figures.disagreements()
    for each in disagreements[:DIFFERENCES_SHOWN]:
        console.print(f"  {each}")
    words = f"{len(disagreements):,} disagreements" if disagreements else "agree with the replay"
    console.print(f"shelves and figures: {words}")


def _queues(figures: FloorFigures) -> Table:
    table = Table(title=f"\nQueues of {WAREHOUSE}, from queueMetrics", title_justify="left")
    table.add_column("queue")
    for name in ("done", "lapsed", "per hour", "median s", "left"):
        table.add_column(name, justify="right")
    for queue in figures.queues:
        median = queue["medianSeconds"]
        table.add_row(
            queue["queue"],
            f"{queue['done']:,}",
            f"{queue['lapsed']:,}",
            f"{queue['perHour']:,.0f}",
            "–" if median is None else f"{median:,}",
            f"{queue['depth']:,}",
        )
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"
