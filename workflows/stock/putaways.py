"""Put-away: units go into bins, from the unbinned ones of their level or from another bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import models.queries.catalog.item_codes as code_queries
import models.queries.stock.bins as bin_queries
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import InsufficientStock, Invalid, LimitExceeded
from domain.events.stock import BinMove, StockPutAway
from domain.problems import Problems
from domain.stock.states import check_quantity
from domain.tasks import QueueKind
from domain.values.codes import ByCode, same_code, store_codes
from models.queries.catalog.item_codes import ScannedItem
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.queries.stock.bins import BinFacts
from models.tasks import TaskRow
from workflows.stock.goods_receipts import bin_at, check_open, open_bin, stock_location
from workflows.stock.scanned_items import scanned_item, scanned_units
from workflows.transactions.actions import one_by_one
from workflows.transactions.levels import Level
from workflows.transactions.transaction import Transaction

LINES_MAX = 200


@dataclass(frozen=True, slots=True)
class PutAwayLine:
    """Units of an item to put into a bin. `from_bin_code` None: units that are in no bin.

    `sku` may be a code of the item; then `quantity` counts scans.
    """

    sku: str
    quantity: int
    bin_code: str
    from_bin_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "sku", "bin_code", "from_bin_code")


@dataclass(frozen=True, slots=True)
class PutAway:
    """Put units of a location into its bins: all lines or none."""

    location_code: str
    lines: tuple[PutAwayLine, ...]

    def __post_init__(self) -> None:
        store_codes(self, "location_code")


@dataclass(frozen=True, slots=True)
class _Step:
    """A line with what its codes name."""

    path: tuple[str, ...]
    units: int
    item: ItemFacts
    into: BinFacts
    source: BinFacts | None


@one_by_one("stockPutAway")
async def put_away(tx: Transaction, command: PutAway, caller: Caller) -> Mapping[str, Any]:
    """Put units into bins, line by line; a later line may move what an earlier one has put away.

    Locks the levels, then their PUTAWAY tasks. All faults of the input are reported together, then
    those of all lines: InsufficientStock or TaskNotClaimed. Also raises LimitExceeded above
    LINES_MAX lines. Records `stock.put_away` for each level.
    """
    location, steps = await _read(tx, command, caller)
    await tx.stock.lock([step.item.id for step in steps])
    levels = _levels(tx, steps, location)
    await tx.stock.read_bins(levels.values())
    live = await _admit(tx, steps, levels, caller)
    _move(tx, steps, levels, caller.actor)
    await _follow_tasks(tx, live, levels, caller.actor)
    _record(tx, steps, levels, location, caller.actor)
    return {"levels": [level.id for level in levels.values()], "movements": []}


def _check_count(command: PutAway) -> None:
    field = ("input", "lines")
    if not command.lines:
        raise Invalid("At least one line is required; none was sent.", field=field)
    if len(command.lines) > LINES_MAX:
        raise LimitExceeded("lines", LINES_MAX, len(command.lines), field=field)


async def _read(
    tx: Transaction, command: PutAway, caller: Caller
) -> tuple[LocationFacts, list[_Step]]:
    """The location, and the lines with their items and bins. Raises all faults."""
    problems, location = Problems(), None
    with problems.under():
        _check_count(command)
    problems.refuse_excess()
    with problems.under():
        location = await stock_location(tx, caller, command.location_code)
        check_open(location)
    items = await code_queries.scanned(tx.session, [line.sku for line in command.lines])
    codes = {code for line in command.lines for code in (line.bin_code, line.from_bin_code) if code}
    bins = await bin_queries.hold_bins(tx.session, codes)
    steps: list[_Step] = []
    for index, line in enumerate(command.lines):
        path = ("input", "lines", str(index))
        with problems.under(*path):
            step = _step(line, path, items, bins, location)
            if step is not None:
                steps.append(step)
    problems.refuse()
    assert location is not None
    return location, steps


def _step(
    line: PutAwayLine,
    path: tuple[str, ...],
    items: Mapping[str, Sequence[ScannedItem]],
    bins: ByCode[BinFacts],
    location: LocationFacts | None,
) -> _Step | None:
    """The line with its item and bins. Raises all its faults.

    None: the location is not found, so that its bins cannot be checked.
    """
    problems = Problems()
    into = source = scanned = None
    with problems.under():
        check_quantity(line.quantity)
    with problems.under():
        scanned = scanned_item(items, line.sku, "sku")
    if location is not None:
        with problems.under():
            into = open_bin(bins, line.bin_code, location, "binCode")
    if location is not None and line.from_bin_code is not None:
        with problems.under():
            source = bin_at(bins, line.from_bin_code, location, "fromBinCode")
    with problems.under():
        if line.from_bin_code is not None and same_code(line.from_bin_code, line.bin_code):
            raise Invalid("`fromBinCode` must differ from `binCode`.", field=("binCode",))
    problems.refuse()
    assert scanned is not None
    units = scanned_units(scanned, line.quantity)
    return None if into is None else _Step(path, units, scanned.item, into, source)


def _levels(tx: Transaction, steps: list[_Step], location: LocationFacts) -> dict[int, Level]:
    """The locked levels by item. Raises InsufficientStock where the item was never there."""
    problems = Problems()
    levels: dict[int, Level] = {}
    for step in steps:
        level = tx.stock.level(step.item.id, location.id)
        if level is not None:
            levels[step.item.id] = level
            continue
        with problems.under(*step.path):
            raise InsufficientStock(step.item.sku, step.units, 0, field=("quantity",))
    problems.refuse()
    return levels


async def _admit(
    tx: Transaction, steps: list[_Step], levels: Mapping[int, Level], caller: Caller
) -> dict[int, list[TaskRow]]:
    """The live tasks of the levels of which unbinned units are put away. Raises TaskNotClaimed."""
    first = {step.item.id: step for step in reversed(steps) if step.source is None}
    problems = Problems()
    live: dict[int, list[TaskRow]] = {}
    for item_id in sorted(first):
        subject = ("StockLevel", levels[item_id].id)
        with problems.under(*first[item_id].path):
            live[item_id] = await tasks.admit(tx, subject, caller, ("sku",), QueueKind.PUTAWAY)
    problems.refuse()
    return live


def _move(tx: Transaction, steps: list[_Step], levels: Mapping[int, Level], actor: str) -> None:
    problems = Problems()
    for step in steps:
        with problems.under(*step.path, "quantity"):
            tx.stock.put_away(levels[step.item.id], step.units, step.into, actor, step.source)
    problems.refuse()


async def _follow_tasks(
    tx: Transaction,
    live: Mapping[int, list[TaskRow]],
    levels: Mapping[int, Level],
    actor: str,
) -> None:
    """End the tasks of levels whose last unbinned unit was put away; claim the others."""
    for item_id, rows in live.items():
        if levels[item_id].unbinned == 0:
            await tasks.finish(tx, rows, actor)
        else:
            await tasks.progress(tx, rows, actor)


def _record(
    tx: Transaction,
    steps: list[_Step],
    levels: Mapping[int, Level],
    location: LocationFacts,
    actor: str,
) -> None:
    for item_id, level in levels.items():
        moves = tuple(
            BinMove(None if step.source is None else step.source.code, step.into.code, step.units)
            for step in steps
            if step.item.id == item_id
        )
        event = StockPutAway(
            sku=level.sku, location=level.location, moves=moves, unbinned=level.unbinned
        )
        tx.outbox.record(
            event, level.id, actor=actor, version=level.next_version, location_id=location.id
        )
        tx.outbox.audit(
            actor,
            "stockPutAway",
            ("StockLevel", level.id),
            after={"moves": moves, "unbinned": level.unbinned},
        )
