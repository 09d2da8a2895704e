"""Inspections: returned units are graded by one inspector or two and disposed of by policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import domain.returns.inspections as inspection_rules
import workflows.measures.active as active_measures
import workflows.policies.publishing as policies
import workflows.returns.discrepancies as discrepancies
import workflows.returns.dispositions as dispositions
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import Invalid, LimitExceeded, NotFound
from domain.events.returns import ReturnDisposed, ReturnInspected, ReturnInspectionRecorded
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.policies.policies import PolicyKind
from domain.policies.returns import ReturnRules
from domain.problems import Problems
from domain.returns.inspections import Grading
from domain.returns.receipts import move
from domain.returns.risk import WHOLE
from domain.returns.states import ReturnAction, ReturnItemState
from domain.stock.states import check_quantity
from domain.tasks import ITEM_STEPS
from domain.values.references import Reference, merged, parse_all
from models.tasks import TaskRow
from workflows.access.visibility import sees_place
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.requests import check_note
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

FINDINGS_MAX = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """An inspector's grade for units of a group. `disposition` None: the policy decides."""

    return_item_id: UUID
    quantity: int
    condition: ConditionGrade
    note: str | None = None
    evidence: tuple[str, ...] = ()
    disposition: Disposition | None = None


@dataclass(frozen=True, slots=True)
class InspectReturn:
    """Record findings on units of one return."""

    return_id: UUID
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _InspectionRun:
    """Progress of one inspection: groups recorded, groups graded finally, and their locked tasks.

    `tasks`: by the group that the units were taken from.
    """

    locked: LockedReturn
    caller: Caller
    recorded: list[ReturnUnits]
    graded: list[ReturnUnits]
    tasks: dict[UUID, list[TaskRow]]


@one_by_one("returnInspect")
async def inspect(tx: Transaction, command: InspectReturn, caller: Caller) -> Mapping[str, Any]:
    """Grade received units; execute the disposition as soon as the grade is final.

    Where DISPOSITIONS is not LIVE, units without a stated disposition stay INSPECTED.
    If the RETURN policy requires two inspectors, units stay RECEIVED after the first inspection.
    Locks the order, the return, the stock, the item costs, then the tasks. Raises IllegalTransition
    (not received, or too few units), SelfApproval, PolicyViolation, ApprovalRequired,
    TaskNotClaimed, Invalid, NotFound or LimitExceeded, with the finding. Records
    `return.inspection_recorded`, or `return.inspected` and `return.disposed`.
    """
    _check(command)
    locked = await locked_returns.lock(tx, command.return_id, caller, ("input", "returnId"))
    locked.check(ReturnAction.INSPECT, "input", "returnId")
    before = locked.status
    named = {finding.return_item_id for finding in command.findings}
    await dispositions.lock_units(
        tx, [each for each in locked.groups if each.id in named and each.stock_state is not None]
    )
    run = _InspectionRun(locked, caller, [], [], {})
    problems, refused = Problems(), set[UUID]()
    for position, finding in enumerate(command.findings):
        # Later findings on units whose finding is refused would be judged by a wrong state.
        if finding.return_item_id not in refused:
            refused.add(finding.return_item_id)
            with problems.under("input", "findings", str(position)):
                await _inspect(tx, run, finding)
                refused.remove(finding.return_item_id)
    problems.refuse()
    await return_records.write(tx, locked)
    for group in locked.groups:
        await tasks.continue_in_queue(
            tx, run.tasks.get(group.id, ()), ITEM_STEPS.get(group.state), caller
        )
    _record_events(tx, run)
    facts = {"inspected": [group.facts for group in (*run.recorded, *run.graded)]}
    return_records.audit(tx, caller.actor, "returnInspect", locked, before=before, facts=facts)
    await discrepancies.clear_when_settled(tx, locked, caller.actor)
    return {"return": str(locked.id)}


