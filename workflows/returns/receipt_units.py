"""Units of a matched parcel: moved to quality control, each group at the cost it shipped at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import domain.ledger.return_entries as return_entries
import domain.returns.costs as return_costs
import models.queries.catalog.lookups as lookups
import models.queries.returns.costs as cost_queries
import workflows.measures.active as active_measures
import workflows.returns.dispositions as dispositions
import workflows.rollout.modes as modes
from domain.ledger.entries import LedgerEntry, Occasion
from domain.orders.fulfillments import FulfillmentStatus
from domain.policies.decisions import Decision
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.policies.rollout import RolloutDomain
from domain.returns.costs import ReceivedUnits, SentUnits
from domain.returns.receipts import Receipt
from domain.returns.states import ReturnItemState
from domain.stock.states import MovementKind, StockState
from domain.values.money import Money
from models.queries.catalog.lookups import ItemFacts
from workflows.returns.locked_returns import LockedReturn, Ruling
from workflows.returns.requests import POLICY
from workflows.returns.return_units import ReturnUnits
from workflows.returns.unidentified_parcels import IdentifiedUnits
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


async def lock(tx: Transaction, item_ids: Sequence[int], location_id: int) -> None:
    """Lock the stock of these items, with a level at the location, then the item costs."""
    await tx.stock.open_levels([(item_id, location_id) for item_id in item_ids])
    await tx.costs.lock(item_ids)


async def apply_receipt(
    tx: Transaction,
    locked: LockedReturn,
    receipt: Receipt,
    items: Mapping[str, ItemFacts],
    location_id: int,
    found: IdentifiedUnits | None,
    actor: str,
    joining: Sequence[ReturnUnits] = (),
) -> list[ReturnUnits]:
    """Apply a parcel's receipt to a return's groups. Returns the groups that moved.

    `joining`: new groups of sold units that were not requested.

    `found`: the units are in quarantine and in the ledger already. Stock and cost must be locked.
    """
    moved = _split(tx, locked, receipt)
    for group in joining:
        group.position = len(locked.groups)
        locked.groups.append(group)
        moved.append(group)
    received = [group for group in moved if group.state is ReturnItemState.RECEIVED]
    unexpected = _add_unexpected(tx, locked, receipt, items)
    await _set_cost_of_sold(tx, locked, received)
    found_minor = _set_cost_of_unexpected(tx, found, received, unexpected, items)
    for group in (*received, *unexpected):
        _move_to_quality_control(tx, locked, group, location_id, found, actor)
    value = sum(group.cost_minor or 0 for group in received)
    _post(tx, locked, return_entries.returned, received, value, location_id, actor)
    if found is None:
        value = sum(group.cost_minor or 0 for group in unexpected)
        _post(tx, locked, return_entries.received_unexpected, unexpected, value, location_id, actor)
    else:
        _post(tx, locked, return_entries.identified, received, found_minor, location_id, actor)
    return [*moved, *unexpected]


def _split(tx: Transaction, locked: LockedReturn, receipt: Receipt) -> list[ReturnUnits]:
    """Separate the units that were received or will not come. Returns these groups."""
    moved = []
    for each in receipt.moves:
        group = locked.group(each.item_id)
        assert group is not None
        part = locked.split(tx, group, each.quantity)
        part.state = each.to
        moved.append(part)
    return moved


def _add_unexpected(
    tx: Transaction, locked: LockedReturn, receipt: Receipt, items: Mapping[str, ItemFacts]
) -> list[ReturnUnits]:
    """Add groups for wrong and extra units."""
    unexpected = []
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
        unexpected.append(group)
    return unexpected


async def _set_cost_of_sold(
    tx: Transaction, locked: LockedReturn, received: Sequence[ReturnUnits]
) -> None:
    """Set the cost of groups of sold units: that of the parcels in which they left."""
    line_ids = sorted(
        {group.order_line_id for group in received if group.order_line_id is not None}
    )
    tracking = return_costs.tracking(locked.row["carrier"], locked.row["tracking_number"])
    sent, back = await _units_of_lines(tx, line_ids)
    pools = {each: return_costs.pools(sent[each], back[each], tracking) for each in line_ids}
    for group in received:
        assert group.order_line_id is not None
        left, group.cost_minor = return_costs.issue(pools[group.order_line_id], group.quantity)
        pools[group.order_line_id] = left


async def _units_of_lines(
    tx: Transaction, line_ids: Sequence[UUID]
) -> tuple[Mapping[UUID, list[SentUnits]], Mapping[UUID, list[ReceivedUnits]]]:
    """Units of order lines that have shipped, and those that came back, by line."""
    sent: dict[UUID, list[SentUnits]] = {each: [] for each in line_ids}
    back: dict[UUID, list[ReceivedUnits]] = {each: [] for each in line_ids}
    for row in await cost_queries.sent_units(tx.session, line_ids):
        sent[row["order_line_id"]].append(
            SentUnits(
                FulfillmentStatus(row["status"]),
                return_costs.tracking(row["carrier"], row["tracking_number"]),
                int(row["quantity"]),
                int(row["cost_minor"]),
            )
        )
    for each in await cost_queries.received_units(tx.session, line_ids):
        tracking = return_costs.tracking(each["carrier"], each["tracking_number"])
        units = ReceivedUnits(tracking, int(each["quantity"]), int(each["cost_minor"]))
        back[each["order_line_id"]].append(units)
    return sent, back


def _set_cost_of_unexpected(
    tx: Transaction,
    found: IdentifiedUnits | None,
    received: Sequence[ReturnUnits],
    unexpected: Sequence[ReturnUnits],
    items: Mapping[str, ItemFacts],
) -> int:
    """Set the cost of unexpected groups. Returns the recorded value of sold units found."""
    if found is None:
        for group in unexpected:
            unit_cost = items[group.sku].unit_cost_minor
            group.cost_minor = tx.costs.value_of_found(group.item_id, group.quantity, unit_cost)
        return 0
    pools, found_minor = dict(found.pools), 0
    for group in received:
        pools[group.item_id], part = pools[group.item_id].issue(group.quantity)
        found_minor += part
    for group in unexpected:
        pools[group.item_id], group.cost_minor = pools[group.item_id].issue(group.quantity)
    return found_minor


def _move_to_quality_control(
    tx: Transaction,
    locked: LockedReturn,
    group: ReturnUnits,
    location_id: int,
    found: IdentifiedUnits | None,
    actor: str,
) -> None:
    """Move a group's units to quality control, from outside the stock or from quarantine."""
    assert group.cost_minor is not None
    group.location_id, group.received_at = location_id, locked.time_of(tx.now)
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
        changes = {"from_state": StockState.QUARANTINE, "kind": MovementKind.MOVED}
        change = replace(change, **changes)  # type: ignore[arg-type]
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
    occasion = Occasion(locked.number, locked.time_of(tx.now))
    entry = fact(units, Money(value_minor, tx.terms.base_currency), occasion)
    tx.journal.post(entry, actor=actor, channel_id=locked.channel.id, location_id=location_id)


