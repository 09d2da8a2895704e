"""Inspections: returned units are graded by one inspector or two and disposed of by policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import domain.returns.inspections as inspection_rules
import models.queries.catalog.lookups as lookups
import workflows.policies.publishing as policies
import workflows.returns.discrepancies as discrepancies
import workflows.returns.dispositions as dispositions
import workflows.returns.locked_returns as locked_returns
import workflows.returns.records as return_records
import workflows.tasks.claims as tasks
from domain.access.callers import Caller
from domain.errors import DomainError, Invalid, LimitExceeded, NotFound
from domain.events.returns import ReturnDisposed, ReturnInspected, ReturnInspectionRecorded
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.policies.policies import PolicyKind
from domain.policies.returns import ReturnRules
from domain.returns.inspections import Grading
from domain.returns.receipts import move
from domain.returns.risk import WHOLE
from domain.returns.states import ReturnAction, ReturnItemState
from domain.stock.states import check_quantity
from domain.tasks import ITEM_STEPS
from domain.values.references import Reference, merged, parse_all
from models.tasks import TaskRow
from workflows.returns.locked_returns import LockedReturn
from workflows.returns.requests import check_note
from workflows.returns.return_units import ReturnUnits
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

FINDINGS_MAX = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """What an inspector found on units of a group; `disposition` None: the policy decides."""

    return_item_id: UUID
    quantity: int
    condition: ConditionGrade
    note: str | None = None
    evidence: tuple[str, ...] = ()
    disposition: Disposition | None = None


@dataclass(frozen=True, slots=True)
class InspectReturn:
    """Findings on units of one return."""

    return_id: UUID
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Bench:
    """What one inspection did: groups that were looked at, graded for good, and disposed of.

    `tasks`: by the group that units were taken from, the locked ones that the work was on.
    """

    locked: LockedReturn
    caller: Caller
    recorded: list[ReturnUnits]
    graded: list[ReturnUnits]
    tasks: dict[UUID, list[TaskRow]]


@one_by_one("returnInspect")
async def inspect(tx: Transaction, command: InspectReturn, caller: Caller) -> Mapping[str, Any]:
    """Grade received units; once the grade stands, what the policy says of it is executed.

    Where the RETURN policy wants two inspectors, units stay RECEIVED after the first. Raises
    IllegalTransition (not received, more than are left), SelfApproval, PolicyViolation,
    ApprovalRequired, TaskNotClaimed, Invalid, NotFound or LimitExceeded, naming the finding.
    """
    _check(command)
    locked = await locked_returns.lock(tx, command.return_id, caller, ("input", "returnId"))
    locked.check(ReturnAction.INSPECT, "input", "returnId")
    before = locked.status
    named = {finding.return_item_id for finding in command.findings}
    await dispositions.lock_units(
        tx, [each for each in locked.groups if each.id in named and each.stock_state is not None]
    )
    bench = _Bench(locked, caller, [], [], {})
    for position, finding in enumerate(command.findings):
        try:
            await _inspect(tx, bench, finding)
        except DomainError as error:
            raise error.under("input", "findings", str(position)) from None
    await return_records.write(tx, locked)
    for group in locked.groups:
        await tasks.continue_in_queue(
            tx, bench.tasks.get(group.id, ()), ITEM_STEPS.get(group.state), caller
        )
    _tell(tx, bench)
    facts = {"inspected": [group.facts for group in (*bench.recorded, *bench.graded)]}
    return_records.audit(tx, caller.actor, "returnInspect", locked, before=before, facts=facts)
    await discrepancies.clear_when_settled(tx, locked, caller.actor)
    return {"return": str(locked.id)}


def _tell(tx: Transaction, bench: _Bench) -> None:
    """One event per place and fact: readers see what happened at their locations."""
    facts = (
        (ReturnInspectionRecorded, bench.recorded),
        (ReturnInspected, bench.graded),
        (ReturnDisposed, bench.graded),
    )
    for event, groups in facts:
        places = dict.fromkeys(group.location_id for group in groups)
        for place in places:
            here = [group for group in groups if group.location_id == place]
            return_records.record(
                tx,
                event(**return_records.step(bench.locked, here)),
                bench.locked,
                bench.caller.actor,
                location_id=place,
            )


async def _inspect(tx: Transaction, bench: _Bench, finding: Finding) -> None:
    """Put one finding on record and, when the grade stands, execute what follows from it."""
    locked, caller = bench.locked, bench.caller
    group = locked.group(finding.return_item_id)
    if group is None:
        reference = str(finding.return_item_id)
        raise NotFound("return item", reference, field=("returnItemId",))
    evidence = parse_all(finding.evidence, "evidence")
    move(group.units, finding.quantity, ReturnItemState.INSPECTED)
    subject = ("ReturnItem", group.id)
    bench.tasks[group.id] = await tasks.admit(tx, subject, caller, ("returnItemId",))
    required = await _inspectors_required(tx, locked, group)
    inspection = Grading(caller.actor, finding.condition)
    result = inspection_rules.inspect(group.state, group.first_inspection, inspection, required)
    part = locked.split(tx, group, finding.quantity)
    _note(part, finding, evidence)
    locked.record_inspection(tx, part, finding.condition, caller.actor, finding.note, evidence)
    if not result.is_complete:
        part.first_inspection = inspection
        bench.recorded.append(part)
        if part is group:
            # A second inspection is the work of another inspector: this task ends here.
            await tasks.finish(tx, bench.tasks.pop(group.id), caller.actor)
        return
    part.state, part.condition = result.state, result.condition
    part.inspected_by = ", ".join(result.inspectors)
    ruling = await dispositions.rule(tx, locked, part, finding.disposition, caller, finding.note)
    dispositions.execute(tx, locked, part, ruling, caller.actor)
    bench.graded.append(part)


def _note(group: ReturnUnits, finding: Finding, evidence: tuple[Reference, ...]) -> None:
    group.evidence = merged(group.evidence, evidence)
    group.note = finding.note or group.note


async def _inspectors_required(tx: Transaction, locked: LockedReturn, group: ReturnUnits) -> int:
    rules_in_force = await _return_rules(tx, locked, group)
    risk = Decimal(locked.risk_points) / WHOLE
    return inspection_rules.inspectors_required(rules_in_force, risk)


async def _return_rules(tx: Transaction, locked: LockedReturn, group: ReturnUnits) -> ReturnRules:
    assert group.location_id is not None
    places = await lookups.locations_by_id(tx.session, [group.location_id])
    policy = await policies.decide(
        tx.session,
        PolicyKind.RETURN,
        tx.now,
        group.category,
        channel=locked.channel.code,
        location=places[group.location_id].code,
    )
    return policy.rules


def _check(command: InspectReturn) -> None:
    field = ("input", "findings")
    if not command.findings:
        raise Invalid("An inspection has at least one finding.", field=field)
    if len(command.findings) > FINDINGS_MAX:
        raise LimitExceeded("findings", FINDINGS_MAX, len(command.findings), field=field)
    for position, finding in enumerate(command.findings):
        try:
            check_quantity(finding.quantity)
            check_note(finding.note, "note")
        except Invalid as error:
            raise error.under(*field, str(position)) from None
