"""Units that come, go and change their state by a person's hand: receive, adjust, move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import models.queries.lookups as lookups
import models.queries.stock as queries
import workflows.ledger as ledger
import workflows.outbox as outbox
import workflows.policies as policies
from domain.access import Caller
from domain.errors import (
    ApprovalRequired,
    Invalid,
    LimitExceeded,
    NotFound,
    StaleQuantity,
)
from domain.money import Money
from domain.policies import PolicyKind
from domain.rules.adjustment import AdjustmentRules
from domain.stock import (
    INVENTORY_STATES,
    STOCK_KEEPING,
    MovementKind,
    StockState,
    check_adjustment,
    check_move,
    check_quantity,
)
from models.queries.lookups import ItemFacts, LocationFacts, ReasonFacts
from workflows.book import Cause, Change, Level
from workflows.transactions import Transaction, one_by_one

RECEIPT_LINES_MAX = 2_000
REFERENCE_MAX = 255


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """Units of a SKU that arrived; `unit_cost` None: the item's own."""

    sku: str
    quantity: int
    unit_cost: Money | None = None


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """A delivery at a location under a supplier's or a document's reference."""

    location_code: str
    reference: str
    lines: tuple[ReceiptLine, ...]


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """Correct one state of a level by `delta`, if it holds `change_from_quantity` where given."""

    location_code: str
    sku: str
    delta: int
    reason_code: str
    state: StockState = StockState.AVAILABLE
    change_from_quantity: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class MoveStock:
    """Move units between two states at a location, with a reason."""

    location_code: str
    sku: str
    from_state: StockState
    to_state: StockState
    quantity: int
    reason_code: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class SetSafetyStock:
    """Set the part of available that is never promised."""

    location_code: str
    sku: str
    quantity: int


@one_by_one("stockReceive")
async def receive(tx: Transaction, command: ReceiveStock, caller: Caller) -> Mapping[str, Any]:
    """Book a delivery: units into AVAILABLE, their cost onto the books, backorders served.

    Raises Invalid, NotFound or LimitExceeded naming the line.
    """
    _check_receipt(command)
    location = await stock_location(tx, caller, command.location_code)
    if not location.active:
        raise Invalid("The location is not active.", field=("input", "locationCode"))
    items = await _items_of_lines(tx, command.lines)
    costs = [_unit_cost(tx, items[line.sku], line, i) for i, line in enumerate(command.lines)]
    item_ids = [items[line.sku].id for line in command.lines]
    await tx.book.open_levels(tx, [(item_id, location.id) for item_id in item_ids])
    await tx.costs.lock(tx, item_ids)
    movements = []
    for line, item_id, unit_cost in zip(command.lines, item_ids, costs, strict=True):
        value_minor = unit_cost * line.quantity
        tx.costs.receive(item_id, line.quantity, value_minor)
        change = Change(
            item_id=item_id,
            location_id=location.id,
            from_state=None,
            to_state=StockState.AVAILABLE,
            quantity=line.quantity,
            actor=caller.actor,
            reference=command.reference,
            value_minor=value_minor,
            value_currency=tx.terms.base_currency,
        )
        movements.append(tx.book.move(tx, change))
    total = sum(cost * line.quantity for cost, line in zip(costs, command.lines, strict=True))
    ledger.post_receipt(
        tx, total, reference=command.reference, actor=caller.actor, location_id=location.id
    )
    levels = _levels(tx, [(item_id, location.id) for item_id in item_ids])
    outbox.audit(
        tx,
        caller.actor,
        "stockReceive",
        ("Location", location.id),
        after={"reference": command.reference, "units": {ln.sku: ln.quantity for ln in command.lines}},
    )
    return {"levels": [level.id for level in levels], "movements": movements}


def _check_receipt(command: ReceiveStock) -> None:
    _check_reference(command.reference, ("input", "reference"))
    if not command.lines:
        raise Invalid("A receipt has at least one line.", field=("input", "lines"))
    if len(command.lines) > RECEIPT_LINES_MAX:
        raise LimitExceeded(
            "lines", RECEIPT_LINES_MAX, len(command.lines), field=("input", "lines")
        )
    for index, line in enumerate(command.lines):
        try:
            check_quantity(line.quantity)
        except Invalid as error:
            raise error.under("input", "lines", str(index)) from None


def _check_reference(reference: str, field: tuple[str, ...]) -> None:
    if not reference.strip() or len(reference) > REFERENCE_MAX:
        raise Invalid(f"A reference has 1 to {REFERENCE_MAX} characters.", field=field)


