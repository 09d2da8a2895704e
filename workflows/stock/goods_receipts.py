"""Goods receipts and safety stock, and the checks of locations and items that stock needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import domain.ledger.entries as ledger_entries
import models.queries.catalog.lookups as lookups
import models.queries.stock.bins as bin_queries
import models.queries.stock.stock as stock_queries
from domain.access.callers import Caller
from domain.errors import Invalid, LimitExceeded, NotFound, Path
from domain.ledger.entries import Occasion
from domain.problems import Problems
from domain.stock.states import (
    STOCK_KEEPING,
    LocationKind,
    MovementKind,
    StockState,
    check_quantity,
)
from domain.values.codes import ByCode, check_stored, store_codes
from domain.values.money import Money
from domain.values.totals import totals
from models.queries.catalog.lookups import ItemFacts, LocationFacts
from models.queries.stock.bins import BinFacts
from workflows.stock.scanned_items import in_skus
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import Cause, Level, StockMove
from workflows.transactions.transaction import Transaction

RECEIPT_LINES_MAX = 2_000


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """Units of an item that arrived. `unit_cost` None: the item's unit cost.

    `sku` may be a code of the item. Then `quantity` counts scans: a box of six is six units.
    `bin_code`: the bin that they are put into; None: they wait to be put away.
    """

    sku: str
    quantity: int
    unit_cost: Money | None = None
    bin_code: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "sku", "bin_code")


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """A delivery to a location. `reference` is the supplier's or that of a document."""

    location_code: str
    reference: str
    lines: tuple[ReceiptLine, ...]

    def __post_init__(self) -> None:
        store_codes(self, "location_code", "reference")


@dataclass(frozen=True, slots=True)
class SetSafetyStock:
    """Set the units of AVAILABLE that are never promised."""

    location_code: str
    sku: str
    quantity: int

    def __post_init__(self) -> None:
        store_codes(self, "location_code", "sku")


@one_by_one("stockReceive")
async def receive(tx: Transaction, command: ReceiveStock, caller: Caller) -> Mapping[str, Any]:
    """Receive a delivery: units become AVAILABLE, their cost is posted, backorders are served.

    Locks the levels, then the item costs. Raises Invalid, NotFound or LimitExceeded with the line;
    all faults are reported together. Records `stock.changed`.
    """
    _check_lines(command)
    problems = Problems()
    lines = await in_skus(tx, command.lines, problems, "input", "lines")
    command = replace(command, lines=lines)
    location, items, bins, costs = await _check_receipt(tx, command, caller, problems)
    item_ids = [items[line.sku].id for line in command.lines]
    await tx.stock.open_levels([(item_id, location.id) for item_id in item_ids])
    await tx.stock.read_bins(
        tx.stock.levels[item_id, location.id]
        for item_id, into in zip(item_ids, bins, strict=True)
        if into is not None
    )
    await tx.costs.lock(item_ids)
    movements = []
    for line, into, item_id, unit_cost in zip(command.lines, bins, item_ids, costs, strict=True):
        value_minor = unit_cost * line.quantity
        tx.costs.receive(item_id, line.quantity, value_minor)
        change = StockMove(
            item_id=item_id,
            location_id=location.id,
            from_state=None,
            to_state=StockState.AVAILABLE,
            quantity=line.quantity,
            actor=caller.actor,
            reference=command.reference,
            value_minor=value_minor,
            value_currency=tx.terms.base_currency,
            bin=into,
        )
        movements.append(tx.stock.move(change))
    units = sum(line.quantity for line in command.lines)
    total = sum(cost * line.quantity for cost, line in zip(costs, command.lines, strict=True))
    value = Money(total, tx.terms.base_currency)
    entry = ledger_entries.receipt(units, value, Occasion(command.reference, tx.now))
    tx.journal.post(entry, actor=caller.actor, location_id=location.id)
    levels = _levels(tx, [(item_id, location.id) for item_id in item_ids])
    tx.outbox.audit(
        caller.actor,
        "stockReceive",
        ("Location", location.id),
        after={
            "reference": command.reference,
            "units": totals((items[line.sku].sku, line.quantity) for line in command.lines),
        },
    )
    return {"levels": [level.id for level in levels], "movements": movements}


async def _check_receipt(
    tx: Transaction, command: ReceiveStock, caller: Caller, problems: Problems
) -> tuple[LocationFacts, Mapping[str, ItemFacts], list[BinFacts | None], list[int]]:
    """The location, the items by SKU, and the bin and unit cost of each line. Raises all faults."""
    with problems.under("input"):
        check_stored(command.reference, "reference")
    location = None
    with problems.under():
        location = await stock_location(tx, caller, command.location_code)
        check_open(location)
    bins = await _bins_of_lines(tx, command.lines, location, problems)
    items = await lookups.items_by_sku(tx.session, [line.sku for line in command.lines])
    costs = problems.each(
        partial(_unit_cost, tx, items[line.sku], line, ("input", "lines", str(index), "unitCost"))
        for index, line in enumerate(command.lines)
        if line.sku in items
    )
    problems.refuse()
    assert location is not None
    return location, items, bins, costs


