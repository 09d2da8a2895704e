"""Manual corrections and moves of stock, with a reason code and postings of their value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import domain.ledger.entries as ledger_entries
import models.queries.catalog.lookups as lookups
import models.queries.returns.returns as return_queries
import models.queries.stock.stock as stock_queries
import workflows.policies.publishing as policies
import workflows.reservations.expired_units as expired_units
from domain.access.callers import Caller
from domain.errors import (
    ApprovalRequired,
    DomainError,
    InsufficientStock,
    NotFound,
    StaleQuantity,
)
from domain.ledger.entries import Occasion
from domain.policies.policies import PolicyKind
from domain.problems import Problems
from domain.stock.states import (
    INVENTORY_STATES,
    MovementKind,
    StockState,
    check_adjustment,
    check_move,
)
from domain.values.codes import store_codes
from domain.values.money import Money
from domain.values.texts import NOTE_MAX, check_text
from domain.values.totals import totals
from models.queries.catalog.lookups import ItemFacts, LocationFacts, ReasonFacts
from workflows.catalog.reason_codes import active_reason, check_active
from workflows.stock.goods_receipts import (
    check_open,
    stock_item,
    stock_keeping_location,
    stock_location,
)
from workflows.transactions.actions import action, one_by_one
from workflows.transactions.levels import Key
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.stock_levels import Level, StockMove
from workflows.transactions.transaction import Transaction

_REASON = ("input", "reasonCode")


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """Change the units of one state of a level by `delta`.

    `change_from_quantity`: the units that the state must have now (compare-and-set); None: any.
    """

    location_code: str
    sku: str
    delta: int
    reason_code: str
    state: StockState = StockState.AVAILABLE
    change_from_quantity: int | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "location_code", "sku", "reason_code")


@dataclass(frozen=True, slots=True)
class MoveStock:
    """Move units between two states at a location."""

    location_code: str
    sku: str
    from_state: StockState
    to_state: StockState
    quantity: int
    reason_code: str
    note: str | None = None

    def __post_init__(self) -> None:
        store_codes(self, "location_code", "sku", "reason_code")


def _counts(level: Level) -> dict[str, int]:
    return {state.lower(): units for state, units in level.units.items()}


@dataclass(frozen=True, slots=True)
class _AdjustmentDraft:
    """A request whose names were resolved."""

    command: AdjustStock
    caller: Caller
    location: LocationFacts
    item: ItemFacts
    reason: ReasonFacts


@action("stockAdjust")
async def adjust(tx: Transaction, requests: Sequence[Request[AdjustStock]]) -> list[Outcome]:
    """Correct units of states by hand, with a reason, and post their cost.

    Locks all levels, then the item costs. Each request is decided before it is written. Refusals:
    StaleQuantity (compare-and-set), InsufficientStock, ApprovalRequired (limit of the ADJUSTMENT
    policy for the total value per actor, item and day), Invalid, NotFound. Records `stock.changed`.
    """
    drafts = await _find(tx, requests)
    valid = [draft for draft in drafts if isinstance(draft, _AdjustmentDraft)]
    await tx.stock.open_levels(
        [(draft.item.id, draft.location.id) for draft in valid if _may_open(draft.command)],
        beside=[draft.item.id for draft in valid],
    )
    await expired_units.end_if_short(tx, _taken(valid))
    await tx.costs.lock([draft.item.id for draft in valid])
    outcomes = []
    for draft in drafts:
        if isinstance(draft, _AdjustmentDraft):
            try:
                outcomes.append(await _adjust(tx, draft))
            except DomainError as error:
                outcomes.append(Outcome.refused(error))
        else:
            outcomes.append(draft)
    return outcomes


def _taken(drafts: Sequence[_AdjustmentDraft]) -> dict[Key, int]:
    """Available units that these requests take, by level."""
    return totals(
        ((draft.item.id, draft.location.id), -draft.command.delta)
        for draft in drafts
        if draft.command.state is StockState.AVAILABLE and draft.command.delta < 0
    )


async def _find(
    tx: Transaction, requests: Sequence[Request[AdjustStock]]
) -> list[_AdjustmentDraft | Outcome]:
    commands = [request.command for request in requests]
    codes = sorted({command.location_code for command in commands})
    locations = {code: await lookups.hold_location(tx.session, code) for code in codes}
    items = await lookups.items_by_sku(tx.session, {command.sku for command in commands})
    named = sorted({command.reason_code for command in commands})
    reasons = {code: await lookups.reason(tx.session, "ADJUSTMENT", code) for code in named}
    drafts: list[_AdjustmentDraft | Outcome] = []
    for request in requests:
        command, code = request.command, request.command.location_code
        problems = Problems()
        with problems.under("input"):
            check_adjustment(command.state, command.delta)
        with problems.under("input"):
            check_text(command.note, "note", longest=NOTE_MAX)
        with problems.under():
            location = stock_keeping_location(locations[code], request.caller, code)
            if command.delta > 0:
                check_open(location)
        with problems.under():
            if command.sku not in items:
                raise NotFound("item", command.sku, field=("input", "sku"))
        with problems.under():
            reason = check_active(reasons[command.reason_code], command.reason_code, _REASON)
        if problems.errors:
            drafts.append(Outcome.refused(*problems.errors))
        else:
            draft = _AdjustmentDraft(command, request.caller, location, items[command.sku], reason)
            drafts.append(draft)
    return drafts


def _may_open(command: AdjustStock) -> bool:
    """True if a level is made for this correction where the item never was."""
    return command.delta > 0 and command.change_from_quantity in (None, 0)


async def _adjust(tx: Transaction, draft: _AdjustmentDraft) -> Outcome:
    command, caller = draft.command, draft.caller
    location, item, reason = draft.location, draft.item, draft.reason
    level = tx.stock.level(item.id, location.id)
    held = 0 if level is None else level.units[command.state]
    if command.change_from_quantity not in (None, held):
        assert command.change_from_quantity is not None
        raise StaleQuantity(
            command.change_from_quantity, held, field=("input", "changeFromQuantity")
        )
    is_up = command.delta > 0
    quantity, missing = abs(command.delta), 0
    if level is None:
        raise InsufficientStock(item.sku, quantity, held, field=("input", "delta"))
    before = _counts(level)
    if not is_up:
        movable = await _movable_units(tx, level, command.state)
        if movable < quantity:
            raise InsufficientStock(item.sku, quantity, movable, field=("input", "delta"))
        missing = _missing_taken(level, command.state, quantity, movable)
        await _check_value(tx, draft)
    value_minor = _adjusted_value(tx, item, command.state, command.delta)
    movement = tx.stock.move(
        StockMove(
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
            missing=-missing,
        ),
    )
    make_entry = ledger_entries.adjusted_up if is_up else ledger_entries.adjusted_down
    value = Money(value_minor, tx.terms.base_currency)
    occasion = Occasion(f"StockMovement:{movement}", tx.now)
    entry = make_entry(quantity, command.state, value, occasion)
    tx.journal.post(entry, actor=caller.actor, location_id=location.id)
    _audit_level(tx, caller, "stockAdjust", level, before, reason, command.note)
    return Outcome(refs={"levels": [level.id], "movements": [movement]})


async def _movable_units(tx: Transaction, level: Level, state: StockState) -> int:
    """Units of a locked level that may be moved by hand.

    Units of returns outside the inventory move only with their return.
    """
    held = level.units[state]
    if state in INVENTORY_STATES or not held:
        return held
    tracked = await return_queries.tracked_units(tx.session, level.item_id, level.location_id)
    return held - tracked.get(state, 0)


def _missing_taken(level: Level, state: StockState, quantity: int, movable: int) -> int:
    """Missing units among those taken from a state: other movable units are taken first."""
    others = movable - level.missing
    return max(0, quantity - others) if state is StockState.QUARANTINE else 0


def _adjusted_value(tx: Transaction, item: ItemFacts, state: StockState, delta: int) -> int:
    """Move the cost of the units into or out of the item's pool. Returns it in minor units.

    Units that were found get the item's unit cost.
    """
    is_inventory = state in INVENTORY_STATES
    if delta < 0:
        return tx.costs.issue(item.id, -delta) if is_inventory else tx.costs.scrap(item.id, -delta)
    value_minor = tx.costs.value_of_found(item.id, delta, item.unit_cost_minor)
    if is_inventory:
        tx.costs.receive(item.id, delta, value_minor)
    else:
        tx.costs.receive_quality(item.id, delta, value_minor)
    return value_minor


async def _check_value(tx: Transaction, draft: _AdjustmentDraft) -> None:
    """Raise ApprovalRequired if the actor's write-downs of this item today exceed the limit.

    The ADJUSTMENT policy of the location and the category sets the limit. Write-downs at other
    locations count as well.
    """
    caller, item = draft.caller, draft.item
    if caller.may("stock.approve"):
        return
    start = tx.now.replace(hour=0, minute=0, second=0, microsecond=0)
    # Flush: units taken by earlier requests of this transaction count as well.
    await tx.flush()
    before = await stock_queries.written_down(tx.session, item.id, caller.actor, start)
    value = _value_of(tx, item, before - draft.command.delta)
    policy = await policies.decide(
        tx.session,
        PolicyKind.ADJUSTMENT,
        tx.now,
        location=draft.location.code,
        category=item.category,
    )
    if not policy.rules.needs_approval(value):
        return
    raise ApprovalRequired(
        "The write-down needs the approval of a supervisor or of finance.",
        field=("input", "delta"),
        details={
            "policy": str(PolicyKind.ADJUSTMENT),
            "version": policy.version,
            "value": None if value is None else str(value),
        },
    )


def _value_of(tx: Transaction, item: ItemFacts, quantity: int) -> Money | None:
    """Value of units at cost, or at price if the cost is unknown; None if both are unknown."""
    minor = tx.costs.value_of_found(item.id, quantity, item.unit_cost_minor)
    if minor or item.unit_cost_minor is not None:
        return Money(minor, tx.terms.base_currency)
    if item.price_minor is None or item.price_currency is None:
        return None
    return Money(item.price_minor * quantity, item.price_currency)


@one_by_one("stockMove")
async def move(tx: Transaction, command: MoveStock, caller: Caller) -> Mapping[str, Any]:
    """Move units between two states by hand.

    A move into or out of the inventory states is posted to the ledger. Locks the level, then the
    item cost. Raises Invalid, NotFound or InsufficientStock. Records `stock.changed`.
    """
    problems = Problems()
    with problems.under("input"):
        check_move(command.from_state, command.to_state, command.quantity)
    with problems.under("input"):
        check_text(command.note, "note", longest=NOTE_MAX)
    with problems.under():
        location = await stock_location(tx, caller, command.location_code)
    with problems.under():
        item = await stock_item(tx, command.sku)
    with problems.under():
        reason = await active_reason(tx, command.reason_code, "ADJUSTMENT", field=_REASON)
    problems.refuse()
    await tx.stock.open_levels([(item.id, location.id)])
    level = tx.stock.levels[(item.id, location.id)]
    if command.from_state is StockState.AVAILABLE:
        await expired_units.end_if_short(tx, {level.key: command.quantity})
    before = _counts(level)
    movable = await _movable_units(tx, level, command.from_state)
    if movable < command.quantity:
        raise InsufficientStock(item.sku, command.quantity, movable, field=("input", "quantity"))
    await tx.costs.lock([item.id])
    value_minor = _quality_cost(tx, item.id, command)
    movement = tx.stock.move(
        StockMove(
            item_id=item.id,
            location_id=location.id,
            from_state=command.from_state,
            to_state=command.to_state,
            quantity=command.quantity,
            actor=caller.actor,
            reason_id=reason.id,
            note=command.note,
            value_minor=value_minor,
            value_currency=None if value_minor is None else tx.terms.base_currency,
            kind=MovementKind.MOVED,
            missing=-_missing_taken(level, command.from_state, command.quantity, movable),
        ),
    )
    if value_minor is not None:
        entry = ledger_entries.moved(
            command.quantity,
            command.from_state,
            command.to_state,
            Money(value_minor, tx.terms.base_currency),
            Occasion(f"StockMovement:{movement}", tx.now),
        )
        tx.journal.post(entry, actor=caller.actor, location_id=location.id)
    _audit_level(tx, caller, "stockMove", level, before, reason, command.note)
    return {"levels": [level.id], "movements": [movement]}


def _quality_cost(tx: Transaction, item_id: int, command: MoveStock) -> int | None:
    """Cost of units moved between inventory and quality control; None for other moves."""
    ends = (command.from_state in INVENTORY_STATES, command.to_state in INVENTORY_STATES)
    if ends == (True, False):
        return tx.costs.to_quality(item_id, command.quantity)
    if ends == (False, True):
        return tx.costs.from_quality(item_id, command.quantity)
    return None


def _audit_level(
    tx: Transaction,
    caller: Caller,
    action: str,
    level: Level,
    before: Mapping[str, int],
    reason: ReasonFacts,
    note: str | None,
) -> None:
    after = {**_counts(level), "reason": reason.code, "hasNote": note is not None}
    tx.outbox.audit(caller.actor, action, ("StockLevel", level.id), before=before, after=after)
