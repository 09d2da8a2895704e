"""A return's units, changed in memory under its order's lock; `return_records` writes them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
from domain.errors import IllegalTransition, NotFound
from domain.policies.decisions import Decision
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.returns.states import (
    EXPECTED_WITHIN,
    RETURN_TRANSITIONS,
    ReturnAction,
    ReturnStatus,
)
from domain.returns.states import check_action as check_status
from domain.stock.item_costs import CostPool
from domain.transitions import step
from domain.values.references import Reference
from models.queries.catalog.lookups import ChannelFacts
from models.queries.returns.returns import LockedReturnRow
from models.returns import DispositionStepRow, InspectionRow
from workflows.access.visibility import sees_return
from workflows.orders.locked_orders import LockedOrder
from workflows.returns.return_units import ReturnUnits, evidence_json
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Ruling:
    """A disposition to execute, with its author, the decision and the version of the policy."""

    disposition: Disposition
    decided_by: str
    decision: Decision
    policy_version: int | None = None
    note: str | None = None


@dataclass(slots=True)
class LockedReturn:
    """A return under its order's lock: its row, its groups in order, and rows to be written."""

    order: LockedOrder
    channel: ChannelFacts
    row: LockedReturnRow
    groups: list[ReturnUnits]
    inspections: list[InspectionRow] = field(default_factory=list)
    steps: list[DispositionStepRow] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.row["id"]

    @property
    def status(self) -> ReturnStatus:
        return ReturnStatus(self.row["status"])

    @property
    def number(self) -> str:
        """The RMA number, to which ledger entries refer."""
        return self.row["rma_number"]

    @property
    def reference(self) -> str:
        """The reference for stock movements."""
        return f"Return:{self.id}"

    @property
    def next_version(self) -> int:
        """The version that the return has after it is written."""
        return self.version + 1

    @property
    def version(self) -> int:
        return self.row["version"]

    @property
    def requested_at(self) -> datetime:
        return self.row["requested_at"]

    def time_of(self, now: datetime) -> datetime:
        """The time of a fact of this return that happens now: not before its request."""
        return max(now, self.requested_at)

    @property
    def expected_by_at(self) -> datetime | None:
        return self.row["expected_by_at"]

    @property
    def scanned_at(self) -> datetime | None:
        return self.row["scanned_at"]

    @property
    def destination_id(self) -> int:
        return self.row["destination_id"]

    @property
    def risk_points(self) -> int:
        return self.row["risk_points"]

    @property
    def verdict(self) -> Decision:
        """The policy's decision at the request."""
        verdict: Decision = orjson.loads(self.row["verdict"])
        return verdict

    @property
    def decision(self) -> Decision:
        """The decision in force."""
        decision: Decision = orjson.loads(self.row["decision"])
        return decision

    def decide(self, decision: Decision) -> None:
        """Set the decision in force."""
        self.row["decision"] = orjson.dumps(decision).decode()

    def authorize(self, actor: str, now: datetime) -> None:
        """Set the status AUTHORIZED, and the time until which the units are expected."""
        authorize(self.row, actor, now)
        self.row["decline_reason_id"] = None

    def decline(self, reason_id: int) -> None:
        """Change the status to DECLINED, for a reason. Raises IllegalTransition."""
        self.set_status(ReturnStatus.DECLINED)
        self.row["decline_reason_id"] = reason_id

    def close(self, now: datetime) -> None:
        """Change the status to CLOSED. Raises IllegalTransition."""
        self.set_status(ReturnStatus.CLOSED)
        self.row["closed_at"] = now

    def set_tracking(self, carrier: str | None, tracking_number: str | None) -> None:
        """Set the carrier and the number of the parcel; None: it has none any more."""
        self.row["carrier"], self.row["tracking_number"] = carrier, tracking_number

    def set_scanned(self, at: datetime) -> None:
        """Set the time of the first scan by the carrier."""
        self.row["scanned_at"] = at

    def group(self, group_id: UUID) -> ReturnUnits | None:
        return next((group for group in self.groups if group.id == group_id), None)

    def set_status(self, status: ReturnStatus) -> None:
        """Change the status. Raises IllegalTransition if the transition is not allowed."""
        if status is not self.status:
            self.row["closed_at"] = None
            self.row["status"] = str(step("return", RETURN_TRANSITIONS, self.status, status))

    def check(self, action: ReturnAction, *path: str) -> None:
        """Raise IllegalTransition at `path` if the status does not allow this action."""
        try:
            check_status(self.status, action)
        except IllegalTransition as error:
            raise error.under(*path) from None

    def split(self, tx: Transaction, group: ReturnUnits, quantity: int) -> ReturnUnits:
        """Separate `quantity` units of a group; returns the group itself for all of its units.

        The part gets a new id and its exact share of the cost. The rest keeps the id.
        """
        if quantity == group.quantity:
            return group
        rest, part_minor = CostPool(group.quantity, group.cost_minor or 0).issue(quantity)
        part = replace(
            group,
            id=tx.new_id(),
            position=len(self.groups),
            quantity=quantity,
            parent_id=group.id,
            since_version=self.next_version,
            cost_minor=None if group.cost_minor is None else part_minor,
            is_new=True,
        )
        group.quantity = rest.quantity
        group.cost_minor = None if group.cost_minor is None else rest.value_minor
        self.groups.append(part)
        return part

    def record_inspection(
        self,
        tx: Transaction,
        group: ReturnUnits,
        condition: ConditionGrade,
        inspector: str,
        note: str | None = None,
        evidence: tuple[Reference, ...] = (),
    ) -> None:
        """Add an inspection of all units of a group."""
        row: InspectionRow = {
            "id": tx.new_id(),
            "return_id": self.id,
            "return_item_id": group.id,
            "return_version": self.next_version,
            "quantity": group.quantity,
            "condition": str(condition),
            "inspector": inspector,
            "note": note,
            "evidence": evidence_json(evidence),
            "inspected_at": tx.now,
        }
        self.inspections.append(row)

    def record_disposition(
        self,
        tx: Transaction,
        group: ReturnUnits,
        movement_id: UUID,
        ruling: Ruling,
    ) -> None:
        """Add an executed disposition of all units of a group, with its stock movement."""
        row: DispositionStepRow = {
            "id": tx.new_id(),
            "return_id": self.id,
            "return_item_id": group.id,
            "return_version": self.next_version,
            "movement_id": movement_id,
            "disposition": str(ruling.disposition),
            "quantity": group.quantity,
            "decided_by": ruling.decided_by,
            "decision": orjson.dumps(ruling.decision).decode(),
            "policy_version": ruling.policy_version,
            "note": ruling.note,
            "executed_at": tx.now,
        }
        self.steps.append(row)


