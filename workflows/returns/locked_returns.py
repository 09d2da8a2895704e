"""A return's units, changed in memory under its order's lock; `return_records` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.returns.returns as return_queries
import workflows.orders.locked_orders as locked_orders
from domain.access.callers import Caller
from domain.errors import IllegalTransition, NotFound
from domain.events.returns import ReturnedUnits
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.returns.inspections import Grading
from domain.returns.receipts import ItemUnits
from domain.returns.states import RETURN_TRANSITIONS, ReturnAction, ReturnItemState, ReturnStatus
from domain.returns.states import check_action as check_status
from domain.stock.item_costs import CostPool
from domain.stock.states import StockState
from domain.transitions import step
from domain.values.references import Reference
from models.database.sessions import Row
from models.queries.catalog.lookups import ChannelFacts
from workflows.access.visibility import sees_return
from workflows.orders.locked_orders import LockedOrder
from workflows.transactions.lock_order import LockClass
from workflows.transactions.transaction import Transaction


@dataclass(slots=True)
class ReturnUnits:
    """Units of one item in one state with one grade; `cost_minor` is known once they are here."""

    id: UUID
    position: int
    item_id: int
    sku: str
    category: str | None
    quantity: int
    state: ReturnItemState
    order_line_id: UUID | None = None
    reason_id: int | None = None
    reason: str | None = None
    note: str | None = None
    evidence: tuple[Reference, ...] = ()
    fast_lane: bool = False
    parent_id: UUID | None = None
    since_version: int = 1
    condition: ConditionGrade | None = None
    inspected_by: str | None = None
    first_inspection: Grading | None = None
    disposition: Disposition | None = None
    location_id: int | None = None
    stock_state: StockState | None = None
    cost_minor: int | None = None
    received_at: datetime | None = None
    is_new: bool = False

    @property
    def units(self) -> ItemUnits:
        """The group as the rules of receipt and inspection see it."""
        return ItemUnits(self.id, self.sku, self.quantity, self.state, self.order_line_id)

    @property
    def facts(self) -> ReturnedUnits:
        """The group as events and audit rows show it now: ids, codes, states and quantities."""
        return ReturnedUnits(
            id=self.id,
            order_line=self.order_line_id,
            sku=self.sku,
            quantity=self.quantity,
            state=self.state,
            condition=self.condition,
            disposition=self.disposition,
        )

    @staticmethod
    def from_row(row: Row) -> ReturnUnits:
        """A group as `queries.items_of` reads it."""
        first, graded = row["first_condition"], row["condition"]
        given, lies = row["disposition"], row["stock_state"]
        return ReturnUnits(
            id=row["id"],
            position=row["position"],
            item_id=row["item_id"],
            sku=row["sku"],
            category=row["category"],
            quantity=row["quantity"],
            state=ReturnItemState(row["state"]),
            order_line_id=row["order_line_id"],
            reason_id=row["reason_id"],
            reason=row["reason"],
            note=row["note"],
            evidence=tuple(Reference(**each) for each in orjson.loads(row["evidence"])),
            fast_lane=bool(row["fast_lane"]),
            parent_id=row["parent_id"],
            since_version=row["since_version"],
            condition=None if graded is None else ConditionGrade(graded),
            inspected_by=row["inspected_by"],
            first_inspection=None
            if first is None
            else Grading(row["first_inspector"], ConditionGrade(first)),
            disposition=None if given is None else Disposition(given),
            location_id=row["location_id"],
            stock_state=None if lies is None else StockState(lies),
            cost_minor=row["cost_minor"],
            received_at=row["received_at"],
        )


@dataclass(slots=True)
class LockedReturn:
    """A return under its order's lock: its row, its groups in order, and what is to be written."""

    order: LockedOrder
    channel: ChannelFacts
    row: dict[str, Any]
    groups: list[ReturnUnits]
    inspections: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        """The return's id."""
        return_id: UUID = self.row["id"]
        return return_id

    @property
    def status(self) -> ReturnStatus:
        """Where it stands now."""
        return ReturnStatus(self.row["status"])

    @property
    def number(self) -> str:
        """The RMA number: what the books cite."""
        return str(self.row["rma_number"])

    @property
    def reference(self) -> str:
        """What movements cite."""
        return f"Return:{self.id}"

    @property
    def next_version(self) -> int:
        """The version that it has once it is written."""
        return int(self.row["version"]) + 1

    def group(self, group_id: UUID) -> ReturnUnits | None:
        """One of its groups."""
        return next((group for group in self.groups if group.id == group_id), None)

    def go_to(self, status: ReturnStatus) -> None:
        """Change the status. Raises IllegalTransition where the table has no such step."""
        if status is not self.status:
            self.row["status"] = str(step("return", RETURN_TRANSITIONS, self.status, status))

    def check(self, action: ReturnAction, *path: str) -> None:
        """Raise IllegalTransition at `path` unless this action fits the status."""
        try:
            check_status(self.status, action)
        except IllegalTransition as error:
            raise error.under(*path) from None

    def split(self, tx: Transaction, group: ReturnUnits, quantity: int) -> ReturnUnits:
        """These units of a group as a group that may move on: itself, if it is all of them.

        The part gets an id of its own and its exact share of the cost; the rest keeps the id.
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
        row = {
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


def evidence_json(references: Iterable[Reference]) -> str:
    """References as tables keep them."""
    known = [{"address": each.address, "sha256": each.sha256} for each in references]
    return orjson.dumps(known).decode()


async def lock(
    tx: Transaction, return_id: UUID, caller: Caller | None, path: tuple[str, ...]
) -> LockedReturn:
    """Lock a return's order, then the return, and read it; `caller` None: everything is visible.

    Raises NotFound at `path` where it does not exist for the caller.
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


async def load(tx: Transaction, order: LockedOrder, row: Row) -> LockedReturn:
    """A return whose order is locked, with its groups as they are."""
    channels = await lookups.channels_by_id(tx.session, [order.channel_id])
    items = await return_queries.items_of(tx.session, [row["id"]])
    channel = channels[order.channel_id]
    return LockedReturn(order, channel, dict(row), [ReturnUnits.from_row(item) for item in items])
