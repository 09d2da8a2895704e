"""A matched parcel's units: into quality control, each group at the cost at which it left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import domain.ledger.return_entries as return_entries
import models.queries.returns.returns as return_queries
import workflows.returns.dispositions as dispositions
from domain.ledger.entries import LedgerEntry, Occasion
from domain.policies.decisions import Decision
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.returns.receipts import Receipt
from domain.returns.states import ReturnItemState
from domain.stock.item_costs import CostPool
from domain.stock.states import MovementKind, StockState
from domain.values.money import Money
from models.queries.catalog.lookups import ItemFacts
from workflows.returns.dispositions import Ruling
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.requests import POLICY
from workflows.returns.return_units import ReturnUnits
from workflows.returns.unidentified_parcels import Found
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


async def lock(tx: Transaction, item_ids: Sequence[int], location_id: int) -> None:
    """Lock the stock of these items, with a level at the location, and their cost."""
    await tx.stock.open_levels([(item_id, location_id) for item_id in item_ids])
    await tx.costs.lock(item_ids)


async def place(
    tx: Transaction,
    locked: LockedReturn,
    receipt: Receipt,
    items: Mapping[str, ItemFacts],
    location_id: int,
    found: Found | None,
    actor: str,
) -> list[ReturnUnits]:
    """Carry out what a parcel does to a return's groups; those that moved.

    `found`: the units lie in quarantine already, and on the books. Stock and cost are locked.
    """
    moved = _split(tx, locked, receipt)
    came = [group for group in moved if group.state is ReturnItemState.RECEIVED]
    strange = _strangers(tx, locked, receipt, items)
    await _price_sold(tx, came)
    was_worth = _price_found(tx, found, came, strange, items)
    for group in (*came, *strange):
        _bring(tx, locked, group, location_id, found, actor)
    value = sum(group.cost_minor or 0 for group in came)
    _post(tx, locked, return_entries.returned, came, value, location_id, actor)
    if found is None:
        value = sum(group.cost_minor or 0 for group in strange)
        _post(tx, locked, return_entries.received_unexpected, strange, value, location_id, actor)
    else:
        _post(tx, locked, return_entries.identified, came, was_worth, location_id, actor)
    return [*moved, *strange]


def _split(tx: Transaction, locked: LockedReturn, receipt: Receipt) -> list[ReturnUnits]:
    """Move the parts of groups that came or will not come; they are the groups given back."""
    moved = []
    for each in receipt.moves:
        group = locked.group(each.item_id)
        assert group is not None
        part = locked.split(tx, group, each.quantity)
        part.state = each.to
        moved.append(part)
    return moved


def _strangers(
    tx: Transaction, locked: LockedReturn, receipt: Receipt, items: Mapping[str, ItemFacts]
) -> list[ReturnUnits]:
    """New groups for wrong and extra units."""
    strange = []
    for each in receipt.unexpected:
        group = ReturnUnits(
            id=tx.new_id(),
            position=len(locked.groups),
            item_id=items[each.sku].id,
            sku=each.sku,
            category=items[each.sku].category,
            quantity=each.quantity,
            state=ReturnItemState.WRONG_ITEM,
            since_version=locked.next_version,
            is_new=True,
        )
        locked.groups.append(group)
        strange.append(group)
    return strange


async def _price_sold(tx: Transaction, came: Sequence[ReturnUnits]) -> None:
    """Give groups of sold units their exact part of what the units of their line cost."""
    line_ids = sorted({group.order_line_id for group in came if group.order_line_id is not None})
    pools: dict[UUID | None, CostPool] = {}
    for sold_id, row in (await return_queries.costs_of_lines(tx.session, line_ids)).items():
        pools[sold_id] = CostPool(
            int(row["left_units"]) - int(row["back_units"]),
            int(row["left_minor"]) - int(row["back_minor"]),
        )
    for group in came:
        line_id = group.order_line_id
        pools[line_id], group.cost_minor = pools[line_id].issue(group.quantity)


def _price_found(
    tx: Transaction,
    found: Found | None,
    came: Sequence[ReturnUnits],
    strange: Sequence[ReturnUnits],
    items: Mapping[str, ItemFacts],
) -> int:
    """Give groups that nobody sold their value; what sold ones were on the books at as found."""
    if found is None:
        for group in strange:
            unit_cost = items[group.sku].unit_cost_minor
            group.cost_minor = tx.costs.value_of_found(group.item_id, group.quantity, unit_cost)
        return 0
    pools, was_worth = dict(found.pools), 0
    for group in came:
        pools[group.item_id], part = pools[group.item_id].issue(group.quantity)
        was_worth += part
    for group in strange:
        pools[group.item_id], group.cost_minor = pools[group.item_id].issue(group.quantity)
    return was_worth


def _bring(
    tx: Transaction,
    locked: LockedReturn,
    group: ReturnUnits,
    location_id: int,
    found: Found | None,
    actor: str,
) -> None:
    """Move a group's units into quality control, from outside or out of quarantine."""
    assert group.cost_minor is not None
    group.location_id, group.received_at = location_id, tx.now
    group.stock_state = StockState.QUALITY_CONTROL
    tx.costs.receive_returned(group.item_id, group.quantity, group.cost_minor)
    change = StockMove(
        item_id=group.item_id,
        location_id=location_id,
        from_state=None,
        to_state=StockState.QUALITY_CONTROL,
        quantity=group.quantity,
        actor=actor,
        channel_id=locked.channel.id,
        reference=locked.reference,
        reason_id=group.reason_id,
        value_minor=group.cost_minor,
        value_currency=tx.terms.base_currency,
        kind=MovementKind.RETURNED,
    )
    if found is not None:
        kept = {"from_state": StockState.QUARANTINE, "kind": MovementKind.MOVED}
        change = replace(change, **kept)  # type: ignore[arg-type]
    tx.stock.move(change)


def _post(
    tx: Transaction,
    locked: LockedReturn,
    fact: Callable[[int, Money, Occasion], LedgerEntry],
    groups: Sequence[ReturnUnits],
    value_minor: int,
    location_id: int,
    actor: str,
) -> None:
    units = sum(group.quantity for group in groups)
    occasion = Occasion(locked.number, tx.now)
    entry = fact(units, Money(value_minor, tx.terms.base_currency), occasion)
    tx.journal.post(entry, actor=actor, channel_id=locked.channel.id, location_id=location_id)


def pass_unseen(
    tx: Transaction, locked: LockedReturn, came: Sequence[ReturnUnits]
) -> list[ReturnUnits]:
    """Put units that the decision let into the fast lane back on the shelf; which groups passed.

    They count as inspected, as NEW, by the policy.
    """
    passed = [
        group for group in came if group.state is ReturnItemState.RECEIVED and group.fast_lane
    ]
    decision = locked.decision
    told: Decision = {**decision, "outcome": str(Disposition.RESTOCK)}
    ruling = Ruling(Disposition.RESTOCK, POLICY, told, decision["version"])
    for group in passed:
        locked.record_inspection(tx, group, ConditionGrade.NEW, POLICY)
        group.state, group.condition = ReturnItemState.INSPECTED, ConditionGrade.NEW
        group.inspected_by = POLICY
        dispositions.execute(tx, locked, group, ruling, POLICY)
    return passed