async def restock_fast_lane(
    tx: Transaction, locked: LockedReturn, received: Sequence[ReturnUnits]
) -> list[ReturnUnits]:
    """Restock the units of the fast lane without inspection. Returns their groups.

    They are recorded as inspected by the policy with grade NEW. Units that a playbook reviews are
    inspected, and so are those of a location where DISPOSITIONS is not LIVE.
    """
    passed = [
        group for group in received if group.state is ReturnItemState.RECEIVED and group.fast_lane
    ]
    if passed:
        measures, channel = await active_measures.of(tx), locked.channel.code
        passed = [each for each in passed if measures.reviewing(channel, [each.sku]) is None]
    if passed:
        passed = passed if await _restocks_by_itself(tx, locked, passed[0]) else []
    decision = locked.decision
    restock_decision: Decision = {**decision, "outcome": str(Disposition.RESTOCK)}
    ruling = Ruling(Disposition.RESTOCK, POLICY, restock_decision, decision["version"])
    for group in passed:
        locked.record_inspection(tx, group, ConditionGrade.NEW, POLICY)
        group.state, group.condition = ReturnItemState.INSPECTED, ConditionGrade.NEW
        group.inspected_by = POLICY
        dispositions.execute(tx, locked, group, ruling, POLICY)
    return passed


async def _restocks_by_itself(tx: Transaction, locked: LockedReturn, group: ReturnUnits) -> bool:
    """True if policies dispose of units at the location of this group, which was just received."""
    assert group.location_id is not None
    places = await lookups.locations_by_id(tx.session, [group.location_id])
    place = places[group.location_id].code
    switch = await modes.of_new_case(
        tx, RolloutDomain.DISPOSITIONS, channel=locked.channel.code, location=place
    )
    return switch.is_live