def authorize(row: LockedReturnRow, actor: str, now: datetime) -> None:
    """Set the authorization in a return's row, and the time until which its units are expected."""
    row["status"] = str(ReturnStatus.AUTHORIZED)
    row["authorized_at"], row["authorized_by"] = now, actor
    row["expected_by_at"] = now + EXPECTED_WITHIN


async def lock(
    tx: Transaction, return_id: UUID, caller: Caller | None, path: tuple[str, ...]
) -> LockedReturn:
    """Lock a return's order, then the return, and read it. `caller` None: no visibility check.

    Raises NotFound at `path` unless the return exists and the caller sees it.
    """
    order_id = await return_queries.order_of(tx.session, return_id)
    if order_id is None:
        raise NotFound("return", str(return_id), field=path)
    order = await locked_orders.lock(tx, order_id, path)
    tx.locking(LockClass.RETURN)
    row = await return_queries.lock_return(tx.session, return_id)
    assert row is not None
    found = await load(tx, order, row)
    if caller is not None and not await sees_return(tx.session, caller, found.id):
        raise NotFound("return", str(return_id), field=path)
    return found


async def load(tx: Transaction, order: LockedOrder, row: LockedReturnRow) -> LockedReturn:
    """Read a return whose order is locked, with its groups."""
    channels = await lookups.channels_by_id(tx.session, [order.channel_id])
    items = await return_queries.items_of(tx.session, [row["id"]])
    channel = channels[order.channel_id]
    return LockedReturn(order, channel, {**row}, [ReturnUnits.from_row(item) for item in items])
