"""Write-offs of units in transit that will not arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import domain.ledger.entries as ledger_entries
import models.queries.catalog.lookups as lookups
import workflows.policies.publishing as policies
import workflows.transfers.discrepancies as discrepancies
import workflows.transfers.locked_transfers as locked_transfers
from domain.access.callers import Caller
from domain.errors import ApprovalRequired, IllegalTransition, Invalid
from domain.events.payloads import encode
from domain.events.stock import TransferWrittenOff
from domain.policies.policies import PolicyKind, shared_category
from domain.problems import Problems
from domain.stock.item_costs import CostPool
from domain.stock.transfers import ON_THE_WAY, TRANSFER_TRANSITIONS, status_after
from domain.values.money import Money
from domain.values.texts import NOTE_MAX, check_text
from workflows.catalog.reason_codes import active_reason
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction
from workflows.transfers.commands import WriteOffTransfer
from workflows.transfers.locked_transfers import LockedTransfer, LockedTransferLine


@one_by_one("transferWriteOff")
async def write_off(
    tx: Transaction, command: WriteOffTransfer, caller: Caller
) -> Mapping[str, Any]:
    """Write off units that will not arrive, and post their cost.

    Locks the transfer, then the stock of the items. Raises ApprovalRequired above the value of the
    ADJUSTMENT policy (of all write-offs of the transfer), IllegalTransition, Invalid or NotFound.
    Records `transfer.written_off`, and `transfer.closed` with the last unit in transit.
    """
    problems, locked = Problems(), None
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    with problems.under():
        locked = await locked_transfers.lock(tx, command.transfer_id, caller, "id")
    with problems.under("lines"):
        if not command.lines:
            raise Invalid("At least one line is required; none was sent.")
    named = await locked_transfers.named_lines(tx, locked, command.lines, problems, "lines")
    with problems.under():
        reason = await active_reason(tx, command.reason_code, "WRITE_OFF")
    problems.refuse()
    assert locked is not None
    if locked.status not in ON_THE_WAY:
        allowed = TRANSFER_TRANSITIONS[locked.status]
        raise IllegalTransition("transfer", locked.status, "CLOSED", allowed, field=("id",))
    locked_transfers.check_at_most(
        ((line, units, line.units.in_transit) for line, units in named), "are in transit", "lines"
    )
    await _check_value(tx, locked, named, caller)
    levels = {(line.item_id, locked.destination.id) for line, _ in named}
    await tx.stock.open_levels({*levels, *discrepancies.levels_in_doubt(locked)})
    value_minor = sum(line.units.lose(units) for line, units in named)
    entry = ledger_entries.transfer_lost(
        sum(units for _, units in named),
        Money(value_minor, tx.terms.base_currency),
        locked_transfers.occasion(tx, locked),
    )
    tx.journal.post(entry, actor=caller.actor, location_id=locked.destination.id)
    gone = {line.item_id: -units for line, units in named}
    locked_transfers.expect(tx, locked, gone, caller.actor)
    status = status_after(line.units for line in locked.lines)
    step = await locked_transfers.write(tx, locked, status)
    event = TransferWrittenOff(
        **step, reason=reason.code, units={line.sku: units for line, units in named}
    )
    locked_transfers.record(tx, locked, event, caller.actor)
    tx.outbox.audit(
        caller.actor,
        "transferWriteOff",
        ("Transfer", locked.id),
        before={"status": str(event.before)},
        after={**encode(event), "valueMinor": value_minor, "hasNote": True},
    )
    return {"transfer": str(locked.id)}


async def _check_value(
    tx: Transaction,
    locked: LockedTransfer,
    named: Sequence[tuple[LockedTransferLine, int]],
    caller: Caller,
) -> None:
    """Raise ApprovalRequired if the write-offs of the transfer pass the limit of the policy.

    The ADJUSTMENT policy of the destination, and of the category that the units share, decides.
    """
    if caller.may("stock.approve"):
        return
    lost = sum(line.units.lost_minor for line in locked.lines)
    for line, units in named:
        lost += CostPool(line.units.in_transit, line.units.value_minor).value_of(units)
    items = await lookups.items_by_id(tx.session, [line.item_id for line, _ in named])
    policy = await policies.decide(
        tx.session,
        PolicyKind.ADJUSTMENT,
        tx.now,
        location=locked.destination.code,
        category=shared_category(item.category for item in items.values()),
    )
    value = Money(lost, tx.terms.base_currency)
    if policy.rules.needs_approval(value):
        raise ApprovalRequired(
            "The write-off needs the approval of a supervisor or of finance.",
            field=("lines",),
            details={
                "policy": str(PolicyKind.ADJUSTMENT),
                "version": policy.version,
                "value": str(value),
            },
        )