def _unit_cost(tx: Transaction, item: ItemFacts, line: ReceiptLine, index: int) -> int:
    path = ("input", "lines", str(index), "unitCost")
    if line.unit_cost is None:
        if item.unit_cost_minor is None:
            raise Invalid("Neither the line nor the item names a unit cost.", field=path)
        return item.unit_cost_minor
    if line.unit_cost.currency != tx.terms.base_currency:
        raise Invalid(
            f"Costs are kept in {tx.terms.base_currency}.",
            field=(*path, "currencyCode"),
            details={"allowed": [tx.terms.base_currency]},
        )
    if line.unit_cost.minor < 0:
        raise Invalid("A cost is not negative.", field=(*path, "amount"))
    return line.unit_cost.minor


async def _items_of_lines(
    tx: Transaction, lines: Sequence[ReceiptLine]
) -> Mapping[str, ItemFacts]:
    items = await lookups.items_by_sku(tx.session, [line.sku for line in lines])
    for index, line in enumerate(lines):
        if line.sku not in items:
            raise NotFound("item", line.sku, field=("input", "lines", str(index), "sku"))
    return items


async def stock_location(tx: Transaction, caller: Caller, code: str) -> LocationFacts:
    """A location in the caller's scope at which stock lives, or a refusal that names the field."""
    field = ("input", "locationCode")
    location = await lookups.location_by_code(tx.session, code)
    if location is None or not caller.sees_location(code):
        raise NotFound("location", code, field=field)
    if location.kind not in STOCK_KEEPING:
        raise Invalid(f"No stock lives at a {location.kind}.", field=field)
    return location


async def _item(tx: Transaction, sku: str) -> ItemFacts:
    items = await lookups.items_by_sku(tx.session, [sku])
    if sku not in items:
        raise NotFound("item", sku, field=("input", "sku"))
    return items[sku]


async def _reason(tx: Transaction, code: str) -> ReasonFacts:
    found = await lookups.reason(tx.session, "ADJUSTMENT", code)
    field = ("input", "reasonCode")
    if found is None:
        raise NotFound("reason code", code, field=field)
    if not found.active:
        raise Invalid("The reason code is not active.", field=field)
    return found


def _levels(tx: Transaction, keys: Sequence[tuple[int, int]]) -> list[Level]:
    return [tx.book.levels[key] for key in dict.fromkeys(keys)]


def _counts(level: Level) -> dict[str, int]:
    return {state.lower(): units for state, units in level.units.items()}


@one_by_one("stockAdjust")
async def adjust(tx: Transaction, command: AdjustStock, caller: Caller) -> Mapping[str, Any]:
    """Correct a state by hand, with a reason, its cost onto the books.

    Raises StaleQuantity (compare-and-set), InsufficientStock, ApprovalRequired (the ADJUSTMENT
    policy's value, cumulative per actor, item and day), Invalid or NotFound.
    """
    try:
        check_adjustment(command.state, command.delta)
    except Invalid as error:
        raise error.under("input") from None
    location = await stock_location(tx, caller, command.location_code)
    item = await _item(tx, command.sku)
    reason = await _reason(tx, command.reason_code)
    await tx.book.open_levels(tx, [(item.id, location.id)])
    await tx.costs.lock(tx, [item.id])
    level = tx.book.levels[(item.id, location.id)]
    before = _counts(level)
    held = level.units[command.state]
    if command.change_from_quantity not in (None, held):
        assert command.change_from_quantity is not None
        raise StaleQuantity(
            command.change_from_quantity, held, field=("input", "changeFromQuantity")
        )
    is_up = command.delta > 0
    quantity = abs(command.delta)
    if not is_up:
        queries.require_units(level.sku, held, quantity, ("input", "delta"))
        await _check_value(tx, item, quantity, command.state, caller)
    value_minor = _adjusted_value(tx, item, command.state, command.delta)
    movement = tx.book.move(
        tx,
        Change(
            item_id=item.id,
            location_id=location.id,
            from_state=None if is_up else command.state,
            to_state=command.state if is_up else None,
            quantity=quantity,
            actor=caller.actor,
            reason_id=reason.id,
            note=command.note,
            value_minor=value_minor,
            value_currency=tx.terms.base_currency,
            kind=MovementKind.ADJUSTED,
        ),
    )
    ledger.post_adjustment(
        tx,
        value_minor if is_up else -value_minor,
        is_inventory=command.state in INVENTORY_STATES,
        reference=str(movement),
        actor=caller.actor,
        location_id=location.id,
    )
    _audit_level(tx, caller, "stockAdjust", level, before, reason, command.note)
    return {"levels": [level.id], "movements": [movement]}


def _adjusted_value(tx: Transaction, item: ItemFacts, state: StockState, delta: int) -> int:
    """Move the units' cost in or out of the item's pool; found units come at its unit cost."""
    is_inventory = state in INVENTORY_STATES
    if delta < 0:
        return tx.costs.issue(item.id, -delta) if is_inventory else tx.costs.scrap(item.id, -delta)
    value_minor = tx.costs.value_of_found(item.id, delta, item.unit_cost_minor)
    if is_inventory:
        tx.costs.receive(item.id, delta, value_minor)
    else:
        tx.costs.receive_quality(item.id, delta, value_minor)
    return value_minor
