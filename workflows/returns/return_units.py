"""A group of a return's units, changed in memory under the lock of the return's order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from domain.events.returns import ReturnedUnits
from domain.policies.dispositions import ConditionGrade, Disposition
from domain.returns.inspections import Grading
from domain.returns.receipts import ItemUnits
from domain.returns.states import ReturnItemState
from domain.stock.states import StockState
from domain.values.references import Reference
from models.queries.returns.returns import ReturnUnitsRow
from models.returns import ReturnItemRow


@dataclass(slots=True)
class ReturnUnits:
    """Units of one item in one state with one grade. `cost_minor` is set at their receipt."""

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
    bin_id: int | None = None
    is_new: bool = False

    @property
    def units(self) -> ItemUnits:
        """The group in the form of the rules of receipt and inspection."""
        return ItemUnits(self.id, self.sku, self.quantity, self.state, self.order_line_id)

    @property
    def facts(self) -> ReturnedUnits:
        """The group in the form of events and audit rows."""
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
    def from_row(row: ReturnUnitsRow) -> ReturnUnits:
        """A group from a row of `return_queries.items_of`."""
        first, inspector = row["first_condition"], row["first_inspector"]
        graded = row["condition"]
        disposition_name, stock_state_name = row["disposition"], row["stock_state"]
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
            if first is None or inspector is None
            else Grading(inspector, ConditionGrade(first)),
            disposition=None if disposition_name is None else Disposition(disposition_name),
            location_id=row["location_id"],
            stock_state=None if stock_state_name is None else StockState(stock_state_name),
            cost_minor=row["cost_minor"],
            received_at=row["received_at"],
            bin_id=row["bin_id"],
        )

    def to_row(self, return_id: UUID) -> ReturnItemRow:
        """The group's row in its table."""
        first = self.first_inspection
        return {
            "id": self.id,
            "return_id": return_id,
            "position": self.position,
            "parent_id": self.parent_id,
            "since_version": self.since_version,
            "order_line_id": self.order_line_id,
            "item_id": self.item_id,
            "quantity": self.quantity,
            "state": self.state,
            "reason_id": self.reason_id,
            "note": self.note,
            "evidence": evidence_json(self.evidence),
            "fast_lane": self.fast_lane,
            "condition": self.condition,
            "inspected_by": self.inspected_by,
            "first_inspector": None if first is None else first.inspector,
            "first_condition": None if first is None else first.condition,
            "disposition": self.disposition,
            "location_id": self.location_id,
            "stock_state": self.stock_state,
            "cost_minor": self.cost_minor,
            "received_at": self.received_at,
            "bin_id": self.bin_id,
        }


def evidence_json(references: Iterable[Reference]) -> str:
    """References as JSON for the tables."""
    known = [{"address": each.address, "sha256": each.sha256} for each in references]
    return orjson.dumps(known).decode()