def _record_events(tx: Transaction, run: _InspectionRun) -> None:
    """Record each event once per location, because readers may see some locations only."""
    facts = (
        (ReturnInspectionRecorded, run.recorded),
        (ReturnInspected, run.graded),
        (ReturnDisposed, [group for group in run.graded if group.disposition is not None]),
    )
    for event, groups in facts:
        places = dict.fromkeys(group.location_id for group in groups)
        for place in places:
            here = [group for group in groups if group.location_id == place]
            return_records.record(
                tx,
                event(**return_records.step(run.locked, here)),
                run.locked,
                run.caller.actor,
                location_id=place,
            )


async def _inspect(tx: Transaction, run: _InspectionRun, finding: Finding) -> None:
    """Record one finding. If the grade is final, execute the disposition that was decided."""
    locked, caller = run.locked, run.caller
    group = locked.group(finding.return_item_id)
    if group is None or not await sees_place(tx.session, caller, group.location_id):
        reference = str(finding.return_item_id)
        raise NotFound("return item", reference, field=("returnItemId",))
    evidence = parse_all(finding.evidence, "evidence")
    move(group.units, finding.quantity, ReturnItemState.INSPECTED)
    subject = ("ReturnItem", group.id)
    run.tasks[group.id] = await tasks.admit(tx, subject, caller, ("returnItemId",))
    required = await _inspectors_required(tx, locked, group)
    inspection = Grading(caller.actor, finding.condition)
    result = inspection_rules.inspect(group.state, group.first_inspection, inspection, required)
    part = locked.split(tx, group, finding.quantity)
    _add_notes(part, finding, evidence)
    locked.record_inspection(tx, part, finding.condition, caller.actor, finding.note, evidence)
    if not result.is_complete:
        part.first_inspection = inspection
        run.recorded.append(part)
        if part is group:
            # Another inspector makes the second inspection, so this task ends.
            await tasks.finish(tx, run.tasks.pop(group.id), caller.actor)
        return
    part.state, part.condition = result.state, result.condition
    part.inspected_by = ", ".join(result.inspectors)
    ruling = await dispositions.rule_new(
        tx, locked, part, finding.disposition, caller, finding.note
    )
    if ruling is not None:
        dispositions.execute(tx, locked, part, ruling, caller.actor)
    run.graded.append(part)


def _add_notes(group: ReturnUnits, finding: Finding, evidence: tuple[Reference, ...]) -> None:
    group.evidence = merged(group.evidence, evidence)
    group.note = finding.note or group.note


async def _inspectors_required(tx: Transaction, locked: LockedReturn, group: ReturnUnits) -> int:
    measures = await active_measures.of(tx)
    if measures.reviewing(locked.channel.code, [group.sku]) is not None:
        return inspection_rules.REVIEWERS
    rules_in_force = await _return_rules(tx, locked, group)
    risk = Decimal(locked.risk_points) / WHOLE
    return inspection_rules.inspectors_required(rules_in_force, risk)


async def _return_rules(tx: Transaction, locked: LockedReturn, group: ReturnUnits) -> ReturnRules:
    policy = await policies.decide(
        tx.session,
        PolicyKind.RETURN,
        tx.now,
        channel=locked.channel.code,
        category=group.category,
    )
    return policy.rules


def _check(command: InspectReturn) -> None:
    field = ("input", "findings")
    if not command.findings:
        raise Invalid("At least one finding is required; none was sent.", field=field)
    if len(command.findings) > FINDINGS_MAX:
        raise LimitExceeded("findings", FINDINGS_MAX, len(command.findings), field=field)
    problems = Problems()
    for position, finding in enumerate(command.findings):
        path = (*field, str(position))
        with problems.under(*path):
            check_quantity(finding.quantity)
        with problems.under(*path):
            check_note(finding.note, "note")
        with problems.under(*path):
            parse_all(finding.evidence, "evidence")
    problems.refuse()
