"""Execution of dispositions: one movement each, and an entry if an account changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import domain.ledger.return_entries as return_entries
import domain.returns.dispositions as disposition_rules
import models.queries.catalog.lookups as lookups
import models.queries.returns.returns as return_queries
import workflows.policies.publishing as policies
import workflows.returns.discrepancies as discrepancies
import workflows.returns.ended_returns as ended_returns
import workflows.returns.evaluation as return_evaluation
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
import workflows.rollout.cases as cases
import workflows.rollout.modes as modes
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import DomainError, IllegalTransition, NotFound
from domain.events.returns import ReturnDisposed
from domain.ledger.entries import Occasion
from domain.policies.decisions import Decision, decided
from domain.policies.dispositions import Disposition, DispositionRules
from domain.policies.policies import PolicyKind, PolicyVersion
from domain.policies.rollout import RolloutDomain, RolloutMode
from domain.policies.shadows import Shadow, shadow
from domain.problems import Problems
from domain.returns.dispositions import Choice
from domain.returns.receipts import TooFewUnits
from domain.returns.states import RETURN_ACTIONS, ReturnAction, ReturnItemState
from domain.stock.states import StockState, check_quantity
from domain.tasks import ITEM_STEPS
from domain.values.money import Money, share
from workflows.access.visibility import sees_place
from workflows.returns.ended_returns import QuarantinedUnits
from workflows.returns.locked_returns import LockedReturn, Ruling
from workflows.returns.requests import check_note
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.actions import one_by_one
from workflows.transactions.stock_levels import StockMove
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class DisposeReturnItem:
    """Dispose of inspected units by a person's decision."""

    return_item_id: UUID
    quantity: int
    disposition: Disposition
    note: str | None = None


@one_by_one("returnItemDispose")
async def dispose(tx: Transaction, command: DisposeReturnItem, caller: Caller) -> Mapping[str, Any]:
    """Execute a disposition of inspected units; a part of a group becomes a group of its own.

    Units of a declined or cancelled return are disposed of from quarantine, without an inspection.
    Locks the order, the return, the tasks, the stock, then the item costs. Raises IllegalTransition
    (not inspected, disposed of already, or too few units), PolicyViolation (a counterfeit is never
    restocked), ApprovalRequired, TaskNotClaimed, Invalid or NotFound. Records `return.disposed`.
    """
    path = ("input", "returnItemId")
    return_id = await return_queries.return_of_item(tx.session, command.return_item_id)
    problems = Problems()
    with problems.under(*path):
        if return_id is None:
            raise NotFound("return item", str(command.return_item_id))
    with problems.under("input"):
        check_quantity(command.quantity)
    with problems.under("input"):
        check_note(command.note, "note")
    problems.refuse()
    assert return_id is not None
    try:
        locked, group = await _lock(tx, command, return_id, caller)
        if locked.status in RETURN_ACTIONS[ReturnAction.QUARANTINE]:
            units = QuarantinedUnits(group, command.quantity, command.disposition, command.note)
            return await ended_returns.dispose(tx, locked, units, caller)
        locked.check(ReturnAction.DISPOSE, "returnItemId")
        before = group.disposition
        _check_step(group, command.disposition)
        if command.quantity > group.quantity:
            raise TooFewUnits(
                group.state, ReturnItemState.DISPOSED, command.quantity, group.quantity
            )
        held = await tasks.admit(tx, ("ReturnItem", group.id), caller, ("returnItemId",))
        ruling = await rule(tx, locked, group, command.disposition, caller, command.note)
    except DomainError as error:
        raise error.under("input") from None
    case = None if before is not None else await cases.case_of(tx, ("ReturnItem", group.id))
    if case is not None:
        ruling = _by_person(ruling, caller)
    await lock_units(tx, [group])
    part = locked.split(tx, group, command.quantity)
    if case is not None:
        await cases.compare_part(tx, case, part.id, ruling.disposition, caller.actor)
    execute(tx, locked, part, ruling, caller.actor)
    await return_records.write(tx, locked)
    await tasks.continue_in_queue(tx, held, ITEM_STEPS.get(group.state), caller)
    disposed = ReturnDisposed(**return_records.step(locked, [part]))
    return_records.record(tx, disposed, locked, caller.actor, location_id=part.location_id)
    facts = {"item": part.facts, "before": before, "policy": ruling.decision}
    return_records.audit(
        tx, caller.actor, "returnItemDispose", locked, before=locked.status, facts=facts
    )
    await discrepancies.clear_when_settled(tx, locked, caller.actor)
    return {"return": str(locked.id)}


