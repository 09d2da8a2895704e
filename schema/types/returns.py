"""Returns: what comes back, what was found, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry

from domain.references import Reference
from domain.risk import WHOLE
from models.sessions import Row
from schema.context import Context, Info
from schema.types.catalog import Location, ReasonCode
from schema.types.decisions import PolicyDecision
from schema.types.enums import ConditionGrade, Disposition, ReturnItemState, ReturnStatus
from schema.types.node import Node, encode, found_by, load
from schema.types.refunds import Refund, refunds_of_return
from schema.types.scalars import json_of

if TYPE_CHECKING:
    from schema.types.orders import Order, OrderLine


@strawberry.type
class DispositionStep:
    """A disposition that all units of a group have gone through."""

    disposition: Disposition
    quantity: int
    decided_by: str
    policy_version: int | None
    executed_at: datetime | None
    note: str | None
    decision: PolicyDecision

    @staticmethod
    def from_row(row: Row, quantity: int, context: Context) -> "DispositionStep":
        """A row of disposition_step, as it was for `quantity` units of it."""
        return DispositionStep(
            disposition=Disposition(row["disposition"]),
            quantity=quantity,
            decided_by=row["decided_by"],
            policy_version=row["policy_version"],
            executed_at=row["executed_at"],
            note=row["note"],
            decision=PolicyDecision.from_json(row["decision"], context),
        )


@strawberry.type
class InspectionLook:
    """What one inspector found on all units of a group."""

    condition: ConditionGrade
    inspector: str
    looked_at: datetime
    note: str | None
    evidence: list[str]

    @staticmethod
    def from_row(row: Row) -> "InspectionLook":
        """A row of inspection_look."""
        return InspectionLook(
            condition=ConditionGrade(row["condition"]),
            inspector=row["inspector"],
            looked_at=row["looked_at"],
            note=row["note"],
            evidence=evidence_of(row),
        )


@strawberry.type
class RiskTerm:
    """One part of a risk score, `share` of 1, and why."""

    name: str
    share: float
    reason: str


async def _return_of(group: strawberry.Parent["ReturnItem"], info: Info) -> "Return":
    """The return that it is a part of."""
    found: Return = await load(info.context, "Return", group.return_id)
    return found


@found_by(lambda loaders: loaders.return_items)
@strawberry.type
class ReturnItem(Node):
    """Units in one state with one grade; when a part moves on, it becomes a ReturnItem."""

    sku: str
    quantity: int
    state: ReturnItemState
    note: str | None
    condition: ConditionGrade | None
    inspected_by: str | None
    evidence: list[str]
    disposition: Disposition | None
    received_at: datetime | None
    key: strawberry.Private[UUID]
    return_id: strawberry.Private[UUID]
    order_line_id: strawberry.Private[UUID | None]
    reason_id: strawberry.Private[int | None]

    @strawberry.field
    async def reason(self, info: Info) -> ReasonCode | None:
        """Why it was sent back; null for a wrong or extra unit."""
        found: ReasonCode | None = await load(info.context, "ReasonCode", self.reason_id)
        return found

    return_: "Return" = strawberry.field(resolver=_return_of, name="return")

    @strawberry.field
    async def order_line(
        self, info: Info
    ) -> Annotated["OrderLine", strawberry.lazy("schema.types.orders")] | None:
        """What was sold; null for a wrong or extra unit."""
        found: OrderLine | None = await load(info.context, "OrderLine", self.order_line_id)
        return found

    @strawberry.field
    async def dispositions(self, info: Info) -> list[DispositionStep]:
        """The chain of dispositions that these units have gone through, oldest first."""
        steps = await info.context.loaders.steps_of_return.load(self.return_id) or []
        groups = await info.context.loaders.items_of_return.load(self.return_id) or []
        return [
            DispositionStep.from_row(row, self.quantity, info.context)
            for row in history_of(self.key, groups, steps)
        ]

    @strawberry.field
    async def inspections(self, info: Info) -> list[InspectionLook]:
        """The looks that these units had, oldest first; two where the policy wants two."""
        looks = await info.context.loaders.looks_of_return.load(self.return_id) or []
        groups = await info.context.loaders.items_of_return.load(self.return_id) or []
        return [InspectionLook.from_row(row) for row in history_of(self.key, groups, looks)]

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "ReturnItem":
        """A row of return_item with its SKU."""
        condition, disposition = row["condition"], row["disposition"]
        return cls(
            id=encode("ReturnItem", row["id"]),
            sku=row["sku"],
            quantity=row["quantity"],
            state=ReturnItemState(row["state"]),
            note=row["note"],
            condition=None if condition is None else ConditionGrade(condition),
            inspected_by=row["inspected_by"],
            evidence=evidence_of(row),
            disposition=None if disposition is None else Disposition(disposition),
            received_at=row["received_at"],
            key=row["id"],
            return_id=row["return_id"],
            order_line_id=row["order_line_id"],
            reason_id=row["reason_id"],
        )


@found_by(lambda loaders: loaders.returns)
@strawberry.type
class Return(Node):
    """A promise to take units of one order back, by its RMA number."""

    rma_number: str
    status: ReturnStatus
    requested_at: datetime
    expected_by: datetime | None
    closed_at: datetime | None
    carrier: str | None
    tracking_number: str | None
    customer_note: str | None
    authorization: PolicyDecision
    risk_score: float | None
    risk_terms: list[RiskTerm]
    key: strawberry.Private[UUID]
    order_id: strawberry.Private[UUID]
    destination_id: strawberry.Private[int]

    @strawberry.field
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("schema.types.orders")]:
        """The order that brought the units."""
        found: Order = await load(info.context, "Order", self.order_id)
        return found

    @strawberry.field
    async def refunds(self, info: Info) -> list[Refund]:
        """The money that goes back for its units, for roles that may see refunds."""
        if not info.context.caller.may("refunds.read"):
            return []
        return await refunds_of_return(info.context, self.key)

    @strawberry.field
    async def destination(self, info: Info) -> Location | None:
        """Where the units should go."""
        found: Location | None = await load(info.context, "Location", self.destination_id)
        return found

    @strawberry.field
    async def items(self, info: Info) -> list[ReturnItem]:
        """The units, group by group, in the order in which the groups came to be."""
        rows = await info.context.loaders.items_of_return.load(self.key) or []
        return [ReturnItem.from_row(row, info.context) for row in rows]

    @classmethod
    def from_row(cls, row: Row, context: Context) -> "Return":
        """A row of customer_return; the risk only for those who may see it."""
        sees_risk = context.caller.may_see_risk()
        return cls(
            id=encode("Return", row["id"]),
            rma_number=row["rma_number"],
            status=ReturnStatus(row["status"]),
            requested_at=row["requested_at"],
            expected_by=row["expected_by_at"],
            closed_at=row["closed_at"],
            carrier=row["carrier"],
            tracking_number=row["tracking_number"],
            customer_note=row["customer_note"],
            authorization=PolicyDecision.from_json(row["decision"], context),
            risk_score=row["risk_points"] / WHOLE if sees_risk else None,
            risk_terms=_terms(row["risk"]) if sees_risk else [],
            key=row["id"],
            order_id=row["order_id"],
            destination_id=row["destination_id"],
        )


def history_of(key: UUID, groups: Sequence[Row], records: Sequence[Row]) -> list[Row]:
    """What a group's units went through: its own records, and its parent's until it was split off.

    `groups` and `records` are of the whole return, each in their order.
    """
    by_key = {group["id"]: group for group in groups}
    found: list[Row] = []
    current, before = by_key.get(key), None
    while current is not None:
        own = [
            record
            for record in records
            if record["return_item_id"] == current["id"]
            and (before is None or record["return_version"] < before)
        ]
        found = own + found
        since = current["since_version"]
        before = since if before is None else min(before, since)
        current = by_key.get(current["parent_id"])
    return found


def evidence_of(row: Row) -> list[str]:
    """A row's references, each as one text."""
    return [str(Reference(**each)) for each in json_of(row["evidence"])]


def _terms(stored: Any) -> list[RiskTerm]:
    return [
        RiskTerm(name=term["name"], share=term["points"] / WHOLE, reason=term["reason"])
        for term in json_of(stored)
    ]