def _check_lines(command: ReceiveStock) -> None:
    if not command.lines:
        raise Invalid("At least one line is required; none was sent.", field=("input", "lines"))
    if len(command.lines) > RECEIPT_LINES_MAX:
        raise LimitExceeded(
            "lines", RECEIPT_LINES_MAX, len(command.lines), field=("input", "lines")
        )


def _unit_cost(tx: Transaction, item: ItemFacts, line: ReceiptLine, path: Path) -> int:
    """The unit cost of a line in minor units. Raises Invalid."""
    if line.unit_cost is None:
        if item.unit_cost_minor is None:
            raise Invalid("A unit cost is required: the item has none.", field=path)
        return item.unit_cost_minor
    if line.unit_cost.currency != tx.terms.base_currency:
        raise Invalid(
            f"Unit costs must be in {tx.terms.base_currency}; {line.unit_cost.currency} was sent.",
            field=(*path, "currencyCode"),
            details={"allowed": [tx.terms.base_currency]},
        )
    if line.unit_cost.minor < 0:
        raise Invalid("A unit cost must not be negative.", field=(*path, "amount"))
    return line.unit_cost.minor


async def _bins_of_lines(
    tx: Transaction,
    lines: Sequence[ReceiptLine],
    location: LocationFacts | None,
    problems: Problems,
) -> list[BinFacts | None]:
    """The bin of each line, or None. Collects NotFound and Invalid with the line.

    Bins of a location that is not found are not checked.
    """
    codes = {line.bin_code for line in lines if line.bin_code is not None}
    if not codes or location is None:
        return [None] * len(lines)
    bins = await bin_queries.hold_bins(tx.session, codes)
    found: list[BinFacts | None] = []
    for index, line in enumerate(lines):
        path = ("input", "lines", str(index), "binCode")
        with problems.under():
            found.append(
                None if line.bin_code is None else open_bin(bins, line.bin_code, location, *path)
            )
    return found


def bin_at(bins: ByCode[BinFacts], code: str, location: LocationFacts, *field: str) -> BinFacts:
    """The bin of this code at a location. Raises NotFound, or Invalid if it is no bin."""
    found = bins.get(code)
    if found is None or found.home_id != location.id:
        raise NotFound("bin", code, field=field)
    if found.kind != LocationKind.BIN:
        raise Invalid(f"{found.code} is a {found.kind}; a BIN is required.", field=field)
    return found


def open_bin(bins: ByCode[BinFacts], code: str, location: LocationFacts, *field: str) -> BinFacts:
    """As `bin_at`; also raises Invalid if the bin is inactive and takes no units."""
    found = bin_at(bins, code, location, *field)
    if not found.active:
        raise Invalid(f"The bin {found.code} is not active.", field=field)
    return found


async def stock_location(tx: Transaction, caller: Caller, code: str) -> LocationFacts:
    """A location in the caller's scope that can hold stock, locked until the transaction ends.

    The lock makes a transaction that closes the location wait. Raises NotFound or Invalid.
    """
    return stock_keeping_location(await lookups.hold_location(tx.session, code), caller, code)


def stock_keeping_location(
    location: LocationFacts | None, caller: Caller, code: str
) -> LocationFacts:
    """The location, if the caller sees it and it can hold stock. Raises NotFound or Invalid."""
    field = ("input", "locationCode")
    if location is None or not caller.sees_location(code):
        raise NotFound("location", code, field=field)
    if location.kind not in STOCK_KEEPING:
        raise Invalid(f"A location of kind {location.kind} cannot hold stock.", field=field)
    return location


def check_open(location: LocationFacts) -> None:
    """Raise Invalid if the location is inactive and takes no units."""
    if not location.active:
        raise Invalid("The location is not active.", field=("input", "locationCode"))


async def stock_item(tx: Transaction, sku: str) -> ItemFacts:
    items = await lookups.items_by_sku(tx.session, [sku])
    if sku not in items:
        raise NotFound("item", sku, field=("input", "sku"))
    return items[sku]


def _levels(tx: Transaction, keys: Sequence[tuple[int, int]]) -> list[Level]:
    return [tx.stock.levels[key] for key in dict.fromkeys(keys)]


@one_by_one("safetyStockSet")
async def set_safety_stock(
    tx: Transaction, command: SetSafetyStock, caller: Caller
) -> Mapping[str, Any]:
    """Set the units of AVAILABLE that are never promised. They may exceed the units there.

    Locks the level. Raises Invalid or NotFound. Records `stock.changed`.
    """
    problems = Problems()
    with problems.under("input"):
        check_quantity(command.quantity, least=0)
    with problems.under():
        location = await stock_location(tx, caller, command.location_code)
    with problems.under():
        item = await stock_item(tx, command.sku)
    problems.refuse()
    await tx.stock.open_levels([(item.id, location.id)])
    level = tx.stock.levels[(item.id, location.id)]
    before = level.safety_stock
    if before != command.quantity:
        level.safety_stock = command.quantity
        level.version += 1
        await stock_queries.set_safety_stock(
            tx.session, level.id, command.quantity, level.version, tx.now
        )
        tx.stock.touch(level, Cause(MovementKind.ADJUSTED, caller.actor))
        tx.outbox.audit(
            caller.actor,
            "safetyStockSet",
            ("StockLevel", level.id),
            before={"safetyStock": before},
            after={"safetyStock": command.quantity},
        )
    return {"levels": [level.id], "movements": []}