def _check_step(group: ReturnUnits, disposition: Disposition) -> None:
    try:
        disposition_rules.execute(group.state, group.disposition, disposition)
    except IllegalTransition as error:
        raise error.under("returnItemId") from None


async def _lock(
    tx: Transaction, command: DisposeReturnItem, return_id: UUID, caller: Caller
) -> tuple[LockedReturn, ReturnUnits]:
    """Lock the return, and find the units in it, if the caller sees their location."""
    path = ("returnItemId",)
    missing = NotFound("return item", str(command.return_item_id), field=path)
    try:
        locked = await locked_returns.lock(tx, return_id, caller, path)
    except NotFound:
        raise missing from None
    group = locked.group(command.return_item_id)
    assert group is not None
    if not await sees_place(tx.session, caller, group.location_id):
        raise missing
    return locked, group


async def rule(
    tx: Transaction,
    locked: LockedReturn,
    group: ReturnUnits,
    wanted: Disposition | None,
    caller: Caller,
    note: str | None,
) -> Ruling:
    """Disposition of inspected units by the DISPOSITION policy or the caller's choice.

    Raises PolicyViolation or ApprovalRequired.
    """
    policy, _ = await _policy(tx, group)
    assert group.condition is not None
    value = await _value(tx, locked, group)
    choice = disposition_rules.choose(
        policy.rules, group.condition, group.reason, wanted, value, caller
    )
    return _ruling(choice, policy, caller, note)


async def rule_new(
    tx: Transaction,
    locked: LockedReturn,
    group: ReturnUnits,
    wanted: Disposition | None,
    caller: Caller,
    note: str | None,
) -> Ruling | None:
    """The first disposition of units, as `rule`; None if people are still to decide it.

    Where DISPOSITIONS is not LIVE, the units become a case, and only a stated disposition counts.
    """
    policy, place = await _policy(tx, group)
    switch = await modes.of_new_case(
        tx, RolloutDomain.DISPOSITIONS, channel=locked.channel.code, location=place
    )
    if switch.is_live:
        return await rule(tx, locked, group, wanted, caller, note)
    ruling = None
    if wanted is not None:
        ruling = _by_person(await rule(tx, locked, group, wanted, caller, note), caller)
    would = None
    if switch.mode is RolloutMode.SHADOW:
        would = await cases.attempt(tx, policy, partial(_would_choose, policy, group))
    case = cases.open_case(
        tx,
        switch,
        ("ReturnItem", group.id),
        channel_id=locked.channel.id,
        location_id=group.location_id,
        shadow=would,
    )
    if ruling is not None and would is not None:
        cases.add_comparison(tx, case, would.outcome, ruling.disposition, caller.actor)
    return ruling


async def _would_choose(policy: PolicyVersion[DispositionRules], group: ReturnUnits) -> Shadow:
    assert group.condition is not None
    tabled = policy.rules.decide(group.condition, group.reason)
    return shadow(policy, tabled, [disposition_rules.says(tabled, group.condition, group.reason)])


def _by_person(ruling: Ruling, caller: Caller) -> Ruling:
    """The ruling with the caller as its author: the policy does not decide the case."""
    why = f"{caller.actor} chose {ruling.disposition}."
    decision: Decision = {**ruling.decision, "reasons": [why]}
    return replace(ruling, decided_by=caller.actor, decision=decision, policy_version=None)


def _ruling(
    choice: Choice, policy: PolicyVersion[DispositionRules], caller: Caller, note: str | None
) -> Ruling:
    return Ruling(
        choice.disposition,
        decided_by="policy" if choice.is_by_policy else caller.actor,
        decision=decided(policy, choice.disposition, choice.reasons),
        policy_version=policy.version if choice.is_by_policy else None,
        note=note,
    )


async def _policy(
    tx: Transaction, group: ReturnUnits
) -> tuple[PolicyVersion[DispositionRules], str]:
    """The policy for units, and the code of the location where they are."""
    assert group.location_id is not None
    places = await lookups.locations_by_id(tx.session, [group.location_id])
    place = places[group.location_id].code
    policy = await policies.decide(
        tx.session, PolicyKind.DISPOSITION, tx.now, location=place, category=group.category
    )
    return policy, place


async def _value(tx: Transaction, locked: LockedReturn, group: ReturnUnits) -> Money:
    """Value of all units of this item in the return: as sold, else at price, else at cost."""
    alike = [each for each in locked.groups if each.item_id == group.item_id]
    units = sum(each.quantity for each in alike)
    total, sold = Money(0, locked.order.currency), 0
    for each in alike:
        line = None if each.order_line_id is None else locked.order.line(each.order_line_id)
        if line is not None:
            total += return_evaluation.sales_value(locked.order, line, each.quantity)
            sold += each.quantity
    if sold:
        return Money(share(total.minor, units, sold), total.currency)
    item = (await lookups.items_by_id(tx.session, [group.item_id]))[group.item_id]
    if item.price_minor is not None and item.price_currency is not None:
        return Money(item.price_minor * units, item.price_currency)
    return Money(sum(each.cost_minor or 0 for each in alike), tx.terms.base_currency)


async def lock_units(tx: Transaction, groups: list[ReturnUnits]) -> None:
    """Lock the stock levels, then the item costs, of groups that are at a location."""
    keys = [(group.item_id, group.location_id) for group in groups if group.location_id is not None]
    await tx.stock.open_levels(keys)
    await tx.costs.lock([group.item_id for group in groups])


def execute(
    tx: Transaction, locked: LockedReturn, group: ReturnUnits, ruling: Ruling, actor: str
) -> None:
    """Execute a disposition on all units of an inspected group. Its stock and cost must be locked.

    Raises IllegalTransition if the group's state does not allow the disposition.
    """
    effect = disposition_rules.execute(group.state, group.disposition, ruling.disposition)
    assert group.location_id is not None
    assert group.cost_minor is not None
    if effect.to_state not in (StockState.QUARANTINE, StockState.REFURBISHING):
        tx.costs.issue_returned(group.item_id, group.quantity, group.cost_minor)
    if effect.to_state is StockState.AVAILABLE:
        tx.costs.receive(group.item_id, group.quantity, group.cost_minor)
    movement_id = tx.stock.move(
        StockMove(
            item_id=group.item_id,
            location_id=group.location_id,
            from_state=effect.from_state,
            to_state=effect.to_state,
            quantity=group.quantity,
            actor=actor,
            channel_id=locked.channel.id,
            reference=locked.reference,
            reason_id=group.reason_id,
            value_minor=group.cost_minor,
            value_currency=tx.terms.base_currency,
            kind=effect.kind,
        ),
    )
    cost = Money(group.cost_minor, tx.terms.base_currency)
    entry = return_entries.disposed(
        ruling.disposition, group.quantity, cost, Occasion(locked.number, locked.time_of(tx.now))
    )
    tx.journal.post(entry, actor=actor, channel_id=locked.channel.id, location_id=group.location_id)
    group.state, group.disposition = effect.item_state, ruling.disposition
    is_here = group.state is ReturnItemState.INSPECTED
    group.stock_state = effect.to_state if is_here else None
    group.bin_id = None
    locked.record_disposition(tx, group, movement_id, ruling)
